"""The read side of the store on Pinecone: listings, and searches as complete and ordered as the contract asks."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from aurora_dev.core.filters import FilterNode, matches
from aurora_dev.core.pinecone import names
from aurora_dev.core.pinecone.client import PineconeIndex, Stored
from aurora_dev.core.pinecone.filters import EVERYTHING, NOTHING, translate
from aurora_dev.core.pinecone.records import REVISION, VECTOR, ZERO, decode_record
from aurora_dev.core.pinecone.requests import MAX_FETCH, MAX_TOP_K, Workers, fetch_batches
from aurora_dev.core.pinecone.sparse import Sparse
from aurora_dev.core.types import Match, Record, Vector

# Candidates beyond top_k, to see whether a record outside the list ties with its last element.
_MARGIN = 16
_INLINE = 200  # matches that come with their text; more would be megabytes, and are fetched as needed
_GROWTH = 4

Found = tuple[Record, Stored]


class Reader:
    """Reads one store's indexes, several requests at a time. Thread-safe."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def fetch(self, index: PineconeIndex, namespace: str, ids: Sequence[str]) -> dict[str, Stored]:
        """Return the vectors that exist among some encoded ids."""
        parts = list(fetch_batches(ids))
        found: dict[str, Stored] = {}
        for answer in self._workers.map(lambda part: index.fetch(namespace, part), parts):
            found |= answer
        return found

    def matching(self, index: PineconeIndex, namespace: str, node: FilterNode, *, content: bool) -> list[Found]:
        """Return all records that match, in the order of their ids."""
        wanted = translate(node)
        if wanted is NOTHING:
            return []
        if not isinstance(wanted, dict):
            everything = (found for page in self.scan(index, namespace, content=content) for found in page)
            return [found for found in everything if matches(node, found[0].metadata)]
        kept: dict[str, Found] = {}
        for page in index.find(namespace, wanted):
            for stored in page:
                record = decode_record(stored.id, stored.metadata, content=content)
                if matches(node, record.metadata):
                    kept[record.id] = (record, stored)
        return [kept[identifier] for identifier in sorted(kept)]

    def scan(self, index: PineconeIndex, namespace: str, *, content: bool) -> Iterator[list[Found]]:
        """Yield all records in the order of their ids, page by page."""
        ids = _in_order(self._plain(index, namespace), self._escaped(index, namespace))
        pages = self._workers.ahead(lambda part: index.fetch(namespace, part), _chunks(ids))
        for page in pages:
            found = [(decode_record(name, stored.metadata, content=content), stored) for name, stored in page.items()]
            yield sorted(found, key=lambda pair: pair[0].id)

    def with_vectors(
        self,
        index: PineconeIndex | None,
        namespace: str,
        found: Sequence[Found],
        *,
        generation: str,
        dimension: int,
    ) -> list[Record]:
        """Return records with their vectors of one generation.

        A vector whose text is not that of the record, because a machine stopped between the two writes, counts as none.
        """
        embedded = [stored for _, stored in found if (stored.metadata or {}).get(VECTOR) == generation]
        asked = [stored.id for stored in embedded if not (stored.metadata or {}).get(ZERO)]
        vectors = self.fetch(index, namespace, asked) if index is not None and asked else {}
        records: list[Record] = []
        for record, stored in found:
            metadata = stored.metadata or {}
            vector: Vector | None = None
            if metadata.get(VECTOR) == generation:
                other = vectors.get(stored.id)
                if metadata.get(ZERO):
                    vector = np.zeros(dimension, np.float32)
                elif other is not None and (other.metadata or {}).get(REVISION) == metadata.get(REVISION):
                    vector = np.asarray(other.values, np.float32)
            records.append(replace(record, vector=vector))
        return records

    def search(
        self,
        index: PineconeIndex,
        namespace: str,
        top_k: int,
        node: FilterNode | None,
        *,
        vector: Sequence[float] | None = None,
        sparse: Sparse | None = None,
    ) -> list[Match]:
        """Return the best matches; with a sparse vector, only those with a score above 0.

        Asks for more until no other record can belong in the list: either Pinecone has no more, or its last hit scores
        below the last of the list.
        """
        wanted = translate(node)
        if wanted is NOTHING:
            return []
        filter = wanted if isinstance(wanted, dict) else None
        want = min(top_k + _MARGIN, MAX_TOP_K)
        while True:
            answer = index.query(namespace, want, vector=vector, sparse=sparse, filter=filter, metadata=want <= _INLINE)
            hits = [hit for hit in answer.hits if sparse is None or hit.score > 0]
            hits.sort(key=lambda hit: (-hit.score, names.decode_id(hit.id) or hit.id))
            found = self._checked(index, namespace, hits, top_k, node)
            if len(answer.hits) < want or want >= MAX_TOP_K:
                return found
            if len(found) >= top_k and answer.hits[-1].score < found[-1].score:
                return found
            want = min(want * _GROWTH, MAX_TOP_K)

    def first_by_id(self, index: PineconeIndex, namespace: str, top_k: int, node: FilterNode | None) -> list[Match]:
        """Return the first records by id, with the score 0: the answer to a query of zeros."""
        first: list[Match] = []
        if node is not None and translate(node) is not EVERYTHING:
            found = self.matching(index, namespace, node, content=True)
            return [Match(record, 0.0) for record, _ in found[:top_k]]
        for page in self.scan(index, namespace, content=True):
            first += [Match(record, 0.0) for record, _ in page if node is None or matches(node, record.metadata)]
            if len(first) >= top_k:
                break
        return first[:top_k]

    def _checked(
        self, index: PineconeIndex, namespace: str, hits: Sequence[Stored], top_k: int, node: FilterNode | None
    ) -> list[Match]:
        """Return the first hits that match the filter exactly, with their records."""
        found: list[Match] = []
        for start in range(0, len(hits), MAX_FETCH):
            part = hits[start : start + MAX_FETCH]
            bare = [hit.id for hit in part if hit.metadata is None]
            fetched: Mapping[str, Stored] = self.fetch(index, namespace, bare) if bare else {}
            for hit in part:
                metadata = hit.metadata if hit.metadata is not None else _metadata(fetched.get(hit.id))
                if metadata is None:
                    continue  # deleted meanwhile
                record = decode_record(hit.id, metadata)
                if node is None or matches(node, record.metadata):
                    found.append(Match(record, hit.score))
                    if len(found) == top_k:
                        return found
        return found

    def _plain(self, index: PineconeIndex, namespace: str) -> Iterator[tuple[str, str]]:
        for page in index.list_ids(namespace):
            for name in page:
                if not name.startswith(names.ESCAPE):
                    yield name, name

    def _escaped(self, index: PineconeIndex, namespace: str) -> Iterator[tuple[str, str]]:
        """Yield ids that are not plain with their encoded forms, in order; fetches the ids behind digests."""
        encoded = [name for page in index.list_ids(namespace, names.ESCAPE) for name in page]
        known = {name: names.decode_id(name) for name in encoded}
        unknown = [name for name, identifier in known.items() if identifier is None]
        if unknown:
            for name, stored in self.fetch(index, namespace, unknown).items():
                known[name] = decode_record(name, stored.metadata, content=False).id
        yield from sorted((identifier, name) for name, identifier in known.items() if identifier is not None)


def _metadata(stored: Stored | None) -> Mapping[str, object] | None:
    return None if stored is None else stored.metadata


def _in_order(plain: Iterator[tuple[str, str]], escaped: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Merge plain ids, which Pinecone lists in order, with escaped ones, which it lists in another order."""
    return (name for _, name in heapq.merge(plain, escaped))


def _chunks(ids: Iterator[str]) -> Iterator[Sequence[str]]:
    """Cut a stream of ids in runs of one fetch each."""
    chunk: list[str] = []
    for name in ids:
        chunk.append(name)
        if len(chunk) == MAX_FETCH:
            yield from fetch_batches(chunk)
            chunk = []
    yield from fetch_batches(chunk)
