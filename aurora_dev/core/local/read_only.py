"""Reading a database in a folder that cannot be written: a read-only mount, or another user's folder.

SQLite keeps an index of the write-ahead log in a file beside the database, and creates it even to read. While another
process has the store open, that file exists and is shared as usual. If it does not exist and no log holds writes, the
database file is complete and can be read as immutable (https://sqlite.org/wal.html#read_only_databases,
https://sqlite.org/uri.html#uriimmutable).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from aurora_dev.errors import StoreLockedError, StoreUnwritableError

_UNREADABLE = ("unable to open", "readonly")  # in SQLite's message when it cannot create its files
_Stamp = tuple[int, int, int]


class FrozenConnection(sqlite3.Connection):
    """A connection that treats its file as immutable: it takes no locks, and does not see changes by others."""

    database: Path
    stamp: _Stamp


def is_writable(database: Path) -> bool:
    """Return whether files can be created beside a database, according to the system."""
    return os.access(_real(database).parent, os.W_OK)


def open_unwritable(
    database: Path, connect: Callable[[str, type[sqlite3.Connection]], sqlite3.Connection]
) -> sqlite3.Connection:
    """Open a database whose folder cannot be written.

    Args:
        database: The file.
        connect: Opens a connection, given a URI and the class of the connection.

    Raises:
        StoreUnwritableError: The log of the database holds writes, which cannot be read without writing.
        sqlite3.Error: The database cannot be read at all.
    """
    # The stamp is taken before the first read, so that a change during it is noticed.
    stamp = _stamp(database)
    uri = _real(database).as_uri()
    connection = connect(uri, sqlite3.Connection)
    try:
        connection.execute("PRAGMA user_version").fetchone()  # the first statement that reads the file, and its log
        return connection
    except sqlite3.OperationalError as error:
        connection.close()
        if stamp is None or not any(sign in str(error) for sign in _UNREADABLE):
            raise
        log = _full_log(database)
        if log is not None:
            raise StoreUnwritableError(
                f"{database} cannot be read: {log.name} beside it holds writes of a process that was killed, which "
                f"cannot be recovered because the folder cannot be written ({error}); nothing is lost. Open the store "
                "once from where its folder can be written, for example with 'aurora status'"
            ) from error
    except BaseException:  # includes an interrupt: the file must not stay open
        connection.close()
        raise
    frozen = connect(f"{uri}?mode=ro&immutable=1", FrozenConnection)
    assert isinstance(frozen, FrozenConnection)
    frozen.database, frozen.stamp = database, stamp
    return frozen


def is_outdated(connection: sqlite3.Connection) -> bool:
    """Return whether a connection no longer sees the stored data, so that another one has to be opened."""
    return isinstance(connection, FrozenConnection) and (
        connection.stamp != _stamp(connection.database) or _full_log(connection.database) is not None
    )


def check_unchanged(connection: sqlite3.Connection) -> None:
    """Refuse a read during which another process wrote to the file: without locks it may mix two commits.

    Raises:
        StoreLockedError: Another process changed the database.
    """
    if isinstance(connection, FrozenConnection) and connection.stamp != _stamp(connection.database):
        raise StoreLockedError(
            f"another process changed {connection.database} while it was read; the folder cannot be written, so the "
            "reader could not lock it. The stored data are intact. Try again"
        )


def _real(database: Path) -> Path:
    """Follow links as SQLite does: its files are beside the target of the link."""
    return Path(os.path.realpath(database))  # Path.resolve raises on a circle of links


def _stamp(database: Path) -> _Stamp | None:
    try:
        status = database.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _full_log(database: Path) -> Path | None:
    """Return the write-ahead log or rollback journal beside a database if it is not empty."""
    database = _real(database)
    for suffix in ("-wal", "-journal"):
        log = database.with_name(database.name + suffix)
        try:
            if log.stat().st_size:
                return log
        except OSError:
            continue
    return None
