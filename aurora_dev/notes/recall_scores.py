"""In which order memories are recalled: relevance first, then how recent, important and used they are.

The blend is multiplicative: what has nothing to do with the query is not lifted by being important. The idea of scoring
memories by recency, importance and relevance is that of Park et al. (2023), "Generative Agents". The weights were
measured by ``benchmarks/notes.py``.
"""

from __future__ import annotations

import math
from typing import Final

from aurora_dev.notes.model.types import LEAST_IMPORTANCE, MOST_IMPORTANCE

# Of a memory's relevance, the share that recency, importance and use together can take away. At 0.35 the newer, the
# weightier and the more used of two that say the same come first in 95, 90 and 85 % of the cases, and priors drawn at
# random cost no MRR; at 0.5 they cost 0.013.
PRIOR_SHARE: Final = 0.35
RECENCY_WEIGHT: Final = 0.4
IMPORTANCE_WEIGHT: Final = 0.45
USE_WEIGHT: Final = 0.15
# After so many days half of the recency is left.
HALF_LIFE_DAYS: Final = 60.0
# So many uses and repetitions count in full.
FULL_USE: Final = 20.0
# Relevance is this share of cosine, and the rest of the keyword score over the best of the search: from 0.3 to 0.7 all
# are equal within 0.005 MRR, either alone is worse.
COSINE_SHARE: Final = 0.6

_DAY = 86_400.0


def relevance(cosine: float | None, keyword: float, best_keyword: float) -> float:
    """Return how much a memory has to do with a query, 0..1.

    Args:
        cosine: Of the two vectors; ``None`` where there are none, so that words alone decide.
        keyword: The keyword score (BM25), 0 where no word is shared.
        best_keyword: The best of the search.
    """
    words = keyword / best_keyword if best_keyword > 0 else 0.0
    if cosine is None:
        return words
    return COSINE_SHARE * max(0.0, min(1.0, cosine)) + (1.0 - COSINE_SHARE) * words


def recency(age: float) -> float:
    """Return 1 for what was learned just now, halved with every `HALF_LIFE_DAYS`; ``age`` is in seconds."""
    return float(0.5 ** (max(0.0, age) / _DAY / HALF_LIFE_DAYS))


def importance_share(importance: int) -> float:
    """Return an importance of 1..10 as 0..1."""
    return (importance - LEAST_IMPORTANCE) / (MOST_IMPORTANCE - LEAST_IMPORTANCE)


def use_share(uses: int) -> float:
    """Return how much a memory is used, 0..1: the first uses say more than the later ones."""
    return min(1.0, math.log1p(max(0, uses)) / math.log1p(FULL_USE))


def blended(relevant: float, age: float, importance: int, uses: int) -> float:
    """Return the score of a memory, 0..1.

    Args:
        relevant: `relevance`.
        age: Seconds since it was learned or last changed.
        importance: 1..10.
        uses: How often it was said again or recalled.
    """
    prior = (
        RECENCY_WEIGHT * recency(age) + IMPORTANCE_WEIGHT * importance_share(importance) + USE_WEIGHT * use_share(uses)
    )
    return relevant * (1.0 - PRIOR_SHARE + PRIOR_SHARE * prior)
