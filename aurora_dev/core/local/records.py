"""Records, vectors and the log of deletions of a local store: every SQL statement that reads or writes them.

The functions use the caller's connection; those that write expect an open write transaction.
"""

from __future__ import annotations

import json
import os
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from aurora_dev.core.filters import AllOf, AnyOf, Condition, FilterNode, Scalar, compile_filter, fields, is_everything
from aurora_dev.core.local.lookups import RowList, find_rows, is_listed, strings
from aurora_dev.core.types import EmbedderInfo, Record, Vector
from aurora_dev.lazy import np, npt

Rows: TypeAlias = "npt.NDArray[np.int64]"

# A derived index that is further behind than this many deletions is rebuilt. At 20 bytes each, the log stays small.
DELETION_LOG_LIMIT = 100_000
_MAX_PARAMETERS = 900  # SQLite before 3.32 allows 999 in a statement
_FILTER_BATCH = 16_384  # rows of metadata that a filter tests at a time
_READ_WHOLE = 2_000  # the metadata of so many new rows are read sooner than all rows of a condition are listed
_MOST_NEEDLES = 8  # texts that are looked for in each record; each takes a tenth of the time of reading its fields
_MAX_VERDICTS = 200_000  # some tens of megabytes; a field with more values repeats few of them
_FETCH_BATCH = 4096  # rows at a time: some megabytes of vectors or text


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """The state of a namespace at one commit.

    Attributes:
        number: The key of the namespace in the tables.
        sequence: Grows by one with every committed change.
        records: The number of records.
        vectors: The number of records with a vector of the current embedder.
        logged: The number of entries in the log of deletions, marks included.
        pruned: The log holds only the deletions after this sequence.
        generation: The number of the store's current embedder; 0 if none was set.
    """

    number: int
    sequence: int
    records: int
    vectors: int
    logged: int
    pruned: int
    generation: int


def read_state(connection: sqlite3.Connection, namespace: str) -> NamespaceState | None:
    """Return the state of a namespace; ``None`` if nothing was ever written to it."""
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
    """Return the current embedder; ``None`` if none was set."""
    found = connection.execute(
        "SELECT name, dimension, fingerprint, metric FROM embedders ORDER BY generation DESC LIMIT 1"
    ).fetchone()
    if found is None:
        return None
    _check_types(found, str, int, str, str)
    return EmbedderInfo(*found)


def write_embedder(connection: sqlite3.Connection, info: EmbedderInfo) -> None:
    """Record an embedder. It begins a new generation of vectors; earlier ones become invalid without being changed."""
    connection.execute(
        "INSERT INTO embedders(name, dimension, fingerprint, metric) VALUES (?, ?, ?, ?)",
        (info.name, info.dimension, info.fingerprint, info.metric),
    )
    connection.execute("UPDATE namespaces SET vectors = 0, sequence = sequence + 1")
    _mark(connection, connection.execute("SELECT number, sequence FROM namespaces").fetchall())


def read_mark(connection: sqlite3.Connection, state: NamespaceState, sequence: int) -> int:
    """Return the mark of a commit; 0 if it has none, or is no longer in the log.

    After a backup was restored and written to, equal sequences do not mean equal content: the new commits have the
    sequences of the lost ones. Their marks differ, because each is a random number.
    """
    found = connection.execute(
        "SELECT row FROM deletions WHERE namespace = ? AND sequence = ? AND row < 0", (state.number, sequence)
    ).fetchone()
    return 0 if found is None else int(found[0])


def _mark(connection: sqlite3.Connection, commits: Iterable[tuple[int, int]]) -> None:
    """Log the current commit of namespaces, given as number and sequence, as the deletion of a random row below 0.

    No record has such a row. A version of Aurora that does not know marks removes it from its indexes without effect.
    """
    for number, sequence in commits:
        row = -1 - (int.from_bytes(os.urandom(8), "big") >> 2)
        connection.execute("INSERT INTO deletions VALUES (?, ?, ?)", (number, sequence, row))
        connection.execute("UPDATE namespaces SET logged = logged + 1 WHERE number = ?", (number,))


