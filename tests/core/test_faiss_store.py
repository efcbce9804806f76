"""What is particular to the local store: its files, its snapshots, several users at once, SQLite's errors."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dev.core import derived_index, sqlite_records, sqlite_schema
from aurora_dev.core.faiss_index import VectorIndex
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import EmbedderInfo
from aurora_dev.errors import (
    ConfigurationError,
    SchemaVersionError,
    StoreClosedError,
    StoreCorruptError,
    StoreError,
    StoreLockedError,
    StoreUnwritableError,
)
from aurora_dev.testing.contract_support import DIMENSION, EMBEDDER, OTHER_EMBEDDER, ids, record, unit

RECORDS = [
    record(f"r{i:03d}", "seven dwarfs" if i == 7 else "common text", {"group": i % 5}, unit(1, i / 100))
    for i in range(300)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(path: Path) -> Iterator[FAISSLocalStore]:
    store = FAISSLocalStore(path)
    store.set_embedder(EMBEDDER)
    yield store
    store.close()


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


EXPECTED = (["r000", "r001", "r002", "r003", "r004"], ["r007"])


# Files


def test_the_folder_is_the_owner_s_alone_and_ignores_itself_in_git(path: Path, store: FAISSLocalStore) -> None:
    assert (path / ".gitignore").read_text(encoding="utf-8") == "*\n"
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_deleted_or_replaced_record_leaves_no_vector_behind(path: Path, store: FAISSLocalStore) -> None:
    store.write("n", RECORDS[:20])
    store.write("n", [record("r000", "x", {}, unit(1)), record("r001", "without")], ["r002"])
    store.delete_where("n", {"group": 3})
    with sqlite3.connect(path / "memory.db") as connection:
        (vectors,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
    connection.close()
    assert vectors == store.stats("n").vectors == 20 - 2 - 4


def test_a_gitignore_that_is_there_is_left_alone(path: Path) -> None:
    path.mkdir()
    (path / ".gitignore").write_text("mine", encoding="utf-8")
    FAISSLocalStore(path).close()
    assert (path / ".gitignore").read_text(encoding="utf-8") == "mine"


def test_a_path_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StoreUnwritableError, match="file"):
        FAISSLocalStore(tmp_path / "file")
    with pytest.raises(StoreUnwritableError):
        FAISSLocalStore(tmp_path / "file" / "below")


def test_opening_writing_and_counting_load_no_index(path: Path) -> None:
    program = f"""
import sys
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Record
store = FAISSLocalStore({str(path)!r})
store.write("n", [Record("a", "x", {{"k": 1}})])
assert store.count("n") == store.count("n", {{"k": 1}}) == store.stats("n").records == 1
store.describe(), store.fetch("n", ["a"]), list(store.scan("n")), store.close()
assert "faiss" not in sys.modules, "faiss was imported"
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("timeout", [0, -1, True, "30", float("nan")])
def test_a_busy_timeout_is_seconds_above_zero(path: Path, timeout: Any) -> None:
    with pytest.raises(ConfigurationError):
        FAISSLocalStore(path, busy_timeout=timeout)


def test_describe_tells_kind_place_size_and_schema(path: Path, store: FAISSLocalStore) -> None:
    store.write("n", RECORDS)
    facts = store.describe()
    assert facts["kind"] == "faiss" and facts["path"] == str(path) and facts["bytes"] > 10_000
    assert facts["index"] == {"n": "exact"} and facts["schema_version"] == sqlite_schema.SCHEMA_VERSION


# Snapshots


def test_records_outlive_the_process_s_store(saved: Path) -> None:
    assert found(saved) == EXPECTED


