"""Orders results of which some have no score: scored results first, best first, then the others in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aurora_dev.core.rerank.results import Rerankable, reordered
from aurora_dev.core.types import SearchResult, SearchResults
from aurora_dev.lazy import np, npt


def followed_by_unscored(
    results: Sequence[Rerankable],
    relevance: npt.NDArray[np.float32],
    raw: npt.NDArray[np.float64],
    top_k: int,
    min_score: float,
    *,
    seconds: float | None = None,
) -> list[Any]:
    """Return copies of the best results, best first.

    Args:
        results: Results in the order of the earlier stage; not changed.
        relevance: Shape ``(len(results),)``, 0..1, NaN for a result that was not scored.
        raw: The figures of the model or service, in the same order, with NaN in the same positions.
        top_k: Most results.
        min_score: Scored results below this are left out; above 0, so are results that were not scored.
        seconds: The seconds that scoring took, for ``timings``.

    Returns:
        As `aurora_dev.core.rerank.results.reordered`. Unscored results follow in the order of the earlier stage, with
        their own scores, lowered where needed so that scores never rise down the list. Strings and mappings without a
        score get 0.0.
    """
    scored = [position for position in range(len(results)) if relevance[position] >= min_score]
    subset: Sequence[Rerankable] = [results[position] for position in scored]
    if isinstance(results, SearchResults):
        subset = results.replace(results[position] for position in scored)
    best = reordered(subset, relevance[scored].tolist(), raw[scored].tolist(), top_k, seconds=seconds)
    if min_score > 0.0:
        return best
    ceiling = _score_of(best[-1]) if best else 1.0
    for position in np.flatnonzero(np.isnan(relevance))[: max(0, top_k - len(best))]:
        follower = _follower(results[position], ceiling)
        ceiling = _score_of(follower)
        best.append(follower)
    return best


def _score_of(result: SearchResult | Mapping[str, Any]) -> float:
    return result.score if isinstance(result, SearchResult) else float(result["score"])


def _follower(result: Rerankable, ceiling: float) -> SearchResult | dict[str, Any]:
    if isinstance(result, SearchResult):
        return replace(result, score=min(ceiling, float(result.score)), metadata=dict(result.metadata))
    if isinstance(result, str):
        return {"content": result, "score": 0.0, "scores": {}}
    own = result.get("score")
    is_score = isinstance(own, int | float) and not isinstance(own, bool)
    copy: dict[str, Any] = {**result, "score": min(ceiling, float(own)) if is_score and own is not None else 0.0}
    for name in ("metadata", "scores"):
        if isinstance(copy.get(name), Mapping):
            copy[name] = dict(copy[name])
    return copy
