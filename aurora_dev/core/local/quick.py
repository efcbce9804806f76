"""Read records of a local store without its indexes, its caches or NumPy, for a process that answers one question.

The database is not written, created or migrated: where the usual way of opening a store would do that, this one raises.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple

from aurora_dev.core.keyword.postings import SavedPostings, saved_index_name

__all__ = ["QuickReader", "QuickRecord"]

_APPLICATION_ID: Final = 0x41524F52  # as `aurora_dev.core.local.schema`
_NEWEST_SCHEMA: Final = 99  # the tables and columns below are those of every version so far
_INDEXED_SINCE: Final = 2  # the schema version, as `aurora_dev.core.local.lookups`, which is slower to import
_INDEXED_MARK: Final = "file_hash"  # the key that its index of records that are not chunks is about
_WAIT: Final = 0.1  # seconds for a lock; readers of a write-ahead log hardly ever wait
_BATCH: Final = 500
_MOST_SCANNED: Final = 60_000  # records; looking through more takes longer than the hook may
_MOST_REMEMBERED: Final = 20_000  # rows, the highest
_LARGEST_MEMORY: Final = 1 << 20  # bytes
_COLUMNS: Final = "r.row, r.id, r.metadata, r.content, v.vector"


class QuickRecord(NamedTuple):
    """A stored record.

    Attributes:
        row: Its row number; a newer record has a higher one.
        id: Its id.
        metadata: Its metadata.
        content: Its text.
        vector: Its vector as float32, little-endian; ``None`` if it has none of the store's embedder.
    """

    row: int
    id: str
    metadata: dict[str, Any]
    content: str
    vector: bytes | None


class QuickReader:
    """The records of one namespace: ``with QuickReader(folder, namespace) as reader: …``.

    Attributes:
        records: The number of records; 0 if the namespace has none.
        embedder: The name of the embedder whose vectors are stored; empty if there is none.

    Raises:
        OSError: There is no store in the folder.
        ValueError: The file is not a store of Aurora.
        sqlite3.Error: It cannot be read.
    """

    def __init__(self, folder: str, namespace: str) -> None:
        self._folder = folder
        self._namespace = namespace
        database = os.path.join(folder, "memory.db")  # noqa: PTH118 - importing pathlib is not needed for one file
        if not os.path.isfile(database):  # noqa: PTH113
            raise FileNotFoundError(f"there is no store in {folder}")
        # Read-only, so that closing the last connection does not write the log back into the database.
        self._connection = sqlite3.connect(_read_only(database), timeout=_WAIT, isolation_level=None, uri=True)
        try:
            self._open(database)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> QuickReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store."""
        self._connection.close()

    def postings(self) -> SavedPostings | None:
        """Return the saved keyword index of the namespace; ``None`` if there is none that can be read.

        Records that were written after it was saved are not in it, and those that were removed still are.
        """
        path = os.path.join(self._folder, "index", saved_index_name(self._namespace))  # noqa: PTH118
        try:
            postings = SavedPostings(path)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if postings.header.get("store") != self._store or postings.header.get("namespace") != self._namespace:
            postings.close()
            return None
        return postings

    def learned(self, most: int, mark: str) -> list[QuickRecord]:
        """Return the newest records that are not chunks of files.

        Rows never change, and a newer record has a higher row. So a small file beside the store remembers the rows that
        were found, and only higher ones are looked through.

        Args:
            most: The greatest number of records.
            mark: The metadata key that chunks have.

        Returns:
            Newest first; of the first call in a namespace that is too large to look through, the latest part, if the
            store has no index of the mark.
        """
        name = f"learned-{saved_index_name(self._namespace)[:24]}.json"
        path = os.path.join(self._folder, "state", name)  # noqa: PTH118
        (newest,) = self._connection.execute("SELECT max(row) FROM records").fetchone()
        newest = newest or 0
        last, rows = self._remembered(path)
        if newest > last:
            source, values = "", [json.dumps(mark)]
            if mark == _INDEXED_MARK and self._version >= _INDEXED_SINCE:
                where = f"json_extract(metadata, '$.\"{mark}\"') IS NULL"
                source, values, after = "INDEXED BY records_without_file", [], last
            else:
                where, after = "instr(metadata, ?) = 0", max(last, newest - _MOST_SCANNED)
            found = self._connection.execute(
                # Rows that were written since `newest` was read are looked through by the next call.
                f"SELECT row FROM records {source} WHERE row > ? AND row <= ? AND namespace = ? AND {where}"
                " ORDER BY row",
                (after, newest, self._number, *values),
            )
            rows = [*rows, *(row for (row,) in found)][-_MOST_REMEMBERED:]
            self._remember(path, newest, rows)
        return self.read(rows[: -most - 1 : -1])

    def _remembered(self, path: str) -> tuple[int, list[int]]:
        """Return the highest row that was looked through and the rows that were found, if the store still has them.

        Each commit has a random mark in the log of deletions. If that of the commit at which the file was written is
        another now, a backup was restored, and its rows may be other records.
        """
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                store, sequence, mark, last, rows = json.loads(file.read(_LARGEST_MEMORY))
        except (OSError, ValueError, TypeError):
            return 0, []
        sound = isinstance(last, int) and isinstance(rows, list) and all(isinstance(row, int) for row in rows)
        if not sound or store != self._store or mark is None or mark != self._mark(sequence):
            return 0, []
        return last, rows

    def _mark(self, sequence: object) -> int | None:
        found = self._connection.execute(
            "SELECT row FROM deletions WHERE namespace = ? AND sequence = ? AND row < 0", (self._number, sequence)
        ).fetchone()
        return None if found is None else int(found[0])

    def _remember(self, path: str, last: int, rows: list[int]) -> None:
        temporary = f"{path}.{os.getpid()}"
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
            with open(temporary, "w", encoding="ascii") as file:  # noqa: PTH123
                json.dump([self._store, self._sequence, self._mark(self._sequence), last, rows], file)
            os.replace(temporary, path)  # noqa: PTH105

    def read(self, rows: Sequence[int]) -> list[QuickRecord]:
        """Return the records of some rows, in their order; rows that are gone are left out."""
        found: dict[int, QuickRecord] = {}
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            for record in self._read(part):
                found[record.row] = record
        return [found[row] for row in rows if row in found]

    def _read(self, rows: Sequence[int]) -> Iterator[QuickRecord]:
        marks = ",".join("?" * len(rows))
        answer = self._connection.execute(
            f"SELECT {_COLUMNS} FROM records r LEFT JOIN vectors v ON v.row = r.row AND v.generation = ?"
            f" WHERE r.row IN ({marks}) AND r.namespace = ?",
            (self._generation, *rows, self._number),
        )
        for row, identifier, metadata, content, vector in answer:
            yield QuickRecord(row, identifier, json.loads(metadata), content, vector)

    def _open(self, database: str) -> None:
        execute = self._connection.execute
        execute("PRAGMA query_only = ON")
        (application,) = execute("PRAGMA application_id").fetchone()
        (version,) = execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION_ID or not 1 <= version <= _NEWEST_SCHEMA:
            raise ValueError(f"{database} is not a store that this version of Aurora can read")
        self._version = int(version)
        self._store: str
        self._generation: int
        self.embedder: str
        self._number: int
        self.records: int
        self._sequence: int
        (self._store,) = execute("SELECT value FROM meta WHERE key = 'store'").fetchone() or ("",)
        newest = execute("SELECT generation, name FROM embedders ORDER BY generation DESC LIMIT 1").fetchone()
        self._generation, self.embedder = newest or (0, "")
        state = execute(
            "SELECT number, records, sequence FROM namespaces WHERE name = ?", (self._namespace,)
        ).fetchone()
        self._number, self.records, self._sequence = state or (-1, 0, 0)


def _read_only(database: str) -> str:
    """Return the URI that opens a database for reading only."""
    path = os.path.abspath(database)  # noqa: PTH100
    if os.sep == "\\":
        path = "/" + path.replace("\\", "/")
    for sign, code in (("%", "%25"), ("?", "%3f"), ("#", "%23")):
        path = path.replace(sign, code)
    return f"file:{path}?mode=ro"
