"""Parts of the benchmarks of issues and commits: trees, kept stores, ranks and changed lines."""

from __future__ import annotations

import gzip
import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from git_repository import Repository

from aurora_dev.core.embed.static import StaticEmbedder

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from edits import Lines  # noqa: E402
from issue_data import TITLE, WHOLE, prepared, python_definitions, read_issues, task_of  # noqa: E402
from kept_stores import KeptStores, MissingCommitError, Repositories  # noqa: E402
from locating import Outcome, Task, accuracy, half_of, judge, reciprocal, table  # noqa: E402
from metrics import Span  # noqa: E402

NAME = "ada/clock"
BEFORE = """import time


class Clock:
    def tick(self):
        return time.time()

    def stop(self):
        pass
"""
AFTER = BEFORE.replace("time.time()", "time.monotonic()")


@pytest.fixture
def mirror(tmp_path: Path) -> tuple[Path, list[str]]:
    """Return a folder of local clones with one project, and the hashes of its two commits."""
    repository = Repository(tmp_path / "mirror" / "ada+clock" / "repo")
    first = repository.commit("Add a clock", clock__py=BEFORE, notes__md="# Clock\n\nIt ticks.\n")
    repository.git("rm", "-q", "notes.md")
    second = repository.commit("Tick without jumps", clock__py=AFTER, alarm__py="def ring():\n    print('ring')\n")
    return tmp_path / "mirror", [first, second]


@pytest.fixture
def stores(tmp_path: Path, mirror: tuple[Path, list[str]]) -> KeptStores:
    return KeptStores(Repositories(tmp_path / "cache", mirror[0]), StaticEmbedder.bundled())


def issue(commit: str, **changes: object) -> dict[str, object]:
    made: dict[str, object] = {
        "id": "clock-1",
        "repo": NAME,
        "base_commit": commit,
        "text": "The clock jumps\nIt goes back when the time is set.",
        "files": ["clock.py", "added.py"],
        "functions": ["clock.py:Clock.tick", "added.py:new"],
        "edits": {"clock.py": [[6, 6]], "added.py": [[1, 1]]},
    }
    return made | changes


def test_a_tree_has_the_files_of_its_commit_and_no_others(stores: KeptStores, mirror: tuple[Path, list[str]]) -> None:
    first, second = mirror[1]
    for commit, names in ((second, {"clock.py", "alarm.py"}), (first, {"clock.py", "notes.md"})):
        tree = stores.repositories.tree(NAME, commit)
        assert {path.name for path in tree.iterdir() if path.name != ".git"} == names
        assert (tree / "clock.py").read_text("utf-8") == (BEFORE if commit == first else AFTER)


