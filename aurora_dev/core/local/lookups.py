"""Indexes of a local store on metadata, and the filters that they answer without reading every record.

Each condition of a filter gives a set of rows, or all rows but a set, and the sets are joined as the conditions are. A
condition without an index leaves candidates, which the caller tests one by one; without any candidates it reads every
record. So every filter has the same rows either way.

SQLite reads a list as its JSON text, and some versions cut a string at a NUL. Rows with such values are always tested.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from aurora_dev.core.filters import AllOf, AnyOf, Condition, FilterNode, Scalar, fields
from aurora_dev.lazy import np, npt

Rows: TypeAlias = "npt.NDArray[np.int64]"
Test: TypeAlias = Callable[[FilterNode, Rows], Rows]

INDEXED_SINCE = 2
"""The schema version that brought the indexes. An older store in a folder that cannot be written is read without."""

_FEW = 1_000  # candidates that are tested sooner than the rows of another condition are listed
_MAX_PARAMETERS = 900  # SQLite before 3.32 allows 999 in a statement
# SQLite and Python may read the same decimal digits as two neighbouring floats.
_FLOAT_MARGIN = 1e-14


def value_of(field: str) -> str:
    """Return the SQL expression of a field of the metadata; ``field`` is a plain name."""
    return f"json_extract(metadata, '$.\"{field}\"')"


_NO_FILE = f"{value_of('file_hash')} IS NULL"
_NO_COMMIT = f"{value_of('commit')} IS NULL"
_NO_SESSION = f"{value_of('session_part')} IS NULL"
_NOT_SUPERSEDED = f"{value_of('superseded_by')} IS NULL"
_IS_NOTE = f"{_NO_FILE} AND {_NO_COMMIT}"
# The time by which lists of notes are sorted; 0 for a record that was written by something else and holds no number.
_CREATED = (
    "CASE WHEN json_type(metadata, '$.\"created_at\"') IN ('integer', 'real') "
    f"THEN {value_of('created_at')} ELSE 0.0 END"
)
_HAS_NUL = "instr(metadata, '\\u0000') > 0"

INDEXES = f"""
CREATE INDEX records_by_path ON records(namespace, {value_of("path")}, {_NO_FILE}, {value_of("language")});
CREATE INDEX records_by_language ON records(namespace, {value_of("language")});
CREATE INDEX records_by_kind ON records(namespace, {value_of("kind")}, {_NO_FILE}, {_NO_COMMIT}, {_NO_SESSION},
    {_NOT_SUPERSEDED});
CREATE INDEX records_without_file ON records(namespace) WHERE {_NO_FILE};
CREATE INDEX records_of_commits ON records(namespace) WHERE {value_of("commit")} IS NOT NULL;
CREATE INDEX records_of_sessions ON records(namespace) WHERE {value_of("session_part")} IS NOT NULL;
CREATE INDEX notes_by_time ON records(namespace, {_CREATED} DESC, id) WHERE {_IS_NOTE};
CREATE INDEX records_superseded ON records(namespace, {value_of("superseded_by")})
    WHERE {value_of("superseded_by")} IS NOT NULL;
CREATE INDEX records_expiring ON records(namespace, {value_of("expires_at")})
    WHERE {value_of("expires_at")} IS NOT NULL;
