"""A learned model that tells how likely two texts contradict each other, and what differs between them.

A logistic regression over the measurements of `features`. ``scripts/train/train_conflicts.py`` makes its weights from
``benchmarks/conflicts/training.jsonl``.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Final

from aurora_dev.notes.similarity.claims import claim_of
from aurora_dev.notes.similarity.features import Reading, features, read

_WEIGHTS: Final = Path(__file__).with_name("learned.json")
_MOST: Final = 30.0  # of the sum of all weights, so that its exponential is finite
_MOST_SHOWN: Final = 40  # characters of a word in a reason


@lru_cache(maxsize=1)
def _weights() -> tuple[float, dict[str, float]]:
    stored = json.loads(_WEIGHTS.read_text("utf-8"))
    return stored["bias"], stored["weights"]


def likelihood(new: str, old: str) -> float | None:
    """Return how likely two texts contradict each other, 0..1; ``None`` where one is too long to be compared.

    Args:
        new: The new text.
        old: The earlier text.
    """
    found = features(new, old)
    if found is None:
        return None
    bias, weights = _weights()
    total = bias + sum(weights[name] * value for name, value in found.items() if name in weights)
    return 1.0 / (1.0 + math.exp(-max(-_MOST, min(_MOST, total))))


def difference(new: str, old: str) -> str:
    """Return in words what differs between two texts that may contradict each other.

    Args:
        new: The new text.
        old: The earlier text.
    """
    a, b = read(new), read(old)
    people_a, people_b = sorted(a.people - b.people), sorted(b.people - a.people)
    if "ownership" in a.poles and "ownership" in b.poles and people_a and people_b:
        return f"names {', '.join(people_a[:3])} where the earlier one names {', '.join(people_b[:3])}"
    found = _apart(a.products, b.products) or _values(new, old) or _numbers(a, b)
    if found is None and len(a.poles.get("polarity", ())) == len(b.poles.get("polarity", ())):
        found = _apart(*({group: each for group, each in text.poles.items() if group[:4] == "two "} for text in (a, b)))
    if found is not None:
        return f"says '{found[0][:_MOST_SHOWN]}' where the earlier one says '{found[1][:_MOST_SHOWN]}'"
    if ("polarity" in a.poles) != ("polarity" in b.poles):
        return "negates what the earlier one says" if "polarity" in a.poles else "says what the earlier one negates"
    return "says something else about the same subject"


def _apart(a: dict[str, dict[str, str]], b: dict[str, dict[str, str]]) -> tuple[str, str] | None:
    """Return the words for two names of the first set of which the texts have different ones."""
    for group in sorted(a.keys() & b.keys()):
        if a[group].keys().isdisjoint(b[group]):
            return next(iter(a[group].values())), next(iter(b[group].values()))
    return None


def _values(new: str, old: str) -> tuple[str, str] | None:
    a, b = claim_of(new), claim_of(old)
    if a is None or b is None:
        return None
    groups = a.groups & b.groups
    return _apart(*({group: claim.values(group) for group in groups if claim.values(group)} for claim in (a, b)))


def _numbers(a: Reading, b: Reading) -> tuple[str, str] | None:
    units = sorted(a.numbers.keys() & b.numbers.keys(), key=lambda unit: (unit == "none", unit))
    for unit in units:
        if a.numbers[unit].keys().isdisjoint(b.numbers[unit]):
            return next(iter(a.numbers[unit].values())), next(iter(b.numbers[unit].values()))
    return None
