"""Damaged repositories: what can be read is stored, what cannot is named, and the next run tries it again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from git_repository import Repository

from aurora_dev.core.record_kinds import IS_COMMIT
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.history.commit_indexer import CommitIndexer
from aurora_dev.history.git_log import GitLog


def object_path(repository: Repository, name: str) -> Path:
    return repository.root / ".git" / "objects" / name[:2] / name[2:]


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def scramble(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"garbage")


async def stored(store: VectorStore) -> dict[str, list[str]]:
    """Return the changed files by the subject of the stored commits."""
    records = await store.scan(IS_COMMIT, content=True)
    return {record.content.split("\n")[0]: list(record.metadata.get("files", [])) for record in records}  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", [remove, empty, scramble])
async def test_commits_before_and_beside_a_damaged_one_are_stored_and_the_rest_after_its_repair(
    store: VectorStore, repository: Repository, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    hashes = [repository.commit(f"Number {n}", **{f"f{n}__py": str(n)}) for n in range(3)]
    repository.git("checkout", "-q", "-b", "side", hashes[0])
    side = repository.commit("Beside", side__py="1")
    repository.git("checkout", "-q", "-")
    repository.git("merge", "-q", "--no-edit", "-m", "Join both sides", side)
    damaged = object_path(repository, hashes[1])
    shutil.copy(damaged, tmp_path / "kept")
    damage(damaged)
    report = await CommitIndexer(store, repository.root).run()
    assert (report.skipped, report.unreadable) == (None, (hashes[1],))
    assert report.incomplete == (hashes[2],)  # what it changed is not known
    assert await stored(store) == {
        "Join both sides": [],
        "Number 2": [],
        "Beside": ["side.py"],
        "Number 0": ["f0.py"],
    }
    damaged.unlink(missing_ok=True)
    shutil.copy(tmp_path / "kept", damaged)
    report = await CommitIndexer(store, repository.root).run()
    assert (report.commits_added, report.unreadable, report.incomplete) == (1, (), ())
    assert (await stored(store))["Number 1"] == ["f1.py"]
    assert (await stored(store))["Number 2"] == ["f2.py"]


async def test_stored_commits_behind_a_damaged_one_stay(store: VectorStore, repository: Repository) -> None:
    hashes = [repository.commit(f"Number {n}", a__py=str(n)) for n in range(4)]
    await CommitIndexer(store, repository.root).run()
    scramble(object_path(repository, hashes[2]))
    report = await CommitIndexer(store, repository.root).run()
    assert (report.commits_removed, report.commits_total, report.unreadable) == (0, 4, (hashes[2],))
    assert len(await stored(store)) == 4


async def test_a_damaged_tree_costs_only_the_files_of_the_commits_that_have_it(
    store: VectorStore, repository: Repository, tmp_path: Path
) -> None:
    hashes = [repository.commit(f"Number {n}", **{f"f{n}__py": str(n)}) for n in range(9)]
    tree = object_path(repository, repository.git("rev-parse", hashes[4] + "^{tree}"))
    shutil.move(tree, tmp_path / "kept")
    report = await CommitIndexer(store, repository.root).run()
    assert (report.unreadable, set(report.incomplete)) == ((), {hashes[4], hashes[5]})
    files = await stored(store)
    assert files == {f"Number {n}": ([] if n in (4, 5) else [f"f{n}.py"]) for n in range(9)}
    shutil.move(tmp_path / "kept", tree)
    report = await CommitIndexer(store, repository.root).run()
    assert (report.commits_added, report.incomplete) == (0, ())
    assert await stored(store) == {f"Number {n}": [f"f{n}.py"] for n in range(9)}


def test_a_damaged_file_costs_only_the_symbols_of_the_commits_that_have_it(repository: Repository) -> None:
    hashes = [repository.commit(f"Number {n}", **{f"f{n}__py": f"def name{n}(): ...\n"}) for n in range(5)]
    remove(object_path(repository, repository.git("rev-parse", hashes[2] + ":f2.py")))
    repository.put("f2.py", "changed, so that git does not read it instead\n")
    log = GitLog(repository.root)
    [commits] = log.read(log.newest(10))
    assert [commit.symbols for commit in commits] == [("name4",), ("name3",), (), ("name1",), ("name0",)]
    assert [commit.files for commit in commits] == [(f"f{n}.py",) for n in (4, 3, 2, 1, 0)]
    assert log.incomplete == [hashes[2]]


async def test_a_partial_clone_lacks_contents_without_being_damaged(
    store: VectorStore, repository: Repository, tmp_path: Path
) -> None:
    for number in range(3):
        repository.commit(f"Number {number}", a__py=f"def name{number}(): ...\n")
    repository.git("config", "uploadpack.allowFilter", "true")
    options = ["-q", "--no-local", "--no-checkout", "--filter=blob:none"]
    repository.git("clone", *options, repository.root.as_uri(), str(tmp_path / "clone"))
    report = await CommitIndexer(store, tmp_path / "clone").run()
    assert (report.commits_added, report.unreadable, report.incomplete) == (3, (), ())
    assert set(map(tuple, (await stored(store)).values())) == {("a.py",)}


def test_in_a_damaged_repository_limit_age_and_folder_apply_as_well(repository: Repository) -> None:
    hashes = [
        repository.commit(f"Number {n}", **{f"{'sub' if n % 2 else 'other'}___f{n}__py": str(n)}) for n in range(12)
    ]
    scramble(object_path(repository, hashes[0]))
    assert GitLog(repository.root).newest(20) == hashes[:0:-1]
    assert GitLog(repository.root).newest(3) == hashes[:8:-1]
    assert GitLog(repository.root).newest(20, since=1_700_000_000 + 60 * 10) == hashes[:8:-1]
    below = GitLog(repository.root / "sub")
    assert below.newest(20) == [hashes[n] for n in (11, 9, 7, 5, 3)]  # of Number 1 the parent is lost
    assert below.newest(2) == [hashes[11], hashes[9]]


@pytest.mark.parametrize("where", ["HEAD", "branch", "packed-refs", "commit"])
async def test_a_damaged_reference_keeps_the_stored_commits(
    store: VectorStore, repository: Repository, where: str
) -> None:
    name = repository.commit("Only", a__py="1")
    await CommitIndexer(store, repository.root).run()
    git = repository.root / ".git"
    branch = git / (git / "HEAD").read_text().removeprefix("ref: ").strip()
    if where == "commit":
        scramble(object_path(repository, name))
    elif where == "packed-refs":
        repository.git("pack-refs", "--all")
        with (git / "packed-refs").open("a") as file:
            file.write("garbage in here\n")
    else:
        (branch if where == "branch" else git / "HEAD").write_text("ref: refs/heads/../../x\n")
    report = await CommitIndexer(store, repository.root).run()
    assert report.commits_removed == 0
    assert len(await stored(store)) == 1
    assert report.unreadable or "git failed" in str(report.skipped)


def test_a_graft_does_not_hide_commits(repository: Repository) -> None:
    hashes = [repository.commit(f"Number {n}", a__py=str(n)) for n in range(3)]
    (repository.root / ".git/info/grafts").write_text(hashes[-1] + "\n")
    assert GitLog(repository.root).newest(10) == hashes[::-1]
