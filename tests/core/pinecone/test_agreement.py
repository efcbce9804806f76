"""The same calls on both stores find the same records in the same order; and many records at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pinecone_server import PineconeServer

from aurora_dev import Document, VectorStore
from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.pinecone.requests import MAX_BATCH, MAX_REQUEST_BYTES
from aurora_dev.core.pinecone_store import PineconeStore
from aurora_dev.core.types import Match, Record
from aurora_dev.testing.contract_support import DIMENSION, EMBEDDER, record, unit
from aurora_dev.testing.hashing_embedder import HashingEmbedder

pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")

Opener = Callable[..., PineconeStore]
NAMESPACES = ("one", "two")
KINDS = ("function", "class", "decision", "note")
WORDS = (
    *("token", "session", "cache", "redis", "retry", "limit", "parse", "render"),
    *("index", "query", "user", "login", "hash", "file", "path", "error"),
)


@pytest.fixture
def both(pinecone_store: Opener, tmp_path: Path) -> Iterator[tuple[VectorBackend, VectorBackend]]:
    local = FAISSLocalStore(tmp_path / "store")
    yield local, pinecone_store()
    local.close()


class Operations:
    """Random operations that can be applied to several stores."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def pick(self, choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.rng.random() < 0.8:
            found["kind"] = self.pick(KINDS)
        if self.rng.random() < 0.8:
            found["line"] = self.pick([0, 1, 20, 20.5, -3, 2**53 + 1, 2**53])
        if self.rng.random() < 0.5:
            found["final"] = bool(self.rng.integers(2))
        if self.rng.random() < 0.5:
            found["tags"] = [str(tag) for tag in self.rng.choice(WORDS[:4], size=int(self.rng.integers(0, 3)))]
        return found

    def filter(self, depth: int = 0) -> dict[str, Any]:
        kind = int(self.rng.integers(9 if depth < 2 else 7))
        if kind == 0:
            return {"kind": self.pick(KINDS)}
        if kind == 1:
            return {"kind": {self.pick(["$ne", "$eq"]): self.pick(KINDS)}}
        if kind == 2:
            return {"line": {self.pick(["$gt", "$gte", "$lt", "$lte"]): self.pick([0, 1, 20, 2**53])}}
        if kind == 3:
            return {self.pick(["kind", "tags"]): {self.pick(["$in", "$nin"]): [self.pick(KINDS), self.pick(WORDS[:4])]}}
        if kind == 4:
            return {self.pick(["final", "tags", "line"]): {"$exists": bool(self.rng.integers(2))}}
        if kind == 5:
            return {"final": {self.pick(["$eq", "$ne"]): bool(self.rng.integers(2))}}
        if kind == 6:
            return {"line": {self.pick(["$in", "$nin"]): [0, True, "20", 2**53 + 1]}}
        return {self.pick(["$and", "$or"]): [self.filter(depth + 1), self.filter(depth + 1)]}

    def record(self) -> Record:
        name = f"r{int(self.rng.integers(0, 250)):03d}" + self.pick(["", "", "", " é"])
        text = " ".join(self.pick(WORDS) for _ in range(int(self.rng.integers(3, 30))))
        vector = None if self.rng.random() < 0.1 else unit(*self.rng.normal(size=DIMENSION))
        return record(name, text, self.metadata(), vector)

    def apply(self, stores: tuple[VectorBackend, ...]) -> None:
        namespace = self.pick(NAMESPACES)
        kind = self.rng.random()
        if kind < 0.75:
            upserts = [self.record() for _ in range(int(self.rng.integers(1, 12)))]
            deletes = [self.record().id for _ in range(int(self.rng.integers(0, 4)))]
            for store in stores:
                store.write(namespace, upserts, deletes)
        elif kind < 0.9:
            gone = [self.record().id for _ in range(int(self.rng.integers(1, 6)))]
            for store in stores:
                store.write(namespace, deletes=gone)
        elif kind < 0.98:
            filter = {"$and": [self.filter(), {"line": self.pick([0, 1, 20])}]}
            assert len({store.delete_where(namespace, filter) for store in stores}) == 1
        elif kind < 0.99:
            assert len({store.delete_namespace(namespace) for store in stores}) == 1


def told_apart(found: list[Match]) -> list[tuple[float, list[str]]]:
    """Return the ids of matches by score; ids whose scores are equal in float32 are grouped."""
    groups: list[tuple[float, list[str]]] = []
    for match in found:
        if groups and groups[-1][0] - match.score < 2e-6:
            groups[-1][1].append(match.record.id)
        else:
            groups.append((match.score, [match.record.id]))
    return [(score, sorted(names)) for score, names in groups]


