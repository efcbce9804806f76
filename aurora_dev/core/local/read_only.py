"""Reading a database in a folder that cannot be written: a read-only mount, or another user's folder.

SQLite keeps the map of the write-ahead log in a file beside the database, and creates it even to read. While another
process has the store open, that file is there and is shared as usual. Where it is not, and no log holds anything, the
database alone is the truth and can be read as a file that nobody changes (https://sqlite.org/wal.html#read_only_databases,
https://sqlite.org/uri.html#uriimmutable).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from aurora_dev.errors import StoreLockedError, StoreUnwritableError

_UNREADABLE = ("unable to open", "readonly")  # what SQLite says where it could not create its files
_Stamp = tuple[int, int, int]


class FrozenConnection(sqlite3.Connection):
    """A connection that takes its file for unchangeable: it locks nothing, and sees no change that others make."""

    database: Path
    stamp: _Stamp


def is_writable(database: Path) -> bool:
    """Whether files can be created beside a database, as far as the system tells."""
    return os.access(_real(database).parent, os.W_OK)


def open_unwritable(
    database: Path, open: Callable[[str, type[sqlite3.Connection]], sqlite3.Connection]
) -> sqlite3.Connection:
    """Open a database whose folder cannot be written.

    Args:
        database: The file.
        open: Opens a connection to a URI, of a class.

    Raises:
        StoreUnwritableError: Its log holds writes, and cannot be read without writing.
        sqlite3.Error: It cannot be read at all.
    """
    # A stamp of before the first read: what changes meanwhile is noticed.
    stamp = _stamp(database)
    uri = _real(database).as_uri()
    connection = open(uri, sqlite3.Connection)
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
                f"{database} cannot be read: {log.name} beside it holds writes of a process that was killed, and they "
                f"cannot be brought in because the folder cannot be written ({error}); nothing is lost. Open the store "
                "once from where its folder can be written, for example with 'aurora status'"
            ) from error
    except BaseException:  # also when interrupted: the file must not stay open
        connection.close()
        raise
    frozen = open(f"{uri}?mode=ro&immutable=1", FrozenConnection)
    assert isinstance(frozen, FrozenConnection)
    frozen.database, frozen.stamp = database, stamp
    return frozen


def is_outdated(connection: sqlite3.Connection) -> bool:
    """Whether a connection no longer sees what is stored, and another one has to be opened."""
    return isinstance(connection, FrozenConnection) and (
        connection.stamp != _stamp(connection.database) or _full_log(connection.database) is not None
    )


def check_unchanged(connection: sqlite3.Connection) -> None:
    """Refuse what was read while another process wrote to the file: without locks it may be of two commits.

    Raises:
        StoreLockedError: Another process, which may write to the folder, changed the database.
    """
    if isinstance(connection, FrozenConnection) and connection.stamp != _stamp(connection.database):
        raise StoreLockedError(
            f"another process changed {connection.database} while it was read, and the folder cannot be written, so "
            "that the two could not take turns; the stored data are intact. Try again"
        )


def _real(database: Path) -> Path:
    """Follow links as SQLite does: its files lie beside the one that a link leads to."""
    return Path(os.path.realpath(database))  # Path.resolve raises where links lead in a circle


def _stamp(database: Path) -> _Stamp | None:
    try:
        status = database.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _full_log(database: Path) -> Path | None:
    """Return the write-ahead log or rollback journal beside a database that is not empty."""
    database = _real(database)
    for suffix in ("-wal", "-journal"):
        log = database.with_name(database.name + suffix)
        try:
            if log.stat().st_size:
                return log
        except OSError:
            continue
    return None
