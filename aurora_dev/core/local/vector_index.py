"""The vector index: FAISS in memory, exact up to about 100,000 vectors and approximate beyond.

Exact: a flat inner-product index. Approximate: an inverted file (Jégou et al., "Product quantization for nearest
neighbor search", 2011) over float16 vectors, whose number of probed lists is measured on the data when it is built.
"""

from __future__ import annotations

import json
import os
import secrets
import struct
import time
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora_dev.log import get_logger

_log = get_logger(__name__)

Rows = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]

EXACT_LIMIT = 100_000  # a flat scan of 100,000 × 256 takes about 10 ms on one core; the next search may be longer
_HYSTERESIS = 1.1  # an index that hovers about the limit is not rebuilt again and again
_OUTGROWN = 4  # lists four times as long as planned: a scan takes four times as long
_LISTS_PER_ROOT = 2.0  # lists = 2 × √n: 2,000 at 1M; more would double the training for little speed
_TRAINING_PER_LIST = 40  # FAISS warns below 39 points a centroid; more only makes the training longer
_KMEANS_ROUNDS = 10
_SEED = 20_211
_TARGET_RECALL = 0.98  # measured on stored vectors, which are easier to find than queries; promised is 0.95
_CALIBRATION_QUERIES = 48
_CALIBRATION_DEPTH = 10
_MAX_THREADS = 8  # training and adding; searches use one, so that concurrent ones do not fight for cores
_BRUTE_FORCE_SHARE = 4  # with a quarter of the rows allowed or fewer, a product over them alone is faster

_MAGIC = b"AURORAV1"
_PREFIX = struct.Struct("<8sII")  # magic, length of the header, checksum of the header
_ABANDONED_SECONDS = 3600.0  # a temporary file this old belongs to a process that died


