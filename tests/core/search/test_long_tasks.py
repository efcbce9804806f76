"""Ranking for long tasks: all parts of the text count for a file, and a log outweighs nothing."""

from __future__ import annotations

from typing import Any

from aurora_dev.core.search.evidence import QueryWeights
from aurora_dev.core.search.long_tasks import name_weight, rank_long_task
from aurora_dev.core.search.reading import read_query
from aurora_dev.core.types import Match, Record, SearchResult


def chunk(identifier: str, path: str | None, content: str = "", **metadata: Any) -> Record:
    return Record(identifier, content, {**metadata, **({} if path is None else {"path": path})})


def matches(*records: Record) -> list[Match]:
    return [Match(record, 1.0 / place) for place, record in enumerate(records, start=1)]


def ranked(task: str, lists: dict[str, list[Match]], counts: dict[str, int] | None = None) -> list[SearchResult]:
    return rank_long_task(read_query(task), lists, QueryWeights(name_counts=counts or {}))


def files(results: list[SearchResult]) -> list[object]:
    return [result.metadata.get("path") for result in results]


def test_a_file_that_several_lists_agree_on_beats_the_first_of_one_list() -> None:
    one, both = chunk("1", "one.py"), chunk("2", "both.py")
    task = "Something is slow\n\nIt takes a minute."
    lists = {"prose_keyword": matches(one, both), "title_vector": matches(both), "prose_vector": matches(both)}
    assert files(ranked(task, lists)) == ["both.py", "one.py"]


def test_a_rare_name_of_the_title_outweighs_the_lists() -> None:
    first, named = (
        chunk("1", "first.py", "nothing"),
        chunk("2", "named.py", "def merge_rows(): ...", symbols=["merge_rows"]),
    )
    task = "merge_rows drops the last row\n\nSteps to reproduce."
    lists = {"prose_keyword": matches(first, named)}
    assert files(ranked(task, lists, {"merge_rows": 2})) == ["named.py", "first.py"]
    assert files(ranked(task, lists, {"merge_rows": 1_000})) == ["first.py", "named.py"]


def test_a_name_of_the_title_says_more_than_one_of_the_text() -> None:
    body = chunk("1", "body.py", "def drop_rows(): ...", symbols=["drop_rows"])
    title = chunk("2", "title.py", "def merge_rows(): ...", symbols=["merge_rows"])
    task = "merge_rows is wrong\n\nSee drop_rows, which is called by drop_rows."
    assert files(ranked(task, {"prose_keyword": matches(body, title)})) == ["title.py", "body.py"]


def test_the_definition_of_a_name_of_the_title_beats_its_mentions() -> None:
    used, defined = (
        chunk("1", "used.py", "merge_rows()"),
        chunk("2", "defined.py", "def merge_rows():", symbols=["merge_rows"]),
    )
    lists = {"names_keyword": matches(used, defined)}
    assert files(ranked("merge_rows drops the last row\n\nIt is gone.", lists)) == ["defined.py", "used.py"]


def test_the_last_frame_of_a_traceback_counts_for_the_chunk_that_holds_its_line() -> None:
    lines: dict[str, Any] = {"start_line": 1, "end_line": 40}
    outer, inner, other = (
        chunk("1", "app/run.py", **lines),
        chunk("2", "app/io.py", **lines),
        chunk("3", "app/ui.py", **lines),
    )
    task = 'It fails\n\nTraceback (most recent call last):\n  File "/app/run.py", line 9\n  File "/app/io.py", line 7\n'
    assert files(ranked(task, {"title_keyword": matches(other, outer, inner)})) == [
        "app/io.py",
        "app/run.py",
        "app/ui.py",
    ]


def test_the_chunks_of_a_file_share_out_its_score_and_the_best_comes_first() -> None:
    good, weak, other = chunk("good", "a.py"), chunk("weak", "a.py"), chunk("other", "b.py")
    results = ranked(
        "It is slow\n\nIt takes long.", {"prose_keyword": matches(good, other, weak), "title_vector": matches(good)}
    )
    assert results[0].id == "good"
    scores = {result.id: result.score for result in results}
    assert scores["good"] > scores["weak"] > 0.0
    assert scores["good"] > scores["other"]


def test_records_without_a_path_do_not_add_up_to_a_file() -> None:
    notes = [chunk(str(n), None, "note") for n in range(6)]
    results = ranked("It is slow\n\nIt takes long.", {"prose_keyword": matches(*notes)})
    assert [result.id for result in results] == [note.id for note in notes]
    assert 1.0 >= results[0].score > results[5].score > 0.5 * results[0].score  # chunks of one file fall off faster


def test_results_hold_the_figures_of_the_lists() -> None:
    record = chunk("1", "a.py")
    (result,) = ranked(
        "It is slow\n\nIt takes long.", {"prose_vector": [Match(record, 0.4)], "prose_keyword": [Match(record, 7.0)]}
    )
    assert (result.scores["vector"], result.scores["keyword"]) == (0.4, 7.0)
    assert ranked("It is slow\n\nIt takes long.", {}) == []


def test_a_rare_name_weighs_fully_a_common_or_missing_one_nothing() -> None:
    assert [name_weight(count) for count in (None, 1, 8)] == [1.0, 1.0, 1.0]
    assert 0.0 < name_weight(60) < name_weight(20) < 1.0
    assert [name_weight(count) for count in (0, 300, 5_000)] == [0.0, 0.0, 0.0]
