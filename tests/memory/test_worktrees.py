"""Linked worktrees of a repository: one memory, and the files of each as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aurora_dev import Memory
from aurora_dev.config import Settings, find_project
from aurora_dev.config.quick import find_plain_project
from aurora_dev.core.record_kinds import IS_COMMIT
from aurora_dev.git_folders import linked_worktree


def _git(folder: Path, *command: str) -> None:
    name = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *name, "-C", str(folder), *command], check=True, capture_output=True)


def _commit(folder: Path, file: str, text: str, subject: str) -> None:
    (folder / file).write_text(text, "utf-8")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", subject)


@pytest.fixture
def main(tmp_path: Path) -> Path:
    root = tmp_path / "main"
    root.mkdir()
    _git(root, "init", "-q", "-b", "trunk")
    _commit(root, "billing.py", "def invoice_total():\n    return 'in main'\n", "Add invoices")
    (root / ".git/info/exclude").write_text(".aurora\n", "utf-8")
    return root


def _add_worktree(main: Path, name: str) -> Path:
    folder = main.parent / name
    _git(main, "worktree", "add", "-q", "-b", name, str(folder))
    return folder


async def test_a_note_made_in_a_worktree_is_found_in_the_others_and_outlives_it(main: Path) -> None:
    trees = [_add_worktree(main, name) for name in ("one", "two", "three")]
    async with Memory.open(trees[0]) as memory:
        await memory.remember("Invoices are rounded half to even, because the tax office does so")

    _git(main, "worktree", "remove", "--force", str(trees[0]))
    shutil.rmtree(trees[0], ignore_errors=True)

    for folder in (main, *trees[1:]):
        async with Memory.open(folder) as memory:
            found = await memory.recall("how are invoices rounded")
            assert "half to even" in found[0].content
            assert not (folder / ".aurora").exists() or folder == main


async def test_each_worktree_finds_its_own_files(main: Path) -> None:
    folder = _add_worktree(main, "feature")
    (folder / "billing.py").write_text("def invoice_total():\n    return 'in the feature'\n", "utf-8")
    (folder / "refunds.py").write_text("def refund_total():\n    return 0\n", "utf-8")
    for root in (main, folder):
        async with Memory.open(root) as memory:
            await memory.index()

    async with Memory.open(folder) as memory:
        found = await memory.search("invoice_total", rerank=False)
        assert "in the feature" in found[0].content
        assert not any("in main" in result.content for result in found)
    async with Memory.open(main) as memory:
        found = await memory.search("refund_total invoice_total", rerank=False)
        assert {result.metadata["path"] for result in found if "path" in result.metadata} == {"billing.py"}
        assert "in main" in found[0].content


async def test_a_worktree_that_was_never_indexed_says_so(main: Path) -> None:
    folder = _add_worktree(main, "feature")
    async with Memory.open(folder) as memory:
        notices = (await memory.search("invoices", rerank=False)).notices
        assert "worktree_not_indexed" in [notice.code for notice in notices]
        await memory.index()
        assert (await memory.search("invoice_total", rerank=False)).notices == ()


async def test_a_file_saved_in_a_worktree_is_found_by_the_next_search(main: Path) -> None:
    folder = _add_worktree(main, "feature")
    async with Memory.open(folder) as memory:
        await memory.index()
        (folder / "late.py").write_text("def dunning_letter():\n    return 3\n", "utf-8")
        found = await memory.search("dunning_letter", rerank=False)
        assert found[0].metadata["path"] == "late.py"


async def test_commits_of_all_worktrees_are_found_in_each(main: Path) -> None:
    folder = _add_worktree(main, "feature")
    _commit(folder, "refunds.py", "def refund():\n    return 1\n", "Refund by card only")
    _commit(main, "tax.py", "def tax():\n    return 1\n", "Charge the tax of the buyer's country")
    for root in (main, folder, main):
        async with Memory.open(root) as memory:
            await memory.index()
            subjects = {record.content.split("\n")[0] for record in await memory.store.scan(IS_COMMIT, content=True)}
            assert subjects == {"Add invoices", "Refund by card only", "Charge the tax of the buyer's country"}


async def test_the_chunks_of_a_removed_worktree_are_deleted_by_the_next_index_run(main: Path) -> None:
    folder = _add_worktree(main, "feature")
    async with Memory.open(folder) as memory:
        await memory.index()
    async with Memory.open(main) as memory:
        await memory.index()
        assert "default@worktree/feature" in memory.store.backend.namespaces()
        _git(main, "worktree", "remove", "--force", str(folder))
        await memory.index()
        assert memory.store.backend.namespaces() == ["default"]


async def test_notes_of_a_store_in_the_worktree_itself_are_copied_once(main: Path) -> None:
    folder = _add_worktree(main, "feature")
    async with Memory.open(folder, settings=Settings.load(folder, store=".aurora")) as memory:
        old = await memory.remember("Deploys need two approvals")
    for _ in range(2):
        async with Memory.open(folder) as memory:
            assert [note.id for note in (await memory.list()).notes] == [old.id]
    async with Memory.open(main) as memory:
        assert (await memory.recall("who approves deploys"))[0].content == "Deploys need two approvals"
        await memory.forget(old.id)
    async with Memory.open(folder) as memory:
        assert (await memory.list()).notes == ()


def test_a_worktree_is_a_project_as_soon_as_its_repository_has_a_store(main: Path) -> None:
    folder = _add_worktree(main, "feature")
    (folder / "deep").mkdir()
    assert find_project(folder / "deep") is None

    (main / ".aurora").mkdir()

    assert find_project(folder / "deep") == folder
    assert Settings.load(folder).store_path(folder) == main / ".aurora"
    assert Settings.load(folder, store="mine").store_path(folder) == folder / "mine"


def test_worktrees_of_a_bare_repository_share_a_store_in_it(tmp_path: Path, main: Path) -> None:
    bare = tmp_path / "project.git"
    _git(tmp_path, "clone", "-q", "--bare", str(main), str(bare))
    _git(bare, "worktree", "add", "-q", str(tmp_path / "work"), "trunk")
    assert Settings.load(tmp_path / "work").store_path(tmp_path / "work") == bare / "aurora"


def test_a_folder_that_only_claims_to_be_a_worktree_shares_nothing(main: Path, tmp_path: Path) -> None:
    folder = _add_worktree(main, "feature")
    foreign = tmp_path / "download"
    foreign.mkdir()
    (foreign / ".git").write_text((folder / ".git").read_text("utf-8"), "utf-8")
    assert linked_worktree(foreign) is None

    own = foreign / "admin"
    own.mkdir()
    (own / "HEAD").write_text("ref: refs/heads/trunk\n", "utf-8")
    (own / "commondir").write_text(str(main / ".git"), "utf-8")
    (own / "gitdir").write_text(str(foreign / ".git"), "utf-8")
    (foreign / ".git").write_text(f"gitdir: {own}\n", "utf-8")
    assert linked_worktree(foreign) is None
    (foreign / ".git").unlink()
    (foreign / ".git").symlink_to(folder / ".git")
    assert linked_worktree(foreign) is None
    assert linked_worktree(folder) is not None


def test_a_worktree_with_a_store_from_before_has_the_shared_memory_for_hooks_too(main: Path) -> None:
    folder = _add_worktree(main, "feature")
    for place in (main, folder, folder / "part"):
        (place / ".aurora").mkdir(parents=True)
    assert find_plain_project(str(main)) == str(main)
    assert find_plain_project(str(folder)) is None
    assert find_plain_project(str(folder / "part")) is None


async def test_notes_of_a_sandbox_that_could_not_write_to_the_repository_are_found_later(
    main: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _add_worktree(main, "feature")

    async def remember_in_sandbox(text: str) -> None:
        with monkeypatch.context() as sandbox:
            sandbox.setenv("AURORA_STORE", str(folder / ".aurora"))  # the store of a worktree that shares none
            async with Memory.open(folder) as memory:
                await memory.remember(text)

    async def notes(place: Path) -> dict[str, str]:
        async with Memory.open(place) as memory:
            return {note.content: note.id for note in (await memory.list()).notes}

    for text in ("Retries are capped at five", "Invoices are numbered by year"):
        await remember_in_sandbox(text)
        assert text in await notes(folder)
    async with Memory.open(main) as memory:
        await memory.forget((await notes(main))["Retries are capped at five"])
    await remember_in_sandbox("Refunds need two signatures")
    assert set(await notes(folder)) == {"Invoices are numbered by year", "Refunds need two signatures"}


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_a_worktree_with_relative_paths_is_known_through_a_link_to_it(main: Path, tmp_path: Path) -> None:
    folder = _add_worktree(main, "feature")
    (folder / ".git").write_text("gitdir: ../main/.git/worktrees/feature\n", "utf-8")
    link = tmp_path / "deep" / "er" / "link"
    link.parent.mkdir(parents=True)
    link.symlink_to(folder, target_is_directory=True)
    linked = linked_worktree(link)
    assert linked is not None
    assert linked.shared.samefile(main)