def store_identity(connection: sqlite3.Connection) -> str:
    """Return the random identifier that the database got when it was created."""
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
        connection: A connection in a write transaction.
        namespace: The namespace; created if it does not exist.
        records: Id, content and metadata as JSON; each id once.
        vectors: One for each record, of the current embedder; ``None`` for a record without a vector.
        deletes: Ids to delete; unknown ones are ignored.

    Returns:
        The number of rows that were deleted or inserted; 0 if nothing changed.
    """
    state = read_state(connection, namespace)
    if state is None:
        if not records:
            return 0
        connection.execute("INSERT INTO namespaces(name) VALUES (?)", (namespace,))
        state = read_state(connection, namespace)
        assert state is not None
    replaced = rows_of_ids(connection, state, [*deletes, *(record[0] for record in records)]) if state.records else {}
    if not replaced and not records:
        return 0
    removed = np.fromiter(replaced.values(), dtype=np.int64, count=len(replaced))
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
    """Delete rows, which must exist, and begin the namespace's next sequence."""
    deleted_vectors = 0
    for batch in _batches(rows.tolist()):
        placeholders = _placeholders(batch)
        deleted_vectors += connection.execute(
            f"SELECT count(*) FROM vectors WHERE generation = ? AND row IN ({placeholders})", (state.generation, *batch)
        ).fetchone()[0]
        connection.execute(f"DELETE FROM records WHERE row IN ({placeholders})", batch)
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
            # Pruned down to half, so that not every later write has to prune.
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
        (sequence, len(rows), deleted_vectors, logged, pruned, state.number),
    )
    _mark(connection, [(state.number, sequence)])


def delete_all(connection: sqlite3.Connection, state: NamespaceState) -> None:
    """Delete every record of a namespace; the namespace stays, so that its sequence never decreases."""
    connection.execute("DELETE FROM records WHERE namespace = ?", (state.number,))
    connection.execute("DELETE FROM deletions WHERE namespace = ?", (state.number,))
    connection.execute(
        "UPDATE namespaces SET sequence = sequence + 1, records = 0, vectors = 0, logged = 0, pruned = sequence + 1"
        " WHERE number = ?",
        (state.number,),
    )
    _mark(connection, [(state.number, state.sequence + 1)])


def rows_of_ids(connection: sqlite3.Connection, state: NamespaceState, ids: Iterable[str]) -> dict[str, int]:
    """Return the rows of the ids that exist, by id."""
    found: dict[str, int] = {}
    for batch in _batches(list(dict.fromkeys(ids))):
        found.update(
            connection.execute(
                f"SELECT id, row FROM records WHERE namespace = ? AND id IN ({_placeholders(batch)})",
                (state.number, *batch),
            )
        )
    return found


def read_records(connection: sqlite3.Connection, rows: Sequence[int]) -> Iterator[tuple[int, str, str, str]]:
    """Yield row, id, content and metadata of the rows that exist, in any order."""
    for batch in _batches(rows):
        yield from connection.execute(
            f"SELECT row, id, content, metadata FROM records WHERE row IN ({_placeholders(batch)})", batch
        )


def unchanged_records(
    connection: sqlite3.Connection, state: NamespaceState | None, records: Iterable[Record]
) -> list[Record]:
    """Return the records whose stored content and metadata are equal to the given ones."""
    given = {record.id: record for record in records}  # of several with one id, the last
    if state is None or not given:
        return []
    rows = rows_of_ids(connection, state, given)
    stored = {
        identifier: (content, json.loads(metadata))
        for _, identifier, content, metadata in read_records(connection, list(rows.values()))
    }
    return [record for record in given.values() if stored.get(record.id) == (record.content, dict(record.metadata))]


