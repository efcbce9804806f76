"""Document frequencies for keyword search on Pinecone: sampled, kept in the index, and read once in a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from aurora_dev.core.pinecone.bookkeeping import Notes
from aurora_dev.core.pinecone.client import PineconeIndex
from aurora_dev.core.pinecone.requests import Workers, fetch_batches
from aurora_dev.core.pinecone.sparse import NO_FREQUENCIES, SAMPLE_DOCUMENTS, Frequencies
from aurora_dev.errors import StoreError
from aurora_dev.log import get_logger

_log = get_logger(__name__)

_TRUSTED_SECONDS = 300.0  # how long figures are used before they are read again
# The share of a namespace that has to change before it is sampled again: inverse frequencies move by less than a
# fifth then, and the order of results hardly at all.
_RENEWED_SHARE = 0.2
_LEAST_CHANGES = 20  # documents; a sample of a small namespace is small too, but not free


class FrequencyCache:
    """Keeps the figures of each namespace. Thread-safe.

    The first documents by id are the sample: ids are digests unless the caller chose them, hence in random order.

    Args:
        records: The sparse index that holds the records.
        notes: Where the figures are kept between processes.
        workers: For the requests of a sample.
        clock: Monotonic seconds.
    """

    def __init__(
        self, records: PineconeIndex, notes: Notes, workers: Workers, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._records, self._notes, self._workers, self._clock = records, notes, workers, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Frequencies, float]] = {}
        self._changes: dict[str, int] = {}

    def changed(self, namespace: str, documents: int) -> None:
        """Note that this process has written or deleted so many documents."""
        with self._lock:
            self._changes[namespace] = self._changes.get(namespace, 0) + documents

    def get(self, namespace: str) -> Frequencies:
        """Return the figures of a namespace (Pinecone's name), sampling it where there are none or they are old."""
        with self._lock:
            known = self._known.get(namespace)
            changes = self._changes.get(namespace, 0)
        if known is not None and self._clock() < known[1] and not _is_old(known[0], changes):
            return known[0]
        stored = self._stored(namespace)
        if stored is None or _is_old(stored, changes):
            stored = self.renew(namespace)
        self._remember(namespace, stored)
        return stored

    def renew(self, namespace: str) -> Frequencies:
        """Sample a namespace and keep the figures; a failure to keep them costs other processes a sample."""
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
        figures = Frequencies.of(vectors, documents)
        with self._lock:
            self._changes.pop(namespace, None)
        try:
            self._notes.set_frequencies(namespace, figures.to_text())
        except StoreError as error:
            _log.warning("pinecone_frequencies_not_kept", namespace=namespace, error=error)
        self._remember(namespace, figures)
        return figures

    def refresh(self, namespace: str) -> None:
        """Sample a namespace again if this process has changed much of it."""
        with self._lock:
            changes = self._changes.get(namespace, 0)
        if changes:
            stored = self._stored(namespace)
            if stored is None or _is_old(stored, changes):
                self.renew(namespace)

    def _stored(self, namespace: str) -> Frequencies | None:
        text = self._notes.frequencies(namespace)
        try:
            return Frequencies.from_text(text) if text is not None else None
        except ValueError:
            return None  # of another version, or damaged: it is only a sample

    def _remember(self, namespace: str, figures: Frequencies) -> None:
        with self._lock:
            self._known[namespace] = (figures, self._clock() + _TRUSTED_SECONDS)


def _is_old(figures: Frequencies, changes: int) -> bool:
    return changes > max(_LEAST_CHANGES if figures.documents else 0, _RENEWED_SHARE * figures.documents)
