"""How much a reranker's word counts beside the first stage's: by kind of query, measured for each model.

A small cross-encoder reads a passage. What paths, definitions and the number of hits in a file say, it cannot see, so
on code its score is one piece of evidence, and the first stage's another. Its probabilities are calibrated for no
single project; what carries over from one to the next is which candidates of a query it prefers and by how much, so its
scores are compared within the query (`standing`) before they are blended.

`BUNDLED_FUSION` was found by ``benchmarks/tune_reranking.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aurora_dev.core.signals import QueryProfile, definition_signal
from aurora_dev.core.types import SearchResult

# A probability of 0 or 1 has no finite logit; nothing beyond these says more.
_SMALLEST_PROBABILITY = 1e-6
# Candidates of nearly equal logits are not pulled apart: a spread below this is noise.
_LEAST_SPREAD = 0.5
# Standings of two deviations above and below the mean are 1 and 0.
_DEVIATIONS = 4.0

_QUESTION = re.compile(r"(?:how|why|what|where|when|which|who|does|do|is|are|can)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RerankFusion:
    """The weight of a reranker's standing for each kind of query, 0..1; the rest is the first stage's.

    Attributes:
        symbol: For a query that is a symbol, where no candidate that leads defines it.
        question: For a sentence that asks.
        words: For anything else.
    """

    symbol: float
    question: float
    words: float

    def weight(self, query: str) -> float:
        """Return the weight for a query."""
        if QueryProfile.of(query).is_symbol:
            return self.symbol
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


def standing(scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return how far each score is above or below the mean of its list, 0..1, by logits.

    Args:
        scores: Probabilities, shape ``(n,)``, 0..1; NaN where there is none.

    Returns:
        Shape ``(n,)``: 0.5 for the mean, 0 and 1 for two standard deviations from it and more; NaN stays.
    """
    given = np.clip(np.asarray(scores, dtype=np.float64), _SMALLEST_PROBABILITY, 1.0 - _SMALLEST_PROBABILITY)
    logits: npt.NDArray[np.float64] = np.log(given / (1.0 - given))
    known = logits[~np.isnan(logits)]
    if not len(known):
        return logits
    spread = max(float(known.std()), _LEAST_SPREAD)
    standings: npt.NDArray[np.float64] = np.clip(0.5 + (logits - known.mean()) / (_DEVIATIONS * spread), 0.0, 1.0)
    return standings


# Leave-one-package-out over fastapi, httpx, zod, express and click chose these, or neighbours that differ by less than
# one query's rank.
BUNDLED_FUSION = RerankFusion(symbol=0.2, question=0.35, words=0.35)
"""For `aurora_dev.core.onnx_reranker.BundledReranker`."""