def read_vectors(connection: sqlite3.Connection, rows: Sequence[int], generation: int) -> dict[int, Vector]:
    """Return the vectors of rows, by row; a row without a vector of the generation is absent."""
    found: dict[int, Vector] = {}
    for batch in _batches(rows):
        cursor = connection.execute(
            f"SELECT row, vector FROM vectors WHERE generation = ? AND row IN ({_placeholders(batch)})",
            (generation, *batch),
        )
        pairs = cursor.fetchall()
        vectors = _stacked([blob for _, blob in pairs])
        found.update(zip((row for row, _ in pairs), vectors, strict=True))
    return found


def read_page(
    connection: sqlite3.Connection, state: NamespaceState, after_id: str, limit: int, *, content: bool
) -> list[tuple[int, str, str, str]]:
    """Return the next records in the order of ids: row, id, content (or an empty string) and metadata."""
    column = "content" if content else "''"
    return connection.execute(
        f"SELECT row, id, {column}, metadata FROM records WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?",
        (state.number, after_id, limit),
    ).fetchall()


def read_by_ids(
    connection: sqlite3.Connection, state: NamespaceState, ids: Sequence[str], *, content: bool
) -> list[tuple[int, str, str, str]]:
    """Return the records that exist among ids, as `read_page` does."""
    column = "content" if content else "''"
    found: list[tuple[int, str, str, str]] = []
    for batch in _batches(ids):
        found += connection.execute(
            f"SELECT row, id, {column}, metadata FROM records WHERE namespace = ? AND id IN ({_placeholders(batch)})",
            (state.number, *batch),
        )
    return sorted(found, key=lambda line: line[1])


def read_without_vector(
    connection: sqlite3.Connection, state: NamespaceState, limit: int
) -> list[tuple[int, str, str, str]]:
    """Return the oldest records without a vector of the current embedder: row, id, content and metadata."""
    return connection.execute(
        "SELECT r.row, r.id, r.content, r.metadata FROM records r INDEXED BY records_of_namespace"
        " LEFT JOIN vectors v ON v.row = r.row AND v.generation = ?"
        " WHERE r.namespace = ? AND v.row IS NULL ORDER BY r.row LIMIT ?",
        (state.generation, state.number, limit),
    ).fetchall()


def ids_of_rows(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, str]:
    """Return the ids of the rows that exist, by row."""
    found: dict[int, str] = {}
    for batch in _batches(rows):
        found.update(connection.execute(f"SELECT row, id FROM records WHERE row IN ({_placeholders(batch)})", batch))
    return found


def embedded_rows_by_id(connection: sqlite3.Connection, state: NamespaceState) -> Iterator[int]:
    """Yield the rows that have a vector of the current embedder, in the order of ids."""
    for (row,) in connection.execute(
        "SELECT r.row FROM records r JOIN vectors v ON v.row = r.row AND v.generation = ?"
        " WHERE r.namespace = ? ORDER BY r.id",
        (state.generation, state.number),
    ):
        yield row


def highest_row(connection: sqlite3.Connection) -> int:
    """Return the highest row of all namespaces; every later row is higher."""
    return int(connection.execute("SELECT coalesce(max(row), 0) FROM records").fetchone()[0])


def removed_since(connection: sqlite3.Connection, state: NamespaceState, sequence: int) -> Rows | None:
    """Return the rows that were deleted after a sequence.

    Returns:
        ``None`` if the log does not reach back so far, or if the namespace has not reached the sequence (its database
        was exchanged for an older one): what is derived must be built again.
    """
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
    """Yield batches of row, content and metadata (as JSON) of the rows above a row, ascending."""
    cursor = connection.execute(
        "SELECT row, content, metadata FROM records INDEXED BY records_of_namespace"
        " WHERE namespace = ? AND row > ? ORDER BY row",
        (state.number, row),
    )
    while batch := cursor.fetchmany(_FETCH_BATCH):
        yield batch


