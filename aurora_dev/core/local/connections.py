"""Connections to the database of a local store: a pool for readers, and one writer at a time."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
from aurora_dev.regular_files import write_new

DATABASE = "memory.db"
LEAST_MAX_BYTES = 1 << 20  # a smaller database holds little more than the empty tables
_IDLE_CONNECTIONS = 8  # further connections are opened for more threads at once, and closed after use


class Connections:
    """Opens the folder and the database of a store, and lends connections. Safe in any thread, and after a fork.

    Args:
        folder: The store's folder. If it is missing, it is created, readable by its owner only and ignored by git.
        busy_timeout: Seconds to wait for another writer, in this process or another one.
        max_bytes: The greatest size of the database in bytes; ``None`` sets no limit.

    Raises:
        StoreUnwritableError: The folder cannot be created, or the database cannot be opened. If only the folder cannot
            be written, the database opens for reading.
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
        _check_database(self.database)
        self._start()
        with translated(self.database, "open"):
            first = self._connect()
            try:
                prepare(first, self.database)
            except BaseException:  # includes an interrupt: the file must not stay open
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
            snapshot: Whether all reads see the same commit.
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
                    self._release(connection)
                if isinstance(error, sqlite3.Error):
                    check_unchanged(connection)
                raise
            self._release(connection)
            check_unchanged(connection)

    @contextmanager
    def writer(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection in a write transaction, which is committed at the end and rolled back on an exception."""
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
                except BaseException:  # includes an interrupt: the write lock must not stay taken
                    if roll_back(connection):
                        self._release(connection)
                    raise
                self._release(connection)
        except StoreFullError as error:
            if self._max_bytes is None:
                raise
            raise StoreFullError(
                f"{self.database} would have become larger than max_store_bytes ({self._max_bytes:,}), or the disk is "
                "full; nothing of this write was kept and earlier data are intact. Raise the setting, delete records, "
                "or free disk space, then write again"
            ) from error
        finally:
            self._write_lock.release()

    def close(self) -> None:
        """Close every connection; those that are lent are closed when they come back."""
        self._check_process()
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def size(self) -> int:
        """Return the size of the database and its write-ahead log in bytes."""
        total = 0
        for path in (self.database, self.database.with_name(f"{DATABASE}-wal")):
            with suppress(OSError):
                total += path.stat().st_size
        return total

    @property
    def folder_is_writable(self) -> bool:
        """True if files can be created in the folder, according to the system."""
        return is_writable(self.database)

    @property
    def closed(self) -> bool:
        """True if `close` was called."""
        return self._closed

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self.database, self._busy_timeout)
        if self._max_bytes is not None:
            try:
                (page_size,) = connection.execute("PRAGMA page_size").fetchone()
                # Beyond this, a write fails as on a full disk. SQLite never sets it below the present size.
                connection.execute(f"PRAGMA max_page_count = {max(1, self._max_bytes // int(page_size))}").fetchone()
            except BaseException:  # includes an interrupt: the file must not stay open
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

    def _release(self, connection: sqlite3.Connection) -> None:
        if self._closed or len(self._idle) >= _IDLE_CONNECTIONS:
            connection.close()
        else:
            self._idle.append(connection)

    def _check_process(self) -> None:
        if self._process != os.getpid():
            # A connection must not be used or closed after a fork (closing it would drop the locks of the parent). The
            # child keeps the inherited ones unused, and opens its own.
            self._inherited = self._idle
            closed = self._closed
            self._start()
            self._closed = closed


def checked_folder(path: str | os.PathLike[str]) -> Path:
    """Return the path of a store's folder; nothing is created.

    Raises:
        InvalidRequestError: It is not a path, is empty (which would be the working directory), or has a NUL character.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise InvalidRequestError(
            f"path must be the folder of the store, a str or Path, not {type(path).__name__}; nothing was opened"
        )
    if not os.fspath(path) or "\0" in os.fspath(path):
        raise InvalidRequestError(f"path must be the folder of the store, not {os.fspath(path)!r}; nothing was opened")
    return Path(path)


def checked_limit(max_bytes: object) -> int | None:
    """Return the size limit of a database in bytes; ``None`` sets no limit.

    Raises:
        ConfigurationError: It is not a whole number of at least `LEAST_MAX_BYTES`.
    """
    if max_bytes is None:
        return None
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < LEAST_MAX_BYTES:
        raise ConfigurationError(f"max_bytes must be at least {LEAST_MAX_BYTES:,} bytes, or None, not {max_bytes!r}")
    return max_bytes


def _check_database(database: Path) -> None:
    """Refuse what is no file: opening a named pipe would wait for ever.

    Raises:
        StoreUnwritableError: There is something else of that name.
    """
    try:
        mode = database.stat().st_mode
    except OSError:  # missing, or not to be seen: opening it says more
        return
    if not stat.S_ISREG(mode):
        raise StoreUnwritableError(
            f"{database} is not a file, so that nothing was opened. Move it away, or choose another path for the store"
        )


def _make_folder(folder: Path) -> None:
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In a folder with other files, which the user named as the store, it would hide them from git.
        if not any(folder.iterdir()):
            with suppress(FileExistsError):
                write_new(folder / ".gitignore", b"*\n")
    except OSError as error:
        if os.access(folder / DATABASE, os.F_OK):  # Path.exists raises if the folder may not be searched
            return  # a store that can only be read
        raise StoreUnwritableError(
            f"the store's folder {folder} cannot be created or written ({error}); nothing was kept. Check its "
            "permissions, or choose another path"
        ) from error
