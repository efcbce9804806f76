"""Freshness: what a search finds and reports after changes of the project, and the state files behind it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from git_repository import Repository

from aurora_dev.config import Settings
from aurora_dev.core.types import NAME_NOT_FOUND, NO_MATCH, Notice, SearchResults
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import StoreError, StoreUnwritableError
from aurora_dev.indexing import chunk_version, freshness, index_state
from aurora_dev.indexing.changes import Changes, _compare_times, find_changes
from aurora_dev.indexing.index_state import IndexState
from aurora_dev.indexing.process_lock import is_held, try_lock
from aurora_dev.indexing.snapshot import ProjectSnapshot
from aurora_dev.memory import Memory
from aurora_dev.testing.hashing_embedder import HashingEmbedder

SLOW_INDEXER = Path(__file__).parent / "slow_indexer.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("alpha", "beta", "gamma"):
        put(folder, f"src/{name}.py", f"def {name}():\n    return '{name} fruit'\n")
    put(folder, "README.md", "# Fruit\n\nAll about fruit.\n")
    return folder


@pytest.fixture
async def memory(project: Path) -> AsyncIterator[Memory]:
    async with opened(project) as memory:
        yield memory


def opened(project: Path, folder: Path | None = None, **settings: object) -> Memory:
    store = VectorStore(path=folder or project / ".aurora", embedder=HashingEmbedder(), reranker="none")

    class Owning(Memory):
        async def close(self) -> None:
            await super().close()
            await store.close()

    values = {"reranker": "none", "user_store": "none", "freshness_budget": 20.0, **settings}
    return Owning.open(project, settings=Settings(**values), store=store)


def put(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


def changes_of(project: Path, snapshot: ProjectSnapshot) -> Changes:
    return find_changes(project, snapshot, chunk_version=snapshot.chunk_version, seconds=60.0)


def paths(results: SearchResults) -> list[str]:
    return [str(result.metadata.get("path")) for result in results]


def said(notices: Iterable[Notice]) -> list[Notice]:
    """Return the notices without those about a query that nothing matches."""
    return [notice for notice in notices if notice.code not in (NAME_NOT_FOUND, NO_MATCH)]


def codes(results: SearchResults) -> list[str]:
    return [notice.code for notice in said(results.notices)]


async def found(memory: Memory, query: str) -> tuple[list[str], str]:
    """Search; return the contents of the results that contain the query, and the joined text of the notices."""
    results = await memory.search(query, top_k=10)
    assert results.degraded is None
    notices = " ".join(notice.text for notice in said(results.notices))
    return [r.content for r in results if query in r.content], notices


# --- results ----------------------------------------------------------------------------------------------------------


async def test_a_saved_file_is_found_by_the_next_search(memory: Memory, project: Path) -> None:
    await memory.index()
    assert await found(memory, "pomegranate") == ([], "")
    for number in range(5):
        put(project, "src/alpha.py", f"def alpha():\n    return 'pomegranate {number}'\n")
        texts, notices = await found(memory, f"pomegranate {number}")
        assert (len(texts), notices) == (1, "")


async def test_a_file_written_twice_within_one_clock_tick_is_found_in_its_last_state(
    memory: Memory, project: Path
) -> None:
    await memory.index()
    for first, second in (("quince", "mangos"), ("papaya", "banana")):  # of one length
        when = time.time_ns()
        for word in (first, second):
            put(project, "src/alpha.py", f"WORD = '{word}'\n")
            os.utime(project / "src/alpha.py", ns=(when, when))
            texts, _ = await found(memory, word)
            assert texts == [f"WORD = '{word}'"]


async def test_new_files_and_folders_are_found_and_removed_ones_are_not(memory: Memory, project: Path) -> None:
    await memory.index()
    put(project, "src/deep/er/new.py", "WORD = 'kumquat'\n")
    put(project, "top.py", "WORD = 'lychee'\n")
    assert len((await found(memory, "kumquat"))[0]) == len((await found(memory, "lychee"))[0]) == 1
    put(project, "src/deep/er/newer.py", "WORD = 'durian'\n")
    assert len((await found(memory, "durian"))[0]) == 1
    shutil.rmtree(project / "src/deep")
    (project / "top.py").unlink()
    for word in ("kumquat", "lychee", "durian"):
        assert await found(memory, word) == ([], "")


async def test_the_files_of_a_renamed_folder_are_found_at_their_new_paths(memory: Memory, project: Path) -> None:
    await memory.index()
    (project / "src").rename(project / "lib")
    results = await memory.search("alpha fruit", top_k=10)
    assert set(paths(results)) == {"lib/alpha.py", "lib/beta.py", "lib/gamma.py", "README.md"}
    assert await memory.store.count({"path": "src/alpha.py"}) == 0


async def test_a_change_of_ignore_rules_removes_and_adds_files(memory: Memory, project: Path) -> None:
    put(project, ".gitignore", "beta.py\n")
    await memory.index()
    assert "src/beta.py" not in paths(await memory.search("beta fruit", top_k=10))
    put(project, ".gitignore", "gamma.py\n# and more\n")
    results = await memory.search("fruit", top_k=10)
    assert "src/beta.py" in paths(results)
    assert "src/gamma.py" not in paths(results)
    put(project, "src/.gitignore", "alpha.py\n")
    assert "src/alpha.py" not in paths(await memory.search("fruit", top_k=10))


@pytest.mark.parametrize("folder", ["", "generated/", "nested/"])
async def test_an_ignored_file_that_git_begins_to_track_is_found_by_the_next_search(
    memory: Memory, project: Path, folder: str
) -> None:
    put(project, ".gitignore", "*.ignored.py\ngenerated/\n.aurora\n")
    Repository(project).commit("Begin")
    if folder == "nested/":
        put(project, "nested/.gitignore", "*.ignored.py\n")
        Repository(project / "nested").commit("Begin", a__py="A = 1\n")
    await memory.index()
    put(project, f"{folder}api.ignored.py", "WORD = 'pomegranate'\n")
    assert (await found(memory, "pomegranate"))[0] == []
    repository = Repository(project / folder if folder == "nested/" else project, init=False)
    repository.git("add", "-f", "api.ignored.py" if folder == "nested/" else f"{folder}api.ignored.py")
    assert (await found(memory, "pomegranate"))[0] == ["WORD = 'pomegranate'"]


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ("*.ignored.py\n", "api.ignored.py"),
        ("generated/\n", "generated/api.py"),
        ("*.ignored.py\n", "nested/api.ignored.py"),
        ("", "build/api.py"),
        ("", "vendor/lib/api.py"),
        ("generated/\n", "build/generated/api.py"),
    ],
)
async def test_a_file_that_only_git_kept_in_the_index_is_removed_once_git_no_longer_tracks_it(
    memory: Memory, project: Path, rules: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Rules that are as new as the walk are read again, and cause another one.
    monkeypatch.setattr("aurora_dev.indexing.snapshot._certain_time", lambda changed, _started: changed)
    nested = path.startswith("nested/")
    top = project / "nested" if nested else project
    put(project, ".gitignore", ".aurora\n" + rules)
    put(project, path, "WORD = 'pomegranate'\n")
    if nested:
        put(project, "nested/.gitignore", rules)
    Repository(project).commit("Begin")
    repository = Repository(top, init=nested)
    name = path.removeprefix("nested/")
    repository.git("add", "-f", name)
    await memory.index()
    assert (await found(memory, "pomegranate"))[0] == ["WORD = 'pomegranate'"]
    repository.git("rm", "-q", "--cached", name)
    assert (await found(memory, "pomegranate"))[0] == []
    repository.git("add", "-f", name)
    assert (await found(memory, "pomegranate"))[0] == ["WORD = 'pomegranate'"]


async def test_a_file_that_a_new_rule_matches_is_removed_once_git_no_longer_tracks_it(
    memory: Memory, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_dev.indexing.snapshot._certain_time", lambda changed, _started: changed)
    put(project, ".gitignore", ".aurora\n")
    put(project, "api.py", "WORD = 'pomegranate'\n")
    repository = Repository(project)
    repository.git("add", ".")
    await memory.index()
    put(project, ".gitignore", ".aurora\napi.py\n")
    for _ in range(2):  # the first walks the project, and the second notes what git tracks
        assert (await found(memory, "pomegranate"))[0] == ["WORD = 'pomegranate'"]
    repository.git("rm", "-q", "--cached", "api.py")
    assert (await found(memory, "pomegranate"))[0] == []


async def test_a_nested_repository_that_is_deleted_leaves_the_index(memory: Memory, project: Path) -> None:
    put(project, "nested/api.py", "WORD = 'pomegranate'\n")
    Repository(project).commit("Begin")
    Repository(project / "nested").commit("Begin")
    await memory.index()
    assert (await found(memory, "pomegranate"))[0] == ["WORD = 'pomegranate'"]
    shutil.rmtree(project / "nested")
    assert (await found(memory, "pomegranate"))[0] == []


async def test_an_ignored_file_that_git_begins_to_track_during_an_index_run_is_found_too(
    memory: Memory, project: Path
) -> None:
    put(project, ".gitignore", "*.ignored.py\n.aurora\n")
    repository = Repository(project)
    repository.commit("Begin", api__ignored__py="WORD = 'pomegranate'\n")

    def begin_to_track(_: object) -> None:
        repository.git("add", "-f", "api.ignored.py")

    await memory.index(begin_to_track)
    assert (await found(memory, "pomegranate"))[0] == ["WORD = 'pomegranate'"]


async def test_other_changes_of_what_git_tracks_cause_no_complete_walk(
    memory: Memory, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(project, ".gitignore", ".aurora\n")
    # Rules that are as new as the walk are read again, and cause another one.
    monkeypatch.setattr("aurora_dev.indexing.snapshot._certain_time", lambda changed, _started: changed)
    repository = Repository(project)
    repository.commit("Begin", picture__png=b"\x89PNG")
    await memory.index()

    def fail(*_arguments: object) -> None:
        raise AssertionError("the whole project was walked")

    monkeypatch.setattr("aurora_dev.indexing.changes._walk_all", fail)
    put(project, "src/delta.py", "WORD = 'pomegranate'\n")
    assert (await found(memory, "pomegranate"))[1] == ""
    repository.git("add", "src/delta.py")
    assert len((await found(memory, "pomegranate"))[0]) == 1
    put(project, "src/epsilon.py", "WORD = 'quince'\n")
    repository.git("add", "src/epsilon.py")
    assert await found(memory, "quince") == (["WORD = 'quince'"], "")
    repository.commit("More")
    assert (await found(memory, "quince"))[1] == ""
    repository.git("mv", "src/delta.py", "src/zeta.py")
    assert len((await found(memory, "pomegranate"))[0]) == 1
    repository.git("rm", "-q", "--cached", "src/epsilon.py")  # no rule matches it
    assert len((await found(memory, "quince"))[0]) == 1
    snapshot = memory.project_index.state.snapshot()
    assert snapshot is not None
    assert not _compare_times(project, snapshot).repositories


@pytest.mark.parametrize(
    ("rules", "where"),
    [
        ("private/\n", ".gitignore"),
        ("private/\n", ".auroraignore"),
        ("/keys/\n", "private/.gitignore"),
        ("keys/\n", "private/.auroraignore"),
        ("private/\n", ".git/info/exclude"),
        ("private/\n", "../.gitignore"),
        ("", "private/keys/CACHEDIR.TAG"),
        ("", "private/pyvenv.cfg"),
    ],
)
async def test_a_new_file_that_excludes_a_known_folder_takes_effect_at_once(
    tmp_path: Path, project: Path, rules: str, where: str
) -> None:
    put(project, "private/keys/deep/p.py", "WORD = 'tamarind'\n")
    put(project, "private/keys/q.py", "WORD = 'tamarind'\n")
    (tmp_path if where.startswith("..") else project).joinpath(".git").mkdir()
    async with opened(project) as memory:
        await memory.index()
        put(project, "README.md", "# Fruit\n\nAll about nuts.\n")
        assert len((await found(memory, "tamarind"))[0]) == 2
        put(project, where, rules)
        assert await found(memory, "tamarind") == ([], "")
        (project / where).unlink()
        assert len((await found(memory, "tamarind"))[0]) == 2


@pytest.mark.skipif(os.name != "posix", reason="the system does not tell when a file's entry was changed")
@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_with_other_content_and_the_same_size_and_time_is_found(
    memory: Memory, project: Path, replaced: bool
) -> None:
    path = project / "src/alpha.py"
    long_ago = 1_600_000_000_123_456_789
    os.utime(path, ns=(long_ago, long_ago))
    before = path.stat()
    while path.stat().st_ctime_ns + 60_000_000 > time.time_ns():  # until the times of files are certain
        path.stat()
    await memory.index()
    snapshot = memory.project_index.state.snapshot()
    assert snapshot is not None
    assert snapshot.files["src/alpha.py"][:2] == (long_ago, before.st_size)
    assert not len(changes_of(project, snapshot))
    text = path.read_text().replace("alpha", "ohmya")
    if replaced:
        (project / "src/new").write_text(text)
        (project / "src/new").replace(path)
    else:
        path.write_text(text)
    os.utime(path, ns=(long_ago, long_ago))
    os.utime(project / "src", ns=(long_ago, long_ago))
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (long_ago, before.st_size)
    assert len((await found(memory, "ohmya"))[0]) == 1


@pytest.mark.skipif(os.name != "posix", reason="the system does not tell when a file's entry was changed")
async def test_a_new_file_in_a_folder_whose_time_was_set_back_is_found(memory: Memory, project: Path) -> None:
    long_ago = 1_600_000_000_123_456_789
    os.utime(project / "src", ns=(long_ago, long_ago))
    await memory.index()
    put(project, "src/new.py", "WORD = 'lychee'\n")
    os.utime(project / "src", ns=(long_ago, long_ago))
    assert len((await found(memory, "lychee"))[0]) == 1


@pytest.mark.skipif(os.name != "posix", reason="the system does not tell when a file's entry was changed")
async def test_a_copied_project_is_compared_by_content_once(project: Path, tmp_path: Path) -> None:
    async with opened(project) as memory:
        await memory.index()
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    async with opened(copy) as memory:
        sequence = (await memory.store.stats()).sequence
        assert codes(await memory.search("alpha fruit", 1)) == []
        assert (await memory.store.stats()).sequence == sequence
        snapshot = memory.project_index.state.snapshot()
        assert snapshot is not None
        assert not _compare_times(copy, snapshot).files.keys() - {
            path for path, file in snapshot.files.items() if file.mtime_ns < 0
        }


async def test_contexts_and_recalls_include_saved_changes(memory: Memory, project: Path) -> None:
    await memory.index()
    put(project, "src/alpha.py", "def alpha():\n    return 'tamarind'\n")
    context = await memory.context("tamarind", 2_000)
    assert "return 'tamarind'" in context.text
    memory.settings = memory.settings.model_copy(update={"freshness": "notice"})
    put(project, "src/alpha.py", "def alpha():\n    return 'physalis'\n")
    async with opened(project, freshness="notice") as other:
        assert codes(await other.recall("physalis")) == [freshness.STALE_INDEX]
        assert [notice.code for notice in said((await other.context("physalis", 2_000)).notices)] == [
            freshness.STALE_INDEX
        ]


async def test_another_process_finds_changes_saved_between_two_commands(project: Path) -> None:
    async with opened(project) as first:
        await first.index()
    put(project, "src/alpha.py", "WORD = 'rambutan'\n")
    async with opened(project) as second:
        assert len((await found(second, "rambutan"))[0]) == 1
    async with opened(project) as third:
        sequence = (await third.store.stats()).sequence
        assert len((await found(third, "rambutan"))[0]) == 1
        assert (await third.store.stats()).sequence == sequence


async def test_two_open_memories_do_not_index_the_same_change_twice(memory: Memory, project: Path) -> None:
    await memory.index()
    async with opened(project) as other:
        await found(other, "fruit")
        put(project, "src/alpha.py", "WORD = 'guava'\n")
        await found(memory, "guava")
        sequence = (await other.store.stats()).sequence
        assert len((await found(other, "guava"))[0]) == 1
        assert (await other.store.stats()).sequence == sequence


async def test_a_touched_file_writes_nothing(memory: Memory, project: Path) -> None:
    await memory.index()
    sequence = (await memory.store.stats()).sequence
    os.utime(project / "src/alpha.py", (1_000_000_000, 1_000_000_000))
    assert (await found(memory, "alpha fruit"))[1] == ""
    assert (await memory.store.stats()).sequence == sequence
    assert (await memory.status()).index.stale_files == 0


async def test_a_touched_file_of_more_than_four_mebibytes_is_not_stale(memory: Memory, project: Path) -> None:
    put(project, ".auroraignore", "!large.txt\n")
    large = project / "large.txt"
    with large.open("wb") as file:  # text at the end; the rest is blank, so that cutting is quick
        file.write(b"\n" * (4 * 1024 * 1024) + b"grape\n")
    await memory.index()
    os.utime(large, (1_000_000_000, 1_000_000_000))
    snapshot = memory.project_index.state.snapshot()
    assert snapshot is not None
    assert changes_of(project, snapshot).changed == []


async def test_a_commit_is_found_by_the_next_search(memory: Memory, project: Path) -> None:
    repository = Repository(project)
    repository.put(".gitignore", ".aurora\n")
    repository.commit("Begin with fruit")
    await memory.index()
    repository.commit("Prefer cherimoya over soursop")
    results = await memory.search("why cherimoya over soursop", filter={"kind": "commit"})
    assert results[0].content.startswith("Prefer cherimoya")


# --- notices ----------------------------------------------------------------------------------------------------------


async def test_in_notice_mode_nothing_is_read_and_a_notice_counts_the_stale_files(project: Path) -> None:
    async with opened(project, freshness="notice") as memory:
        await memory.index()
        assert codes(await memory.search("fruit")) == []
        put(project, "src/alpha.py", "WORD = 'new'\n")
        put(project, "src/delta.py", "WORD = 'new'\n")
        (project / "src/beta.py").unlink()
        for _ in range(2):  # the second search reports it too
            results = await memory.search("fruit")
            assert results.degraded is None
            (notice,) = said(results.notices)
            assert notice.code == "stale_index"
            assert notice.text.startswith("stale: 3 files; run: aurora index")
        assert await memory.store.count({"path": "src/delta.py"}) == 0


async def test_with_freshness_off_nothing_is_checked(project: Path) -> None:
    async with opened(project, freshness="off") as memory:
        await memory.index()
        put(project, "src/alpha.py", "WORD = 'new'\n")
        assert codes(await memory.search("fruit")) == []


async def test_files_beyond_the_budget_are_announced_and_the_others_indexed(project: Path) -> None:
    async with opened(project, freshness_budget=0.5) as memory:
        await memory.index()
        snapshot = memory.project_index.state.snapshot()
        assert snapshot is not None
        snapshot.costs.update, snapshot.costs.update_byte = 0.01, 1e-5
        memory.project_index.state.save(snapshot)
        put(project, "src/big.py", "".join(f"value_{n} = {n}\n" for n in range(5_000)))
        put(project, "src/small.py", "WORD = 'salak'\n")
        texts, notices = await found(memory, "salak")
        assert len(texts) == 1
        assert notices.startswith("stale: 1 file;")
        assert (await memory.status()).index.stale_files == 1
        await memory.index()
        assert await found(memory, "value_4999 = 4999") != ([], "")
        assert (await memory.status()).index.stale_files == 0


async def test_costs_measured_on_a_busy_machine_decay_with_every_search(project: Path) -> None:
    async with opened(project, freshness_budget=2.0) as memory:
        await memory.index()
        snapshot = memory.project_index.state.snapshot()
        assert snapshot is not None
        snapshot.costs.update = 5.0
        memory.project_index.state.save(snapshot)
        put(project, "src/alpha.py", "WORD = 'bilberry'\n")
    stale = 0
    for _ in range(12):  # each in a process of its own, as commands are
        async with opened(project, freshness_budget=2.0) as memory:
            texts, notices = await found(memory, "bilberry")
            assert bool(texts) == (not notices)
            stale += bool(notices)
    assert 3 <= stale < 12


def test_a_busy_machine_counts_less_than_the_clock_says_and_a_slow_service_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, processor = 10.0, 5.0
    clocks = SimpleNamespace(perf_counter=lambda: clock, process_time=lambda: processor)
    monkeypatch.setattr("aurora_dev.indexing.freshness.time", clocks)
    meter = freshness._Meter()
    clock, processor = 10.4, 5.1
    assert meter.seconds() == pytest.approx(0.1)
    clock, processor = 12.0, 5.1  # it waits for something else
    assert meter.seconds() == pytest.approx(0.5)
    clock, processor = 10.2, 9.0  # other threads were busy
    assert meter.seconds() == pytest.approx(0.2)


def test_one_slow_update_does_not_stop_the_next_ones() -> None:
    snapshot = ProjectSnapshot("version")
    usual = snapshot.costs.update
    freshness._learn(snapshot, 1_000, 60.0)
    assert usual < snapshot.costs.update < 2 * usual
    for _ in range(20):
        freshness._learn(snapshot, 1_000, 60.0)
    assert snapshot.costs.update > 1.0  # an update that is always slow


async def test_a_budget_of_zero_reads_nothing(project: Path) -> None:
    async with opened(project, freshness_budget=0.0) as memory:
        await memory.index()
        put(project, "src/alpha.py", "WORD = 'new'\n")
        assert codes(await memory.search("fruit")) == ["stale_index"]


async def test_a_slow_update_continues_in_the_background(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(project, freshness_budget=0.2) as memory:
        await memory.index()
        monkeypatch.setattr(freshness, "_PATIENCE", 0.0)
        gate, reached = asyncio.Event(), asyncio.Event()
        write = memory.store.write

        async def held(*arguments: object, **named: object) -> list[str]:
            reached.set()
            await gate.wait()
            return await write(*arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(memory.store, "write", held)
        put(project, "src/alpha.py", "WORD = 'longan'\n")
        first = await found(memory, "longan")
        assert first == ([], "stale: 1 file; being indexed; run: aurora index (aurora watch keeps it current)")
        assert (await found(memory, "longan"))[1] == "stale: what changed is being indexed"
        assert reached.is_set()
        gate.set()
        deadline = time.monotonic() + 20
        while not (await found(memory, "longan"))[0]:
            assert time.monotonic() < deadline


async def test_a_failed_background_update_is_reported_by_the_next_search(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(project, freshness_budget=0.2) as memory:
        await memory.index()
        monkeypatch.setattr(freshness, "_PATIENCE", 0.0)
        gate = asyncio.Event()

        async def fail(*_arguments: object, **_named: object) -> list[str]:
            await gate.wait()
            raise StoreError("the disk is on fire")

        monkeypatch.setattr(memory.store, "write", fail)
        put(project, "src/alpha.py", "WORD = 'new'\n")
        assert "being indexed" in (await found(memory, "fruit"))[1]
        gate.set()
        deadline = time.monotonic() + 20
        while "the disk is on fire" not in (await found(memory, "fruit"))[1]:
            assert time.monotonic() < deadline


async def test_a_project_that_was_never_indexed_is_not_stale(memory: Memory) -> None:
    await memory.remember("The tests need a loopback address.", kind="lesson")
    assert codes(await memory.search("loopback")) == []


async def test_the_age_of_an_index_without_state_files_is_unknown(memory: Memory, project: Path) -> None:
    await memory.index()
    shutil.rmtree(project / ".aurora" / "state")
    async with opened(project) as other:
        texts, notices = await found(other, "alpha fruit")
        assert len(texts) == 1
        assert notices.startswith("it is not known how old the index is; run: aurora index")
        await other.index()
        assert (await found(other, "alpha fruit"))[1] == ""


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"format":1}', '{"format":99}', "\x00\xff"])
async def test_a_damaged_state_file_counts_as_missing(memory: Memory, project: Path, damage: str) -> None:
    await memory.index()
    for file in (project / ".aurora" / "state").glob("*.json"):
        file.write_bytes(damage.encode("latin-1"))
    async with opened(project) as other:
        assert "not known how old" in (await found(other, "alpha fruit"))[1]
        assert (await other.status()).index.stale_files is None
        await other.index()
        assert (await other.status()).index.stale_files == 0


async def test_an_older_copy_of_the_store_is_noticed(project: Path, tmp_path: Path) -> None:
    async with opened(project) as memory:
        await memory.index()
    shutil.copytree(project / ".aurora", tmp_path / "backup")
    put(project, "src/alpha.py", "WORD = 'medlar'\n")
    async with opened(project) as memory:
        assert len((await found(memory, "medlar"))[0]) == 1
    for name in ("memory.db", "memory.db-wal", "memory.db-shm"):
        (project / ".aurora" / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup" / "memory.db", project / ".aurora" / "memory.db")
    shutil.rmtree(project / ".aurora" / "index", ignore_errors=True)
    async with opened(project) as memory:
        assert "not known how old" in (await found(memory, "fruit"))[1]


async def test_files_are_read_again_once_the_project_sets_their_encoding(project: Path) -> None:
    (project / "src/legacy.pas").write_bytes("{ ы }\nVAR pomegranate: Integer;\n".encode("cp866"))
    (project / "src/wide.pas").write_bytes("{ слово }".encode("utf-16-be"))
    async with opened(project) as memory:
        await memory.index()
        assert "ы" not in str((await found(memory, "pomegranate"))[0])
        assert "utf-16-be" not in (await memory.status()).encodings
    rules = [("*.pas", "cp1251"), ("src/l*.pas", "cp866"), ("wide.*", "utf-16-be")]
    async with opened(project, file_encodings=rules) as memory:
        assert "{ ы }" in str((await found(memory, "pomegranate"))[0])
        assert "{ слово }" in str((await found(memory, "слово"))[0])
        assert (await memory.status()).encodings == {"cp866": 1, "utf-16-be": 1}
        report = await memory.index()
        assert (report.files_updated, report.encodings) == (0, {"src/legacy.pas": "cp866", "src/wide.pas": "utf-16-be"})
    async with opened(project) as memory:
        assert "{ ы }" not in str((await found(memory, "pomegranate"))[0])


async def test_a_new_chunk_version_makes_every_file_stale(
    memory: Memory, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await memory.index()
    monkeypatch.setattr(chunk_version, "CHUNKING_VERSION", 999)
    async with opened(project, freshness="notice") as newer:
        assert (await found(newer, "fruit"))[1].startswith("stale: 4 files;")
    async with opened(project) as newer:
        assert (await found(newer, "fruit"))[1] == ""
        assert await newer.project_index.freshness.count_stale() is not None


# --- failures ---------------------------------------------------------------------------------------------------------


async def test_a_missing_project_folder_does_not_empty_the_index(project: Path, tmp_path: Path) -> None:
    async with opened(project, tmp_path / "store") as memory:
        await memory.index()
        project.rename(tmp_path / "elsewhere")
        for _ in range(2):
            texts, notices = await found(memory, "alpha fruit")
            assert len(texts) == 1
            assert notices.startswith("the index may be older than the project")
        assert (await memory.status()).index.stale_files is None
        (tmp_path / "elsewhere").rename(project)
        assert (await found(memory, "alpha fruit"))[1] == ""


async def test_the_removal_of_most_files_is_left_to_the_next_index_run(memory: Memory, project: Path) -> None:
    for number in range(30):
        put(project, f"many/f{number}.py", f"VALUE_{number} = 'jackfruit'\n")
    await memory.index()
    shutil.rmtree(project / "many")
    texts, notices = await found(memory, "jackfruit")
    assert texts
    assert notices.startswith("stale: 30 of 34 files are gone; run: aurora index")
    await memory.index()
    assert await found(memory, "jackfruit") == ([], "")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everything")
async def test_a_store_that_cannot_be_written_is_still_searched(project: Path, tmp_path: Path) -> None:
    async with opened(project, tmp_path / "store") as memory:
        await memory.index()
    put(project, "src/alpha.py", "WORD = 'new'\n")
    for folder in (tmp_path / "store", tmp_path / "store" / "state"):
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    async with opened(project, tmp_path / "store") as memory:
        assert (await found(memory, "fruit"))[1].startswith("stale: 1 file")


@pytest.mark.parametrize(
    ("error", "notice"),
    [
        (StoreUnwritableError("read-only"), "stale: 1 file; run"),
        (StoreError("the disk is on fire"), "the index may be older than the project: the disk is on fire"),
    ],
)
async def test_a_failed_update_is_reported_and_not_retried_at_once(
    memory: Memory, project: Path, monkeypatch: pytest.MonkeyPatch, error: StoreError, notice: str
) -> None:
    await memory.index()
    tries = 0

    async def fail(*_arguments: object, **_named: object) -> list[str]:
        nonlocal tries
        tries += 1
        raise error

    monkeypatch.setattr(memory.store, "write", fail)
    put(project, "src/alpha.py", "WORD = 'new'\n")
    for _ in range(3):
        assert (await found(memory, "fruit"))[1].startswith(notice)
    assert tries == 1


async def test_a_search_does_not_index_while_another_process_does(memory: Memory, project: Path) -> None:
    await memory.index()
    put(project, "src/alpha.py", "WORD = 'new'\n")
    with try_lock(memory.project_index.state.lock) as held:
        assert held
        texts, notices = await found(memory, "WORD = 'new'")
        assert texts == []
        assert notices.startswith("stale: 1 file; another process is indexing")
    assert len((await found(memory, "WORD = 'new'"))[0]) == 1


async def test_concurrent_searches_share_one_check(memory: Memory, project: Path) -> None:
    await memory.index()
    put(project, "src/alpha.py", "WORD = 'sapodilla'\n")
    results = await asyncio.gather(*(found(memory, "sapodilla") for _ in range(8)))
    assert all(len(texts) == 1 and notices == "" for texts, notices in results)


@pytest.mark.usefixtures("project")
async def test_a_slow_check_does_not_precede_every_search(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    await memory.index()
    looks = 0

    def counted(*arguments: object, **named: object) -> Changes:
        nonlocal looks
        looks += 1
        return find_changes(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("aurora_dev.indexing.changes.find_changes", counted)
    for _ in range(3):
        await memory.search("fruit")
    assert looks == 3
    monkeypatch.setattr(freshness, "_FREE_CHECK", 0.0)
    monkeypatch.setattr(freshness, "_REST_AFTER_CHECK", 1e9)
    for _ in range(3):
        await memory.search("fruit")
    assert looks == 4


# --- checks -----------------------------------------------------------------------------------------------------------


async def test_checks_find_the_same_changes_as_a_new_index_after_random_edits(memory: Memory, project: Path) -> None:
    import random

    chance = random.Random(7)
    await memory.index()

    def some_folder() -> Path:
        return chance.choice([project, *(path for path in project.rglob("*") if path.is_dir() and inside(path))])

    def inside(path: Path) -> bool:
        return ".aurora" not in path.parts

    for step in range(40):
        files = sorted(path for path in project.rglob("*") if path.is_file() and inside(path))
        action = chance.randrange(7)
        if action == 0 or not files:
            put(some_folder(), f"n{step}.py", f"STEP = {step}\n")
        elif action == 1:
            chance.choice(files).write_text(f"CHANGED = {step}\n", "utf-8")
        elif action == 2:
            chance.choice(files).unlink()
        elif action == 3:
            put(some_folder(), f"d{step}/e/n.py", f"STEP = {step}\n")
        elif action == 4 and (folder := some_folder()) != project:
            shutil.rmtree(folder)
        elif action == 5 and (folder := some_folder()) != project:
            folder.rename(project / f"moved{step}")
        elif action == 6:
            put(some_folder(), ".gitignore", f"n{chance.randrange(40)}.py\nd{chance.randrange(40)}/\n")
        assert codes(await memory.search("STEP")) == []
        stored = {str(record.metadata["path"]) for record in await memory.store.scan({"file_hash": {"$exists": True}})}
        from aurora_dev.indexing.walker import walk

        expected = {file.path for file in walk(project) if file.size}
        assert stored == expected, f"after step {step}, action {action}"


# --- runs that are killed, cancelled or fail --------------------------------------------------------------------------


@pytest.fixture
def start() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    running = []

    def begin(project: Path) -> subprocess.Popen[str]:
        command = [sys.executable, str(SLOW_INDEXER), str(project)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


async def test_a_killed_run_is_interrupted_until_the_next_one_completes(
    project: Path, start: Callable[[Path], subprocess.Popen[str]]
) -> None:
    process = start(project)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    async with opened(project) as memory:
        status = await memory.status()
        assert status.index.last_run is not None
        assert status.index.last_run.outcome == "running"
        assert codes(await memory.search("fruit")) == ["stale_index"]
        process.kill()
        process.wait()
        status = await memory.status()
        assert status.index.last_run is not None
        assert status.index.last_run.outcome == "interrupted"
        (problem,) = [problem for problem in status.problems if problem.code == "run_incomplete"]
        assert "interrupted" in problem.text
        assert (await found(memory, "fruit"))[1].startswith("the last index run was interrupted; run: aurora index")
        await memory.index()
        status = await memory.status()
        assert status.index.last_run is not None
        assert status.index.last_run.outcome == "complete"
        assert not [problem for problem in status.problems if problem.code == "run_incomplete"]


def test_a_run_that_ends_while_its_record_is_read_is_not_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = IndexState(tmp_path / "index", "main", tmp_path)
    state.begin()

    def end_meanwhile(_path: Path | None) -> bool:
        state.end("cancelled")
        return False

    monkeypatch.setattr(index_state, "is_held", end_meanwhile)
    run = state.last_run()
    assert run is not None
    assert run.outcome == "cancelled"


async def test_a_failed_or_cancelled_run_is_recorded_as_such(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = asyncio.Event()
    write = memory.store.write

    async def fail(*_arguments: object, **_named: object) -> list[str]:
        raise StoreError("no more space")

    async def wait(*arguments: object, **named: object) -> list[str]:
        reached.set()
        return await write(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(memory.store, "write", fail)
    with pytest.raises(StoreError):
        await memory.index()
    run = memory.project_index.state.last_run()
    assert run is not None
    assert (run.outcome, run.error) == ("failed", "StoreError: no more space")
    monkeypatch.setattr(memory.store, "write", wait)
    task = asyncio.create_task(memory.index())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    run = memory.project_index.state.last_run()
    assert run is not None
    assert run.outcome == "cancelled"
    assert not is_held(memory.project_index.state.lock)


async def test_two_projects_in_one_store_have_separate_states(project: Path, tmp_path: Path) -> None:
    first = IndexState(tmp_path / "state", "default", project)
    second = IndexState(tmp_path / "state", "default", tmp_path)
    first.save(ProjectSnapshot("1/1"))
    assert first.snapshot() is not None
    assert second.snapshot() is None
    assert IndexState(tmp_path / "state", "other", project).snapshot() is None


async def test_a_project_moved_with_its_store_keeps_its_state(project: Path, tmp_path: Path) -> None:
    async with opened(project) as memory:
        await memory.index()
    project.rename(tmp_path / "moved")
    async with opened(tmp_path / "moved") as memory:
        assert await found(memory, "alpha fruit") == (["def alpha():\n    return 'alpha fruit'"], "")


async def test_a_state_without_a_folder_is_kept_in_memory(project: Path) -> None:
    state = IndexState(None, "default", project)
    state.begin()
    state.end("complete")
    state.save(ProjectSnapshot("1/1"))
    run = state.last_run()
    assert run is not None
    assert run.outcome == "complete"
    assert state.snapshot() is not None


async def test_the_state_is_json_that_only_the_owner_can_read(memory: Memory, project: Path) -> None:
    await memory.index()
    (path,) = (project / ".aurora" / "state").glob("*.files.json")
    assert set(json.loads(path.read_text("utf-8"))["files"]) == {
        "README.md",
        "src/alpha.py",
        "src/beta.py",
        "src/gamma.py",
    }
    if os.name == "posix":
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
