"""The dense vectors of a local store: which records have one, and the search among those."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from aurora_dev.core.contracts import DenseProgress, DenseVectors, Filter
from aurora_dev.core.filters import is_everything, parse_filter
from aurora_dev.core.local import records as sql
from aurora_dev.core.local.connections import Connections
from aurora_dev.core.local.dense import table
from aurora_dev.core.local.filter_cache import FilterCache
from aurora_dev.core.local.records import NamespaceState, Rows
from aurora_dev.core.local.schema import translated
from aurora_dev.core.record_checks import check_top_k, check_vector
from aurora_dev.core.types import Match, Record, Vector
from aurora_dev.errors import DimensionMismatchError, InvalidRequestError
from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.core.filters import FilterNode
    from aurora_dev.core.local.dense.matrix import DenseMatrix

__all__ = ["LocalDenseVectors"]

_log = get_logger(__name__)

_MARGIN = 16  # candidates beyond top_k, as for the vectors of the embedder
_PRUNE_AFTER = 4_096  # added vectors; only the makers of vectors pay for it
_LEAST_SPARE = 2_048  # vectors of rows that are gone; a branch and back reuses them

Scored: TypeAlias = "tuple[Rows, npt.NDArray[np.float64]]"
Query: TypeAlias = "Callable[..., list[Match]]"


@dataclass(slots=True)
class _Loaded:
    """The vectors of a namespace in memory, and the state that they were read at."""

    matrix: DenseMatrix
    space: int
    serial: int
    sequence: int
    stamp: tuple[int, int, int]


class LocalDenseVectors(DenseVectors):
    """Dense vectors beside a local store. Thread-safe; several processes may add and search.

    Args:
        connections: The database of the records.
        filters: Evaluates the filters of searches.
        query: Runs a search over a derived index and reads its records: `FAISSLocalStore._query`.
    """

    def __init__(self, connections: Connections, filters: FilterCache, query: Query) -> None:
        self._connections = connections
        self._filters = filters
        self._query = query
        self._table = table.DenseTable(connections.folder)
        self._lock = threading.RLock()
        self._loaded: dict[tuple[str, str], _Loaded] = {}
        self._added = 0

    @property
    def empty(self) -> bool:
        """True if the file of the vectors does not exist."""
        return not self._table.path.exists()

    def progress(self, namespace: str, model: str, filter: Filter | None = None) -> DenseProgress:
        """Return how many of the records that match have a vector; of all without a filter."""
        allowed = self._allowed(namespace, filter)
        if allowed is None and (namespace, model) in self._loaded:
            with self.current(namespace, model) as current:
                if current is not None:
                    return DenseProgress(len(current[0]), current[1].records)
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            if state is None or not state.records:
                return DenseProgress(0, 0)
            have = self._rows_with_vector(connection, state, namespace, model)
            if allowed is None and not len(have):
                return DenseProgress(0, state.records)
            rows = _alive(connection, state)
        if allowed is not None:
            rows = rows[np.isin(rows, allowed)]
        return DenseProgress(int(np.isin(rows, have).sum()), len(rows))

    def begun(self, namespace: str, model: str) -> bool:
        """Return whether vectors were made for a namespace, even if all their records were replaced since."""
        with self._table.reader() as dense:
            return dense is not None and table.find_space(dense, namespace, model) is not None

    def load(self, namespace: str, model: str) -> bool:
        """Read the vectors into memory, or what has changed since; return whether any record has one."""
        with self.current(namespace, model) as current:
            return current is not None and len(current[0]) > 0

    def missing(self, namespace: str, model: str, limit: int, filter: Filter | None = None) -> list[tuple[int, Record]]:
        """Return up to ``limit`` records without a vector, the newest first, each with its row."""
        limit = check_top_k(limit)
        allowed = self._allowed(namespace, filter)
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            if state is None or not state.records:
                return []
            rows = _alive(connection, state)
            if allowed is not None:
                rows = rows[np.isin(rows, allowed)]
            rows = rows[~np.isin(rows, self._rows_with_vector(connection, state, namespace, model))]
            wanted = rows[::-1][:limit].tolist()
            found = {
                row: Record(identifier, content, json.loads(metadata))
                for row, identifier, content, metadata in sql.read_records(connection, wanted)
            }
        return [(row, found[row]) for row in wanted if row in found]

    def reuse(self, namespace: str, model: str, keys: Mapping[int, bytes]) -> set[int]:
        """Give records the vectors of earlier or other records with the same text; return those that have one now."""
        if not keys:
            return set()
        with self._table.reader() as connection:
            if connection is None:
                return set()
            known = table.vectors_by_key(connection, model, list(dict.fromkeys(keys.values())))
        found = {row: known[key] for row, key in keys.items() if key in known}
        if found:
            dimension = len(next(iter(found.values()))) - 4
            self._insert(namespace, model, dimension, {row: keys[row] for row in found}, list(found.values()))
        return set(found)

    def add(self, namespace: str, model: str, keys: Mapping[int, bytes], vectors: npt.NDArray[np.float32]) -> None:
        """Store vectors, rounded to eight bits.

        Raises:
            InvalidRequestError: The vectors are not one for each key, or not finite; nothing was written.
            DimensionMismatchError: Earlier vectors of the model have another length; nothing was written.
            StoreError: The file cannot be written.
        """
        from aurora_dev.core.local.dense.matrix import encode

        if vectors.ndim != 2 or len(vectors) != len(keys) or not np.isfinite(vectors).all():
            raise InvalidRequestError(
                f"{len(keys)} dense vectors must be a table of that many rows of finite numbers, not of shape "
                f"{vectors.shape}: nothing was written"
            )
        if keys:
            self._insert(namespace, model, vectors.shape[1], keys, encode(vectors))

    def query(
        self, namespace: str, model: str, vector: Vector, top_k: int, filter: Filter | None = None
    ) -> list[Match]:
        """Return the ``top_k`` nearest records with a vector, best first; ties are in the order of ids."""
        top_k = check_top_k(top_k)
        node: FilterNode | None = None if filter is None else parse_filter(filter)
        if node is not None and is_everything(node):
            node = None
        query = np.ascontiguousarray(vector, dtype=np.float32)

        def nearest(matrix: DenseMatrix, _state: NamespaceState, rows: Rows | None) -> Scored:
            check_vector(query, matrix.dimension, "the query")
            return matrix.search(query, top_k + _MARGIN, rows)

        return self._query(namespace, top_k, node, _Derived(self, namespace, model), nearest)

    def without(self, namespace: str, model: str, ids: Sequence[str]) -> set[str]:
        """Return those of the ids whose records have no vector."""
        with self._lock, self.current(namespace, model) as current:
            if current is None:
                return set(ids)
            matrix, state = current
            with self._connections.reader() as connection:
                rows = sql.rows_of_ids(connection, state, ids)
            have = set(matrix.rows[np.isin(matrix.rows, list(rows.values()))].tolist())
        return {identifier for identifier in ids if rows.get(identifier) not in have}

    @contextmanager
    def current(self, namespace: str, model: str) -> Iterator[tuple[DenseMatrix, NamespaceState] | None]:
        """Lend the vectors, caught up, with the state of the namespace; ``None`` where there are none."""
        with self._lock:
            with self._connections.reader(snapshot=True) as connection:
                state = sql.read_state(connection, namespace)
                loaded = None if state is None else self._caught_up(connection, state, namespace, model)
            if loaded is None or state is None:
                self._loaded.pop((namespace, model), None)
                yield None
            else:
                yield loaded.matrix, state

    def discard(self, namespace: str, model: str) -> None:
        """Drop what is in memory: the next use reads it again."""
        with self._lock:
            self._loaded.pop((namespace, model), None)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._loaded.clear()
            self._table.close()

    def _caught_up(
        self, connection: sqlite3.Connection, state: NamespaceState, namespace: str, model: str
    ) -> _Loaded | None:
        from aurora_dev.core.local.dense.matrix import DenseMatrix, decode

        loaded = self._loaded.get((namespace, model))
        with self._table.reader() as dense:
            if dense is None:
                return None
            stamp = self._table.stamp(dense)
            if loaded is not None and (loaded.sequence, loaded.stamp) == (state.sequence, stamp):
                return loaded
            space = self._space(dense, connection, state, namespace, model)
            if space is None:
                return None
            removed: Rows | None = None
            # A file that was deleted and made again numbers its spaces and vectors from 1.
            if loaded is not None and loaded.stamp[0] == stamp[0] and loaded.space == space.number:
                with self._reading_records():
                    removed = sql.removed_since(connection, state, loaded.sequence)
            if loaded is None or removed is None:
                loaded = _Loaded(DenseMatrix(space.dimension), space.number, 0, 0, stamp)
            else:
                loaded.matrix.remove(removed)
            alive: Rows | None = None
            for serial, rows, blobs in table.vectors_after(dense, space, loaded.serial):
                if alive is None:
                    with self._reading_records():
                        alive = _alive(connection, state)
                kept = np.isin(rows, alive)
                factors, codes = decode(blobs, space.dimension)
                loaded.matrix.add(rows[kept], factors[kept], codes[kept])
                loaded.serial = serial
            loaded.sequence, loaded.stamp = state.sequence, stamp
        self._loaded[namespace, model] = loaded
        return loaded

    def _space(
        self,
        dense: sqlite3.Connection,
        connection: sqlite3.Connection,
        state: NamespaceState,
        namespace: str,
        model: str,
    ) -> table.Space | None:
        """Return the space whose rows are those of the database; ``None`` if the database was exchanged since."""
        space = table.find_space(dense, namespace, model)
        with self._reading_records():
            return space if space is not None and _is_of(space, connection, state) else None

    def _reading_records(self) -> AbstractContextManager[None]:
        """Report errors of the records' database as such: one among reads of the vectors must not cost the vectors."""
        return translated(self._connections.database, "read")

    def _allowed(self, namespace: str, filter: Filter | None) -> Rows | None:
        node = None if filter is None else parse_filter(filter)
        return None if node is None or is_everything(node) else self._filters.rows(namespace, node)[0]

    def _rows_with_vector(
        self, connection: sqlite3.Connection, state: NamespaceState, namespace: str, model: str
    ) -> Rows:
        with self._table.reader() as dense:
            space = None if dense is None else self._space(dense, connection, state, namespace, model)
            if dense is None or space is None:
                return np.empty(0, dtype=np.int64)
            found = dense.execute("SELECT row FROM vectors WHERE space = ? ORDER BY row", (space.number,)).fetchall()
            return np.fromiter((row for (row,) in found), dtype=np.int64, count=len(found))

    def _insert(
        self, namespace: str, model: str, dimension: int, keys: Mapping[int, bytes], blobs: Sequence[bytes]
    ) -> None:
        with self._table.writer() as dense:
            space = table.find_space(dense, namespace, model)
            # Read while no other process can write vectors: the commit is never older than the one of the space.
            with self._connections.reader(snapshot=True) as connection:
                state = sql.read_state(connection, namespace)
                if state is None:
                    return
                mark = sql.read_mark(connection, state, state.sequence)
                commit = (sql.store_identity(connection), state.sequence, mark)
                if space is not None and not _is_of(space, connection, state):
                    space = None
                filled = sql.read_names(connection) if space is None else []
                alive = _alive(connection, state) if self._added + len(keys) >= _PRUNE_AFTER else None
            if space is None:
                table.delete_spaces(dense, table.spaces_without(dense, filled))
                space = table.make_space(dense, namespace, model, dimension, commit)
            if space.dimension != dimension:
                raise DimensionMismatchError(
                    f"dense vectors of {model} have the length {space.dimension}, not {dimension}: nothing was written"
                )
            table.insert_vectors(dense, space, keys, blobs)
            table.move_space(dense, space, commit)
            self._added += len(keys)
            if alive is not None:
                self._added = 0
                gone = table.prune(dense, space, alive, max(_LEAST_SPARE, len(alive)))
                _log.debug("dense.pruned", namespace=namespace, vectors=gone)


class _Derived:
    """The vectors of one namespace and model, as `FAISSLocalStore._query` takes a derived index."""

    def __init__(self, vectors: LocalDenseVectors, namespace: str, model: str) -> None:
        self._vectors = vectors
        self._name = (namespace, model)

    @contextmanager
    def current(self) -> Iterator[tuple[DenseMatrix, NamespaceState] | None]:
        with self._vectors.current(*self._name) as current:
            yield current

    def discard(self) -> None:
        self._vectors.discard(*self._name)


def _is_of(space: table.Space, connection: sqlite3.Connection, state: NamespaceState) -> bool:
    """Return whether the rows of a space are those of the database, which was not exchanged since."""
    if space.store != sql.store_identity(connection) or space.sequence > state.sequence:
        return False
    return sql.read_mark(connection, state, space.sequence) == space.mark


def _alive(connection: sqlite3.Connection, state: NamespaceState) -> Rows:
    """Return the rows of a namespace, ascending."""
    found = connection.execute(
        "SELECT row FROM records INDEXED BY records_of_namespace WHERE namespace = ? ORDER BY row", (state.number,)
    ).fetchall()
    return np.fromiter((row for (row,) in found), dtype=np.int64, count=len(found))
