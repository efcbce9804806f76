"""Search within a `SearchScope`: resolve it, search, and say what it left out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from aurora_dev.core.contracts import Filter
from aurora_dev.core.filters import all_of
from aurora_dev.core.scope.resolve import Resolved
from aurora_dev.core.scope.scope import SearchScope
from aurora_dev.core.types import Record, SearchResults

__all__ = ["Question", "search_in_scope"]

# A file has repeated parts, such as the cases of a table; more of the text says nothing new about its subject.
_MOST_CHUNK_CHARS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Question:
    """One search as a store runs it.

    Attributes:
        query: The text whose words are searched, and that is embedded if ``similar_to`` has no vector.
        filter: Conditions on metadata.
        similar_to: The record whose stored vector is that of the query.
        in_words: Whether somebody asked it. The text of a chunk is not a question: rerankers and ranking signals, which
            are made for questions, are not applied to it.
    """

    query: str
    filter: Filter | None = None
    similar_to: Record | None = None
    in_words: bool = True


Ask: TypeAlias = Callable[[Question, int, bool], Awaitable[SearchResults]]
"""Answers a question with up to that many results; the last argument tells whether the reranker may run."""


async def search_in_scope(
    resolve: Callable[[SearchScope], Awaitable[Resolved]],
    ask: Ask,
    scope: SearchScope,
    query: str,
    top_k: int,
    filter: Filter | None,
) -> SearchResults:
    """Return the results of a search within a scope.

    Args:
        resolve: Resolves a scope; see `ScopeResolver.resolve`.
        ask: Searches.
        scope: The scope.
        query: The query; it may be empty if the scope has ``similar_to``.
        top_k: The greatest number of results.
        filter: Further conditions on metadata.

    Raises:
        InvalidRequestError: A path of the scope is unknown, or an argument of the search is wrong.
    """

    async def search(scope: SearchScope, filter: Filter | None, *, rerank: bool = True) -> SearchResults:
        resolved = await resolve(scope)
        like = resolved.similar_to
        question = Question(query, all_of(resolved.filter, filter), like)
        if like is None:
            return await ask(question, top_k, rerank)
        if not query.strip():
            question = Question(like.content[:_MOST_CHUNK_CHARS], question.filter, like, in_words=False)
        found = await ask(question, top_k + 1, rerank)
        return found.replace([result for result in found if result.id != like.id][:top_k])

    found = await search(scope, filter)
    kept = found.replace([result for result in found if result.score >= scope.min_score])
    left_out = {"min_score": len(found) - len(kept)} if len(kept) < len(found) else {}
    if not found:
        left_out = await _left_out(search, scope, filter)
    kept.left_out = left_out
    return kept


async def _left_out(
    search: Callable[..., Awaitable[SearchResults]], scope: SearchScope, filter: Filter | None
) -> dict[str, int]:
    """Return how many results there are without each condition; see `SearchResults.left_out`."""
    scope = scope.without("min_score")  # nothing was found whatever the score
    conditions = [name for name in scope.given() if name != "similar_to"]
    counts: dict[str, int] = {}
    for name in conditions:
        counts[name] = len(await search(scope.without(name), filter, rerank=False))
    if filter:
        counts["filter"] = len(await search(scope, None, rerank=False))
    if len(counts) > 1 and not any(counts.values()):
        counts = {"all": len(await search(scope.without(*conditions), None, rerank=False))}
    return {name: count for name, count in counts.items() if count}