def test_a_tree_without_one_of_its_blobs_has_the_other_files(
    stores: KeptStores, mirror: tuple[Path, list[str]]
) -> None:
    folder, (first, _) = mirror
    repository = Repository(folder / "ada+clock" / "repo", init=False)
    blob = repository.git("rev-parse", f"{first}:notes.md")
    (repository.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    tree = stores.repositories.tree(NAME, first)
    assert (tree / "clock.py").read_text("utf-8") == BEFORE
    assert not (tree / "notes.md").exists()


async def test_a_store_made_from_an_earlier_one_holds_the_later_tree(
    stores: KeptStores, mirror: tuple[Path, list[str]]
) -> None:
    first, second = mirror[1]
    assert await stores.make(NAME, [second, first]) == {}
    for commit, names in ((first, {"clock.py", "notes.md"}), (second, {"clock.py", "alarm.py"})):
        async with stores.open(NAME, commit) as store:
            records = await store.scan(content=True)
            assert {record.metadata["path"] for record in records} == names
            assert any("monotonic" in record.content for record in records) == (commit == second)


async def test_a_store_of_the_history_has_no_later_commit(stores: KeptStores, mirror: tuple[Path, list[str]]) -> None:
    first, second = mirror[1]
    await stores.make(NAME, [first, second], "history")
    for commit, hashes in ((first, {first}), (second, {first, second})):
        async with stores.open(NAME, commit, "history") as store:
            records = await store.scan({"kind": "commit"})
            assert {record.metadata["commit"] for record in records} == hashes


async def test_a_kept_store_is_not_made_again(stores: KeptStores, mirror: tuple[Path, list[str]]) -> None:
    first, _ = mirror[1]
    assert not stores.is_kept(NAME, first)
    await stores.make(NAME, [first])
    mark = stores.folder(NAME, first) / "files" / "complete.json"
    untouched = mark.with_name("untouched")
    untouched.touch()
    await stores.make(NAME, [first])
    assert stores.is_kept(NAME, first)
    assert untouched.exists()
    mark.write_text(json.dumps(["another way to cut", "another embedder"]), "utf-8")
    assert not stores.is_kept(NAME, first)


async def test_a_missing_commit_is_named_and_the_others_are_stored(
    stores: KeptStores, mirror: tuple[Path, list[str]]
) -> None:
    first, _ = mirror[1]
    failed = await stores.make(NAME, ["0" * 40, first])
    assert list(failed) == ["0" * 40]
    assert stores.is_kept(NAME, first)
    with pytest.raises(MissingCommitError, match="ada/other"):
        stores.repositories.clone("ada/other")


def test_files_and_functions_that_a_fix_adds_do_not_count(stores: KeptStores, mirror: tuple[Path, list[str]]) -> None:
    first, _ = mirror[1]
    task = task_of(issue(first), stores.repositories)
    assert task is not None
    assert task.files == ("clock.py",)
    assert task.functions == (Span("clock.py", 5, 6),)
    assert task.queries[TITLE] == "The clock jumps"
    assert task.queries[WHOLE].startswith("The clock jumps\nIt goes back")
    assert Lines(stores.repositories, task).changed() == {("clock.py", 6)}
    assert task_of(issue(first, files=["added.py"]), stores.repositories) is None


async def test_issues_without_a_tree_are_left_out_and_counted(
    stores: KeptStores, mirror: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = mirror[1]
    lines = [issue(first), issue("0" * 40, id="clock-2"), issue(first, id="other-1", repo="ada/other")]
    with gzip.open(tmp_path / "issues.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    issues = read_issues(Namespace(data=tmp_path, projects=None, half=None))
    assert [one["id"] for one in issues] == ["clock-1", "clock-2", "other-1"]
    assert await prepared(stores, issues, kept=True) == []
    tasks = await prepared(stores, issues, kept=False)
    assert [task.id for task in tasks] == ["clock-1"]
    assert await prepared(stores, issues, kept=True, limit=0) == []
    assert "1 issues of 3; left out: {'no such commit': 1, 'no clone': 1}" in capsys.readouterr().err


def test_definitions_have_qualified_names_and_the_lines_of_their_decorators() -> None:
    source = (
        "class A:\n    @cached\n    def b(self):\n        def c(): pass\n        return c\n\n"
        "if x:\n    async def d(): pass\n"
    )
    assert set(python_definitions(source)) == {("A", 1, 5), ("A.b", 2, 5), ("A.b.c", 4, 4), ("d", 8, 8)}
    assert list(python_definitions("def broken(:\n")) == []


def test_ranks_count_distinct_files_and_overlapping_results() -> None:
    functions = (Span("b.py", 10, 20), Span("b.py", 90, 95))
    task = Task("1", NAME, "0" * 40, {"title": "x"}, ("b.py", "d.py", "e.py"), functions)
    spans = [Span("a.py", 1, 9), Span("a.py", 10, 20), Span("b.py", 1, 9), Span("d.py", 10, 20), Span("b.py", 20, 30)]
    outcome = judge(task, "title", "search", spans, 0.01)
    assert outcome.files == (2, 3, None)
    assert outcome.functions == (5, None)
    assert outcome.found == ("a.py", "b.py", "d.py")


def test_strict_accuracy_wants_every_file_and_the_reciprocal_rank_the_best() -> None:
    ranks = [(1, 4), (2,), (None, 1), (6,)]
    assert [accuracy(ranks, k) for k in (1, 2, 5, 10)] == [0, 0.25, 0.5, 0.75]
    assert [reciprocal(group) for group in ranks] == [1, 0.5, 1, 1 / 6]
    assert reciprocal((None,)) == 0


def test_a_project_is_always_in_the_same_half_whatever_the_case_of_its_name() -> None:
    names = [f"owner/project{number}" for number in range(200)]
    halves = [half_of(name) for name in names]
    assert halves == [half_of(name.upper()) for name in names]
    assert 70 < halves.count("tuning") < 130
    assert (half_of("dask/dask"), half_of("yt-dlp/yt-dlp")) == ("tuning", "reporting")


def test_the_table_has_a_part_for_each_half_that_has_tasks() -> None:
    outcome = Outcome("1", "dask/dask", "tuning", "title", "search", (1,), (), ("a.py",), 0.25)
    shown = table([outcome])
    assert "all: 1 tasks of 1 projects, 0 of them with functions" in shown
    assert "tuning: 1 tasks" in shown
    assert "reporting" not in shown
    assert "every way" not in shown
    assert "250.0" in shown


def test_the_table_compares_ways_on_the_tasks_that_every_way_has() -> None:
    both = [Outcome("1", NAME, "tuning", "title", way, (1,), (), ("a.py",), 0.1) for way in ("search", "semble")]
    alone = Outcome("2", NAME, "tuning", "title", "search", (None,), (), (), 0.1)
    everything, _, common = table([*both, alone]).partition("all, tasks that every way has: 1 tasks")
    assert ["search", "2", "0.500"] in [line.split()[:3] for line in everything.splitlines()]
    assert ["search", "1", "1.000"] in [line.split()[:3] for line in common.splitlines()]
