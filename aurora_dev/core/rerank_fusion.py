"""How a reranker's scores and the first stage's are put together: by kind of query, measured for each model.

A small cross-encoder reads a passage. What paths, definitions and the number of hits in a file say, it cannot see, so
on code its score is one piece of evidence, and the first stage's another. Which file answers, and which passage of it,
are two questions: the first stage knows more of the one, the reranker of the other. So a file's passages keep the
places that the first stage gave to the file, the best place moves by what the reranker finds in the whole file, and
within the file the passages trade places by what it finds in each.

Its probabilities are calibrated for no single project; what carries over from one to the next is which candidates of a
query it prefers and by how much, so logits are compared within a query. `BUNDLED_FUSION` was found by
``benchmarks/tune_reranking.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aurora_dev.core.signals import REPEAT_DECAY, QueryProfile, definition_signal
from aurora_dev.core.types import SearchResult

Figures = npt.NDArray[np.float64]

# A probability of 0 or 1 has no finite logit; nothing beyond these says more.
_SMALLEST_PROBABILITY = 1e-6
# Candidates of nearly equal logits are not pulled apart: a spread below this is noise.
_LEAST_SPREAD = 0.5
# Nobody stands further than this many deviations from the mean.
_FURTHEST = 3.0
# Within a file, what the first stage thinks of a passage counts half beside the reranker's deviations at `within`.
_STAGE1_WITHIN = 0.5

_QUESTION = re.compile(r"(?:how|why|what|where|when|which|who|does|do|is|are|can)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RerankFusion:
    """What was measured of a reranker beside the first stage.

    The weights are what one standard deviation of logits is worth, in parts of the best first-stage score.

    Attributes:
        name: For a query that is one word or one symbol, and that no definition settles.
        question: For a sentence that asks: on code mostly how several parts work together.
        words: For anything else.
        notes: For any query over texts that stand in no file.
        within: For the order of a file's passages among themselves.
        lead: How many candidates are read in the order of the first stage, at least; they speak for their files.
        more: How many are read besides, chosen by `reading`; they may take a better place of their file.
    """

    name: float
    question: float
    words: float
    notes: float
    within: float
    lead: int
    more: int

    def read(self, top_k: int) -> int:
        """Return how many candidates are read for ``top_k`` results."""
        return max(self.lead, top_k) + self.more

    def leaders(self, read: int) -> int:
        """Return how many of ``read`` candidates are the first ones of the first stage: at least half."""
        return max(read - self.more, (read + 1) // 2)

    def weight(self, query: str, candidates: Sequence[SearchResult]) -> float:
        """Return the weight of the order of files for a query."""
        in_files = sum(1 for result in candidates if _path(result) is not None)
        if 2 * in_files < len(candidates):
            return self.notes
        if QueryProfile.of(query).is_symbol or len(query.split()) == 1:
            return self.name
        return self.question if _QUESTION.match(query.strip()) else self.words


def is_settled(query: str, candidates: Sequence[SearchResult]) -> bool:
    """Return whether the first stage is sure: the query is a symbol, and the best candidate defines it.

    Reading text adds nothing then: a definition of the very name that was asked for is the answer, and among several
    of them file names decide better.
    """
    profile = QueryProfile.of(query)
    if not profile.is_symbol or not candidates:
        return False
    return bool(definition_signal(profile, [candidates[0].metadata])[0] >= 1.0)


def reading(candidates: Sequence[SearchResult], read: int, leaders: int) -> list[int]:
    """Choose what is read: the first candidates, then the best of the others without the discount for repeats.

    The first stage discounts a file's further chunks, to spread a page of results over files. The second function of a
    file may be the answer all the same, and stands behind thirty other files.

    Returns:
        Rows of ``candidates``, ascending; the first ``leaders`` of them are 0 and up.
    """
    others = range(leaders, len(candidates))
    undiscounted = _undiscounted(candidates)
    more = sorted(others, key=lambda row: -undiscounted[row])[: max(0, read - leaders)]
    return [*range(min(leaders, len(candidates))), *sorted(more)]


def fuse(
    query: str, candidates: Sequence[SearchResult], scores: npt.ArrayLike, fusion: RerankFusion, leaders: int
) -> Figures:
    """Return what read candidates are ordered by.

    Args:
        query: Its kind chooses the weight.
        candidates: What was read, in the order of the first stage.
        scores: The reranker's probabilities, shape ``(n,)``, 0..1; NaN where it gave none.
        fusion: What was measured.
        leaders: How many of the candidates speak for their files: the first ones.

    Returns:
        Shape ``(n,)``, float64 in 0..1. A file's passages share the first stage's scores for that file.
    """
    logits = _logits(scores)
    weight = fusion.weight(query, candidates)
    best = max(result.score for result in candidates) or 1.0
    stage1 = np.array([result.score / best for result in candidates])
    rows: dict[object, list[int]] = {}
    for row, result in enumerate(candidates):
        path = _path(result)
        rows.setdefault(row if path is None else path, []).append(row)
    # The sum of odds: many passages that may answer speak for a file, one that does answer as well.
    evidence = np.full(len(candidates), np.nan)
    for group in rows.values():
        if speaking := [row for row in group if row < leaders]:
            evidence[group] = np.logaddexp.reduce(logits[speaking])
    evidence[np.isnan(evidence)] = np.nanmin(evidence)
    own, of_file = _deviations(logits), _deviations(evidence, evidence[:leaders])
    undiscounted = np.array(_undiscounted(candidates))
    fused = np.empty(len(candidates))
    for group in rows.values():
        slots = np.sort(stage1[group])[::-1]
        slots[0] += weight * of_file[group[0]]
        highest = float(undiscounted[group].max()) or 1.0
        liked = _STAGE1_WITHIN * undiscounted[group] / highest + fusion.within * own[group]
        fused[np.array(group)[np.argsort(-liked, kind="stable")]] = np.sort(slots)[::-1]
    span = 1.0 + 2.0 * _FURTHEST * weight
    scaled: Figures = np.clip((fused + _FURTHEST * weight) / span, 0.0, 1.0)
    return scaled


def _logits(scores: npt.ArrayLike) -> Figures:
    given = np.clip(np.asarray(scores, dtype=np.float64), _SMALLEST_PROBABILITY, 1.0 - _SMALLEST_PROBABILITY)
    logits: Figures = np.log(given / (1.0 - given))
    known = logits[~np.isnan(logits)]
    # What has no score is ordered behind by the stage; here it must only not speak for its file.
    return np.where(np.isnan(logits), known.min() if len(known) else 0.0, logits)


def _deviations(figures: Figures, among: Figures | None = None) -> Figures:
    among = figures if among is None else among
    spread = max(float(among.std()), _LEAST_SPREAD)
    deviations: Figures = np.clip((figures - among.mean()) / spread, -_FURTHEST, _FURTHEST)
    return deviations


def _undiscounted(candidates: Sequence[SearchResult]) -> list[float]:
    """Return the first stage's scores without its discount for a file's further chunks, which stand in its order."""
    seen: dict[str, int] = {}
    scores = []
    for result in candidates:
        path = _path(result)
        repeats = seen.get(path, 0) if path is not None and "signals" in result.scores else 0
        scores.append(result.score / REPEAT_DECAY**repeats)
        if path is not None:
            seen[path] = repeats + 1
    return scores


def _path(result: SearchResult) -> str | None:
    path = result.metadata.get("path")
    return path if isinstance(path, str) else None


BUNDLED_FUSION = RerankFusion(name=0.1, question=0.02, words=0.3, notes=0.5, within=1.0, lead=15, more=0)
"""For `aurora_dev.core.onnx_reranker.BundledReranker`.

On fastapi, httpx, zod, express and click NDCG@10 is 0.877 beside 0.866 of the first stage, and 0.876 where each package
is judged with the weights of questions and words that were best on the four others. From ``question`` 0.05 on, files
that answer lose their places. Fewer leaders and some ``more`` gave up to 0.884 there, but did not hold on the packages
that are kept for reporting, where these numbers, chosen before, did: with a hundred queries to tune on, 0.005 is noise.
"""