def test_a_snapshot_spares_reading_the_vectors_again(saved: Path) -> None:
    with sqlite3.connect(saved / "memory.db") as connection:
        connection.execute("UPDATE vectors SET vector = zeroblob(length(vector))")
    connection.close()
    assert found(saved)[0] == EXPECTED[0]
    for snapshot in (saved / "index").glob("*.vector"):
        snapshot.unlink()
    store = FAISSLocalStore(saved)
    assert {match.score for match in store.vector_query("n", unit(1), 5)} == {0.0}
    store.close()


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
def test_a_damaged_snapshot_costs_a_rebuild_and_no_error(
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


def test_an_index_that_the_log_of_deletions_no_longer_reaches_is_rebuilt(
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


def test_a_deleted_and_refilled_namespace_is_not_mixed_with_its_past(saved: Path) -> None:
    store = FAISSLocalStore(saved)
    assert store.delete_namespace("n") == len(RECORDS)
    store.write("n", [record("z", "seven", {}, unit(1))])
    store.close()
    assert found(saved) == (["z"], ["z"])


def test_an_unwritable_snapshot_folder_is_logged_and_otherwise_ignored(
    path: Path, store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(derived_index, "SAVE_AFTER_REFRESH", 0.0)
    (path / "index").write_text("in the way", encoding="utf-8")
    store.write("n", RECORDS)
    with caplog.at_level(logging.WARNING):
        store.refresh("n")
        assert ids(store.vector_query("n", unit(1), 5)) == EXPECTED[0]
        store.close()
    assert "index.snapshot_not_saved" in caplog.text
    assert (path / "index").read_text(encoding="utf-8") == "in the way"


def test_small_writes_and_searches_write_no_snapshot(path: Path, store: FAISSLocalStore) -> None:
    for i in range(5):
        store.write("n", [record(f"{i}", "word", {}, unit(1))])
        assert len(store.vector_query("n", unit(1), 10)) == i + 1
    assert not (path / "index").exists()


def test_an_index_that_knows_rows_that_never_were_is_built_again(saved: Path) -> None:
    # As after restoring the database alone from a backup: the snapshot is of a history that did not happen.
    with sqlite3.connect(saved / "memory.db") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM records WHERE id = 'r000'")
        connection.execute("UPDATE namespaces SET records = records - 1, vectors = vectors - 1")
    connection.close()
    assert found(saved)[0] == ["r001", "r002", "r003", "r004", "r005"]


# Several users at once


def test_two_stores_on_one_path_see_each_other_s_writes(path: Path, store: FAISSLocalStore) -> None:
    other = FAISSLocalStore(path)
    assert other.embedder() == EMBEDDER
    for writer, reader in ((store, other), (other, store)) * 3:
        writer.write("n", [record("a", "alpha", {"k": 1}, unit(1)), record("b", "beta", {"k": 1}, unit(1, 1))])
        assert ids(reader.vector_query("n", unit(1), 5)) == ["a", "b"]
        assert ids(reader.keyword_query("n", "beta", 5)) == ["b"]
        assert reader.count("n", {"k": 1}) == 2
        writer.write("n", [record("b", "gamma", {"k": 2}, unit(-1))], ["a"])
        assert ids(reader.vector_query("n", unit(1), 5)) == ["b"]
        assert ids(reader.vector_query("n", unit(1), 5, {"k": 1})) == []
        assert reader.keyword_query("n", "beta", 5) == []
        assert reader.count("n", {"k": 1}) == 0
        writer.delete_namespace("n")
        assert reader.vector_query("n", unit(1), 5) == []
    store.write("n", [record("a", "alpha", {}, unit(1))])
    assert len(other.vector_query("n", unit(1), 5)) == 1
    store.set_embedder(OTHER_EMBEDDER)
    assert other.embedder() == OTHER_EMBEDDER and other.vector_query("n", unit(1), 5) == []
    other.close()


def test_threads_may_write_and_search_one_store_at_once(store: FAISSLocalStore) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(6)

    def write(worker: int) -> None:
        for i in range(25):
            name = f"{worker}-{i}"
            store.write("n", [record(name, f"shared text {name}", {"worker": worker}, unit(1, worker, i))])
            if i % 5 == 4:
                store.write("n", deletes=[f"{worker}-{i - 1}"])
            assert store.fetch("n", [name])

    def search(_: int) -> None:
        for _ in range(40):
            for matches in (
                store.vector_query("n", unit(1), 10),
                store.keyword_query("n", "shared", 10),
                store.vector_query("n", unit(1), 10, {"worker": 1}),
            ):
                assert len({match.record.id for match in matches}) == len(matches)

    def run(work: Callable[[int], None], worker: int) -> None:
        try:
            start.wait()
            work(worker)
        except BaseException as error:  # reported by the main thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(write if i < 3 else search, i)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert store.count("n") == len(list(store.scan("n"))) == 3 * 20
    assert len(store.vector_query("n", unit(1), 1000)) == 60
    assert len(store.keyword_query("n", "shared", 1000)) == 60


def test_many_short_lived_threads_leave_few_connections(store: FAISSLocalStore) -> None:
    for _ in range(40):
        thread = threading.Thread(target=store.count, args=("n",))
        thread.start()
        thread.join()
    assert len(store._connections._idle) <= 2


def test_a_search_that_is_overtaken_by_writers_still_finds_every_lasting_record(
    path: Path, store: FAISSLocalStore
) -> None:
    store.write("n", [record(f"s{i}", "stable word", {"k": 1}, unit(1)) for i in range(5)])
    other = FAISSLocalStore(path)
    stop = threading.Event()

    def churn() -> None:
        i = 0
        while not stop.is_set():
            # Near enough to be among the candidates, and replaced all the time.
            other.write("n", [record("moving", f"stable word {i}", {"k": 1}, unit(1, 0.1))])
            i += 1

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(60):
            got = ids(store.vector_query("n", unit(1), 6, {"k": 1}))
            assert got[:5] == [f"s{i}" for i in range(5)]
    finally:
        stop.set()
        thread.join()
        other.close()


@pytest.mark.parametrize("stage", ["filter", "records"])
def test_a_record_that_is_replaced_in_the_middle_of_a_search_is_found(
    path: Path, store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    store.write("n", [record("a", "word", {"k": 1}, unit(1)), record("b", "word", {"k": 1}, unit(1, 1))])
    other = FAISSLocalStore(path)
    for query in (lambda: store.vector_query("n", unit(1), 5, {"k": 1}), lambda: store.keyword_query("n", "word", 5)):
        assert ids(query()) == ["a", "b"]
    replaced: list[int] = []

    def interrupt(part: Any, name: str) -> None:
        real = getattr(part, name)

        def overtaken(*arguments: Any) -> Any:
            if not replaced:
                replaced.append(1)
                other.write("n", [record("a", "word", {"k": 1}, unit(1))])
            return real(*arguments)

        monkeypatch.setattr(part, name, overtaken)

    if stage == "filter":
        interrupt(store._filters, "rows")
    else:
        store._records._entries.clear()
        interrupt(store._records, "read")
    assert ids(store.vector_query("n", unit(1), 5, {"k": 1})) == ["a", "b"]
    assert replaced
    other.close()


def test_a_writer_that_waits_too_long_is_told_so_and_readers_do_not_wait(path: Path, store: FAISSLocalStore) -> None:
    store.write("n", RECORDS[:3])
    hurried = FAISSLocalStore(path, busy_timeout=0.05)
    blocker = sqlite3.connect(path / "memory.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLockedError, match="busy_timeout"):
        hurried.write("n", [record("late", "x")])
    assert hurried.count("n") == 3 and len(hurried.vector_query("n", unit(1), 5)) == 3
    blocker.execute("ROLLBACK")
    blocker.close()
    hurried.write("n", [record("late", "x")])
    assert hurried.count("n") == 4
    hurried.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_uses_the_store_beside_its_parent(path: Path) -> None:
    program = f"""
import os
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import EmbedderInfo, Record
import numpy as np
store = FAISSLocalStore({str(path)!r})
store.set_embedder(EmbedderInfo("x", 2, "f"))
vector = np.array([1, 0], dtype=np.float32)
store.write("n", [Record("parent", "text", {{}}, vector)])
assert len(store.vector_query("n", vector, 5)) == 1
child = os.fork()
for i in range(20):
    store.write("n", [Record(f"{{bool(child)}}-{{i}}", "text", {{}}, vector)])
    assert len(store.vector_query("n", vector, 50)) > i + 1
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert len(store.vector_query("n", vector, 50)) == store.count("n") == 41
store.close()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_stores_that_are_created_at_the_same_moment_do_not_disturb_each_other(path: Path) -> None:
    stores: list[FAISSLocalStore | BaseException] = []
    start = threading.Barrier(6)

    def create() -> None:
        start.wait()
        try:
            stores.append(FAISSLocalStore(path))
        except BaseException as error:  # reported by the main thread
            stores.append(error)

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    opened = [store for store in stores if isinstance(store, FAISSLocalStore)]
    assert len(opened) == 6, stores
    for i, store in enumerate(opened):
        store.write("n", [record(f"{i}", "x")])
    assert opened[0].count("n") == 6
    for store in opened:
        store.close()


def test_opening_waits_for_a_process_that_is_just_creating_the_store(path: Path) -> None:
    path.mkdir()
    # SQLite itself does not wait when it finds such a lock while it switches to a write-ahead log.
    creator = sqlite3.connect(path / "memory.db", isolation_level=None, check_same_thread=False)
    creator.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, lambda: creator.execute("ROLLBACK"))
    timer.start()
    store = FAISSLocalStore(path)
    timer.join()
    creator.close()
    store.write("n", [record("a", "x")])
    assert store.count("n") == 1
    store.close()


def test_writers_of_two_stores_take_turns(path: Path, store: FAISSLocalStore) -> None:
    other = FAISSLocalStore(path)
    failures: list[BaseException] = []

    def write(writer: FAISSLocalStore, name: str) -> None:
        try:
            for i in range(60):
                writer.write("n", [record(f"{name}{i}", "x"), record("shared", name)], [f"{name}{i - 1}"])
        except BaseException as error:  # reported by the main thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=pair) for pair in ((store, "a"), (other, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [r.id for r in other.scan("n")] == ["a59", "b59", "shared"]
    assert store.stats("n").records == 3 and store.stats("n").sequence == 120
    other.close()


# Errors


def test_a_closed_store_says_so_whatever_is_asked(store: FAISSLocalStore) -> None:
    store.write("n", RECORDS[:3])
    store.vector_query("n", unit(1), 1)
    store.close()
    for call in (
        store.embedder,
        lambda: store.set_embedder(EMBEDDER),
        lambda: store.write("n", [record("a", "x")]),
        lambda: store.fetch("n", ["a"]),
        lambda: store.delete_where("n", {}),
        lambda: store.vector_query("n", unit(1), 1),
        lambda: store.keyword_query("n", "x", 1),
        lambda: list(store.scan("n")),
        lambda: store.missing_vectors("n", 1),
        lambda: store.count("n"),
        lambda: store.count("n", {"k": 1}),
        store.namespaces,
        lambda: store.delete_namespace("n"),
        lambda: store.stats("n"),
        store.describe,
        lambda: store.refresh("n"),
    ):
        with pytest.raises(StoreClosedError):
            call()


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


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_file_that_is_no_database_is_reported_as_damaged(path: Path, content: bytes) -> None:
    path.mkdir()
    (path / "memory.db").write_bytes(content)
    with pytest.raises(StoreCorruptError, match="backup"):
        FAISSLocalStore(path)
    assert (path / "memory.db").read_bytes() == content


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.mkdir()
    with sqlite3.connect(path / "memory.db") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreCorruptError, match="another program"):
        FAISSLocalStore(path)


def test_damage_within_the_database_is_reported_with_what_to_do(saved: Path) -> None:
    data = bytearray((saved / "memory.db").read_bytes())
    for page in range(2, len(data) // 8192):
        data[page * 8192 : page * 8192 + 64] = b"\xff" * 64
    (saved / "memory.db").write_bytes(bytes(data))
    store = FAISSLocalStore(saved)
    with pytest.raises(StoreCorruptError, match="index the project again"):
        for r in store.scan("n"):
            store.fetch("n", [r.id], vectors=True)
    store.close()


@pytest.mark.skipif(os.name != "posix", reason="needs a file-size limit")
def test_a_full_disk_keeps_earlier_writes_and_later_ones_work_again(path: Path) -> None:
    program = f"""
import resource
import numpy as np
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Record
from aurora_dev.errors import StoreFullError
store = FAISSLocalStore({str(path)!r})
store.write("n", [Record(f"a{{i}}", "x" * 500, {{}}) for i in range(50)])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
try:
    store.write("n", [Record(f"b{{i}}", "y" * 5000, {{}}) for i in range(2000)])
    raise SystemExit("no error")
except StoreFullError as error:
    assert "Free disk space" in str(error), error
assert store.count("n") == len(list(store.scan("n"))) == 50
assert len(store.keyword_query("n", "x" * 500, 100)) in (0, 50)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.write("n", [Record("c", "z", {{}})])
store.close()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    store = FAISSLocalStore(path)
    assert store.count("n") == 51
    store.close()


# The vector index


def test_a_store_that_outgrows_exact_search_becomes_approximate_and_shrinks_back(
    store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_dev.core.faiss_index.EXACT_LIMIT", 400)
    vectors = _clustered(1500, seed=1)
    store.write("n", [record(f"{i:04d}", "x", {"i": i}, vectors[i]) for i in range(300)])
    assert ids(store.vector_query("n", vectors[7], 1)) == ["0007"]
    store.write("n", [record(f"{i:04d}", "x", {"i": i}, vectors[i]) for i in range(300, 1500)])
    with store._vector_index("n").current() as current:
        assert current is not None and not current[0].is_exact
    hits = sum(
        len(set(ids(store.vector_query("n", query, 10))) & set(_oracle(vectors, query, 10)))
        for query in _clustered(50, seed=2)
    )
    assert hits >= 0.95 * 500
    assert store.vector_query("n", vectors[9], 1)[0].score == pytest.approx(1.0, abs=1e-6)
    assert len(store.vector_query("n", vectors[9], 40, {"i": {"$gte": 1460}})) == 40
    assert store.delete_where("n", {"i": {"$gte": 100}}) == 1400
    assert ids(store.vector_query("n", vectors[7], 100)) == _oracle(vectors[:100], vectors[7], 100)
    with store._vector_index("n").current() as current:
        assert current is not None and current[0].is_exact


def test_an_approximate_index_finds_k_among_the_allowed_whenever_they_exist() -> None:
    vectors = _clustered(2000, seed=3)
    rows = np.arange(10, 2010, dtype=np.int64)
    index = VectorIndex(DIMENSION, sample=vectors[::2], expected=2000)
    index.add(rows, vectors)
    rng = np.random.default_rng(4)
    for share in (1, 5, 50, 500, 1990):
        allowed = np.sort(rng.choice(rows, size=share, replace=False))
        got, scores = index.search(vectors[0], 20, allowed)
        assert len(set(got.tolist())) == min(20, share) and set(got.tolist()) <= set(allowed.tolist())
        assert (np.diff(scores) <= 0).all()
    assert len(set(index.search(vectors[0], 1500)[0].tolist())) == 1500
    got, _ = index.search(vectors[0], 3, np.array([5, 11, 99_999], dtype=np.int64))
    assert got.tolist() == [11]


@pytest.mark.parametrize("approximate", [False, True])
def test_a_vector_index_comes_back_from_its_snapshot_as_it_was(tmp_path: Path, approximate: bool) -> None:
    vectors = _clustered(1000, seed=5)
    index = VectorIndex(DIMENSION, sample=vectors if approximate else None, expected=1000 if approximate else 0)
    index.add(np.arange(1000, dtype=np.int64), vectors)
    index.remove(np.array([3, 4, 5_000], dtype=np.int64))
    index.save(tmp_path / "x.vector", {"sequence": 7})
    again, header = VectorIndex.load(tmp_path / "x.vector")
    assert header["sequence"] == 7 and len(again) == 998 and again.is_exact is not approximate
    for query in vectors[:5]:
        for a, b in zip(index.search(query, 10), again.search(query, 10), strict=True):
            assert a.tolist() == b.tolist()
    again.add(np.array([2_000], dtype=np.int64), vectors[3:4])
    assert again.search(vectors[3], 1)[0].tolist() == [2_000]
    assert [file.name for file in tmp_path.iterdir()] == ["x.vector"]


def test_a_header_that_was_altered_is_not_believed(tmp_path: Path) -> None:
    index = VectorIndex(DIMENSION)
    index.add(np.array([1], dtype=np.int64), unit(1)[None])
    index.save(tmp_path / "x.vector", {"sequence": 12})
    data = (tmp_path / "x.vector").read_bytes()
    assert data.count(b'"sequence": 12') == 1
    (tmp_path / "x.vector").write_bytes(data.replace(b'"sequence": 12', b'"sequence": 13'))
    with pytest.raises(ValueError, match="damaged"):
        VectorIndex.load(tmp_path / "x.vector")


def test_what_a_dead_process_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    old, fresh = tmp_path / "x.vector.1-ab.tmp", tmp_path / "x.vector.2-cd.tmp"
    for file in (old, fresh):
        file.write_bytes(b"x")
    os.utime(old, (1, 1))
    VectorIndex(DIMENSION).save(tmp_path / "x.vector", {})
    assert not old.exists() and fresh.exists()


def test_the_index_of_a_wider_embedder_has_its_dimension(store: FAISSLocalStore) -> None:
    store.write("n", [record("a", "x", {}, unit(1))])
    assert len(store.vector_query("n", unit(1), 1)) == 1
    store.set_embedder(EmbedderInfo("wide", 3, "w"))
    store.write("n", [record("b", "x", {}, np.array([0, 1, 0], dtype=np.float32))])
    assert ids(store.vector_query("n", np.array([0, 1, 1], dtype=np.float32), 5)) == ["b"]


def _clustered(count: int, seed: int) -> Any:
    centres = np.random.default_rng(0).normal(size=(20, DIMENSION))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, 20, size=count)] + 0.4 * rng.normal(size=(count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _oracle(vectors: Any, query: Any, top_k: int) -> list[str]:
    scores = np.multiply(vectors, query, dtype=np.float64).sum(axis=1)
    return [f"{i:04d}" for i in np.lexsort((np.arange(len(scores)), -scores))[:top_k]]