def test_after_the_same_operations_both_stores_find_the_same_in_the_same_order(
    both: tuple[FAISSLocalStore, PineconeStore],
) -> None:
    operations = Operations(20)
    for store in both:
        store.set_embedder(EMBEDDER)
    for _ in range(200):
        operations.apply(both)
    local, remote = both
    for namespace in NAMESPACES:
        remote.refresh(namespace)
        assert list(local.scan(namespace)) == list(remote.scan(namespace))
        here, there = local.stats(namespace), remote.stats(namespace)
        assert (here.records, here.vectors) == (there.records, there.vectors)
        assert here.records > 50
    answered = 0
    for _ in range(100):
        namespace, filter, top_k = operations.pick(NAMESPACES), operations.filter(), operations.pick([1, 10, 300])
        query = unit(*operations.rng.normal(size=DIMENSION))
        assert [r.id for r in local.scan(namespace, filter)] == [r.id for r in remote.scan(namespace, filter)], filter
        here_groups = told_apart(local.vector_query(namespace, query, top_k, filter))
        there_groups = told_apart(remote.vector_query(namespace, query, top_k, filter))
        assert [names for _, names in here_groups] == [names for _, names in there_groups], filter
        assert [score for score, _ in here_groups] == pytest.approx([score for score, _ in there_groups], abs=1e-5)
        answered += bool(here_groups)
    assert answered > 60


async def test_hybrid_searches_share_most_of_their_first_ten(
    both: tuple[FAISSLocalStore, PineconeStore], record_property: Callable[[str, object], None]
) -> None:
    root = Path(__file__).parents[3] / "aurora_dev"
    from aurora_dev.indexing.chunking.chunker import chunk_text

    documents = [
        Document(chunk.content, chunk.metadata)
        for path in sorted(root.glob("*.py")) + sorted((root / "core").rglob("s*.py"))
        for chunk in chunk_text(path.read_text("utf-8"), path.relative_to(root).as_posix())
    ]
    stores = [VectorStore(backend, namespace="n", embedder=HashingEmbedder(256), reranker="none") for backend in both]
    for store in stores:
        await store.upsert(documents, wait=True)
    queries = [
        *(
            "busy timeout",
            "StoreClosedError",
            "where are secrets masked",
            "read the environment",
            "snapshot of a segment",
        ),
        *("how is a record checked", "SQLite connections", "reranker timeout", "split_identifier", "open the store"),
    ]
    shared = []
    for query in queries:
        first, second = [[r.id for r in await store.search(query, top_k=10)] for store in stores]
        shared.append(len(set(first) & set(second)))
    overlap = sum(shared) / (10 * len(queries))
    record_property("hybrid_overlap_of_the_first_ten", overlap)
    print(f"hybrid: {overlap:.0%} of the first ten are the same over {len(documents)} chunks: {shared}")
    assert overlap >= 0.9


# --- many records -----------------------------------------------------------------------------------------------------


def lot(count: int) -> list[Record]:
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(count, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        Record(
            f"{i:08x}{i * 2654435761 % 2**32:08x}", f"chunk {i} of {WORDS[i % 16]} {WORDS[i % 13]}", {"n": i}, vector
        )
        for i, vector in enumerate(vectors)
    ]


def check_lot(server: PineconeServer, store: PineconeStore, records: list[Record]) -> None:
    wanted = {r.id for r in records}
    assert set(server.index("aurora-sparse").ids("big")) == wanted
    (space,) = [name for name in server.index("aurora").names() if name.startswith("big~v")]
    assert set(server.index("aurora").ids(space)) == wanted
    upserts = server.asked("upsert")
    assert max(len(seen.raw) for seen in upserts) <= MAX_REQUEST_BYTES
    assert max(len(json.loads(seen.raw)["vectors"]) for seen in upserts) <= min(MAX_BATCH, 100)
    assert server.most_at_once["upsert"] >= 8
    some = records[:: len(records) // 50]
    assert {name: r.metadata for name, r in store.fetch("big", [r.id for r in some]).items()} == {
        r.id: r.metadata for r in some
    }
    stats = store.stats("big")
    assert (stats.records, stats.vectors) == (len(records), len(records))


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.slow)], ids=["2,000", "20,000"])
def test_many_chunks_are_stored_although_a_tenth_of_the_requests_fails(
    pinecone_server: PineconeServer, pinecone_store: Opener, count: int
) -> None:
    store = pinecone_store()
    store.set_embedder(EMBEDDER)
    records = lot(count)
    pinecone_server.latency = 0.05
    pinecone_server.forget()
    faults = [
        pinecone_server.fail("status", "upsert", status=503, probability=0.05, seed=7),
        pinecone_server.fail("reset", "upsert", probability=0.05, seed=8, first=False),
    ]
    store.write("big", records, embedder=EMBEDDER)
    assert all(fault.struck for fault in faults)
    pinecone_server.heal()
    pinecone_server.latency = 0.0
    check_lot(pinecone_server, store, records)
