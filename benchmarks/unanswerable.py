"""Measure whether a search says that nothing matches: 100 queries without an answer, and 150 that have one.

    python benchmarks/unanswerable.py [--rerank] [--matches MODULE:FUNCTION] [--cache DIR] [--json FILE]

The queries without an answer are in ``unanswerable/queries.jsonl``. The others are ten annotated queries of each of the
same projects and five names in sentences, as ``names.py`` draws them. Half of the projects are for tuning.

A function ``matches(results) -> bool`` decides whether results answer their query. The default compares the best score
with a threshold, chosen on the tuning half so that at most 3 % of its answerable queries are lost. Printed are the
share of each kind that is marked as not matching, the quantiles of the best scores, the area under the ROC curve (the
share of pairs in which the answerable query has the higher best score), and the most that any threshold could mark at
that loss.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from machine import machine
from names import kept_queries
from packages import annotated_queries
from projects import HERE, KEPT, PATHS, kept_store, projects, texts_of
from yardstick import Row, auc, half_of, table, write_json

from aurora_dev.core.types import SearchOptions, SearchResults

QUERIES = HERE / "unanswerable" / "queries.jsonl"
ANNOTATED, NAMED = 10, 5  # answerable queries of each project
LOSS = 0.03
TOP_K = 10
OPTIONS = {"hybrid": SearchOptions(), "keyword": SearchOptions(mode="keyword"), "vector": SearchOptions(mode="vector")}
RERANKED = "reranked"

Matches: TypeAlias = Callable[[SearchResults], bool]


class Asked(NamedTuple):
    """A query; kinds of answerable ones are ``annotated`` and ``named``."""

    project: str
    kind: str
    query: str
    answerable: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A query and the results of one method."""

    asked: Asked
    results: SearchResults

    @property
    def best(self) -> float:
        """The best score; 0 without results."""
        return max((result.score for result in self.results), default=0.0)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Results match if their best score is not below a threshold."""

    least: float

    def __call__(self, results: SearchResults) -> bool:
        """Return whether the results match."""
        return max((result.score for result in results), default=0.0) >= self.least


def unanswerable() -> list[Asked]:
    rows = [json.loads(line) for line in QUERIES.read_text("utf-8").splitlines()]
    return [Asked(row["project"], row["kind"], row["query"], False) for row in rows]


def best_threshold(scores: Sequence[float], loss: float = LOSS) -> float:
    """Return the highest threshold that loses at most this share of the scores of answerable queries."""
    return sorted(scores)[int(loss * len(scores))]


def marked(answers: Sequence[Answer], matches: Matches, keep: Callable[[Asked], bool]) -> tuple[float, int]:
    """Return the share of the kept queries that are marked as not matching, and their number."""
    chosen = [answer for answer in answers if keep(answer.asked)]
    return statistics.fmean(not matches(answer.results) for answer in chosen), len(chosen)


async def measure(methods: Sequence[str], cache: Path) -> dict[str, list[Answer]]:
    asked = unanswerable()
    answers: dict[str, list[Answer]] = {method: [] for method in methods}
    for project in projects(PATHS, sorted({one.project for one in asked})):
        annotated = [str(row["query"]) for row in annotated_queries(project.data, project.name)]
        annotated.sort(key=lambda query: hashlib.sha256(query.encode()).digest())
        drawn = kept_queries(project, cache, texts_of(project.root), redraw=False)
        named = [query.text for query in drawn if query.form == "name in a sentence"]
        group = [one for one in asked if one.project == project.name]
        group += [Asked(project.name, "annotated", query, True) for query in annotated[:ANNOTATED]]
        group += [Asked(project.name, "named", query, True) for query in named[:NAMED]]
        async with kept_store(project, cache, "bundled" if RERANKED in methods else "none") as store:
            for one in group:
                for method in methods:
                    options = OPTIONS.get(method, SearchOptions())
                    results = await store.search(one.query, top_k=TOP_K, rerank=method == RERANKED, options=options)
                    answers[method].append(Answer(one, results))
    return answers


def rows_of(answers: dict[str, list[Answer]], matches: Matches | None) -> list[Row]:
    """Return the figures of each half and method."""
    rows = []
    for half in ("tuning", "reporting"):
        for method, every in answers.items():
            chosen = [answer for answer in every if half_of(answer.asked.project) == half]
            tuning = [
                answer.best for answer in every if half_of(answer.asked.project) == "tuning" and answer.asked.answerable
            ]
            decide = matches or Threshold(best_threshold(tuning))

            def add(measure: str, value: float, count: int, half: str = half, method: str = method) -> None:
                rows.append(Row("unanswerable", half, measure, method, value, count))

            for answerable, title in ((False, "no answer"), (True, "answerable")):
                share, count = marked(chosen, decide, lambda one, wanted=answerable: one.answerable == wanted)  # type: ignore[misc]
                add(f"{title}: marked as not matching", share, count)
                for kind in dict.fromkeys(a.asked.kind for a in chosen if a.asked.answerable == answerable):
                    share, count = marked(chosen, decide, lambda one, wanted=kind: one.kind == wanted)  # type: ignore[misc]
                    add(f"  {kind}", share, count)
            good, bad = ([a.best for a in chosen if a.asked.answerable == wanted] for wanted in (True, False))
            add("area under the ROC curve", auc(good, bad), len(chosen))
            attainable = Threshold(best_threshold(good))
            share, count = marked(chosen, attainable, lambda one: not one.answerable)
            add("no answer: most at 3 % loss", share, count)
            for answerable, title in ((False, "no answer"), (True, "answerable")):
                scores = [answer.best for answer in chosen if answer.asked.answerable == answerable]
                cuts = statistics.quantiles(scores, n=20, method="inclusive")
                for name, cut in (("5 %", cuts[0]), ("median", cuts[9]), ("95 %", cuts[18])):
                    add(f"best score, {title}: {name}", cut, len(scores))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=KEPT, help="folder of the kept stores, as of names.py")
    parser.add_argument("--rerank", action="store_true", help="also measure the bundled reranker")
    parser.add_argument("--matches", metavar="MODULE:FUNCTION", help="decides whether results match")
    parser.add_argument("--json", type=Path, help="also write figures and best scores to this file")
    arguments = parser.parse_args()
    methods = [*OPTIONS, *([RERANKED] if arguments.rerank else [])]
    matches: Matches | None = None
    if arguments.matches:
        module, _, name = arguments.matches.partition(":")
        matches = getattr(importlib.import_module(module), name)
    answers = asyncio.run(measure(methods, arguments.cache))
    rows = rows_of(answers, matches)
    print(machine())
    print(table(rows))
    if arguments.json:
        details = [
            {**answer.asked._asdict(), "method": method, "best": answer.best}
            for method, every in answers.items()
            for answer in every
        ]
        write_json(arguments.json, rows, {"queries": details})


if __name__ == "__main__":
    main()
