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
        read: How many candidates are read where ``rerank_top_k`` does not say.
    """

    name: float
    question: float
    words: float
    notes: float
    within: float
    read: int

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


def fuse(query: str, candidates: Sequence[SearchResult], scores: npt.ArrayLike, fusion: RerankFusion) -> Figures:
    """Return what read candidates are ordered by.

    Args:
        query: Its kind chooses the weight.
        candidates: What was read, in the order of the first stage.
        scores: The reranker's probabilities, shape ``(n,)``, 0..1; NaN where it gave none.
        fusion: What was measured.

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
    evidence = np.empty(len(candidates))
    for group in rows.values():
        evidence[group] = np.logaddexp.reduce(logits[group])
    own, of_file = _deviations(logits), _deviations(evidence)
    fused = np.empty(len(candidates))
    for group in rows.values():
        slots = np.sort(stage1[group])[::-1]
        slots[0] += weight * of_file[group[0]]
        decay = REPEAT_DECAY if "signals" in candidates[group[0]].scores else 1.0
        undiscounted = stage1[group] / decay ** np.arange(len(group))
        highest = float(undiscounted.max()) or 1.0
        liked = _STAGE1_WITHIN * undiscounted / highest + fusion.within * own[group]
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


def _deviations(figures: Figures) -> Figures:
    spread = max(float(figures.std()), _LEAST_SPREAD)
    deviations: Figures = np.clip((figures - figures.mean()) / spread, -_FURTHEST, _FURTHEST)
    return deviations


def _path(result: SearchResult) -> str | None:
    path = result.metadata.get("path")
    return path if isinstance(path, str) else None


BUNDLED_FUSION = RerankFusion(name=0.1, question=0.02, words=0.3, notes=0.5, within=1.0, read=15)
"""For `aurora_dev.core.onnx_reranker.BundledReranker`.

On fastapi, httpx, zod, express and click NDCG@10 is 0.877 beside 0.866 of the first stage, and 0.876 where each package
is judged with the weights that were best on the four others; with 80 to 150 candidates the gain is 0.012 to 0.013. From
``question`` 0.05 on, files that answer lose their places; ``words`` is flat from 0.25 to 0.5. Differences of 0.005 are
a single query whose answer moved.
"""
