"""One relevance for a whole search: how likely the project has an answer, comparable between queries and projects.

The scores of a ranking only order the results of one query. Whether there is an answer at all shows in other figures:
how near the nearest vectors are, how many of the rare words of the query the best results have together, and how many
words occur nowhere. A logistic regression weighs them. ``benchmarks/tune_relevance.py`` made `COEFFICIENTS`.

In a small project the same figures mean more: it says less in other words, so that an answer shares fewer of them with
its query, and more words of the query occur nowhere. So the log odds are raised there by `SMALL_WEIGHT` for each time
that the number of records is smaller than `SMALL` by a factor of e.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from aurora_dev.core.search.evidence import QueryWeights
from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.types import SearchResult

__all__ = [
    "COEFFICIENTS",
    "LEAST_RELEVANCE",
    "SMALL",
    "SMALL_WEIGHT",
    "match_features",
    "relevance",
    "scaled",
    "small_bonus",
]

LEAST_RELEVANCE: Final = 0.5
"""Below this, a search says that nothing matches well; of the answerable queries of the tuning projects, 1 % are."""

COEFFICIENTS: Final[Mapping[str, float]] = {
    "constant": -8.183,
    "nearest": 5.017,
    "near": 7.42,
    "covered": 0.876,
    "covered_first": 1.122,
    "covered_together": 0.977,
    "keyword": 6.379,
    "missing": -1.835,
    "words": 0.816,
    "exact": 0.909,
    "missing_names": -2.286,
}

SMALL: Final = 400
"""Records below which a project is small; the coefficients were fitted on larger ones."""

SMALL_WEIGHT: Final = 1.0
"""Set on parts of the tuning projects, of 3, 10 and 30 files: ``benchmarks/tune_relevance.py --small``."""

_ABSENT = 0.4  # the most for a query that is one name, and no record has it: its parts are something else
_READ = 10  # first results that are looked at
_BM25_SATURATION = 2.2  # the most that one term adds to a BM25 score, as a multiple of its idf (k1 + 1)


def match_features(weights: QueryWeights, results: Sequence[SearchResult]) -> dict[str, float]:
    """Return the figures that tell an answerable query from one without an answer.

    Args:
        weights: The words of the query, with their inverse document frequencies.
        results: The results of the first stage, best first, not empty.
    """
    head = results[:_READ]
    cosines = sorted((result.scores.get("vector", 0.0) for result in head), reverse=True)
    total = sum(weights.words.values()) or 1.0
    covered = [_coverage(weights.words, result) / total for result in head]
    best = sorted(covered, reverse=True)
    keyword = max(result.scores.get("keyword", 0.0) for result in head)
    return {
        "constant": 1.0,
        "nearest": cosines[0],
        "near": sum(cosines[:3]) / 3,
        "covered": best[0],
        "covered_first": covered[0],
        "covered_together": sum(best[:3]) / 3,
        "keyword": min(1.0, keyword / (_BM25_SATURATION * total)),
        "missing": len(weights.missing) / max(1, len(weights.words)),
        "words": math.log1p(len(weights.words)),
        "exact": max(result.scores.get("exact", 0.0) for result in head),
        "missing_names": sum(1.0 for weight in weights.name_counts.values() if weight == 0),
    }


def small_bonus(records: int | None) -> float:
    """Return what the log odds of a search gain in a project of so many records; ``None``: of unknown size."""
    return SMALL_WEIGHT * max(0.0, math.log(SMALL / max(1, records))) if records is not None else 0.0


def relevance(weights: QueryWeights, results: Sequence[SearchResult]) -> float:
    """Return how likely the project answers a query, 0..1; 0 without results.

    Args:
        weights: The words of the query, with their inverse document frequencies.
        results: The results of the first stage, best first.
    """
    if not results:
        return 0.0
    features = match_features(weights, results)
    odds = sum(COEFFICIENTS.get(name, 0.0) * value for name, value in features.items()) + small_bonus(weights.records)
    found = 1.0 / (1.0 + math.exp(-odds))
    return min(found, _ABSENT) if weights.is_absent and not features["exact"] else found


def scaled(results: Sequence[SearchResult], relevance: float | None) -> list[SearchResult]:
    """Return results whose best score is the relevance of the search; the ratios between scores stay.

    Args:
        results: Best first.
        relevance: 0..1; ``None`` leaves the scores as they are.
    """
    best = results[0].score if results else 0.0
    if relevance is None or best <= 0:
        return list(results)
    return [replace(result, score=result.score * relevance / best) for result in results]


def _coverage(words: Mapping[str, float], result: SearchResult) -> float:
    """Return the sum of the weights of the words that a result, or its path, has in any form."""
    text = f"{result.metadata.get('path', '')}\n{result.metadata.get('context', '')}\n{result.content}".casefold()
    return sum(weight for word, weight in words.items() if word in text or fold_word(word) in text)
