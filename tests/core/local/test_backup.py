"""Backing up and restoring a local store while it is in use."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local import backup as sqlite_backup
from aurora_dev.core.types import EmbedderInfo
from aurora_dev.errors import (
    InvalidRequestError,
    SchemaVersionError,
    StoreCorruptError,
    StoreFullError,
    StoreUnwritableError,
)
from aurora_dev.testing.contract_support import DIMENSION, EMBEDDER, OTHER_EMBEDDER, ids, record, unit

Contents = dict[str, dict[str, Any]]


def contents(store: FAISSLocalStore) -> Contents:
    return {
        name: {
            one.id: (one.content, dict(one.metadata), None if one.vector is None else one.vector.tolist())
            for one in store.scan(name, vectors=True)
        }
        for name in store.namespaces()
    }


def fill(store: FAISSLocalStore, numbers: range, namespace: str = "n") -> None:
    rng = np.random.default_rng(numbers.start)
    vectors = rng.standard_normal((len(numbers), DIMENSION)).astype(np.float32)
    store.write(
        namespace, [record(f"r{i:05}", f"text {i}", {"i": i}, v) for i, v in zip(numbers, vectors, strict=True)]
    )


@pytest.fixture
def other(tmp_path: Path) -> Iterator[FAISSLocalStore]:
    store = FAISSLocalStore(tmp_path / "other")
    yield store
    store.close()


def test_a_backup_holds_everything_and_is_one_private_file(
    store: FAISSLocalStore, other: FAISSLocalStore, tmp_path: Path
) -> None:
    fill(store, range(300))
    store.write("m", [record("a", "without vector")])
    file = tmp_path / "copies" / "backup.db"
    file.parent.mkdir()
    store.back_up(file)  # an older one
    assert store.back_up(file) == file.stat().st_size
    assert [path.name for path in file.parent.iterdir()] == ["backup.db"]
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    report = other.restore(file)
    assert contents(other) == contents(store)
    assert other.embedder() == EMBEDDER
    assert (report.namespaces, report.records, report.replaced) == ({"m": 1, "n": 300}, 301, 0)


def test_a_backup_made_while_others_write_is_one_commit(
    store: FAISSLocalStore, other: FAISSLocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_backup, "_BATCH_PAGES", 4)
    fill(store, range(2_000))
    stop = threading.Event()
    versions: list[int] = [0]

    def write() -> None:  # every commit rewrites records of the whole file: a copy of two commits would mix versions
        writer = FAISSLocalStore(store.path)
        while not stop.is_set():
            versions.append(versions[-1] + 1)
            writer.write("v", [record(f"r{i:05}", f"version {versions[-1]} {'x' * 400}") for i in range(400)])
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    calls: list[tuple[int, int]] = []

    def during(done: int, total: int) -> None:
        calls.append((done, total))
        seen = versions[-1]
        if len(calls) <= 5:
            while versions[-1] < seen + 2:  # two commits of the other thread between steps
                threading.Event().wait(0.001)

    while versions[-1] < 2:
        threading.Event().wait(0.001)
    try:
        store.back_up(tmp_path / "backup.db", during)
    finally:
        stop.set()
        thread.join()
    assert len(calls) > 10
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})  # it never had to start again
    other.restore(tmp_path / "backup.db")
    found = {one.content for one in other.scan("v")}
    assert len(found) == 1
    assert other.count("v") == 400
    assert other.count("n") == 2_000


def test_a_restore_replaces_everything_for_another_open_store_too(store: FAISSLocalStore, tmp_path: Path) -> None:
    fill(store, range(50))
    store.back_up(tmp_path / "backup.db")
    before = contents(store)
    reader = FAISSLocalStore(store.path)
    query = unit(1, 2)
    expected = [(match.record.id, match.score) for match in reader.vector_query("n", query, 10)]
    store.delete_where("n", {"i": {"$lt": 40}})
    store.write("n", [record("new", "zebra", {}, unit(1, 2)), record("r00049", "changed")])
    store.write("later", [record("x", "a namespace of its own")])
    store.set_embedder(OTHER_EMBEDDER)
    assert ids(reader.keyword_query("n", "zebra", 3)) == ["new"]
    report = store.restore(tmp_path / "backup.db")
    assert (report.records, report.replaced) == (50, 12)
    for one in (reader, store):
        assert contents(one) == before
        assert [(match.record.id, match.score) for match in one.vector_query("n", query, 10)] == expected
        assert one.keyword_query("n", "zebra", 3) == []
        assert ids(one.keyword_query("n", "text 7", 1)) == ["r00007"]
        assert one.namespaces() == ["n"]
        assert one.embedder() == EMBEDDER
    reader.close()


def test_a_write_after_a_restore_is_found(store: FAISSLocalStore, tmp_path: Path) -> None:
    fill(store, range(20))
    store.back_up(tmp_path / "backup.db")
    store.write("n", [record("lost", "giraffe")])
    assert ids(store.keyword_query("n", "giraffe", 3)) == ["lost"]
    store.restore(tmp_path / "backup.db")
    store.write("n", [record("kept", "walrus")])  # would get the row of what was lost, were rows given out again
    assert ids(store.keyword_query("n", "walrus", 3)) == ["kept"]
    assert store.keyword_query("n", "giraffe", 3) == []


def test_a_copy_by_sqlite_itself_can_be_restored(
    store: FAISSLocalStore, other: FAISSLocalStore, tmp_path: Path
) -> None:
    fill(store, range(30))
    with closing(sqlite3.connect(store.path / "memory.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    other.restore(tmp_path / "copy.db")
    assert contents(other) == contents(store)


def test_vectors_of_an_earlier_embedder_stay_invalid(
    store: FAISSLocalStore, other: FAISSLocalStore, tmp_path: Path
) -> None:
    fill(store, range(5))
    store.set_embedder(OTHER_EMBEDDER)
    store.back_up(tmp_path / "backup.db")
    other.restore(tmp_path / "backup.db")
    assert other.embedder() == OTHER_EMBEDDER
    assert other.stats("n").vectors == 0
    assert len(other.missing_vectors("n", 9)) == 5


@pytest.mark.parametrize("damage", ["cut", "garbled", "other program", "newer", "folder", "missing", "itself"])
def test_a_file_that_is_not_a_backup_changes_nothing(store: FAISSLocalStore, tmp_path: Path, damage: str) -> None:
    fill(store, range(500))
    before = contents(store)
    file = tmp_path / "backup.db"
    store.back_up(file)
    expected: type[Exception] = InvalidRequestError
    if damage == "cut":
        os.truncate(file, file.stat().st_size // 2)
        expected = StoreCorruptError
    elif damage == "garbled":
        data = bytearray(file.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 9_000] = b"\xff" * 9_000
        file.write_bytes(data)
        expected = StoreCorruptError
    elif damage == "other program":
        file.unlink()
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE t (x)")
    elif damage == "newer":
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA user_version = 99")
        expected = SchemaVersionError
    elif damage == "folder":
        file = tmp_path
    elif damage == "missing":
        file = tmp_path / "nowhere.db"
    else:
        file = store.path / "memory.db"
    with pytest.raises(expected, match=r"nothing was changed|restore it from a backup"):
        store.restore(file)
    assert contents(store) == before


def test_a_restore_beyond_the_size_limit_changes_nothing(store: FAISSLocalStore, tmp_path: Path) -> None:
    store.write("n", [record(f"r{i:05}", "x" * 2_000) for i in range(2_000)])
    store.back_up(tmp_path / "backup.db")
    with closing(FAISSLocalStore(tmp_path / "small", max_bytes=1 << 20)) as small:
        small.write("m", [record("a", "alpha")])
        with pytest.raises(StoreFullError, match="max_store_bytes"):
            small.restore(tmp_path / "backup.db")
        assert small.namespaces() == ["m"]


@pytest.mark.parametrize("name", ["", "memory.db", "memory.db-wal"])
def test_a_backup_never_overwrites_the_store(store: FAISSLocalStore, name: str) -> None:
    with pytest.raises(InvalidRequestError):
        store.back_up(store.path / name)


def foreign_files(folder: Path) -> dict[str, bytes]:
    """Write files that are no backups, a database of another program and another store among them."""
    with closing(sqlite3.connect(folder / "other.db")) as connection:
        connection.execute("CREATE TABLE kept (x)")
    with closing(FAISSLocalStore(folder / "another")) as another:
        another.write("n", [record("a", "text")])
    (folder / "another" / "memory.db").rename(folder / "store.db")
    (folder / "text.db").write_text("mine", "utf-8")
    return {name: (folder / name).read_bytes() for name in ("other.db", "store.db", "text.db")}


def test_a_backup_replaces_a_file_that_is_no_backup_only_if_told_to(store: FAISSLocalStore, tmp_path: Path) -> None:
    fill(store, range(3))
    for name, before in foreign_files(tmp_path).items():
        with pytest.raises(InvalidRequestError, match=f"{name}' exists and is not a backup of Aurora"):
            store.back_up(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
        store.back_up(tmp_path / name, replace=True)
        store.back_up(tmp_path / name)  # now it is one


def test_a_backup_uses_no_file_that_is_already_there_and_notices_one_that_appears(
    store: FAISSLocalStore, tmp_path: Path
) -> None:
    fill(store, range(3))
    folder = tmp_path / "copies"
    folder.mkdir()
    (folder / "backup.db.part").write_text("mine", "utf-8")

    def appear(_done: int, _total: int) -> None:
        (folder / "backup.db").write_text("new", "utf-8")

    with pytest.raises(InvalidRequestError, match="is not a backup"):
        store.back_up(folder / "backup.db", appear)
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == {
        "backup.db": "new",
        "backup.db.part": "mine",
    }


def test_a_failed_backup_leaves_no_file(store: FAISSLocalStore, tmp_path: Path) -> None:
    with pytest.raises(StoreUnwritableError, match="the store is untouched"):
        store.back_up(tmp_path / "nowhere" / "backup.db")
    (tmp_path / "old").mkdir()

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.back_up(tmp_path / "old" / "backup.db", interrupt)
    assert list((tmp_path / "old").iterdir()) == []


def test_a_damaged_store_is_not_backed_up(store: FAISSLocalStore, tmp_path: Path) -> None:
    store.write("n", [record(f"r{i:05}", "x" * 3_000) for i in range(400)])
    store.close()
    file = store.path / "memory.db"
    data = bytearray(file.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 9_000] = b"\xff" * 9_000
    file.write_bytes(data)
    shutil.rmtree(store.path / "index", ignore_errors=True)
    with closing(FAISSLocalStore(store.path)) as damaged, pytest.raises(StoreCorruptError):
        damaged.back_up(tmp_path / "backup.db")
    assert not (tmp_path / "backup.db").exists()


# -- the size limit ----------------------------------------------------------------------------------------------------


def test_a_write_beyond_the_limit_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    limit = 2 << 20
    with closing(FAISSLocalStore(tmp_path / "s", max_bytes=limit)) as store:
        store.set_embedder(EMBEDDER)
        written = 0
        with pytest.raises(StoreFullError, match=r"max_store_bytes \(2,097,152\).*earlier data are intact"):  # noqa: PT012
            for start in range(0, 10_000, 100):
                fill(store, range(start, start + 100))
                store.write("t", [record(f"t{start:05}", "y" * 20_000)])
                written = start + 100
        assert store.count("n") in (written, written + 100)
        held = store.count("n")
        assert {match.record.id for match in store.vector_query("n", unit(1), held)} == {
            f"r{i:05}" for i in range(held)
        }
        assert (store.path / "memory.db").stat().st_size <= limit
        # Room is made by deleting, and the next write fits.
        store.delete_where("t", {})
        fill(store, range(20_000, 20_100))
        assert store.count("n") == held + 100
    with closing(FAISSLocalStore(tmp_path / "s")) as unlimited:
        unlimited.write("t", [record("t", "y" * (limit + 1))])
    with closing(FAISSLocalStore(tmp_path / "s", max_bytes=limit)) as store:
        assert store.count("t") == 1  # what is larger already can be read, searched and made smaller
        with pytest.raises(StoreFullError):
            fill(store, range(30_000, 40_000))
        assert store.delete_namespace("t") == 1


@pytest.mark.parametrize("limit", [0, 1000, -5, True, "1GB", 2.5e9])
def test_a_size_limit_is_a_number_of_bytes(tmp_path: Path, limit: Any) -> None:
    with pytest.raises(ValueError, match="max_bytes must be at least"):
        FAISSLocalStore(tmp_path / "s", max_bytes=limit)
    assert not (tmp_path / "s").exists()


def test_the_embedder_of_a_backup_wins_over_that_of_the_store(store: FAISSLocalStore, tmp_path: Path) -> None:
    store.back_up(tmp_path / "empty.db")
    wider = EmbedderInfo("wider", DIMENSION * 2, "w")
    store.set_embedder(wider)
    store.write("n", [record("a", "x", {}, np.ones(DIMENSION * 2, dtype=np.float32))])
    assert store.restore(tmp_path / "empty.db").namespaces == {}
    assert store.embedder() == EMBEDDER
    assert store.namespaces() == []


def test_a_store_in_a_folder_with_other_files_does_not_hide_them_from_git(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x", "utf-8")
    FAISSLocalStore(tmp_path).close()
    assert not (tmp_path / ".gitignore").exists()
    FAISSLocalStore(tmp_path / "new").close()
    assert (tmp_path / "new" / ".gitignore").read_text("utf-8") == "*\n"
