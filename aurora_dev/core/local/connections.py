"""Connections to the database of a local store: a pool for readers, one at a time for the writer."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aurora_dev.core.local.read_only import check_unchanged, is_outdated, is_writable
from aurora_dev.core.local.schema import connect, prepare, roll_back, translated
from aurora_dev.errors import (
    ConfigurationError,
    InvalidRequestError,
    StoreClosedError,
    StoreFullError,
    StoreLockedError,
    StoreUnwritableError,
)

DATABASE = "memory.db"
LEAST_MAX_BYTES = 1 << 20  # less would hold the empty tables and little else
_IDLE_CONNECTIONS = 8  # more threads than this at once are served, but their connections are not kept


class Connections:
    """Opens the store's folder and database and lends connections; safe from any thread, and after a fork.

    Args:
        folder: The store's folder; created, readable by its owner only and ignored by git, where it is missing.
        busy_timeout: Seconds to wait for another writer, of this process or another.
        max_bytes: How large the database may become; ``None``: as large as the disk allows.

    Raises:
        StoreUnwritableError: The folder cannot be created, or the database cannot be opened. A database that can be
            read opens for reading where its folder cannot be written.
        SchemaVersionError: A newer Aurora wrote the database.
        StoreCorruptError: The database is damaged, or another program's.
        StoreLockedError: Another process kept the database locked.
    """

    def __init__(self, folder: Path, busy_timeout: float, max_bytes: int | None = None) -> None:
        self.folder = folder
        self.database = folder / DATABASE
        self._busy_timeout = busy_timeout
        self._max_bytes = max_bytes
        _make_folder(folder)
        self._start()
        with translated(self.database, "open"):
            first = self._connect()
            try:
                prepare(first, self.database)
            except BaseException:  # also when interrupted: the file must not stay open
                first.close()
                raise
        self._idle.append(first)

    def _start(self) -> None:
        self._closed = False
        self._process = os.getpid()
        self._idle: deque[sqlite3.Connection] = deque()
        self._write_lock = threading.Lock()

    @contextmanager
    def reader(self, *, snapshot: bool = False) -> Iterator[sqlite3.Connection]:
        """Lend a connection for reading.

        Args:
            snapshot: Whether all reads must see the same commit.
        """
        with translated(self.database, "read"):
            connection = self._take()
            try:
                if snapshot:
                    connection.execute("BEGIN")
                yield connection
                if snapshot:
                    connection.execute("COMMIT")
            except BaseException as error:
                if roll_back(connection):
                    self._give_back(connection)
                if isinstance(error, sqlite3.Error):
                    check_unchanged(connection)
                raise
            self._give_back(connection)
            check_unchanged(connection)

    @contextmanager
    def writer(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a write transaction: committed at the end, rolled back by an exception."""
        self._check_process()
        if not self._write_lock.acquire(timeout=self._busy_timeout):
            raise StoreLockedError(
                f"another thread wrote to {self.database} for longer than the busy timeout of {self._busy_timeout:g} "
                "s; nothing was written. Try again, or open the store with a longer busy_timeout"
            )
        try:
            with translated(self.database, "write"):
                connection = self._take()
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:  # also when interrupted: the write lock must not stay taken
                    if roll_back(connection):
                        self._give_back(connection)
                    raise
                self._give_back(connection)
        except StoreFullError as error:
            if self._max_bytes is None:
                raise
            raise StoreFullError(
                f"{self.database} would have become larger than max_store_bytes ({self._max_bytes:,}), or the disk is "
                "full; nothing of this write was kept and earlier data are intact. Raise the setting, forget what is "
                "not needed any more, or free disk space, then write again"
            ) from error
        finally:
            self._write_lock.release()

    def close(self) -> None:
        """Close every connection; those lent out are closed when they come back."""
        self._check_process()
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @property
    def folder_is_writable(self) -> bool:
        """Whether files can be created in the folder, as far as the system tells."""
        return is_writable(self.database)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self.database, self._busy_timeout)
        if self._max_bytes is not None:
            try:
                (page_size,) = connection.execute("PRAGMA page_size").fetchone()
                # A write that needs a page more fails as on a full disk. SQLite never goes below the present size.
                connection.execute(f"PRAGMA max_page_count = {max(1, self._max_bytes // int(page_size))}").fetchone()
            except BaseException:  # also when interrupted: the file must not stay open
                connection.close()
                raise
        return connection

    def _take(self) -> sqlite3.Connection:
        self._check_process()
        if self._closed:
            raise StoreClosedError(f"the store at {self.folder} is closed; open it again")
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connect()
            if not is_outdated(connection):
                return connection
            connection.close()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._closed or len(self._idle) >= _IDLE_CONNECTIONS:
            connection.close()
        else:
            self._idle.append(connection)

    def _check_process(self) -> None:
        if self._process != os.getpid():
            # SQLite forbids to carry a connection over a fork, and to close one there: closing would drop the parent's
            # locks. The child keeps them unused and opens its own.
            self._inherited = self._idle
            closed = self._closed
            self._start()
            self._closed = closed


def checked_folder(path: str | os.PathLike[str]) -> Path:
    """Return the path of a store's folder; nothing is created.

    Raises:
        InvalidRequestError: It is no path, is empty (which would be the working directory), or holds a NUL character.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise InvalidRequestError(
            f"path must be the folder of the store, a str or Path, not {type(path).__name__}; nothing was opened"
        )
    if not os.fspath(path) or "\0" in os.fspath(path):
        raise InvalidRequestError(f"path must be the folder of the store, not {os.fspath(path)!r}; nothing was opened")
    return Path(path)


def checked_limit(max_bytes: object) -> int | None:
    """Return a size limit of the database.

    Raises:
        ConfigurationError: It is no number of bytes of at least `LEAST_MAX_BYTES`.
    """
    if max_bytes is None:
        return None
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < LEAST_MAX_BYTES:
        raise ConfigurationError(f"max_bytes must be at least {LEAST_MAX_BYTES:,} bytes, or None, not {max_bytes!r}")
    return max_bytes


def _make_folder(folder: Path) -> None:
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        if os.access(folder / DATABASE, os.F_OK):  # where the folder may not be searched, Path.exists raises
            return  # a store that may only be read
        raise StoreUnwritableError(
            f"the store's folder {folder} cannot be created or written ({error}); nothing was kept. Check its "
            "permissions, or choose another path"
        ) from error
