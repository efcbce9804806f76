"""Scores of recalled notes: the half-life of recency, the scale of uses, and the weight of each."""

from __future__ import annotations

import math

import pytest

from aurora_dev.notes.recall_scores import importance_share, recall_score, recency, relevance, use_share

DAY = 86_400.0
FOREVER = 1e6 * DAY


def test_recency_halves_every_60_days() -> None:
    assert recency(0.0) == 1.0
    assert recency(60 * DAY) == pytest.approx(0.5)
    assert recency(120 * DAY) == pytest.approx(0.25)
    assert recency(30 * DAY) == pytest.approx(math.sqrt(0.5))


def test_a_note_of_the_future_is_as_recent_as_a_new_one() -> None:
    assert recency(-DAY) == 1.0


def test_uses_count_on_a_logarithmic_scale_up_to_20() -> None:
    assert use_share(0) == use_share(-1) == 0.0
    assert use_share(20) == use_share(1_000) == 1.0
    assert use_share(19) < 1.0
    # sqrt(21) - 1 uses are half of the scale.
    assert math.log1p(math.sqrt(21) - 1) / math.log1p(20) == pytest.approx(0.5)
    assert use_share(3) == pytest.approx(math.log(4) / math.log(21))
    assert use_share(4) == pytest.approx(math.log(5) / math.log(21))


def test_importance_is_scaled_from_0_to_1() -> None:
    assert [importance_share(value) for value in (1, 10)] == [0.0, 1.0]
    assert importance_share(5) == pytest.approx(4 / 9)


@pytest.mark.parametrize(
    ("cosine", "keyword", "best_keyword", "expected"),
    [
        (1.0, 0.0, 0.0, 0.6),
        (0.5, 4.0, 8.0, 0.5),
        (0.0, 8.0, 8.0, 0.4),
        (1.5, 8.0, 8.0, 1.0),
        (-0.5, 8.0, 8.0, 0.4),
        (None, 4.0, 8.0, 0.5),
        (None, 0.25, 0.5, 0.5),
        (None, 0.0, 0.0, 0.0),
    ],
)
def test_relevance_is_three_fifths_cosine_and_two_fifths_words(
    cosine: float | None, keyword: float, best_keyword: float, expected: float
) -> None:
    assert relevance(cosine, keyword, best_keyword) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("age", "importance", "uses", "expected"),
    [
        (FOREVER, 1, 0, 0.65),
        (0.0, 1, 0, 0.65 + 0.35 * 0.4),
        (60 * DAY, 1, 0, 0.65 + 0.35 * 0.2),  # the share of recency has halved
        (FOREVER, 10, 0, 0.65 + 0.35 * 0.45),
        (FOREVER, 1, 20, 0.65 + 0.35 * 0.15),
        (0.0, 10, 20, 1.0),
    ],
)
def test_recency_importance_and_use_have_their_weights(age: float, importance: int, uses: int, expected: float) -> None:
    assert recall_score(1.0, age, importance, uses) == pytest.approx(expected)
    assert recall_score(0.5, age, importance, uses) == pytest.approx(expected / 2)
    assert recall_score(0.0, age, importance, uses) == 0.0
