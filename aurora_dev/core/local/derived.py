"""Indexes derived from the records: kept in memory, caught up from SQLite, saved as snapshots.

A derived index knows the sequence that it has reached, and compares it with the namespace's before every search. Where
they differ, it removes the rows that were deleted since and adds the rows with higher numbers. If the log of deletions
does not reach back so far, it is rebuilt. A snapshot on disk only saves the time of building: a missing, outdated or
damaged one costs that time again, and never causes an error.

A snapshot also holds the random mark of the commit that it has reached. A snapshot of a commit that the database does
not have, because a backup was restored, is not used.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from aurora_dev.core.local.connections import Connections
from aurora_dev.core.local.records import NamespaceState, read_mark, read_state, removed_since, store_identity
from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger

_log = get_logger(__name__)

FOLDER = "index"
# Seconds of processor time for catching up that another process would repeat without a snapshot. A search saves only
# after a noticeably long time, because its caller waits; `refresh` and `close` save whatever a later process would
# notice.
SAVE_AFTER_SEARCH = 1.0
SAVE_AFTER_REFRESH = 0.05

# A snapshot holds the vectors or the terms of records that are in the database, so that it cannot be much larger than
# that. A file that exceeds this did not come from here, and would fill the memory.
_SIZE_RATIO = 8
_SIZE_FLOOR = 64 * 1024 * 1024  # bytes


def check_folder(folder: Path) -> str | None:
    """Return the reason why a writable folder of a store cannot hold snapshots, or ``None`` if it can."""
    snapshots = folder / FOLDER
    if snapshots.is_dir() or not os.access(snapshots, os.F_OK):
        return None
    return f"{snapshots} is not a folder: every process has to build its indexes again. Move it away or delete it"


class Searchable(Protocol):
    """An index that can be derived."""

    def __len__(self) -> int: ...

    def remove(self, rows: npt.NDArray[np.int64]) -> None:
        """Remove rows; unknown ones are ignored."""

    def save(self, path: Path, header: Mapping[str, int | str]) -> None:
        """Write a snapshot atomically."""


Index = TypeVar("Index", bound=Searchable)


class Kind(Protocol[Index]):
    """The way to load and fill one kind of index; it has no state."""

    @property
    def name(self) -> str:
        """The suffix of the snapshot's file name."""

    @property
    def version(self) -> str:
        """A version that changes whenever the same records would give a different index."""

    @property
    def follows_embedder(self) -> bool:
        """True if the index is invalid once the store has another embedder."""

    def load(self, path: Path, most: int) -> tuple[Index, Mapping[str, Any]]:
        """Read a snapshot of at most so many bytes, and its header.

        Raises:
            OSError: It cannot be read, is not a regular file, or is larger.
            ValueError: It is damaged, or of another format.
        """

    def build(self, connection: sqlite3.Connection, state: NamespaceState) -> Index:
        """Return an empty index for a namespace, which `extend` fills from the first row on."""

    def extend(self, index: Index, connection: sqlite3.Connection, state: NamespaceState, after: int) -> int:
        """Add the rows above ``after``, and return the highest of them, or ``after`` if there are none."""

    def outgrown(self, index: Index, state: NamespaceState) -> bool:
        """Return whether the index should be rebuilt for the present number of rows."""

    def expected(self, state: NamespaceState) -> int:
        """Return the number of rows of an index of the whole namespace."""


