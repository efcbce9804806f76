"""The indexes on metadata: they answer every filter as reading all records does, and older stores get them."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.filters import matches, parse_filter
from aurora_dev.core.local import lookups
from aurora_dev.core.local import records as sql
from aurora_dev.core.local import schema as sqlite_schema
from aurora_dev.core.record_kinds import IS_CHUNK, IS_COMMIT, IS_NOTE, NOT_A_CHUNK, chunks_of
from aurora_dev.testing.contract_support import record

# What SQLite and Python may see differently: lists, their JSON text, NUL, numbers beside strings, and close floats.
STRINGS: tuple[Any, ...] = (
    "a.py", "src/é.py", "[id]/page.tsx", '["a.py"]', "a.py\0b", "", "A.PY", 'quo"te', "back\\slash", "\U0001f600", "1",
)  # fmt: skip
VALUES: tuple[Any, ...] = (*STRINGS, ["a.py", "b.py"], [], ["a.py\0b"], 1, 1.0, 0, -0.0, True, False, 1e300, 2**60, 7.5)
TIMES: tuple[Any, ...] = (0, 1.5, 1_700_000_000.123456, 1_700_000_000.1234562, -3, True, "1.5", ["1"], 1e16)
FIELDS = (
    "path",
    "language",
    "kind",
    "session_part",
    "superseded_by",
    "commit",
    "file_hash",
    "conflicts_with",
    "code_hash",
    "other",
)


def metadata(draw: random.Random) -> dict[str, Any]:
    found = {name: draw.choice(VALUES) for name in FIELDS if draw.random() < 0.4}
    for name in ("expires_at", "created_at"):
        if draw.random() < 0.5:
            found[name] = draw.choice(TIMES)
    return found


def condition(draw: random.Random) -> dict[str, Any]:
    name = draw.choice((*FIELDS, "expires_at", "created_at"))
    values = TIMES if name.endswith("_at") else VALUES
    if name not in ("other", "expires_at", "created_at") and draw.random() < 0.8:
        values = STRINGS  # an index has only these
    plain = [value for value in (*values, "\ud800", "none") if not isinstance(value, list)]
    operator = draw.choice(("$eq", "$ne", "$in", "$nin", "$exists", "$gt", "$lte"))
    if operator == "$exists":
        return {name: {operator: draw.random() < 0.5}}
    if operator in ("$in", "$nin"):
        return {name: {operator: draw.sample(plain, draw.randrange(4))}}
    if operator in ("$gt", "$lte"):
        return {name: {operator: draw.choice((0, 1.5, 1_700_000_000.123456, 2**60, 1e300))}}
    return {name: {operator: draw.choice(plain)}}


def any_filter(draw: random.Random, depth: int = 2) -> dict[str, Any]:
    if depth == 0 or draw.random() < 0.4:
        return condition(draw)
    parts = [any_filter(draw, depth - 1) for _ in range(draw.randrange(1, 4))]
    return {draw.choice(("$and", "$or")): parts}


def rows(store: FAISSLocalStore, filter: dict[str, Any], *, scanned: bool, after: int = 0) -> list[int]:
    with store._connections.reader(snapshot=True) as connection:
        state = sql.read_state(connection, "n")
        assert state is not None
        find = sql.scanned_rows if scanned else sql.matching_rows
        return [int(row) for row in find(connection, state, parse_filter(filter), after)]


@pytest.fixture
def mixed(store: FAISSLocalStore) -> tuple[FAISSLocalStore, dict[str, dict[str, Any]]]:
    draw = random.Random(3)
    given = {f"r{i:04d}": metadata(draw) for i in range(300)}
    store.write("other", [record("x", "text", metadata(draw)) for _ in range(1)])
    store.write("n", [record(identifier, "text", values) for identifier, values in given.items()])
    again = {identifier: metadata(draw) for identifier in list(given)[::7]}
    store.write("n", [record(identifier, "text", values) for identifier, values in again.items()], ["r0001", "r0002"])
    given |= again
    del given["r0001"], given["r0002"]
    return store, given


def test_every_filter_has_the_same_records_with_and_without_the_indexes(
    mixed: tuple[FAISSLocalStore, dict[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, given = mixed
    draw = random.Random(4)
    used = 0
    for number in range(240):
        monkeypatch.setattr(lookups, "_FEW", draw.choice((0, 20, 1_000)))
        filter = any_filter(draw)
        node = parse_filter(filter)
        expected = [identifier for identifier, values in sorted(given.items()) if matches(node, values)]
        assert rows(store, filter, scanned=False) == rows(store, filter, scanned=True), filter
        assert [found.id for found in store.scan("n", filter, content=False)] == expected, filter
        if number % 3 == 0:
            assert store.count("n", filter) == len(expected)
            with store._connections.reader(snapshot=True) as connection:
                state = sql.read_state(connection, "n")
                assert state is not None
                used += lookups.find_rows(connection, state.number, node, lambda _, rows: rows) is not None
    assert used > 20  # of 80: the indexes did answer


def test_rows_above_a_row_are_the_same_with_and_without_the_indexes(
    mixed: tuple[FAISSLocalStore, dict[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = mixed
    monkeypatch.setattr(sql, "_READ_WHOLE", 0)
    for filter in (IS_NOTE, {"path": "a.py"}, {"$or": [NOT_A_CHUNK, {"path": {"$nin": ["a.py"]}}]}):
        assert rows(store, dict(filter), scanned=False, after=200) == rows(store, dict(filter), scanned=True, after=200)


@pytest.mark.parametrize(
    "filter",
    [chunks_of(["a.py"]), IS_CHUNK, IS_NOTE, IS_COMMIT, {"$or": [{"superseded_by": {"$exists": True}}]}],
    ids=["path", "chunk", "note", "commit", "superseded"],
)
def test_the_filters_of_every_day_are_answered_by_an_index(store: FAISSLocalStore, filter: Any) -> None:
    store.write("n", [record("a", "x", {"path": "a.py", "file_hash": "h"}), record("b", "x", {"kind": "decision"})])
    with store._connections.reader(snapshot=True) as connection:
        state = sql.read_state(connection, "n")
        assert state is not None
        assert lookups.find_rows(connection, state.number, parse_filter(filter), lambda _, rows: rows) is not None


def test_parts_counts_and_sorted_lists_are_those_of_whole_records(
    mixed: tuple[FAISSLocalStore, dict[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = mixed
    monkeypatch.setattr("aurora_dev.core.local.listing._SORTED_ALONE", 5)
    names = ("path", "created_at", 'no "such')
    for filter in (None, IS_CHUNK, IS_NOTE, {"kind": "a.py"}, {**IS_NOTE, "superseded_by": {"$exists": False}}):
        selected = sorted((found.id, str(found.metadata)) for found in store.select("n", names, filter))
        assert selected == sorted((r.id, str(r.metadata)) for r in VectorBackend.select(store, "n", names, filter))
        for fields in (("path", "language", "encoding"), ("kind",), ("other",)):
            assert store.tally("n", fields, filter) == VectorBackend.tally(store, "n", fields, filter)
        for after in (None, (1.5, "r0150"), (0.0, "r0150"), (-9.0, "")):
            found, total = store.newest("n", filter or {}, 7, after=after)
            expected, every = VectorBackend.newest(store, "n", filter or {}, 7, after=after)
            assert ([each.id for each in found], total) == ([each.id for each in expected], every)
            assert found == expected
    for prefix in ("r01", "r0299", "", "x", "\ud800"):
        assert store.find_ids("n", prefix, 5) == VectorBackend.find_ids(store, "n", prefix, 5)


def test_counts_of_plain_values_are_read_from_an_index(store: FAISSLocalStore) -> None:
    chunk = {"path": "a.py", "language": "python", "file_hash": "h", "kind": "function"}
    store.write("n", [record("a", "x", chunk), record("b", "x", chunk), record("c", "x", {"path": "a.py"})])
    store.write("n", [record("d", "x", {"kind": "decision", "superseded_by": "c"})])
    store.write("n", [record("e", "x", {"kind": "commit", "commit": "c"})])
    store.write("n", [record("f", "x", {"kind": "session", "session_part": "whole"})])
    with store._connections.reader() as connection:
        state = sql.read_state(connection, "n")
        assert state is not None
        files = lookups.tally(connection, state.number, ("path", "language", "encoding"), {"file_hash": True})
        assert files == {("a.py", "python", None): 2}
        kinds = lookups.tally(connection, state.number, ("kind",), {"file_hash": False, "commit": False})
        assert kinds == {(None,): 1, ("decision",): 1, ("session",): 1}
        absent = {"file_hash": False, "commit": False, "session_part": False}
        assert lookups.tally(connection, state.number, ("kind",), absent) == {(None,): 1, ("decision",): 1}
        current = {**absent, "superseded_by": False}
        assert lookups.tally(connection, state.number, ("kind",), current) == {(None,): 1}


def test_the_paths_of_later_writes_are_known_until_the_store_is_an_older_one(store: FAISSLocalStore) -> None:
    store.write("n", [record("a", "x", {"path": "a.py"}), record("b", "x", {"path": "b.py"})])
    before = store.stats("n").sequence
    assert store.paths_written_since("n", before) == set()
    store.write("n", [record("b", "y", {"path": "c.py"}), record("d", "x")], ["a"])
    store.write("other", [record("e", "x", {"path": "e.py"})])
    assert store.paths_written_since("n", before) == {"c.py"}
    assert store.paths_written_since("n", 0) == {"c.py"}
    assert store.paths_written_since("n", before + 99) is None
    assert store.paths_written_since("nowhere", 0) is None


def as_version_1(folder: Path) -> None:
    """Make a store what a version without indexes on metadata has written."""
    with sqlite3.connect(folder / "memory.db") as connection:
        for statement in lookups.INDEXES.split(";"):
            if statement.strip():
                connection.execute(f"DROP INDEX {statement.split()[2]}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    connection.close()


def test_an_older_store_gets_the_indexes_when_it_is_opened(path: Path, store: FAISSLocalStore) -> None:
    store.write("n", [record(f"r{i}", "text", {"path": f"{i % 3}.py", "file_hash": "h"}) for i in range(30)])
    before = list(store.scan("n"))
    store.close()
    as_version_1(path)
    with_indexes = FAISSLocalStore(path)
    assert list(with_indexes.scan("n")) == before
    assert len(list(with_indexes.scan("n", chunks_of(["1.py"])))) == 10
    assert with_indexes.describe()["schema_version"] == sqlite_schema.SCHEMA_VERSION
    with with_indexes._connections.reader() as connection:
        assert lookups.has_indexes(connection)
    with_indexes.close()


def test_an_older_store_that_cannot_be_written_is_read_without_indexes(
    path: Path, store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("n", [record(f"r{i}", "text", {"path": f"{i % 3}.py", "file_hash": "h"}) for i in range(30)])
    store.close()
    as_version_1(path)
    monkeypatch.setattr("os.access", lambda *_: False)
    unwritable = FAISSLocalStore(path)
    assert len(list(unwritable.scan("n", chunks_of(["1.py"])))) == 10
    assert unwritable.tally("n", ("path", "language"), IS_CHUNK)[("1.py", None)] == 10
    assert unwritable.values("n", "path") == {"0.py", "1.py", "2.py"}
    unwritable.close()


def test_a_backup_of_an_older_version_can_be_restored(path: Path, store: FAISSLocalStore, tmp_path: Path) -> None:
    store.write("n", [record("a", "text", {"path": "a.py", "file_hash": "h"})])
    store.close()
    as_version_1(path)
    (path / "memory.db").rename(tmp_path / "old.backup")
    fresh = FAISSLocalStore(path)
    assert fresh.restore(tmp_path / "old.backup").records == 1
    assert [found.id for found in fresh.scan("n", chunks_of(["a.py"]))] == ["a"]
    fresh.close()
