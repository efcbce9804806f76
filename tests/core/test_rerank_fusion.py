"""How a reranker's scores and the first stage's are put together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from aurora_dev.core.onnx_reranker import BundledReranker
from aurora_dev.core.rerank_fusion import RerankFusion, Weights, fuse, is_settled, reading
from aurora_dev.core.rerank_stage import rerank_candidates
from aurora_dev.core.search_trace import SearchTrace
from aurora_dev.core.types import Document, SearchOptions, SearchResult
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.testing.hashing_embedder import HashingEmbedder

NOTHING = Weights(0.0, 0.0)
FUSION = RerankFusion(
    name=Weights(0.1, 0.0), question=Weights(0.2, 0.0), words=Weights(0.4, 0.0), notes=Weights(0.5, 0.0), read=3
)
# Files stay where the first stage put them.
WITHIN = RerankFusion(name=NOTHING, question=NOTHING, words=NOTHING, notes=NOTHING, read=3)


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
        ("Why is there a pool", 0.2),
        ("where is the pool", 0.4),
        ("session pool", 0.4),
        ("however it may be", 0.4),
    ],
)
def test_each_kind_of_query_has_its_weight(query: str, weight: float) -> None:
    assert FUSION.weights(query, CANDIDATES).file == weight


def test_what_stands_in_no_file_has_a_weight_of_its_own() -> None:
    notes = [SearchResult(name, name, 0.5, {}, {}) for name in "abc"]
    assert FUSION.weights("how are sessions closed", notes).file == 0.5
    assert FUSION.weights("how are sessions closed", [*notes[:1], *CANDIDATES]).file == 0.2


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
    fusion = replace(FUSION, words=Weights(0.01, 0.01))
    found, _ = await run(Scores(0.05, 0.9, 0.05), "session pool", fusion)
    assert [each.id for each in found] == ["a", "b", "c"]


async def test_without_a_measurement_the_rerankers_order_stands() -> None:
    found, _ = await run(Scores(0.1, 0.9, 0.5), "Session", fusion=None)
    assert [each.id for each in found] == ["b", "c", "a"]


def chunk(name: str, path: str, score: float) -> SearchResult:
    return SearchResult(name, name, score, {"path": path}, {"signals": score})


SPREAD = [chunk("a1", "a.py", 0.8), chunk("b1", "b.py", 0.5), chunk("a2", "a.py", 0.38), chunk("c1", "c.py", 0.1)]


def test_within_a_file_the_passage_that_is_preferred_takes_the_files_best_place() -> None:
    fused = fuse("session", SPREAD, [0.3, 0.3, 0.9, 0.3], FUSION)
    assert [SPREAD[row].id for row in np.argsort(-fused)] == ["a2", "b1", "a1", "c1"]


def test_what_the_first_stage_thinks_of_a_passage_counts_where_the_reranker_sees_no_difference() -> None:
    ranked = [chunk("a1", "a.py", 0.9), chunk("a2", "a.py", 0.8)]
    without_signals = [replace(result, scores={"keyword": result.score}) for result in ranked]
    for candidates in (SPREAD, without_signals):
        fused = fuse("session pool", candidates, [0.5] * len(candidates), WITHIN)
        assert fused.argmax() == 0


def test_without_a_weight_the_order_of_files_stays() -> None:
    fused = fuse("session pool", SPREAD, [0.1, 0.9, 0.9, 0.99], WITHIN)
    assert [SPREAD[row].metadata["path"] for row in np.argsort(-fused)] == ["a.py", "b.py", "a.py", "c.py"]


def test_only_how_candidates_compare_counts_and_not_how_sure_the_model_is_of_all_of_them() -> None:
    def of(logits: list[float]) -> npt.NDArray[np.float64]:
        return fuse("session pool", CANDIDATES, [1.0 / (1.0 + math.exp(-logit)) for logit in logits], FUSION)

    assert of([-6.0, -4.0, -5.0]) == pytest.approx(of([1.0, 3.0, 2.0]), abs=1e-6)


def test_small_differences_are_not_blown_up() -> None:
    fused = fuse("session pool", CANDIDATES, [0.4999, 0.5, 0.5001], FUSION)
    assert np.argsort(-fused).tolist() == [0, 1, 2]


def test_probabilities_of_0_and_1_are_figures_like_others() -> None:
    fused = fuse("session pool", CANDIDATES, [0.0, 1.0, 0.5], FUSION)
    assert np.isfinite(fused).all()
    assert fused.argmax() == 1


async def test_what_the_reranker_did_not_score_follows_behind() -> None:
    found, _ = await run(Scores(float("nan"), 0.2, 0.1), "session pool")
    assert found[-1].id == "a"
    assert "rerank" not in found[-1].scores
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_all_passages_of_a_file_speak_for_it() -> None:
    alone = fuse("session pool", SPREAD, [0.5, 0.6, 0.2, 0.2], FUSION)
    together = fuse("session pool", SPREAD, [0.5, 0.6, 0.6, 0.2], FUSION)
    assert together[2] > alone[0]


def test_a_passage_that_is_preferred_passes_those_of_other_files_where_passages_count() -> None:
    scores = [0.7, 0.1, 0.9, 0.1]
    within = fuse("session pool", SPREAD, scores, WITHIN)
    passages = fuse("session pool", SPREAD, scores, replace(WITHIN, words=Weights(0.0, 0.2)))
    assert [SPREAD[row].id for row in np.argsort(-within)] == ["a2", "b1", "a1", "c1"]
    assert [SPREAD[row].id for row in np.argsort(-passages)] == ["a2", "a1", "b1", "c1"]


def worded(name: str, keyword: float) -> SearchResult:
    return SearchResult(name, name, 0.5, {"path": f"{name}.py"}, {"keyword": keyword})


def test_of_what_is_read_some_is_chosen_by_its_words_where_a_place_is_described() -> None:
    fusion = replace(WITHIN, by_keyword=0.5)
    found = [*(worded(name, 1.0) for name in "abc"), worded("d", 3.0), worded("e", 2.0), worded("f", 4.0)]
    assert reading("session pool", found, 4, fusion) == [0, 1, 3, 5]
    assert reading("how do sessions end", found, 4, fusion) == [0, 1, 2, 3]
    assert reading("session pool", found[:3], 4, fusion) == [0, 1, 2]
    assert reading("session pool", found, 1, fusion) == [0]


@pytest.mark.parametrize(("top_k", "read"), [(1, 15), (10, 15), (30, 30)])
async def test_more_results_have_more_candidates_read(tmp_path: Path, top_k: int, read: int) -> None:
    class Counting(BundledReranker):
        async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            asked.append(len(texts))
            return np.full(len(texts), 0.5, dtype=np.float32)

    asked: list[int] = []
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=Counting()) as store:
        await store.upsert([Document(f"session pool {n}", id=f"{n}") for n in range(40)])
        await store.search("session pool", top_k=top_k)
    assert asked == [read]
