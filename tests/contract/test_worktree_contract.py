"""The contract of a vector backend, held by the view of a linked worktree beside a main worktree with chunks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local.worktree import WorktreeStore
from aurora_dev.core.types import Record
from aurora_dev.testing.backend_contract import (
    EmbedderContract,
    FilterContract,
    KeywordSearchContract,
    NamespaceContract,
    RecordContract,
    VectorSearchContract,
)


class _Worktree:
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[VectorBackend]:
        store = WorktreeStore(FAISSLocalStore(tmp_path / "store"), "feature")
        yield store
        store.close()


class TestRecords(_Worktree, RecordContract):
    pass


class TestNamespaces(_Worktree, NamespaceContract):
    pass


class TestEmbedder(_Worktree, EmbedderContract):
    pass


class TestFilters(_Worktree, FilterContract):
    pass


class TestVectorSearch(_Worktree, VectorSearchContract):
    pass


class TestKeywordSearch(_Worktree, KeywordSearchContract):
    pass


def _chunk(identifier: str, content: str) -> Record:
    return Record(identifier, content, {"file_hash": "f", "path": f"{identifier}.py"})


@pytest.fixture
def main(tmp_path: Path) -> Iterator[FAISSLocalStore]:
    store = FAISSLocalStore(tmp_path / "store")
    store.write("n", [_chunk("a", "alpha of main"), _chunk("b", "beta of main"), Record("note", "a lesson", {})])
    yield store
    store.close()


def test_a_worktree_sees_its_own_chunks_and_the_shared_notes(main: FAISSLocalStore) -> None:
    store = WorktreeStore(main, "feature")
    store.write("n", [_chunk("a", "alpha of the feature")])

    assert [(r.id, r.content) for r in store.scan("n")] == [("a", "alpha of the feature"), ("note", "a lesson")]
    assert set(store.fetch("n", ["a", "b", "note"])) == {"a", "note"}
    assert {m.record.id for m in store.keyword_query("n", "alpha lesson beta", 5)} == {"a", "note"}
    assert store.values("n", "path") == {"a.py"}
    assert (store.count("n"), store.stats("n").records) == (2, 2)
    assert main.count("n") == 3


def test_what_a_worktree_deletes_stays_in_the_main_one(main: FAISSLocalStore) -> None:
    store = WorktreeStore(main, "feature")
    store.write("n", [_chunk("a", "alpha of the feature")])

    store.write("n", deletes=["a", "b"])
    assert store.delete_where("n", {"path": "b.py"}) == 0

    assert [r.content for r in main.scan("n")] == ["alpha of main", "beta of main", "a lesson"]
    assert [r.id for r in store.scan("n")] == ["note"]


def test_a_note_that_a_worktree_changes_is_changed_for_all(main: FAISSLocalStore) -> None:
    store = WorktreeStore(main, "feature")
    old = store.fetch("n", ["note"])["note"]

    assert store.write_if("n", {"note": old}, [Record("note", "a better lesson", {})])
    assert not store.write_if("n", {"note": old}, [Record("note", "a late lesson", {})])

    assert main.fetch("n", ["note"])["note"].content == "a better lesson"
    store.write("n", deletes=["note"])
    assert main.fetch("n", ["note"]) == {}


def test_two_worktrees_have_chunks_of_their_own(main: FAISSLocalStore) -> None:
    first, second = WorktreeStore(main, "first"), WorktreeStore(main, "second")
    first.write("n", [_chunk("a", "first")])
    second.write("n", [_chunk("a", "second"), _chunk("c", "third")])

    assert [r.id for r in first.scan("n", {"file_hash": {"$exists": True}})] == ["a"]
    assert first.namespaces() == ["n", "n@worktree/second"]


def test_dense_vectors_are_those_of_the_worktree_and_of_the_shared_records(main: FAISSLocalStore) -> None:
    store = WorktreeStore(main, "feature")
    store.write("n", [_chunk("a", "alpha of the feature"), _chunk("c", "gamma of the feature")])
    dense = store.dense
    assert dense is not None
    assert (dense.progress("n", "m").made, dense.progress("n", "m").total) == (0, 3)

    missing = dense.missing("n", "m", 10)
    assert sorted(record.id for _, record in missing) == ["a", "c", "note"]
    keys = {number: record.content.encode() for number, record in missing}
    vectors = np.eye(3, 8, dtype=np.float32)
    dense.add("n", "m", keys, vectors)

    assert dense.progress("n", "m").complete
    assert dense.missing("n", "m", 10) == []
    for row, (_, record) in enumerate(missing):
        assert dense.query("n", "m", vectors[row], 1)[0].record.content == record.content
    assert dense.without("n", "m", ["a", "note", "b"]) == {"b"}
    other = WorktreeStore(main, "other")
    other.write("n", [_chunk("z", "gamma of the feature")])
    again = other.dense
    assert again is not None
    left = {number: record.content.encode() for number, record in again.missing("n", "m", 10)}
    assert again.reuse("n", "m", left) == set(left)