CREATE INDEX records_in_conflict ON records(namespace) WHERE {value_of("conflicts_with")} IS NOT NULL;
CREATE INDEX records_with_files ON records(namespace) WHERE {value_of("files")} IS NOT NULL;
CREATE INDEX records_of_code ON records(namespace) WHERE {value_of("code_hash")} IS NOT NULL;
CREATE INDEX records_with_nul ON records(namespace) WHERE {_HAS_NUL};
"""
"""The statements that create the indexes."""

# The index of each field: whose strings can be looked up, and whose presence alone can.
_STRINGS = {
    "path": "records_by_path",
    "language": "records_by_language",
    "kind": "records_by_kind",
    "superseded_by": "records_superseded",
}
_PRESENT = {
    **_STRINGS,
    "commit": "records_of_commits",
    "session_part": "records_of_sessions",
    "expires_at": "records_expiring",
    "conflicts_with": "records_in_conflict",
    "code_hash": "records_of_code",
    "files": "records_with_files",
}
_RANGES = {"$gt": ">=", "$gte": ">=", "$lt": "<=", "$lte": "<="}  # the bound itself is left to the test
# Conditions on these fields usually leave a handful of rows.
_NARROW = ("path", "superseded_by", "expires_at", "conflicts_with")


@dataclass(frozen=True, slots=True)
class _Found:
    """The rows of a part of a filter.

    Attributes:
        rows: Ascending, each once.
        others: Whether the part matches all rows but these.
        exact: Whether each of them matches, and not only some; a set of other rows is exact.
    """

    rows: Rows
    others: bool = False
    exact: bool = True


def find_rows(connection: sqlite3.Connection, namespace: int, node: FilterNode, test: Test) -> Rows | None:
    """Return the rows that match a filter, ascending; ``None`` if only reading every record can tell.

    Args:
        connection: A connection; all reads must see one commit.
        namespace: The number of the namespace.
        node: The filter.
        test: Returns those of some rows, ascending, whose metadata match a filter.
    """
    if not has_indexes(connection):
        return None
    lookup = _Lookup(connection, namespace, test)
    found = lookup.find(node)
    if found is None:
        return None
    rows = _minus(lookup.all_rows(), found.rows) if found.others else found.rows
    doubtful = lookup.doubtful(fields(node))
    if not found.exact:
        return test(node, np.union1d(rows, doubtful) if len(doubtful) else rows)
    if len(doubtful):
        sure = _minus(rows, doubtful)
        return np.union1d(sure, test(node, doubtful))
    return rows


def is_listed(name: str) -> bool:
    """Return whether an index has the rows in which a field is present."""
    return name == "file_hash" or name in _PRESENT


def has_indexes(connection: sqlite3.Connection) -> bool:
    """Return whether the database has the indexes."""
    return bool(connection.execute("PRAGMA user_version").fetchone()[0] >= INDEXED_SINCE)


def notes_by_time(
    connection: sqlite3.Connection, namespace: int, after: tuple[float, str] | None
) -> Iterator[tuple[int, str]]:
    """Yield row and id of the records that are neither chunks nor commits, newest first, then by id.

    Args:
        connection: A connection to a database with indexes.
        namespace: The number of the namespace.
        after: Time and id of the record after which to begin.
    """
    where, values = f"namespace = ? AND {_IS_NOTE}", [namespace]
    query = f"SELECT row, id FROM records INDEXED BY notes_by_time WHERE {where}"
    if after is None:
        yield from connection.execute(f"{query} ORDER BY {_CREATED} DESC, id", values)
        return
    created, identifier = after
    yield from connection.execute(f"{query} AND {_CREATED} = ? AND id > ? ORDER BY id", (*values, created, identifier))
    yield from connection.execute(f"{query} AND {_CREATED} < ? ORDER BY {_CREATED} DESC, id", (*values, created))


def strings(connection: sqlite3.Connection, namespace: int, name: str) -> set[str] | None:
    """Return the strings in a field of all records; ``None`` if no index has them."""
    if name not in _STRINGS or not has_indexes(connection):
        return None
    if _any_doubtful(connection, namespace, (name,)):
        return None
    query = f"SELECT DISTINCT {value_of(name)} FROM records INDEXED BY {_STRINGS[name]} WHERE namespace = ?"
    found = connection.execute(query, (namespace,))
    return {value for (value,) in found if isinstance(value, str)}


def _any_doubtful(connection: sqlite3.Connection, namespace: int, names: Sequence[str]) -> bool:
    """Return whether SQLite may see another value than Python does in one of some fields."""
    places = [("records_with_nul", _HAS_NUL), *((_STRINGS[name], _is_list(name)) for name in names if name in _STRINGS)]
    queries = (
        f"SELECT 1 FROM records INDEXED BY {index} WHERE namespace = ? AND {where} LIMIT 1" for index, where in places
    )
    return any(connection.execute(query, (namespace,)).fetchone() for query in queries)


def _is_list(name: str) -> str:
    """Return the condition for values that may be lists."""
    # A list is read as its JSON text, and the backslash is the next character after "[".
    return f"{value_of(name)} >= '[' AND {value_of(name)} < '\\'"


# The indexes that hold all that a tally needs: by the counted fields, the index and the kinds of records that it tells.
_TALLIES = {
    ("path", "language"): ("records_by_path", {"file_hash": _NO_FILE}),
    ("kind",): (
        "records_by_kind",
        {
            "file_hash": _NO_FILE,
            "commit": _NO_COMMIT,
            "session_part": _NO_SESSION,
            "superseded_by": _NOT_SUPERSEDED,
        },
    ),
}


def tally(
    connection: sqlite3.Connection, namespace: int, names: tuple[str, ...], kinds: Mapping[str, bool]
) -> Counter[tuple[str | None, ...]] | None:
    """Return the number of records by the strings in some fields; ``None`` if no index can tell.

    Args:
        connection: A connection.
        namespace: The number of the namespace.
        names: The fields.
        kinds: Fields of the counted records, and whether they are there.
    """
    index, absent = _TALLIES.get(names, ("", {}))
    if not index or not kinds.keys() <= absent.keys() or not has_indexes(connection):
        return None
    if _any_doubtful(connection, namespace, names):
        return None
    columns = ", ".join([*map(value_of, names), *absent.values()])
    query = f"SELECT {columns}, count(*) FROM records INDEXED BY {index} WHERE namespace = ? GROUP BY {columns}"
    found: Counter[tuple[str | None, ...]] = Counter()
    for line in connection.execute(query, (namespace,)):
        missing = dict(zip(absent, line[len(names) : -1], strict=True))
        if all(bool(missing[name]) != is_there for name, is_there in kinds.items()):
            found[tuple(value if isinstance(value, str) else None for value in line[: len(names)])] += line[-1]
    return found


class _Lookup:
    def __init__(self, connection: sqlite3.Connection, namespace: int, test: Test) -> None:
        self._connection = connection
        self._namespace = namespace
        self._test = test

    def all_rows(self) -> Rows:
        """Return all rows of the namespace."""
        return self._rows("records_of_namespace")

    def doubtful(self, names: Sequence[str]) -> Rows:
        """Return the rows in which SQLite may see another value of these fields than Python does."""
        found = [self._rows("records_with_nul", _HAS_NUL)]
        for name in names:
            if name in _STRINGS:
                found.append(self._rows(_STRINGS[name], _is_list(name)))
        return np.unique(np.concatenate(found))

    def find(self, node: FilterNode) -> _Found | None:
        """Return the rows of a part of a filter; ``None`` if no index has them."""
        if isinstance(node, AllOf):
            return self._all_of(node.parts)
        if isinstance(node, AnyOf):
            return self._any_of(node.parts)
        return self._condition(node)

    def _all_of(self, parts: Sequence[FilterNode]) -> _Found | None:
        rows: Rows | None = None
        excluded: list[Rows] = []
        exact = True
        ordered = sorted(parts, key=_rank)
        for place, part in enumerate(ordered, 1):
            found = self.find(part)
            if found is None or (found.others and not found.exact):
                exact = False
            elif found.others:
                excluded.append(found.rows)
            else:
                rows = found.rows if rows is None else np.intersect1d(rows, found.rows, assume_unique=True)
                exact = exact and found.exact
                if len(rows) <= _FEW and place < len(ordered):
                    exact = False
                    break
        without = np.unique(np.concatenate(excluded)) if excluded else np.empty(0, dtype=np.int64)
        if rows is not None:
            return _Found(_minus(rows, without), exact=exact)
        return _Found(without, others=True) if exact else None

    def _any_of(self, parts: Sequence[FilterNode]) -> _Found | None:
        rows = np.empty(0, dtype=np.int64)
        without: Rows | None = None
        exact = True
        for part in parts:
            found = self.find(part)
            if found is None:
                return None
            exact = exact and found.exact
            if not found.others:
                rows = np.union1d(rows, found.rows)
            elif without is None:
                without = found.rows
            else:
                without = np.intersect1d(without, found.rows, assume_unique=True)
        if without is None:
            return _Found(rows, exact=exact)
        return _Found(_minus(without, rows), others=True, exact=exact)

    def _condition(self, node: Condition) -> _Found | None:
        name, operand = node.field, node.operand
        if node.operator == "$exists":
            if name == "file_hash":
                return _Found(self._rows("records_without_file", _NO_FILE), others=operand is True)
            if name in _PRESENT:
                return _Found(self._rows(_PRESENT[name], f"{value_of(name)} IS NOT NULL"), others=operand is False)
            return None
        if node.operator in _RANGES:
            return self._range(node)
        wanted = operand if isinstance(operand, tuple) else (operand,)
        if name not in _STRINGS or not all(isinstance(value, str) for value in wanted):
            return None
        return _Found(self._equal(name, wanted), others=node.operator in ("$ne", "$nin"))

    def _range(self, node: Condition) -> _Found | None:
        if node.field != "expires_at" or isinstance(node.operand, tuple):
            return None
        bound = float(node.operand)
        margin = _FLOAT_MARGIN * abs(bound) * (1 if node.operator in ("$lt", "$lte") else -1)
        if not math.isfinite(bound + margin):
            return None
        value = value_of(node.field)
        where = f"{value} {_RANGES[node.operator]} ?"
        return _Found(self._test(node, self._rows("records_expiring", where, (bound + margin,))))

    def _equal(self, name: str, wanted: Sequence[Scalar]) -> Rows:
        # A string with a NUL is among the doubtful rows, and one with a lone surrogate is never stored.
        values = sorted({text for text in map(str, wanted) if "\0" not in text and is_encodable(text)})
        found = [np.empty(0, dtype=np.int64)]
        for start in range(0, len(values), _MAX_PARAMETERS):
            batch = values[start : start + _MAX_PARAMETERS]
            places = ",".join("?" * len(batch))
            value = value_of(name)
            found.append(self._rows(_STRINGS[name], f"{value} IN ({places})", batch))
        return found[-1] if len(found) <= 2 else np.unique(np.concatenate(found))

    def _rows(self, index: str, where: str = "", values: Sequence[object] = ()) -> Rows:
        condition = f" AND {where}" if where else ""
        query = f"SELECT row FROM records INDEXED BY {index} WHERE namespace = ?{condition}"
        found = self._connection.execute(query, (self._namespace, *values)).fetchall()
        rows = np.fromiter((row for (row,) in found), dtype=np.int64, count=len(found))
        rows.sort()
        return rows


def _minus(rows: Rows, others: Rows) -> Rows:
    return np.setdiff1d(rows, others, assume_unique=True) if len(others) else rows


def _rank(node: FilterNode) -> int:
    """Return 0 for a condition that usually leaves few rows, and is looked up first."""
    narrows = isinstance(node, Condition) and node.field in _NARROW
    return 0 if narrows and node.operator not in ("$ne", "$nin") else 1  # type: ignore[union-attr]


def is_encodable(text: str) -> bool:
    """Return whether a text can be stored: one with a lone surrogate has no UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
