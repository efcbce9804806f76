"""NDCG@10 of the tuning packages with the bundled reranker, for the weights of `RerankFusion`.

    python benchmarks/tune_reranking.py PATH

PATH is as for ``codesearch.py``; only the packages in ``codesearch.TUNING`` are read. The reranker scores the first
candidates of each query once; then a grid of weights is tried on those scores. The line ``left out`` is the honest one:
each package is judged with the weights that were best on the four others. Differences below about 0.005 are one query
that moved by a rank or two.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from codesearch import TOP_K, TUNING
from machine import machine
from metrics import Span, ndcg
from packages import annotations, manifest, root_of

from aurora_dev.core.document_text import reranker_text
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.onnx_reranker import BundledReranker
from aurora_dev.core.rerank_fusion import BUNDLED_FUSION, RerankFusion, fuse, is_settled, reading
from aurora_dev.core.static_embedder import StaticEmbedder
from aurora_dev.core.types import SearchOptions, SearchResult
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.indexing.indexer import Indexer

CANDIDATES = 100  # of each list, as a search for ten results has them
QUESTION = (0.0, 0.03, 0.05, 0.1, 0.15)
WORDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
WITHIN = (0.0, 0.2, 0.5, 1.0)
NAME = (0.0, 0.1, 0.3)
LEAD = (10, 12, 15)
MORE = (0, 5, 10, 15)


@dataclass(frozen=True)
class Case:
    """A query with its candidates, in the order of the first stage, and the reranker's scores of those it may read."""

    package: str
    query: dict[str, Any]
    found: list[SearchResult]
    scores: npt.NDArray[np.float32]

    def ndcg(self, fusion: RerankFusion | None) -> float:
        """Return NDCG@10 with a fusion; ``None``: of the first stage."""
        found = self.found
        if fusion is not None and not is_settled(self.query["query"], found):
            read = fusion.read(TOP_K)
            leaders = fusion.leaders(read)
            rows = reading(found, read, leaders)
            head = [found[row] for row in rows]
            fused = fuse(self.query["query"], head, self.scores[rows], fusion, leaders)
            found = [head[row] for row in np.argsort(-fused, kind="stable")]
        spans = [Span(r.metadata["path"], r.metadata["start_line"], r.metadata["end_line"]) for r in found[:TOP_K]]
        return ndcg(spans, self.query)


async def collect(data: Path, most: RerankFusion) -> list[Case]:
    """Index the tuning packages, and score what ``most`` reads of each query."""
    embedder, reranker = StaticEmbedder.bundled(), BundledReranker()
    cases = []
    for package in manifest(data):
        name = package["name"]
        if name not in TUNING:
            continue
        with tempfile.TemporaryDirectory() as folder:
            store = VectorStore(FAISSLocalStore(Path(folder) / "store"), embedder=embedder, reranker="none")
            await Indexer(store, root_of(package)).run()
            for query in annotations(data, name):
                options = SearchOptions(candidates=CANDIDATES)
                found = await store.search(query["query"], top_k=2 * CANDIDATES, rerank=False, options=options)
                read = most.read(TOP_K)
                rows = reading(found, read + most.more, most.lead)  # more than any that is tried
                scores = np.full(len(found), np.nan, dtype=np.float32)
                texts = [reranker_text(found[row].content, found[row].metadata) for row in rows]
                scores[rows] = await reranker.score(query["query"], texts)
                cases.append(Case(name, query, list(found), scores))
            await store.close()
    return cases


def row(title: str, cases: Sequence[Case], fusion: RerankFusion | None) -> str:
    """Return a line: all, by category, by package."""
    groups: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        value = case.ndcg(fusion)
        for group in ("all", case.query["category"], case.package):
            groups[group].append(value)
    return f"{title:28}" + "  ".join(f"{group} {statistics.fmean(values):.4f}" for group, values in groups.items())


def mean(cases: Sequence[Case], fusion: RerankFusion, keep: Callable[[Case], bool]) -> float:
    return statistics.fmean(case.ndcg(fusion) for case in cases if keep(case))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with manifest.json and annotations/")
    arguments = parser.parse_args()
    print(machine())
    cases = asyncio.run(collect(arguments.data, replace(BUNDLED_FUSION, lead=max(LEAD), more=max(MORE))))
    print(row("first stage", cases, None))
    print(row("as it is", cases, BUNDLED_FUSION))
    sweeps = {"lead": LEAD, "more": MORE, "name": NAME, "question": QUESTION, "words": WORDS, "within": WITHIN}
    for field, values in sweeps.items():
        for value in values:
            print(row(f"{field} {value:g}", cases, replace(BUNDLED_FUSION, **{field: value})))
    grid = [replace(BUNDLED_FUSION, question=question, words=words) for question in QUESTION for words in WORDS]
    judged: list[float] = []
    for package in TUNING:
        best = max(grid, key=lambda fusion: mean(cases, fusion, lambda case: case.package != package))  # noqa: B023
        values = [case.ndcg(best) for case in cases if case.package == package]
        judged += values
        print(f"without {package:12} question {best.question:g}  words {best.words:g}  {statistics.fmean(values):.4f}")
    print(f"left out: {statistics.fmean(judged):.4f}")


if __name__ == "__main__":
    main()
