"""The tables of a local store, their schema versions, and the translation of SQLite's errors."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aurora_dev.core.local.lookups import INDEXED_SINCE, INDEXES
from aurora_dev.core.local.read_only import is_writable, open_unwritable
from aurora_dev.errors import (
    SchemaVersionError,
    StoreClosedError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnwritableError,
)
from aurora_dev.log import get_logger

_log = get_logger(__name__)

SCHEMA_VERSION = 2
APPLICATION_ID = 0x41524F52  # "AROR": tells our files from any other SQLite database
# Neighbouring records are read together. Pages of 8 KiB hold seven vectors of 256 dimensions and leave 11 % unused; the
# usual 4 KiB hold three and leave 24 %.
_PAGE_SIZE = 8192

# Rows are immutable: replacing a record deletes its row and inserts one with a higher number (AUTOINCREMENT never
# reuses a number), so that a derived index only adds and removes rows. Vectors have their own table, so that reading
# metadata does not pull them through the page cache.
_TABLES = (
    """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE embedders (
    generation INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL, dimension INTEGER NOT NULL, fingerprint TEXT NOT NULL, metric TEXT NOT NULL
);
CREATE TABLE namespaces (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    sequence INTEGER NOT NULL DEFAULT 0,
    records INTEGER NOT NULL DEFAULT 0,
    vectors INTEGER NOT NULL DEFAULT 0,
    logged INTEGER NOT NULL DEFAULT 0,
    pruned INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE records (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace INTEGER NOT NULL REFERENCES namespaces(number),
    id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (namespace, id)
);
CREATE INDEX records_of_namespace ON records(namespace);
CREATE TABLE vectors (
    row INTEGER PRIMARY KEY REFERENCES records(row) ON DELETE CASCADE,
    generation INTEGER NOT NULL REFERENCES embedders(generation),
    vector BLOB NOT NULL
);
CREATE TABLE deletions (
    namespace INTEGER NOT NULL, sequence INTEGER NOT NULL, row INTEGER NOT NULL,
    PRIMARY KEY (namespace, sequence, row)
) WITHOUT ROWID;
"""
    + INDEXES
)

# Signs in SQLite's messages that the file is damaged. No statement of ours breaks a constraint or lacks a table by
# itself, so these errors also mean damage.
_DAMAGE = (
    "malformed",
    "not a database",
    "corrupt",
    "could not decode",
    "constraint failed",
    "no such",
    "has no column",
    "mismatch",
    "unsupported file format",
)

# By schema version n, the statements that migrate from n to n + 1. All of them run in one transaction.
_MIGRATIONS: dict[int, str] = {1: INDEXES}
# The oldest version that can be read as it is, where the folder cannot be written: it lacks only the indexes.
_READABLE = INDEXED_SINCE - 1


def prepare(connection: sqlite3.Connection, database: Path) -> None:
    """Create the tables of a new database, or migrate an older one, in one transaction.

    Raises:
        SchemaVersionError: A newer Aurora wrote the database; it was not changed.
        StoreCorruptError: The database belongs to another program.
    """
    connection.execute("BEGIN")  # one consistent read: another process may be creating the tables
    try:
        version = _version(connection, database)
    finally:
        roll_back(connection)
    if version == SCHEMA_VERSION:
        _return_to_wal(connection)
        return
    if version >= _READABLE and not is_writable(database):
        return
    _use_wal(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have created or migrated them while this one waited for the lock.
        version = _version(connection, database)
        statements = _TABLES if version == 0 else "".join(_MIGRATIONS[n] for n in range(version, SCHEMA_VERSION))
        if version < SCHEMA_VERSION:
            for statement in statements.split(";"):
                if statement.strip():
                    connection.execute(statement)
            if version == 0:
                connection.execute("INSERT INTO meta VALUES ('store', ?)", (os.urandom(16).hex(),))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:  # includes an interrupt: no transaction stays open
        roll_back(connection)
        raise
    if 0 < version < SCHEMA_VERSION:
        _log.info("store.migrated", path=str(database), version=version, to=SCHEMA_VERSION)


def connect(database: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open a connection in autocommit mode, for one thread at a time.

    If the folder cannot be written, the connection may be read-only.
    """

    def open_target(target: str, kind: type[sqlite3.Connection]) -> sqlite3.Connection:
        return sqlite3.connect(
            target,
            timeout=busy_timeout,
            isolation_level=None,
            check_same_thread=False,
            factory=kind,
            cached_statements=64,
            uri=target.startswith("file:"),
        )

    if is_writable(database):
        connection = open_target(str(database.absolute()), sqlite3.Connection)
    else:
        connection = open_unwritable(database, open_target)
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")  # only affects a new database
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # an acknowledged write survives a power cut
        connection.execute("PRAGMA journal_size_limit = 67108864")  # the log of a bulk load does not stay on disk
    except BaseException:  # includes an interrupt: the connection must not stay open
        connection.close()
        raise
    return connection


def roll_back(connection: sqlite3.Connection) -> bool:
    """Roll back a transaction, if one is open; on a full disk SQLite may have done so already.

    Returns:
        Whether the connection can be used again. If not, it was closed, which discards the transaction as well.
    """
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        # The caller reports the error that made it roll back.
        connection.close()
        return False
    return True


@contextmanager
def translated(database: Path, doing: str) -> Iterator[None]:
    """Translate SQLite's errors, and errors of decoding damaged text, to errors of Aurora.

    Args:
        database: The file, for the message.
        doing: The operation: ``read``, ``write`` or ``open``.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, database, doing) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        # Only stored text is decoded inside this block, and it was valid when it was stored.
        raise _corrupt(error, database) from error


def _translate(error: sqlite3.Error, database: Path, doing: str) -> StoreError:
    text = _without_quotes(error).lower()
    if any(sign in text for sign in _DAMAGE):
        return _corrupt(error, database)
    kept = (
        "nothing of this write was kept and earlier data are intact" if doing == "write" else "earlier data are intact"
    )
    if "closed database" in text:
        return StoreClosedError(f"the store at {database.parent} is closed; open it again")
    if "locked" in text or "busy" in text:
        return StoreLockedError(
            f"another process kept {database} locked for longer than the busy timeout; {kept}. Try again, end the "
            "other process, or open the store with a longer busy_timeout"
        )
    if "readonly" in text or "unable to open" in text or "permission" in text or "access" in text:
        done = {"read": "read", "write": "written"}.get(doing, "opened")
        return StoreUnwritableError(
            f"{database} cannot be {done} ({error}); {kept}. Check the owner and the permissions of the folder and its "
            "files, and whether the disk is mounted read-only, or choose another path"
        )
    if "full" in text or ("disk i/o" in text and doing != "read"):
        return StoreFullError(
            f"no more could be written to {database} ({error}); {kept}. Free disk space or raise the quota or "
            "file-size limit, then write again"
        )
    return StoreError(f"SQLite could not {doing} {database}: {error}; {kept}. Check the disk, then try again")


def _without_quotes(error: Exception) -> str:
    # SQLite quotes text that it cannot decode; the text of a record may be long or private.
    return str(error).partition(" with text ")[0]


def _corrupt(error: Exception, database: Path) -> StoreCorruptError:
    return StoreCorruptError(
        f"{database} is damaged ({_without_quotes(error)}). The other files of the store are derived from it and "
        "cannot replace it: restore it from a backup, save what can be read with `sqlite3 memory.db .recover`, or "
        "delete the folder and index the project again"
    )


def _version(connection: sqlite3.Connection, database: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if version > SCHEMA_VERSION and application == APPLICATION_ID:
        raise SchemaVersionError(
            f"{database} has the schema version {version}, and this Aurora knows {SCHEMA_VERSION} at most; nothing was "
            "changed. Upgrade with: pip install -U aurora-dev"
        )
    if application != APPLICATION_ID:
        foreign = version or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if foreign:
            raise StoreCorruptError(
                f"{database} is an SQLite database of another program; nothing was changed. Choose another path"
            )
    return version


def _return_to_wal(connection: sqlite3.Connection) -> None:
    """Switch a database back to a write-ahead log if it lost that mode, as copies by ``VACUUM INTO`` do.

    Only if that is possible at once. Without the log the store is just as safe, but readers and writers wait for each
    other.
    """
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode == "wal":
        return
    (timeout,) = connection.execute("PRAGMA busy_timeout").fetchone()
    try:
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    except sqlite3.OperationalError as error:
        # In use by another process, or in a folder that cannot be written; the next process that opens it tries again.
        _log.debug("store.write_ahead_log_not_switched_on", error=error)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(timeout)}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the database to a write-ahead log, so that readers and the writer do not wait for each other.

    SQLite does not wait for a lock while it changes the mode: processes that create one store at the same time would
    get "database is locked". Taking the lock does wait, so the loop waits for the other process and tries again.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")
