"""Turns scores into reordered results, and checks the arguments of every reranker; pure functions."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from aurora_dev.core.types import SearchResult, SearchResults
from aurora_dev.errors import InvalidRequestError

Rerankable: TypeAlias = SearchResult | str | Mapping[str, Any]
"""A result of a search, a string, or a mapping with a string under ``content``."""

METHOD_SUFFIX = "+rerank"
MESSAGE = "Cross-Encoder Reranking"


def checked_query(query: str) -> str:
    """Return the query, or raise `InvalidRequestError` if it is not a string."""
    if not isinstance(query, str):
        raise InvalidRequestError(f"query must be a string, not {type(query).__name__}")
    return query


def checked_texts(texts: Sequence[str]) -> list[str]:
    """Return the texts as a list, or raise `InvalidRequestError` if they are not strings."""
    if isinstance(texts, str | bytes):
        raise InvalidRequestError("texts must be a sequence of strings, not one string: put it in a list")
    listed = list(texts)
    for position, text in enumerate(listed):
        if not isinstance(text, str):
            raise InvalidRequestError(f"texts[{position}] must be a string, not {type(text).__name__}")
    return listed


def checked_top_k(top_k: int | None, available: int) -> int:
    """Return the number of results; ``None`` and a number above ``available`` mean all.

    Raises:
        InvalidRequestError: ``top_k`` is not a whole number, or below 1.
    """
    if top_k is None:
        return available
    try:
        number = None if isinstance(top_k, bool) else operator.index(top_k)
    except TypeError:
        number = None
    if number is None or number < 1:
        raise InvalidRequestError(f"top_k must be a whole number of at least 1, or None for all, not {top_k!r}")
    return min(number, available)


def contents(results: Sequence[Rerankable]) -> list[str]:
    """Return the text of each result, in input order.

    Raises:
        InvalidRequestError: A result is neither a `SearchResult` nor a string nor a mapping with a string ``content``.
    """
    if isinstance(results, str | bytes | Mapping):
        raise InvalidRequestError(f"results must be a sequence, not one {type(results).__name__}: put it in a list")
    return [_content(result, position) for position, result in enumerate(results)]


def _content(result: Rerankable, position: int) -> str:
    if isinstance(result, str):
        return result
    text = result.content if isinstance(result, SearchResult) else None
    if isinstance(result, Mapping):
        text = result.get("content")
    if not isinstance(text, str):
        raise InvalidRequestError(
            f"results[{position}] must be a SearchResult, a string, or a mapping with a string under 'content'; "
            f"it is a {type(result).__name__}"
        )
    return text


def reordered(
    results: Sequence[Rerankable],
    relevance: Sequence[float],
    raw: Sequence[float],
    top_k: int,
    *,
    seconds: float | None = None,
) -> list[Any]:
    """Return copies of the best results, best first.

    Args:
        results: The scored results, in the order of the earlier stage; not changed.
        relevance: One number in 0..1 for each; becomes ``score`` and ``scores["rerank"]``.
        raw: The figures of the model, in the same order; they decide the order, and become ``scores["rerank_raw"]``.
        top_k: Most results, at least 0.
        seconds: The seconds that scoring took, for ``timings``.

    Returns:
        A `SearchResult` for a `SearchResult` (with its metadata and its earlier scores), a dictionary for a string or
        mapping. ``scores["stage1"]`` is the earlier score, if there was one. Ties keep the input order.
        `SearchResults` in, `SearchResults` out, with ``+rerank`` in its method.
    """
    order = sorted(range(len(results)), key=lambda index: -raw[index])[:top_k]
    best = [_rescored(results[index], float(relevance[index]), float(raw[index])) for index in order]
    if not isinstance(results, SearchResults):
        return best
    whole = results.replace(result for result in best if isinstance(result, SearchResult))  # for mypy: all are
    if not best:
        return whole
    if not whole.search_method.endswith(METHOD_SUFFIX):
        whole.search_method += METHOD_SUFFIX
    if MESSAGE not in whole.message:
        whole.message = f"{whole.message} + {MESSAGE}" if whole.message else MESSAGE
    if seconds is not None:
        whole.timings = {**whole.timings, "rerank": seconds}
    return whole


def _rescored(result: Rerankable, relevance: float, raw: float) -> SearchResult | dict[str, Any]:
    fresh = {"rerank": relevance, "rerank_raw": raw}
    if isinstance(result, SearchResult):
        scores = {"stage1": float(result.score), **result.scores, **fresh}
        return replace(result, score=relevance, scores=scores, metadata=dict(result.metadata))
    if isinstance(result, str):
        return {"content": result, "score": relevance, "scores": fresh}
    earlier = result.get("scores")
    scores = dict(earlier) if isinstance(earlier, Mapping) else {}
    if isinstance(result.get("score"), int | float):
        scores.setdefault("stage1", float(result["score"]))
    copy = {**result, "score": relevance, "scores": {**scores, **fresh}}
    if isinstance(copy.get("metadata"), Mapping):
        copy["metadata"] = dict(copy["metadata"])
    return copy
