"""Train the model that tells whether two notes contradict each other.

    python scripts/train/train_conflicts.py
    python scripts/train/train_conflicts.py --write

Reads ``benchmarks/conflicts/training.jsonl`` and the tuning half of ``benchmarks/conflicts/pairs.jsonl``, measures each
pair with `aurora_dev.notes.similarity.features`, and fits a logistic regression by Newton's method. Prints precision
and recall on pairs that were left out: of other topics, other languages, other kinds. Precision is that of as many
pairs that contradict each other as do not. With ``--write``, stores the weights in
``aurora_dev/notes/similarity/learned.json``. Takes under a minute, needs NumPy only, and gives the same weights each
time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aurora_dev.notes.similarity.conflicts import LIKELY, LIKELY_BY_RULE
from aurora_dev.notes.similarity.features import features
from aurora_dev.notes.similarity.paraphrases import paraphrase

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ROOT / "benchmarks" / "conflicts" / "training.jsonl"
PAIRS = ROOT / "benchmarks" / "conflicts" / "pairs.jsonl"
WEIGHTS = ROOT / "aurora_dev" / "notes" / "similarity" / "learned.json"
STRENGTH = 0.03  # of the pairs against the penalty on large weights; 0.01 and 0.1 find as much
STEPS = 12  # of Newton's method
FOLDS = 5
SEED = 0

Row = dict[str, Any]
Matrix = NDArray[np.float64]


def read_rows() -> list[Row]:
    rows: list[Row] = [json.loads(line) for line in TRAINING.read_text("utf-8").splitlines()]
    for number, line in enumerate(PAIRS.read_text("utf-8").splitlines()):
        row = json.loads(line)
        if row["half"] == "tuning":
            rows.append({**row, "topic": f"pairs {number}", "kind": "pairs"})
    return rows


def matrix_of(rows: Sequence[Row], names: Sequence[str] | None = None) -> tuple[list[str], Matrix]:
    """Return the names of the measurements and their values, a row for each pair."""
    measured = [features(row["second"], row["first"]) for row in rows]
    if any(each is None for each in measured):
        raise ValueError("A pair has a text that is too long to be compared.")
    chosen = list(names) if names is not None else sorted(measured[0] or ())
    return chosen, np.array([[(each or {})[name] for name in chosen] for each in measured])


def fit(values: Matrix, conflict: NDArray[np.bool_], strength: float = STRENGTH) -> tuple[float, Matrix]:
    """Return the bias and the weights of a logistic regression; both kinds of pairs count the same."""
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    scaled = np.hstack([np.ones((len(values), 1)), (values - mean) / spread])
    counts = np.where(conflict, 0.5 / conflict.sum(), 0.5 / (~conflict).sum()) * len(conflict) * strength
    penalty = np.ones(scaled.shape[1])
    penalty[0] = 1e-6
    weights = np.zeros(scaled.shape[1])
    for _ in range(STEPS):
        likely = 1 / (1 + np.exp(-np.clip(scaled @ weights, -30, 30)))
        slope = scaled.T @ (counts * (likely - conflict)) + penalty * weights
        curve = (scaled * (counts * likely * (1 - likely))[:, None]).T @ scaled + np.diag(penalty)
        weights -= np.linalg.solve(curve, slope)
    plain = weights[1:] / spread
    return float(weights[0] - plain @ mean), plain


def likelihoods(values: Matrix, bias: float, weights: Matrix) -> Matrix:
    return np.asarray(1 / (1 + np.exp(-np.clip(values @ weights + bias, -30, 30))))


def left_out(values: Matrix, conflict: NDArray[np.bool_], groups: Sequence[str]) -> Matrix:
    """Return the likelihood of each pair by a model that has not seen its group."""
    names = sorted(set(groups))
    fold = dict(zip(names, np.random.default_rng(SEED).permutation(len(names)) % min(FOLDS, len(names)), strict=True))
    folds = np.array([fold[group] for group in groups])
    likely = np.zeros(len(values))
    for number in np.unique(folds):
        bias, weights = fit(values[folds != number], conflict[folds != number])
        likely[folds == number] = likelihoods(values[folds == number], bias, weights)
    return likely


def report(name: str, alarm: NDArray[np.bool_], conflict: NDArray[np.bool_]) -> None:
    recall, wrong = float(alarm[conflict].mean()), float(alarm[~conflict].mean())
    precision = recall / max(1e-9, recall + wrong)
    print(f"  {name:<34} recall {recall:.2f}   false alarms {wrong:.3f}   precision {precision:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="store the weights")
    arguments = parser.parse_args()
    rows = read_rows()
    names, values = matrix_of(rows)
    conflict = np.array([row["conflict"] for row in rows])
    by_words = values[:, names.index("rule same words")] > 0
    by_rule = np.array([paraphrase(row["second"], row["first"]) is not None for row in rows])
    named = values[:, names.index("difference is named")] > 0
    print(f"{len(rows)} pairs, {int(conflict.sum())} of them contradict each other; {len(names)} measurements")
    report("rules alone", by_words | by_rule, conflict)
    for group in ("topic", "language", "kind"):
        likely = left_out(values, conflict, [str(row[group]) for row in rows])
        report(f"model alone, other {group}", likely >= LIKELY, conflict)
        shipped = by_words | (by_rule & (likely >= LIKELY_BY_RULE)) | (named & (likely >= LIKELY))
        report(f"as shipped, other {group}", shipped, conflict)
    if arguments.write:
        bias, weights = fit(values, conflict)
        stored = {name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)}
        content = {"bias": round(bias, 4), "weights": {name: weight for name, weight in stored.items() if weight}}
        WEIGHTS.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        print(f"wrote {WEIGHTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
