"""How a reranker's scores and the first stage's are put together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from aurora_dev.core.rerank_fusion import RerankFusion, is_settled, standing
from aurora_dev.core.rerank_stage import rerank_candidates
from aurora_dev.core.search_trace import SearchTrace
from aurora_dev.core.types import SearchOptions, SearchResult

FUSION = RerankFusion(symbol=0.25, question=0.5, words=0.75)


class Scores:
    """Gives the same scores to whatever it is asked."""

    name, is_available, unavailable_reason = "table", True, None

    def __init__(self, *scores: float) -> None:
        self.scores = scores
        self.asked = 0

    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked += 1
        return np.array(self.scores[: len(texts)], dtype=np.float32)


def candidate(name: str, score: float, *symbols: str) -> SearchResult:
    return SearchResult(name, name, score, {"path": f"{name}.py", "symbols": list(symbols)}, {"signals": score})


CANDIDATES = [candidate("a", 0.8, "Session"), candidate("b", 0.6), candidate("c", 0.4)]


async def run(
    reranker: Scores, query: str, fusion: RerankFusion | None = FUSION, **options: float
) -> tuple[list[SearchResult], SearchTrace]:
    trace = SearchTrace(stages=["rrf_hybrid"])
    asked = SearchOptions(**options)  # type: ignore[arg-type]
    return await rerank_candidates(query, CANDIDATES, reranker, 3, asked, trace, fusion), trace


@pytest.mark.parametrize(
    ("query", "weight"),
    [
        ("SessionStore", 0.25),
        ("how are sessions closed", 0.5),
        ("Where is the pool", 0.5),
        ("session pool", 0.75),
        ("however", 0.75),
    ],
)
def test_each_kind_of_query_has_its_weight(query: str, weight: float) -> None:
    assert FUSION.weight(query) == weight


def test_the_definition_of_the_symbol_that_was_asked_for_settles_a_search() -> None:
    assert is_settled("Session", CANDIDATES)
    assert not is_settled("Session", CANDIDATES[1:])
    assert not is_settled("where is Session", CANDIDATES)
    assert not is_settled("Session", [])


def test_another_classs_method_of_the_same_name_settles_nothing() -> None:
    assert not is_settled("Client.send", [candidate("server", 0.9, "send")])
    assert is_settled("Client.send", [candidate("client", 0.9, "send")])


async def test_the_reranker_is_not_asked_where_the_first_stage_is_sure() -> None:
    reranker = Scores(0.1, 0.9, 0.5)
    found, trace = await run(reranker, "Session")
    assert (reranker.asked, trace.stages, trace.degraded) == (0, ["rrf_hybrid"], None)
    assert found == CANDIDATES


@pytest.mark.parametrize("options", [{"rerank_weight": 1.0}, {"rerank_min_score": 0.01}])
async def test_a_weight_or_a_threshold_that_is_given_wins_over_what_was_measured(options: dict[str, float]) -> None:
    found, _ = await run(Scores(0.1, 0.9, 0.5), "Session", **options)
    assert [(each.id, pytest.approx(each.score)) for each in found] == [("b", 0.9), ("c", 0.5), ("a", 0.1)]


async def test_the_measured_weight_blends_standings_with_the_first_stages_scores() -> None:
    found, _ = await run(Scores(0.2, 0.8, 0.2), "how are sessions closed")
    own = standing([0.2, 0.8, 0.2])
    expected = {"b": 0.5 * own[1] + 0.5 * 0.75, "a": 0.5 * own[0] + 0.5, "c": 0.5 * own[2] + 0.25}
    assert {each.id: pytest.approx(each.score) for each in found} == expected
    assert [each.id for each in found] == sorted(expected, key=lambda name: -expected[name])


async def test_without_a_measurement_the_rerankers_order_stands() -> None:
    found, _ = await run(Scores(0.1, 0.9, 0.5), "Session", fusion=None)
    assert [each.id for each in found] == ["b", "c", "a"]


def test_a_standing_keeps_the_order_and_lies_between_0_and_1() -> None:
    found = standing([0.0, 0.01, 0.5, 0.99, 1.0])
    assert (np.diff(found) >= 0).all()
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    assert found[2] == pytest.approx(0.5)


def test_a_standing_depends_on_the_list_and_not_on_how_sure_the_model_is_of_all_of_it() -> None:
    def of(logits: list[float]) -> npt.NDArray[np.float64]:
        return standing([1.0 / (1.0 + math.exp(-logit)) for logit in logits])

    assert of([-6.0, -4.0, -5.0]) == pytest.approx(of([1.0, 3.0, 2.0]), abs=1e-6)


def test_small_differences_are_not_blown_up() -> None:
    assert np.ptp(standing([0.5, 0.5001, 0.4999])) < 0.001


def test_what_has_no_score_has_no_standing() -> None:
    found = standing([0.2, float("nan"), 0.8])
    assert np.isnan(found).tolist() == [False, True, False]
    assert np.isnan(standing([float("nan")])).all()