def vectors_after(
    connection: sqlite3.Connection, state: NamespaceState, row: int
) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
    """Yield batches of the rows above a row that have a vector, ascending, and their vectors."""
    cursor = connection.execute(
        "SELECT v.row, v.vector FROM records r INDEXED BY records_of_namespace JOIN vectors v ON v.row = r.row"
        " WHERE r.namespace = ? AND r.row > ? AND v.generation = ? ORDER BY r.row",
        (state.number, row, state.generation),
    )
    while batch := cursor.fetchmany(_FETCH_BATCH):
        rows = np.fromiter((row for row, _ in batch), dtype=np.int64, count=len(batch))
        yield rows, _stacked([blob for _, blob in batch])


def vector_rows(connection: sqlite3.Connection, state: NamespaceState) -> Rows:
    """Return the rows that have a vector of the current embedder, ascending."""
    return _column(
        connection.execute(
            "SELECT r.row FROM records r INDEXED BY records_of_namespace JOIN vectors v ON v.row = r.row"
            " WHERE r.namespace = ? AND v.generation = ? ORDER BY r.row",
            (state.number, state.generation),
        )
    )


def matching_rows(connection: sqlite3.Connection, state: NamespaceState, node: FilterNode, after: int = 0) -> Rows:
    """Return the rows of `matching_row_list` as an array."""
    return np.asarray(matching_row_list(connection, state, node, after), dtype=np.int64)


def matching_row_list(
    connection: sqlite3.Connection, state: NamespaceState, node: FilterNode, after: int = 0
) -> RowList:
    """Return the rows above ``after`` whose metadata match, ascending.

    Indexes give the rows of the filters that name indexed fields; see `lookups`. For the others, and where only a few
    rows are new, the metadata are read.
    """
    if is_everything(node):
        query = "SELECT row FROM records INDEXED BY records_of_namespace WHERE namespace = ? AND row > ? ORDER BY row"
        return [row for (row,) in connection.execute(query, (state.number, after)).fetchall()]
    if not after or _has_many(connection, state, after):
        found = find_rows(connection, state.number, node, lambda part, rows: _tested(connection, part, rows))
        if found is not None:
            return found[bisect_right(found, after) :]
    return scanned_rows(connection, state, node, after)


def _has_many(connection: sqlite3.Connection, state: NamespaceState, after: int) -> bool:
    query = "SELECT 1 FROM records INDEXED BY records_of_namespace WHERE namespace = ? AND row > ? LIMIT 1 OFFSET ?"
    return connection.execute(query, (state.number, after, _READ_WHOLE)).fetchone() is not None


def scanned_rows(connection: sqlite3.Connection, state: NamespaceState, node: FilterNode, after: int = 0) -> RowList:
    """Return what `matching_row_list` does, by reading the metadata of every row above ``after``."""
    needles = _needles(node) or ()
    source = "FROM records INDEXED BY records_of_namespace WHERE namespace = ? AND row > ?"
    if needles:
        source += f" AND ({' OR '.join(['instr(metadata, ?) > 0'] * len(needles))})"
    return _evaluated(connection, node, f"{source} ORDER BY row", (state.number, after, *needles))


def _tested(connection: sqlite3.Connection, node: FilterNode, rows: RowList) -> RowList:
    """Return those of some rows, ascending, whose metadata match."""
    found: RowList = []
    for batch in _batches(rows):
        where = f"FROM records WHERE row IN ({_placeholders(batch)}) ORDER BY row"
        found += _evaluated(connection, node, where, batch)
    return found


