"""Snapshots, schema versions and damage: what a local store finds when it is opened again."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local import derived as derived_index
from aurora_dev.core.local import records as sqlite_records
from aurora_dev.core.local import schema as sqlite_schema
from aurora_dev.core.local.index_kinds import VectorKind
from aurora_dev.errors import (
    SchemaVersionError,
    StoreCorruptError,
    StoreError,
)
from aurora_dev.testing.contract_support import EMBEDDER, OTHER_EMBEDDER, ids, record, unit

RECORDS = [
    record(f"r{i:03d}", "seven dwarfs" if i == 7 else "common text", {"group": i % 5}, unit(1, i / 100))
    for i in range(300)
]


@pytest.fixture
def saved(path: Path, store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a closed store with `RECORDS` and snapshots of both indexes."""
    monkeypatch.setattr(derived_index, "SAVE_AFTER_REFRESH", 0.0)
    store.write("n", RECORDS)
    store.close()
    assert sorted(file.suffix for file in (path / "index").iterdir()) == [".keyword", ".vector"]
    return path


def found(path: Path) -> tuple[list[str], list[str]]:
    """Return what a newly opened store finds, by vector and by keyword."""
    store = FAISSLocalStore(path)
    try:
        return ids(store.vector_query("n", unit(1), 5)), ids(store.keyword_query("n", "seven", 5))
    finally:
        store.close()


def lowest_score(path: Path) -> float:
    """Return the lowest score of a vector query in a newly opened store; 0 where the vectors are zeros."""
    store = FAISSLocalStore(path)
    try:
        return min(match.score for match in store.vector_query("n", unit(1), 5))
    finally:
        store.close()


EXPECTED = (["r000", "r001", "r002", "r003", "r004"], ["r007"])


def test_records_are_found_after_reopening(saved: Path) -> None:
    assert found(saved) == EXPECTED


def test_a_snapshot_spares_reading_the_vectors_again(saved: Path) -> None:
    with sqlite3.connect(saved / "memory.db") as connection:
        connection.execute("UPDATE vectors SET vector = zeroblob(length(vector))")
    connection.close()
    assert found(saved)[0] == EXPECTED[0]
    assert lowest_score(saved) > 0.9
    for snapshot in (saved / "index").glob("*.vector"):
        snapshot.unlink()
    assert lowest_score(saved) == 0.0


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(place: float) -> Callable[[bytes], bytes]:
    def flip(data: bytes) -> bytes:
        at = int(place * (len(data) - 1))
        return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]

    return flip


@pytest.mark.parametrize("suffix", [".vector", ".keyword"])
@pytest.mark.parametrize(
    "damage",
    [None, _cut, lambda _: b"", lambda _: b"garbage" * 99, *map(_flip, (0.0, 0.001, 0.004, 0.02, 0.3, 0.7, 1.0))],
    ids=["missing", "cut", "empty", "garbage", *(f"flip-{p}" for p in (0.0, 0.001, 0.004, 0.02, 0.3, 0.7, 1.0))],
)
def test_a_damaged_snapshot_is_rebuilt_without_an_error(
    saved: Path, suffix: str, damage: Callable[[bytes], bytes] | None
) -> None:
    (snapshot,) = (saved / "index").glob(f"*{suffix}")
    original = snapshot.read_bytes()
    if damage is None:
        snapshot.unlink()
    else:
        snapshot.write_bytes(damage(original))
    assert found(saved) == EXPECTED
    assert len(snapshot.read_bytes()) == len(original), "a good snapshot takes its place"


