"""The search of memories, and how its results are ordered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from aurora_dev.core.contracts import Filter
from aurora_dev.core.types import SearchOptions, SearchResult, SearchResults
from aurora_dev.notes import recall_scores as ranking
from aurora_dev.notes.model.records import note_of
from aurora_dev.notes.store import NoteStore

_LOOKED_AT: Final = 50  # memories at least; the order among them is made here
_PER_RESULT: Final = 5


async def ranked(
    book: NoteStore, query: str, filter: Filter, top_k: int, uses: Mapping[str, int], now: float
) -> SearchResults:
    """Search the memories of a book, best first by the blend of `ranking`.

    Args:
        book: Whose.
        query: What is asked.
        filter: Which memories; expired and superseded ones are left out by the store.
        top_k: How many.
        uses: By id, how often each was recalled.
        now: Seconds since the epoch.
    """
    wanted = max(_LOOKED_AT, _PER_RESULT * top_k)
    options = SearchOptions(candidates=wanted, signals=False)
    found = await book.store.search(query, wanted, rerank=False, filter=filter, options=options)
    with_vectors = "vector" in found.search_method or "rrf" in found.search_method
    best_keyword = max((result.scores.get("keyword", 0.0) for result in found), default=0.0)
    results: list[SearchResult] = []
    for result in found:
        note = note_of(result.id, result.content, result.metadata, book.scope)
        cosine = result.scores.get("vector", 0.0) if with_vectors else None
        relevant = ranking.relevance(cosine, result.scores.get("keyword", 0.0), best_keyword)
        count = uses.get(result.id, 0) + note.said - 1
        score = ranking.blended(relevant, now - note.updated_at, note.importance, count)
        scores = {**result.scores, "relevance": relevant}
        metadata = {**result.metadata, "scope": book.scope}
        results.append(replace(result, score=score, scores=scores, metadata=metadata))
    results.sort(key=lambda result: (-result.score, result.id))
    return found.replace(results[:top_k])
