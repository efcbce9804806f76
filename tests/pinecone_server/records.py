"""The records of one index: namespaces, visibility of writes, and exact search."""

from __future__ import annotations

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import filters

DEFAULT_NAMESPACE = "__default__"


@dataclass(frozen=True)
class Stored:
    """A stored record: float32 values, and every number of the metadata as a 64-bit float."""

    id: str
    values: npt.NDArray[np.float32] | None
    sparse: dict[int, float] | None
    metadata: dict[str, Any] | None

    def as_json(self, *, values: bool = True, metadata: bool = True) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": self.id}
        if values:
            shown["values"] = [] if self.values is None else self.values.tolist()
            if self.sparse is not None:
                shown["sparseValues"] = {"indices": list(self.sparse), "values": list(self.sparse.values())}
        if metadata and self.metadata is not None:
            shown["metadata"] = self.metadata
        return shown


@dataclass
class Delay:
    """The delay until a write shows: a number of reads of its namespace, and a number of seconds."""

    reads: int = 0
    seconds: float = 0.0


@dataclass
class _Change:
    lsn: int
    items: dict[str, Stored | None]
    reads_left: int
    due: float


@dataclass
class Namespace:
    """One namespace: the written records (``latest``), and those that reads see (``visible``)."""

    latest: dict[str, Stored] = field(default_factory=dict)
    visible: dict[str, Stored] = field(default_factory=dict)
    written: int = 0  # the log sequence number of the last write
    indexed: int = 0  # the one that reads have reached
    pending: deque[_Change] = field(default_factory=deque)
    _ranked: _Ranked | None = None

    def write(self, items: dict[str, Stored | None], delay: Delay) -> int:
        self.written += 1
        for id, record in items.items():
            if record is None:
                self.latest.pop(id, None)
            else:
                self.latest[id] = record
        self.pending.append(_Change(self.written, items, delay.reads, time.monotonic() + delay.seconds))
        if not delay.reads and not delay.seconds:
            self._advance()
        return self.written

    def read(self) -> dict[str, Stored]:
        """Return the records that a read sees; each read brings pending writes one step nearer."""
        self._advance()
        for change in self.pending:
            change.reads_left -= 1
        return self.visible

    def _advance(self) -> None:
        now = time.monotonic()
        while self.pending and self.pending[0].reads_left <= 0 and self.pending[0].due <= now:
            change = self.pending.popleft()
            for id, record in change.items.items():
                if record is None:
                    self.visible.pop(id, None)
                else:
                    self.visible[id] = record
            self.indexed = change.lsn
            self._ranked = None

    def ranked(self) -> _Ranked:
        if self._ranked is None:
            self._ranked = _Ranked(list(self.visible.values()))
        return self._ranked


class _Ranked:
    """The visible records as arrays. The order of equal scores is fixed, and not that of the ids."""

    def __init__(self, records: list[Stored]) -> None:
        self.records = records
        self.shuffled = np.array([zlib.crc32(one.id.encode()) for one in records], dtype=np.int64)
        self.dense = [row for row, one in enumerate(records) if one.values is not None]
        self.matrix = np.array([records[row].values for row in self.dense], dtype=np.float64)
        pairs = [(row, index, value) for row, one in enumerate(records) for index, value in (one.sparse or {}).items()]
        self.sparse_rows = np.array([row for row, _, _ in pairs], dtype=np.int64)
        self.sparse_indices = np.array([index for _, index, _ in pairs], dtype=np.int64)
        self.sparse_values = np.array([value for _, _, value in pairs], dtype=np.float64)

    def scores(self, metric: str, vector: list[float] | None, sparse: dict[int, float] | None) -> dict[int, float]:
        """Return the score of each row that takes part."""
        found: dict[int, float] = {}
        if vector is not None and self.dense:
            query = np.array(vector, dtype=np.float32).astype(np.float64)
            if metric == "euclidean":
                similar = -((self.matrix - query) ** 2).sum(axis=1)
            else:
                similar = self.matrix @ query
                if metric == "cosine":
                    lengths = np.sqrt((self.matrix**2).sum(axis=1)) * np.sqrt(query @ query)
                    similar = np.divide(similar, lengths, out=np.zeros_like(similar), where=lengths > 0)
            found = dict(zip(self.dense, similar.astype(np.float32).tolist(), strict=True))
        if sparse:
            wanted = np.array(sorted(sparse), dtype=np.int64)
            weights = np.array([sparse[int(index)] for index in wanted], dtype=np.float64)
            place = np.searchsorted(wanted, self.sparse_indices)
            place[place == len(wanted)] = 0
            hit = wanted[place] == self.sparse_indices
            rows = self.sparse_rows[hit]
            totals = np.bincount(rows, self.sparse_values[hit] * weights[place[hit]], minlength=len(self.records))
            for row in np.unique(rows).tolist():
                if vector is None or row in found:
                    found[row] = float(np.float32(found.get(row, 0.0) + totals[row]))
        return found


