"""The rerank stage, with rerankers of scripted behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from aurora_dev.core.contracts import Reranker, with_defaults
from aurora_dev.core.search.rerank import rerank_candidates
from aurora_dev.core.search.trace import SearchTrace
from aurora_dev.core.types import SearchOptions, SearchResult
from aurora_dev.errors import RerankError


class TableReranker(Reranker):
    """Scores texts from a table; a text that is not in it gets no score."""

    name = "table"
    is_available = True
    unavailable_reason: str | None = None

    def __init__(self, table: dict[str, float], *, available: bool = True) -> None:
        self.table = table
        self.is_available = available
        self.seen: list[str] = []

    async def score(self, _query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.seen = list(texts)
        return np.array([self.table.get(text, np.nan) for text in texts], dtype=np.float32)


class FailingReranker(TableReranker):
    async def score(self, _query: str, _texts: Sequence[str]) -> npt.NDArray[np.float32]:
        raise RerankError("Reranking failed for model x: out of memory")


class HangingReranker(TableReranker):
    cancelled = False

    async def score(self, _query: str, _texts: Sequence[str]) -> npt.NDArray[np.float32]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise AssertionError("the event is never set")


class ShortReranker(TableReranker):
    async def score(self, _query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.ones(len(texts) - 1, dtype=np.float32)


CANDIDATES = [
    SearchResult(name, name, score, {}, {"rrf": score})
    for name, score in zip("abcd", (0.8, 0.6, 0.4, 0.2), strict=True)
]


async def run(reranker: TableReranker, read: int = 4, **options: float) -> tuple[list[SearchResult], SearchTrace]:
    trace = SearchTrace(stages=["rrf_hybrid"])
    asked = SearchOptions(**options)  # type: ignore[arg-type]
    return await rerank_candidates("q", CANDIDATES, with_defaults(reranker, Reranker), read, asked, trace), trace


async def test_results_come_in_the_order_of_the_rerankers_scores() -> None:
    found, trace = await run(TableReranker({"a": 0.1, "b": 0.9, "c": 0.5, "d": 0.3}))
    assert [r.id for r in found] == ["b", "c", "d", "a"]
    assert [r.score for r in found] == pytest.approx([0.9, 0.5, 0.3, 0.1])
    assert found[0].scores == {"rrf": 0.6, "rerank": pytest.approx(0.9)}
    assert trace.stages == ["rrf_hybrid", "rerank"]
    assert trace.degraded is None


async def test_ties_keep_the_order_of_the_earlier_stages() -> None:
    found, _ = await run(TableReranker(dict.fromkeys("abcd", 0.5)))
    assert [r.id for r in found] == list("abcd")


async def test_unread_results_follow_in_their_order_with_scores_that_do_not_rise() -> None:
    reranker = TableReranker({"a": 0.1, "b": 0.3})
    found, _ = await run(reranker, read=2)
    assert reranker.seen == ["a", "b"]
    assert [r.id for r in found] == ["b", "a", "c", "d"]
    assert [r.score for r in found] == sorted((r.score for r in found), reverse=True)


async def test_unscored_results_follow_in_the_order_of_the_first_stage() -> None:
    found, _ = await run(TableReranker({"d": 0.9}))
    assert [r.id for r in found] == ["d", "a", "b", "c"]


async def test_results_below_the_minimum_score_are_left_out() -> None:
    found, _ = await run(TableReranker({"a": 0.1, "b": 0.9, "c": 0.5}), rerank_min_score=0.5)
    assert [r.id for r in found] == ["b", "c"]


async def test_a_weight_of_zero_keeps_the_order_of_the_earlier_stages() -> None:
    found, _ = await run(TableReranker({"a": 0.1, "b": 0.9, "c": 0.5, "d": 0.3}), rerank_weight=0.0)
    assert [r.id for r in found] == list("abcd")


async def test_a_weight_blends_the_rerankers_score_with_the_normalised_earlier_one() -> None:
    found, _ = await run(TableReranker({"a": 0.0, "b": 1.0, "c": 0.0, "d": 0.0}), rerank_weight=0.5)
    assert found[0].id == "b"
    assert found[0].score == pytest.approx(0.5 * 1.0 + 0.5 * 0.6 / 0.8)


@pytest.mark.parametrize(
    ("reranker", "code"),
    [
        (TableReranker({}, available=False), "rerank_unavailable"),
        (FailingReranker({}), "rerank_failed"),
        (HangingReranker({}), "rerank_timeout"),
        (ShortReranker({}), "rerank_failed"),
    ],
    ids=["unavailable", "failing", "hanging", "short"],
)
async def test_a_reranker_that_cannot_answer_leaves_the_results_as_they_were(
    reranker: TableReranker, code: str
) -> None:
    found, trace = await run(reranker, rerank_timeout=0.05)
    assert found == CANDIDATES
    assert trace.stages == ["rrf_hybrid"]
    assert trace.degraded is not None
    assert [notice.code for notice in trace.notices] == [code]


async def test_a_timeout_cancels_the_request() -> None:
    reranker = HangingReranker({})
    await run(reranker, rerank_timeout=0.05)
    assert reranker.cancelled


async def test_cancelling_the_search_cancels_the_request_and_is_not_swallowed() -> None:
    reranker = HangingReranker({})
    task = asyncio.create_task(run(reranker))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reranker.cancelled