def test_a_snapshot_of_another_store_is_not_used(saved: Path, tmp_path: Path) -> None:
    other = FAISSLocalStore(tmp_path / "other")
    other.set_embedder(EMBEDDER)
    # As many rows, so that the snapshots would fit.
    other.write("n", [record(r.id, "seven" if r.id == "r299" else "x", {}, unit(1, -i)) for i, r in enumerate(RECORDS)])
    other.close()
    (tmp_path / "other" / "index").mkdir(exist_ok=True)
    for snapshot in (saved / "index").iterdir():
        (tmp_path / "other" / "index" / snapshot.name).write_bytes(snapshot.read_bytes())
    assert found(tmp_path / "other") == (["r000", "r001", "r002", "r003", "r004"], ["r299"])
    store = FAISSLocalStore(tmp_path / "other")
    assert store.vector_query("n", unit(1), 2)[1].score == pytest.approx(0.5**0.5)
    store.close()


def test_a_stale_snapshot_is_caught_up(saved: Path) -> None:
    store = FAISSLocalStore(saved)
    store.write("n", [record("new", "seven seven", {}, unit(1))], ["r000"])
    store.write("n", [record("r001", "changed", {}, unit(-1))])
    store._connections.close()  # as a process that ends without close()
    assert found(saved) == (["new", "r002", "r003", "r004", "r005"], ["new", "r007"])


def test_an_index_is_rebuilt_if_the_log_of_deletions_does_not_reach_back(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_records, "DELETION_LOG_LIMIT", 20)
    store = FAISSLocalStore(saved)
    for i in range(5, 60):
        store.write("n", deletes=[f"r{i:03d}"])
    with sqlite3.connect(saved / "memory.db") as connection:
        (logged,) = connection.execute("SELECT count(*) FROM deletions").fetchone()
        assert connection.execute("SELECT logged FROM namespaces").fetchone() == (logged,)
    connection.close()
    assert 10 <= logged <= 20
    assert store.delete_where("n", {"group": {"$in": [0, 1]}}) > 20
    store.write("n", [record("r007", "seven", {}, unit(0.5, 1))])
    store.close()
    assert found(saved) == (["r002", "r003", "r004", "r062", "r063"], ["r007"])


def test_a_deleted_and_refilled_namespace_holds_only_new_records(saved: Path) -> None:
    store = FAISSLocalStore(saved)
    assert store.delete_namespace("n") == len(RECORDS)
    store.write("n", [record("z", "seven", {}, unit(1))])
    store.close()
    assert found(saved) == (["z"], ["z"])


