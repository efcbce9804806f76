"""The caches of filter rows and of records: never out of date, and bounded."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.filters import parse_filter
from aurora_dev.core.local import filter_cache, record_cache
from aurora_dev.core.local import records as sql
from aurora_dev.testing.contract_support import ids, record, unit

WANTED = {"kind": "wanted"}


def wanted(first: int, last: int) -> list[Any]:
    return [record(f"r{i:03d}", "text", dict(WANTED), unit(1, i / 100)) for i in range(first, last)]


def evaluated(_store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the rows after which each later evaluation of a filter begins; 0 is an evaluation of everything."""
    begun: list[int] = []
    evaluate = sql.matching_rows

    def recording(connection: Any, state: Any, node: Any, after: int = 0) -> Any:
        begun.append(after)
        return evaluate(connection, state, node, after)

    monkeypatch.setattr(filter_cache, "matching_rows", recording)
    return begun


def test_a_filter_is_evaluated_again_once_the_log_of_deletions_no_longer_reaches_back(
    store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "DELETION_LOG_LIMIT", 20)
    store.write("n", wanted(0, 100))
    assert store.count("n", WANTED) == 100
    for i in range(60):  # far more deletions than the log keeps
        store.write("n", deletes=[f"r{i:03d}"])
    assert store.count("n", WANTED) == len(list(store.scan("n", WANTED))) == 40
    assert ids(store.vector_query("n", unit(1), 3, WANTED)) == ["r060", "r061", "r062"]


def test_a_filter_is_evaluated_again_after_one_write_that_deletes_more_than_the_log_holds(
    store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "DELETION_LOG_LIMIT", 20)
    store.write("n", wanted(0, 100))
    assert store.count("n", WANTED) == 100
    store.write("n", deletes=[f"r{i:03d}" for i in range(60)])
    assert store.count("n", WANTED) == 40


def test_a_filter_is_evaluated_again_after_the_whole_namespace_was_deleted(store: FAISSLocalStore) -> None:
    store.write("n", wanted(0, 10))
    assert store.count("n", WANTED) == 10
    store.delete_namespace("n")
    assert store.count("n", WANTED) == 0
    store.write("n", wanted(0, 3))
    assert store.count("n", WANTED) == 3


def test_a_filter_that_is_ahead_of_the_namespace_is_evaluated_again(path: Path, store: FAISSLocalStore) -> None:
    store.write("n", wanted(0, 10))
    store.write("n", wanted(10, 20))
    assert store.count("n", WANTED) == 20
    # As where the database is exchanged for an older one under an open store.
    with sqlite3.connect(path / "memory.db") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM records WHERE id >= 'r010'")
        connection.execute("UPDATE namespaces SET sequence = 1, records = 10, vectors = 10")
    connection.close()
    assert store.count("n", WANTED) == 10


def test_only_new_rows_are_evaluated_where_the_log_reaches_back(
    store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("n", wanted(0, 10))
    assert store.count("n", WANTED) == 10
    begun = evaluated(store, monkeypatch)
    assert store.count("n", WANTED) == 10
    assert begun == []
    store.write("n", [*wanted(0, 2), record("other", "text", {"kind": "other"})], ["r009"])
    assert store.count("n", WANTED) == 9
    assert begun == [10]


def test_filters_that_differ_in_type_alone_are_kept_apart(store: FAISSLocalStore) -> None:
    store.write("n", [record("one", "text", {"k": 1}), record("true", "text", {"k": True})])
    for _ in range(2):
        assert [r.id for r in store.scan("n", {"k": 1})] == ["one"]
        assert store.count("n", {"k": 1}) == store.count("n", {"k": True}) == 1
        assert ids(store.keyword_query("n", "text", 5, {"k": True})) == ["true"]
        assert ids(store.keyword_query("n", "text", 5, {"k": 1})) == ["one"]


def test_the_least_recently_used_filter_is_dropped_first(
    store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filter_cache, "_MAX_ENTRIES", 2)
    store.write("n", [record(f"{i}", "text", {"k": i}) for i in range(3)])
    begun = evaluated(store, monkeypatch)
    for value in (0, 1, 0, 2, 0):
        assert store.count("n", {"k": value}) == 1
    assert len(begun) == 3
    assert store.count("n", {"k": 1}) == 1
    assert len(begun) == 4


def test_the_number_of_cached_rows_is_bounded(store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_cache, "_MAX_ROWS", 15)
    store.write("n", [record(f"{i}", "text", {"k": i % 3, "all": 1}) for i in range(30)])
    for value in (0, 1, 2, 0):
        assert store.count("n", {"k": value}) == 10
        assert len(store._filters._entries) == 1
        assert store._filters._total == 10
    assert store.count("n", {"all": 1}) == 30  # larger than the bound: kept alone until another one comes
    assert store._filters._total == 30


def test_cached_rows_are_read_only(store: FAISSLocalStore) -> None:
    store.write("n", wanted(0, 3))
    rows, _ = store._filters.rows("n", parse_filter(WANTED))
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 7


def test_changing_the_metadata_of_a_match_changes_no_later_match(store: FAISSLocalStore) -> None:
    store.write("n", [record("a", "text", {"tags": ["x"], "k": 1}, unit(1))])
    for _ in range(2):
        (match,) = store.keyword_query("n", "text", 5)
        assert match.record.metadata == {"tags": ["x"], "k": 1}
        match.record.metadata["tags"].append("y")  # type: ignore[union-attr]
        match.record.metadata["k"] = 2  # type: ignore[index]


@pytest.mark.parametrize(("bound", "limit"), [("_MAX_RECORDS", 2), ("_MAX_CHARACTERS", 8)])
def test_the_record_cache_is_bounded(
    store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch, bound: str, limit: int
) -> None:
    monkeypatch.setattr(record_cache, bound, limit)
    store.write("n", [record(f"{i}", "text", {}, unit(1, i)) for i in range(5)])
    assert len(store.vector_query("n", unit(1), 5)) == 5
    assert len(store._records._entries) == 2
    assert store._records._characters == 8
