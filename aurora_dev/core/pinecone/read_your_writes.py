"""Read-your-writes on a service that shows writes after a while.

Pinecone numbers the writes of a namespace: the answer to an upsert names the number, and the answer to a query names
the last one that it has seen. Where either is missing, and for deletes, whose answer the client does not hand out, a
few of the ids that were written are fetched instead.
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

_MOST_WITNESSES = 100  # ids that are looked at; one for each batch that was written lately
_FIRST_PAUSE = 0.05  # seconds
_LONGEST_PAUSE = 1.0  # seconds
_MOST_IDS = 100_000  # about 10 MB; beyond, a process that never waits forgets which ids it wrote


@dataclass(slots=True)
class _Pending:
    """What a namespace of one index is to show.

    Attributes:
        number: Of the last upsert; 0 where the service named none.
        witnesses: Encoded id to the revision that it must show, or ``None`` where it must be gone.
        ids: All encoded ids that were written or deleted.
    """

    number: int = 0
    ids: set[str] = field(default_factory=set)
    witnesses: dict[str, str | None] = field(default_factory=dict)


class Freshness:
    """What this process has written and not yet seen. Thread-safe.

    Args:
        sleep: Waits so many seconds; true where the store was closed.
        clock: Monotonic seconds.
    """

    def __init__(self, sleep: Callable[[float], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._sleep, self._clock = sleep, clock
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, str], _Pending] = {}

    def wrote(self, index: PineconeIndex, namespace: str, number: int | None, vectors: Sequence[Upsert]) -> None:
        """Note an upsert by its number and the last of its records."""
        last = vectors[-1]
        with self._lock:
            pending = self._pending.setdefault((index.name, namespace), _Pending())
            pending.number = max(pending.number, number or 0)
            _remember(pending, [vector.id for vector in vectors], str(last.metadata[REVISION]))

    def deleted(self, index: PineconeIndex, namespace: str, ids: Sequence[str]) -> None:
        """Note a delete by the last of its ids."""
        if ids:
            with self._lock:
                _remember(self._pending.setdefault((index.name, namespace), _Pending()), ids, None)

    def forget(self, index: PineconeIndex, namespace: str) -> None:
        """Note that a namespace was deleted: nothing that was written before is to show."""
        with self._lock:
            self._pending.pop((index.name, namespace), None)

    def is_pending(self, index: PineconeIndex, namespace: str) -> bool:
        """Return whether there are writes of this process that nobody has waited for."""
        with self._lock:
            return (index.name, namespace) in self._pending

    def touches(self, index: PineconeIndex, namespace: str, ids: Sequence[str]) -> bool:
        """Return whether some of these ids are among such writes."""
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
        """Wait until a namespace shows what this process has written there.

        Args:
            index: The index.
            namespace: Pinecone's name of the namespace.
            seconds: At most so long.
            vector: A query that the index takes, if it is a dense one.
            sparse: The same, if it is a sparse one.

        Returns:
            Whether it does. Where it does not, nobody waits for the same writes again: another machine may have
            changed those records since.
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
            # What was written meanwhile stays pending.
            now = self._pending.get(key)
            if now is not None and now.number == number and now.witnesses == witnesses:
                del self._pending[key]
        return shown


def _remember(pending: _Pending, ids: Sequence[str], revision: str | None) -> None:
    for identifier in ids:  # what was noted of them before is over
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
            # Deletes have no number: those that came after the last upsert are looked at by themselves.
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
