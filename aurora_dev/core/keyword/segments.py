"""The parts that a keyword index is made of: compact segments that never change, and a small growing buffer.

Terms are kept as 64-bit digests instead of strings. Vocabularies then load, merge and look up as NumPy arrays, and a
million terms take 8 MB. Two terms share a digest with a probability below 10^-6 at five million terms, and what would
follow is that one is found for the other.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

from aurora_dev.core.text.terms import DEFINITION_PREFIX

Rows = npt.NDArray[np.int64]
Postings = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]  # document numbers within the segment, frequencies

# Weights outside are left out: nothing sensible lies there, and float32 would overflow or vanish.
LEAST_WEIGHT = 1e-6
MOST_WEIGHT = 1e9

_NO_POSTINGS: Postings = (np.empty(0, np.int32), np.empty(0, np.float32))


def term_key(term: str) -> int:
    """Return the 64-bit digest that stands for a term, the same in every process."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """An inverted index of ``n`` documents in compressed rows; immutable, so that searches need no lock.

    Attributes:
        rows: Shape ``(n,)``, int64, strictly ascending: the caller's numbers of the documents.
        lengths: Shape ``(n,)``, float32: sum of the frequencies, definitions left out.
        keys: Shape ``(v,)``, uint64, strictly ascending: `term_key` of each term.
        starts: Shape ``(v + 1,)``, int64: the postings of term ``i`` are ``starts[i]:starts[i + 1]``.
        documents: Shape ``(p,)``, int32: index into ``rows``; each at most once per term, in no particular order.
        frequencies: Shape ``(p,)``, float32, above 0.
    """

    rows: Rows
    lengths: npt.NDArray[np.float32]
    keys: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int32]
    frequencies: npt.NDArray[np.float32]

    def postings(self, keys: npt.NDArray[np.uint64]) -> list[Postings]:
        """Return the documents that hold each of some terms, dead ones included."""
        if not len(self.keys):
            return [_NO_POSTINGS] * len(keys)
        at = np.minimum(self.keys.searchsorted(keys), len(self.keys) - 1)
        known = self.keys[at] == keys
        spans = zip(known.tolist(), self.starts[at].tolist(), self.starts[at + 1].tolist(), strict=True)
        return [
            (self.documents[start:stop], self.frequencies[start:stop]) if is_known else _NO_POSTINGS
            for is_known, start, stop in spans
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A segment and which of its documents are alive.

    Attributes:
        alive: Shape ``(n,)``, bool, or ``None`` while all are.
        count: How many are.
    """

    segment: Segment
    alive: npt.NDArray[np.bool_] | None
    count: int


class Buffer:
    """The latest documents, term by term in lists, so that adding one costs microseconds.

    It only ever grows. A reader passes the number of documents that it knows of and sees nothing that was appended
    after; one writer may append meanwhile.
    """

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.lengths: list[float] = []
        self._postings: dict[str, tuple[list[int], list[float]]] = {}

    def extend(self, documents: Mapping[int, Mapping[str, float]]) -> float:
        """Add documents by row and return the sum of their lengths."""
        # What may fail comes first: a document that is half in would be found as part of the next one.
        checked = [
            [(term, float(value)) for term, value in terms.items() if LEAST_WEIGHT <= value <= MOST_WEIGHT]
            for terms in documents.values()
        ]
        total = 0.0
        for row, terms in zip(documents, checked, strict=True):
            number = len(self.rows)
            for term, frequency in terms:
                found = self._postings.get(term)
                if found is None:
                    found = self._postings[term] = ([], [])
                found[1].append(frequency)
                found[0].append(number)
            counted = [value for term, value in terms if not term.startswith(DEFINITION_PREFIX)]
            self.lengths.append(float(np.array(counted, np.float32).cumsum(dtype=np.float64)[-1]) if counted else 0.0)
            self.lengths[-1] = float(np.float32(self.lengths[-1]))
            self.rows.append(row)
            total += self.lengths[-1]
        return total

    def postings(self, term: str, size: int) -> Postings:
        """Return which of the first ``size`` documents hold a term."""
        found = self._postings.get(term)
        if found is None:
            return _NO_POSTINGS
        count = bisect_left(found[0], size)
        return np.array(found[0][:count], np.int32), np.array(found[1][:count], np.float32)

    def segment(self) -> Segment:
        """Return everything as a segment, its documents in the order of their rows."""
        counts = [len(documents) for documents, _ in self._postings.values()]
        documents = np.array([number for found, _ in self._postings.values() for number in found], np.int32)
        frequencies = np.array([value for _, found in self._postings.values() for value in found], np.float32)
        terms = np.repeat(np.arange(len(counts)), counts)
        lengths = np.array(self.lengths, np.float32)
        return _assemble(np.array(self.rows, np.int64), lengths, list(self._postings), terms, documents, frequencies)


