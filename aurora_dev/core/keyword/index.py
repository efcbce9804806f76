"""An incremental BM25 index in memory, with snapshots on disk.

Log-structured like Lucene: immutable segments, a small buffer for the latest documents, and deletion marks. Segments
are merged when there are too many or when they are mostly deleted. Document frequencies and the mean length always
count live documents only, so scores equal those of an index built from scratch.

Scores are Robertson's BM25 with Lucene's inverse document frequency, which is never negative:
``idf(t) = ln(1 + (N - n + 0.5) / (n + 0.5))`` and, for a document of length ``l`` that holds ``t`` with frequency
``f``, ``idf(t) · f · (k1 + 1) / (f + k1 · (1 - b + b · l / mean))`` (Robertson & Zaragoza, 2009).
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from aurora_dev.core.keyword.file import read_segment, write_segment
from aurora_dev.core.keyword.segments import (
    LEAST_WEIGHT,
    MOST_WEIGHT,
    Buffer,
    Part,
    Rows,
    build_segment,
    merge,
    term_key,
)
from aurora_dev.lazy import np, npt

K1 = 1.2  # how fast repetition saturates; Lucene's value
B = 0.75  # how strongly long documents are penalised; Lucene's value

ASIDE_TERM = "def:\0aside"
"""The term of documents that do not count in the statistics, as long as there are others.

