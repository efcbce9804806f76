"""Reciprocal rank fusion and maximal marginal relevance, against their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dev.core.search.evidence import weigh
from aurora_dev.core.search.fusion import RRF_K, exact_evidence, mmr, rrf, twin_decay
from aurora_dev.core.search.reading import read_query
from aurora_dev.core.types import Record

ids = st.lists(st.text("abcdefgh", min_size=1, max_size=2), unique=True, max_size=12)
weights = st.floats(0.0, 1.0).map(lambda value: round(value, 3))


def test_first_place_in_every_list_scores_one() -> None:
    assert rrf([["a", "b"], ["a", "c"]], [0.5, 0.5])["a"] == pytest.approx(1.0)


def test_a_record_in_both_lists_beats_one_that_is_first_in_one() -> None:
    fused = rrf([["a", "x"], ["b", "x"]], [0.5, 0.5])
    assert next(iter(fused)) == "x"


def test_the_heavier_list_decides_between_firsts() -> None:
    assert list(rrf([["a"], ["b"]], [0.3, 0.7])) == ["b", "a"]


def test_ties_are_in_the_order_of_ids() -> None:
    assert list(rrf([["b"], ["a"]], [0.5, 0.5])) == ["a", "b"]


@given(st.lists(st.tuples(ids, weights), min_size=1, max_size=4))
def test_fused_scores_are_the_weighted_sum_of_reciprocal_ranks(lists: list[tuple[list[str], float]]) -> None:
    rankings = [ranking for ranking, _ in lists]
    shares = [weight for _, weight in lists]
    if sum(shares) == 0:
        shares[0] = 1.0
    fused = rrf(rankings, shares)
    best = sum(shares) / (RRF_K + 1)
    for identifier, score in fused.items():
        parts = [
            share / (RRF_K + ranking.index(identifier) + 1)
            for ranking, share in zip(rankings, shares, strict=True)
            if identifier in ranking
        ]
        assert score == pytest.approx(sum(parts) / best)
        assert 0.0 < score <= 1.0 + 1e-12
    assert list(fused.values()) == sorted(fused.values(), reverse=True)


@given(ids)
def test_fusing_a_list_with_itself_keeps_its_order(ranking: list[str]) -> None:
    assert list(rrf([ranking, ranking], [0.5, 0.5])) == ranking


def unit_rows(seed: int, count: int, dimension: int = 8) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_mmr_takes_the_less_relevant_of_two_copies_last() -> None:
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    relevance = np.array([1.0, 0.99, 0.6], dtype=np.float32)
    assert [index for index, _ in mmr(relevance, vectors, 3, 0.7)] == [0, 2, 1]


def test_mmr_with_lambda_one_is_the_order_of_relevance() -> None:
    relevance = np.random.default_rng(1).random(20).astype(np.float32)
    chosen = [index for index, _ in mmr(relevance, unit_rows(2, 20), 20, 1.0)]
    assert chosen == list(np.argsort(-relevance, kind="stable"))


@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(1, 30), st.floats(0.0, 1.0))
def test_mmr_chooses_greedily_and_its_values_never_rise(seed: int, count: int, top_k: int, lambda_: float) -> None:
    vectors = unit_rows(seed, count)
    relevance = np.random.default_rng(seed).random(count).astype(np.float32)
    chosen = mmr(relevance, vectors, top_k, lambda_)
    indices = [index for index, _ in chosen]
    values = [value for _, value in chosen]
    assert len(set(indices)) == len(indices) == min(top_k, count)
    assert all(0.0 <= value <= 1.0 for value in values)
    assert all(later <= earlier + 1e-6 for earlier, later in itertools.pairwise(values))
    for step, index in enumerate(indices):
        similarity = np.clip(vectors @ vectors[indices[:step]].T, 0, 1).max(axis=1) if step else np.zeros(count)
        expected = lambda_ * relevance + (1 - lambda_) * (1 - similarity)
        expected[indices[:step]] = -1
        assert expected[index] == pytest.approx(expected.max(), abs=1e-5)


def test_only_the_best_of_several_copies_keeps_its_score() -> None:
    decayed = twin_decay(np.array([0.5, 0.8, 0.4]), ["def f():\n    pass", "def f():  \n    pass\n", "other"])
    assert decayed.tolist() == [0.25, 0.8, 0.4]


def exact(query: str, contents: list[str], counts: dict[str, int], **metadata: list[object]) -> list[float]:
    """Return the exact evidence of candidates, where the project holds each name so many times."""
    reading = read_query(query)
    weights = weigh(reading, lambda names: [counts.get(name, 0) for name in names], lambda: 100)
    records = [
        Record(str(row), content, {key: values[row] for key, values in metadata.items()})  # type: ignore[misc]
        for row, content in enumerate(contents)
    ]
    return [round(value, 3) for value in exact_evidence(reading, weights, records).tolist()]


def test_a_definition_comes_before_a_use_and_a_use_before_everything_else() -> None:
    symbols: list[object] = [["get_user"], [], []]
    found = exact(
        "get_user", ["def get_user(): ...", "x = get_user()", "get_users()"], {"get_user": 2}, symbols=symbols
    )
    assert found[0] > found[1] > found[2] == 0.0


def test_a_name_that_is_everywhere_is_no_evidence() -> None:
    assert exact("get_user", ["x = get_user()"], {"get_user": 90}) == [0.0]


def test_in_a_question_a_use_in_a_test_counts_less() -> None:
    paths: list[object] = ["src/a.py", "tests/test_a.py"]
    in_code, in_test = exact("why is get_user slow", ["get_user()"] * 2, {"get_user": 2}, path=paths)
    assert in_code > in_test > 0.0


def test_words_with_blanks_find_the_name_that_they_make() -> None:
    symbols: list[object] = [["MAX_URL_LENGTH"], ["url_length"]]
    contents = ["MAX_URL_LENGTH = 8", "url_length = 3"]
    assert exact("max url length", contents, {"maxurllength": 1}, symbols=symbols) == [1.0, 0.0]


def test_a_file_comes_before_those_that_mention_it() -> None:
    paths: list[object] = ["src/auth/tokens.py", "README.md"]
    found = exact("auth/tokens.py", ["class Tokens: ...", "see auth/tokens.py"], {}, path=paths)
    assert found[0] == 1.0 > found[1]
