"""Read-your-writes consistency on a service that is eventually consistent.

Pinecone numbers the writes of a namespace: the answer to an upsert has its number, and the answer to a query the number
of the last write that it saw. If either is missing, and for deletes, whose answer the client does not return, some of
the written ids are fetched instead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aurora_dev.core.pinecone.client import PineconeIndex
from aurora_dev.core.pinecone.records import REVISION
from aurora_dev.core.pinecone.requests import Upsert
from aurora_dev.core.pinecone.sparse import Sparse

_MOST_WITNESSES = 100  # ids that are fetched; the last one of each recent batch
_FIRST_PAUSE = 0.05  # seconds
_LONGEST_PAUSE = 1.0  # seconds
_MOST_IDS = 100_000  # about 10 MB; a process that writes more without waiting forgets the ids


@dataclass(slots=True)
class _Pending:
    """The writes to one namespace of an index that may not show yet.

    Attributes:
        number: The number of the last upsert; 0 if the service named none.
        ids: All encoded ids that were written or deleted.
        witnesses: Encoded ids with the revision that they must show, ``None`` for an id that must be gone.
    """

    number: int = 0
    ids: set[str] = field(default_factory=set)
    witnesses: dict[str, str | None] = field(default_factory=dict)


class Freshness:
    """The writes of this process that it has not seen yet. Thread-safe.

    Args:
        sleep: Waits so many seconds; returns true if the store was closed meanwhile.
        clock: Returns monotonic seconds.
    """

    def __init__(self, sleep: Callable[[float], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._sleep, self._clock = sleep, clock
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, str], _Pending] = {}

    def wrote(self, index: PineconeIndex, namespace: str, number: int | None, vectors: Sequence[Upsert]) -> None:
        """Record an upsert by its number and its last vector."""
        last = vectors[-1]
        with self._lock:
            pending = self._pending.setdefault((index.name, namespace), _Pending())
            pending.number = max(pending.number, number or 0)
            _remember(pending, [vector.id for vector in vectors], str(last.metadata[REVISION]))

    def deleted(self, index: PineconeIndex, namespace: str, ids: Sequence[str]) -> None:
        """Record a delete by its last id."""
        if ids:
            with self._lock:
                _remember(self._pending.setdefault((index.name, namespace), _Pending()), ids, None)

    def forget(self, index: PineconeIndex, namespace: str) -> None:
        """Record that a namespace was deleted, so that no earlier write will show."""
        with self._lock:
            self._pending.pop((index.name, namespace), None)

    def is_pending(self, index: PineconeIndex, namespace: str) -> bool:
        """Return whether a namespace has writes of this process that may not show yet."""
        with self._lock:
            return (index.name, namespace) in self._pending

    def touches(self, index: PineconeIndex, namespace: str, ids: Sequence[str]) -> bool:
        """Return whether some of these ids were written and may not show yet."""
        with self._lock:
            pending = self._pending.get((index.name, namespace))
            return pending is not None and not pending.ids.isdisjoint(ids)

    def wait(
        self,
        index: PineconeIndex,
        namespace: str,
        seconds: float,
        *,
        vector: Sequence[float] | None,
        sparse: Sparse | None,
    ) -> bool:
        """Wait until a namespace shows the writes of this process.

        Args:
            index: The index.
            namespace: Pinecone's name of the namespace.
            seconds: Most seconds to wait.
            vector: A query that the index accepts, if it is dense.
            sparse: The same, if it is sparse.

        Returns:
            Whether they show. If they do not, no later call waits for them again: another machine may have changed
            those records since.
        """
        key = (index.name, namespace)
        with self._lock:
            pending = self._pending.get(key)
            if pending is None:
                return True
            number, witnesses = pending.number, dict(pending.witnesses)
        until = self._clock() + seconds
        pause = _FIRST_PAUSE
        shown = True
        while not _shows(index, namespace, number, witnesses, vector, sparse):
            if self._clock() + pause > until or self._sleep(pause):
                shown = False
                break
            pause = min(2 * pause, _LONGEST_PAUSE)
        with self._lock:
            # Writes that came meanwhile stay pending.
            now = self._pending.get(key)
            if now is not None and now.number == number and now.witnesses == witnesses:
                del self._pending[key]
        return shown


def _remember(pending: _Pending, ids: Sequence[str], revision: str | None) -> None:
    for identifier in ids:  # a later write replaces what an earlier one would show
        pending.witnesses.pop(identifier, None)
    if len(pending.ids) > _MOST_IDS:
        pending.ids.clear()
    pending.ids.update(ids)
    pending.witnesses[ids[-1]] = revision
    while len(pending.witnesses) > _MOST_WITNESSES:
        del pending.witnesses[next(iter(pending.witnesses))]


def _shows(
    index: PineconeIndex,
    namespace: str,
    number: int,
    witnesses: dict[str, str | None],
    vector: Sequence[float] | None,
    sparse: Sparse | None,
) -> bool:
    gone = [identifier for identifier, revision in witnesses.items() if revision is None]
    if number:
        seen = index.query(namespace, 1, vector=vector, sparse=sparse, metadata=False).seen
        if seen is not None:
            if seen < number:
                return False
            # Deletes have no number, so the ids that were deleted and not written again are fetched.
            return not (gone and index.fetch(namespace, gone))
    found = index.fetch(namespace, list(witnesses)) if witnesses else {}
    return all(
        (identifier not in found) if revision is None else _revision(found, identifier) == revision
        for identifier, revision in witnesses.items()
    )


def _revision(found: object, identifier: str) -> str | None:
    stored = found.get(identifier) if isinstance(found, dict) else None
    metadata = stored.metadata if stored is not None else None
    return str(metadata.get(REVISION)) if metadata else None
