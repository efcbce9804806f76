"""The last stage of a search: ask a reranker, and carry on without it when it cannot answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import numpy as np

from aurora_dev.core.document_text import reranker_text
from aurora_dev.core.reranker import Reranker
from aurora_dev.core.search_trace import SearchTrace, with_score
from aurora_dev.core.types import SearchOptions, SearchResult
from aurora_dev.log import get_logger

_log = get_logger(__name__)


async def rerank_candidates(
    query: str,
    candidates: Sequence[SearchResult],
    reranker: Reranker,
    read: int,
    options: SearchOptions,
    trace: SearchTrace,
) -> list[SearchResult]:
    """Order candidates by a reranker's scores.

    Args:
        query: What was asked.
        candidates: The results of the earlier stages, best first.
        reranker: Asked for one score for each text.
        read: How many of them the reranker reads; the others follow in their order.
        options: ``rerank_timeout``, ``rerank_min_score`` and ``rerank_weight``.
        trace: Told of the stage, or of the reason why it did not run.

    Returns:
        New results, best first; the candidates themselves where the reranker could not run.
    """
    candidates = list(candidates)
    if not candidates:
        return candidates
    if not reranker.is_available:
        reason = reranker.unavailable_reason or "no reason given"
        return _unchanged(candidates, trace, "rerank_unavailable", f"{reranker.name} is not available: {reason}")
    head, tail = candidates[:read], candidates[read:]
    try:
        scores = await asyncio.wait_for(
            reranker.score(query, [_text(reranker, result) for result in head]), options.rerank_timeout
        )
    except (asyncio.TimeoutError, TimeoutError):
        text = f"{reranker.name} did not answer within {options.rerank_timeout:g} s"
        return _unchanged(candidates, trace, "rerank_timeout", text)
    except Exception as error:  # whatever a reranker of any maker does, the search has its stage-1 results
        return _unchanged(candidates, trace, "rerank_failed", f"{reranker.name} failed: {error}")
    scores = np.asarray(scores)
    if scores.shape != (len(head),):
        text = f"{reranker.name} gave {scores.size} scores for {len(head)} texts"
        return _unchanged(candidates, trace, "rerank_failed", text)
    trace.stages.append("rerank")
    return _ordered(head, [float(score) for score in scores], tail, options)


def _text(reranker: Reranker, result: SearchResult) -> str:
    """Return what a reranker is asked about: with the line that says where it stands for models trained on it."""
    if getattr(reranker, "reads_headings", False):
        return reranker_text(result.content, result.metadata)
    return result.content


def _ordered(
    head: list[SearchResult], scores: Sequence[float], tail: list[SearchResult], options: SearchOptions
) -> list[SearchResult]:
    weight = options.rerank_weight
    best_stage1 = max(result.score for result in head) or 1.0
    scored: list[SearchResult] = []
    unscored: list[SearchResult] = []
    for result, score in zip(head, scores, strict=True):
        if math.isnan(score):
            unscored.append(result)
        elif score >= options.rerank_min_score:
            blended = weight * score + (1.0 - weight) * result.score / best_stage1
            noted = with_score(result, "rerank", score)
            scored.append(with_score(noted, "blend", blended) if weight < 1.0 else noted)
    scored.sort(key=lambda result: -result.score)  # stable: ties keep the order of the earlier stages
    if options.rerank_min_score > 0.0:
        return scored  # a threshold on the reranker's score leaves nothing to say for what has none
    # What was not read follows; its score is lowered where needed, so that the order of scores is that of results.
    ceiling = scored[-1].score if scored else 1.0
    followers = []
    for result in [*unscored, *tail]:
        ceiling = min(ceiling, result.score)
        followers.append(with_score(result, "unread", ceiling))
    return [*scored, *followers]


def _unchanged(candidates: list[SearchResult], trace: SearchTrace, code: str, text: str) -> list[SearchResult]:
    trace.degrade(code, f"{text}; the results are in the order of the earlier stages")
    _log.warning("rerank_skipped", code=code, reason=text)
    return candidates
