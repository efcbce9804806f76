"""Backing up a local store while it is in use, and putting a backup back while it is in use."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from aurora_dev.core.contracts import Backups
from aurora_dev.core.local import records as sql
from aurora_dev.core.local.connections import DATABASE, Connections
from aurora_dev.core.local.schema import APPLICATION_ID, SCHEMA_VERSION, translated
from aurora_dev.core.types import RestoreReport
from aurora_dev.errors import InvalidRequestError, SchemaVersionError, StoreCorruptError, StoreUnwritableError
from aurora_dev.target_file import check_target

_BATCH_PAGES = 2_048  # 16 MB of 8 KiB pages: progress is reported every few tens of milliseconds
_BATCH_RECORDS = 1_000
_PART_SUFFIX = ".part"
_OLDEST = 1  # the schema version of the oldest backups that can be restored: later versions only added indexes
# https://sqlite.org/fileformat.html, "The Database Header"
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_WRITE_VERSION = 18
_ROLLBACK_JOURNAL = 1  # 2 is WAL
_APPLICATION_ID = slice(68, 72)

Progress = Callable[[int, int], None]  # (done, to do)


class LocalBackups(Backups):
    """A mixin for local stores that makes and restores backups."""

    _path: Path
    _connections: Connections

    def back_up(self, file: str | Path, progress: Progress | None = None, *, replace: bool = False) -> int:
        """Write one commit of the whole store to a file, while others read and write the store.

        The copy is checked, and then moved into place in one step.

        Args:
            file: The file to write; an earlier backup is replaced.
            progress: Called with (pages done, pages to do).
            replace: Whether to replace a file that is not a backup.

        Returns:
            The size of the file in bytes.

        Raises:
            InvalidRequestError: ``file`` exists and is not a backup, or is a folder, a link, a device, read-only or
                the store itself.
            StoreUnwritableError, StoreFullError: The file cannot be written; the store is untouched.
            StoreCorruptError: The store is damaged; no backup was made.
        """
        target = Path(file).expanduser()
        _check_target(target, self._path, replace)
        import tempfile

        try:
            # As private as the store, and under a new name: another file may be called FILE.part.
            descriptor, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=_PART_SUFFIX, dir=target.parent)
            os.close(descriptor)
            part = Path(name)
        except OSError as error:
            raise StoreUnwritableError(
                f"{target} cannot be written ({error.strerror}); the store is untouched. Choose another place"
            ) from error
        try:
            with self._connections.reader(snapshot=True) as source, closing(sqlite3.connect(part)) as copy:
                sql.read_names(source)  # the first read fixes the commit that is copied
                with translated(part, "write"):
                    _copy(source, copy, progress)
            _check_target(target, self._path, replace)  # it may have appeared since
            _move_into_place(part, target)
        except BaseException:  # includes an interrupt: half a backup must not stay
            with suppress(OSError):
                part.unlink()
            raise
        return target.stat().st_size

    def restore(self, file: str | Path, progress: Progress | None = None) -> RestoreReport:
        """Replace everything in the store by a backup, in one transaction, while the store is in use.

        Other processes see the old state until it is done, then the new one. If it fails, nothing has changed.

        Args:
            file: The backup; it is only read.
            progress: Called with (records done, records to do).

        Raises:
            InvalidRequestError: ``file`` is not a backup of a store, or is the store itself.
            SchemaVersionError: The backup has another schema version.
            StoreCorruptError: The backup is damaged.
            StoreFullError: The disk is full, or the size limit is reached.
        """
        source = Path(file).expanduser()
        if not source.is_file():
            raise InvalidRequestError(f"there is no file '{file}': nothing was changed")
        if _is_store(source, self._path):
            raise InvalidRequestError(f"'{file}' is the store itself: nothing was changed")
        with _opened(source) as backup, self._connections.writer() as connection:
            replaced = 0
            for name in sql.read_names(connection):
                state = sql.read_state(connection, name)
                if state is not None:
                    replaced += state.records
                    sql.delete_all(connection, state)
            embedder = sql.read_embedder(backup)
            if embedder is not None and embedder != sql.read_embedder(connection):
                sql.write_embedder(connection, embedder)
            found = _fill(backup, connection, progress)
        return RestoreReport(found, sum(found.values()), replaced)


def _copy(source: sqlite3.Connection, copy: sqlite3.Connection, progress: Progress | None) -> None:
    def report(_status: int, left: int, total: int) -> None:
        if progress is not None:
            progress(total - left, total)

    source.backup(copy, pages=_BATCH_PAGES, progress=report)
    copy.execute("PRAGMA journal_mode = DELETE").fetchone()  # a single file
    (result,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if result != "ok":
        raise sqlite3.DatabaseError(f"the copy is malformed: {result}")


def _move_into_place(part: Path, target: Path) -> None:
    try:
        with part.open("r+b") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError as error:
        raise StoreUnwritableError(
            f"{target} cannot be written ({error.strerror}); the store is untouched. Choose another place"
        ) from error


def _fill(backup: sqlite3.Connection, connection: sqlite3.Connection, progress: Progress | None) -> dict[str, int]:
    """Insert the records of a backup, with new row numbers, so that no index or cache confuses them with old rows."""
    states = {name: state for name in sql.read_names(backup) if (state := sql.read_state(backup, name)) is not None}
    total, done = sum(state.records for state in states.values()), 0
    for name, state in states.items():
        after = ""
        while page := sql.read_page(backup, state, after, _BATCH_RECORDS, content=True):
            vectors = sql.read_vectors(backup, [row for row, *_ in page], state.generation)
            sql.insert(connection, name, [line[1:] for line in page], [vectors.get(line[0]) for line in page], ())
            after, done = page[-1][1], done + len(page)
            if progress is not None:
                progress(done, total)
    if done != total:
        raise StoreCorruptError(
            f"the backup should hold {total:,} records, but {done:,} can be read: it is damaged, and the store was not "
            "changed. Take another backup"
        )
    return {name: state.records for name, state in states.items()}


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a backup for reading in one transaction, and check that it is undamaged."""
    _check_is_database(file)
    with translated(file, "read"):
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        with closing(connection):
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if application != APPLICATION_ID:
                raise InvalidRequestError(f"'{file}' is not a backup of a store: nothing was changed")
            if not _OLDEST <= version <= SCHEMA_VERSION:
                raise SchemaVersionError(
                    f"{file} has the schema version {version}, and this Aurora restores {_OLDEST} to {SCHEMA_VERSION}; "
                    "nothing was changed. Restore it with the version that made it, or upgrade with: pip install -U "
                    "aurora-dev"
                )
            connection.execute("BEGIN")
            (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if result != "ok":
                raise sqlite3.DatabaseError(f"malformed: {result}")
            yield connection


def _check_is_database(file: Path) -> None:
    try:
        with file.open("rb") as stream:
            found = stream.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise InvalidRequestError(f"'{file}' cannot be read ({error.strerror}): nothing was changed") from error
    if not found:
        raise InvalidRequestError(f"'{file}' is not a backup of a store: nothing was changed")


def _check_target(file: Path, folder: Path, replace: bool) -> None:
    if _is_store(file, folder):
        raise InvalidRequestError(f"'{file}' is the store itself; name another file. Nothing was done")
    check_target(file, _is_backup, kind="a backup", replace=replace)


def _is_backup(file: Path) -> bool:
    """Return whether a file is a database of this kind that no store is using: stores are in WAL mode."""
    with file.open("rb") as stream:
        header = stream.read(_HEADER_BYTES)
    application = int.from_bytes(header[_APPLICATION_ID], "big")
    return header.startswith(_MAGIC) and application == APPLICATION_ID and header[_WRITE_VERSION] == _ROLLBACK_JOURNAL


def _is_store(file: Path, folder: Path) -> bool:
    database = (folder / DATABASE).resolve()
    return file.resolve() in {database, *(database.with_name(DATABASE + end) for end in ("-wal", "-shm", "-journal"))}