def _evaluated(connection: sqlite3.Connection, node: FilterNode, source: str, values: Sequence[Any]) -> RowList:
    """Return the rows of a query whose metadata match.

    SQLite extracts the fields that the filter reads from the metadata, as JSON text, and Python tests each distinct
    combination once. So numbers keep their digits, NUL characters and types are as they were stored, and a filter on a
    field with few values is cheap.
    """
    names = fields(node)
    paths = [f'$."{name}"' for name in names if _is_plain(name)]
    if len(paths) < len(names):
        cursor = connection.execute(f"SELECT metadata, row {source}", values)
    else:
        # For a single path SQLite returns the bare value, in which "1" and 1 are the same; two paths give a JSON array.
        paths += paths[: 2 - len(paths)]
        query = f"SELECT json_extract(metadata, {_placeholders(paths)}), row {source}"
        cursor = connection.execute(query, (*paths, *values))
    test = compile_filter(node, names if len(paths) >= len(names) else None)
    verdicts: dict[str, bool] = {}
    rows: list[int] = []
    while batch := cursor.fetchmany(_FILTER_BATCH):
        fresh = list({text: None for text, _ in batch if text not in verdicts})
        # Decoding one document is several times faster than decoding many small ones.
        verdicts.update(zip(fresh, map(test, json.loads(f"[{','.join(fresh)}]")), strict=True))
        rows += [row for text, row in batch if verdicts[text]]
        if len(verdicts) > _MAX_VERDICTS:
            verdicts.clear()
    return rows


def _needles(node: FilterNode) -> tuple[str, ...] | None:
    """Return texts of which the metadata of every match hold one, as they are written; ``None`` if there are none.

    `encode_record` writes equal strings, booleans and whole numbers alike, so that looking for the text is a cheap
    first test of all records.
    """
    if isinstance(node, AllOf):
        # That a field is there is true of many records.
        parts = sorted(node.parts, key=lambda part: isinstance(part, Condition) and part.operator == "$exists")
        return next((found for part in parts if (found := _needles(part))), None)
    if isinstance(node, AnyOf):
        found_by_part = [_needles(part) for part in node.parts]
        texts = tuple(text for found in found_by_part for text in found or ())
        return texts if all(found_by_part) and len(texts) <= _MOST_NEEDLES else None
    if node.operator == "$exists":
        return (f"{_written(node.field)}:",) if node.operand and _is_plain(node.field) else None
    if node.operator not in ("$eq", "$in"):
        return None
    wanted = node.operand if isinstance(node.operand, tuple) else (node.operand,)
    texts = tuple(_needle(node.field, value) for value in wanted[: _MOST_NEEDLES + 1])
    return texts if 0 < len(texts) <= _MOST_NEEDLES and all(texts) else None


def _needle(field: str, value: Scalar) -> str:
    """Return the text that stands in metadata whose field has or holds a value; empty if it has several forms."""
    if isinstance(value, str):
        return _written(value) if _is_plain(value) else ""
    if isinstance(value, bool):
        return f"{_written(field)}:{_written(value)}" if _is_plain(field) else ""
    # 7 and 7.0 begin alike; 0 is also -0.0, and large floats have an exponent.
    is_whole = value == int(value) and 0 < abs(value) < 1e15
    return f"{_written(field)}:{int(value)}" if is_whole and _is_plain(field) else ""


def _written(value: str | bool) -> str:
    return json.dumps(value, ensure_ascii=False)


def ids_with_prefix(connection: sqlite3.Connection, state: NamespaceState, prefix: str, limit: int) -> list[str]:
    """Return the first ids that begin with a text, in their order; an empty text is the beginning of every id."""
    found = connection.execute(
        # The characters of UTF-8 sort as their code points do, and none is above the last one.
        "SELECT id FROM records WHERE namespace = ? AND id >= ? AND id < ? || char(1114111, 1114111)"
        " ORDER BY id LIMIT ?",
        (state.number, prefix, prefix, limit),
    ).fetchall()
    return [identifier for (identifier,) in found]


