"""The relevance of a whole search, and the notices of what is not there."""

from __future__ import annotations

import pytest

from aurora_dev.core.search.absence import absence_notices
from aurora_dev.core.search.calibration import LEAST_RELEVANCE, SMALL, match_features, relevance, scaled
from aurora_dev.core.search.evidence import QueryWeights
from aurora_dev.core.search.reading import read_query
from aurora_dev.core.types import NAME_NOT_FOUND, NO_MATCH, Notice, SearchResult

WORDS = {"parse": 3.0, "invoice": 4.0}


def result(content: str = "", score: float = 1.0, symbols: list[str] | None = None, **scores: float) -> SearchResult:
    return SearchResult(content or "x", content, score, {"symbols": symbols or []}, scores)


def of(results: list[SearchResult], **weights: object) -> float:
    return relevance(QueryWeights(words=WORDS, **weights), results)  # type: ignore[arg-type]


def test_near_results_with_the_words_of_the_query_are_relevant_and_far_ones_without_are_not() -> None:
    good = [result("def parse(invoice)", vector=0.7, keyword=12.0)] * 3
    bad = [result("paint the wall", vector=0.1, keyword=0.0)] * 3
    assert of(good) > 0.8
    assert of(bad) < 0.1
    assert of([]) == 0.0


def test_each_figure_moves_the_relevance_in_its_direction() -> None:
    base = [result("parse", vector=0.4, keyword=4.0)] * 3
    middle = of(base)
    assert of([result("parse", vector=0.6, keyword=4.0)] * 3) > middle
    assert of([result("parse", vector=0.4, keyword=9.0)] * 3) > middle
    assert of([result("parse the invoice", vector=0.4, keyword=4.0)] * 3) > middle
    assert of([result("parse", vector=0.4, keyword=4.0, exact=1.0)] * 3) > middle
    assert of(base, missing=frozenset({"invoice"})) < middle
    assert of(base, name_counts={"parse_invoice": 0}) < middle


def test_a_word_is_covered_in_any_form_and_by_the_path() -> None:
    inflected = result("parse invoices")
    by_path = SearchResult("1", "def run(): ...", 1.0, {"path": "invoice/parse.py"})
    for found in (inflected, by_path):
        assert match_features(QueryWeights(words=WORDS), [found])["covered"] == 1.0
    assert match_features(QueryWeights(words=WORDS), [result("parse")])["covered"] == pytest.approx(3 / 7)


def test_scaling_gives_the_best_result_the_relevance_and_keeps_the_ratios() -> None:
    results = scaled([result(score=0.8), result(score=0.4)], 0.6)
    assert [found.score for found in results] == pytest.approx([0.6, 0.3])
    assert [found.score for found in scaled(results, None)] == [found.score for found in results]
    assert scaled([], 0.5) == []
    assert [found.score for found in scaled([result(score=0.0)], 0.5)] == [0.0]


def notices(query: str, relevance: float, symbols: list[str], **counts: int) -> list[Notice]:
    return absence_notices(read_query(query), QueryWeights(name_counts=counts), [result(symbols=symbols)], relevance)


def test_the_same_evidence_means_more_in_a_small_project() -> None:
    found = [result("parse", vector=0.2)]
    assert of(found, records=None) == of(found, records=SMALL) == of(found, records=10 * SMALL)
    sizes = [SMALL, 100, 20, 5, 1, 0]
    figures = [of(found, records=size) for size in sizes]
    assert figures == sorted(figures)
    assert figures[0] < figures[1] < figures[2] < figures[3]
    assert of([], records=5) == 0.0


def test_a_name_that_occurs_nowhere_is_said_with_near_names() -> None:
    (notice,) = notices("get_usr", 0.9, ["get_user", "paint"], get_usr=0)
    assert notice == Notice(NAME_NOT_FOUND, "`get_usr` occurs nowhere in this project; near names: `get_user`")
    (notice,) = notices("get_usr", 0.9, ["paint"], get_usr=0)
    assert notice.text == "`get_usr` occurs nowhere in this project"
    assert notices("get_user", 0.9, ["get_user"], get_user=1) == []


def test_at_most_three_missing_names_are_said() -> None:
    assert len(notices("a_b c_d e_f g_h", 0.9, [], a_b=0, c_d=0, e_f=0, g_h=0)) == 3


def test_names_that_a_long_task_mentions_may_be_elsewhere() -> None:
    assert notices("get_usr fails\n\nIt is gone.", 0.9, [], get_usr=0) == []


def test_nothing_matches_well_below_the_least_relevance() -> None:
    assert [notice.code for notice in notices("banana bread", LEAST_RELEVANCE - 0.01, [])] == [NO_MATCH]
    assert notices("banana bread", LEAST_RELEVANCE, []) == []
