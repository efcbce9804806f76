"""A full disk, an unwritable store and a damaged database raise the documented error and keep the stored data."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local import derived as derived_index
from aurora_dev.core.types import Document, Record
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import StoreCorruptError, StoreLockedError, StoreUnwritableError
from aurora_dev.testing.contract_support import EMBEDDER, OTHER_EMBEDDER, record, unit
from aurora_dev.testing.hashing_embedder import HashingEmbedder

RECORDS = {
    f"r{i:03d}": record(
        f"r{i:03d}", f"common text {i} " + "lorem " * 40, {"group": i % 5, "path": f"a/{i}.py"}, unit(1, i / 100)
    )
    for i in range(300)
}


# Full


@pytest.mark.skipif(os.name != "posix", reason="needs a file-size limit")
def test_a_full_disk_refuses_writes_and_keeps_all_until_there_is_space_again(
    tmp_path: Path, start: Callable[..., Any]
) -> None:
    full, unsaved, roomy = map(json.loads, start("limited_writer.py", tmp_path / "store").end())
    first = {str(number): 1 for number in range(200)}
    assert len(full["errors"]) == 4
    assert all("earlier data are intact. Free disk space" in error for error in full["errors"])
    assert full["records"] == full["search"] == first
    assert unsaved["snapshots"] == []
    assert unsaved["records"] == unsaved["search"] == first
    last = {str(number): 1 if number < 50 else 9 for number in range(1, 250)}
    assert roomy["snapshots"] == [".keyword", ".vector"]
    assert roomy["records"] == roomy["search"] == last


# Unwritable


def _file_for_folder(path: Path) -> None:
    path.write_text("a file", "utf-8")


def _folder_for_database(path: Path) -> None:
    (path / "memory.db").mkdir(parents=True)


@pytest.mark.parametrize("make", [_file_for_folder, _folder_for_database])
def test_a_file_or_folder_in_the_way_of_a_store_is_named(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "store")
    with pytest.raises(StoreUnwritableError, match="choose another path") as caught:
        FAISSLocalStore(tmp_path / "store")
    assert str(tmp_path / "store") in str(caught.value)


@dataclass(frozen=True)
class ReadOnly:
    """A folder with a saved store that this process cannot write, even as root, and a way to write it from outside."""

    folder: Path
    writable: Callable[[], AbstractContextManager[Path]]
    shared: bool  # whether others can write while the folder stays read-only


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[ReadOnly]:
    folder = tmp_path / "store"
    _saved(folder)
    if os.name != "posix":
        pytest.skip("needs permissions of POSIX")
    if os.geteuid() == 0:
        yield from _mounted(folder, tmp_path / "view")
    else:
        yield from _without_permissions(folder)


def _mounted(folder: Path, view: Path) -> Iterator[ReadOnly]:
    view.mkdir()
    if subprocess.run(["mount", "--bind", folder, view], capture_output=True, check=False).returncode != 0:
        pytest.skip("root may write everywhere, and mounting is not allowed")
    try:
        remount = ["mount", "-o", "remount,bind,ro", str(view)]
        if subprocess.run(remount, capture_output=True, check=False).returncode != 0:
            pytest.skip("root may write everywhere, and mounting read-only is not allowed")
        yield ReadOnly(view, lambda: nullcontext(folder), shared=True)
    finally:
        # Lazily: a test that failed may have left a file open, and a mount that stays is in the way of every later run.
        subprocess.run(["umount", "-l", view], check=True)


def _without_permissions(folder: Path) -> Iterator[ReadOnly]:
    def change(*, writable: bool) -> None:
        folder.chmod(0o700)
        for path in folder.rglob("*"):
            path.chmod((0o700 if path.is_dir() else 0o600) if writable else 0o500 if path.is_dir() else 0o400)
        folder.chmod(0o700 if writable else 0o500)

    @contextmanager
    def writable() -> Iterator[Path]:
        change(writable=True)
        yield folder
        change(writable=False)

    change(writable=False)
    try:
        yield ReadOnly(folder, writable, shared=False)
    finally:
        change(writable=True)


def test_a_read_only_store_is_searched_and_refuses_writes(
    read_only: ReadOnly, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derived_index, "SAVE_AFTER_REFRESH", 0.0)
    before = sorted(read_only.folder.iterdir())
    store = FAISSLocalStore(read_only.folder)
    assert {found.id for found in store.scan("n")} == set(RECORDS)
    assert len(store.vector_query("n", unit(1), 400)) == len(store.keyword_query("n", "common", 400)) == len(RECORDS)
    assert store.count("n", {"group": 1}) == 60
    assert store.embedder() == EMBEDDER
    assert store.describe()["index"] == {"n": "exact"}
    for write in (
        lambda: store.write("n", [record("new", "text")]),
        lambda: store.delete_where("n", {"group": 1}),
        lambda: store.set_embedder(OTHER_EMBEDDER),
    ):
        with pytest.raises(StoreUnwritableError, match=r"nothing of this write was kept.*mounted read-only") as caught:
            write()
        assert str(read_only.folder / "memory.db") in str(caught.value)
    with caplog.at_level("WARNING"):
        store.refresh("n")
        store.close()
    assert not caplog.records, "that no snapshot can be kept is no news"
    assert sorted(read_only.folder.iterdir()) == before


async def test_a_read_only_project_is_searched(read_only: ReadOnly) -> None:
    async with VectorStore(path=read_only.folder, namespace="n", embedder=HashingEmbedder(), reranker="none") as store:
        found = await store.search("common text", top_k=3)
        assert len(found) == 3
        with pytest.raises(StoreUnwritableError):
            await store.upsert([Document("new")])


def test_a_read_only_reader_sees_the_writes_of_others(read_only: ReadOnly) -> None:
    reader = FAISSLocalStore(read_only.folder)
    assert reader.count("n") == len(RECORDS)
    for number in range(3):  # each of them opens the store, writes and closes it
        with read_only.writable() as folder:
            writer = FAISSLocalStore(folder)
            writer.write("n", [record(f"new{number}", "another", {}, unit(-1))])
            if read_only.shared:
                assert len(reader.keyword_query("n", "another", 9)) == number + 1
            writer.close()
        assert len(reader.keyword_query("n", "another", 9)) == number + 1
        assert reader.count("n") == len(RECORDS) + number + 1
    reader.close()


def test_a_change_during_a_read_without_locks_is_noticed(read_only: ReadOnly) -> None:
    reader = FAISSLocalStore(read_only.folder)
    with pytest.raises(StoreLockedError, match="Try again"), reader._connections.reader() as connection:  # noqa: PT012
        connection.execute("SELECT count(*) FROM records").fetchone()
        with read_only.writable() as folder:
            writer = FAISSLocalStore(folder)
            writer.write("n", [record("new", "another")])
            writer.close()
    assert reader.count("n") == len(RECORDS) + 1
    reader.close()


def test_writes_of_a_killed_process_in_the_log_are_not_ignored(read_only: ReadOnly) -> None:
    with read_only.writable() as folder:
        writer = FAISSLocalStore(folder)
        writer.write("n", [record("new", "another")])
        left = {name: (folder / name).read_bytes() for name in ("memory.db", "memory.db-wal")}
        writer.close()
        for name, data in left.items():
            (folder / name).write_bytes(data)
    with pytest.raises(StoreUnwritableError, match=r"memory.db-wal beside it holds writes.*nothing is lost"):
        FAISSLocalStore(read_only.folder)
    with read_only.writable() as folder:
        FAISSLocalStore(folder).close()
    reader = FAISSLocalStore(read_only.folder)
    assert reader.count("n") == len(RECORDS) + 1
    reader.close()


# Damaged


def _saved(folder: Path) -> bytes:
    store = FAISSLocalStore(folder)
    store.set_embedder(EMBEDDER)
    store.write("n", list(RECORDS.values()))
    store.close()
    return (folder / "memory.db").read_bytes()


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The database of a closed store with `RECORDS`."""
    return _saved(tmp_path_factory.mktemp("healthy") / "store")


