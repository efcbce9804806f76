"""A store on Pinecone once it is connected: its indexes, its notes, and what this process waits for."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from aurora_dev.core.pinecone import names
from aurora_dev.core.pinecone.bookkeeping import EmbedderState, Notes
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
    """What is there once the store is connected.

    Attributes:
        records: The index that is the truth.
        vector: Values that this index takes for a record without a vector, if it is a dense one.
        sparse: The same, if it is a sparse one.
    """

    records: PineconeIndex
    notes: Notes
    frequencies: FrequencyCache
    vector: list[float] | None
    sparse: Sparse | None

    def changed(self, namespace: str, documents: int) -> None:
        """Note that a namespace (Pinecone's name) was changed, and by how many documents."""
        self.frequencies.changed(namespace, documents)
        self.notes.changed(namespace)


class Session:
    """Connects a store once, and knows where each namespace is. Thread-safe.

    Args:
        layout: Finds the indexes.
        workers: For requests.
        freshness: What this process has written.
        closed: Set when the store is closed.
        visibility: Seconds to wait until what was written shows.
    """

    def __init__(
        self, layout: Layout, workers: Workers, freshness: Freshness, *, closed: threading.Event, visibility: float
    ) -> None:
        self._layout, self._workers, self._freshness = layout, workers, freshness
        self._closed, self._visibility = closed, visibility
        self._lock = threading.Lock()
        self._store: Opened | None = None

    def opened(self) -> Opened | None:
        """Connect, once; ``None`` where there is no index yet and none can be made before an embedder is known."""
        if self._closed.is_set():
            raise StoreClosedError("the store is closed; everything acknowledged is kept. Open it again to use it")
        with self._lock:
            if self._store is None:
                records = self._layout.records()
                if records is None:
                    return None
                vector, sparse = self._layout.probe()
                notes = Notes(records, vector=vector, sparse=sparse, sleep=self._closed.wait)
                frequencies = FrequencyCache(records, notes, self._workers)
                self._store = Opened(records, notes, frequencies, vector, sparse)
            return self._store

    def recorded(self, embedder: EmbedderInfo) -> tuple[Opened, EmbedderState]:
        """Return the store and its embedder.

        Raises:
            EmbedderMismatchError: Another embedder is recorded, or none.
        """
        store = self.opened()
        state = store.notes.embedder(anew=True) if store else None
        if store is None or state is None or state.info != embedder:
            raise switched(embedder, state)
        return store, state

    def target(self, store: Opened, namespace: str, state: EmbedderState | None) -> Target:
        """Return where a namespace is read and written under an embedder."""
        encoded = names.encode_namespace(namespace)
        if state is None:
            return Target(store.records, encoded, None, "", "")
        vectors = self._layout.vectors(state.index, state.info.dimension)
        return Target(
            store.records, encoded, vectors, names.vectors_namespace(encoded, state.generation), state.generation
        )

    def writable(self, store: Opened, namespace: str, state: EmbedderState | None) -> Target:
        """Return where a namespace is written; a dense index that is gone is made anew, and all vectors are missing.

        Raises:
            IndexNotFoundError: It is gone, and is not to be made.
        """
        target = self.target(store, namespace, state)
        if state is None or target.vectors is not None:
            return target
        index = self._layout.vectors_for(state.info.dimension)
        _log.warning("pinecone_vectors_lost", index=state.index, made=index)
        anew = EmbedderState.of(state.info, index, state.switches + 1)
        store.notes.set_embedder(anew)
        return self.target(store, namespace, anew)

    def settled(self, namespace: str, *, strict: bool = False) -> Opened | None:
        """Return the store when a namespace shows what this process has written to it.

        Raises:
            BackendUnavailableError: It does not, for too long; only with ``strict``, else a line is logged.
        """
        store = self.opened()
        if store is None:
            return None
        target = self.target(store, namespace, store.notes.embedder())
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
                    f"what was written does not show after {self._visibility:g} s; it is stored all the same, and "
                    "will show. Search again later, or raise visibility_timeout"
                )
            _log.warning("pinecone_not_fresh", namespace=namespace, seconds=self._visibility)
        return store

    def discard_vectors(self, state: EmbedderState) -> None:
        """Delete the vectors of an embedder that is not used any more; what stays behind is found by nobody."""
        try:
            index = self._layout.vectors(state.index, state.info.dimension)
            for name in index.facts()[1] if index is not None else ():
                owner = names.vectors_owner(name)
                if index is not None and owner is not None and owner[1] == state.generation:
                    index.delete_all(name)
        except (StoreError, ConfigurationError) as error:
            _log.warning("pinecone_old_vectors_left", index=state.index, error=error)


def switched(embedder: EmbedderInfo, state: EmbedderState | None) -> EmbedderMismatchError:
    """Return the error of who brings vectors of an embedder that is not the recorded one."""
    return EmbedderMismatchError(
        f"another process has switched the store from the embedder {embedder.name!r} to "
        f"{state.info.name if state else None!r}: nothing was written"
    )
