"""Measure quality against time of the bundled reranker, by the window and length of the text that it reads.

    python benchmarks/rerank_window.py --pairs heldout.jsonl.gz --packages PATH [--reranker FOLDER] [--rows 300]

``--pairs`` is a file of held-out pairs from ``scripts/train/build_data.py``: a query, the document that answers it, and
others that the first stage found. ``--packages`` is a folder that `codesearch.py` reads; only the tuning packages are
used. For each window: CPU milliseconds per pair, MRR of the pairs (by the reranker alone, and blended with the first
stage), and NDCG@10 of the packages (blended).
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from metrics import Span, ndcg
from packages import TUNING, annotated_queries, manifest, root_of

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.rerank.bundled import BUNDLED_RERANKER, ONNXReranker
from aurora_dev.core.text.document_text import reranker_text
from aurora_dev.core.types import SearchResult
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.indexing.indexer import Indexer

WEIGHTS = (0.3, 0.5, 0.7, 1.0)
READ = 30  # candidates per query of the packages
# Window, most tokens, most characters of a document.
SETTINGS = (
    ("head", 96, 250),
    ("best", 96, 250),
    ("head+best", 96, 250),
    ("head", 128, 350),
    ("best", 128, 350),
    ("head+best", 128, 350),
    ("head", 192, 600),
    ("best", 192, 600),
    ("head+best", 192, 600),
    ("head", 256, 900),
    ("head+best", 256, 900),
    ("head", 384, 1_500),
)


@dataclass
class Question:
    """A query with its candidates and their scores, in the order of the first stage.

    Attributes:
        stage1: Scores of the first stage, shape ``(n,)``.
        relevant: Position of the answer; only for held-out pairs.
        results: The candidates, and ``annotation`` their targets; only for packages.
    """

    query: str
    texts: list[str]
    stage1: np.ndarray
    relevant: int = -1
    results: list[SearchResult] | None = None
    annotation: Any = None


def held_out(path: Path, rows: int) -> list[Question]:
    questions = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    random.Random(0).shuffle(found)
    for row in found:
        positive = row["positive"]
        if positive.get("score") is None:
            continue  # the first stage did not find the answer, so no reranker would read it
        texts = [positive["text"], *row["negatives"]]
        scores = [positive["score"], *(score or 0.0 for score in row["negative_scores"])]
        order = sorted(range(len(texts)), key=lambda index: -scores[index])
        stage1 = np.array([scores[index] for index in order])
        questions.append(Question(row["query"], [texts[i] for i in order], stage1, order.index(0)))
        if len(questions) == rows:
            break
    return questions


async def on_packages(data: Path) -> list[Question]:
    questions = []
    embedder = StaticEmbedder.bundled()
    for package in manifest(data):
        if package["name"] not in TUNING:
            continue
        with tempfile.TemporaryDirectory() as folder:
            store = VectorStore(path=Path(folder) / "store", embedder=embedder, reranker="none")
            await Indexer(store, root_of(package)).run()
            for query in annotated_queries(data, package["name"]):
                results = list(await store.search(query["query"], top_k=READ, rerank=False))
                texts = [reranker_text(result.content, result.metadata) for result in results]
                stage1 = np.array([result.score for result in results])
                questions.append(Question(query["query"], texts, stage1, results=results, annotation=query))
            await store.close()
    return questions


async def scored(reranker: ONNXReranker, questions: list[Question]) -> tuple[list[np.ndarray], float]:
    """Return the scores of each question's candidates, and the CPU milliseconds per pair."""
    reranker.warmup()
    started = time.process_time()
    scores = [await reranker.score(question.query, question.texts) for question in questions]
    spent = time.process_time() - started
    return scores, 1e3 * spent / sum(len(question.texts) for question in questions)


def blended(question: Question, scores: np.ndarray, weight: float) -> list[int]:
    """Return the order of the candidates by blended scores, as positions."""
    mixed = weight * scores + (1.0 - weight) * question.stage1 / (question.stage1.max() or 1.0)
    return sorted(range(len(mixed)), key=lambda index: -mixed[index])


def mrr(questions: list[Question], scores: list[np.ndarray], weight: float) -> float:
    ranks = [
        1 + blended(question, of_query, weight).index(question.relevant)
        for question, of_query in zip(questions, scores, strict=True)
    ]
    return statistics.fmean(1.0 / rank for rank in ranks)


def gain(questions: list[Question], scores: list[np.ndarray], weight: float) -> float:
    figures = []
    for question, of_query in zip(questions, scores, strict=True):
        ordered = [(question.results or [])[index].metadata for index in blended(question, of_query, weight)[:10]]
        spans = [Span(each["path"], each["start_line"], each["end_line"]) for each in ordered]
        figures.append(ndcg(spans, question.annotation))
    return statistics.fmean(figures)


async def run(arguments: argparse.Namespace) -> None:
    pairs = held_out(arguments.pairs, arguments.rows)
    packages = await on_packages(arguments.packages) if arguments.packages else []
    print(f"{machine()}; {len(pairs)} held-out pairs, {len(packages)} queries of the tuning packages\n")
    titles = [f"MRR {weight:g}" for weight in (0.0, *WEIGHTS)]
    titles += [f"NDCG {weight:g}" for weight in (0.0, *WEIGHTS)] if packages else []
    print(f"| window | tokens | characters | CPU ms/pair | {' | '.join(titles)} |")
    print("|---|--:|--:|--:|" + "--:|" * len(titles))
    for window, tokens, chars in SETTINGS:
        options: dict[str, Any] = {"window": window, "max_tokens": tokens, "max_document_chars": chars}
        reranker = ONNXReranker(arguments.reranker, cache_size=0, **options)
        scores, milliseconds = await scored(reranker, pairs)
        figures = [mrr(pairs, scores, weight) for weight in (0.0, *WEIGHTS)]
        if packages:
            scores, _ = await scored(reranker, packages)
            figures += [gain(packages, scores, weight) for weight in (0.0, *WEIGHTS)]
        cells = " | ".join(f"{figure:.3f}" for figure in figures)
        print(f"| {window} | {tokens} | {chars} | {milliseconds:.2f} | {cells} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=Path, required=True, help="held-out pairs, .jsonl.gz")
    parser.add_argument("--packages", type=Path, help="folder with manifest.json and annotations/")
    parser.add_argument("--reranker", type=Path, default=BUNDLED_RERANKER, help="folder; default: the bundled one")
    parser.add_argument("--rows", type=int, default=300, help="most held-out pairs")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
