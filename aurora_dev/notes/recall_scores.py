"""Scores of recalled notes: relevance, reduced for notes that are old, unimportant or little used.

The score is a product, so that importance never lifts a note that has nothing to do with the query. Scoring by recency,
importance and relevance follows Park et al. (2023), "Generative Agents". The weights were measured by
``benchmarks/notes.py``.
"""

from __future__ import annotations

import math
from typing import Final

from aurora_dev.notes.model.types import LEAST_IMPORTANCE, MOST_IMPORTANCE

# Share of the relevance that recency, importance and use can take away together. At 0.35 the newer, the more important
# and the more used of two notes that say the same come first in 95, 90 and 85 % of the cases, and random priors cost no
# MRR; at 0.5 they cost 0.013.
PRIOR_SHARE: Final = 0.35
RECENCY_WEIGHT: Final = 0.4
IMPORTANCE_WEIGHT: Final = 0.45
USE_WEIGHT: Final = 0.15
HALF_LIFE_DAYS: Final = 60.0  # days after which recency has halved
FULL_USE: Final = 20.0  # uses and repetitions from which the use share is 1
# Share of the cosine in the relevance; the rest is the keyword score divided by the best of the search. From 0.3 to 0.7
# all values are equal within 0.005 MRR; either score alone is worse.
COSINE_SHARE: Final = 0.6

_DAY = 86_400.0


# A note has to do with a query if it is this near, or if it shares words and is not far. Measured with the bundled
# embedder: the cosine of unrelated sentences of one project is below 0.3.
_LEAST_COSINE: Final = 0.3
_LEAST_COSINE_WITH_WORDS: Final = 0.1
_MOST_WORDS: Final = 0.5  # share of the query's words from which the cosine does not matter


def is_relevant(cosine: float | None, keyword: float, shared: float) -> bool:
    """Return whether a note has to do with a query at all.

    Args:
        cosine: Cosine of the two vectors; ``None`` where there are no vectors.
        keyword: Keyword score (BM25), 0 where no word is shared.
        shared: Share of the query's words that the note has, 0..1.
    """
    if cosine is None:
        return keyword > 0
    if keyword > 0 and (shared >= _MOST_WORDS or cosine >= _LEAST_COSINE_WITH_WORDS):
        return True
    return cosine >= _LEAST_COSINE


def relevance(cosine: float | None, keyword: float, best_keyword: float) -> float:
    """Return how relevant a note is to a query, 0..1.

    Args:
        cosine: Cosine of the two vectors; ``None`` where there are no vectors, so that words alone decide.
        keyword: Keyword score (BM25), 0 where no word is shared.
        best_keyword: Best keyword score of the search.
    """
    words = keyword / best_keyword if best_keyword > 0 else 0.0
    if cosine is None:
        return words
    return COSINE_SHARE * max(0.0, min(1.0, cosine)) + (1.0 - COSINE_SHARE) * words


def recency(age: float) -> float:
    """Return the recency of a note, 0..1: 1 at an age of 0, halved every `HALF_LIFE_DAYS`.

    Args:
        age: Seconds since the note was created or last changed.
    """
    return float(0.5 ** (max(0.0, age) / _DAY / HALF_LIFE_DAYS))


def importance_share(importance: int) -> float:
    """Return an importance of 1..10, scaled to 0..1."""
    return (importance - LEAST_IMPORTANCE) / (MOST_IMPORTANCE - LEAST_IMPORTANCE)


def use_share(uses: int) -> float:
    """Return the use of a note, 0..1, on a logarithmic scale: the first uses count more than later ones."""
    return min(1.0, math.log1p(max(0, uses)) / math.log1p(FULL_USE))


def recall_score(relevance: float, age: float, importance: int, uses: int) -> float:
    """Return the score of a note, 0..1.

    Args:
        relevance: Relevance to the query, 0..1; see `relevance`.
        age: Seconds since the note was created or last changed.
        importance: 1..10.
        uses: Number of times that it was repeated or recalled.
    """
    prior = (
        RECENCY_WEIGHT * recency(age) + IMPORTANCE_WEIGHT * importance_share(importance) + USE_WEIGHT * use_share(uses)
    )
    return relevance * (1.0 - PRIOR_SHARE + PRIOR_SHARE * prior)
