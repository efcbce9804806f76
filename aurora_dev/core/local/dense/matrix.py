"""The dense vectors of one namespace in memory, as whole numbers of eight bits, compared one by one.

A vector is stored as one float32 factor and one signed byte per dimension, which is a quarter of float32. The cosine
of two normalised vectors changes by less than 0.01 by that.
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar, cast

from aurora_dev.core.local.records import Rows
from aurora_dev.lazy import np, npt

__all__ = ["DenseMatrix", "decode", "encode"]

Matrix: TypeAlias = "npt.NDArray[np.float32]"
Codes: TypeAlias = "npt.NDArray[np.int8]"
_Array = TypeVar("_Array", bound="npt.NDArray[Any]")

_LARGEST = 127
# Rows that are widened to float32 at a time. They stay in the cache of a core, and one thread multiplies so few: for
# 4,096 rows NumPy's library starts one for each core, which takes 25 times as much of the processor.
_BLOCK = 256
_GROWTH = 4  # a matrix with room for a quarter more takes new rows without being copied each time
_ROUNDING = 1e-5  # float32 sums of the same products in another order differ by less
_HOLES = 4  # removed rows are dropped once they are a quarter of all


def encode(vectors: Matrix) -> list[bytes]:
    """Return vectors as they are stored: a little-endian float32 factor, then a signed byte per dimension.

    Args:
        vectors: Shape ``(n, dimension)``, finite.
    """
    factors = (np.abs(vectors).max(axis=1, initial=0.0) / _LARGEST).astype("<f4")
    codes = np.rint(vectors / np.where(factors > 0, factors, 1.0)[:, None]).astype(np.int8)
    return [factor.tobytes() + code.tobytes() for factor, code in zip(factors, codes, strict=True)]


def decode(blobs: list[bytes], dimension: int) -> tuple[Matrix, Codes]:
    """Return the factors, shape ``(n,)``, and the codes, shape ``(n, dimension)``, of stored vectors.

    Raises:
        ValueError: A blob has another length, or a factor that is no number.
    """
    width = 4 + dimension
    joined = np.frombuffer(b"".join(blobs), dtype=np.uint8)
    if any(len(blob) != width for blob in blobs):
        raise ValueError(f"a dense vector is not {width} bytes long")
    table = joined.reshape(len(blobs), width)
    factors = np.ascontiguousarray(table[:, :4]).view("<f4").reshape(-1).astype(np.float32)
    if not np.isfinite(factors).all():
        raise ValueError("a dense vector has a factor that is not finite")
    return factors, np.ascontiguousarray(table[:, 4:]).view(np.int8)


class DenseMatrix:
    """Finds rows of the record table by the inner product of their dense vectors. Not thread-safe.

    Args:
        dimension: The length of every vector.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._count = 0
        self._alive = 0
        self._rows: Rows = np.empty(0, dtype=np.int64)  # 0 where a row was removed
        self._factors: Matrix = np.empty(0, dtype=np.float32)
        self._codes: Codes = np.empty((0, dimension), dtype=np.int8)

    def __len__(self) -> int:
        return self._alive

    @property
    def rows(self) -> Rows:
        """The rows that have a vector, in any order."""
        rows = self._rows[: self._count]
        return rows[rows > 0]

    def add(self, rows: Rows, factors: Matrix, codes: Codes) -> None:
        """Add rows that are not in the matrix yet, with vectors as `decode` returns them."""
        if not len(rows):
            return
        end = self._count + len(rows)
        if end > len(self._rows):
            room = end + end // _GROWTH if self._count else end
            self._rows = _grown(self._rows, self._count, room)
            self._factors = _grown(self._factors, self._count, room)
            self._codes = _grown(self._codes, self._count, room)
        self._rows[self._count : end] = rows
        self._factors[self._count : end] = factors
        self._codes[self._count : end] = codes
        self._count = end
        self._alive += len(rows)

    def remove(self, rows: Rows) -> None:
        """Remove rows; unknown ones are ignored."""
        gone = np.isin(self._rows[: self._count], rows) & (self._rows[: self._count] > 0)
        if not gone.any():
            return
        self._rows[: self._count][gone] = 0
        self._factors[: self._count][gone] = 0.0
        self._alive -= int(gone.sum())
        if (self._count - self._alive) * _HOLES > self._count:
            kept = self._rows[: self._count] > 0
            self._rows, self._factors = self._rows[: self._count][kept], self._factors[: self._count][kept]
            self._codes = self._codes[: self._count][kept]
            self._count = self._alive

    def search(self, query: Matrix, top_k: int, allowed: Rows | None = None) -> tuple[Rows, npt.NDArray[np.float64]]:
        """Find the nearest rows.

        Args:
            query: Shape ``(dimension,)``.
            top_k: The number of rows, at least 1.
            allowed: The rows that may be found; unknown ones are ignored. ``None`` allows all.

        Returns:
            Up to ``top_k`` rows and their inner products, best first; equal ones in the order of rows.
        """
        rows = self._rows[: self._count]
        usable = rows > 0 if allowed is None else np.isin(rows, allowed) & (rows > 0)
        slots = np.flatnonzero(usable)
        rough = self._products(query, slots)
        if len(slots) > top_k:
            # What ties with the last one comes along: the caller orders ties.
            last = np.partition(rough, len(rough) - top_k)[len(rough) - top_k]
            chosen = np.flatnonzero(rough >= last - _ROUNDING * max(1.0, abs(float(last))))
            slots = slots[chosen]
        # In float64, so that a score does not depend on the place of its row in a block.
        vectors = self._codes[slots].astype(np.float64)
        scores = (vectors * query.astype(np.float64)).sum(axis=1) * self._factors[slots]
        order = np.lexsort((rows[slots], -scores))
        return rows[slots][order], scores[order]

    def _products(self, query: Matrix, slots: Rows) -> Matrix:
        products = np.empty(len(slots), dtype=np.float32)
        whole = len(slots) == self._count
        wide = np.empty((min(_BLOCK, len(slots)), self.dimension), dtype=np.float32)
        for start in range(0, len(slots), _BLOCK):
            end = min(start + _BLOCK, len(slots))
            part = wide[: end - start]
            np.copyto(part, self._codes[start:end] if whole else self._codes[slots[start:end]])
            products[start:end] = part @ query
        products *= self._factors[slots]
        return products


def _grown(array: _Array, count: int, room: int) -> _Array:
    larger = np.empty((room, *array.shape[1:]), dtype=array.dtype)
    larger[:count] = array[:count]
    return cast("_Array", larger)
