"""`FAISSLocalStore`: records, vectors and metadata in SQLite, searched through indexes derived from it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from aurora_dev.core.contracts import Backups, Capabilities, DenseVectors, Filter, NamespaceStats
from aurora_dev.core.filters import FilterNode, is_everything, parse_filter
from aurora_dev.core.local import records as sql
from aurora_dev.core.local.backup import LocalBackups
from aurora_dev.core.local.connections import Connections, checked_folder, checked_limit
from aurora_dev.core.local.derived import FOLDER, DerivedIndex, check_folder
from aurora_dev.core.local.filter_cache import FilterCache
from aurora_dev.core.local.listing import LocalListing, parsed, with_vectors
from aurora_dev.core.local.record_cache import RecordCache
from aurora_dev.core.local.records import NamespaceState, Rows
from aurora_dev.core.local.schema import SCHEMA_VERSION
from aurora_dev.core.record_checks import check_top_k, check_vector, check_write, encode_record, encode_vectors
from aurora_dev.core.text.terms import name_term, query_terms
from aurora_dev.core.types import EmbedderInfo, Match, Record, Vector
from aurora_dev.errors import ConfigurationError, EmbedderMismatchError, InvalidRequestError, StoreError
from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.core.keyword.index import KeywordIndex
    from aurora_dev.core.local.dense.vectors import LocalDenseVectors
    from aurora_dev.core.local.vector_index import VectorIndex

_log = get_logger(__name__)

DEFAULT_BUSY_TIMEOUT = 30.0  # seconds; a write of 10,000 records holds the lock for less than one
# Candidates beyond top_k, to make sure that nothing outside the list ties with its last element.
_MARGIN = 16
_FLOAT32_NOISE = 1e-5  # for normalised vectors, two float32 sums of the same products differ by less
_MOST_TIES = 4096  # of more tied keyword scores than this, the lowest rows are kept
_ATTEMPTS = 4  # a search that a write of another process overtakes starts again, this many times at most
_CATCH_UP_AT_CLOSE = 256  # with this many changes, closing updates and saves the indexes for the next process

Scored: TypeAlias = "tuple[Rows, npt.NDArray[np.float64]]"


class FAISSLocalStore(LocalBackups, LocalListing):
    """A `VectorBackend` in a folder of the local disk, shared by any number of processes.

    ``memory.db`` (SQLite, write-ahead log) is the truth. The FAISS index, the keyword index and their snapshots under
    ``index/`` are derived from it, caught up before every search, and rebuilt if they are lost or damaged.
    Vector search is exact up to about 100,000 vectors in a namespace and approximate beyond. Opening a store, counting
    and writing load no index. Thread-safe.

    Args:
        path: The folder; if it is missing, it is created, readable by its owner only.
        busy_timeout: Seconds that a write waits for another writer.
        max_bytes: The greatest size of ``memory.db`` in bytes, 1 MiB or more; ``None`` sets no limit.

    Raises:
        InvalidRequestError: ``path`` does not name a folder.
        ConfigurationError: ``busy_timeout`` is not above 0, or ``max_bytes`` too small.
        StoreUnwritableError: The folder cannot be created or opened. If it can be read but not written, the store opens
            for reading.
        SchemaVersionError: A newer Aurora wrote the store.
        StoreCorruptError: The database is damaged, or belongs to another program.
        StoreLockedError: Another process kept it locked.
    """

    def __init__(
        self, path: str | Path, *, busy_timeout: float = DEFAULT_BUSY_TIMEOUT, max_bytes: int | None = None
    ) -> None:
        if isinstance(busy_timeout, bool) or not isinstance(busy_timeout, int | float) or not 0 < busy_timeout < 1e6:
            raise ConfigurationError(f"busy_timeout must be seconds above 0, not {busy_timeout!r}")
        self._path = checked_folder(path)
        self._connections = Connections(self._path, float(busy_timeout), checked_limit(max_bytes))
        if reason := check_folder(self._path):
            _log.warning("index.snapshots_impossible", reason=reason)
        self._filters = FilterCache(self._connections)
        self._records = RecordCache(self._connections)
        self._lock = threading.Lock()
        self._vector_indexes: dict[str, DerivedIndex[VectorIndex]] = {}
        self._keyword_indexes: dict[str, DerivedIndex[KeywordIndex]] = {}
        self._changes: dict[str, int] = {}  # by namespace, the rows written since this process refreshed its indexes
        self._dense: LocalDenseVectors | None = None

    @property
    def path(self) -> Path:
        """The folder of the store."""
        return self._path

    @property
    def backups(self) -> Backups:
        """The backups of this store, which makes them itself."""
        return self

    @property
    def dense(self) -> DenseVectors:
        """The dense vectors of this store, in a file of their own under ``index/``."""
        from aurora_dev.core.local.dense.vectors import LocalDenseVectors

        with self._lock:
            if self._dense is None:
                self._dense = LocalDenseVectors(self._connections, self._filters, self._query)
            return self._dense

    @property
    def capabilities(self) -> Capabilities:
        """Local, with keyword search and transactions."""
        return Capabilities(keyword=True, transactional=True, local=True)

    def embedder(self) -> EmbedderInfo | None:
        """Return the embedder whose vectors the store holds; ``None`` before one is set."""
        with self._connections.reader() as connection:
            return sql.read_embedder(connection)

    def set_embedder(self, info: EmbedderInfo, *, replace: bool = True) -> EmbedderInfo:
        """Record the embedder, and return the recorded one; a different one invalidates every stored vector.

        Without ``replace``, an embedder that is recorded already stays.
        """
        if isinstance(info.dimension, bool) or not isinstance(info.dimension, int) or info.dimension < 1:
            raise InvalidRequestError(f"an embedder's dimension must be at least 1, not {info.dimension!r}")
        with self._connections.writer() as connection:
            stored = sql.read_embedder(connection)
            if stored is not None and not replace:
                return stored
            if stored != info:
                sql.write_embedder(connection, info)
        return info

    def write(
        self,
        namespace: str,
        upserts: Sequence[Record] = (),
        deletes: Sequence[str] = (),
        *,
        embedder: EmbedderInfo | None = None,
    ) -> None:
        """Delete, then insert or replace by id, in one transaction; durable when it returns."""
        encoded, latest = check_write(namespace, upserts, deletes)
        with self._connections.writer() as connection:
            changed = self._insert(connection, namespace, encoded, latest, deletes, embedder)
        self._count_changes(namespace, changed)

    def attach_vectors(self, namespace: str, records: Sequence[Record], *, embedder: EmbedderInfo) -> int:
        """Add vectors to records that are still as they were read, and return the number of these records."""
        with self._connections.writer() as connection:
            same = sql.unchanged_records(connection, sql.read_state(connection, namespace), records)
            if same:
                self._insert(connection, namespace, [encode_record(record) for record in same], same, (), embedder)
        self._count_changes(namespace, len(same))
        return len(same)

    def write_if(
        self,
        namespace: str,
        expected: Mapping[str, Record | None],
        upserts: Sequence[Record] = (),
        deletes: Sequence[str] = (),
        *,
        embedder: EmbedderInfo | None = None,
    ) -> bool:
        """Compare-and-swap in one transaction; return whether the records were written."""
        encoded, latest = check_write(namespace, upserts, deletes)
        with self._connections.writer() as connection:
            state = sql.read_state(connection, namespace)
            known = [record for record in expected.values() if record is not None]
            new = [identifier for identifier, record in expected.items() if record is None]
            if len(sql.unchanged_records(connection, state, known)) < len(known):
                return False
            if state is not None and sql.rows_of_ids(connection, state, new):
                return False
            changed = self._insert(connection, namespace, encoded, latest, deletes, embedder)
        self._count_changes(namespace, changed)
        return True

    @staticmethod
    def _insert(
        connection: Any,
        namespace: str,
        encoded: Sequence[tuple[str, str, str]],
        records: Sequence[Record],
        deletes: Sequence[str],
        embedder: EmbedderInfo | None,
    ) -> int:
        """Delete and insert in a write transaction, after checking the vectors against the recorded embedder.

        Returns:
            The number of rows that were deleted or inserted.
        """
        info = sql.read_embedder(connection)
        if embedder is not None and embedder != info:
            raise EmbedderMismatchError(
                f"another process has switched the store from the embedder {embedder.name!r} to "
                f"{info.name if info else None!r}: nothing was written"
            )
        embedded = [place for place, record in enumerate(records) if record.vector is not None]
        matrix = encode_vectors([records[place] for place in embedded], info.dimension if info else None)
        vectors: list[Vector | None] = [None] * len(records)
        for place, vector in zip(embedded, matrix.astype("<f4", copy=False), strict=True):
            vectors[place] = vector
        return sql.insert(connection, namespace, encoded, vectors, deletes)

    def fetch(self, namespace: str, ids: Sequence[str], *, vectors: bool = False) -> dict[str, Record]:
        """Return the records that exist among ``ids``, by id; with their vectors only if ``vectors`` is true."""
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            if state is None:
                return {}
            rows = sql.rows_of_ids(connection, state, [i for i in ids if isinstance(i, str)])
            found = {
                row: Record(identifier, content, json.loads(metadata))
                for row, identifier, content, metadata in sql.read_records(connection, list(rows.values()))
            }
            if vectors:
                found = with_vectors(connection, state, found)
            if len(found) < len(rows):
                raise sql.malformed("the table of records and its index are malformed")
        return {identifier: found[row] for identifier, row in rows.items()}

    def delete_where(self, namespace: str, filter: Filter) -> int:
        """Delete the records that match and return their number; ``{}`` matches every record."""
        node = parse_filter(filter)
        with self._connections.writer() as connection:
            state = sql.read_state(connection, namespace)
            if state is None or state.records == 0:
                return 0
            if is_everything(node):
                sql.delete_all(connection, state)
                count = state.records
            else:
                rows = sql.matching_rows(connection, state, node)
                count = len(rows)
                if count:
                    sql.delete_rows(connection, state, rows)
        self._count_changes(namespace, count)
        return count

    def delete_namespace(self, namespace: str) -> int:
        """Delete a namespace and return the number of records that it held."""
        return self.delete_where(namespace, {})

    def vector_query(self, namespace: str, vector: Vector, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` nearest records by inner product, best first; ties are in the order of ids."""
        top_k = check_top_k(top_k)
        node = parsed(filter)
        info = self.embedder()
        if info is None:
            return []
        query = np.ascontiguousarray(check_vector(vector, info.dimension, "the query"))
        if not np.isfinite(query).all():
            raise InvalidRequestError("the query has a vector with NaN or infinity")
        if not query.any():
            return self._first_by_id(namespace, top_k, node)
        derived = self._vector_index(namespace)
        return self._query(
            namespace, top_k, node, derived, lambda index, state, rows: self._nearest(index, state, query, top_k, rows)
        )

    def keyword_query(self, namespace: str, text: str, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` best records by BM25 over code-aware tokens, best first, scores above 0 only."""
        top_k = check_top_k(top_k)
        node = parsed(filter)
        terms = query_terms(text)
        if not terms:
            return []

        def best(index: KeywordIndex, _state: NamespaceState, allowed: Rows | None) -> Scored:
            want = top_k + _MARGIN
            while True:
                rows, scores = index.search(terms, want, allowed)
                # A score that equals the last one of the list may tie with rows outside of it.
                if len(rows) < want or scores[-1] < scores[top_k - 1] or want > top_k + _MOST_TIES:
                    hits = scores > 0
                    return rows[hits], scores[hits].astype(np.float64)
                want *= 4

        return self._query(namespace, top_k, node, self._keyword_index(namespace), best)

    def name_counts(self, namespace: str, names: Sequence[str]) -> list[int]:
        """Return how many records hold each name, in any style of writing; of a qualified one, the last part counts."""
        with self._keyword_index(namespace).current() as current:
            return [0] * len(names) if current is None else current[0].holders([name_term(name) for name in names])

    def missing_vectors(self, namespace: str, limit: int) -> list[Record]:
        """Return up to ``limit`` records that have no vector of the current embedder."""
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            found = [] if state is None else sql.read_without_vector(connection, state, check_top_k(limit))
            return [Record(identifier, content, json.loads(metadata)) for _, identifier, content, metadata in found]

    def count(self, namespace: str, filter: Filter | None = None) -> int:
        """Return the number of records that match; all of them without a filter."""
        node = parsed(filter)
        if node is not None:
            return len(self._filters.rows(namespace, node)[0])
        return self.stats(namespace).records

    def namespaces(self) -> list[str]:
        """Return the names of the namespaces that hold records, sorted."""
        with self._connections.reader() as connection:
            return sql.read_names(connection)

    def stats(self, namespace: str) -> NamespaceStats:
        """Return the counts of a namespace; zeros if it does not exist."""
        with self._connections.reader() as connection:
            state = sql.read_state(connection, namespace)
        if state is None:
            return NamespaceStats(records=0, vectors=0, sequence=0)
        return NamespaceStats(records=state.records, vectors=state.vectors, sequence=state.sequence)

    def describe(self) -> Mapping[str, Any]:
        """Return the kind, path, sizes of database and snapshots, index type by namespace, and schema version."""
        from aurora_dev.core.local.vector_index import VectorIndex

        kinds = {
            name: "exact" if VectorIndex.should_be_exact(self.stats(name).vectors) else "approximate"
            for name in self.namespaces()
        }
        return {
            "kind": "faiss",
            "path": str(self.path),
            "bytes": _size(self.path, "memory.db*"),
            "snapshot_bytes": _size(self.path / FOLDER, "*"),
            "index": kinds,
            "schema_version": SCHEMA_VERSION,
        }

    def refresh(self, namespace: str) -> None:
        """Bring the indexes of a namespace up to date and save them, so that no later search waits for them."""
        with self._lock:
            self._changes.pop(namespace, None)
        self._vector_index(namespace).refresh()
        self._keyword_index(namespace).refresh()

    def close(self) -> None:
        """Save the indexes if that saves the next process time, and close connections; a second call does nothing."""
        if self._connections.closed:
            return
        for namespace, changed in list(self._changes.items()):
            if changed >= _CATCH_UP_AT_CLOSE:
                try:
                    self.refresh(namespace)
                except StoreError as error:
                    # Every write is already in the database; the next process catches up.
                    _log.warning("store.indexes_not_saved", namespace=namespace, error=error)
        try:
            for vector_index in list(self._vector_indexes.values()):
                vector_index.save()
            for keyword_index in list(self._keyword_indexes.values()):
                keyword_index.save()
        except StoreError as error:
            _log.warning("store.indexes_not_saved", error=error)
        if self._dense is not None:
            self._dense.close()
        self._connections.close()

    def _query(
        self,
        namespace: str,
        top_k: int,
        node: FilterNode | None,
        derived: DerivedIndex[Any],
        search: Callable[[Any, NamespaceState, Rows | None], Scored],
    ) -> list[Match]:
        for attempt in range(_ATTEMPTS):
            with derived.current() as current:
                if current is None:
                    return []
                index, state = current
                allowed = None
                if node is not None:
                    allowed, sequence = self._filters.rows(namespace, node)
                    if sequence != state.sequence and attempt < _ATTEMPTS - 1:
                        continue  # a record that was replaced in between would be in neither of the two
                rows, scores = search(index, state, allowed)
            rows, scores = self._cut(rows, scores, top_k)
            records = self._records.read(rows.tolist())
            if len(records) == len(rows) or attempt == _ATTEMPTS - 1:
                break
            if self.stats(namespace).sequence == state.sequence:
                derived.discard()  # nothing was deleted, so the index holds rows that never existed
        matches_found = [
            Match(records[row], score)
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
            if row in records
        ]
        matches_found.sort(key=lambda match: (-match.score, match.record.id))
        return matches_found

    def _nearest(
        self, index: VectorIndex, state: NamespaceState, query: Vector, top_k: int, allowed: Rows | None
    ) -> Scored:
        check_vector(query, index.dimension, "the query")  # another process may have just changed the embedder
        noise = _FLOAT32_NOISE if index.is_exact else 0.0
        want = top_k + _MARGIN
        while True:
            rows, rough = index.search(query, want, allowed)
            vectors = index.vectors(rows)
            if vectors is None:
                rows, vectors = self._stored_vectors(rows, state)
            # Computed by row in float64, so that equal vectors have equal scores. In float32 kernels, the order of the
            # sums depends on the position in the index.
            scores = np.multiply(vectors, query, dtype=np.float64).sum(axis=1)
            order = np.argsort(-scores, kind="stable")
            rows, scores = rows[order], scores[order]
            if len(rough) < want or want >= len(index) or len(rows) < top_k:
                return rows, scores
            if float(rough[-1]) < scores[top_k - 1] - noise * max(1.0, abs(float(rough[0]))):
                return rows, scores
            want *= 4

    def _stored_vectors(self, rows: Rows, state: NamespaceState) -> tuple[Rows, npt.NDArray[np.float32]]:
        with self._connections.reader() as connection:
            found = sql.read_vectors(connection, rows.tolist(), state.generation)
        present = [row for row in rows.tolist() if row in found]
        if not present:
            return np.empty(0, dtype=np.int64), np.empty((0, 1), dtype=np.float32)
        return np.asarray(present, dtype=np.int64), np.stack([found[row] for row in present])

    def _cut(self, rows: Rows, scores: npt.NDArray[np.float64], top_k: int) -> Scored:
        """Keep the best ``top_k`` rows; if scores tie at the end, those with the lowest ids."""
        if len(rows) <= top_k:
            return rows, scores
        last = scores[top_k - 1]
        certain = int(np.searchsorted(-scores, -last, side="left"))
        tied = rows[certain : int(np.searchsorted(-scores, -last, side="right"))].tolist()
        if certain + len(tied) > top_k:
            with self._connections.reader() as connection:
                ids = sql.ids_of_rows(connection, tied)
            # Rows that were deleted meanwhile come first, so that they are noticed and the search starts again.
            tied.sort(key=lambda row: ids.get(row, ""))
        return np.concatenate([rows[:certain], np.asarray(tied, dtype=np.int64)])[:top_k], scores[:top_k]

    def _first_by_id(self, namespace: str, top_k: int, node: FilterNode | None) -> list[Match]:
        """Return the first records with a vector by id, for a query of zeros, to which all vectors are equally near."""
        allowed = None if node is None else set(self._filters.rows(namespace, node)[0].tolist())
        rows: list[int] = []
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            if state is not None:
                for row in sql.embedded_rows_by_id(connection, state):
                    if allowed is None or row in allowed:
                        rows.append(row)
                        if len(rows) == top_k:
                            break
        records = self._records.read(rows)
        return [Match(records[row], 0.0) for row in rows if row in records]

    def _vector_index(self, namespace: str) -> DerivedIndex[VectorIndex]:
        from aurora_dev.core.local.index_kinds import VectorKind

        with self._lock:
            if namespace not in self._vector_indexes:
                self._vector_indexes[namespace] = DerivedIndex(self._connections, namespace, VectorKind())
            return self._vector_indexes[namespace]

    def _keyword_index(self, namespace: str) -> DerivedIndex[KeywordIndex]:
        from aurora_dev.core.local.index_kinds import KeywordKind

        with self._lock:
            if namespace not in self._keyword_indexes:
                self._keyword_indexes[namespace] = DerivedIndex(self._connections, namespace, KeywordKind())
            return self._keyword_indexes[namespace]

    def _count_changes(self, namespace: str, count: int) -> None:
        with self._lock:
            self._changes[namespace] = self._changes.get(namespace, 0) + count


def _size(folder: Path, pattern: str) -> int:
    total = 0
    for file in folder.glob(pattern):
        try:
            total += file.stat().st_size
        except OSError:
            continue  # a temporary file that another process has removed
    return total
