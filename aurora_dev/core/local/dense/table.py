"""The file of the dense vectors: one SQLite database beside the indexes, which may be deleted at any time.

It is apart from ``memory.db``, because nothing in it is worth a backup, and because whoever makes vectors for minutes
must not keep the writers of records waiting. A vector is stored by the row of its record. Rows are never reused, so
that a vector whose row is gone is only dead weight, and a source for a record with the same text.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from aurora_dev.core.local.derived import FOLDER
from aurora_dev.core.local.read_only import is_outdated, is_writable, open_unwritable
from aurora_dev.core.local.records import Rows
from aurora_dev.errors import StoreClosedError, StoreError, StoreUnwritableError
from aurora_dev.lazy import np
from aurora_dev.log import get_logger

__all__ = ["DenseTable", "Space"]

_log = get_logger(__name__)

_FILE = "dense.db"
_VERSION = 1
_APPLICATION_ID = 0x4152444E  # "ARDN"
_TABLES = """
CREATE TABLE spaces (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL, model TEXT NOT NULL, dimension INTEGER NOT NULL,
    store TEXT NOT NULL, sequence INTEGER NOT NULL, mark INTEGER NOT NULL
);
CREATE TABLE vectors (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    space INTEGER NOT NULL, row INTEGER NOT NULL, key BLOB NOT NULL, vector BLOB NOT NULL,
    UNIQUE (space, row)
);
CREATE INDEX vectors_by_key ON vectors(key);
"""
_TIMEOUT = 10.0  # seconds to wait for another process that writes vectors; a write takes milliseconds
_MOST_PARAMETERS = 900  # SQLite before 3.32 allows 999 in a statement
_FETCH = 4_096


class Space:
    """The vectors of one namespace, one model and one history of the database."""

    __slots__ = ("dimension", "mark", "number", "sequence", "store")

    def __init__(self, number: int, dimension: int, store: str, sequence: int, mark: int) -> None:
        self.number = number
        self.dimension = dimension
        self.store = store
        self.sequence = sequence
        self.mark = mark


class DenseTable:
    """Reads and writes the file; thread-safe, and safe between processes.

    Whatever is wrong with the file is logged, and the file made anew: everything in it can be made again.

    Args:
        folder: The folder of the store.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FOLDER / _FILE
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._openings = 0
        self._process = os.getpid()
        self._closed = False

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection | None]:
        """Lend the connection; ``None`` if there are no vectors, or if they cannot be read."""
        with self._lock:
            connection = None
            try:
                connection = self._open(create=False)
            except (sqlite3.Error, OSError, StoreUnwritableError) as error:
                self._set_aside(error)
            try:
                yield connection
            except (sqlite3.Error, ValueError) as error:
                self._set_aside(error)
                raise StoreError(
                    f"the dense vectors in {self.path} cannot be read ({error}); nothing else is affected. They are "
                    "made again with: aurora index --dense"
                ) from error

    @contextmanager
    def writer(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection in a write transaction, which is rolled back on an exception.

        Raises:
            StoreError: The vectors cannot be written; the records are untouched.
        """
        with self._lock:
            try:
                connection = self._open(create=True)
                if connection is None:
                    raise StoreClosedError("the store is closed; the dense vectors that were made are kept")
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:  # includes an interrupt: the lock must not stay taken
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                self._set_aside(error)
                raise StoreError(
                    f"dense vectors cannot be written to {self.path} ({error}); nothing else is affected. Check the "
                    "permissions of the folder and the room on the disk, then run: aurora index --dense"
                ) from error

    def stamp(self, connection: sqlite3.Connection) -> tuple[int, int, int]:
        """Return numbers that change with every write of this or another connection; the first, with every opening."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        return self._openings, int(version), connection.total_changes

    def close(self) -> None:
        """Close the connection; a later use raises no error and finds nothing."""
        with self._lock:
            self._closed = True
            self._drop()

    def _open(self, *, create: bool) -> sqlite3.Connection | None:
        if self._process != os.getpid():
            self._inherited, self._connection = self._connection, None  # never used or closed after a fork
            self._process = os.getpid()
        identity = self._identity()
        is_open = self._connection is not None and identity is not None and identity == self._opened
        if is_open and not is_outdated(cast("sqlite3.Connection", self._connection)):
            return self._connection
        self._drop()  # the file was deleted, and perhaps made again by another process
        if self._closed or (not create and identity is None):
            return None
        if create:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
        # A folder that cannot be written may hold vectors that can be read.
        connection = (
            _connect(str(self.path)) if create or is_writable(self.path) else open_unwritable(self.path, _connect)
        )
        try:
            self._prepare(connection)
        except BaseException:  # includes an interrupt: the file must not stay open
            connection.close()
            raise
        self._connection, self._opened = connection, self._identity()
        self._openings += 1
        return connection

    def _identity(self) -> tuple[int, int] | None:
        """Return what tells the file from another one of its name; ``None`` if there is none.

        Raises:
            OSError: It is a link, which would lead the writing elsewhere, or no file.
        """
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{self.path} is not a file; move it away")
        return status.st_dev, status.st_ino

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if (application, version) == (_APPLICATION_ID, _VERSION):
            connection.execute("PRAGMA synchronous = NORMAL")
            return
        if application or version or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise sqlite3.DatabaseError(f"it has the format {version} of another program or version")
        connection.execute("PRAGMA page_size = 8192")
        with suppress(sqlite3.OperationalError):  # another process is doing the same
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = NORMAL")  # what a power cut loses is made again
        connection.execute("BEGIN IMMEDIATE")
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:  # else another process has made the tables meanwhile
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _set_aside(self, error: Exception) -> None:
        """Close the file after an error, and delete it if it is damaged."""
        _log.warning("dense.file_unusable", path=str(self.path), error=error)
        self._drop()
        if isinstance(error, sqlite3.OperationalError | OSError | StoreError):
            return  # locked, full or not to be written: it is not damaged
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _connect(target: str, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    return sqlite3.connect(
        target,
        timeout=_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
        factory=kind,
        uri=target.startswith("file:"),
    )


def find_space(connection: sqlite3.Connection, namespace: str, model: str) -> Space | None:
    """Return the newest space of a namespace and a model."""
    found = connection.execute(
        "SELECT number, dimension, store, sequence, mark FROM spaces WHERE namespace = ? AND model = ?"
        " ORDER BY number DESC LIMIT 1",
        (namespace, model),
    ).fetchone()
    return None if found is None else Space(*found)


def make_space(
    connection: sqlite3.Connection, namespace: str, model: str, dimension: int, commit: tuple[str, int, int]
) -> Space:
    """Return a new space, and delete the vectors of other models, which no space can use any more."""
    others = connection.execute("SELECT number FROM spaces WHERE namespace = ? AND model <> ?", (namespace, model))
    delete_spaces(connection, [number for (number,) in others])
    number = connection.execute(
        "INSERT INTO spaces(namespace, model, dimension, store, sequence, mark) VALUES (?, ?, ?, ?, ?, ?)",
        (namespace, model, dimension, *commit),
    ).lastrowid
    assert number is not None
    return Space(number, dimension, *commit)


def spaces_without(connection: sqlite3.Connection, namespaces: Collection[str]) -> list[int]:
    """Return the numbers of the spaces of other namespaces than some, such as those of worktrees that are gone."""
    found = connection.execute("SELECT number, namespace FROM spaces").fetchall()
    return [number for number, namespace in found if namespace not in namespaces]


def delete_spaces(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Delete spaces and their vectors."""
    for number in numbers:
        connection.execute("DELETE FROM vectors WHERE space = ?", (number,))
        connection.execute("DELETE FROM spaces WHERE number = ?", (number,))


def move_space(connection: sqlite3.Connection, space: Space, commit: tuple[str, int, int]) -> None:
    """Record the commit of the database that the rows of a space were last compared with."""
    connection.execute("UPDATE spaces SET sequence = ?, mark = ? WHERE number = ?", (*commit[1:], space.number))


def vectors_by_key(connection: sqlite3.Connection, model: str, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the stored vectors of a model by the digest of their text."""
    found: dict[bytes, bytes] = {}
    for start in range(0, len(keys), _MOST_PARAMETERS):
        batch = keys[start : start + _MOST_PARAMETERS]
        marks = ",".join("?" * len(batch))
        found.update(
            connection.execute(
                "SELECT v.key, v.vector FROM vectors v JOIN spaces s ON s.number = v.space"
                f" WHERE s.model = ? AND v.key IN ({marks})",
                (model, *batch),
            )
        )
    return found


def insert_vectors(
    connection: sqlite3.Connection, space: Space, keys: Mapping[int, bytes], vectors: Sequence[bytes]
) -> None:
    """Insert vectors by row; a row that has one already keeps it."""
    connection.executemany(
        "INSERT OR IGNORE INTO vectors(space, row, key, vector) VALUES (?, ?, ?, ?)",
        ((space.number, row, key, vector) for (row, key), vector in zip(keys.items(), vectors, strict=True)),
    )


def vectors_after(connection: sqlite3.Connection, space: Space, serial: int) -> Iterator[tuple[int, Rows, list[bytes]]]:
    """Yield batches of what was added after a serial number: the last serial, the rows and the vectors."""
    cursor = connection.execute(
        "SELECT serial, row, vector FROM vectors WHERE space = ? AND serial > ? ORDER BY serial",
        (space.number, serial),
    )
    while batch := cursor.fetchmany(_FETCH):
        rows = np.fromiter((row for _, row, _ in batch), dtype=np.int64, count=len(batch))
        yield int(batch[-1][0]), rows, [vector for *_, vector in batch]


def prune(connection: sqlite3.Connection, space: Space, alive: Rows, keep: int) -> int:
    """Delete vectors of rows that are gone, the oldest first, down to a number of them; return how many went.

    Vectors of older spaces of the same namespace and model count as gone.
    """
    siblings = (
        "SELECT b.number FROM spaces a JOIN spaces b ON a.namespace = b.namespace AND a.model = b.model"
        " WHERE a.number = ?"
    )
    found = connection.execute(
        f"SELECT serial, row, space FROM vectors WHERE space IN ({siblings}) ORDER BY serial", (space.number,)
    ).fetchall()
    rows = np.fromiter((row for _, row, _ in found), dtype=np.int64, count=len(found))
    own = np.fromiter((number == space.number for *_, number in found), dtype=bool, count=len(found))
    dead = np.flatnonzero(~(np.isin(rows, alive) & own))
    too_many = dead[: max(0, len(dead) - keep)]
    connection.executemany("DELETE FROM vectors WHERE serial = ?", ((found[place][0],) for place in too_many.tolist()))
    return len(too_many)