def test_an_unwritable_snapshot_folder_is_logged_and_otherwise_ignored(
    path: Path, store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(derived_index, "SAVE_AFTER_REFRESH", 0.0)
    store.write("n", RECORDS)
    store.refresh("n")
    for snapshot in list((path / "index").iterdir()):
        snapshot.unlink()
        (snapshot / "in the way").mkdir(parents=True)
    store.write("n", RECORDS[:1])
    with caplog.at_level(logging.WARNING):
        store.refresh("n")
        assert ids(store.vector_query("n", unit(1), 5)) == EXPECTED[0]
        store.close()
    assert "index.snapshot_not_saved" in caplog.text
    assert all((snapshot / "in the way").is_dir() for snapshot in (path / "index").iterdir())


def test_a_file_in_place_of_the_snapshot_folder_is_named_once_and_searches_work(
    saved: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(saved / "index")
    (saved / "index").write_text("in the way", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert found(saved) == EXPECTED
    assert len(caplog.records) == 1
    assert "is not a folder" in caplog.text
    assert str(saved / "index") in caplog.text
    assert (saved / "index").read_text(encoding="utf-8") == "in the way"


def test_small_writes_and_searches_write_no_snapshot(path: Path, store: FAISSLocalStore) -> None:
    for i in range(5):
        store.write("n", [record(f"{i}", "word", {}, unit(1))])
        assert len(store.vector_query("n", unit(1), 10)) == i + 1
    assert not (path / "index").exists()


def _restored(database: bytes, path: Path) -> FAISSLocalStore:
    for file in path.glob("memory.db*"):
        file.unlink()
    (path / "memory.db").write_bytes(database)
    return FAISSLocalStore(path)


@pytest.mark.parametrize("marked", [True, False], ids=["backup", "backup-of-an-earlier-version"])
def test_snapshots_of_commits_that_a_restored_backup_lost_are_not_used(saved: Path, marked: bool) -> None:
    backup = (saved / "memory.db").read_bytes()
    store = FAISSLocalStore(saved)
    store.write("n", [record("lost", "seven", {}, unit(1))], ["r000"])
    store.write("n", [record("lost too", "seven", {}, unit(1))], ["r001"])
    store.refresh("n")
    store.close()
    store = _restored(backup, saved)
    if not marked:  # the first versions logged no marks
        with store._connections.writer() as connection:
            connection.execute("DELETE FROM deletions WHERE row < 0")
            connection.execute("UPDATE namespaces SET logged = 0")
    # As many commits, rows and deletions as were lost: nothing but the marks tells the histories apart.
    store.write("n", [record("new", "eight", {}, unit(-1))], ["r298"])
    store.write("n", [record("newer", "eight", {}, unit(-1))], ["r299"])
    store._connections.close()  # as a process that ends without close()
    assert found(saved) == EXPECTED


def test_a_snapshot_of_a_commit_that_a_restored_backup_has_is_caught_up(saved: Path) -> None:
    backup = (saved / "memory.db").read_bytes()
    store = _restored(backup, saved)
    store.write("n", [record("new", "seven seven", {}, unit(1))], ["r000"])
    store._connections.close()
    with sqlite3.connect(saved / "memory.db") as connection:
        connection.execute("UPDATE vectors SET vector = zeroblob(length(vector)) WHERE row <= 300")
    connection.close()
    assert found(saved) == (["new", "r001", "r002", "r003", "r004"], ["new", "r007"])
    assert lowest_score(saved) > 0.9


def test_stores_and_snapshots_of_a_version_without_marks_are_used_as_before(saved: Path) -> None:
    with sqlite3.connect(saved / "memory.db") as connection:
        connection.execute("DELETE FROM deletions WHERE row < 0")
        connection.execute("UPDATE namespaces SET logged = 0, sequence = sequence + 1")
    connection.close()
    assert found(saved) == EXPECTED
    for snapshot in (saved / "index").iterdir():  # written again, without a mark
        assert b'"mark":0' in snapshot.read_bytes().replace(b" ", b"")
    with sqlite3.connect(saved / "memory.db") as connection:
        connection.execute("UPDATE vectors SET vector = zeroblob(length(vector))")
    connection.close()
    assert found(saved) == EXPECTED
    assert lowest_score(saved) > 0.9


def test_another_embedder_marks_its_commit_in_every_namespace(saved: Path) -> None:
    store = FAISSLocalStore(saved)
    store.write("m", [record("a", "x")])
    store.set_embedder(OTHER_EMBEDDER)
    with store._connections.reader() as connection:
        for name in ("n", "m"):
            state = sqlite_records.read_state(connection, name)
            assert state is not None
            marks = [sqlite_records.read_mark(connection, state, s) for s in range(1, state.sequence + 1)]
            assert len(set(marks)) == 2
            assert max(marks) < 0
    store.close()


def test_a_copy_by_vacuum_gets_its_write_ahead_log_back(saved: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "memory.db"
    copy.parent.mkdir()
    with sqlite3.connect(saved / "memory.db") as source:
        source.execute(f"VACUUM INTO '{copy}'")
    source.close()
    reading = sqlite3.connect(copy, isolation_level=None)
    assert reading.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    reading.execute("BEGIN")
    reading.execute("SELECT count(*) FROM records").fetchone()
    started = time.perf_counter()
    assert found(copy.parent) == EXPECTED  # in use by a reader: the switch would have to wait for its end
    assert time.perf_counter() - started < 15  # and did not, of the 30 seconds that it might have
    reading.execute("ROLLBACK")
    reading.close()
    store = FAISSLocalStore(copy.parent)
    with store._connections.reader() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        store.write("n", [record("new", "x")])  # does not wait for the reader
    assert store.count("n") == len(RECORDS) + 1
    store.close()


def test_an_index_with_rows_that_do_not_exist_is_rebuilt(saved: Path) -> None:
    # As after restoring the database alone from a backup: the snapshot is of a history that did not happen.
    with sqlite3.connect(saved / "memory.db") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM records WHERE id = 'r000'")
        connection.execute("UPDATE namespaces SET records = records - 1, vectors = vectors - 1")
    connection.close()
    assert found(saved)[0] == ["r001", "r002", "r003", "r004", "r005"]


def test_a_namespace_that_counts_more_records_than_it_holds_is_reported_as_damaged(saved: Path) -> None:
    shutil.rmtree(saved / "index")
    with sqlite3.connect(saved / "memory.db") as connection:
        connection.execute("UPDATE namespaces SET records = records + 1, vectors = vectors + 1")
    connection.close()
    store = FAISSLocalStore(saved)
    for query in (lambda: store.vector_query("n", unit(1), 5), lambda: store.keyword_query("n", "seven", 5)):
        with pytest.raises(StoreCorruptError, match="malformed"):
            query()  # type: ignore[no-untyped-call]
    store.close()


def test_an_index_that_could_not_be_caught_up_is_built_again_and_holds_nothing_twice(
    saved: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = FAISSLocalStore(saved)
    assert ids(store.vector_query("n", unit(1), 5)) == EXPECTED[0]
    store.write("n", [record("new", "seven", {}, unit(1))], ["r000"])
    extend = VectorKind.extend

    def fail_half_way(*arguments: Any) -> int:
        extend(*arguments)
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(VectorKind, "extend", fail_half_way)
        with pytest.raises(StoreError, match="disk I/O"):
            store.vector_query("n", unit(1), 5)
    with caplog.at_level(logging.WARNING):
        assert ids(store.vector_query("n", unit(1), 5)) == ["new", "r001", "r002", "r003", "r004"]
    assert "index.miscounted" not in caplog.text
    store.close()


def test_a_newer_schema_is_refused_and_left_alone(saved: Path) -> None:
    newer = sqlite_schema.SCHEMA_VERSION + 1
    with sqlite3.connect(saved / "memory.db") as connection:
        connection.execute(f"PRAGMA user_version = {newer}")
    connection.close()
    before = (saved / "memory.db").read_bytes()
    with pytest.raises(SchemaVersionError, match="pip install"):
        FAISSLocalStore(saved)
    assert (saved / "memory.db").read_bytes() == before


def test_an_older_schema_is_migrated_in_one_transaction(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = sqlite_schema.SCHEMA_VERSION
    monkeypatch.setattr(sqlite_schema, "SCHEMA_VERSION", version + 1)
    monkeypatch.setitem(
        sqlite_schema._MIGRATIONS, version, "CREATE TABLE fresh (x); INSERT INTO fresh VALUES (1); INSERT INTO nowhere"
    )
    with pytest.raises(StoreError):
        FAISSLocalStore(saved)
    monkeypatch.setitem(sqlite_schema._MIGRATIONS, version, "CREATE TABLE fresh (x); INSERT INTO fresh VALUES (1);")
    assert found(saved) == EXPECTED
    with sqlite3.connect(saved / "memory.db") as connection:
        assert connection.execute("SELECT x FROM fresh").fetchall() == [(1,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (version + 1,)
    connection.close()


def test_damage_within_the_database_is_reported_with_what_to_do(saved: Path) -> None:
    data = bytearray((saved / "memory.db").read_bytes())
    for page in range(2, len(data) // 8192):
        data[page * 8192 : page * 8192 + 64] = b"\xff" * 64
    (saved / "memory.db").write_bytes(bytes(data))
    store = FAISSLocalStore(saved)
    with pytest.raises(StoreCorruptError, match="index the project again"):  # noqa: PT012
        for r in store.scan("n"):
            store.fetch("n", [r.id], vectors=True)
    store.close()
