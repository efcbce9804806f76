"""The vector index: exact and approximate, filtered, saved and loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local.vector_index import VectorIndex
from aurora_dev.core.types import EmbedderInfo
from aurora_dev.testing.contract_support import DIMENSION, ids, record, unit


def test_a_store_that_outgrows_exact_search_becomes_approximate_and_shrinks_back(
    store: FAISSLocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_dev.core.local.vector_index.EXACT_LIMIT", 400)
    vectors = _clustered(1500, seed=1)
    store.write("n", [record(f"{i:04d}", "x", {"i": i}, vectors[i]) for i in range(300)])
    assert ids(store.vector_query("n", vectors[7], 1)) == ["0007"]
    store.write("n", [record(f"{i:04d}", "x", {"i": i}, vectors[i]) for i in range(300, 1500)])
    with store._vector_index("n").current() as current:
        assert current is not None
        assert not current[0].is_exact
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
        assert current is not None
        assert current[0].is_exact


def test_an_approximate_index_finds_k_among_the_allowed_whenever_they_exist() -> None:
    vectors = _clustered(2000, seed=3)
    rows = np.arange(10, 2010, dtype=np.int64)
    index = VectorIndex(DIMENSION, sample=vectors[::2], expected=2000)
    index.add(rows, vectors)
    rng = np.random.default_rng(4)
    for share in (1, 5, 50, 500, 1990):
        allowed = np.sort(rng.choice(rows, size=share, replace=False))
        got, scores = index.search(vectors[0], 20, allowed)
        assert len(set(got.tolist())) == min(20, share)
        assert set(got.tolist()) <= set(allowed.tolist())
        assert (np.diff(scores) <= 0).all()
    assert len(set(index.search(vectors[0], 1500)[0].tolist())) == 1500
    got, _ = index.search(vectors[0], 3, np.array([5, 11, 99_999], dtype=np.int64))
    assert got.tolist() == [11]


@pytest.mark.parametrize("approximate", [False, True])
def test_a_loaded_snapshot_equals_the_saved_index(tmp_path: Path, approximate: bool) -> None:
    vectors = _clustered(1000, seed=5)
    index = VectorIndex(DIMENSION, sample=vectors if approximate else None, expected=1000 if approximate else 0)
    index.add(np.arange(1000, dtype=np.int64), vectors)
    index.remove(np.array([3, 4, 5_000], dtype=np.int64))
    index.save(tmp_path / "x.vector", {"sequence": 7})
    again, header = VectorIndex.load(tmp_path / "x.vector")
    assert header["sequence"] == 7
    assert len(again) == 998
    assert again.is_exact is not approximate
    for query in vectors[:5]:
        (rows, scores), (same_rows, same_scores) = index.search(query, 10), again.search(query, 10)
        assert (rows.tolist(), scores.tolist()) == (same_rows.tolist(), same_scores.tolist())
    again.add(np.array([2_000], dtype=np.int64), vectors[3:4])
    assert again.search(vectors[3], 1)[0].tolist() == [2_000]
    assert [file.name for file in tmp_path.iterdir()] == ["x.vector"]


def test_an_altered_header_is_refused(tmp_path: Path) -> None:
    index = VectorIndex(DIMENSION)
    index.add(np.array([1], dtype=np.int64), unit(1)[None])
    index.save(tmp_path / "x.vector", {"sequence": 12})
    data = (tmp_path / "x.vector").read_bytes()
    assert data.count(b'"sequence": 12') == 1
    (tmp_path / "x.vector").write_bytes(data.replace(b'"sequence": 12', b'"sequence": 13'))
    with pytest.raises(ValueError, match="damaged"):
        VectorIndex.load(tmp_path / "x.vector")


def test_half_written_files_of_dead_processes_are_removed(tmp_path: Path) -> None:
    old, fresh = tmp_path / "x.vector.1-ab.tmp", tmp_path / "x.vector.2-cd.tmp"
    for file in (old, fresh):
        file.write_bytes(b"x")
    os.utime(old, (1, 1))
    VectorIndex(DIMENSION).save(tmp_path / "x.vector", {})
    assert not old.exists()
    assert fresh.exists()


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


@pytest.mark.parametrize("allowed", [None, np.arange(100, 1900, 3), np.arange(40, 60)], ids=["all", "many", "few"])
def test_few_vectors_are_found_as_faiss_finds_them(
    allowed: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vectors, rows = _clustered(2000, seed=6), np.arange(2000, dtype=np.int64)

    def filled() -> VectorIndex:
        index = VectorIndex(DIMENSION)
        for start in range(0, 2000, 500):
            index.add(rows[start : start + 500], vectors[start : start + 500])
        index.remove(np.array([3, 50, 1999, 5_000]))
        return index

    without = filled()
    assert without._index is None
    without.save(tmp_path / "index", {})
    again, _ = VectorIndex.load(tmp_path / "index")
    monkeypatch.setattr("aurora_dev.core.local.vector_index._WITHOUT_FAISS", 0)
    with_faiss = filled()
    assert with_faiss._index is not None
    for query in _clustered(20, seed=7):
        expected, scores = with_faiss.search(query, 15, allowed)
        for index in (without, again):
            found, found_scores = index.search(query, 15, allowed)
            assert found.tolist() == expected.tolist()
            assert found_scores == pytest.approx(scores, abs=1e-6)
            stored = index.vectors(found)
            assert stored is not None
            assert np.array_equal(stored, vectors[found])


def test_an_index_that_grows_moves_its_vectors_to_faiss_and_keeps_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aurora_dev.core.local.vector_index._WITHOUT_FAISS", 100)
    vectors, index = _clustered(250, seed=8), VectorIndex(DIMENSION)
    for row, vector in enumerate(vectors):
        index.add(np.array([row]), vector[None, :])
        assert len(index) == row + 1
        assert (index._index is None) == (row < 100)
    assert [int(index.search(vector, 1)[0][0]) for vector in vectors] == list(range(250))
