"""The store on the real service: runs if PINECONE_API_KEY is set, in its own indexes, which it deletes."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator

import pytest

from aurora_dev.core.pinecone_store import PineconeStore
from aurora_dev.testing.contract_support import DIMENSION, EMBEDDER, FILTERS, LIBRARY, OTHER_EMBEDDER, ids, record, unit

KEY = os.environ.get("PINECONE_API_KEY", "")

pytestmark = pytest.mark.skipif(not KEY, reason="PINECONE_API_KEY is not set: nothing was asked of the real service")


@pytest.fixture(scope="module")
def store() -> Iterator[PineconeStore]:
    pinecone = pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")
    name = f"aurora-test-{uuid.uuid4().hex[:10]}"
    opened = PineconeStore(KEY, index=name, create=True, visibility_timeout=120.0)
    try:
        opened.set_embedder(EMBEDDER)
        yield opened
    finally:
        opened.close()
        client = pinecone.Pinecone(api_key=KEY)
        for made in (name, f"{name}-sparse"):
            with contextlib.suppress(pinecone.NotFoundError):
                client.indexes.delete(made)
        client.close()


def test_records_come_back_as_they_were(store: PineconeStore) -> None:
    odd = record("ünï/çødé 🦜", "text\r\n\twith \x00", {"i": 3, "f": 3.0, "big": 2**63 - 1, "none": [], "$x": "y"})
    store.write("records", [odd, record("plain", "words", {}, unit(1, 2))], embedder=EMBEDDER)
    store.refresh("records")
    found = store.fetch("records", [odd.id, "plain"], vectors=True)
    assert found[odd.id] == odd
    assert [r.id for r in store.scan("records")] == ["plain", odd.id]
    vector = found["plain"].vector
    assert vector is not None
    assert vector.shape == (DIMENSION,)


def test_searches_find_records_by_meaning_and_by_word(store: PineconeStore) -> None:
    store.write("search", [record(r.id, r.content, r.metadata, unit(1, i)) for i, r in enumerate(LIBRARY)])
    store.refresh("search")
    assert ids(store.vector_query("search", unit(1), 3)) == ["a", "b", "c"]
    assert ids(store.keyword_query("search", "redis rate limits", 3))[0] == "c"
    assert ids(store.keyword_query("search", "verifyToken", 1)) == ["a"]


@pytest.mark.parametrize(("filter", "expected"), FILTERS, ids=str)
def test_filters_mean_the_same_there(store: PineconeStore, filter: object, expected: str) -> None:
    if not store.count("filters", {"kind": "function"}):
        store.write("filters", [record(r.id, "word", r.metadata, unit(1, i)) for i, r in enumerate(LIBRARY)])
        store.refresh("filters")
    assert sorted(ids(store.vector_query("filters", unit(1), 10, filter))) == list(expected)  # type: ignore[arg-type]
    assert sorted(ids(store.keyword_query("filters", "word", 10, filter))) == list(expected)  # type: ignore[arg-type]


def test_deletes_show_after_a_while(store: PineconeStore) -> None:
    store.write("deletes", [record("a", "alpha", {}, unit(1)), record("b", "beta", {}, unit(0, 1))])
    store.write("deletes", deletes=["a"])
    store.refresh("deletes")
    assert ids(store.vector_query("deletes", unit(1), 5)) == ["b"]
    assert store.delete_namespace("deletes") >= 1
    store.refresh("deletes")
    assert store.fetch("deletes", ["a", "b"]) == {}


def test_switching_the_embedder_makes_vectors_stale(store: PineconeStore) -> None:
    store.write("switch", [record("a", "alpha", {}, unit(1))])
    store.refresh("switch")
    store.set_embedder(OTHER_EMBEDDER)
    assert store.vector_query("switch", unit(1), 5) == []
    assert [r.id for r in store.missing_vectors("switch", 5)] == ["a"]
