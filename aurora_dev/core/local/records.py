"""Records, vectors and the change log of a local store: every statement that reads or writes them.

The functions work on a connection that the caller lends; those that write expect an open write transaction.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora_dev.core.filters import FilterNode, compile_filter, fields, is_everything
from aurora_dev.core.types import EmbedderInfo, Record, Vector

Rows = npt.NDArray[np.int64]

# Derived indexes that are further behind than this many deletions are rebuilt; at 20 bytes each the log stays small.
DELETION_LOG_LIMIT = 100_000
_PARAMETERS = 900  # SQLite before 3.32 takes 999 in a statement
_TESTED_AT_ONCE = 16_384  # rows of metadata per round of a filter
_REMEMBERED_VERDICTS = 200_000  # some tens of megabytes; a field with more values repeats few of them
_FETCHED_AT_ONCE = 4096  # rows per round trip: some megabytes of vectors or text
_NO_ROWS: Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """Where a namespace stands.

    Attributes:
        number: Its key in the tables.
        sequence: Grows by one with every committed change.
        pruned: The log knows the deletions after this sequence only.
        generation: The present embedder of the store, 0 where none was set.
    """

    number: int
    sequence: int
    records: int
    vectors: int
    logged: int
    pruned: int
    generation: int


def read_state(connection: sqlite3.Connection, namespace: str) -> NamespaceState | None:
    """Return where a namespace stands, ``None`` where nothing was ever written to it."""
    found = connection.execute(
        "SELECT number, sequence, records, vectors, logged, pruned,"
        " coalesce((SELECT max(generation) FROM embedders), 0) FROM namespaces WHERE name = ?",
        (namespace,),
    ).fetchone()
    if found is None:
        return None
    _check_types(found, int, int, int, int, int, int, int)
    return NamespaceState(*found)


def read_names(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the namespaces that hold records, sorted."""
    return [name for (name,) in connection.execute("SELECT name FROM namespaces WHERE records > 0 ORDER BY name")]


def read_embedder(connection: sqlite3.Connection) -> EmbedderInfo | None:
    """Return the present embedder."""
    found = connection.execute(
        "SELECT name, dimension, fingerprint, metric FROM embedders ORDER BY generation DESC LIMIT 1"
    ).fetchone()
    if found is None:
        return None
    _check_types(found, str, int, str, str)
    return EmbedderInfo(*found)


def write_embedder(connection: sqlite3.Connection, info: EmbedderInfo) -> None:
    """Begin a new generation of vectors: those of earlier ones are stale without being touched."""
    connection.execute(
        "INSERT INTO embedders(name, dimension, fingerprint, metric) VALUES (?, ?, ?, ?)",
        (info.name, info.dimension, info.fingerprint, info.metric),
    )
    connection.execute("UPDATE namespaces SET vectors = 0, sequence = sequence + 1")
    _mark(connection, connection.execute("SELECT number, sequence FROM namespaces").fetchall())


def read_mark(connection: sqlite3.Connection, state: NamespaceState, sequence: int) -> int:
    """Return the mark of a commit, 0 where it has none or is no longer in the log.

    Equal sequence numbers do not mean equal content where a backup was restored and written to: the commits after it
    have the numbers of those that it lost. Their marks differ, since each is drawn at random.
    """
    found = connection.execute(
        "SELECT row FROM deletions WHERE namespace = ? AND sequence = ? AND row < 0", (state.number, sequence)
    ).fetchone()
    return 0 if found is None else int(found[0])


def _mark(connection: sqlite3.Connection, commits: Iterable[tuple[int, int]]) -> None:
    """Log the present commit of namespaces, given as number and sequence, as the deletion of a row below 0.

    No record has such a row, so that versions of Aurora that know no marks take it out of their indexes to no effect.
    """
    for number, sequence in commits:
        connection.execute("INSERT INTO deletions VALUES (?, ?, ?)", (number, sequence, -1 - secrets.randbits(62)))
        connection.execute("UPDATE namespaces SET logged = logged + 1 WHERE number = ?", (number,))


def store_identity(connection: sqlite3.Connection) -> str:
    """Return the random name that the database got when it was created."""
    found = connection.execute("SELECT value FROM meta WHERE key = 'store'").fetchone()
    _check_types(found or (None,), str)
    return str(found[0])


