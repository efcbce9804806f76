"""Records that searches leave out: those that another one has superseded, and those whose time is over.

Two keys of the metadata say so: ``superseded_by`` (the id of what replaced it) and ``expires_at`` (seconds since the
epoch). Most stores have none of them, and nearly no store has many. A few are taken out of the candidates, of which as
many more are asked for: at 10,000 records that costs nothing that can be measured, while a filter costs a search 6 %.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aurora_dev.core.contracts import Filter, VectorBackend
from aurora_dev.core.filters import all_of, fields, parse_filter
from aurora_dev.core.types import Match

SUPERSEDED: Final = "superseded_by"
EXPIRES: Final = "expires_at"
_MARKED: Final[Filter] = {"$or": [{SUPERSEDED: {"$exists": True}}, {EXPIRES: {"$exists": True}}]}
_MOST_TAKEN_OUT: Final = 64  # of more, a filter is the cheaper way
_NOT_SUPERSEDED: Final[Filter] = {SUPERSEDED: {"$exists": False}}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one state of the namespace hides.

    Attributes:
        sequence: Of the namespace.
        superseded: How many records are.
        expiries: When records expire, ascending.
    """

    sequence: int
    superseded: int
    expiries: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Visible:
    """What one search may find.

    Attributes:
        filter: For the backend.
        hidden: How many records that the filter lets through must be taken out, at most.
        now: Seconds since the epoch.
    """

    filter: Filter | None
    hidden: int = 0
    now: float = 0.0

    def fetch(self, query: Callable[[int, Filter | None], list[Match]], wanted: int) -> list[Match]:
        """Return up to ``wanted`` matches of a backend's query, without what is hidden.

        Args:
            query: Called with a number of matches and a filter.
            wanted: How many matches to return.
        """
        if not self.hidden:
            return query(wanted, self.filter)
        found = query(wanted + self.hidden, self.filter)
        return [match for match in found if not is_hidden(match.record.metadata, self.now)][:wanted]


def is_hidden(metadata: Mapping[str, Any], now: float) -> bool:
    """Whether a record is superseded, or its time is over."""
    expires = metadata.get(EXPIRES)
    return SUPERSEDED in metadata or (
        isinstance(expires, int | float) and not isinstance(expires, bool) and expires <= now
    )


class HiddenRecords:
    """Knows what searches must not find. Thread-safe.

    Args:
        backend: Where the records are.
        namespace: Which of them.
        clock: Seconds since the epoch; for tests.
    """

    def __init__(self, backend: VectorBackend, namespace: str, clock: Callable[[], float] = time.time) -> None:
        self._backend = backend
        self._namespace = namespace
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: _Seen | None = None

    def visible(self, filter: Filter | None) -> Visible:
        """Return what a search with a filter may find.

        Where the filter names ``superseded_by`` or ``expires_at`` itself, its author asks for just those records, and
        nothing is hidden.
        """
        if filter and not {SUPERSEDED, EXPIRES}.isdisjoint(fields(parse_filter(filter))):
            return Visible(filter)
        now = self._clock()
        if not self._backend.capabilities.local:
            # Asking first would take as long as the search itself.
            return Visible(all_of(filter, _NOT_SUPERSEDED, _expires_after(now)))
        seen = self._current()
        passed = bisect_right(seen.expiries, now)
        if seen.superseded + passed <= _MOST_TAKEN_OUT:
            return Visible(filter, seen.superseded + passed, now)
        parts: list[Filter] = [_NOT_SUPERSEDED] if seen.superseded else []
        if passed:
            # The last moment that has passed stands for now: the filter stays the same until the next one comes, and
            # what the backend has worked out for it stays useful.
            parts.append(_expires_after(seen.expiries[passed - 1]))
        return Visible(all_of(filter, *parts))

    def _current(self) -> _Seen:
        sequence = self._backend.stats(self._namespace).sequence
        with self._lock:
            seen = self._seen
        if seen is not None and seen.sequence == sequence:
            return seen
        superseded, expiries = 0, []
        if self._backend.count(self._namespace, _MARKED):
            for record in self._backend.scan(self._namespace, _MARKED, content=False):
                superseded += SUPERSEDED in record.metadata
                expires = record.metadata.get(EXPIRES)
                if isinstance(expires, int | float) and not isinstance(expires, bool):
                    expiries.append(float(expires))
        # Written meanwhile or not: what was read is at least as new as the sequence that is noted down.
        seen = _Seen(sequence, superseded, tuple(sorted(expiries)))
        with self._lock:
            self._seen = seen
        return seen


def _expires_after(moment: float) -> Filter:
    return {"$or": [{EXPIRES: {"$exists": False}}, {EXPIRES: {"$gt": moment}}]}
