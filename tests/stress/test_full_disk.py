"""A full disk, a store that cannot be written and a damaged database give the named error and keep what is there."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Record
from aurora_dev.errors import StoreCorruptError, StoreUnwritableError
from aurora_dev.testing.contract_support import EMBEDDER, record, unit

RECORDS = {
    f"r{i:03d}": record(
        f"r{i:03d}", f"common text {i} " + "lorem " * 40, {"group": i % 5, "path": f"a/{i}.py"}, unit(1, i / 100)
    )
    for i in range(300)
}


# Full


@pytest.mark.skipif(os.name != "posix", reason="needs a file-size limit")
def test_a_full_disk_refuses_writes_keeps_all_and_takes_them_again_when_there_is_room(
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
def test_a_store_whose_place_is_taken_says_so(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "store")
    with pytest.raises(StoreUnwritableError, match="choose another path") as caught:
        FAISSLocalStore(tmp_path / "store")
    assert str(tmp_path / "store") in str(caught.value)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder with a saved store that not even root may write to."""
    folder = tmp_path / "store"
    _saved(folder)
    mounted = False
    if os.name != "posix":
        pytest.skip("needs permissions of POSIX")
    if os.geteuid() == 0:
        bind = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False).returncode == 0
        remount = ["mount", "-o", "remount,bind,ro", folder]
        mounted = bind and subprocess.run(remount, capture_output=True, check=False).returncode == 0
        if bind and not mounted:
            subprocess.run(["umount", folder], check=True)
        if not mounted:
            pytest.skip("root may write everywhere, and mounting is not allowed")
    else:
        for path in (*folder.rglob("*"), folder):
            path.chmod(0o500 if path.is_dir() else 0o400)
    yield folder
    if mounted:
        subprocess.run(["umount", folder], check=True)
    else:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o700)


def test_a_store_that_may_only_be_read_refuses_writes_by_name(read_only: Path) -> None:
    try:
        store = FAISSLocalStore(read_only)
    except StoreUnwritableError as error:
        assert str(read_only) in str(error)  # SQLite needs to write its shared memory, even to read
        return
    with pytest.raises(StoreUnwritableError, match="Check the owner and the permissions"):
        store.write("n", [record("new", "text")])
    assert {found.id for found in store.scan("n")} == set(RECORDS)
    store.close()


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
    """Use every part of a store: what each reading gave, ``None`` where the damage was reported."""
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
    try:
        store = FAISSLocalStore(folder)
    except StoreCorruptError:
        return answers
    for name, call in calls.items():
        try:
            answers[name] = {found.id: found for found in call(store)}
        except StoreCorruptError as error:
            assert "restore it from a backup" in str(error)
            assert "lorem" not in str(error)
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


def test_noise_within_the_database_is_reported_and_never_another_error(tmp_path: Path, healthy: bytes) -> None:
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


def test_a_damaged_page_of_records_is_never_answered_from(tmp_path: Path, healthy: bytes) -> None:
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
                        assert np.array_equal(given.vector, written.vector), (name, page)
    assert reported > pages


@pytest.mark.parametrize("table", ["vectors", "records"])
def test_rows_that_are_counted_and_not_there_are_missed(tmp_path: Path, healthy: bytes, table: str) -> None:
    folder = _put(tmp_path / "store", healthy)
    with sqlite3.connect(folder / "memory.db") as connection:
        connection.execute(f"DELETE FROM {table} WHERE row = 7")
    connection.close()
    answers = _answers(folder, write=False)
    assert answers["vector"] is None
    assert (answers["keyword"] is None) == (table == "records")
