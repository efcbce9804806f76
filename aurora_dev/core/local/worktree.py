"""`WorktreeStore`: a store as one linked worktree sees it. Its files are its own; all else is shared.

A worktree's chunks lie in a namespace of their own, and everything else in the namespace of the main worktree. Calls
name that one namespace only, so ids are the same in every worktree, and the layers above see a usual store.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

from aurora_dev.core.contracts import (
    Backups,
    Capabilities,
    DenseProgress,
    DenseVectors,
    Filter,
    NamespaceStats,
    VectorBackend,
)
from aurora_dev.core.record_kinds import NOT_A_CHUNK, is_chunk
from aurora_dev.core.types import EmbedderInfo, Match, Record, Vector
from aurora_dev.lazy import np, npt

__all__ = ["WorktreeStore", "worktree_namespace"]

_MARK: Final = "@worktree/"


def worktree_namespace(namespace: str, name: str = "") -> str:
    """Return the namespace of a worktree's chunks; without a name, how these begin for all worktrees."""
    return f"{namespace}{_MARK}{name}"


class WorktreeStore(VectorBackend):
    """A view of a backend for one linked worktree.

    A write of chunks together with other records takes two transactions of the backend; the other records come first.
    The scores of a query are those of two indexes: cosines are comparable, and BM25 nearly so.

    Args:
        inner: The backend; closed with this store.
        name: The name of the worktree.
    """

    def __init__(self, inner: VectorBackend, name: str) -> None:
        self._inner = inner
        self.name = name
        self._shared_counts: dict[str, tuple[int, int, int]] = {}  # by namespace: sequence, records, vectors

    # -- the two parts of a namespace -----------------------------------------------------------------------------

    def _own(self, namespace: str) -> str | None:
        """Return the namespace of the chunks; ``None`` for a namespace of chunks itself."""
        return None if _MARK in namespace else worktree_namespace(namespace, self.name)

    # -- the whole store ------------------------------------------------------------------------------------------

    @property
    def path(self) -> Path | None:
        """The folder of the store."""
        return self._inner.path

    @property
    def backups(self) -> Backups | None:
        """Backups of the whole store, all worktrees included."""
        return self._inner.backups

    @property
    def dense(self) -> DenseVectors | None:
        """The dense vectors of both namespaces."""
        inner = self._inner.dense
        return None if inner is None else _WorktreeDense(inner, self._own)

    @property
    def capabilities(self) -> Capabilities:
        """The abilities of the backend."""
        return self._inner.capabilities

    def embedder(self) -> EmbedderInfo | None:
        """Return the embedder of the store."""
        return self._inner.embedder()

    def set_embedder(self, info: EmbedderInfo, *, replace: bool = True) -> EmbedderInfo:
        """Record the embedder of the store, for all worktrees."""
        return self._inner.set_embedder(info, replace=replace)

    def namespaces(self) -> list[str]:
        """Return the names of the namespaces, with those of other worktrees' chunks."""
        found = set()
        for name in self._inner.namespaces():
            base, _, worktree = name.partition(_MARK)
            found.add(base if worktree == self.name else name)
        return sorted(found)

    def describe(self) -> Mapping[str, Any]:
        """Return the facts of the backend, and the name of the worktree."""
        return {**self._inner.describe(), "worktree": self.name}

    def close(self) -> None:
        """Close the backend."""
        self._inner.close()

    # -- writing --------------------------------------------------------------------------------------------------

    def write(
        self,
        namespace: str,
        upserts: Sequence[Record] = (),
        deletes: Sequence[str] = (),
        *,
        embedder: EmbedderInfo | None = None,
    ) -> None:
        """Write chunks to the worktree's namespace, and other records to the shared one."""
        own = self._own(namespace)
        if own is None:
            self._inner.write(namespace, upserts, deletes, embedder=embedder)
            return
        chunks, others = _parted(upserts)
        shared_deletes = self._not_chunks(namespace, deletes)
        if others or shared_deletes or not (chunks or deletes):
            self._inner.write(namespace, others, shared_deletes, embedder=embedder)
        if chunks or deletes:
            self._inner.write(own, chunks, deletes, embedder=embedder)

    def write_if(
        self,
        namespace: str,
        expected: Mapping[str, Record | None],
        upserts: Sequence[Record] = (),
        deletes: Sequence[str] = (),
        *,
        embedder: EmbedderInfo | None = None,
    ) -> bool:
        """Compare and write in one transaction of the namespace that holds the compared records."""
        own = self._own(namespace)
        chunks, others = _parted(upserts)
        compared = any(record is not None and is_chunk(record.metadata) for record in expected.values())
        if own is None or (not chunks and not compared):
            deletes = deletes if own is None else self._not_chunks(namespace, deletes)
            return self._inner.write_if(namespace, expected, upserts, deletes, embedder=embedder)
        if not others:
            return self._inner.write_if(own, expected, chunks, deletes, embedder=embedder)
        return super().write_if(namespace, expected, upserts, deletes, embedder=embedder)

    def attach_vectors(self, namespace: str, records: Sequence[Record], *, embedder: EmbedderInfo) -> int:
        """Add vectors to the records in either namespace that are still as they were read."""
        own = self._own(namespace)
        count = self._inner.attach_vectors(namespace, records, embedder=embedder)
        return count if own is None else count + self._inner.attach_vectors(own, records, embedder=embedder)

    def delete_where(self, namespace: str, filter: Filter) -> int:
        """Delete the matching chunks of this worktree, and the matching shared records."""
        own = self._own(namespace)
        if own is None:
            return self._inner.delete_where(namespace, filter)
        return self._inner.delete_where(namespace, _shared(filter)) + self._inner.delete_where(own, filter)

    def delete_namespace(self, namespace: str) -> int:
        """Delete what this worktree sees of a namespace; the chunks of other worktrees stay."""
        return self.delete_where(namespace, {})

    def refresh(self, namespace: str) -> None:
        """Bring the indexes of both namespaces up to date."""
        self._inner.refresh(namespace)
        if (own := self._own(namespace)) is not None:
            self._inner.refresh(own)

    # -- reading --------------------------------------------------------------------------------------------------

    def fetch(self, namespace: str, ids: Sequence[str], *, vectors: bool = False) -> dict[str, Record]:
        """Return records by id, in the order of ``ids``."""
        own = self._own(namespace)
        if own is None:
            return self._inner.fetch(namespace, ids, vectors=vectors)
        found = self._inner.fetch(own, ids, vectors=vectors)
        rest = [each for each in ids if each not in found]
        shared = self._inner.fetch(namespace, rest, vectors=vectors) if rest else {}
        found.update({each: record for each, record in shared.items() if not is_chunk(record.metadata)})
        return {each: found[each] for each in ids if each in found}

    def vector_query(self, namespace: str, vector: Vector, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the nearest records of both namespaces."""
        own = self._own(namespace)
        if own is None:
            return self._inner.vector_query(namespace, vector, top_k, filter)
        return _best(
            self._inner.vector_query(own, vector, top_k, filter),
            self._inner.vector_query(namespace, vector, top_k, _shared(filter)),
            top_k,
        )

    def keyword_query(self, namespace: str, text: str, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the best records of both namespaces."""
        own = self._own(namespace)
        if own is None:
            return self._inner.keyword_query(namespace, text, top_k, filter)
        return _best(
            self._inner.keyword_query(own, text, top_k, filter),
            self._inner.keyword_query(namespace, text, top_k, _shared(filter)),
            top_k,
        )

    def name_counts(self, namespace: str, names: Sequence[str]) -> list[int] | None:
        """Return how many records hold each name: of this worktree, or else of any record of the main one."""
        own = self._own(namespace)
        shared = self._inner.name_counts(namespace, names)
        here = shared if own is None else self._inner.name_counts(own, names)
        if here is None or shared is None:
            return None
        return [count or other for count, other in zip(here, shared, strict=True)]

    def scan(
        self, namespace: str, filter: Filter | None = None, *, content: bool = True, vectors: bool = False
    ) -> Iterator[Record]:
        """Yield the matching records of both namespaces, in the order of ids."""
        own = self._own(namespace)
        if own is None:
            return self._inner.scan(namespace, filter, content=content, vectors=vectors)
        parts = (
            self._inner.scan(own, filter, content=content, vectors=vectors),
            self._inner.scan(namespace, _shared(filter), content=content, vectors=vectors),
        )
        return heapq.merge(*parts, key=lambda record: record.id)

    def select(self, namespace: str, fields: Sequence[str], filter: Filter | None = None) -> Iterator[Record]:
        """Yield some fields of the matching records of both namespaces."""
        own = self._own(namespace)
        if own is None:
            return self._inner.select(namespace, fields, filter)
        return chain(self._inner.select(own, fields, filter), self._inner.select(namespace, fields, _shared(filter)))

    def tally(
        self, namespace: str, fields: Sequence[str], filter: Filter | None = None
    ) -> Mapping[tuple[str | None, ...], int]:
        """Return the number of matching records of both namespaces, by some fields."""
        own = self._own(namespace)
        if own is None:
            return self._inner.tally(namespace, fields, filter)
        shared = self._inner.tally(namespace, fields, _shared(filter))
        return Counter(self._inner.tally(own, fields, filter)) + Counter(shared)

    def newest(
        self, namespace: str, filter: Filter, limit: int, *, after: tuple[float, str] | None = None
    ) -> tuple[list[Record], int]:
        """Return the latest matching records; of the shared namespace alone, if no chunk can match."""
        own = self._own(namespace)
        if own is None:
            return self._inner.newest(namespace, filter, limit, after=after)
        if self._inner.count(own, filter):
            return super().newest(namespace, filter, limit, after=after)
        return self._inner.newest(namespace, _shared(filter), limit, after=after)

    def find_ids(self, namespace: str, prefix: str, limit: int) -> list[str]:
        """Return ids that begin with a text, of both namespaces; also of chunks of the main worktree."""
        own = self._own(namespace)
        found = set(self._inner.find_ids(namespace, prefix, limit))
        if own is not None:
            found.update(self._inner.find_ids(own, prefix, limit))
        return sorted(found)[:limit]

    def values(self, namespace: str, field: str) -> set[str]:
        """Return the strings in a field of the records of both namespaces."""
        own = self._own(namespace)
        if own is None:
            return self._inner.values(namespace, field)
        found = self._inner.values(own, field)
        for record in self._inner.scan(namespace, _shared({field: {"$exists": True}}), content=False):
            value = record.metadata[field]
            found.update(each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))
        return found

    def missing_vectors(self, namespace: str, limit: int) -> list[Record]:
        """Return records without a vector, those of the main worktree's chunks included: their vectors are the same."""
        own = self._own(namespace)
        found = self._inner.missing_vectors(namespace, limit)
        if own is None or len(found) >= limit:
            return found
        return found + self._inner.missing_vectors(own, limit - len(found))

    def count(self, namespace: str, filter: Filter | None = None) -> int:
        """Return the number of matching records of both namespaces."""
        own = self._own(namespace)
        if own is None or filter:
            here = 0 if own is None else self._inner.count(own, filter)
            return here + self._inner.count(namespace, filter if own is None else _shared(filter))
        return self.stats(namespace).records

    def stats(self, namespace: str) -> NamespaceStats:
        """Return the counts of both namespaces."""
        own = self._own(namespace)
        shared = self._inner.stats(namespace)
        if own is None:
            return shared
        here = self._inner.stats(own)
        known = self._shared_counts.get(namespace)
        if known is None or known[0] != shared.sequence:
            records = self._inner.count(namespace, NOT_A_CHUNK) if shared.records else 0
            vectors = records if shared.vectors == shared.records else self._vectors(namespace)
            known = self._shared_counts[namespace] = (shared.sequence, records, vectors)
        _, records, vectors = known
        return NamespaceStats(here.records + records, here.vectors + vectors, here.sequence + shared.sequence)

    def _vectors(self, namespace: str) -> int:
        found = self._inner.scan(namespace, NOT_A_CHUNK, content=False, vectors=True)
        return sum(record.vector is not None for record in found)

    def _not_chunks(self, namespace: str, ids: Sequence[str]) -> list[str]:
        """Return the ids of shared records; a chunk with the same id belongs to the main worktree."""
        found = self._inner.fetch(namespace, ids) if ids else {}
        return [each for each, record in found.items() if not is_chunk(record.metadata)]