def insert(
    connection: sqlite3.Connection,
    namespace: str,
    records: Sequence[tuple[str, str, str]],
    vectors: Sequence[Vector | None],
    deletes: Sequence[str],
) -> int:
    """Delete records and insert or replace others, in the caller's transaction.

    Args:
        connection: Inside a write transaction.
        namespace: Created where it is missing.
        records: Id, content and metadata as JSON; each id once.
        vectors: One for each record, of the present embedder.
        deletes: Ids to delete; unknown ones are ignored.

    Returns:
        How many rows were deleted or inserted; 0 means that nothing changed.
    """
    state = read_state(connection, namespace)
    if state is None:
        if not records:
            return 0
        connection.execute("INSERT INTO namespaces(name) VALUES (?)", (namespace,))
        state = read_state(connection, namespace)
        assert state is not None
    gone = rows_of_ids(connection, state, [*deletes, *(record[0] for record in records)]) if state.records else {}
    if not gone and not records:
        return 0
    removed = np.fromiter(gone.values(), dtype=np.int64, count=len(gone))
    delete_rows(connection, state, removed)
    last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'").fetchone()
    first = (last[0] if last else 0) + 1
    connection.executemany(
        "INSERT INTO records(row, namespace, id, sequence, content, metadata) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (row, state.number, identifier, state.sequence + 1, content, metadata)
            for row, (identifier, content, metadata) in enumerate(records, first)
        ),
    )
    embedded = [(row, state.generation, v.data) for row, v in enumerate(vectors, first) if v is not None]
    connection.executemany("INSERT INTO vectors(row, generation, vector) VALUES (?, ?, ?)", embedded)
    connection.execute(
        "UPDATE namespaces SET records = records + ?, vectors = vectors + ? WHERE number = ?",
        (len(records), len(embedded), state.number),
    )
    return len(removed) + len(records)


