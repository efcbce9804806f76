"""A connected store on Pinecone: its indexes, its bookkeeping, and the writes that this process waits for."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from aurora_dev.core.pinecone import names
from aurora_dev.core.pinecone.bookkeeping import Bookkeeping, EmbedderState
from aurora_dev.core.pinecone.client import PineconeIndex
from aurora_dev.core.pinecone.frequencies import FrequencyCache
from aurora_dev.core.pinecone.layout import Layout
from aurora_dev.core.pinecone.read_your_writes import Freshness
from aurora_dev.core.pinecone.requests import Workers
from aurora_dev.core.pinecone.sparse import Sparse
from aurora_dev.core.pinecone.writer import Target
from aurora_dev.core.types import EmbedderInfo
from aurora_dev.errors import (
    BackendUnavailableError,
    ConfigurationError,
    EmbedderMismatchError,
    StoreClosedError,
    StoreError,
)
from aurora_dev.log import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """The parts of a connected store.

    Attributes:
        records: The index that is the truth.
        bookkeeping: The facts that the store keeps about itself.
        frequencies: The term statistics for keyword search.
        vector: The values of a record without a vector in ``records``, if that index is dense.
        sparse: The same, if it is sparse.
    """

    records: PineconeIndex
    bookkeeping: Bookkeeping
    frequencies: FrequencyCache
    vector: list[float] | None
    sparse: Sparse | None

    def changed(self, namespace: str, documents: int) -> None:
        """Record that so many documents of a namespace (Pinecone's name) were changed."""
        self.frequencies.changed(namespace, documents)
        self.bookkeeping.changed(namespace)


class Session:
    """Connects a store once, and knows the indexes of each namespace. Thread-safe.

    Args:
        layout: Finds the indexes.
        workers: Runs the requests.
        freshness: Knows the writes of this process that may not show yet.
        closed: Set when the store is closed.
        visibility: Seconds to wait until a write shows.
    """

    def __init__(
        self, layout: Layout, workers: Workers, freshness: Freshness, *, closed: threading.Event, visibility: float
    ) -> None:
        self._layout, self._workers, self._freshness = layout, workers, freshness
        self._closed, self._visibility = closed, visibility
        self._lock = threading.Lock()
        self._store: Opened | None = None

    def opened(self) -> Opened | None:
        """Connect, once; ``None`` if there is no index yet, and none can be made before an embedder is known.

        Raises:
            StoreClosedError: The store is closed.
        """
        if self._closed.is_set():
            raise StoreClosedError("the store is closed; everything acknowledged is kept. Open it again to use it")
        with self._lock:
            if self._store is None:
                records = self._layout.records()
                if records is None:
                    return None
                vector, sparse = self._layout.probe()
                bookkeeping = Bookkeeping(records, vector=vector, sparse=sparse, sleep=self._closed.wait)
                frequencies = FrequencyCache(records, bookkeeping, self._workers)
                self._store = Opened(records, bookkeeping, frequencies, vector, sparse)
            return self._store

    def recorded(self, embedder: EmbedderInfo) -> tuple[Opened, EmbedderState]:
        """Return the store and its embedder.

        Raises:
            EmbedderMismatchError: Another embedder is recorded, or none.
        """
        store = self.opened()
        state = store.bookkeeping.embedder(reread=True) if store else None
        if store is None or state is None or state.info != embedder:
            raise embedder_switched(embedder, state)
        return store, state

    def target(self, store: Opened, namespace: str, state: EmbedderState | None) -> Target:
        """Return the indexes and namespaces that hold one of our namespaces under an embedder."""
        encoded = names.encode_namespace(namespace)
        if state is None:
            return Target(store.records, encoded, None, "", "")
        vectors = self._layout.vectors(state.index, state.info.dimension)
        return Target(
            store.records, encoded, vectors, names.vectors_namespace(encoded, state.generation), state.generation
        )

    def writable(self, store: Opened, namespace: str, state: EmbedderState | None) -> Target:
        """Return the target of writes to a namespace; makes a dense index that was deleted again, without its vectors.

        Raises:
            IndexNotFoundError: The dense index was deleted, and may not be made.
        """
        target = self.target(store, namespace, state)
        if state is None or target.vectors is not None:
            return target
        index = self._layout.vectors_for(state.info.dimension)
        _log.warning("pinecone_vectors_lost", index=state.index, made=index)
        moved = EmbedderState.of(state.info, index, state.switches + 1)
        store.bookkeeping.set_embedder(moved)
        return self.target(store, namespace, moved)

    def wait_visible(self, namespace: str, *, strict: bool = False) -> Opened | None:
        """Wait until a namespace shows the writes of this process, and return the store.

        Raises:
            BackendUnavailableError: They do not show in time; only with ``strict``, else a line is logged.
        """
        store = self.opened()
        if store is None:
            return None
        target = self.target(store, namespace, store.bookkeeping.embedder())
        shown = self._freshness.wait(
            store.records, target.namespace, self._visibility, vector=store.vector, sparse=store.sparse
        )
        if target.vectors is not None:
            dimension = self._layout.dimension(target.vectors.name)
            shown &= self._freshness.wait(
                target.vectors,
                target.vectors_namespace,
                self._visibility,
                vector=[1.0] + [0.0] * (dimension - 1),
                sparse=None,
            )
        if not shown:
            if strict:
                raise BackendUnavailableError(
                    f"the last writes do not show after {self._visibility:g} s. They are stored, and will show later. "
                    "Search again, or raise visibility_timeout"
                )
            _log.warning("pinecone_not_fresh", namespace=namespace, seconds=self._visibility)
        return store

    def discard_vectors(self, state: EmbedderState) -> None:
        """Delete the vectors of an embedder that is no longer used; vectors that remain are found by no search."""
        try:
            index = self._layout.vectors(state.index, state.info.dimension)
            for name in index.facts()[1] if index is not None else ():
                owner = names.vectors_owner(name)
                if index is not None and owner is not None and owner[1] == state.generation:
                    index.delete_all(name)
        except (StoreError, ConfigurationError) as error:
            _log.warning("pinecone_old_vectors_left", index=state.index, error=error)


def embedder_switched(embedder: EmbedderInfo, state: EmbedderState | None) -> EmbedderMismatchError:
    """Return the error for vectors made by a different embedder."""
    return EmbedderMismatchError(
        f"another process has switched the store from the embedder {embedder.name!r} to "
        f"{state.info.name if state else None!r}: nothing was written"
    )