class VectorIndex:
    """Rows and their vectors, searched by inner product. Not thread-safe.

    Args:
        dimension: Length of every vector.
        sample: Shape ``(n, dimension)``: makes the index approximate, trained on these vectors.
        expected: How many vectors an approximate index is planned for.
    """

    def __init__(self, dimension: int, *, sample: Matrix | None = None, expected: int = 0) -> None:
        self.dimension = dimension
        self._rows: Rows = np.empty(0, dtype=np.int64)  # of the exact index, ascending
        self._probes = 0
        self._planned = 0
        self._uncalibrated = sample is not None
        faiss = _faiss()
        if sample is None:
            self._index = faiss.IndexFlatIP(dimension)
            return
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
        return int(self._index.ntotal)

    @property
    def is_exact(self) -> bool:
        """Whether every search looks at every vector."""
        return self._planned == 0

    @staticmethod
    def sample_size(expected: int) -> int:
        """Return how many vectors the training for ``expected`` ones wants."""
        return min(expected, int(_LISTS_PER_ROOT * expected**0.5) * _TRAINING_PER_LIST)

    @staticmethod
    def should_be_exact(count: int) -> bool:
        """Whether an index that is built now for ``count`` vectors is exact."""
        return count <= EXACT_LIMIT

    def outgrown(self, count: int) -> bool:
        """Whether another kind or size of index serves ``count`` vectors better."""
        if self.is_exact:
            return count > EXACT_LIMIT * _HYSTERESIS
        return count * _HYSTERESIS < EXACT_LIMIT or count > self._planned * _OUTGROWN

    def add(self, rows: Rows, vectors: Matrix) -> None:
        """Add vectors of shape ``(n, dimension)`` under rows that ascend and are higher than any before."""
        if not len(rows):
            return
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if self.is_exact:
            self._index.add(vectors)
            self._rows = np.concatenate([self._rows, np.asarray(rows, dtype=np.int64)])
        else:
            _use_threads(_MAX_THREADS if len(rows) > 64 else 1)
            self._index.add_with_ids(vectors, np.asarray(rows, dtype=np.int64))

    def remove(self, rows: Rows) -> None:
        """Take rows out; unknown ones are ignored."""
        faiss = _faiss()
        rows = np.asarray(rows, dtype=np.int64)
        if not self.is_exact:
            self._index.remove_ids(faiss.IDSelectorBatch(rows))
            return
        keep = ~np.isin(self._rows, rows)
        if keep.all():
            return
        self._index.remove_ids(faiss.IDSelectorBatch(np.flatnonzero(~keep)))
        self._rows = self._rows[keep]

    def vectors(self, rows: Rows) -> Matrix | None:
        """Return the float32 vectors of rows that `search` found, ``None`` where only rounded ones are kept."""
        if not self.is_exact:
            return None
        found: Matrix = self._matrix()[np.searchsorted(self._rows, rows)]
        return found

    def search(self, query: Matrix, top_k: int, allowed: Rows | None = None) -> tuple[Rows, Matrix]:
        """Find the nearest rows.

        Args:
            query: Shape ``(dimension,)``.
            top_k: At least 1.
            allowed: The rows that may be found, ascending; unknown ones are ignored. ``None``: all.

        Returns:
            Up to ``top_k`` rows and their inner products, best first; fewer only where no more are allowed. The order
            of equal scores is arbitrary, and scores carry the rounding of float32 (of float16 where approximate).
        """
        top_k = min(top_k, len(self))
        if top_k == 0 or (allowed is not None and not len(allowed)):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        _use_threads(1)
        if self.is_exact:
            return self._search_exact(query, top_k, allowed)
        return self._search_approximate(query, top_k, allowed)

    def _search_exact(self, query: Matrix, top_k: int, allowed: Rows | None) -> tuple[Rows, Matrix]:
        faiss = _faiss()
        if allowed is None:
            scores, positions = self._index.search(query[None, :], top_k)
            return self._rows[positions[0]], scores[0]
        places = np.searchsorted(self._rows, allowed)
        places = places[self._rows[np.minimum(places, len(self._rows) - 1)] == allowed]
        if len(places) * _BRUTE_FORCE_SHARE <= len(self._rows):
            found = self._matrix()[places] @ query
            best = np.argsort(-found, kind="stable")[:top_k]
            return self._rows[places[best]], found[best]
        selector = _bitmap(places, len(self._rows))
        scores, positions = self._index.search(query[None, :], top_k, params=faiss.SearchParameters(sel=selector))
        hits = positions[0] >= 0
        return self._rows[positions[0][hits]], scores[0][hits]

    def _search_approximate(self, query: Matrix, top_k: int, allowed: Rows | None) -> tuple[Rows, Matrix]:
        faiss = _faiss()
        lists = int(self._index.nlist)
        reachable = len(self) if allowed is None else len(allowed)
        selector = None if allowed is None else _bitmap(allowed, int(allowed[-1]) + 1)
        # A filter thins the lists out: as many more are probed, all of them where few rows are allowed.
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
        """Choose the fewest probed lists that find what probing all of them finds."""
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
            # The vector itself is always found and tells nothing.
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
        """Return some stored vectors, spread over the lists, as they were rounded."""
        faiss = _faiss()
        lists = self._index.invlists
        sizes = np.array([lists.list_size(i) for i in range(int(self._index.nlist))])
        ends = np.cumsum(sizes)
        picked = np.linspace(0, len(self) - 1, num=min(count, len(self))).astype(np.int64)
        found = np.empty((len(picked), self.dimension), dtype=np.float32)
        for i, place in enumerate(picked):
            which = int(np.searchsorted(ends, place, side="right"))
            offset = int(place - (ends[which] - sizes[which]))
            codes = faiss.rev_swig_ptr(lists.get_codes(which), int(sizes[which]) * self.dimension * 2)
            halves = codes.reshape(-1, self.dimension * 2)[offset].copy().view("<f2")
            found[i] = halves.astype(np.float32)
        return found

    def _matrix(self) -> Matrix:
        """Return the flat index's own memory; it is only valid until the next change."""
        n = len(self)
        if n == 0:
            return np.empty((0, self.dimension), dtype=np.float32)
        view: Matrix = _faiss().rev_swig_ptr(self._index.get_xb(), n * self.dimension).reshape(n, self.dimension)
        return view

    def save(self, path: Path, header: Mapping[str, int | str]) -> None:
        """Write a snapshot beside ``path``, then put it in its place: readers see the old one or the new one.

        Raises:
            OSError: It could not be written; an earlier snapshot is untouched.
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
        temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(_PREFIX.pack(_MAGIC, len(text), zlib.crc32(text)))
                file.write(text)
                for part in parts:
                    file.write(part)
            temporary.replace(path)
        except BaseException:  # also when interrupted: no half-written file stays behind
            temporary.unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: Path) -> tuple[VectorIndex, dict[str, Any]]:
        """Read a snapshot and the header that it was saved with.

        Raises:
            OSError: It cannot be read.
            ValueError: It is damaged, or of another format.
        """
        data = path.read_bytes()
        try:
            magic, length, checksum = _PREFIX.unpack_from(data)
        except struct.error as error:
            raise ValueError(f"{path} is no snapshot") from error
        text = data[_PREFIX.size : _PREFIX.size + length]
        if magic != _MAGIC or zlib.crc32(text) != checksum:
            raise ValueError(f"{path} is no snapshot, or its header is damaged")
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
    # Imported late: it costs 0.1 s, which no caller pays who only counts or lists.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its SWIG types warn on Python 3.12 and later
        import faiss
    return faiss


def _use_threads(count: int) -> None:
    # OpenMP keeps this number for each thread of the program.
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
            continue  # another process was faster, or may not be disturbed
