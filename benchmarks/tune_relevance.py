"""Fit the coefficients of the relevance of a search, and show how well it tells queries without an answer.

    python benchmarks/tune_relevance.py [--cache DIR] [--small]

A search is answerable if its query is an annotated one of that project. It is not if the query was written to have no
answer (``unanswerable/queries.jsonl``), or if it is an annotated query of another project. Some of the latter do have
an answer, so they count a third. The coefficients are fitted on the projects in ``packages.TUNING``, by logistic
regression with a ridge penalty; the others show whether they hold. The constant is set so that a relevance of 0.5 loses
1 % of the answerable queries of the tuning projects.

``--small`` measures `SMALL_WEIGHT` instead: on parts of the tuning projects, of 3, 10 and 30 annotated files each, how
many answerable and unanswerable queries are marked, by the number of records.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from machine import machine
from packages import TUNING, annotated_queries, manifest
from projects import KEPT, PATHS, kept_store, projects
from unanswerable import unanswerable
from yardstick import auc

from aurora_dev.core.search.calibration import COEFFICIENTS, SMALL, match_features, small_bonus
from aurora_dev.core.search.evidence import weigh
from aurora_dev.core.search.reading import read_query
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.indexing.indexer import Indexer

Figures = npt.NDArray[np.float64]

BORROWED = 40  # queries of other projects, for each project
BORROWED_WEIGHT = 1 / 3
LOSS = 0.01
RIDGE = 3.0
SMALL_PARTS = {3: 4, 10: 2, 30: 1}  # files of a part, and parts of each project
SMALL_QUERIES = 6  # without an answer, for each part


@dataclass(frozen=True, slots=True)
class Case:
    """One search: its project, its kind and its features."""

    project: str
    kind: str
    features: dict[str, float]

    @property
    def weight(self) -> float:
        """The weight of the case in the fit."""
        return BORROWED_WEIGHT if self.kind == "borrowed" else 1.0

    @property
    def answerable(self) -> bool:
        """True if the project answers the query."""
        return self.kind == "annotated"


async def features_of(store: VectorStore, query: str) -> dict[str, float] | None:
    results = await store.search(query, top_k=10, rerank=False)
    if not results:
        return None
    count = await store.count()
    weights = weigh(read_query(query), lambda names: store.backend.name_counts(store.namespace, names), lambda: count)
    return match_features(weights, results)


async def collect(paths: list[Path], cache: Path) -> list[Case]:
    rng = random.Random(1)
    every = list(projects(paths))
    annotated: dict[str, list[dict[str, Any]]] = {}
    for project in every:
        annotated.setdefault(project.name, []).extend(annotated_queries(project.data, project.name))
    cases = []
    for project in {project.name: project for project in every}.values():
        others = [
            str(row["query"])
            for name, rows in annotated.items()
            if name != project.name
            for row in rows
            if row["category"] != "symbol"
        ]
        asked = [("annotated", str(row["query"])) for row in annotated[project.name]]
        asked += [("unanswerable", one.query) for one in unanswerable() if one.project == project.name]
        asked += [("borrowed", query) for query in rng.sample(others, BORROWED)]
        async with kept_store(project, cache) as store:
            for kind, query in asked:
                features = await features_of(store, query)
                if features is not None:
                    cases.append(Case(project.name, kind, features))
    return cases


def fit(cases: list[Case], names: list[str]) -> Figures:
    """Return the coefficients of a logistic regression by Newton's method, with both classes weighing the same."""
    matrix = np.array([[case.features[name] for name in names] for case in cases])
    answers = np.array([case.answerable for case in cases], dtype=np.float64)
    weights = np.array([case.weight for case in cases])
    for value in (0.0, 1.0):
        weights[answers == value] /= weights[answers == value].sum()
    weights *= len(cases) / 2
    spread = matrix.std(axis=0)
    spread[spread == 0] = 1.0
    scaled = matrix / spread
    penalty = RIDGE * np.diag([0.0 if name == "constant" else 1.0 for name in names])
    found = np.zeros(len(names))
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-scaled @ found))
        gradient = scaled.T @ (weights * (answers - chance)) - penalty @ found
        curvature = (scaled * (weights * chance * (1.0 - chance))[:, None]).T @ scaled + penalty
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(names)), gradient)
        found += step
        if np.abs(step).max() < 1e-8:
            break
    coefficients: Figures = found / spread
    return coefficients