class _WorktreeDense(DenseVectors):
    """The dense vectors of a worktree's chunks and of the shared records; see `WorktreeStore`.

    The numbers of `missing` are those of the backend, doubled; the odd ones are of shared records.

    Args:
        inner: The dense vectors of the backend.
        own: Returns the namespace of the worktree's chunks; ``None`` for a namespace that is not split.
    """

    def __init__(self, inner: DenseVectors, own: Callable[[str], str | None]) -> None:
        self._inner = inner
        self._own = own

    @property
    def empty(self) -> bool:
        """True if there are no vectors at all."""
        return self._inner.empty

    def progress(self, namespace: str, model: str, filter: Filter | None = None) -> DenseProgress:
        """Return how many of the matching records have a vector."""
        own = self._own(namespace)
        if own is None:
            return self._inner.progress(namespace, model, filter)
        parts = (self._inner.progress(own, model, filter), self._inner.progress(namespace, model, _shared(filter)))
        return DenseProgress(sum(part.made for part in parts), sum(part.total for part in parts))

    def begun(self, namespace: str, model: str) -> bool:
        """Return whether vectors were made for the worktree, or for the project: worktrees do what the project does."""
        own = self._own(namespace)
        return self._inner.begun(namespace, model) or (own is not None and self._inner.begun(own, model))

    def load(self, namespace: str, model: str) -> bool:
        """Prepare a query in both namespaces."""
        own = self._own(namespace)
        loaded = self._inner.load(namespace, model)
        return loaded if own is None else self._inner.load(own, model) or loaded

    def missing(self, namespace: str, model: str, limit: int, filter: Filter | None = None) -> list[tuple[int, Record]]:
        """Return records without a vector, those of the worktree first."""
        own = self._own(namespace)
        if own is None:
            return self._inner.missing(namespace, model, limit, filter)
        found = [(2 * number, record) for number, record in self._inner.missing(own, model, limit, filter)]
        if len(found) < limit:
            shared = self._inner.missing(namespace, model, limit - len(found), _shared(filter))
            found += [(2 * number + 1, record) for number, record in shared]
        return found

    def reuse(self, namespace: str, model: str, keys: Mapping[int, bytes]) -> set[int]:
        """Give records the vectors of equal texts, in any worktree."""
        own = self._own(namespace)
        if own is None:
            return self._inner.reuse(namespace, model, keys)
        done: set[int] = set()
        for odd, part in enumerate((own, namespace)):
            of_part = {number // 2: key for number, key in keys.items() if number % 2 == odd}
            done |= {2 * number + odd for number in self._inner.reuse(part, model, of_part)}
        return done

    def add(self, namespace: str, model: str, keys: Mapping[int, bytes], vectors: npt.NDArray[np.float32]) -> None:
        """Store vectors in the namespaces of their records."""
        own = self._own(namespace)
        if own is None:
            self._inner.add(namespace, model, keys, vectors)
            return
        for odd, part in enumerate((own, namespace)):
            rows = [row for row, number in enumerate(keys) if number % 2 == odd]
            of_part = {number // 2: key for number, key in keys.items() if number % 2 == odd}
            if of_part:
                self._inner.add(part, model, of_part, vectors[rows])

    def query(
        self, namespace: str, model: str, vector: Vector, top_k: int, filter: Filter | None = None
    ) -> list[Match]:
        """Return the nearest records of both namespaces."""
        own = self._own(namespace)
        if own is None:
            return self._inner.query(namespace, model, vector, top_k, filter)
        return _best(
            self._inner.query(own, model, vector, top_k, filter),
            self._inner.query(namespace, model, vector, top_k, _shared(filter)),
            top_k,
        )

    def without(self, namespace: str, model: str, ids: Sequence[str]) -> set[str]:
        """Return the ids of records without a vector in either namespace."""
        own = self._own(namespace)
        found = self._inner.without(namespace, model, ids)
        return found if own is None else found & self._inner.without(own, model, ids)


def _parted(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Return the chunks among records, and the others."""
    chunks = [record for record in records if is_chunk(record.metadata)]
    return chunks, [record for record in records if not is_chunk(record.metadata)]


def _shared(filter: Filter | None) -> Filter:
    """Return a filter for the shared records: a chunk in their namespace is of the main worktree."""
    return {"$and": [filter, NOT_A_CHUNK]} if filter else NOT_A_CHUNK


def _best(first: Sequence[Match], second: Sequence[Match], top_k: int) -> list[Match]:
    return sorted([*first, *second], key=lambda match: (-match.score, match.record.id))[:top_k]
