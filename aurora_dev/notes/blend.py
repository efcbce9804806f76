"""Joining the results of a project with those of another store: the user's own, or another project's.

The scores of two searches cannot be compared, because each is relative to its own candidates; cosines of one embedder
can. So a result of the other store is placed by its cosine, relative to the nearest result of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from aurora_dev.core.search.relevance import relevant_notes
from aurora_dev.core.types import NO_MATCH, SearchResult, SearchResults

# At equal nearness the notes of the project come before those of the other store.
OTHER_SHARE: Final = 0.95
# Share of the best score for a relevant note that cannot be compared, because one side has no cosine.
_UNCOMPARED: Final = 0.5


def join_relevant_notes(query: str, results: SearchResults, others: SearchResults, top_k: int) -> SearchResults:
    """Return the best results of a project and the relevant notes of another store, best first.

    Args:
        query: Query of the search.
        results: Results of the project, best first.
        others: Notes of another store; those that are not relevant to the query are left out.
        top_k: Number of results.
    """
    near = relevant_notes(query, others)
    if not near:
        return results
    if results and others.matched and not results.matched and others.relevance is not None:
        # The answer is in the notes. Their scores and those of the project are both shares of a relevance.
        joined = results.replace(sorted([*near, *results], key=lambda result: -result.score)[:top_k])
        joined.relevance = others.relevance
        joined.notices = tuple(notice for notice in results.notices if notice.code != NO_MATCH)
        return joined
    best_score = results[0].score if results else None
    best_cosine = max((_cosine(result) for result in results), default=0.0)
    rescored = [replace(other, score=_score(_cosine(other), best_score, best_cosine)) for other in near]
    return results.replace(sorted([*results, *rescored], key=lambda result: -result.score)[:top_k])


def merge_by_cosine(own: Sequence[SearchResult], others: Sequence[SearchResult]) -> list[SearchResult]:
    """Return two ranked lists as one: each of the others comes before the first of the own results that is less near.

    The cosine of the others counts for `OTHER_SHARE` of its value.
    """
    merged = list(own)
    for other in others:
        cosine = _cosine(other) * OTHER_SHARE
        index = next((n for n, result in enumerate(merged) if _cosine(result) < cosine), len(merged))
        merged.insert(index, other)
    return merged


def _score(cosine: float, best_score: float | None, best_cosine: float) -> float:
    """Return the score of a note of the other store.

    Args:
        cosine: Cosine of the note, 0 where there is none.
        best_score: Best score of the project; ``None`` where it has no results.
        best_cosine: Best cosine of the project, 0 where there is none.
    """
    cosine = max(0.0, cosine)
    if best_score is None:
        return cosine
    share = min(1.0, cosine / best_cosine) if cosine and best_cosine > 0 else _UNCOMPARED
    return best_score * OTHER_SHARE * share


def _cosine(result: SearchResult) -> float:
    return result.scores.get("vector", 0.0)
