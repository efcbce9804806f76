"""Several threads, stores and processes on one local store."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.errors import (
    StoreLockedError,
)
from aurora_dev.testing.contract_support import EMBEDDER, OTHER_EMBEDDER, ids, record, unit

RECORDS = [
    record(f"r{i:03d}", "seven dwarfs" if i == 7 else "common text", {"group": i % 5}, unit(1, i / 100))
    for i in range(300)
]


def test_two_stores_on_one_path_see_the_writes_of_each_other(path: Path, store: FAISSLocalStore) -> None:
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
    assert other.embedder() == OTHER_EMBEDDER
    assert other.vector_query("n", unit(1), 5) == []
    other.close()


def test_threads_write_and_search_one_store_at_once(store: FAISSLocalStore) -> None:
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
        except BaseException as error:  # noqa: BLE001 - reported by the main thread
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


def test_a_search_during_writes_finds_every_record_that_stays(path: Path, store: FAISSLocalStore) -> None:
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
def test_a_record_that_is_replaced_during_a_search_is_found(
    path: Path, store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    store.write("n", [record("a", "word", {"k": 1}, unit(1)), record("b", "word", {"k": 1}, unit(1, 1))])
    other = FAISSLocalStore(path)
    for query in (lambda: store.vector_query("n", unit(1), 5, {"k": 1}), lambda: store.keyword_query("n", "word", 5)):
        assert ids(query()) == ["a", "b"]  # type: ignore[no-untyped-call]
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


def test_a_writer_times_out_on_a_lock_and_readers_do_not_wait(path: Path, store: FAISSLocalStore) -> None:
    store.write("n", RECORDS[:3])
    hurried = FAISSLocalStore(path, busy_timeout=0.05)
    blocker = sqlite3.connect(path / "memory.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLockedError, match="busy_timeout"):
        hurried.write("n", [record("late", "x")])
    assert hurried.count("n") == 3
    assert len(hurried.vector_query("n", unit(1), 5)) == 3
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
        except BaseException as error:  # noqa: BLE001 - reported by the main thread
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
        except BaseException as error:  # noqa: BLE001 - reported by the main thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=pair) for pair in ((store, "a"), (other, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [r.id for r in other.scan("n")] == ["a59", "b59", "shared"]
    assert store.stats("n").records == 3
    assert store.stats("n").sequence == 120
    other.close()