def margins(cases: list[Case], names: list[str], coefficients: Figures) -> Figures:
    found: Figures = np.array([[case.features[name] for name in names] for case in cases]) @ coefficients
    return found


async def collect_small(paths: list[Path]) -> list[tuple[int, str, float]]:
    """Return the records, the kind and the log odds of searches in parts of the tuning projects."""
    rng = random.Random(7)
    without_answer = [one.query for one in unanswerable()]
    found = []
    for project in projects(paths):
        if project.name not in TUNING:
            continue
        rows = annotated_queries(project.data, project.name)
        (root,) = {str(one["root"]) for one in manifest(project.data) if one["name"] == project.name}
        answers = [{str(path).removeprefix(f"{root}/") for path in row["relevant"]} for row in rows]
        known = sorted(path for path in set().union(*answers) if (project.root / path).is_file())
        for size, times in SMALL_PARTS.items():
            for _ in range(times if len(known) >= size else 0):
                part = rng.sample(known, size)
                asked = [("answerable", row["query"]) for row, own in zip(rows, answers, strict=True) if own <= {*part}]
                asked += [("unanswerable", query) for query in rng.sample(without_answer, SMALL_QUERIES)]
                with tempfile.TemporaryDirectory() as folder:
                    for path in part:
                        (Path(folder, "project", path).parent).mkdir(parents=True, exist_ok=True)
                        shutil.copy(project.root / path, Path(folder, "project", path))
                    async with VectorStore(path=Path(folder, "store"), reranker="none") as store:
                        await Indexer(store, Path(folder, "project")).run()
                        records = await store.count()
                        for kind, query in asked:
                            features = await features_of(store, str(query))
                            if features is not None:
                                odds = sum(COEFFICIENTS[name] * value for name, value in features.items())
                                found.append((records, kind, odds))
    return found


def print_small(searches: list[tuple[int, str, float]]) -> None:
    print("records below: share of answerable / unanswerable queries that are marked, without and with the bonus")
    for low, high in pairwise((0, 20, 40, 80, 160, 320, SMALL)):
        shares = []
        for kind in ("answerable", "unanswerable"):
            own = [(odds, small_bonus(n)) for n, which, odds in searches if which == kind and low <= n < high]
            for weight in (0, 1):
                marked = sum(odds + weight * bonus < 0 for odds, bonus in own)
                shares.append(f"{marked / max(1, len(own)):.3f}")
        print(f"{high:>6}: {shares[0]} / {shares[2]}, {shares[1]} / {shares[3]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", type=Path, nargs="*", help="folders that codesearch.py reads")
    parser.add_argument("--cache", type=Path, default=KEPT, help="keeps the stores")
    parser.add_argument("--small", action="store_true", help="measure small projects, and fit nothing")
    arguments = parser.parse_args()
    if arguments.small:
        print(machine())
        print_small(asyncio.run(collect_small(arguments.paths or list(PATHS))))
        return
    cases = asyncio.run(collect(arguments.paths or list(PATHS), arguments.cache))
    names = list(cases[0].features)
    tuning = [case for case in cases if case.project in TUNING]
    coefficients = fit(tuning, names)
    # Answers weigh the same as their number here: the constant alone sets how many are lost.
    own = margins([case for case in tuning if case.answerable], names, coefficients)
    coefficients[names.index("constant")] -= float(np.quantile(own, LOSS))
    print(machine())
    print({name: round(float(value), 3) for name, value in zip(names, coefficients, strict=True)})
    for title, half in (("tuning", tuning), ("reporting", [case for case in cases if case.project not in TUNING])):
        found = margins(half, names, coefficients)
        groups = {
            kind: found[[case.kind == kind for case in half]] for kind in ("annotated", "unanswerable", "borrowed")
        }
        print(f"{title}: lost {np.mean(groups['annotated'] < 0):.3f} of {len(groups['annotated'])} answerable queries")
        for kind in ("unanswerable", "borrowed"):
            area = auc(groups["annotated"].tolist(), groups[kind].tolist())
            print(f"  {kind}: marked {np.mean(groups[kind] < 0):.3f} of {len(groups[kind])}, area under ROC {area:.3f}")


if __name__ == "__main__":
    main()
