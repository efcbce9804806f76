"""Measure which notes a prompt brings back by itself, and fit the weights of that decision.

    python benchmarks/prompt_relevance.py [--fit] [--json FILE]

``benchmarks/prompts`` holds 36 notes of an invented web shop, three prompts for each that need it, and 80 prompts that
need none of them. They were written by hand. A prompt for a note should bring back that note; every other note is
wrong. The notes lie in a store beside the chunks of Aurora's own ``notes`` package, so that words have a rarity.

The second table is for the same facts in exchanges of sessions, which are longer: the first prompt of a note, with an
answer that holds it among other sentences. The other prompts should bring it back.

Notes and prompts of odd lines are for tuning, those of even lines are reported. ``--fit`` prints new weights for
``COEFFICIENTS`` of ``aurora_dev/interfaces/hooks/relevance.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

from aurora_dev import Memory
from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.quick_reader import QuickReader, cosine, embed_one
from aurora_dev.core.record_kinds import FILE_KEY, SESSION_EXCHANGE, SESSION_KEY
from aurora_dev.interfaces.hooks.recall import judged
from aurora_dev.interfaces.hooks.relevance import (
    COEFFICIENTS,
    LEAST_NOTE,
    LEAST_SESSION,
    features,
    probability,
    read_prompt,
    said,
    weigh,
)

ROOT = Path(__file__).parent.parent
FOLDER = Path(__file__).parent / "prompts"
ANSWERS = (
    "I looked at the code first. The relevant parts are in the service layer, and the tests cover most of it.",
    "I ran the test suite, and all tests pass.",
    "I changed the function and updated its callers.",
)
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
_PENALTY = 0.02
_STEPS, _RATE = 4_000, 0.3


@dataclass(frozen=True)
class Case:
    """A prompt and a note: the figures about them, and whether the note belongs to the prompt."""

    prompt: str
    figures: dict[str, float]
    belongs: bool
    tuning: bool


def read_lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (FOLDER / name).read_text("utf-8").splitlines()]


async def make_store(root: Path, notes: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Index a project with the notes; return the number of each note's line by its id."""
    shutil.copytree(ROOT / "aurora_dev" / "notes", root / "notes", ignore=shutil.ignore_patterns("__pycache__"))
    async with Memory.open(root, user_store="none") as memory:
        await memory.index()
        return {
            (await memory.remember(str(note["note"]), kind=str(note["kind"]))).id: number
            for number, note in enumerate(notes)
        }


def collect(root: Path, ids: dict[str, int], notes: Sequence[dict[str, Any]], without: Sequence[str]) -> list[Case]:
    """Return the figures of every prompt with every note of the same half."""
    asked: list[tuple[str, int | None]] = [
        (str(prompt), number) for number, note in enumerate(notes) for prompt in note["prompts"]
    ]
    asked += [(prompt, None) for prompt in without]
    cases = []
    with QuickReader(str(root / ".aurora"), "default") as reader:
        for position, (text, number) in enumerate(asked):
            tuning = (position if number is None else number) % 2 == 0
            for record, figures in judged(reader, read_prompt(text), reader.learned(1_000, FILE_KEY)):
                line = ids[record.id]
                if (line % 2 == 0) == tuning:
                    cases.append(Case(text, figures, line == number, tuning))
    return cases


