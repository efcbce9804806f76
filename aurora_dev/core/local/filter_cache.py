"""A cache of the rows that match a filter, caught up like an index when the namespace changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from aurora_dev.core.filters import FilterNode
from aurora_dev.core.local.connections import Connections
from aurora_dev.core.local.records import Rows, highest_row, matching_rows, read_state, removed_since
from aurora_dev.lazy import np

_MAX_ENTRIES = 64
_MAX_ROWS = 8_000_000  # 64 MB over all entries


@dataclass(frozen=True, slots=True)
class _Entry:
    rows: Rows
    sequence: int
    last_row: int


class FilterCache:
    """Evaluates filters over a store, and caches the rows. Thread-safe."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._total = 0

    def rows(self, namespace: str, node: FilterNode) -> tuple[Rows, int]:
        """Return the rows that match, ascending and read-only, and the sequence of the namespace at that point."""
        key = (namespace, repr(node))
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
        with self._connections.reader(snapshot=True) as connection:
            state = read_state(connection, namespace)
            if state is None:
                return np.empty(0, dtype=np.int64), 0
            if entry is not None and entry.sequence == state.sequence:
                return entry.rows, entry.sequence
            removed = None if entry is None else removed_since(connection, state, entry.sequence)
            last_row = highest_row(connection)
            if entry is None or removed is None:  # not cached, or the log of deletions does not reach back far enough
                rows = matching_rows(connection, state, node)
            else:
                kept = entry.rows[~np.isin(entry.rows, removed)] if len(removed) else entry.rows
                rows = np.concatenate([kept, matching_rows(connection, state, node, entry.last_row)])
        rows.flags.writeable = False
        self._remember(key, _Entry(rows, state.sequence, last_row))
        return rows, state.sequence

    def _remember(self, key: tuple[str, str], entry: _Entry) -> None:
        with self._lock:
            earlier = self._entries.pop(key, None)
            self._total += len(entry.rows) - (len(earlier.rows) if earlier else 0)
            self._entries[key] = entry
            while len(self._entries) > 1 and (len(self._entries) > _MAX_ENTRIES or self._total > _MAX_ROWS):
                _, dropped = self._entries.popitem(last=False)
                self._total -= len(dropped.rows)