class _Numbers(dict[str, int]):
    """Numbers terms in the order in which they are first seen."""

    def __missing__(self, term: str) -> int:
        self[term] = number = len(self)
        return number


def build_segment(rows: Sequence[int], terms: Sequence[Mapping[str, float]]) -> Segment:
    """Index many documents at once.

    Args:
        rows: Their numbers, each once.
        terms: Term to frequency of each; frequencies outside `LEAST_WEIGHT`..`MOST_WEIGHT` are left out.
    """
    numbers = _Numbers()
    number = numbers.__getitem__
    ids: list[int] = []
    values: list[float] = []
    for document in terms:
        ids.extend(map(number, document))
        values.extend(document.values())
    counts = np.fromiter(map(len, terms), np.int64, len(terms))
    documents = np.repeat(np.arange(len(terms), dtype=np.int32), counts)
    term_ids = np.array(ids, np.int64)
    exact = np.array(values, np.float64)
    kept = (exact >= LEAST_WEIGHT) & (exact <= MOST_WEIGHT)
    if not kept.all():
        documents, term_ids, exact = documents[kept], term_ids[kept], exact[kept]
    frequencies = exact.astype(np.float32)
    names = list(numbers)
    counted = np.fromiter(map(str.startswith, names, repeat(DEFINITION_PREFIX)), np.bool_, len(names))[term_ids]
    lengths = np.bincount(documents, np.where(counted, np.float32(0), frequencies), len(terms)).astype(np.float32)
    return _assemble(np.array(rows, np.int64), lengths, names, term_ids, documents, frequencies)


def _assemble(
    rows: Rows,
    lengths: npt.NDArray[np.float32],
    names: list[str],
    term_ids: npt.NDArray[np.int64],
    documents: npt.NDArray[np.int32],
    frequencies: npt.NDArray[np.float32],
) -> Segment:
    """Sort documents by row and postings by the key of their term."""
    order = np.argsort(rows, kind="stable")
    place = np.empty(len(rows), np.int32)
    place[order] = np.arange(len(rows), dtype=np.int32)
    keys, rank = np.unique(np.fromiter(map(term_key, names), np.uint64, len(names)), return_inverse=True)
    ranks = rank.astype(np.int32)[term_ids]
    by_term = np.argsort(ranks, kind="stable")
    starts = np.zeros(len(keys) + 1, np.int64)
    np.cumsum(np.bincount(ranks, minlength=len(keys)), out=starts[1:])
    return Segment(rows[order], lengths[order], keys, starts, place[documents][by_term], frequencies[by_term])


def merge(parts: Sequence[Part]) -> Segment:
    """Join segments into one and leave their dead documents out.

    Args:
        parts: No row is alive in two of them.
    """
    living = [_compacted(part) for part in parts]
    rows = np.concatenate([segment.rows for segment in living] or [np.empty(0, np.int64)])
    order = np.argsort(rows, kind="stable")
    place = np.empty(len(rows), np.int32)
    place[order] = np.arange(len(rows), dtype=np.int32)
    keys = np.unique(np.concatenate([segment.keys for segment in living] or [np.empty(0, np.uint64)]))
    counts = np.zeros(len(keys), np.int64)
    positions = [keys.searchsorted(segment.keys) for segment in living]
    for segment, position in zip(living, positions, strict=True):
        counts[position] += np.diff(segment.starts)
    starts = np.zeros(len(keys) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    free = starts[:-1].copy()  # where the next segment's postings of each term go
    documents = np.empty(int(starts[-1]), np.int32)
    frequencies = np.empty(int(starts[-1]), np.float32)
    base = 0
    for segment, position in zip(living, positions, strict=True):
        sizes = np.diff(segment.starts)
        target = np.repeat(free[position] - segment.starts[:-1], sizes)
        target += np.arange(len(target))
        documents[target] = place[base : base + len(segment.rows)][segment.documents]
        frequencies[target] = segment.frequencies
        free[position] += sizes
        base += len(segment.rows)
    lengths = np.concatenate([segment.lengths for segment in living] or [np.empty(0, np.float32)])
    return Segment(rows[order], lengths[order], keys, starts, documents, frequencies)


def _compacted(part: Part) -> Segment:
    segment, alive = part.segment, part.alive
    if alive is None:
        return segment
    place = (np.cumsum(alive) - 1).astype(np.int32)
    kept = alive[segment.documents]
    before = np.zeros(len(kept) + 1, np.int64)
    np.cumsum(kept, out=before[1:])
    starts = before[segment.starts]
    used = np.diff(starts) > 0
    return Segment(
        segment.rows[alive],
        segment.lengths[alive],
        segment.keys[used],
        np.concatenate([starts[:-1][used], starts[-1:]]),
        place[segment.documents[kept]],
        segment.frequencies[kept],
    )