def delete_rows(connection: sqlite3.Connection, state: NamespaceState, rows: Rows) -> None:
    """Begin the namespace's next sequence with the deletion of rows; they must exist."""
    stale_vectors = 0
    for chunk in _chunks(rows.tolist()):
        marks = _marks(chunk)
        stale_vectors += connection.execute(
            f"SELECT count(*) FROM vectors WHERE generation = ? AND row IN ({marks})", (state.generation, *chunk)
        ).fetchone()[0]
        connection.execute(f"DELETE FROM records WHERE row IN ({marks})", chunk)
    sequence = state.sequence + 1
    logged, pruned = state.logged, state.pruned
    if len(rows) >= DELETION_LOG_LIMIT:
        connection.execute("DELETE FROM deletions WHERE namespace = ?", (state.number,))
        logged, pruned = 0, sequence
    else:
        connection.executemany(
            "INSERT INTO deletions VALUES (?, ?, ?)", ((state.number, sequence, row) for row in rows.tolist())
        )
        logged += len(rows)
        if logged > DELETION_LOG_LIMIT:
            # Down to half, so that not every later write has to prune.
            (pruned,) = connection.execute(
                "SELECT sequence FROM deletions WHERE namespace = ? ORDER BY sequence LIMIT 1 OFFSET ?",
                (state.number, logged - DELETION_LOG_LIMIT // 2 - 1),
            ).fetchone()
            logged -= connection.execute(
                "DELETE FROM deletions WHERE namespace = ? AND sequence <= ?", (state.number, pruned)
            ).rowcount
    connection.execute(
        "UPDATE namespaces SET sequence = ?, records = records - ?, vectors = vectors - ?, logged = ?, pruned = ?"
        " WHERE number = ?",
        (sequence, len(rows), stale_vectors, logged, pruned, state.number),
    )
    _mark(connection, [(state.number, sequence)])


def delete_all(connection: sqlite3.Connection, state: NamespaceState) -> None:
    """Delete every record of a namespace; its sequence stays, so that it never runs backwards."""
    connection.execute("DELETE FROM records WHERE namespace = ?", (state.number,))
    connection.execute("DELETE FROM deletions WHERE namespace = ?", (state.number,))
    connection.execute(
        "UPDATE namespaces SET sequence = sequence + 1, records = 0, vectors = 0, logged = 0, pruned = sequence + 1"
        " WHERE number = ?",
        (state.number,),
    )
    _mark(connection, [(state.number, state.sequence + 1)])


def rows_of_ids(connection: sqlite3.Connection, state: NamespaceState, ids: Iterable[str]) -> dict[str, int]:
    """Return the rows of the ids that exist."""
    found: dict[str, int] = {}
    for chunk in _chunks(list(dict.fromkeys(ids))):
        found.update(
            connection.execute(
                f"SELECT id, row FROM records WHERE namespace = ? AND id IN ({_marks(chunk)})", (state.number, *chunk)
            )
        )
    return found


def read_records(connection: sqlite3.Connection, rows: Sequence[int]) -> Iterator[tuple[int, str, str, str]]:
    """Yield row, id, content and metadata of the rows that exist, in any order."""
    for chunk in _chunks(rows):
        yield from connection.execute(
            f"SELECT row, id, content, metadata FROM records WHERE row IN ({_marks(chunk)})", chunk
        )


def as_read(connection: sqlite3.Connection, state: NamespaceState | None, records: Iterable[Record]) -> list[Record]:
    """Return those of some records whose content and metadata are stored exactly so."""
    given = {record.id: record for record in records}  # of several with one id the last
    if state is None or not given:
        return []
    rows = rows_of_ids(connection, state, given)
    stored = {
        identifier: (content, json.loads(metadata))
        for _, identifier, content, metadata in read_records(connection, list(rows.values()))
    }
    return [record for record in given.values() if stored.get(record.id) == (record.content, dict(record.metadata))]


def read_vectors(connection: sqlite3.Connection, rows: Sequence[int], generation: int) -> dict[int, Vector]:
    """Return the vectors of a generation that rows have."""
    found: dict[int, Vector] = {}
    for chunk in _chunks(rows):
        cursor = connection.execute(
            f"SELECT row, vector FROM vectors WHERE generation = ? AND row IN ({_marks(chunk)})", (generation, *chunk)
        )
        pairs = cursor.fetchall()
        vectors = _stacked([blob for _, blob in pairs])
        found.update(zip((row for row, _ in pairs), vectors, strict=True))
    return found


def read_page(
    connection: sqlite3.Connection, state: NamespaceState, after_id: str, limit: int, *, content: bool
) -> list[tuple[int, str, str, str]]:
    """Return the next rows in the order of ids: row, id, content (or an empty string) and metadata."""
    column = "content" if content else "''"
    return connection.execute(
        f"SELECT row, id, {column}, metadata FROM records WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?",
        (state.number, after_id, limit),
    ).fetchall()


def read_by_ids(
    connection: sqlite3.Connection, state: NamespaceState, ids: Sequence[str]
) -> list[tuple[int, str, str, str]]:
    """Return the rows of the ids that exist, in the order of ids: row, id, content and metadata."""
    rows = rows_of_ids(connection, state, ids)
    return sorted(read_records(connection, list(rows.values())), key=lambda row: row[1])


def read_without_vector(
    connection: sqlite3.Connection, state: NamespaceState, limit: int
) -> list[tuple[int, str, str, str]]:
    """Return the oldest rows without a vector of the present embedder: row, id, content and metadata."""
    return connection.execute(
        "SELECT r.row, r.id, r.content, r.metadata FROM records r INDEXED BY records_of_namespace"
        " LEFT JOIN vectors v ON v.row = r.row AND v.generation = ?"
        " WHERE r.namespace = ? AND v.row IS NULL ORDER BY r.row LIMIT ?",
        (state.generation, state.number, limit),
    ).fetchall()


def ids_of_rows(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, str]:
    """Return the ids of the rows that exist."""
    found: dict[int, str] = {}
    for chunk in _chunks(rows):
        found.update(connection.execute(f"SELECT row, id FROM records WHERE row IN ({_marks(chunk)})", chunk))
    return found


def embedded_rows_by_id(connection: sqlite3.Connection, state: NamespaceState) -> Iterator[int]:
    """Yield the rows that have a vector of the present embedder, in the order of their ids."""
    for (row,) in connection.execute(
        "SELECT r.row FROM records r JOIN vectors v ON v.row = r.row AND v.generation = ?"
        " WHERE r.namespace = ? ORDER BY r.id",
        (state.generation, state.number),
    ):
        yield row


def highest_row(connection: sqlite3.Connection) -> int:
    """Return the highest row of all namespaces; every later one is higher."""
    return int(connection.execute("SELECT coalesce(max(row), 0) FROM records").fetchone()[0])


def removed_since(connection: sqlite3.Connection, state: NamespaceState, sequence: int) -> Rows | None:
    """Return the rows deleted after a sequence, or ``None`` where the log does not reach back so far."""
    if sequence < state.pruned or sequence > state.sequence:
        return None
    return _column(
        connection.execute(
            "SELECT row FROM deletions WHERE namespace = ? AND sequence > ? AND row > 0", (state.number, sequence)
        )
    )


def texts_after(
    connection: sqlite3.Connection, state: NamespaceState, row: int
) -> Iterator[list[tuple[int, str, str]]]:
    """Yield batches of row, content and metadata (JSON) of the rows with a higher number, ascending."""
    cursor = connection.execute(
        "SELECT row, content, metadata FROM records INDEXED BY records_of_namespace"
        " WHERE namespace = ? AND row > ? ORDER BY row",
        (state.number, row),
    )
    while batch := cursor.fetchmany(_FETCHED_AT_ONCE):
        yield batch


def vectors_after(
    connection: sqlite3.Connection, state: NamespaceState, row: int
) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
    """Yield batches of rows (ascending) and their vectors, for the rows with a higher number that have one."""
    cursor = connection.execute(
        "SELECT v.row, v.vector FROM records r INDEXED BY records_of_namespace JOIN vectors v ON v.row = r.row"
        " WHERE r.namespace = ? AND r.row > ? AND v.generation = ? ORDER BY r.row",
        (state.number, row, state.generation),
    )
    while batch := cursor.fetchmany(_FETCHED_AT_ONCE):
        rows = np.fromiter((row for row, _ in batch), dtype=np.int64, count=len(batch))
        yield rows, _stacked([blob for _, blob in batch])


def vector_rows(connection: sqlite3.Connection, state: NamespaceState) -> Rows:
    """Return the rows that have a vector of the present embedder, ascending."""
    return _column(
        connection.execute(
            "SELECT r.row FROM records r INDEXED BY records_of_namespace JOIN vectors v ON v.row = r.row"
            " WHERE r.namespace = ? AND v.generation = ? ORDER BY r.row",
            (state.number, state.generation),
        )
    )


def matching_rows(connection: sqlite3.Connection, state: NamespaceState, node: FilterNode, after: int = 0) -> Rows:
    """Return the rows above ``after`` whose metadata match, ascending.

    SQLite cuts the fields that the filter reads out of the metadata, as JSON text, and each distinct combination is
    tested once in Python: so numbers keep their digits, NUL characters and types are seen as they were stored, and a
    filter over a field with few values is cheap.
    """
    where = "FROM records INDEXED BY records_of_namespace WHERE namespace = ? AND row > ? ORDER BY row"
    if is_everything(node):
        return _column(connection.execute(f"SELECT row {where}", (state.number, after)))
    names = fields(node)
    paths = [f'$."{name}"' for name in names if _is_plain(name)]
    if len(paths) < len(names):
        cursor = connection.execute(f"SELECT metadata, row {where}", (state.number, after))
    else:
        # With a single path SQLite gives the bare value, which does not tell "1" from 1; two give a JSON array.
        paths += paths[: 2 - len(paths)]
        marks = _marks(paths)
        cursor = connection.execute(
            f"SELECT json_extract(metadata, {marks}), row {where}", (*paths, state.number, after)
        )
    test = compile_filter(node, names if len(paths) >= len(names) else None)
    verdicts: dict[str, bool] = {}
    rows: list[int] = []
    while batch := cursor.fetchmany(_TESTED_AT_ONCE):
        fresh = list({text: None for text, _ in batch if text not in verdicts})
        # One document is decoded several times faster than many small ones.
        verdicts.update(zip(fresh, map(test, json.loads(f"[{','.join(fresh)}]")), strict=True))
        rows += [row for text, row in batch if verdicts[text]]
        if len(verdicts) > _REMEMBERED_VERDICTS:
            verdicts.clear()
    return np.asarray(rows, dtype=np.int64)


def _is_plain(name: str) -> bool:
    """Whether a name can stand in quotes in a JSON path just as it stands in the stored JSON."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return json.dumps(name, ensure_ascii=False) == f'"{name}"' and "\x7f" not in name


def _check_types(row: Sequence[Any], *types: type) -> None:
    """Refuse a row whose values are not what was written: in SQLite a damaged byte may turn a number into NULL."""
    if not all(map(isinstance, row, types)):
        raise sqlite3.DatabaseError("a row of names and counts is malformed")


def _stacked(blobs: Sequence[bytes]) -> npt.NDArray[np.float32]:
    """Return stored vectors of one generation: shape ``(n, dimension)``, float32."""
    try:
        joined = np.frombuffer(b"".join(blobs), dtype="<f4").astype(np.float32, copy=False)
        if not np.isfinite(joined).all():
            raise ValueError("NaN or infinity")
        return joined.reshape(len(blobs), len(blobs[0]) // 4 if blobs else 0)
    except (TypeError, ValueError) as error:
        raise sqlite3.DatabaseError(f"stored vectors are malformed: {error}") from error


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _PARAMETERS):
        yield items[start : start + _PARAMETERS]


def _marks(items: Sequence[Any]) -> str:
    return ",".join("?" * len(items))


def _column(cursor: sqlite3.Cursor) -> Rows:
    found = cursor.fetchall()
    return np.fromiter((row for (row,) in found), dtype=np.int64, count=len(found)) if found else _NO_ROWS
