"""The contract of a vector backend, in words; ``aurora_dev.testing`` holds it as tests.

Backends are synchronous and thread-safe: `VectorStore` calls them from worker threads. Every method may raise
`StoreError` (see `aurora_dev.errors`); wrong arguments raise `InvalidRequestError` and write nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from aurora_dev.core.types import EmbedderInfo, Match, Record, Vector

Filter = Mapping[str, Any]  # the grammar is documented and checked in aurora_dev.core.filters


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do; the pipeline leaves out, with a notice, what it cannot.

    Attributes:
        keyword: Whether `VectorBackend.keyword_query` works.
        transactions: Whether one `write` is all or nothing.
        remote: Whether queries wait for a network, so that two at a time take no longer than one.
    """

    keyword: bool = True
    transactions: bool = True
    remote: bool = False


@dataclass(frozen=True, slots=True)
class NamespaceStats:
    """Counts of one namespace.

    Attributes:
        records: All records.
        vectors: Records that have a vector of the store's present embedder.
        sequence: Grows with every change to the namespace; equal numbers mean equal content.
    """

    records: int
    vectors: int
    sequence: int


@runtime_checkable
class VectorBackend(Protocol):
    """Keeps records by namespace and id, and finds them by vector, by keyword and by metadata."""

    @property
    def capabilities(self) -> Capabilities:
        """What this backend can do."""

    def embedder(self) -> EmbedderInfo | None:
        """Return the embedder whose vectors the store holds, or ``None`` before the first was set."""

    def set_embedder(self, info: EmbedderInfo, *, replace: bool = True) -> EmbedderInfo:
        """Record the embedder, and return the one that is recorded then.

        Setting the recorded one again does nothing. Setting another one makes every stored vector stale at once, in
        one transaction: records keep their content and stay findable by keyword, and have no vector until they are
        written with one again. Without ``replace`` a recorded embedder stays: of several callers that meet a store
        without one, the first wins and the others are told.
        """

    def write(
        self,
        namespace: str,
        upserts: Sequence[Record] = (),
        deletes: Sequence[str] = (),
        *,
        embedder: EmbedderInfo | None = None,
    ) -> None:
        """Delete ``deletes``, then insert or replace ``upserts`` by id; durable when it returns.

        Of several upserts with one id the last wins. Unknown ids in ``deletes`` are ignored. A vector must have the
        shape ``(embedder().dimension,)``; finite values. With ``capabilities.transactions``, all or nothing. Naming the
        ``embedder`` of the vectors makes sure that another process has not recorded another one meanwhile.

        Raises:
            EmbedderMismatchError: ``embedder`` is not the recorded one; nothing was written.
            DimensionMismatchError: A vector has another length.
            InvalidRequestError: An id, a metadata value or a vector cannot be stored; nothing was.
        """

    def attach_vectors(self, namespace: str, records: Sequence[Record], *, embedder: EmbedderInfo) -> int:
        """Give vectors to records that are still as they were read, and return how many those are.

        A record whose content or metadata were written meanwhile, or that was deleted, is left alone: bringing vectors
        back never undoes a write.

        Raises:
            EmbedderMismatchError: ``embedder`` is not the recorded one; nothing was written.
            DimensionMismatchError: A vector has another length.
        """

    def fetch(self, namespace: str, ids: Sequence[str], *, vectors: bool = False) -> dict[str, Record]:
        """Return the records that exist among ``ids``; vectors only where asked for."""

    def delete_where(self, namespace: str, filter: Filter) -> int:
        """Delete the records that match and return how many there were; ``{}`` matches all."""

    def vector_query(self, namespace: str, vector: Vector, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` nearest records by inner product (cosine of normalised vectors), best first.

        The filter applies before ``top_k``: k results come back whenever k exist. Ties are broken by id. Records
        without a vector are not found. An unknown namespace is empty.
        """

    def keyword_query(self, namespace: str, text: str, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` best records by BM25 over code-aware tokens, best first, scores above 0 only.

        The filter applies before ``top_k``. Ties are broken by id.
        """

    def scan(
        self, namespace: str, filter: Filter | None = None, *, content: bool = True, vectors: bool = False
    ) -> Iterator[Record]:
        """Yield every record that matches, in the order of ids; without ``content`` it is an empty string."""

    def missing_vectors(self, namespace: str, limit: int) -> list[Record]:
        """Return up to ``limit`` records that have no vector of the present embedder."""

    def count(self, namespace: str, filter: Filter | None = None) -> int:
        """Return how many records match."""

    def namespaces(self) -> list[str]:
        """Return the names of the namespaces that hold records, sorted."""

    def delete_namespace(self, namespace: str) -> int:
        """Delete a namespace with all of its records and return how many there were."""

    def stats(self, namespace: str) -> NamespaceStats:
        """Return the counts of a namespace; zeros where it does not exist."""

    def refresh(self, namespace: str) -> None:
        """Bring whatever is derived from the records up to date now, so that no later search waits for it."""

    def describe(self) -> Mapping[str, Any]:
        """Return facts for ``aurora status``: kind, location, bytes, index type, schema version."""

    def close(self) -> None:
        """Release files and connections; a second call does nothing."""
