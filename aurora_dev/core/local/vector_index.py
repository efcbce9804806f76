"""The vector index: FAISS in memory, exact up to about 100,000 vectors and approximate beyond.

Exact: a flat inner-product index. Approximate: an inverted file (Jégou et al., "Product quantization for nearest
neighbor search", 2011) over float16 vectors. The number of lists to probe is measured on the data.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger
from aurora_dev.regular_files import read_regular

_log = get_logger(__name__)

Rows: TypeAlias = "npt.NDArray[np.int64]"
Matrix: TypeAlias = "npt.NDArray[np.float32]"

EXACT_LIMIT = 100_000  # a flat scan of 100,000 × 256 takes about 10 ms on one core
_HYSTERESIS = 1.1  # an index near the limit is not rebuilt again and again
_OUTGROWN = 4  # with lists four times as long as planned, a scan takes four times as long
_LISTS_PER_ROOT = 2.0  # lists = 2 × √n, 2,000 for a million vectors; more lists train longer for little speed
_TRAINING_PER_LIST = 40  # FAISS warns below 39 points for each centroid; more points only train longer
_KMEANS_ROUNDS = 10
_SEED = 20_211
_TARGET_RECALL = 0.98  # measured on stored vectors, which are easier to find than queries; we promise 0.95
_CALIBRATION_QUERIES = 48
_CALIBRATION_DEPTH = 10
_MAX_THREADS = 8  # for training and adding; a search uses one, so that concurrent searches do not compete for cores
_WITHOUT_FAISS = 2_048  # vectors that NumPy compares in under a millisecond; importing FAISS takes forty
_BRUTE_FORCE_SHARE = 4  # if at most a quarter of the rows is allowed, a product over these alone is faster

_MAGIC = b"AURORAV1"
_PREFIX = struct.Struct("<8sII")  # magic, length of the header, checksum of the header
_ABANDONED_SECONDS = 3600.0  # a temporary file of this age was left by a process that died


class VectorIndex:
    """Finds rows of the record table by the inner product of their vectors. Not thread-safe.

    FAISS holds the vectors, unless there are so few of them that importing it takes longer than comparing them all.

    Args:
        dimension: The length of every vector.
        sample: Shape ``(n, dimension)``, float32. With a sample, the index is approximate and trained on it.
        expected: The number of vectors that an approximate index is planned for.
    """

    def __init__(self, dimension: int, *, sample: Matrix | None = None, expected: int = 0) -> None:
        self.dimension = dimension
        self._rows: Rows = np.empty(0, dtype=np.int64)  # of the exact index, ascending
        self._probes = 0
        self._planned = 0
        self._uncalibrated = sample is not None
        self._index: Any = None  # of FAISS
        self._few: Matrix = np.empty((0, dimension), dtype=np.float32)  # the vectors of an exact index without FAISS
        if sample is None:
            return
        faiss = _faiss()
        _use_threads(_MAX_THREADS)
        self._planned = max(expected, len(sample))
        lists = max(1, min(int(_LISTS_PER_ROOT * self._planned**0.5), len(sample) // 39))
        quantizer = faiss.IndexFlatIP(dimension)
        self._index = faiss.IndexIVFScalarQuantizer(
            quantizer, dimension, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
        )
        self._quantizer = quantizer  # FAISS does not keep it alive
        self._index.cp.niter = _KMEANS_ROUNDS
        self._index.cp.seed = _SEED
        self._index.cp.max_points_per_centroid = _TRAINING_PER_LIST
        self._index.train(np.ascontiguousarray(sample, dtype=np.float32))

    def __len__(self) -> int:
        return len(self._few) if self._index is None else int(self._index.ntotal)

    @property
    def is_exact(self) -> bool:
        """True if every search compares every vector."""
        return self._planned == 0

    @staticmethod
    def sample_size(expected: int) -> int:
        """Return the size of the sample to train an index for ``expected`` vectors."""
        return min(expected, int(_LISTS_PER_ROOT * expected**0.5) * _TRAINING_PER_LIST)

    @staticmethod
    def should_be_exact(count: int) -> bool:
        """Return whether a new index for ``count`` vectors is exact."""
        return count <= EXACT_LIMIT

    def outgrown(self, count: int) -> bool:
        """Return whether an index of another kind or size suits ``count`` vectors better."""
        if self.is_exact:
            return count > EXACT_LIMIT * _HYSTERESIS
        return count * _HYSTERESIS < EXACT_LIMIT or count > self._planned * _OUTGROWN

    def add(self, rows: Rows, vectors: Matrix) -> None:
        """Add vectors of shape ``(n, dimension)``; their rows ascend and are higher than all earlier ones."""
        if not len(rows):
            return
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if self.is_exact:
            if self._index is None and len(self) + len(rows) > _WITHOUT_FAISS:
                self._index = _faiss().IndexFlatIP(self.dimension)
                self._index.add(self._few)
                self._few = self._few[:0]
            if self._index is None:
                self._few = np.concatenate([self._few, vectors])
            else:
                self._index.add(vectors)
            self._rows = np.concatenate([self._rows, np.asarray(rows, dtype=np.int64)])
        else:
            _use_threads(_MAX_THREADS if len(rows) > 64 else 1)
            self._index.add_with_ids(vectors, np.asarray(rows, dtype=np.int64))

    def remove(self, rows: Rows) -> None:
        """Remove rows; unknown ones are ignored."""
        rows = np.asarray(rows, dtype=np.int64)
        if not self.is_exact:
            self._index.remove_ids(_faiss().IDSelectorBatch(rows))
            return
        keep = ~np.isin(self._rows, rows)
        if keep.all():
            return
        if self._index is None:
            self._few = self._few[keep]
        else:
            self._index.remove_ids(_faiss().IDSelectorBatch(np.flatnonzero(~keep)))
        self._rows = self._rows[keep]

    def vectors(self, rows: Rows) -> Matrix | None:
        """Return the float32 vectors of rows that `search` found; ``None`` if the index holds only rounded ones."""
        if not self.is_exact:
            return None
        found: Matrix = self._matrix()[np.searchsorted(self._rows, rows)]
        return found

    def search(self, query: Matrix, top_k: int, allowed: Rows | None = None) -> tuple[Rows, Matrix]:
        """Find the nearest rows.

        Args:
            query: Shape ``(dimension,)``.
            top_k: The number of rows, at least 1.
            allowed: The rows that may be found, ascending; unknown ones are ignored. ``None`` allows all.

        Returns:
            Up to ``top_k`` rows and their inner products, best first; fewer only if fewer are allowed. The order of
            equal scores is arbitrary. Scores are rounded as float32 sums are (as float16 vectors if approximate).
        """
        top_k = min(top_k, len(self))
        if top_k == 0 or (allowed is not None and not len(allowed)):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        if self._index is not None:
            _use_threads(1)
        if self.is_exact:
            return self._search_exact(query, top_k, allowed)
        return self._search_approximate(query, top_k, allowed)

    def _search_exact(self, query: Matrix, top_k: int, allowed: Rows | None) -> tuple[Rows, Matrix]:
        if allowed is None:
            if self._index is None:
                return self._best(np.arange(len(self._rows)), np.einsum("ij,j->i", self._few, query), top_k)
            scores, positions = self._index.search(query[None, :], top_k)
            return self._rows[positions[0]], scores[0]
        slots = np.searchsorted(self._rows, allowed)
        slots = slots[self._rows[np.minimum(slots, len(self._rows) - 1)] == allowed]
        if self._index is None:  # a sum like the one above, so that a filter changes no score
            return self._best(slots, np.einsum("ij,j->i", self._few[slots], query), top_k)
        if len(slots) * _BRUTE_FORCE_SHARE <= len(self._rows):
            return self._best(slots, self._matrix()[slots] @ query, top_k)
        faiss = _faiss()
        selector = _bitmap(slots, len(self._rows))
        scores, positions = self._index.search(query[None, :], top_k, params=faiss.SearchParameters(sel=selector))
        hits = positions[0] >= 0
        return self._rows[positions[0][hits]], scores[0][hits]

    def _best(self, slots: Rows, scores: Matrix, top_k: int) -> tuple[Rows, Matrix]:
        best = np.argsort(-scores, kind="stable")[:top_k]
        return self._rows[slots[best]], scores[best]

    def _search_approximate(self, query: Matrix, top_k: int, allowed: Rows | None) -> tuple[Rows, Matrix]:
        faiss = _faiss()
        lists = int(self._index.nlist)
        reachable = len(self) if allowed is None else len(allowed)
        selector = None if allowed is None else _bitmap(allowed, int(allowed[-1]) + 1)
        # A filter leaves fewer rows in each list, so proportionally more lists are probed.
        probes = min(lists, -(-self._probed() * len(self) // max(reachable, 1)))
        while True:
            parameters = faiss.SearchParametersIVF(nprobe=int(probes), sel=selector)
            scores, rows = self._index.search(query[None, :], top_k, params=parameters)
            hits = rows[0] >= 0
            if int(hits.sum()) >= min(top_k, reachable) or probes >= lists:
                return rows[0][hits], scores[0][hits]
            probes = min(lists, probes * 4)

    def _probed(self) -> int:
        if self._uncalibrated:
            self._calibrate()
        return self._probes

    def _calibrate(self) -> None:
        """Choose the smallest number of probed lists that reaches the target recall."""
        faiss = _faiss()
        started = time.perf_counter()
        _use_threads(_MAX_THREADS)
        lists = int(self._index.nlist)
        queries = self._stored_vectors(_CALIBRATION_QUERIES)
        depth = min(_CALIBRATION_DEPTH + 1, len(self))
        _, truth = self._index.search(queries, depth, params=faiss.SearchParametersIVF(nprobe=lists))
        probes = max(1, lists // 128)
        recall = 0.0
        while probes < lists:
            _, found = self._index.search(queries, depth, params=faiss.SearchParametersIVF(nprobe=probes))
            # Each query is a stored vector, which always finds itself.
            shared = [len(np.intersect1d(a, b)) - 1 for a, b in zip(truth, found, strict=True)]
            recall = sum(shared) / max(1, len(queries) * (depth - 1))
            if recall >= _TARGET_RECALL:
                break
            probes = max(probes + 1, probes * 3 // 2)
        self._probes = min(probes, lists)
        self._uncalibrated = False
        _use_threads(1)
        _log.debug(
            "faiss.calibrated", lists=lists, probes=self._probes, recall=recall, seconds=time.perf_counter() - started
        )

    def _stored_vectors(self, count: int) -> Matrix:
        """Return some stored vectors, spread over the lists, rounded to float16."""
        faiss = _faiss()
        lists = self._index.invlists
        sizes = np.array([lists.list_size(i) for i in range(int(self._index.nlist))])
        ends = np.cumsum(sizes)
        picked = np.linspace(0, len(self) - 1, num=min(count, len(self))).astype(np.int64)
        found = np.empty((len(picked), self.dimension), dtype=np.float32)
        for i, position in enumerate(picked):
            number = int(np.searchsorted(ends, position, side="right"))
            offset = int(position - (ends[number] - sizes[number]))
            codes = faiss.rev_swig_ptr(lists.get_codes(number), int(sizes[number]) * self.dimension * 2)
            halves = codes.reshape(-1, self.dimension * 2)[offset].copy().view("<f2")
            found[i] = halves.astype(np.float32)
        return found

    def _matrix(self) -> Matrix:
        """Return the vectors of an exact index, in its memory, which is valid until the next change."""
        if self._index is None:
            return self._few
        n = len(self)
        if n == 0:
            return np.empty((0, self.dimension), dtype=np.float32)
        view: Matrix = _faiss().rev_swig_ptr(self._index.get_xb(), n * self.dimension).reshape(n, self.dimension)
        return view

    def save(self, path: Path, header: Mapping[str, int | str]) -> None:
        """Write a snapshot atomically: readers see the old one or the new one.

        Args:
            path: The file.
            header: Facts that `load` returns.

        Raises:
            OSError: It could not be written; an earlier snapshot is unchanged.
        """
        if self.is_exact:
            parts = [self._rows.data.cast("B"), self._matrix().data.cast("B")] if len(self) else []
        else:
            self._probed()
            parts = [_faiss().serialize_index(self._index).data.cast("B")]
        checksum = 0
        for part in parts:
            checksum = zlib.crc32(part, checksum)
        facts = {
            **header,
            "vectors_exact": int(self.is_exact),
            "vectors_dimension": self.dimension,
            "vectors_count": len(self),
            "vectors_probes": self._probes,
            "vectors_planned": self._planned,
            "payload_bytes": sum(part.nbytes for part in parts),
            "payload_crc32": checksum,
        }
        text = json.dumps(facts).encode("utf-8")
        _remove_abandoned(path.parent)
        temporary = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(_PREFIX.pack(_MAGIC, len(text), zlib.crc32(text)))
                file.write(text)
                for part in parts:
                    file.write(part)
            temporary.replace(path)
        except BaseException:  # includes an interrupt: no half-written file stays behind
            temporary.unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: Path, most: int = sys.maxsize) -> tuple[VectorIndex, dict[str, Any]]:
        """Read a snapshot and the header that it was saved with.

        Args:
            path: The file.
            most: Bytes; a larger file is not read.

        Raises:
            OSError: It cannot be read, is not a regular file, or is larger than ``most``.
            ValueError: It is damaged, or of another format.
        """
        data = read_regular(path, most)
        try:
            magic, length, checksum = _PREFIX.unpack_from(data)
        except struct.error as error:
            raise ValueError(f"{path} is not a snapshot") from error
        text = data[_PREFIX.size : _PREFIX.size + length]
        if magic != _MAGIC or zlib.crc32(text) != checksum:
            raise ValueError(f"{path} is not a snapshot, or its header is damaged")
        header: dict[str, Any] = json.loads(text)
        payload = memoryview(data)[_PREFIX.size + length :]
        if payload.nbytes != header["payload_bytes"] or zlib.crc32(payload) != header["payload_crc32"]:
            raise ValueError(f"{path} is damaged or cut off")
        index = cls(header["vectors_dimension"])
        count = header["vectors_count"]
        if header["vectors_exact"]:
            rows = np.frombuffer(payload, dtype=np.int64, count=count)
            vectors = np.frombuffer(payload, dtype=np.float32, offset=rows.nbytes)
            index.add(rows, vectors.reshape(count, index.dimension))
        else:
            try:
                index._index = _faiss().deserialize_index(np.frombuffer(payload, dtype=np.uint8))
            except RuntimeError as error:
                raise ValueError(f"{path} was written by a FAISS that this one does not understand") from error
            index._probes, index._planned = header["vectors_probes"], header["vectors_planned"]
        if len(index) != count:
            raise ValueError(f"{path} holds another number of vectors than its header says")
        return index, header


def _faiss() -> Any:
    # Imported late: it costs 0.1 s, which counting and listing do not need.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its SWIG types warn on Python 3.12 and later
        import faiss
    return faiss


def _use_threads(count: int) -> None:
    # OpenMP keeps this number by thread.
    _faiss().omp_set_num_threads(max(1, min(count, os.cpu_count() or 1)))


def _bitmap(ids: Rows, size: int) -> Any:
    flags = np.zeros(size, dtype=bool)
    flags[ids] = True
    return _faiss().IDSelectorBitmap(np.packbits(flags, bitorder="little"))


def _remove_abandoned(folder: Path) -> None:
    now = time.time()
    for leftover in folder.glob("*.tmp"):
        try:
            if now - leftover.stat().st_mtime > _ABANDONED_SECONDS:
                leftover.unlink(missing_ok=True)
        except OSError:
            continue  # another process has removed it, or still uses it
