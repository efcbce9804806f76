"""How results of another store join those of the project's: what is the user's own, or another project's.

Scores of two searches are no common measure (each is relative to its own candidates), but cosines of one embedder are.
So a result of another store takes the place that its cosine has beside the nearest result of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from aurora_dev.core.search.relevance import relevant_notes
from aurora_dev.core.types import SearchResult, SearchResults

# At equal nearness, what is known of this project comes before what holds everywhere.
OTHER_SHARE: Final = 0.95
# Without a cosine on both sides there is nothing to compare: what passed the gate comes below the best results.
_UNCOMPARED: Final = 0.5


def blended(query: str, results: SearchResults, others: SearchResults, top_k: int) -> SearchResults:
    """Return the best of both.

    Args:
        query: What was asked.
        results: Of the project, best first.
        others: Memories of another store; those that have nothing to do with the query are left out.
        top_k: How many.
    """
    near = relevant_notes(query, others)
    if not near:
        return results
    best = results[0].score if results else 1.0
    nearest = max((result.scores.get("vector", 0.0) for result in results), default=0.0)
    placed = [replace(one, score=_placed(one, best, nearest, alone=not results)) for one in near]
    return results.replace(sorted([*results, *placed], key=lambda one: -one.score)[:top_k])


def _placed(one: SearchResult, best: float, nearest: float, *, alone: bool) -> float:
    cosine = max(0.0, one.scores.get("vector", 0.0))
    if alone:
        return max(cosine, 0.0)
    share = min(1.0, cosine / nearest) if cosine and nearest > 0 else _UNCOMPARED
    return best * OTHER_SHARE * share


def inserted(own: Sequence[SearchResult], others: Sequence[SearchResult]) -> list[SearchResult]:
    """Return two ranked lists as one: each of the others stands before the first of its own that is less near."""
    merged = list(own)
    for other in others:
        cosine = other.scores.get("vector", 0.0) * OTHER_SHARE
        place = next((n for n, one in enumerate(merged) if one.scores.get("vector", 0.0) < cosine), len(merged))
        merged.insert(place, other)
    return merged
