"""The parts of a keyword index: immutable segments, and a small buffer that only grows.

Terms are kept as 64-bit digests instead of strings, so that vocabularies load, merge and look up as NumPy arrays; a
million terms take 8 MB. At five million terms, two share a digest with a probability below 10^-6, and then a search for
one also finds the other.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import TypeAlias

from aurora_dev.core.text.terms import UNCOUNTED_PREFIXES
from aurora_dev.lazy import np, npt

Rows: TypeAlias = "npt.NDArray[np.int64]"
# Document numbers within the segment, frequencies.
Postings: TypeAlias = "tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]"

# Weights outside this range are ignored: they make no sense, and float32 would overflow or underflow.
LEAST_WEIGHT = 1e-6
MOST_WEIGHT = 1e9


@cache
def _no_postings() -> Postings:
    return np.empty(0, np.int32), np.empty(0, np.float32)


def term_key(term: str) -> int:
    """Return the 64-bit digest of a term, the same in every process."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """An inverted index of ``n`` documents in compressed sparse rows; immutable, so searches need no lock.

    Attributes:
        rows: The caller's numbers of the documents: shape ``(n,)``, int64, strictly ascending.
        lengths: Sum of the frequencies of each document, without definitions and signs: shape ``(n,)``, float32.
        keys: `term_key` of each term: shape ``(v,)``, uint64, strictly ascending.
        starts: The postings of term ``i`` are ``starts[i]:starts[i + 1]``: shape ``(v + 1,)``, int64.
        documents: Positions in ``rows``, each at most once per term, in no particular order: shape ``(p,)``, int32.
        frequencies: Shape ``(p,)``, float32, above 0.
    """

    rows: Rows
    lengths: npt.NDArray[np.float32]
    keys: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int32]
    frequencies: npt.NDArray[np.float32]

    def postings(self, keys: npt.NDArray[np.uint64]) -> list[Postings]:
        """Return the postings of each term, including deleted documents.

        Args:
            keys: `term_key` of each term: uint64, in any order.
        """
        if not len(self.keys):
            return [_no_postings()] * len(keys)
        at = np.minimum(self.keys.searchsorted(keys), len(self.keys) - 1)
        known = self.keys[at] == keys
        spans = zip(known.tolist(), self.starts[at].tolist(), self.starts[at + 1].tolist(), strict=True)
        return [
            (self.documents[start:stop], self.frequencies[start:stop]) if is_known else _no_postings()
            for is_known, start, stop in spans
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A segment with deletion marks.

    Attributes:
        alive: Shape ``(n,)``, bool; ``None`` while no document is deleted.
        count: Number of live documents.
    """

    segment: Segment
    alive: npt.NDArray[np.bool_] | None
    count: int


class Buffer:
    """The latest documents as lists of postings per term, so that adding one takes microseconds.

    It only grows. A reader passes the number of documents that it knows of and sees nothing appended later, so one
    writer can append during searches.
    """

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.lengths: list[float] = []
        self._postings: dict[str, tuple[list[int], list[float]]] = {}

    def extend(self, documents: Mapping[int, Mapping[str, float]]) -> float:
        """Add documents by row and return the sum of their lengths."""
        # Whatever can fail comes first: the postings of a half-added document would count for the next one.
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
            counted = [value for term, value in terms if not term.startswith(UNCOUNTED_PREFIXES)]
            self.lengths.append(float(np.array(counted, np.float32).cumsum(dtype=np.float64)[-1]) if counted else 0.0)
            self.lengths[-1] = float(np.float32(self.lengths[-1]))
            self.rows.append(row)
            total += self.lengths[-1]
        return total

    def postings(self, term: str, size: int) -> Postings:
        """Return the postings of a term among the first ``size`` documents."""
        found = self._postings.get(term)
        if found is None:
            return _no_postings()
        count = bisect_left(found[0], size)
        return np.array(found[0][:count], np.int32), np.array(found[1][:count], np.float32)

    def segment(self) -> Segment:
        """Return all documents as a segment, sorted by row."""
        counts = [len(documents) for documents, _ in self._postings.values()]
        documents = np.array([number for found, _ in self._postings.values() for number in found], np.int32)
        frequencies = np.array([value for _, found in self._postings.values() for value in found], np.float32)
        terms = np.repeat(np.arange(len(counts)), counts)
        lengths = np.array(self.lengths, np.float32)
        return _assemble(np.array(self.rows, np.int64), lengths, list(self._postings), terms, documents, frequencies)


class _Numbers(dict[str, int]):
    """A dictionary that numbers terms in the order of first use."""

    def __missing__(self, term: str) -> int:
        self[term] = number = len(self)
        return number


def build_segment(rows: Sequence[int], terms: Sequence[Mapping[str, float]]) -> Segment:
    """Index many documents at once.

    Args:
        rows: Numbers of the documents, each once.
        terms: The frequency of each term, per document. Frequencies outside `LEAST_WEIGHT`..`MOST_WEIGHT` are ignored.
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
    counted = np.fromiter(map(str.startswith, names, repeat(UNCOUNTED_PREFIXES)), np.bool_, len(names))[term_ids]
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
    """Merge segments into one without their deleted documents.

    Args:
        parts: No row may be live in two of them.
    """
    live = [_live_segment(part) for part in parts]
    rows = np.concatenate([segment.rows for segment in live] or [np.empty(0, np.int64)])
    order = np.argsort(rows, kind="stable")
    place = np.empty(len(rows), np.int32)
    place[order] = np.arange(len(rows), dtype=np.int32)
    keys = np.unique(np.concatenate([segment.keys for segment in live] or [np.empty(0, np.uint64)]))
    counts = np.zeros(len(keys), np.int64)
    positions = [keys.searchsorted(segment.keys) for segment in live]
    for segment, position in zip(live, positions, strict=True):
        counts[position] += np.diff(segment.starts)
    starts = np.zeros(len(keys) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    free = starts[:-1].copy()  # the next free position in the postings of each term
    documents = np.empty(int(starts[-1]), np.int32)
    frequencies = np.empty(int(starts[-1]), np.float32)
    base = 0
    for segment, position in zip(live, positions, strict=True):
        sizes = np.diff(segment.starts)
        target = np.repeat(free[position] - segment.starts[:-1], sizes)
        target += np.arange(len(target))
        documents[target] = place[base : base + len(segment.rows)][segment.documents]
        frequencies[target] = segment.frequencies
        free[position] += sizes
        base += len(segment.rows)
    lengths = np.concatenate([segment.lengths for segment in live] or [np.empty(0, np.float32)])
    return Segment(rows[order], lengths[order], keys, starts, documents, frequencies)


def _live_segment(part: Part) -> Segment:
    """Return the segment of a part without its deleted documents."""
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