def read_fields(
    connection: sqlite3.Connection, state: NamespaceState, names: Sequence[str], rows: RowList | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id and some fields of the metadata of rows.

    Args:
        connection: A connection.
        state: The namespace.
        names: The fields; those that a record lacks are left out.
        rows: The rows; ``None`` stands for all rows of the namespace.
    """
    paths = [f'$."{name}"' for name in names]
    is_plain = all(map(_is_plain, names))
    column, values = "metadata", []
    if is_plain:
        values = paths + paths[: 2 - len(paths)] if paths else []
        column = f"json_extract(metadata, {_placeholders(values)})" if paths else "'[]'"
    everything = ("INDEXED BY records_of_namespace WHERE namespace = ?", (state.number,))
    sources: list[tuple[str, Sequence[Any]]] = [everything]
    if rows is not None:
        sources = [(f"WHERE row IN ({_placeholders(batch)})", batch) for batch in _batches(rows)]
    for source, bound in sources:
        cursor = connection.execute(f"SELECT id, {column} FROM records {source}", (*values, *bound))
        while batch := cursor.fetchmany(_FILTER_BATCH):
            for (identifier, _), found in zip(
                batch, json.loads(f"[{','.join(text for _, text in batch)}]"), strict=True
            ):
                given = zip(names, found, strict=False) if is_plain else ((name, found.get(name)) for name in names)
                yield identifier, {name: value for name, value in given if value is not None}


def fields_after(
    connection: sqlite3.Connection, state: NamespaceState, sequence: int, names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield some fields of the metadata of the records that were written after a sequence."""
    source = "FROM records INDEXED BY records_of_namespace WHERE namespace = ?"
    # Rows are numbered in the order of writes, so that only the new ones are read.
    query = f"SELECT row {source} AND sequence <= ? ORDER BY row DESC LIMIT 1"
    known = connection.execute(query, (state.number, sequence)).fetchone()
    after = known[0] if known else 0
    rows = [row for (row,) in connection.execute(f"SELECT row {source} AND row > ?", (state.number, after))]
    for _, values in read_fields(connection, state, names, rows):
        yield values


def read_values(connection: sqlite3.Connection, state: NamespaceState, field: str) -> set[str]:
    """Return the strings in a field of the metadata of all records, those in lists included."""
    known = strings(connection, state.number, field)
    if known is not None:
        return known
    rows = matching_row_list(connection, state, Condition(field, "$exists", True)) if is_listed(field) else None
    found: set[str] = set()
    for _, values in read_fields(connection, state, (field,), rows):
        value = values.get(field)
        found.update(each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))
    return found


def malformed(what: str) -> sqlite3.DatabaseError:
    """Return the error for stored data that contradicts itself; a connection reports it as a damaged store."""
    return sqlite3.DatabaseError(what)


def _is_plain(name: str) -> bool:
    """Return whether a name, in quotes, is the same in a JSON path as in the stored JSON."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return json.dumps(name, ensure_ascii=False) == f'"{name}"' and "\x7f" not in name


def _check_types(row: Sequence[Any], *types: type) -> None:
    """Refuse a row with values of other types than were written: a damaged byte may turn a number into NULL."""
    if not all(map(isinstance, row, types)):
        raise malformed("a row of names and counts is malformed")


def _stacked(blobs: Sequence[bytes]) -> npt.NDArray[np.float32]:
    """Return stored vectors of one generation: shape ``(n, dimension)``, float32."""
    try:
        joined = np.frombuffer(b"".join(blobs), dtype="<f4").astype(np.float32, copy=False)
        if not np.isfinite(joined).all():
            raise ValueError("NaN or infinity")
        return joined.reshape(len(blobs), len(blobs[0]) // 4 if blobs else 0)
    except (TypeError, ValueError) as error:
        raise malformed(f"stored vectors are malformed: {error}") from error


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _MAX_PARAMETERS):
        yield items[start : start + _MAX_PARAMETERS]


def _placeholders(items: Sequence[Any]) -> str:
    return ",".join("?" * len(items))


def _column(cursor: sqlite3.Cursor) -> Rows:
    found = cursor.fetchall()
    return np.fromiter((row for (row,) in found), dtype=np.int64, count=len(found))
