"""How a reranker's scores and the first stage's are put together: by kind of query, measured for each model.

A small cross-encoder reads a passage and the line above it. What the number of hits in a file and the rarity of words
say, it cannot see, so on code its score is one piece of evidence, and the first stage's another. Which file answers,
and which passage of it, are two questions. So a file's passages keep the places that the first stage gave to the file,
the best of these places moves by what the reranker finds in the whole file, and within the file the passages trade
places by what it finds in each. Where a query describes one place, a passage also moves among those of other files. A
passage of a few lines seldom says what its file is about, so the reranker also reads outlines: the path of a file and
the names in it.

Its probabilities are calibrated for no single project; what carries over from one to the next is which candidates of a
query it prefers and by how much, so logits are compared within a query. `BUNDLED_FUSION` was found by
``benchmarks/tune_reranking.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aurora_dev.core.record_kinds import is_commit
from aurora_dev.core.search.signals import REPEAT_DECAY, QueryProfile, definition_signal
from aurora_dev.core.text.document_text import outline_text
from aurora_dev.core.types import QueryKind, RerankWeights, SearchResult

Figures = npt.NDArray[np.float64]

# A probability of 0 or 1 has no finite logit; nothing beyond these says more.
_SMALLEST_PROBABILITY = 1e-6
# Candidates of nearly equal logits are not pulled apart: where they differ by less than this, the model is not sure.
_LEAST_SPREAD = 2.0
# Nobody stands further than this many deviations from the mean.
_FURTHEST = 3.0
# Within a file, the share of the first stage's best passage that another one has counts so much beside deviations.
_STAGE1_WITHIN = 1.0

# First-stage scores of 0..1 and this much to both sides become a score of 0..1; what moves further makes room. With
# more, scores lie closer together, and contexts show less of the best files in full (benchmarks/results/context.md).
_ROOM = 0.4

# "Where", "which" and "what" ask for a place, as a description does.
_QUESTION = re.compile(r"(?:how|why)\b", re.IGNORECASE)
# So many words name particulars, of a question as of anything else; so few of a description name a concern.
_LONG_QUESTION = 12
_SHORT_DESCRIPTION = 5


def kind_of(query: str, candidates: Sequence[SearchResult]) -> QueryKind:
    """Return which weights of a `RerankFusion` count for a query and its first candidates."""
    in_files = sum(1 for result in candidates if _path(result) is not None)
    if 2 * in_files < len(candidates):
        return "notes"
    words = len(query.split())
    if QueryProfile.of(query).is_symbol or words == 1:
        return "name"
    if _QUESTION.match(query.strip()) and words < _LONG_QUESTION:
        return "question"
    return "topic" if words <= _SHORT_DESCRIPTION else "words"


def is_description(kind: QueryKind) -> bool:
    """Return whether a kind of query describes what is looked for: keywords choose some of what is read then."""
    return kind in ("topic", "words")


def is_settled(query: str, candidates: Sequence[SearchResult]) -> bool:
    """Return whether the first stage is sure: the query is a symbol, and the best candidate defines it.

    Reading text adds nothing then: a definition of the very name that was asked for is the answer, and among several
    of them file names decide better.
    """
    profile = QueryProfile.of(query)
    if not profile.is_symbol or not candidates:
        return False
    return bool(definition_signal(profile, [candidates[0].metadata])[0] >= 1.0)


def reading(candidates: Sequence[SearchResult], read: int, by_keyword: int) -> list[int]:
    """Choose what is read: the first candidates, and of the others those with the best keyword scores.

    Args:
        candidates: In the order of the first stage.
        read: How many are read.
        by_keyword: How many of these keywords choose, at most a fifth; commits are none of them, since they stand
            among others only where nobody asked for them.

    Returns:
        Rows of ``candidates``, ascending.
    """
    read = min(read, len(candidates))
    first = read - min(by_keyword, read // 5)
    others = [row for row in range(first, len(candidates)) if not is_commit(candidates[row].metadata)]
    chosen = sorted(others, key=lambda row: -candidates[row].scores.get("keyword", 0.0))[: read - first]
    return [*range(first), *sorted(chosen)]


def outlines_of(candidates: Iterable[SearchResult], most: int) -> dict[str, str]:
    """Return the outlines of the first files among candidates, by path; at most so many."""
    found: dict[str, str] = {}
    for result in candidates:
        if len(found) == most:
            break
        path, outline = _path(result), outline_text(result.metadata)
        if path is not None and outline is not None:
            found.setdefault(path, outline)
    return found


def fuse(
    candidates: Sequence[SearchResult],
    scores: npt.ArrayLike,
    weights: RerankWeights,
    outlines: Mapping[str, float] | None = None,
) -> Figures:
    """Return what read candidates are ordered by.

    Args:
        candidates: What was read, in the order of the first stage, at least one.
        scores: The reranker's probabilities, shape ``(n,)``, 0..1; NaN where it gave none.
        weights: What was measured for the kind of query.
        outlines: By path, the probabilities that it gave to outlines of files; no NaN.

    Returns:
        Shape ``(n,)``, float64 in 0..1. A file's passages share the first stage's scores for that file.
    """
    logits = _logits(scores)
    best = max(result.score for result in candidates) or 1.0
    stage1 = np.array([result.score / best for result in candidates])
    rows: dict[object, list[int]] = {}
    for row, result in enumerate(candidates):
        path = _path(result)
        rows.setdefault(row if path is None else path, []).append(row)
    # The sum of odds: many passages that may answer speak for a file, one that does answer as well.
    evidence = np.empty(len(candidates))
    for group in rows.values():
        evidence[group] = np.logaddexp.reduce(logits[group])
    own, of_file = _deviations(logits), _deviations(evidence)
    of_outline: dict[object, float] = {}
    if outlines:
        # A file whose outline was not read stands where the average one does.
        of_outline = dict(zip(outlines, _deviations(_logits(list(outlines.values()))).tolist(), strict=True))
    decay = 1.0
    if "signals" in candidates[0].scores and "mmr" not in candidates[0].scores:
        decay = REPEAT_DECAY  # as the first stage has it; about, where passages between were not read
    fused = np.empty(len(candidates))
    for file, group in rows.items():
        places = stage1[group]
        undiscounted = places / decay ** np.arange(len(group))
        liked = _STAGE1_WITHIN * undiscounted / (undiscounted.max() or 1.0) + own[group]
        places[0] += weights.file * of_file[group[0]] + weights.outline * of_outline.get(file, 0.0)
        fused[np.array(group)[np.argsort(-liked, kind="stable")]] = np.sort(places)[::-1]
    fused += weights.passage * own
    lowest, highest = min(-_ROOM, float(fused.min())), max(1.0 + _ROOM, float(fused.max()))
    scaled: Figures = (fused - lowest) / (highest - lowest)
    return scaled


def _logits(scores: npt.ArrayLike) -> Figures:
    given = np.clip(np.asarray(scores, dtype=np.float64), _SMALLEST_PROBABILITY, 1.0 - _SMALLEST_PROBABILITY)
    logits: Figures = np.log(given / (1.0 - given))
    known = logits[~np.isnan(logits)]
    # What has no score is ordered behind by the stage; here it must only not speak for its file.
    return np.where(np.isnan(logits), known.min() if len(known) else 0.0, logits)


def _deviations(figures: Figures) -> Figures:
    spread = max(float(figures.std()), _LEAST_SPREAD)
    deviations: Figures = np.clip((figures - figures.mean()) / spread, -_FURTHEST, _FURTHEST)
    return deviations


def _path(result: SearchResult) -> str | None:
    path = result.metadata.get("path")
    return path if isinstance(path, str) else None
