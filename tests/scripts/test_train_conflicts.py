"""The training of the model for conflicts, and its pairs."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "train"))

train = importlib.import_module("train_conflicts")


def test_the_training_pairs_are_many_in_18_languages_and_none_is_said_twice_with_two_answers() -> None:
    rows = train.read_rows()
    assert len(rows) >= 1_500
    assert len({row["language"] for row in rows}) >= 18
    answers: dict[frozenset[str], set[bool]] = {}
    for row in rows:
        answers.setdefault(frozenset((row["first"], row["second"])), set()).add(row["conflict"])
    assert [pair for pair, said in answers.items() if len(said) > 1] == []
    assert min(Counter(row["conflict"] for row in rows).values()) >= 800


def test_a_regression_recovers_what_separates_two_kinds() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(400, 3))
    conflict = values[:, 0] - 0.5 * values[:, 1] > 0
    bias, weights = train.fit(values, conflict, strength=1.0)
    assert weights[0] > 0 > weights[1]
    assert abs(weights[2]) < 0.2 * weights[0]
    right = (train.likelihoods(values, bias, weights) >= 0.5) == conflict
    assert right.mean() > 0.95


def test_pairs_of_one_group_are_judged_by_a_model_that_has_not_seen_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    fit = train.fit

    def counting(values: NDArray[Any], conflict: NDArray[Any]) -> Any:
        seen.append(len(values))
        return fit(values, conflict)

    monkeypatch.setattr(train, "fit", counting)
    values = np.random.default_rng(2).normal(size=(60, 2))
    likely = train.left_out(values, values[:, 0] > 0, [f"topic {number % 6}" for number in range(60)])
    assert likely.shape == (60,)
    assert seen
    assert max(seen) <= 50