class Index:
    """One index: its shape, and its namespaces. Every method holds the lock of the index."""

    def __init__(self, name: str, *, dimension: int | None, metric: str, sparse: bool, delay: Delay) -> None:
        self.name = name
        self.dimension = dimension
        self.metric = metric
        self.sparse = sparse
        self.delay = delay
        self.lock = threading.RLock()
        self._namespaces: dict[str, Namespace] = {}

    def names(self) -> list[str]:
        with self.lock:
            return sorted(self._namespaces)

    def get(self, namespace: str, *, create: bool = False) -> Namespace | None:
        name = namespace or DEFAULT_NAMESPACE
        if create and name not in self._namespaces:
            self._namespaces[name] = Namespace()
        return self._namespaces.get(name)

    def drop(self, namespace: str) -> bool:
        with self.lock:
            return self._namespaces.pop(namespace or DEFAULT_NAMESPACE, None) is not None

    # -- what tests look at --------------------------------------------------------------------------------------------

    def records(self, namespace: str) -> dict[str, Stored]:
        """Return the written records of a namespace, visible or not."""
        with self.lock:
            found = self.get(namespace)
            return dict(found.latest) if found else {}

    def ids(self, namespace: str) -> list[str]:
        return sorted(self.records(namespace))

    def count(self) -> int:
        with self.lock:
            return sum(len(one.latest) for one in self._namespaces.values())

    # -- reading and writing -------------------------------------------------------------------------------------------

    def seen(self, namespace: str) -> tuple[dict[str, Stored], int]:
        """Return a copy of the records that a read of a namespace sees, and the log sequence number of that read."""
        with self.lock:
            found = self.get(namespace)
            if found is None:
                return {}, 0
            return dict(found.read()), found.indexed

    def upsert(self, namespace: str, records: Iterable[Stored]) -> int:
        with self.lock:
            found = self.get(namespace, create=True)
            assert found is not None
            return found.write({one.id: one for one in records}, self.delay)

    def delete(self, namespace: str, chosen: Callable[[Stored], bool]) -> int | None:
        with self.lock:
            found = self.get(namespace)
            if found is None:
                return None
            return found.write({id: None for id, one in found.latest.items() if chosen(one)}, self.delay)

    def update(
        self, namespace: str, chosen: Callable[[Stored], bool], change: dict[str, Any], dry_run: bool
    ) -> tuple[int, int]:
        """Return the number of matching records, and the log sequence number."""
        with self.lock:
            found = self.get(namespace)
            if found is None:
                return 0, 0
            items: dict[str, Stored | None] = {}
            for id, one in found.latest.items():
                if chosen(one):
                    merged = {**(one.metadata or {}), **change["metadata"]} if "metadata" in change else one.metadata
                    items[id] = replace(one, **{**change, "metadata": merged})
            return len(items), found.written if dry_run else found.write(items, self.delay)

    def query(
        self,
        namespace: str,
        top_k: int,
        *,
        vector: list[float] | None,
        sparse: dict[int, float] | None,
        id: str | None,
        filter: dict[str, Any] | None,
    ) -> tuple[list[tuple[float, Stored]], int]:
        with self.lock:
            found = self.get(namespace)
            if found is None:
                return [], 0
            visible = found.read()
            if id is not None:
                source = visible.get(id)
                if source is None:
                    return [], found.indexed
                vector = None if source.values is None else source.values.tolist()
                sparse = source.sparse if vector is None else sparse
            ranked, indexed = found.ranked(), found.indexed
        scores = ranked.scores(self.metric, vector, sparse)
        rows = sorted(scores, key=lambda row: (-scores[row], ranked.shuffled[row]))
        best: list[tuple[float, Stored]] = []
        for row in rows:
            if filter is None or filters.matches(filter, ranked.records[row].metadata or {}):
                best.append((scores[row], ranked.records[row]))
                if len(best) == top_k:
                    break
        return best, indexed
