"""Document frequencies for keyword search on Pinecone: sampled, stored in the index, and reread every few minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from aurora_dev.core.pinecone.bookkeeping import Bookkeeping
from aurora_dev.core.pinecone.client import PineconeIndex
from aurora_dev.core.pinecone.requests import Workers, fetch_batches
from aurora_dev.core.pinecone.sparse import NO_FREQUENCIES, SAMPLE_DOCUMENTS, Frequencies
from aurora_dev.errors import StoreError
from aurora_dev.log import get_logger

_log = get_logger(__name__)

_TRUSTED_SECONDS = 300.0  # how long frequencies are used before they are read again
# The share of a namespace that has to change before it is sampled again: until then inverse frequencies move by less
# than a fifth, and the order of results hardly at all.
_RENEWED_SHARE = 0.2
_LEAST_CHANGES = 20  # documents; a sample of a small namespace is small too, but not free


class FrequencyCache:
    """Keeps the frequencies of each namespace. Thread-safe.

    The first documents by id are the sample: ids are digests unless the caller chose them, hence in random order.

    Args:
        records: The sparse index that holds the records.
        bookkeeping: Stores the frequencies for other processes.
        workers: Runs the requests of a sample.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        records: PineconeIndex,
        bookkeeping: Bookkeeping,
        workers: Workers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records, self._bookkeeping, self._workers, self._clock = records, bookkeeping, workers, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Frequencies, float]] = {}
        self._changes: dict[str, int] = {}

    def changed(self, namespace: str, documents: int) -> None:
        """Record that this process wrote or deleted so many documents."""
        with self._lock:
            self._changes[namespace] = self._changes.get(namespace, 0) + documents

    def get(self, namespace: str) -> Frequencies:
        """Return the frequencies of a namespace (Pinecone's name); samples it if there are none, or only old ones."""
        with self._lock:
            known = self._known.get(namespace)
            changes = self._changes.get(namespace, 0)
        if known is not None and self._clock() < known[1] and not _is_old(known[0], changes):
            return known[0]
        stored = self._stored(namespace)
        if stored is None or _is_old(stored, changes):
            stored = self.sample(namespace)
        self._remember(namespace, stored)
        return stored

    def sample(self, namespace: str) -> Frequencies:
        """Sample a namespace and store the frequencies; if that fails, other processes sample it themselves."""
        ids: list[str] = []
        for page in self._records.list_ids(namespace):
            ids += page
            if len(ids) >= SAMPLE_DOCUMENTS:
                break
        complete = len(ids) < SAMPLE_DOCUMENTS
        ids = ids[:SAMPLE_DOCUMENTS]
        if not ids:
            return NO_FREQUENCIES
        found = self._workers.map(lambda batch: self._records.fetch(namespace, batch), list(fetch_batches(ids)))
        documents = len(ids) if complete else self._records.facts()[1].get(namespace, len(ids))
        vectors = [stored.indices for batch in found for stored in batch.values()]
        frequencies = Frequencies.of(vectors, documents)
        with self._lock:
            self._changes.pop(namespace, None)
        try:
            self._bookkeeping.set_frequencies(namespace, frequencies.to_text())
        except StoreError as error:
            _log.warning("pinecone_frequencies_not_kept", namespace=namespace, error=error)
        self._remember(namespace, frequencies)
        return frequencies

    def refresh(self, namespace: str) -> None:
        """Sample a namespace again if this process changed much of it."""
        with self._lock:
            changes = self._changes.get(namespace, 0)
        if changes:
            stored = self._stored(namespace)
            if stored is None or _is_old(stored, changes):
                self.sample(namespace)

    def _stored(self, namespace: str) -> Frequencies | None:
        text = self._bookkeeping.frequencies(namespace)
        try:
            return Frequencies.from_text(text) if text is not None else None
        except ValueError:
            return None  # of another version, or damaged; it is only a sample

    def _remember(self, namespace: str, frequencies: Frequencies) -> None:
        with self._lock:
            self._known[namespace] = (frequencies, self._clock() + _TRUSTED_SECONDS)


def _is_old(frequencies: Frequencies, changes: int) -> bool:
    return changes > max(_LEAST_CHANGES if frequencies.documents else 0, _RENEWED_SHARE * frequencies.documents)
