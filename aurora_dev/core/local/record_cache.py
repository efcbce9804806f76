"""A cache of records by row. A row never changes, so an entry is never out of date."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from aurora_dev.core.local.connections import Connections
from aurora_dev.core.local.records import read_records
from aurora_dev.core.types import Record

_MAX_RECORDS = 8192
_MAX_CHARACTERS = 32_000_000  # of contents; 64 MB at the most


class RecordCache:
    """Reads records by row, and caches the most recently used ones. Thread-safe."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._entries: OrderedDict[int, tuple[str, str, dict[str, Any]]] = OrderedDict()
        self._characters = 0

    def read(self, rows: Sequence[int]) -> dict[int, Record]:
        """Return the records of the rows that exist, without vectors; each has its own copy of the metadata."""
        found: dict[int, tuple[str, str, dict[str, Any]]] = {}
        missing: list[int] = []
        with self._lock:
            for row in rows:
                entry = self._entries.get(row)
                if entry is None:
                    missing.append(row)
                else:
                    self._entries.move_to_end(row)
                    found[row] = entry
        if missing:
            with self._connections.reader() as connection:
                fresh = {
                    row: (identifier, content, json.loads(metadata))
                    for row, identifier, content, metadata in read_records(connection, missing)
                }
            found.update(fresh)
            self._remember(fresh)
        return {row: Record(entry[0], entry[1], _copied(entry[2])) for row, entry in found.items()}

    def _remember(self, fresh: dict[int, tuple[str, str, dict[str, Any]]]) -> None:
        with self._lock:
            for row, entry in fresh.items():
                if row not in self._entries:
                    self._entries[row] = entry
                    self._characters += len(entry[1])
            while self._entries and (len(self._entries) > _MAX_RECORDS or self._characters > _MAX_CHARACTERS):
                _, dropped = self._entries.popitem(last=False)
                self._characters -= len(dropped[1])


def _copied(metadata: dict[str, Any]) -> dict[str, Any]:
    # A caller may change the metadata of a result; that must not change the cached record.
    copy = metadata.copy()
    for key, value in metadata.items():
        if type(value) is list:
            copy[key] = value.copy()
    return copy
