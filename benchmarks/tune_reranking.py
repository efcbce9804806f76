"""Sweep the weights of `RerankFusion` for the bundled reranker, measured on whole searches.

    python benchmarks/tune_reranking.py PATH [PATH ...] --pairs DATA [--queries 150]

A PATH is a folder that ``codesearch.py`` reads; only the packages in ``packages.TUNING`` are used, for NDCG@10. DATA is
a folder written by ``scripts/train/build_data.py``; only its validation part is used, for the MRR@10 of single chunks.
The reranker scores the first candidates of each query once, and all weights are tried on these scores.

Figures are NDCG/MRR, for all queries and then by kind of query. "blind" is a search whose reranker gives all texts the
same score: the effect of the fusion alone. The line ``left out`` is the unbiased one (cross-validation): each package
is measured with the weights that were best on the others. A difference below about 0.005 is one query that moved by a
rank or two.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import product, starmap
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from codesearch import TOP_K
from machine import machine
from metrics import Span, ndcg
from mined_pairs import queries, read
from packages import TUNING, annotated_queries, manifest, root_of

from aurora_dev.core.contracts import Reranker
from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.rerank.bundled import BUNDLED_FUSION, BundledReranker
from aurora_dev.core.search.rerank_blend import fuse, is_description, is_settled, kind_of, outlines_of, rows_to_read
from aurora_dev.core.text.document_text import reranker_text
from aurora_dev.core.types import Document, QueryKind, RerankFusion, RerankWeights, SearchOptions, SearchResult
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.indexing.indexer import Indexer

CANDIDATES = 100  # per list, as in a search for ten results
QUESTION = tuple(starmap(RerankWeights, product((0.0, 0.03, 0.06), (0.0, 0.02), (0.0, 0.02, 0.05, 0.1))))
TOPIC = tuple(starmap(RerankWeights, product((0.2, 0.3, 0.4), (0.0, 0.1, 0.2), (0.1, 0.2, 0.3))))
WORDS = tuple(starmap(RerankWeights, product((0.1, 0.2, 0.3, 0.4), (0.0, 0.1, 0.2, 0.3), (0.0, 0.1, 0.2, 0.3))))
NAME = (RerankWeights(0.0, 0.0), RerankWeights(0.1, 0.0), RerankWeights(0.1, 0.1), RerankWeights(0.3, 0.3))
READ = (10, 12, 15, 20)
BY_KEYWORD = (0, 1, 2, 3)
OUTLINES = (4, 6, 8, 10, 12)
# The MRR of chunks varies more than the NDCG of files, so the pairs count less.
PAIRS_SHARE = 0.5


@dataclass(frozen=True)
class Case:
    """A query with its candidates in the order of the first stage, and the reranker's scores of the first ones.

    Attributes:
        source: The package or source that was searched.
        query: Text of the query.
        answer: An annotation with targets, or a mined pair with its one answer.
        found: The results of the first stage.
        scores: Probabilities, shape ``(n,)``; NaN for candidates that no tried fusion reads.
        outlines: By path, the probabilities of the outlines that a tried fusion reads.
    """

    source: str
    query: str
    answer: dict[str, Any]
    found: list[SearchResult]
    scores: npt.NDArray[np.float32]
    outlines: dict[str, float]

    @property
    def kind(self) -> QueryKind:
        """The kind of query that selects the weights."""
        return kind_of(self.query, self.found[: BUNDLED_FUSION.read])

    @property
    def is_pair(self) -> bool:
        """True if the answer is one chunk instead of a set of targets."""
        return "positive" in self.answer

    def value(self, fusion: RerankFusion | None, *, blind: bool = False) -> float:
        """Return NDCG@10 or MRR@10.

        Args:
            fusion: The fusion to apply; ``None`` measures the first stage.
            blind: Whether all texts get the same score.
        """
        found = self.found
        if fusion is not None and not is_settled(self.query, found):
            rows = rows_of(self.query, found, fusion)
            head = [found[row] for row in rows]
            weights = fusion.weights(kind_of(self.query, found[: fusion.read]))
            outlines = {path: self.outlines[path] for path in outlines_of(head, fusion.outlines)}
            scores = np.full(len(rows), 0.5, dtype=np.float32) if blind else self.scores[rows]
            fused = fuse(head, scores, weights, None if blind else outlines)
            found = [head[row] for row in np.argsort(-fused, kind="stable")]
        if self.is_pair:
            ids = [result.id for result in found[:TOP_K]]
            target = self.answer["positive"]["id"]
            return 1.0 / (ids.index(target) + 1) if target in ids else 0.0
        spans = [Span(r.metadata["path"], r.metadata["start_line"], r.metadata["end_line"]) for r in found[:TOP_K]]
        return ndcg(spans, self.answer)


def rows_of(query: str, found: Sequence[SearchResult], fusion: RerankFusion) -> list[int]:
    """Return the positions of the candidates that the reranker reads in a search for ten results."""
    read = fusion.read
    if not is_description(kind_of(query, found[:read])):
        return list(range(min(read, len(found))))
    return rows_to_read(found, read, fusion.by_keyword)


async def collect(
    store: VectorStore, source: str, asked: Sequence[tuple[str, dict[str, Any]]], reranker: Reranker
) -> list[Case]:
    """Search one store, and score the candidates that any tried fusion reads."""
    cases = []
    for query, answer in asked:
        options = SearchOptions(candidates=CANDIDATES)
        found = list(await store.search(query, top_k=2 * CANDIDATES, rerank=False, options=options))
        rows = sorted(
            {
                row
                for read in READ
                for count in BY_KEYWORD
                for row in rows_of(query, found, replace(BUNDLED_FUSION, read=read, by_keyword=count))
            }
        )
        scores = np.full(len(found), np.nan, dtype=np.float32)
        if rows:
            outlines = outlines_of([found[row] for row in rows], len(rows))
            texts = [reranker_text(found[row].content, found[row].metadata) for row in rows]
            given = await reranker.score(query, [*texts, *outlines.values()])
            scores[rows] = given[: len(rows)]
            of_outlines = dict(zip(outlines, given[len(rows) :].tolist(), strict=True))
            cases.append(Case(source, query, answer, found, scores, of_outlines))
    return cases


async def collect_all(paths: Sequence[Path], data: Path, most: int) -> list[Case]:
    """Return the cases of the tuning packages and of the validation pairs."""
    embedder, reranker = StaticEmbedder.bundled(), BundledReranker()
    cases: list[Case] = []
    for data_path, package in [(each, package) for each in paths for package in manifest(each)]:
        name = package["name"]
        if name not in TUNING:
            continue
        with tempfile.TemporaryDirectory() as folder:
            async with VectorStore(path=folder, embedder=embedder, reranker="none") as store:
                await Indexer(store, root_of(package)).run()
                asked = [(query["query"], query) for query in annotated_queries(data_path, name)]
                cases += await collect(store, name, asked, reranker)
    rows = queries(data, "valid", most)
    corpus = read(data / "valid_corpus.jsonl.gz")
    for source in sorted({row["source"] for row in rows}):
        documents = [Document(d["content"], d["metadata"], d["id"]) for d in corpus if d["source"] == source]
        with tempfile.TemporaryDirectory() as folder:
            async with VectorStore(path=folder, embedder=embedder, reranker="none") as store:
                await store.upsert(documents)
                asked = [(row["query"], row) for row in rows if row["source"] == source]
                cases += await collect(store, source, asked, reranker)
    return cases


def row(title: str, cases: Sequence[Case], value: Callable[[Case], float]) -> str:
    """Return a line of the table: NDCG of packages and MRR of pairs, for all queries and by kind of query."""
    groups: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for case in cases:
        for group in ("all", case.kind):
            groups[group][case.is_pair].append(value(case))
    ordered = [(group, groups[group]) for group in ("all", "words", "topic", "question", "name")]
    return f"{title:26}" + "  ".join(f"{name} " + "/".join(f"{mean(v):.4f}" for v in both) for name, both in ordered)


def mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else float("nan")


def left_out(cases: Sequence[Case], grid: Mapping[QueryKind, Sequence[RerankWeights]]) -> float:
    """Measure each package with the weights that are best on the others, and print these weights.

    The best weights are chosen separately for each kind of query.

    Returns:
        The mean NDCG@10 over all queries of packages.
    """
    packages = list(dict.fromkeys(case.source for case in cases if not case.is_pair))
    count, pairs = sum(not case.is_pair for case in cases), sum(case.is_pair for case in cases)
    sums = dict.fromkeys(packages, 0.0)
    chosen: dict[str, list[RerankWeights]] = {package: [] for package in packages}
    for kind in get_args(QueryKind):
        own = [case for case in cases if case.kind == kind]
        tried = [
            replace(BUNDLED_FUSION, **dict[str, Any]({kind: weights}))
            for weights in grid.get(kind, (BUNDLED_FUSION.weights(kind),))
        ]
        values = np.array([[case.value(fusion) for case in own] for fusion in tried])
        shares = np.array([PAIRS_SHARE / pairs if case.is_pair else 1.0 / count for case in own])
        for package in packages:
            here = np.array([case.source == package for case in own], dtype=bool)
            best = int(np.argmax((values * shares)[:, ~here].sum(axis=1)))
            sums[package] += float(values[best, here].sum())
            if kind in grid:
                chosen[package].append(tried[best].weights(kind))
    for package in packages:
        queries_of = sum(case.source == package for case in cases)
        weights = "  ".join(f"{each.file:g} {each.passage:g} {each.outline:g}" for each in chosen[package])
        print(f"without {package:12} {' and '.join(grid)}: {weights:30} {sums[package] / queries_of:.4f}")
    return sum(sums.values()) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, nargs="+", help="folder with manifest.json and annotations/")
    parser.add_argument(
        "--pairs", type=Path, required=True, help="folder with valid.jsonl.gz and valid_corpus.jsonl.gz"
    )
    parser.add_argument("--queries", type=int, default=150, help="most pairs per source")
    arguments = parser.parse_args()
    print(machine())
    cases = asyncio.run(collect_all(arguments.packages, arguments.pairs, arguments.queries))
    print(f"{sum(not case.is_pair for case in cases)} queries of packages, {sum(case.is_pair for case in cases)} pairs")
    print(row("first stage", cases, lambda case: case.value(None)))
    print(row("current weights", cases, lambda case: case.value(BUNDLED_FUSION)))
    print(row("blind", cases, lambda case: case.value(BUNDLED_FUSION, blind=True)))
    sweeps: dict[str, tuple[Any, ...]] = {
        "read": READ,
        "by_keyword": BY_KEYWORD,
        "outlines": OUTLINES,
        "name": NAME,
        "question": QUESTION,
        "topic": TOPIC,
        "words": WORDS,
    }
    for field, values in sweeps.items():
        for value in values:
            fusion = replace(BUNDLED_FUSION, **{field: value})
            figures = astuple(value) if isinstance(value, RerankWeights) else (value,)
            print(row(f"{field} {' '.join(f'{each:g}' for each in figures)}", cases, lambda case: case.value(fusion)))  # noqa: B023
    print(f"left out: {left_out(cases, {'question': QUESTION, 'topic': TOPIC, 'words': WORDS}):.4f}")


if __name__ == "__main__":
    main()
