"""Joining results of a project with notes of another store by their cosines."""

from __future__ import annotations

import pytest

from aurora_dev import Notice, SearchResult, SearchResults
from aurora_dev.notes.blend import join_relevant_notes, merge_by_cosine

QUERY = "rotate signing keys"


def result(id: str, score: float = 0.0, cosine: float | None = None, content: str = QUERY) -> SearchResult:
    return SearchResult(id, content, score, {}, {} if cosine is None else {"vector": cosine})


def joined(results: list[SearchResult], others: list[SearchResult], top_k: int = 10) -> list[tuple[str, float]]:
    found = join_relevant_notes(QUERY, SearchResults(results), SearchResults(others), top_k)
    return [(each.id, round(each.score, 6)) for each in found]


def test_a_note_of_another_store_is_placed_by_its_cosine_relative_to_the_nearest_result() -> None:
    results = [result("a", 0.8, 0.5), result("b", 0.4, 0.6)]
    assert joined(results, [result("other", 0.99, 0.3)]) == [("a", 0.8), ("b", 0.4), ("other", 0.38)]
    assert joined(results, [result("other", 0.01, 0.6)]) == [("a", 0.8), ("other", 0.76), ("b", 0.4)]


def test_a_nearer_note_of_another_store_never_comes_first() -> None:
    assert joined([result("a", 0.8, 0.5)], [result("other", 0.99, 0.9)]) == [("a", 0.8), ("other", 0.76)]


@pytest.mark.parametrize(("own", "other"), [(None, 0.9), (0.5, None), (None, None)])
def test_without_a_cosine_on_both_sides_a_note_counts_half(own: float | None, other: float | None) -> None:
    assert joined([result("a", 0.8, own)], [result("other", 0.9, other)]) == [("a", 0.8), ("other", 0.38)]


def test_without_results_of_the_project_the_cosine_is_the_score() -> None:
    assert joined([], [result("x", 0.9, 0.7), result("y", 0.9)]) == [("x", 0.7), ("y", 0.0)]


def test_irrelevant_notes_are_left_out_and_only_top_k_results_are_kept() -> None:
    results = [result("a", 0.8, 0.5), result("b", 0.4, 0.4)]
    irrelevant = result("other", 0.9, 0.1, "Invoices are numbered without gaps.")
    assert joined(results, [irrelevant], top_k=1) == [("a", 0.8), ("b", 0.4)]  # the results are returned unchanged
    assert joined(results, [result("other", 0.9, 0.5)], top_k=2) == [("a", 0.8), ("other", 0.76)]


def test_the_result_keeps_what_the_search_of_the_project_reports() -> None:
    notice = Notice("rerank_failed", "no model")
    results = SearchResults([result("a", 0.8, 0.5)], search_method="vector", notices=(notice,))
    found = join_relevant_notes(QUERY, results, SearchResults([result("x", 0.9, 0.5)]), 5)
    assert (found.search_method, found.notices) == ("vector", (notice,))


def test_ranked_lists_are_merged_by_cosine_with_precedence_for_the_own_results() -> None:
    own = [result("a", cosine=0.9), result("b", cosine=0.5), result("c", cosine=0.6)]

    def merged(*cosines: float | None) -> str:
        return "".join(each.id for each in merge_by_cosine(own, [result("x", cosine=one) for one in cosines]))

    assert merged(0.96) == "xabc"
    assert merged(0.94) == "axbc"  # 0.95 * 0.94 is below 0.9
    assert [each.id for each in merge_by_cosine([result("a", cosine=0.95)], [result("x", cosine=1.0)])] == ["a", "x"]
    assert merged(0.5) == "abcx"  # 0.95 * 0.5 is below all
    assert merged(None) == "abcx"
    assert merged() == "abc"
    assert merge_by_cosine([], [result("x", cosine=0.5)])[0].id == "x"
