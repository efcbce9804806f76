"""The last stage of a search: reranking, which is skipped with a notice if the reranker cannot score."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aurora_dev.core.contracts import Reranker
from aurora_dev.core.search.rerank_blend import fuse, is_description, is_settled, kind_of, outlines_of, rows_to_read
from aurora_dev.core.search.trace import SearchTrace, with_score
from aurora_dev.core.text.document_text import reranker_text
from aurora_dev.core.types import RerankFusion, SearchOptions, SearchResult
from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger

_log = get_logger(__name__)


async def rerank_candidates(
    query: str,
    candidates: Sequence[SearchResult],
    reranker: Reranker,
    read: int,
    options: SearchOptions,
    trace: SearchTrace,
    fusion: RerankFusion | None = None,
) -> list[SearchResult]:
    """Order candidates by a reranker's scores.

    Args:
        query: The query.
        candidates: The results of the earlier stages, best first; with ``fusion`` all of them, since it chooses among
            them.
        reranker: Scores one text for each candidate that it reads.
        read: The number of candidates that the reranker reads; the others follow in their order.
        options: ``rerank_timeout``, ``rerank_min_score`` and ``rerank_weight``.
        trace: Takes the stage, or a notice why it did not run.
        fusion: The measured weights of this reranker; ignored if ``rerank_weight`` or ``rerank_min_score`` is given.

    Returns:
        New results, best first. The candidates themselves if the reranker could not run, or if ``fusion`` applies and
        the first stage has settled the search (`aurora_dev.core.search.rerank_blend.is_settled`).
    """
    candidates = list(candidates)
    if not candidates:
        return candidates
    if options.rerank_weight is not None or options.rerank_min_score > 0.0:
        fusion = None  # a threshold applies to the reranker's own scores, so they give the order too
    if fusion is not None and is_settled(query, candidates):
        return candidates
    if not reranker.is_available:
        reason = reranker.unavailable_reason or "no reason given"
        return _unchanged(candidates, trace, "rerank_unavailable", f"{reranker.name} is not available: {reason}")
    kind = kind_of(query, candidates[:read])
    rows: Sequence[int] = range(min(read, len(candidates)))
    if fusion is not None and is_description(kind) and not options.mmr:
        rows = rows_to_read(candidates, read, fusion.by_keyword)
    chosen = set(rows)
    head = [candidates[row] for row in rows]
    tail = [result for row, result in enumerate(candidates) if row not in chosen]
    outlines: dict[str, str] = {}
    if fusion is not None and fusion.weights(kind).outline:
        outlines = outlines_of(head, fusion.outlines)
    texts = [*(_text(reranker, result) for result in head), *outlines.values()]
    try:
        scores = await asyncio.wait_for(reranker.score(query, texts), options.rerank_timeout)
    except (asyncio.TimeoutError, TimeoutError):
        text = f"{reranker.name} did not answer within {options.rerank_timeout:g} s"
        return _unchanged(candidates, trace, "rerank_timeout", text)
    except Exception as error:  # noqa: BLE001 - a custom reranker may raise anything; the search still has its first-stage results
        return _unchanged(candidates, trace, "rerank_failed", f"{reranker.name} failed: {error}")
    scores = np.asarray(scores)
    if scores.shape != (len(texts),):
        text = f"{reranker.name} gave {scores.size} scores for {len(texts)} texts"
        return _unchanged(candidates, trace, "rerank_failed", text)
    scores, given = scores[: len(head)], scores[len(head) :].tolist()
    of_outlines = {path: score for path, score in zip(outlines, given, strict=True) if not math.isnan(score)}
    head = [_with_outline(result, of_outlines) for result in head]
    trace.stages.append("rerank")
    weight = 1.0 if options.rerank_weight is None else options.rerank_weight
    if fusion is not None:
        blended = fuse(head, scores, fusion.weights(kind), of_outlines)
    else:
        best = max(result.score for result in head) or 1.0
        blended = weight * scores + (1.0 - weight) * np.array([result.score / best for result in head])
    by_blend = fusion is not None or weight < 1.0
    return _ordered(head, scores, blended, tail, options.rerank_min_score, by_blend=by_blend)


def _text(reranker: Reranker, result: SearchResult) -> str:
    """Return the text that a reranker scores, with a heading line for models trained on such lines."""
    if reranker.reads_headings:
        return reranker_text(result.content, result.metadata)
    return result.content


def _with_outline(result: SearchResult, of_outlines: Mapping[str, float]) -> SearchResult:
    """Add the score of the outline of a result's file to ``scores``; the result's own score stays."""
    score = of_outlines.get(str(result.metadata.get("path")))
    return result if score is None else replace(result, scores={**result.scores, "outline": score})


def _ordered(
    head: list[SearchResult],
    scores: npt.NDArray[Any],
    blended: npt.NDArray[Any],
    tail: list[SearchResult],
    least: float,
    *,
    by_blend: bool,
) -> list[SearchResult]:
    """Order the results that the reranker read, followed by those that it did not read."""
    scored: list[SearchResult] = []
    unscored: list[SearchResult] = []
    for result, score, blend in zip(head, scores.tolist(), blended.tolist(), strict=True):
        if math.isnan(score):
            unscored.append(result)
        elif score >= least:
            noted = with_score(result, "rerank", score)
            scored.append(with_score(noted, "blend", blend) if by_blend else noted)
    scored.sort(key=lambda result: -result.score)  # stable: ties keep the order of the earlier stages
    if least > 0.0:
        return scored  # a result without a score cannot meet the threshold
    # Scores of unread results are lowered where needed, so that scores never rise down the list.
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