def _answers(folder: Path, *, write: bool) -> dict[str, dict[str, Record] | None]:
    """Use every part of a store; return the result of each read, ``None`` where damage was reported."""
    calls: dict[str, Callable[[FAISSLocalStore], Any]] = {
        "scan": lambda store: list(store.scan("n", vectors=True)),
        "fetch": lambda store: store.fetch("n", list(RECORDS), vectors=True).values(),
        "keyword": lambda store: [match.record for match in store.keyword_query("n", "common", 400)],
        "vector": lambda store: [match.record for match in store.vector_query("n", unit(1), 400)],
        "filter": lambda store: [
            match.record for match in store.keyword_query("n", "common", 400, {"group": {"$gte": 0}})
        ],
    }
    changes: list[Callable[[FAISSLocalStore], Any]] = [
        lambda store: store.stats("n"),
        lambda store: store.missing_vectors("n", 5),
        lambda store: store.count("n", {"group": 1}),
        lambda store: store.refresh("n"),
        lambda store: store.write("n", [record("r005", "replaced")], ["r100"]),
        lambda store: store.delete_where("n", {"group": 2}),
        lambda store: store.namespaces(),
        lambda store: store.delete_namespace("n"),
    ]
    answers: dict[str, dict[str, Record] | None] = dict.fromkeys(calls)
    refusals: list[str] = []
    try:
        store = FAISSLocalStore(folder)
    except StoreCorruptError:
        return answers
    for name, call in calls.items():
        try:
            answers[name] = {found.id: found for found in call(store)}
        except StoreCorruptError as error:
            refusals.append(str(error))
    assert all("restore it from a backup" in refusal and "lorem" not in refusal for refusal in refusals)
    for change in changes if write else ():
        try:
            change(store)
        except StoreCorruptError:
            continue
    store.close()
    return answers


