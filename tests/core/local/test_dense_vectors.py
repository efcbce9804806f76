"""The dense vectors beside a local store: added later, found, reused, and lost without harm."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest

from aurora_dev.core.contracts import DenseProgress, DenseVectors, VectorBackend, with_defaults
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local.dense import vectors as dense_vectors
from aurora_dev.core.local.dense.matrix import DenseMatrix, decode, encode
from aurora_dev.core.types import Record
from aurora_dev.errors import (
    DimensionMismatchError,
    InvalidRequestError,
    StoreClosedError,
    StoreCorruptError,
    StoreError,
)
from aurora_dev.testing.contract_support import ids

MODEL = "model-1"
SIZE = 16


def vectors_of(count: int, seed: int = 0) -> npt.NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, SIZE)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def record(number: int, text: str = "") -> Record:
    return Record(f"r{number:03d}", text or f"text {number}", {"number": number})


def fill(dense: DenseVectors, vectors: npt.NDArray[np.float32], model: str = MODEL) -> None:
    """Give every record ``rNNN`` the vector NNN."""
    missing = dense.missing("n", model, 10_000)
    keys = {number: found.content.encode() for number, found in missing}
    dense.add("n", model, keys, vectors[[int(found.id[1:]) for _, found in missing]])


def test_the_nearest_records_are_found_by_their_dense_vectors_and_a_filter_applies_first(
    store: FAISSLocalStore,
) -> None:
    vectors = vectors_of(300)
    store.write("n", [record(number) for number in range(300)])
    fill(store.dense, vectors)
    for query in vectors_of(20, seed=1):
        best = int(ids(store.dense.query("n", MODEL, query, 3))[0][1:])
        assert vectors[best] @ query > (vectors @ query).max() - 0.02  # rounding may swap two that are as near
        found = store.dense.query("n", MODEL, query, 5, {"number": {"$lt": 5}})
        assert sorted(ids(found)) == [f"r{number:03d}" for number in range(5)]
        assert found[0].score == pytest.approx(float((vectors[:5] @ query).max()), abs=0.01)


def test_vectors_that_are_added_later_join_those_that_are_searched_already(store: FAISSLocalStore) -> None:
    vectors = vectors_of(60)
    store.write("n", [record(number) for number in range(60)])
    first = store.dense.missing("n", MODEL, 20)
    assert [found.id for _, found in first[:2]] == ["r059", "r058"]  # the newest come first
    store.dense.add("n", MODEL, {n: b"k" + r.id.encode() for n, r in first}, vectors[[int(r.id[1:]) for _, r in first]])
    assert store.dense.progress("n", MODEL) == DenseProgress(20, 60)
    assert len(store.dense.query("n", MODEL, vectors[3], 60)) == 20
    assert store.dense.without("n", MODEL, ["r059", "r003", "unknown"]) == {"r003", "unknown"}
    fill(store.dense, vectors)
    assert store.dense.progress("n", MODEL).complete
    assert ids(store.dense.query("n", MODEL, vectors[3], 1)) == ["r003"]


def test_a_deleted_record_is_not_found_and_a_replaced_one_only_with_its_new_vector(store: FAISSLocalStore) -> None:
    vectors = vectors_of(20)
    store.write("n", [record(number) for number in range(20)])
    fill(store.dense, vectors)
    assert ids(store.dense.query("n", MODEL, vectors[4], 1)) == ["r004"]
    store.write("n", [record(5, "another text")], ["r004"])
    found = ids(store.dense.query("n", MODEL, vectors[4], 20))
    assert len(found) == 18
    assert not {"r004", "r005"} & set(found)
    assert store.dense.progress("n", MODEL) == DenseProgress(18, 19)
    assert [each.content for _, each in store.dense.missing("n", MODEL, 5)] == ["another text"]


def test_a_record_gets_the_vector_of_an_earlier_one_with_the_same_text(store: FAISSLocalStore) -> None:
    vectors = vectors_of(10)
    store.write("n", [record(number) for number in range(10)])
    fill(store.dense, vectors)
    store.write("n", [Record("r007", "text 7", {"moved": True})], ["r003"])
    store.write("n", [record(3), record(11)])
    missing = store.dense.missing("n", MODEL, 10)
    given = store.dense.reuse("n", MODEL, {number: found.content.encode() for number, found in missing})
    assert [found.id for number, found in missing if number not in given] == ["r011"]
    assert ids(store.dense.query("n", MODEL, vectors[3], 1)) == ["r003"]
    assert store.dense.progress("n", MODEL) == DenseProgress(10, 11)


def test_another_process_sees_what_was_added_and_what_was_deleted(store: FAISSLocalStore, path: Path) -> None:
    vectors = vectors_of(10)
    store.write("n", [record(number) for number in range(10)])
    other = FAISSLocalStore(path)
    assert other.dense.empty
    assert other.dense.query("n", MODEL, vectors[2], 1) == []
    fill(store.dense, vectors)
    assert not other.dense.empty
    assert ids(other.dense.query("n", MODEL, vectors[2], 1)) == ["r002"]
    store.write("n", [], ["r002"])
    assert "r002" not in ids(other.dense.query("n", MODEL, vectors[2], 10))
    other.close()


def test_namespaces_and_models_do_not_share_vectors(store: FAISSLocalStore) -> None:
    vectors = vectors_of(5)
    store.write("n", [record(number) for number in range(5)])
    store.write("m", [record(number) for number in range(5)])
    fill(store.dense, vectors)
    assert store.dense.progress("m", MODEL) == DenseProgress(0, 5)
    assert store.dense.progress("n", "model-2") == DenseProgress(0, 5)
    fill(store.dense, np.ascontiguousarray(vectors[:, ::-1]), "model-2")
    assert store.dense.progress("n", "model-2").complete
    assert store.dense.progress("n", MODEL).made == 0  # a newer model replaces the older one


@pytest.mark.parametrize("damage", [b"not a database at all" * 500, b""])
def test_a_damaged_file_costs_the_vectors_and_nothing_else(store: FAISSLocalStore, path: Path, damage: bytes) -> None:
    vectors = vectors_of(10)
    store.write("n", [record(number) for number in range(10)])
    fill(store.dense, vectors)
    store.close()
    (path / "index" / "dense.db").write_bytes(damage)
    again = FAISSLocalStore(path)
    assert again.dense.progress("n", MODEL) == DenseProgress(0, 10)
    fill(again.dense, vectors)
    assert ids(again.dense.query("n", MODEL, vectors[6], 1)) == ["r006"]
    again.close()


def test_a_page_that_is_damaged_while_the_store_is_open_is_an_error_once_and_then_made_again(
    store: FAISSLocalStore, path: Path
) -> None:
    vectors = vectors_of(400)
    store.write("n", [record(number) for number in range(400)])
    fill(store.dense, vectors)
    store.close()
    file = path / "index" / "dense.db"
    data = bytearray(file.read_bytes())
    data[8192 * 2 :] = b"\xff" * (len(data) - 8192 * 2)
    file.write_bytes(data)
    again = FAISSLocalStore(path)
    with pytest.raises(StoreError, match=r"aurora index --dense"):
        again.dense.query("n", MODEL, vectors[6], 1)
    assert again.dense.progress("n", MODEL) == DenseProgress(0, 400)
    assert again.count("n") == 400
    fill(again.dense, vectors)
    assert ids(again.dense.query("n", MODEL, vectors[6], 1)) == ["r006"]
    again.close()


def test_the_file_may_be_deleted_while_the_store_is_open(store: FAISSLocalStore, path: Path) -> None:
    vectors = vectors_of(10)
    store.write("n", [record(number) for number in range(10)])
    fill(store.dense, vectors)
    for name in ("dense.db", "dense.db-wal", "dense.db-shm"):
        (path / "index" / name).unlink(missing_ok=True)
    assert store.dense.query("n", MODEL, vectors[1], 3) == []
    fill(store.dense, vectors)
    assert ids(store.dense.query("n", MODEL, vectors[1], 1)) == ["r001"]


def test_vectors_are_not_written_to_a_file_that_was_deleted(store: FAISSLocalStore, path: Path) -> None:
    vectors = vectors_of(10)
    store.write("n", [record(number) for number in range(10)])
    fill(store.dense, vectors)
    (path / "index" / "dense.db").unlink()
    other = FAISSLocalStore(path)
    fill(other.dense, vectors)  # makes the file again
    store.write("n", [record(7, "another text")])
    fill(store.dense, vectors)
    assert other.dense.progress("n", MODEL).complete
    other.close()


def test_a_link_in_the_place_of_the_file_is_neither_read_nor_written(
    store: FAISSLocalStore, path: Path, tmp_path: Path
) -> None:
    store.write("n", [record(0)])
    elsewhere = tmp_path / "elsewhere.db"
    elsewhere.write_bytes(b"")
    (path / "index").mkdir(exist_ok=True)
    (path / "index" / "dense.db").symlink_to(elsewhere)
    assert store.dense.query("n", MODEL, vectors_of(1)[0], 1) == []
    with pytest.raises(StoreError, match="is not a file"):
        fill(store.dense, vectors_of(1))
    assert elsewhere.read_bytes() == b""


def test_vectors_of_another_history_of_the_database_are_not_used(store: FAISSLocalStore, path: Path) -> None:
    vectors = vectors_of(10)
    store.write("n", [record(number) for number in range(5)])
    store.close()
    older = path.parent / "older.db"
    shutil.copy(path / "memory.db", older)
    newer = FAISSLocalStore(path)
    newer.write("n", [record(number) for number in range(5, 10)])
    fill(newer.dense, vectors)
    newer.close()
    for left in path.glob("memory.db-*"):
        left.unlink()
    shutil.copy(older, path / "memory.db")
    restored = FAISSLocalStore(path)
    restored.write("n", [record(20 + number, f"other {number}") for number in range(5)])  # rows that were used before
    assert restored.dense.query("n", MODEL, vectors[7], 10) == []
    assert restored.dense.progress("n", MODEL) == DenseProgress(0, 10)
    missing = restored.dense.missing("n", MODEL, 10)
    given = restored.dense.reuse("n", MODEL, {number: found.content.encode() for number, found in missing})
    assert len(given) == 5  # those with the same text have their vectors back
    restored.close()


def test_vectors_of_rows_that_are_gone_are_deleted_in_time(
    store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    monkeypatch.setattr(dense_vectors, "_PRUNE_AFTER", 20)
    monkeypatch.setattr(dense_vectors, "_LEAST_SPARE", 0)
    vectors = vectors_of(10)
    for round_ in range(8):
        store.write("n", [record(number, f"round {round_} text {number}") for number in range(10)])
        fill(store.dense, vectors)
    store.close()
    import sqlite3

    with sqlite3.connect(path / "index" / "dense.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
    connection.close()
    assert count <= 40


@pytest.mark.parametrize(
    "vectors", [np.ones((2, SIZE), np.float32), np.full((1, SIZE), np.nan, np.float32), np.ones(SIZE, np.float32)]
)
def test_vectors_that_do_not_fit_are_refused(store: FAISSLocalStore, vectors: npt.NDArray[np.float32]) -> None:
    store.write("n", [record(0)])
    ((number, _),) = store.dense.missing("n", MODEL, 5)
    with pytest.raises(InvalidRequestError, match="nothing was written"):
        store.dense.add("n", MODEL, {number: b"key"}, vectors)
    assert store.dense.progress("n", MODEL).made == 0


def test_a_vector_of_another_length_is_refused(store: FAISSLocalStore) -> None:
    store.write("n", [record(0)])
    fill(store.dense, vectors_of(1))
    store.write("n", [record(1)])
    ((number, _),) = store.dense.missing("n", MODEL, 5)
    with pytest.raises(DimensionMismatchError):
        store.dense.add("n", MODEL, {number: b"key"}, np.ones((1, 3), np.float32))
    with pytest.raises(DimensionMismatchError):
        store.dense.query("n", MODEL, np.ones(3, np.float32), 1)


def test_a_backend_keeps_no_dense_vectors_unless_it_says_so() -> None:
    backend: VectorBackend = with_defaults(cast("VectorBackend", _Plain()), VectorBackend)
    assert backend.dense is None


class _Plain:
    """A backend that was written before there were dense vectors."""


def test_rounding_to_eight_bits_keeps_the_cosine() -> None:
    vectors = vectors_of(200)
    vectors[0] = 0.0
    factors, codes = decode(encode(vectors), SIZE)
    restored = codes.astype(np.float32) * factors[:, None]
    assert np.abs(restored @ vectors.T - vectors @ vectors.T).max() < 0.02
    assert not restored[0].any()
    with pytest.raises(ValueError, match="bytes long"):
        decode([b"short"], SIZE)


def test_a_matrix_finds_the_same_whether_rows_were_removed_or_never_added() -> None:
    vectors = vectors_of(9000)
    factors, codes = decode(encode(vectors), SIZE)
    rows = np.arange(1, 9001, dtype=np.int64)
    kept = rows % 3 != 0
    whole, part = DenseMatrix(SIZE), DenseMatrix(SIZE)
    for start in range(0, 9000, 700):
        whole.add(rows[start : start + 700], factors[start : start + 700], codes[start : start + 700])
    whole.remove(rows[~kept])
    part.add(rows[kept], factors[kept], codes[kept])
    assert len(whole) == len(part) == int(kept.sum())
    for query in vectors_of(5, seed=2):
        found, scores = whole.search(query, 12)
        same, equal = part.search(query, 12)
        assert found.tolist() == same.tolist()
        assert scores.tolist() == equal.tolist()
        allowed = rows[kept][::2]
        filtered, _ = whole.search(query, 12, allowed)
        assert set(filtered[:12].tolist()) == set(part.search(query, 12, allowed)[0][:12].tolist())


def test_vectors_that_another_process_makes_again_in_another_order_are_all_found(
    store: FAISSLocalStore, path: Path
) -> None:
    vectors = vectors_of(20)
    store.write("n", [record(number) for number in range(10)])
    fill(store.dense, vectors)
    assert ids(store.dense.query("n", MODEL, vectors[3], 1)) == ["r003"]
    store.write("n", [record(number) for number in range(10, 20)])
    for name in ("dense.db", "dense.db-wal", "dense.db-shm"):
        (path / "index" / name).unlink(missing_ok=True)
    other = FAISSLocalStore(path)
    fill(other.dense, vectors)  # the newest first, so that their serial numbers are those of the old ones
    other.close()
    assert store.dense.load("n", MODEL)
    found = {ids(store.dense.query("n", MODEL, vector, 1))[0] for vector in vectors}
    assert found == {f"r{number:03d}" for number in range(20)}


def test_damage_of_the_records_is_reported_as_such_and_costs_no_vectors(store: FAISSLocalStore, path: Path) -> None:
    vectors = vectors_of(10)
    store.write("n", [record(number) for number in range(10)])
    fill(store.dense, vectors)
    with closing(sqlite3.connect(path / "memory.db")) as connection:
        connection.execute("ALTER TABLE deletions RENAME TO lost")
    with pytest.raises(StoreCorruptError, match=r"memory\.db is damaged"):
        store.dense.query("n", MODEL, vectors[1], 1)
    with closing(sqlite3.connect(path / "memory.db")) as connection:
        connection.execute("ALTER TABLE lost RENAME TO deletions")
    assert ids(store.dense.query("n", MODEL, vectors[1], 1)) == ["r001"]


def test_a_closed_store_takes_no_vectors(path: Path) -> None:
    store = FAISSLocalStore(path)
    store.write("n", [record(0)])
    ((row, _),) = store.dense.missing("n", MODEL, 1)
    dense = store.dense
    store.close()
    with pytest.raises(StoreClosedError):
        dense.add("n", MODEL, {row: b"text 0"}, vectors_of(1))


def test_a_namespace_whose_records_were_all_replaced_has_still_begun(store: FAISSLocalStore) -> None:
    assert not store.dense.begun("n", MODEL)
    store.write("n", [record(0)])
    fill(store.dense, vectors_of(1))
    store.write("n", [record(0, "another text")])
    assert store.dense.progress("n", MODEL) == DenseProgress(0, 1)
    assert store.dense.begun("n", MODEL)
    assert not store.dense.begun("n", "model-2")
    assert not store.dense.begun("m", MODEL)


def test_the_vectors_of_namespaces_that_are_gone_do_not_stay_for_ever(store: FAISSLocalStore, path: Path) -> None:
    for namespace in ("first", "second", "third"):
        store.write(namespace, [record(0)])
        ((row, _),) = store.dense.missing(namespace, MODEL, 1)
        store.dense.add(namespace, MODEL, {row: namespace.encode()}, vectors_of(1))
        if namespace == "first":
            store.delete_namespace(namespace)
    with closing(sqlite3.connect(path / "index" / "dense.db")) as connection:
        kept = {name for (name,) in connection.execute("SELECT namespace FROM spaces")}
        (count,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
    assert (kept, count) == ({"second", "third"}, 2)


@pytest.mark.parametrize("in_use", [True, False])
def test_vectors_in_a_folder_that_cannot_be_written_are_searched(
    store: FAISSLocalStore, path: Path, monkeypatch: pytest.MonkeyPatch, in_use: bool
) -> None:
    vectors = vectors_of(10)
    store.write("n", [record(number) for number in range(10)])
    fill(store.dense, vectors)
    if not in_use:
        store.close()
    for module in ("schema", "dense.table"):
        monkeypatch.setattr(f"aurora_dev.core.local.{module}.is_writable", lambda _: False)
    reading = FAISSLocalStore(path)
    assert ids(reading.dense.query("n", MODEL, vectors[4], 1)) == ["r004"]
    if in_use:
        store.write("n", [record(10)])
        fill(store.dense, vectors_of(11))
        assert ids(reading.dense.query("n", MODEL, vectors_of(11)[10], 1)) == ["r010"]
    reading.close()
