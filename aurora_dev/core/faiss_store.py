"""FAISSLocalStore: records, vectors and metadata in SQLite, searched through indexes derived from it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora_dev.core.contracts import Capabilities, Filter, NamespaceStats, VectorBackend
from aurora_dev.core.filters import FilterNode, is_everything, matches, parse_filter
from aurora_dev.core.keyword.index import KeywordIndex
from aurora_dev.core.local import records as sql
from aurora_dev.core.local.backup import LocalBackups
from aurora_dev.core.local.connections import Connections, checked_folder, checked_limit
from aurora_dev.core.local.derived import FOLDER, DerivedIndex, check_folder
from aurora_dev.core.local.filter_cache import FilterCache
from aurora_dev.core.local.kinds import KeywordKind, VectorKind
from aurora_dev.core.local.record_cache import RecordCache
from aurora_dev.core.local.records import NamespaceState, Rows
from aurora_dev.core.local.schema import SCHEMA_VERSION
from aurora_dev.core.local.vector_index import VectorIndex
from aurora_dev.core.record_checks import check_name, check_top_k, check_vector, encode_record, encode_vectors
from aurora_dev.core.text.terms import query_terms
from aurora_dev.core.types import EmbedderInfo, Match, Record, Vector
from aurora_dev.errors import ConfigurationError, EmbedderMismatchError, InvalidRequestError, StoreError
from aurora_dev.log import get_logger

_log = get_logger(__name__)

DEFAULT_BUSY_TIMEOUT = 30.0  # seconds; a write of 10,000 records holds the lock for less than one
# Candidates beyond top_k: enough to see that nothing outside the list can tie with its last element.
_MARGIN = 16
_FLOAT32_NOISE = 1e-5  # two float32 sums of the same products differ by less, for normalised vectors
_MOST_TIES = 4096  # keyword scores that tie beyond this many are cut by row
_ATTEMPTS = 4  # a search that other processes overtake starts again; after these it returns what is left
_PAGE = 512  # records that a scan reads at once
_FEW = 4  # a scan whose filter leaves less than one record in so many looks those up
_CATCH_UP_AT_CLOSE = 256  # changes by this process that the next one should not have to catch up with

Scored = tuple[Rows, npt.NDArray[np.float64]]


class FAISSLocalStore(LocalBackups, VectorBackend):
    """A `VectorBackend` in a folder of the local disk, shared by any number of processes.

    ``memory.db`` (SQLite, write-ahead log) is the truth; the FAISS index, the keyword index and their snapshots under
    ``index/`` are derived from it, brought up to date before every search, and rebuilt when they are lost or damaged.
    Vector search is exact up to about 100,000 vectors in a namespace and approximate beyond. Opening a store, counting
    and writing load no index. Thread-safe.

    Args:
        path: The folder; created, readable by its owner only, where it is missing.
        busy_timeout: Seconds that a write waits for another writer.
        max_bytes: How large ``memory.db`` may become, 1 MiB or more; ``None``: no limit.

    Raises:
        InvalidRequestError: ``path`` does not name a folder.
        ConfigurationError: ``busy_timeout`` is not above 0, or ``max_bytes`` too small.
        StoreUnwritableError: The folder cannot be created or opened. A store in a folder that cannot be written opens
            for reading.
        SchemaVersionError: A newer Aurora wrote the store.
        StoreCorruptError: The database is damaged or another program's.
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
        self._changes: dict[str, int] = {}  # rows written by this process since its indexes were saved

    @property
    def path(self) -> Path:
        """The folder that holds the store."""
        return self._path

    @property
    def capabilities(self) -> Capabilities:
        """Keyword search and transactions."""
        return Capabilities(keyword=True, transactional=True, local=True)

    def embedder(self) -> EmbedderInfo | None:
        """Return the embedder whose vectors the store holds, or ``None`` before the first was set."""
        with self._connections.reader() as connection:
            return sql.read_embedder(connection)

    def set_embedder(self, info: EmbedderInfo, *, replace: bool = True) -> EmbedderInfo:
        """Record the embedder and return the recorded one; another than before makes every vector stale at once.

        Without ``replace`` one that is recorded already stays.
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
        check_name(namespace, "namespace")
        for identifier in deletes:
            check_name(identifier, "id")
        by_id = {parts[0]: (parts, record) for parts, record in ((encode_record(record), record) for record in upserts)}
        encoded = [parts for parts, _ in by_id.values()]
        latest = [record for _, record in by_id.values()]
        with self._connections.writer() as connection:
            changed = self._insert(connection, namespace, encoded, latest, deletes, embedder)
        self._note_changes(namespace, changed)

    def attach_vectors(self, namespace: str, records: Sequence[Record], *, embedder: EmbedderInfo) -> int:
        """Give vectors to records that are still as they were read, and return how many those are."""
        with self._connections.writer() as connection:
            same = sql.as_read(connection, sql.read_state(connection, namespace), records)
            if same:
                self._insert(connection, namespace, [encode_record(record) for record in same], same, (), embedder)
        self._note_changes(namespace, len(same))
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
        """Write as `write` does, if every expected record is still as it was read and every ``None`` still missing."""
        encoded = [encode_record(record) for record in upserts]
        with self._connections.writer() as connection:
            state = sql.read_state(connection, namespace)
            known = [record for record in expected.values() if record is not None]
            new = [identifier for identifier, record in expected.items() if record is None]
            if len(sql.as_read(connection, state, known)) < len(known):
                return False
            if state is not None and sql.rows_of_ids(connection, state, new):
                return False
            changed = self._insert(connection, namespace, encoded, upserts, deletes, embedder)
        self._note_changes(namespace, changed)
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
        """Delete and insert inside a write transaction, which also fixes the embedder that the vectors must fit."""
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
        """Return the records that exist among ``ids``; vectors only where asked for."""
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
                found = _with_vectors(connection, state, found)
            if len(found) < len(rows):
                raise sqlite3.DatabaseError("the table of records and its index are malformed")
        return {identifier: found[row] for identifier, row in rows.items()}

    def delete_where(self, namespace: str, filter: Filter) -> int:
        """Delete the records that match and return how many there were; ``{}`` matches all."""
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
        self._note_changes(namespace, count)
        return count

    def delete_namespace(self, namespace: str) -> int:
        """Delete a namespace with all of its records and return how many there were."""
        return self.delete_where(namespace, {})

    def vector_query(self, namespace: str, vector: Vector, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` nearest records by inner product, best first; ties by id."""
        top_k = check_top_k(top_k)
        node = _parsed(filter)
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
        node = _parsed(filter)
        terms = query_terms(text)
        if not terms:
            return []

        def best(index: KeywordIndex, state: NamespaceState, allowed: Rows | None) -> Scored:
            want = top_k + _MARGIN
            while True:
                rows, scores = index.search(terms, want, allowed)
                # Only scores that differ from the last one of the list cannot tie with what is not in it.
                if len(rows) < want or scores[-1] < scores[top_k - 1] or want > top_k + _MOST_TIES:
                    hits = scores > 0
                    return rows[hits], scores[hits].astype(np.float64)
                want *= 4

        return self._query(namespace, top_k, node, self._keyword_index(namespace), best)

    def scan(
        self, namespace: str, filter: Filter | None = None, *, content: bool = True, vectors: bool = False
    ) -> Iterator[Record]:
        """Yield every record that matches, in the order of ids.

        It reads page by page and keeps no transaction open: of records that are written meanwhile it may give either
        state, and it gives none twice.
        """
        return self._scan(namespace, _parsed(filter), content=content, vectors=vectors)

    def missing_vectors(self, namespace: str, limit: int) -> list[Record]:
        """Return up to ``limit`` records that have no vector of the present embedder."""
        with self._connections.reader(snapshot=True) as connection:
            state = sql.read_state(connection, namespace)
            found = [] if state is None else sql.read_without_vector(connection, state, check_top_k(limit))
            return [Record(identifier, content, json.loads(metadata)) for _, identifier, content, metadata in found]

    def count(self, namespace: str, filter: Filter | None = None) -> int:
        """Return how many records match."""
        node = _parsed(filter)
        if node is not None:
            return len(self._filters.rows(namespace, node)[0])
        return self.stats(namespace).records

    def namespaces(self) -> list[str]:
        """Return the names of the namespaces that hold records, sorted."""
        with self._connections.reader() as connection:
            return sql.read_names(connection)

    def stats(self, namespace: str) -> NamespaceStats:
        """Return the counts of a namespace; zeros where it does not exist."""
        with self._connections.reader() as connection:
            state = sql.read_state(connection, namespace)
        if state is None:
            return NamespaceStats(records=0, vectors=0, sequence=0)
        return NamespaceStats(records=state.records, vectors=state.vectors, sequence=state.sequence)

    def describe(self) -> Mapping[str, Any]:
        """Return kind, location, bytes (database and snapshots), index type by namespace, and schema version."""
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
        """Bring the indexes of a namespace up to date now and save them, so that no later search pays for it."""
        with self._lock:
            self._changes.pop(namespace, None)
        self._vector_index(namespace).refresh()
        self._keyword_index(namespace).refresh()

    def close(self) -> None:
        """Save the indexes where a later process would miss them, and release connections; again does nothing."""
        if self._connections.closed:
            return
        for namespace, changed in list(self._changes.items()):
            if changed >= _CATCH_UP_AT_CLOSE:
                try:
                    self.refresh(namespace)
                except StoreError as error:
                    # Every write is in the database already; the next process catches up.
                    _log.warning("store.indexes_not_saved", namespace=namespace, error=error)
        try:
            for vector_index in list(self._vector_indexes.values()):
                vector_index.save()
            for keyword_index in list(self._keyword_indexes.values()):
                keyword_index.save()
        except StoreError as error:
            _log.warning("store.indexes_not_saved", error=error)
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
                        continue  # overtaken: a record replaced in between would be in neither list
                rows, scores = search(index, state, allowed)
            rows, scores = self._cut(rows, scores, top_k)
            records = self._records.read(rows.tolist())
            if len(records) == len(rows) or attempt == _ATTEMPTS - 1:
                break
            if self.stats(namespace).sequence == state.sequence:
                derived.discard()  # nothing was deleted, so that the index knows rows that never were
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
        check_vector(query, index.dimension, "the query")  # another process may have changed the embedder just now
        noise = _FLOAT32_NOISE if index.is_exact else 0.0
        want = top_k + _MARGIN
        while True:
            rows, rough = index.search(query, want, allowed)
            vectors = index.vectors(rows)
            if vectors is None:
                rows, vectors = self._stored_vectors(rows, state)
            # Row by row in float64: equal vectors have equal scores wherever they stand in the index, which the order
            # of the sums in float32 kernels does not promise.
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
        """Keep the best ``top_k``; where the last place is tied, the lowest ids get it."""
        if len(rows) <= top_k:
            return rows, scores
        last = scores[top_k - 1]
        certain = int(np.searchsorted(-scores, -last, side="left"))
        tied = rows[certain : int(np.searchsorted(-scores, -last, side="right"))].tolist()
        if certain + len(tied) > top_k:
            with self._connections.reader() as connection:
                ids = sql.ids_of_rows(connection, tied)
            # Rows that vanished meanwhile come first: they are noticed, and the search starts again.
            tied.sort(key=lambda row: ids.get(row, ""))
        return np.concatenate([rows[:certain], np.asarray(tied, dtype=np.int64)])[:top_k], scores[:top_k]

    def _first_by_id(self, namespace: str, top_k: int, node: FilterNode | None) -> list[Match]:
        """Answer a query of zeros, to which every vector is equally near."""
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

    def _scan(self, namespace: str, node: FilterNode | None, *, content: bool, vectors: bool) -> Iterator[Record]:
        after = ""
        while True:
            with self._connections.reader(snapshot=True) as connection:
                state = sql.read_state(connection, namespace)
                page = [] if state is None else sql.read_page(connection, state, after, _PAGE, content=content)
                if state is None or not page:
                    return
                found = {}
                for row, identifier, text, metadata in page:
                    values = json.loads(metadata)
                    if node is None or matches(node, values):
                        found[row] = Record(identifier, text, values)
                if vectors:
                    found = _with_vectors(connection, state, found)
            yield from found.values()
            after = page[-1][1]

    def _vector_index(self, namespace: str) -> DerivedIndex[VectorIndex]:
        with self._lock:
            if namespace not in self._vector_indexes:
                self._vector_indexes[namespace] = DerivedIndex(self._connections, namespace, VectorKind())
            return self._vector_indexes[namespace]

    def _keyword_index(self, namespace: str) -> DerivedIndex[KeywordIndex]:
        with self._lock:
            if namespace not in self._keyword_indexes:
                self._keyword_indexes[namespace] = DerivedIndex(self._connections, namespace, KeywordKind())
            return self._keyword_indexes[namespace]

    def _note_changes(self, namespace: str, count: int) -> None:
        with self._lock:
            self._changes[namespace] = self._changes.get(namespace, 0) + count


def _parsed(filter: Filter | None) -> FilterNode | None:
    if filter is None:
        return None
    node = parse_filter(filter)
    return None if is_everything(node) else node


def _with_vectors(connection: Any, state: NamespaceState, found: dict[int, Record]) -> dict[int, Record]:
    vectors = sql.read_vectors(connection, list(found), state.generation)
    return {row: Record(record.id, record.content, record.metadata, vectors.get(row)) for row, record in found.items()}


def _size(folder: Path, pattern: str) -> int:
    total = 0
    for file in folder.glob(pattern):
        try:
            total += file.stat().st_size
        except OSError:
            continue  # a temporary file of another process is gone again
    return total
