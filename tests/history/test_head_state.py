from __future__ import annotations

import os
from pathlib import Path

import pytest
from git_repository import Repository

from aurora_dev.history.head_state import head_state

TABLES = "0x000000000001-0x00000000000{}-5f3a1b2c.ref\n"


def commit_twice(repository: Repository, root: Path) -> None:
    """Check that the state of a folder changes with each commit, and only then."""
    seen = {head_state(root)}
    for number in range(2):
        repository.commit(f"Number {number}")
        assert head_state(root) == head_state(root)
        seen.add(head_state(root))
    assert len(seen) == 3
    assert "" not in seen


def reftable(folder: Path, number: int) -> None:
    """Lay a folder out as git does with --ref-format=reftable; see gitrepository-layout and reftable in its manual."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "HEAD").write_text("ref: refs/heads/.invalid\n")
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "heads").write_text("this repository uses the reftable format\n")
    (folder / "reftable").mkdir(exist_ok=True)
    new = folder / "reftable" / "tables.list.lock"
    new.write_text(TABLES.format(number))
    os.utime(new, ns=(10**18, 10**18))
    new.replace(folder / "reftable" / "tables.list")


def test_each_commit_changes_the_state(repository: Repository) -> None:
    repository.commit("First")
    commit_twice(repository, repository.root)
    (repository.root / "sub").mkdir()
    commit_twice(repository, repository.root / "sub")


def test_each_commit_changes_the_state_of_packed_references(repository: Repository) -> None:
    repository.commit("First")
    repository.git("pack-refs", "--all")
    assert not list((repository.root / ".git" / "refs" / "heads").iterdir())
    commit_twice(repository, repository.root)


def test_each_commit_changes_the_state_of_a_detached_head(repository: Repository) -> None:
    repository.commit("First")
    repository.git("checkout", "-q", "--detach")
    commit_twice(repository, repository.root)


def test_each_commit_changes_the_state_of_a_branch_that_is_a_name_of_another(repository: Repository) -> None:
    repository.commit("First")
    branch = repository.git("symbolic-ref", "HEAD")
    repository.git("symbolic-ref", "refs/heads/alias", branch)
    repository.git("symbolic-ref", "HEAD", "refs/heads/alias")
    commit_twice(repository, repository.root)


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_each_commit_changes_the_state_of_a_linked_worktree(
    repository: Repository, tmp_path: Path, bare: bool, packed: bool
) -> None:
    repository.commit("First", a__py="x = 1\n")
    main = repository
    if bare:
        repository.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
        main = Repository(tmp_path / "bare.git", init=False)
    main.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    if packed:
        main.git("pack-refs", "--all")
    assert (tmp_path / "linked" / ".git").is_file()
    commit_twice(Repository(tmp_path / "linked", init=False), tmp_path / "linked")


def test_a_change_of_the_reference_tables_changes_the_state(tmp_path: Path) -> None:
    seen = set()
    for number in range(1, 4):
        reftable(tmp_path / ".git", number)
        assert head_state(tmp_path) == head_state(tmp_path)
        seen.add(head_state(tmp_path))
    assert len(seen) == 3


def test_a_linked_worktree_with_reference_tables_follows_its_own_and_the_common_ones(tmp_path: Path) -> None:
    common, own = tmp_path / "main" / ".git", tmp_path / "main" / ".git" / "worktrees" / "linked"
    linked = tmp_path / "linked"
    linked.mkdir()
    reftable(common, 1)
    reftable(own, 1)
    (own / "commondir").write_text("../..\n")
    (linked / ".git").write_text(f"gitdir: {own}\n")
    states = [head_state(linked)]
    reftable(own, 2)  # another branch is checked out
    states.append(head_state(linked))
    reftable(common, 2)  # a commit
    states.append(head_state(linked))
    assert len(set(states)) == 3


@pytest.mark.skipif(os.name != "posix", reason="named pipes")
@pytest.mark.parametrize("name", ["HEAD", "commondir", "reftable/tables.list", "packed-refs"])
def test_a_named_pipe_in_a_repository_does_not_hold_the_reader(repository: Repository, name: str) -> None:
    repository.commit("First")
    repository.git("pack-refs", "--all")
    path = repository.root / ".git" / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert isinstance(head_state(repository.root), str)


@pytest.mark.skipif(os.name != "posix", reason="named pipes")
def test_a_named_pipe_as_the_repository_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".git")
    assert head_state(tmp_path) == ""
