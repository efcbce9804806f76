"""How a reranker's scores and the first stage's are put together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from aurora_dev.core.rerank_fusion import RerankFusion, fuse, is_settled, reading
from aurora_dev.core.rerank_stage import rerank_candidates
from aurora_dev.core.search_trace import SearchTrace
from aurora_dev.core.types import SearchOptions, SearchResult

FUSION = RerankFusion(name=0.1, question=0.2, words=0.4, notes=0.5, within=0.2, lead=3, more=0)


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
        ("SessionStore", 0.1),
        ("session", 0.1),
        ("how are sessions closed", 0.2),
        ("Where is the pool", 0.2),
        ("session pool", 0.4),
        ("however it may be", 0.4),
    ],
)
def test_each_kind_of_query_has_its_weight(query: str, weight: float) -> None:
    assert FUSION.weight(query, CANDIDATES) == weight


def test_what_stands_in_no_file_has_a_weight_of_its_own() -> None:
    notes = [SearchResult(name, name, 0.5, {}, {}) for name in "abc"]
    assert FUSION.weight("how are sessions closed", notes) == 0.5
    assert FUSION.weight("how are sessions closed", [*notes[:1], *CANDIDATES]) == 0.2


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


async def test_a_result_that_the_reranker_prefers_rises_and_scores_stay_between_0_and_1() -> None:
    found, trace = await run(Scores(0.05, 0.9, 0.05), "session pool")
    assert [each.id for each in found] == ["b", "a", "c"]
    assert trace.stages[-1] == "rerank"
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert all(0.0 <= each.score <= 1.0 for each in found)
    assert found[0].scores["rerank"] == pytest.approx(0.9)


async def test_a_small_weight_keeps_the_order_of_clear_first_stage_scores() -> None:
    fusion = RerankFusion(name=0.0, question=0.01, words=0.01, notes=0.0, within=0.2, lead=3, more=0)
    found, _ = await run(Scores(0.05, 0.9, 0.05), "session pool", fusion)
    assert [each.id for each in found] == ["a", "b", "c"]


async def test_without_a_measurement_the_rerankers_order_stands() -> None:
    found, _ = await run(Scores(0.1, 0.9, 0.5), "Session", fusion=None)
    assert [each.id for each in found] == ["b", "c", "a"]


def chunk(name: str, path: str, score: float) -> SearchResult:
    return SearchResult(name, name, score, {"path": path}, {"signals": score})


SPREAD = [chunk("a1", "a.py", 0.8), chunk("b1", "b.py", 0.5), chunk("a2", "a.py", 0.38), chunk("c1", "c.py", 0.1)]


def test_within_a_file_the_passage_that_is_preferred_takes_the_files_best_place() -> None:
    fused = fuse("session", SPREAD, [0.3, 0.3, 0.9, 0.3], FUSION, 4)
    assert [SPREAD[row].id for row in np.argsort(-fused)] == ["a2", "b1", "a1", "c1"]


def test_without_a_weight_the_order_of_files_stays() -> None:
    fusion = RerankFusion(name=0.0, question=0.0, words=0.0, notes=0.0, within=1.0, lead=3, more=0)
    fused = fuse("session pool", SPREAD, [0.1, 0.9, 0.9, 0.99], fusion, 4)
    assert [SPREAD[row].metadata["path"] for row in np.argsort(-fused)] == ["a.py", "b.py", "a.py", "c.py"]


def test_only_how_candidates_compare_counts_and_not_how_sure_the_model_is_of_all_of_them() -> None:
    def of(logits: list[float]) -> npt.NDArray[np.float64]:
        return fuse("session pool", CANDIDATES, [1.0 / (1.0 + math.exp(-logit)) for logit in logits], FUSION, 4)

    assert of([-6.0, -4.0, -5.0]) == pytest.approx(of([1.0, 3.0, 2.0]), abs=1e-6)


def test_small_differences_are_not_blown_up() -> None:
    fused = fuse("session pool", CANDIDATES, [0.4999, 0.5, 0.5001], FUSION, 4)
    assert np.argsort(-fused).tolist() == [0, 1, 2]


def test_probabilities_of_0_and_1_are_figures_like_others() -> None:
    fused = fuse("session pool", CANDIDATES, [0.0, 1.0, 0.5], FUSION, 4)
    assert np.isfinite(fused).all()
    assert fused.argmax() == 1


async def test_what_the_reranker_did_not_score_follows_behind() -> None:
    found, _ = await run(Scores(float("nan"), 0.2, 0.1), "session pool")
    assert found[-1].id == "a"
    assert "rerank" not in found[-1].scores
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


MANY = [
    chunk("a1", "a.py", 0.8),
    *(chunk(f"{n}", f"{n}.py", 0.7 - n / 20) for n in range(5)),
    chunk("a2", "a.py", 0.39),
]


def test_besides_the_first_candidates_the_best_without_the_discount_are_read() -> None:
    assert reading(MANY, 3, 2) == [0, 1, 6]
    assert reading(MANY, 2, 2) == [0, 1]
    assert reading(MANY[:1], 3, 2) == [0]


@pytest.mark.parametrize(("top_k", "read", "leaders"), [(5, 15, 10), (10, 15, 10), (30, 35, 30)])
def test_more_results_have_more_candidates_read(top_k: int, read: int, leaders: int) -> None:
    fusion = RerankFusion(name=0.0, question=0.0, words=0.0, notes=0.0, within=1.0, lead=10, more=5)
    assert (fusion.read(top_k), fusion.leaders(fusion.read(top_k))) == (read, leaders)


async def test_a_files_second_passage_that_answers_takes_the_files_place_from_far_behind() -> None:
    fusion = RerankFusion(name=0.0, question=0.0, words=0.0, notes=0.0, within=1.0, lead=2, more=1)
    trace = SearchTrace(stages=["rrf_hybrid"])
    found = await rerank_candidates("session pool", MANY, Scores(0.1, 0.1, 0.9), 3, SearchOptions(), trace, fusion)
    assert [each.id for each in found][:2] == ["a2", "0"]
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_only_the_first_candidates_speak_for_a_file() -> None:
    fusion = RerankFusion(name=0.0, question=0.0, words=0.5, notes=0.0, within=1.0, lead=2, more=1)
    head = [MANY[row] for row in (0, 1, 6)]
    loud, quiet = (fuse("session pool", head, [0.5, 0.6, score], fusion, 2) for score in (0.99, 0.01))
    assert max(loud[0], loud[2]) == pytest.approx(max(quiet[0], quiet[2]))