def exchanges(notes: Sequence[dict[str, Any]], without: Sequence[str]) -> list[Case]:
    """Return the figures of prompts with exchanges of sessions."""
    about = "Claude Code session 1234abcd, 2026-03-02 on branch main"
    texts = [
        f"{note['prompts'][0]}\n\n{ANSWERS[number % 3]} {note['note']} {ANSWERS[(number + 1) % 3]}\n\n"
        f"{about}\nChanged: src/module{number}.py, tests/test_module{number}.py"
        for number, note in enumerate(notes)
    ]
    vectors = StaticEmbedder.bundled().embed_documents(texts).astype("<f4")
    lowered = [text.casefold() for text in texts]
    asked = [(prompt, number) for number, note in enumerate(notes) for prompt in note["prompts"][1:]]
    metadata = {SESSION_KEY: SESSION_EXCHANGE}
    cases = []
    for position, (text, number) in enumerate([*asked, *((prompt, None) for prompt in without)]):
        tuning = (position if number is None else number) % 2 == 0
        prompt = weigh(read_prompt(text), 1_000, lambda word: sum(word in each for each in lowered))
        vector = embed_one(prompt.text)
        for line, content in enumerate(texts):
            if (line % 2 == 0) == tuning:
                near = None if vector is None else cosine(vector, vectors[line].tobytes())
                figures = features(prompt, said(content, metadata), metadata, near)
                cases.append(Case(text, figures, line == number, tuning))
    return cases


def fit(cases: Sequence[Case]) -> dict[str, float]:
    """Return the weights of a logistic regression; both classes count as much."""
    names = list(COEFFICIENTS)
    x = np.array([[case.figures[name] for name in names] for case in cases])
    y = np.array([case.belongs for case in cases], dtype=float)
    importance = np.where(y > 0, 1.0, 4.0 * y.sum() / (len(y) - y.sum()))
    importance /= importance.sum()
    weights = np.zeros(len(names))
    free = np.array([name == "constant" for name in names])
    for _ in range(_STEPS):
        error = 1 / (1 + np.exp(-x @ weights)) - y
        weights -= _RATE * 20 * (x.T @ (error * importance) + np.where(free, 0, _PENALTY * weights / 100))
    return {name: round(float(weight), 3) for name, weight in zip(names, weights, strict=True)}


def measure(cases: Sequence[Case], threshold: float, coefficients: dict[str, float] | None = None) -> dict[str, float]:
    """Return recall, precision, and the share of prompts without a note that stay without one."""

    def likely(case: Case) -> float:
        if coefficients is None:
            return probability(case.figures)
        return float(1 / (1 + np.exp(-sum(coefficients[name] * value for name, value in case.figures.items()))))

    added = [case for case in cases if likely(case) >= threshold]
    right = sum(case.belongs for case in added)
    needing = {case.prompt for case in cases if case.belongs}
    other = {case.prompt for case in cases} - needing
    disturbed = {case.prompt for case in added} & other
    return {
        "prompts": len(needing),
        "recall": right / max(1, len(needing)),
        "precision": right / max(1, len(added)),
        "without": len(other),
        "silent": 1 - len(disturbed) / max(1, len(other)),
    }


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--show", action="store_true", help="print the mistakes of the tuning half")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    notes: list[dict[str, Any]] = read_lines("notes.jsonl")
    without: list[str] = read_lines("without.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        root.mkdir()
        ids = asyncio.run(make_store(root, notes))
        cases = collect(root, ids, notes, without)
    tuning = [case for case in cases if case.tuning]
    print(machine())
    coefficients = fit(tuning) if arguments.fit else None
    if coefficients is not None:
        print(json.dumps(coefficients, indent=4))
    found = {}
    for kind, every, least in (("notes", cases, LEAST_NOTE), ("sessions", exchanges(notes, without), LEAST_SESSION)):
        print(kind)
        for half in (True, False):
            for threshold in THRESHOLDS:
                part = [case for case in every if case.tuning == half]
                figures = measure(part, threshold, coefficients)
                name = f"{'tuning' if half else 'report'} {threshold}"
                found[f"{kind} {name}"] = figures
                mark = " <" if threshold == least else ""
                print(f"{name:<11}", "  ".join(f"{name} {value:.2f}" for name, value in figures.items()), mark)
    if arguments.show:
        for case in tuning:
            if case.belongs != (probability(case.figures) >= LEAST_NOTE):
                print("missed" if case.belongs else "wrong ", case.prompt, case.figures)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