They are found as all others are. But however many they are, and whatever they talk about, the others are ranked as if
they were not there. It has no length, and no text contains it.
"""

_BUFFER_DOCUMENTS = 256  # below this size, searching lists is faster than searching one more segment
_MERGE_RATIO = 4  # a segment is merged with the newer ones once they hold a quarter of its documents
_SPARSE = 16  # with this many times fewer allowed rows than documents, looking them up is faster than a mask
_MOST_TERMS = 64  # of a longer query, the terms that can add most to a score
_BLOCK = 64  # scores per block; `_best` compares the maxima of blocks first
_DEAD_SHARE = 0.25  # a segment with a larger share of deleted documents is rewritten


_Held: TypeAlias = "list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]"


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """An immutable snapshot that a search reads; every change replaces it as a whole.

    Attributes:
        parts: Segments, oldest first.
        buffer: The latest documents. Only its first ``buffered`` belong to this state, without ``buffer_dead``.
        documents: Number of live documents.
        length: Sum of their lengths. Lengths are float32 and the sum is float64, so subtracting one is exact.
    """

    parts: tuple[Part, ...]
    buffer: Buffer
    buffered: int
    buffer_dead: frozenset[int]
    documents: int
    length: float


class KeywordIndex:
    """A BM25 index over weighted terms, of documents that the caller numbers.

    Thread-safe. A search that runs during a change sees the index before or after it, never in between.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = _State((), Buffer(), 0, frozenset(), 0, 0.0)

    def __len__(self) -> int:
        """Return the number of documents."""
        return self._state.documents

    def add(self, rows: Sequence[int], terms: Sequence[Mapping[str, float]]) -> None:
        """Add documents. A document whose row is already present is replaced.

        Args:
            rows: Numbers of the documents (int64), in any order. If a number repeats, the last document wins.
            terms: The frequency of each term, per document. Frequencies outside 1e-6..1e9 are ignored. Terms that
                begin with ``def:`` do not count towards a document's length.

        Raises:
            ValueError: ``rows`` and ``terms`` differ in length; nothing was added.
        """
        if len(rows) != len(terms):
            raise ValueError(f"{len(rows)} rows were given for {len(terms)} documents; nothing was added")
        latest = dict(zip(map(int, rows), terms, strict=True))
        if not latest:
            return
        with self._lock:
            state = self._without(self._state, latest)
            if len(latest) < _BUFFER_DOCUMENTS:
                length = state.buffer.extend(latest)
                state = replace(state, buffered=len(state.buffer.rows), length=state.length + length)
                if state.buffered >= _BUFFER_DOCUMENTS:
                    state = _flushed(state)
            else:
                segment = build_segment(list(latest), list(latest.values()))
                length = float(segment.lengths.sum(dtype=np.float64))
                state = _flushed(replace(state, length=state.length + length))
                state = replace(state, parts=_compacted((*state.parts, Part(segment, None, len(latest)))))
            self._state = replace(state, documents=state.documents + len(latest))

    def remove(self, rows: Iterable[int]) -> None:
        """Remove documents; unknown rows are ignored."""
        with self._lock:
            self._state = self._without(self._state, rows)

    def search(
        self, terms: Mapping[str, float], top_k: int, allowed: npt.NDArray[np.int64] | None = None
    ) -> tuple[Rows, npt.NDArray[np.float32]]:
        """Return the documents with the best scores.

        Args:
            terms: The weight of each term. Weights outside 1e-6..1e9 are ignored. Of more than 64 terms, those with the
                highest product of weight and inverse document frequency count.
            top_k: Most documents to return.
            allowed: The rows to consider: shape ``(m,)``, int64, in any order; ``None``: all. The statistics are
                those of the whole index either way.

        Returns:
            Rows (int64) and scores (float32, above 0), best first; equal scores in ascending order of rows.
        """
        state = self._state
        wanted = [(term, weight) for term, weight in terms.items() if LEAST_WEIGHT <= weight <= MOST_WEIGHT]
        found: list[tuple[Rows, npt.NDArray[np.float32]]] = []
        if top_k > 0 and wanted and state.documents:
            if allowed is not None:
                allowed = np.asarray(allowed, np.int64)
            for rows, scores in _scored(state, wanted, allowed):
                found.append(_best(rows, scores, top_k))
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        rows = np.concatenate([rows for rows, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        order = np.lexsort((rows, -scores))[:top_k]
        return rows[order], scores[order]

    def holders(self, terms: Sequence[str]) -> list[int]:
        """Return the number of documents that hold each term, those aside left out."""
        state = self._state
        held, counted = _counted(state, terms)
        return [counted.holders(held, at) for at in range(len(terms))]

    def save(self, path: Path, header: Mapping[str, int | str]) -> None:
        """Write a snapshot, replacing an earlier one atomically.

        Args:
            path: The file. A temporary file beside it is written first, so a crash leaves the earlier snapshot.
            header: Small values that `load` returns.

        Raises:
            OSError: The file could not be written; the earlier snapshot is unchanged.
        """
        with self._lock:
            state = _flushed(self._state)
            if len(state.parts) != 1 or state.parts[0].alive is not None:
                segment = merge(state.parts)
                state = replace(state, parts=(Part(segment, None, len(segment.rows)),))
            self._state = state
        write_segment(path, state.parts[0].segment, header)

    @classmethod
    def load(cls, path: Path, most: int = sys.maxsize) -> tuple[KeywordIndex, dict[str, int | str]]:
        """Read a snapshot.

        Args:
            path: The file.
            most: Bytes; a larger file is not read.

        Returns:
            The index, and the header that was given to `save`.

        Raises:
            ValueError: The file is damaged, truncated, not a snapshot, or of another version: rebuild the index.
            OSError: The file is missing, cannot be read, is not a regular file, or is larger than ``most``.
        """
        segment, header = read_segment(path, most)
        index = cls()
        count = len(segment.rows)
        length = float(segment.lengths.sum(dtype=np.float64))
        parts = (Part(segment, None, count),) if count else ()
        index._state = _State(parts, Buffer(), 0, frozenset(), count, length)
        return index, header

    @staticmethod
    def _without(state: _State, rows: Iterable[int]) -> _State:
        """Return the state without the documents of some rows."""
        unwanted = np.unique(np.fromiter(map(int, rows), np.int64))
        if not len(unwanted) or not state.documents:
            return state
        parts, removed, length = [], 0, state.length
        for part in state.parts:
            at = _positions(part.segment.rows, unwanted)
            if part.alive is not None:
                at = at[part.alive[at]]
            if len(at):
                alive = np.ones(len(part.segment.rows), np.bool_) if part.alive is None else part.alive.copy()
                alive[at] = False
                part = Part(part.segment, alive, part.count - len(at))
                removed += len(at)
                length -= float(part.segment.lengths[at].sum(dtype=np.float64))
            parts.append(part)
        dead = _buffered_numbers(state, unwanted)
        length -= sum(state.buffer.lengths[number] for number in dead)
        removed += len(dead)
        if not removed:
            return state
        return replace(
            state,
            parts=_compacted(tuple(parts)) if removed > len(dead) else state.parts,
            buffer_dead=state.buffer_dead | dead,
            documents=state.documents - removed,
            length=length,
        )


def _buffered_numbers(state: _State, rows: Rows) -> frozenset[int]:
    """Return the positions in the buffer of the live documents with the given rows."""
    wanted = set(rows.tolist())
    return frozenset(
        number
        for number, row in enumerate(state.buffer.rows[: state.buffered])
        if row in wanted and number not in state.buffer_dead
    )


def _flushed(state: _State) -> _State:
    """Return the state with the buffer turned into a segment."""
    if not state.buffered:
        return state
    segment = state.buffer.segment()
    part = Part(segment, None, len(segment.rows))
    if state.buffer_dead:
        alive = np.ones(len(segment.rows), np.bool_)
        # The segment is sorted by row, and a replaced row is in the buffer twice.
        order = np.argsort(np.array(state.buffer.rows, np.int64), kind="stable")
        alive[np.isin(order, list(state.buffer_dead))] = False
        part = Part(segment, alive, int(alive.sum()))
        part = Part(merge([part]), None, part.count)
    return replace(state, parts=_compacted((*state.parts, part)), buffer=Buffer(), buffered=0, buffer_dead=frozenset())


def _compacted(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Merge segments until each is at least `_MERGE_RATIO` times as large as all newer ones, and mostly alive."""
    parts = tuple(part for part in parts if part.count)
    newer = 0
    cut = len(parts)  # all parts from here on are merged into one
    for position in range(len(parts) - 1, -1, -1):
        if newer and parts[position].count < _MERGE_RATIO * newer:
            cut = position
        newer += parts[position].count
    if cut < len(parts):
        segment = merge(parts[cut:])
        parts = (*parts[:cut], Part(segment, None, len(segment.rows)))
    return tuple(
        part if part.count >= (1.0 - _DEAD_SHARE) * len(part.segment.rows) else _rewritten(part) for part in parts
    )


def _rewritten(part: Part) -> Part:
    return Part(merge([part]), None, part.count)


def _positions(rows: Rows, wanted: Rows) -> npt.NDArray[np.int64]:
    """Return the positions of the wanted rows that exist; both arrays are strictly ascending."""
    at = rows.searchsorted(wanted)
    known = at < len(rows)
    at, wanted = at[known], wanted[known]
    found: npt.NDArray[np.int64] = at[rows[at] == wanted]
    return found


def _scored(
    state: _State, terms: list[tuple[str, float]], allowed: Rows | None
) -> Iterable[tuple[Rows, npt.NDArray[np.float32]]]:
    """Yield rows and scores of equal shape, segment by segment, including scores of 0."""
    held, counted = _counted(state, [term for term, _ in terms])
    weights = []
    for position, (_, weight) in enumerate(terms):
        holders = counted.holders(held, position)
        weights.append(weight * math.log1p((counted.documents - holders + 0.5) / (holders + 0.5)) * (K1 + 1.0))
    if len(weights) > _MOST_TERMS:
        kept = sorted(range(len(weights)), key=lambda at: -weights[at])[:_MOST_TERMS]
        weights = [weights[at] for at in kept]
        held = [[found[at] for at in kept] for found in held]
    mean = counted.length / counted.documents or 1.0
    sources = [(part.segment.rows, part.segment.lengths, True) for part in state.parts]
    if state.buffered:
        rows = np.array(state.buffer.rows[: state.buffered], np.int64)
        sources.append((rows, np.array(state.buffer.lengths[: state.buffered], np.float32), False))
    for (rows, lengths, ordered), found in zip(sources, held, strict=True):
        if any(len(documents) for documents, _ in found):
            scores = _scores(lengths, found, weights, mean)
            if allowed is None:
                yield rows, scores
            else:
                chosen = _allowed_rows(rows, allowed, ordered)
                yield rows[chosen], scores[chosen]


@dataclass(frozen=True, slots=True)
class _Counted:
    """The documents that count in the statistics of a state.

    Attributes:
        documents: Their number.
        length: The sum of their lengths.
        masks: For each segment and then the buffer, which documents count; ``None`` if all do.
    """

    documents: int
    length: float
    masks: list[npt.NDArray[np.bool_]] | None = None

    def holders(self, held: Sequence[_Held], position: int) -> int:
        """Return the number of documents that hold a term, given the postings of all terms."""
        if self.masks is None:
            return sum(len(found[position][0]) for found in held)
        return sum(
            int(np.count_nonzero(mask[found[position][0]])) for found, mask in zip(held, self.masks, strict=True)
        )


def _counted(state: _State, terms: Sequence[str]) -> tuple[list[_Held], _Counted]:
    """Return the postings of terms, and the documents that count; all of them if every one is aside."""
    held = _postings(state, [*terms, ASIDE_TERM])
    asides = [found[-1][0] for found in held]
    held = [found[:-1] for found in held]
    aside = sum(map(len, asides))
    if not aside or aside >= state.documents:
        return held, _Counted(state.documents, state.length)
    lengths = [part.segment.lengths for part in state.parts]
    if state.buffered:
        lengths.append(np.array(state.buffer.lengths[: state.buffered], np.float32))
    masks, length = [], state.length
    for all_lengths, documents in zip(lengths, asides, strict=True):
        mask = np.ones(len(all_lengths), np.bool_)
        mask[documents] = False
        masks.append(mask)
        length -= float(all_lengths[documents].sum(dtype=np.float64))
    return held, _Counted(state.documents - aside, length, masks)


def _postings(state: _State, terms: Sequence[str]) -> list[list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]]:
    """Return, for each segment and then the buffer, the live documents and frequencies of each term."""
    keys = np.array([term_key(term) for term in terms], np.uint64)
    held = [part.segment.postings(keys) for part in state.parts]
    for part, found in zip(state.parts, held, strict=True):
        if part.alive is not None:
            found[:] = [(documents[live := part.alive[documents]], values[live]) for documents, values in found]
    if state.buffered:
        found = [state.buffer.postings(term, state.buffered) for term in terms]
        if state.buffer_dead:
            alive = np.ones(state.buffered, np.bool_)
            alive[list(state.buffer_dead)] = False
            found = [(documents[live := alive[documents]], values[live]) for documents, values in found]
        held.append(found)
    return held


def _allowed_rows(rows: Rows, allowed: Rows, ordered: bool) -> npt.NDArray[np.bool_] | npt.NDArray[np.int64]:
    """Return the positions of the allowed rows, or a mask of them."""
    if ordered and _SPARSE * len(allowed) < len(rows):
        return _positions(rows, np.unique(allowed))
    return np.isin(rows, allowed)


def _scores(
    lengths: npt.NDArray[np.float32],
    found: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]],
    weights: list[float],
    mean: float,
) -> npt.NDArray[np.float32]:
    """Return the BM25 score of each document of a segment: shape ``(n,)``, float32."""
    # Term by term in float32 is more than twice as fast as one np.bincount over all postings, which works in float64.
    norms = np.float32(K1 * (1.0 - B)) + np.float32(K1 * B / mean) * lengths
    scores = np.zeros(len(lengths), np.float32)
    for (documents, frequencies), weight in zip(found, weights, strict=True):
        share = norms.take(documents)
        share += frequencies
        np.divide(frequencies, share, out=share)
        share *= np.float32(weight)
        scores[documents] += share  # a document is at most once in the postings of a term
    return scores


def _best(rows: Rows, scores: npt.NDArray[np.float32], top_k: int) -> tuple[Rows, npt.NDArray[np.float32]]:
    """Return at least the ``top_k`` best, including ties with the last of them, without scores of 0."""
    # Partitioning all scores costs more than computing them. At least top_k scores reach the top_k-th best block
    # maximum, since that many blocks do, so everything below it can be dropped first.
    blocks = len(scores) // _BLOCK
    least = np.float32(0)
    if blocks > top_k:
        maxima = scores[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
        least = np.partition(maxima, blocks - top_k)[blocks - top_k]
    at = np.flatnonzero(scores >= least) if least > 0 else np.flatnonzero(scores)
    if len(at) > top_k:
        remaining = scores[at]
        at = at[remaining >= np.partition(remaining, len(at) - top_k)[len(at) - top_k]]
    return rows[at], scores[at]
