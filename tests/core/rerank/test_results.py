"""Reordering results by scores."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from aurora_dev.core.rerank.results import checked_top_k, contents, reordered
from aurora_dev.core.types import Notice, SearchResult, SearchResults
from aurora_dev.errors import InvalidRequestError


def result(identity: str, score: float = 0.5) -> SearchResult:
    return SearchResult(identity, f"text {identity}", score, {"path": f"{identity}.py"}, {"rrf": 0.25})


def test_results_are_ordered_by_the_raw_figure_and_ties_keep_the_input_order() -> None:
    ordered = reordered([result("a"), result("b"), result("c")], [0.5, 0.9, 0.5], [0.0, 2.0, 0.0], 3)
    assert [item.id for item in ordered] == ["b", "a", "c"]


def test_metadata_and_earlier_scores_are_kept() -> None:
    (best,) = reordered([result("a", 0.7)], [0.9], [2.2], 1)
    assert best.metadata == {"path": "a.py"}
    assert best.scores == {"stage1": 0.7, "rrf": 0.25, "rerank": 0.9, "rerank_raw": 2.2}
    assert best.score == 0.9
    assert type(best.score) is float


def test_the_input_is_untouched() -> None:
    inputs: list[Any] = [result("a"), {"content": "b", "score": 0.3, "metadata": {"k": 1}}, "c"]
    before = copy.deepcopy(inputs)
    outputs = reordered(inputs, [0.1, 0.2, 0.3], [1.0, 2.0, 3.0], 3)
    assert inputs == before
    outputs[1]["metadata"]["k"] = 2
    outputs[1]["scores"]["rerank"] = 9.0
    outputs[2].metadata["path"] = "changed"
    assert inputs == before


def test_mappings_and_strings_come_back_as_dictionaries() -> None:
    outputs = reordered(["a", {"content": "b", "score": 0.3, "tag": "x"}], [0.2, 0.4], [1.0, 2.0], 2)
    assert outputs == [
        {"content": "b", "score": 0.4, "tag": "x", "scores": {"stage1": 0.3, "rerank": 0.4, "rerank_raw": 2.0}},
        {"content": "a", "score": 0.2, "scores": {"rerank": 0.2, "rerank_raw": 1.0}},
    ]


def test_search_results_keep_the_facts_of_the_search() -> None:
    notice = Notice("stale", "old")
    results = SearchResults(
        [result("a"), result("b")],
        search_method="rrf_hybrid+mmr",
        message="RRF + MMR",
        notices=(notice,),
        timings={"vector": 0.1},
    )
    reranked = reordered(results, [0.1, 0.2], [1.0, 2.0], 1, seconds=0.5)
    assert isinstance(reranked, SearchResults)
    assert [item.id for item in reranked] == ["b"]
    assert reranked.search_method == "rrf_hybrid+mmr+rerank"
    assert reranked.message == "RRF + MMR + Cross-Encoder Reranking"
    assert reranked.notices == (notice,)
    assert reranked.timings == {"vector": 0.1, "rerank": 0.5}
    assert results.search_method == "rrf_hybrid+mmr"
    again = reordered(reranked, [0.3], [1.0], 1)
    assert isinstance(again, SearchResults)
    assert again.search_method == "rrf_hybrid+mmr+rerank"
    assert again[0].scores["stage1"] == 0.5


@pytest.mark.parametrize("bad", [0, -1, 1.5, "3", True])
def test_a_top_k_below_one_is_an_error(bad: Any) -> None:
    with pytest.raises(InvalidRequestError, match="top_k"):
        checked_top_k(bad, 5)


def test_a_top_k_beyond_the_number_of_results_gives_all() -> None:
    assert checked_top_k(99, 5) == 5
    assert checked_top_k(None, 5) == 5


@pytest.mark.parametrize("bad", [[1], [{"text": "x"}], [{"content": None}], "one string", {"content": "x"}, [None]])
def test_results_without_text_are_refused(bad: Any) -> None:
    with pytest.raises(InvalidRequestError, match="results"):
        contents(bad)
