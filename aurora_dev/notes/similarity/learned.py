"""A learned model that tells how likely two texts contradict each other.

A logistic regression over the measurements of `features`. ``scripts/train/train_conflicts.py`` makes its weights from
``benchmarks/conflicts/training.jsonl``.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Final

from aurora_dev.notes.similarity.features import features

_WEIGHTS: Final = Path(__file__).with_name("learned.json")
_MOST: Final = 30.0  # of the sum of all weights, so that its exponential is finite


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
