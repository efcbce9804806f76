"""A mixin for local stores that lists records: all or those that match, whole or in part, sorted or counted."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from aurora_dev.core.contracts import Filter, VectorBackend
from aurora_dev.core.filters import AllOf, Condition, FilterNode, is_everything, matches, parse_filter
from aurora_dev.core.local import lookups
from aurora_dev.core.local import records as sql
from aurora_dev.core.local.connections import Connections
from aurora_dev.core.local.lookups import is_encodable
from aurora_dev.core.local.records import NamespaceState, Rows
from aurora_dev.core.record_checks import check_top_k
from aurora_dev.core.types import Record
from aurora_dev.lazy import np

_PAGE = 512  # records that a scan reads at a time
_READ_ALL = 2_000  # records of a store that are all read, in some tens of milliseconds
# The rows of fewer matches are sorted by themselves. Of more, the list of all notes by time is read from its beginning.
_SORTED_ALONE = 2_000


class LocalListing(VectorBackend):
    """Lists the records of a local store."""

    _connections: Connections

    def scan(
        self, namespace: str, filter: Filter | None = None, *, content: bool = True, vectors: bool = False
    ) -> Iterator[Record]:
        """Yield every record that matches, in the order of ids.

        It reads page by page, without keeping a transaction open. A record that is written meanwhile comes in its old
        or its new state, and never twice.
        """
        node = parsed(filter)
        if node is None or self._is_small(namespace):
            return self._scan_all(namespace, node, content=content, vectors=vectors)
        return self._scan_matches(namespace, node, content=content, vectors=vectors)

    def select(self, namespace: str, fields: Sequence[str], filter: Filter | None = None) -> Iterator[Record]:
        """Yield every record that matches, in any order, without its content and with some fields of its metadata."""
        node = parsed(filter)
        if self._is_small(namespace):
            yield from super().select(namespace, fields, filter)
            return
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            if state is None:
                return
            rows = None if node is None else sql.matching_rows(connection, state, node)
            # Read as a whole, so that no transaction stays open while the caller works.
            found = list(sql.read_fields(connection, state, fields, rows))
        for identifier, values in found:
            yield Record(identifier, "", values)

    def tally(
        self, namespace: str, fields: Sequence[str], filter: Filter | None = None
    ) -> Mapping[tuple[str | None, ...], int]:
        """Return the number of records that match, by the strings in some fields of their metadata."""
        kinds = _presence(parsed(filter))
        if kinds is not None:
            with self._connections.reader(snapshot=True) as connection:
                state = sql.read_state(connection, namespace)
                if state is None:
                    return Counter()
                found = lookups.tally(connection, state.number, tuple(fields), kinds)
            if found is not None:
                return found
        return super().tally(namespace, fields, filter)

    def newest(
        self, namespace: str, filter: Filter, limit: int, *, after: tuple[float, str] | None = None
    ) -> tuple[list[Record], int]:
        """Return the records that match with the latest ``created_at``, and the number of all that match."""
        node = parse_filter(filter)
        if self._is_small(namespace):
            return super().newest(namespace, filter, limit, after=after)
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            rows = None if state is None else sql.matching_rows(connection, state, node)
            if state is None or rows is None:
                return [], 0
            if len(rows) > _SORTED_ALONE and _finds_notes(node) and lookups.has_indexes(connection):
                listed = lookups.notes_by_time(connection, state.number, after)
                ids = list(islice((each for row, each in listed if _holds(rows, row)), limit))
                lines = sql.read_by_ids(connection, state, ids, content=True)
                found = {each: Record(each, text, json.loads(metadata)) for _, each, text, metadata in lines}
                return [found[each] for each in ids], len(rows)
        return super().newest(namespace, filter, limit, after=after)

    def find_ids(self, namespace: str, prefix: str, limit: int) -> list[str]:
        """Return the first ``limit`` ids that begin with a text, in their order."""
        limit = check_top_k(limit)
        if not is_encodable(prefix):
            return []
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            return [] if state is None else sql.ids_with_prefix(connection, state, prefix, limit)

    def paths_written_since(self, namespace: str, sequence: int) -> set[str] | None:
        """Return the paths of the records written after a sequence; ``None`` if the store has not reached it."""
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            if state is None or state.sequence < sequence:
                return None
            found = sql.fields_after(connection, state, sequence, ("path",))
            return {path for values in found if isinstance(path := values.get("path"), str)}

    def values(self, namespace: str, field: str) -> set[str]:
        """Return the strings in a field of the metadata of all records, those in lists included."""
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            return set() if state is None else sql.read_values(connection, state, field)

    def _is_small(self, namespace: str) -> bool:
        """Return whether reading all records is quicker than loading NumPy, in which sets of rows are kept."""
        with self._connections.reader() as connection:
            state = sql.read_state(connection, namespace)
        return state is None or state.records <= _READ_ALL

    def _scan_all(self, namespace: str, node: FilterNode | None, *, content: bool, vectors: bool) -> Iterator[Record]:
        after = ""
        while True:
            with self._connections.reader(snapshot=True) as connection:
                state = sql.read_state(connection, namespace)
                page = [] if state is None else sql.read_page(connection, state, after, _PAGE, content=content)
                if state is None or not page:
                    return
                decoded = ((row, each, text, json.loads(metadata)) for row, each, text, metadata in page)
                found = {
                    row: Record(each, text, values)
                    for row, each, text, values in decoded
                    if node is None or matches(node, values)
                }
                if vectors:
                    found = with_vectors(connection, state, found)
            yield from found.values()
            after = page[-1][1]

    def _scan_matches(self, namespace: str, node: FilterNode, *, content: bool, vectors: bool) -> Iterator[Record]:
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            rows = None if state is None else sql.matching_rows(connection, state, node)
            if rows is None:
                return
            ids = sorted(sql.ids_of_rows(connection, rows.tolist()).values())
        matched = set(rows.tolist())
        for start in range(0, len(ids), _PAGE):
            with self._connections.reader(snapshot=True) as connection:
                state = sql.read_state(connection, namespace)
                if state is None:
                    return
                found: dict[int, Record] = {}
                for row, identifier, text, metadata in sql.read_by_ids(
                    connection, state, ids[start : start + _PAGE], content=content
                ):
                    values = json.loads(metadata)
                    if row in matched or matches(node, values):  # replaced since the ids were read
                        found[row] = Record(identifier, text, values)
                if vectors:
                    found = with_vectors(connection, state, found)
            yield from found.values()


def parsed(filter: Filter | None) -> FilterNode | None:
    """Return a filter as a tree; ``None`` if it matches every record."""
    if filter is None:
        return None
    node = parse_filter(filter)
    return None if is_everything(node) else node


def _presence(node: FilterNode | None) -> dict[str, bool] | None:
    """Return which fields a filter wants present or absent; ``None`` if it has other conditions, too."""
    parts = () if node is None else node.parts if isinstance(node, AllOf) else (node,)
    found: dict[str, bool] = {}
    for part in parts:
        if not isinstance(part, Condition) or part.operator != "$exists" or part.field in found:
            return None
        found[part.field] = part.operand is True
    return found


def _finds_notes(node: FilterNode) -> bool:
    """Return whether a filter matches only records that the list of notes by time holds."""
    parts = node.parts if isinstance(node, AllOf) else (node,)
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AllOf) else (part,))]
    absent = {
        part.field for part in flat if isinstance(part, Condition) and part.operator == "$exists" and not part.operand
    }
    return {"file_hash", "commit"} <= absent


def _holds(rows: Rows, row: int) -> bool:
    place = int(np.searchsorted(rows, row))
    return place < len(rows) and int(rows[place]) == row


def with_vectors(connection: sqlite3.Connection, state: NamespaceState, found: dict[int, Record]) -> dict[int, Record]:
    """Return records, by row, with their vectors of the current embedder."""
    vectors = sql.read_vectors(connection, list(found), state.generation)
    return {row: Record(record.id, record.content, record.metadata, vectors.get(row)) for row, record in found.items()}