def _put(folder: Path, data: bytes) -> Path:
    folder.mkdir()
    (folder / "memory.db").write_bytes(data)
    return folder


@pytest.mark.parametrize("length", [15, 100, 4096, 8192, 8193, 0.3, 0.5, 0.9, -8192])
def test_a_database_that_was_cut_off_is_reported(tmp_path: Path, healthy: bytes, length: float) -> None:
    cut = int(len(healthy) * length) if isinstance(length, float) else length
    answers = _answers(_put(tmp_path / "store", healthy[:cut]), write=True)
    assert set(answers.values()) == {None}


def test_a_database_of_no_bytes_is_a_new_store(tmp_path: Path) -> None:
    # So does a process leave it that was killed while it created the store.
    store = FAISSLocalStore(_put(tmp_path / "store", b""))
    store.set_embedder(EMBEDDER)
    store.write("n", [RECORDS["r000"]])
    assert store.count("n") == 1
    store.close()


def test_noise_in_the_database_raises_no_other_error_than_that_of_damage(tmp_path: Path, healthy: bytes) -> None:
    chance = random.Random(4)
    reported = answered = 0
    for number in range(60):
        damaged = bytearray(healthy)
        for _ in range(chance.choice((1, 5, 50))):
            size = chance.choice((1, 4, 16, 64))
            place = chance.randrange(len(damaged) - size)
            damaged[place : place + size] = chance.randbytes(size)
        # A single changed byte in a text may be what was written, for all that can be known: errors alone are checked.
        answers = _answers(_put(tmp_path / f"store{number}", bytes(damaged)), write=True)
        reported += None in answers.values()
        answered += any(found is not None for found in answers.values())
    assert reported > 20
    assert answered > 10


def test_a_damaged_page_of_records_never_gives_results(tmp_path: Path, healthy: bytes) -> None:
    pages = len(healthy) // 8192
    reported = 0
    for page in range(pages):
        damaged = bytearray(healthy)
        damaged[page * 8192 : (page + 1) * 8192] = b"\xa5" * 8192
        for name, found in _answers(_put(tmp_path / f"store{page}", bytes(damaged)), write=False).items():
            reported += found is None
            if found is not None:
                assert found.keys() == RECORDS.keys(), (name, page)
                for identifier, given in found.items():
                    written = RECORDS[identifier]
                    assert (given.content, given.metadata) == (written.content, written.metadata), (name, page)
                    if name in ("scan", "fetch"):
                        assert given.vector is not None
                        assert written.vector is not None
                        assert np.array_equal(given.vector, written.vector), (name, page)
    assert reported > pages


@pytest.mark.parametrize("table", ["vectors", "records"])
def test_counted_rows_that_do_not_exist_are_reported(tmp_path: Path, healthy: bytes, table: str) -> None:
    folder = _put(tmp_path / "store", healthy)
    with sqlite3.connect(folder / "memory.db") as connection:
        connection.execute(f"DELETE FROM {table} WHERE row = 7")
    connection.close()
    answers = _answers(folder, write=False)
    assert answers["vector"] is None
    assert (answers["keyword"] is None) == (table == "records")