class DerivedIndex(Generic[Index]):
    """One index of one namespace, used by one thread at a time."""

    def __init__(self, connections: Connections, namespace: str, kind: Kind[Index]) -> None:
        self._connections = connections
        self._namespace = namespace
        self._kind = kind
        self._lock = threading.RLock()
        self._index: Index | None = None
        self._sequence = 0
        self._mark = 0
        self._generation = 0
        self._last_row = 0
        self._unsaved_seconds = 0.0
        self._use_snapshot = True
        digest = hashlib.sha256(namespace.encode("utf-8")).hexdigest()[:24]
        self._path = connections.folder / FOLDER / f"{digest}.{kind.name}"

    @contextmanager
    def current(self) -> Iterator[tuple[Index, NamespaceState] | None]:
        """Lend the index, caught up, with the state of the namespace that it has reached.

        Yields ``None`` if the namespace is empty.
        """
        with self._lock:
            with self._connections.reader() as connection:
                state = read_state(connection, self._namespace)
            if state is None or state.records == 0:
                yield None
                return
            if self._index is None or self._is_stale(state):
                state = self._catch_up()
                self._save(SAVE_AFTER_SEARCH)
            assert self._index is not None
            yield self._index, state

    def refresh(self) -> None:
        """Catch the index up, and save it if that saves the next process time."""
        with self.current():
            self.save()

    def save(self) -> None:
        """Write a snapshot if catching up without it would take long; a failure is logged, not raised."""
        with self._lock:
            self._save(SAVE_AFTER_REFRESH)

    def discard(self) -> None:
        """Drop the index and ignore its snapshot: the next use builds it from the records."""
        with self._lock:
            self._index = None
            self._use_snapshot = False

    def _is_stale(self, state: NamespaceState) -> bool:
        return self._sequence != state.sequence or self._generation != self._generation_of(state)

    def _generation_of(self, state: NamespaceState) -> int:
        return state.generation if self._kind.follows_embedder else 0

    def _catch_up(self) -> NamespaceState:
        started = time.thread_time()  # by the clock, a busy machine would save more often
        with self._connections.reader(snapshot=True) as connection:
            state = read_state(connection, self._namespace)
            assert state is not None  # namespaces are emptied, never removed
            if self._index is None and self._use_snapshot:
                self._load(connection, state)
            # An error from here on must leave no half-changed index behind.
            index, self._index = self._index, None
            removed = None
            if index is not None and self._generation == self._generation_of(state):
                removed = removed_since(connection, state, self._sequence)
            if index is None or removed is None or self._kind.outgrown(index, state):
                index = self._kind.build(connection, state)
                self._last_row = 0
            elif len(removed):
                index.remove(removed)
            before = self._last_row
            self._last_row = self._kind.extend(index, connection, state, before)
            if before and len(index) != self._kind.expected(state):
                _log.warning("index.miscounted", kind=self._kind.name, namespace=self._namespace, rows=len(index))
                index = self._kind.build(connection, state)
                self._last_row = self._kind.extend(index, connection, state, 0)
            if len(index) != self._kind.expected(state):
                # Searching it would silently miss records.
                raise sqlite3.DatabaseError(f"the {self._kind.name} rows that the namespace counts are malformed")
            mark = read_mark(connection, state, state.sequence)
        self._index = index
        self._sequence, self._mark, self._generation = state.sequence, mark, self._generation_of(state)
        self._use_snapshot = True
        seconds = time.thread_time() - started
        self._unsaved_seconds += seconds
        _log.debug("index.caught_up", kind=self._kind.name, namespace=self._namespace, rows=len(index), seconds=seconds)
        return state

    def _load(self, connection: sqlite3.Connection, state: NamespaceState) -> None:
        store = store_identity(connection)
        try:
            index, header = self._kind.load(self._path, self._connections.size() * _SIZE_RATIO + _SIZE_FLOOR)
            facts = {"mark": 0, **header}  # snapshots of the first versions have no mark
            facts = {key: facts[key] for key in self._header(store)}
            sequence, last_row = int(facts["sequence"]), int(facts["last_row"])
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("index.snapshot_unusable", path=str(self._path), error=error)
            return
        mark = read_mark(connection, state, sequence)
        expected = {**self._header(store), "generation": self._generation_of(state), "mark": mark}
        if any(facts[key] != value for key, value in expected.items() if key not in ("sequence", "last_row")):
            return
        self._index = index
        self._sequence, self._generation, self._last_row = sequence, int(facts["generation"]), last_row

    def _header(self, store: str) -> dict[str, int | str]:
        return {
            "store": store,
            "namespace": self._namespace,
            "version": self._kind.version,
            "generation": self._generation,
            "sequence": self._sequence,
            "mark": self._mark,
            "last_row": self._last_row,
        }

    def _save(self, threshold: float) -> None:
        if self._index is None or self._unsaved_seconds < threshold:
            return
        self._unsaved_seconds = 0.0  # also if saving fails: the next attempt follows the next larger change
        if not self._connections.folder_is_writable or check_folder(self._connections.folder):
            _log.debug("index.snapshot_not_saved", path=str(self._path))
            return
        try:
            with self._connections.reader() as connection:
                store = store_identity(connection)
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._index.save(self._path, self._header(store))
        except OSError as error:
            _log.warning("index.snapshot_not_saved", path=str(self._path), error=error)
