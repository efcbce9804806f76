"""Measure MRR, recall and precision on held-out pairs: a sentence removed from code or prose, and the chunk it was in.

    python benchmarks/mined_pairs.py DATA [--reranker bundled] [--embedder NAME …] [--queries N] [--json FILE]

DATA is a folder written by ``scripts/train/build_data.py``: ``heldout.jsonl.gz`` (queries) and
``heldout_corpus.jsonl.gz`` (chunks), from sources that training never sees; with ``--part valid``, the pairs that
models and weights are chosen by. Each source is searched as a separate project. The answer is one chunk (MRR@10,
recall@5). If a file or class of several chunks is the answer, each of them counts for precision@5 and recall@5 in the
columns "several". An embedder is ``bundled``, the folder of a model2vec model, or ``module:name`` of a callable.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import importlib
import json
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from machine import machine
from yardstick import Row, write_json

from aurora_dev.core import factory
from aurora_dev.core.contracts import Embedder, Reranker
from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.text.document_text import embedding_text
from aurora_dev.core.types import Document, SearchOptions, SearchResult
from aurora_dev.core.vector_store import VectorStore

TOP_K = 10
CUT = 5
MODES = {
    "keyword": SearchOptions(mode="keyword"),
    "vector": SearchOptions(mode="vector"),
    "RRF": SearchOptions(signals=False),
    "hybrid": SearchOptions(),
}
RERANKED = "+ reranker"
# Queries with this many relevant chunks count as "several". With more than the upper limit, any few would do.
SEVERAL, TOO_MANY = 2, 12
PROSE = ("heading", "prose", "directive")
GROUPS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "all": lambda _row: True,
    "prose": lambda row: row["kind"] in PROSE,
    "symbols": lambda row: row["kind"] == "symbol",
    "files": lambda row: row["kind"] == "module",
    "code": lambda row: row["kind"] not in (*PROSE, "symbol", "module"),
}


class Figures:
    """The figures of one search method: a number per query and metric, by group."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.seconds: list[float] = []

    def add(self, row: Mapping[str, Any], results: Sequence[SearchResult]) -> None:
        """Add the figures of one query."""
        ids = [result.id for result in results]
        target = row["positive"]["id"]
        found = {"MRR": 1 / (ids.index(target) + 1) if target in ids else 0.0, "recall": float(target in ids[:CUT])}
        relevant = set(row.get("relevant", ()))
        if SEVERAL <= len(relevant) <= TOO_MANY:
            hits = len(relevant.intersection(ids[:CUT]))
            found["precision of several"] = hits / CUT
            found["recall of several"] = hits / len(relevant)
        for group, belongs in GROUPS.items():
            if belongs(row):
                for metric, value in found.items():
                    self.values[group, metric].append(value)

    def mean(self, group: str, metric: str) -> float:
        """Return the mean of a metric; NaN without queries."""
        values = self.values[group, metric]
        return statistics.fmean(values) if values else float("nan")


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def queries(data: Path, part: str, most: int | None) -> list[dict[str, Any]]:
    """Return the queries of a part, at most ``most`` per source."""
    taken: Counter[str] = Counter()
    kept = []
    for row in read(data / f"{part}.jsonl.gz"):
        taken[row["source"]] += 1
        if most is None or taken[row["source"]] <= most:
            kept.append(row)
    return kept


def embedder_of(name: str) -> Embedder:
    if name == "bundled":
        return StaticEmbedder.bundled()
    if ":" in name:
        module, _, attribute = name.partition(":")
        embedder: Embedder = getattr(importlib.import_module(module), attribute)()
        return embedder
    return StaticEmbedder(name)


async def measure(
    rows: Sequence[Mapping[str, Any]],
    corpus: Sequence[Mapping[str, Any]],
    embedder: Embedder,
    reranker: Reranker | None,
    figures: dict[str, Figures],
) -> float:
    """Search every source, and return the seconds that embedding all documents took."""
    seconds = 0.0
    for source in sorted({row["source"] for row in rows}):
        documents = [Document(d["content"], d["metadata"], d["id"]) for d in corpus if d["source"] == source]
        with tempfile.TemporaryDirectory() as folder:
            store = VectorStore(path=folder, embedder=embedder, reranker=reranker or "none")
            started = time.perf_counter()
            embedder.embed_documents([embedding_text(d.content, d.metadata) for d in documents])
            seconds += time.perf_counter() - started
            await store.upsert(documents)
            for row in rows:
                if row["source"] != source:
                    continue
                for label, options in MODES.items():
                    await timed(store, row, options, False, figures[label])
                if reranker is not None:
                    await timed(store, row, SearchOptions(), True, figures[RERANKED])
            await store.close()
    return seconds


async def timed(
    store: VectorStore, row: Mapping[str, Any], options: SearchOptions, rerank: bool, figures: Figures
) -> None:
    started = time.perf_counter()
    results = await store.search(row["query"], top_k=TOP_K, rerank=rerank, options=options)
    figures.seconds.append(time.perf_counter() - started)
    if rerank and results.degraded:
        raise SystemExit(f"reranking did not run: {results.degraded}")
    figures.add(row, results)


def report(figures: Mapping[str, Figures]) -> str:
    columns = [(group, metric) for group in GROUPS for metric in ("MRR", "recall")]
    columns += [("all", "precision of several"), ("all", "recall of several")]
    heads = [group for group, _ in columns[:-2]] + ["several", "several"]
    names = {"MRR": "MRR@10", "recall": "R@5", "precision of several": "P@5", "recall of several": "R@5"}
    first = next(iter(figures.values()))
    lines = ["".ljust(12) + "".join(head.rjust(9) for head in heads) + "p50 ms".rjust(9)]
    lines.append("".ljust(12) + "".join(names[metric].rjust(9) for _, metric in columns))
    lines.append("queries".ljust(12) + "".join(str(len(first.values[column])).rjust(9) for column in columns))
    for label, figure in figures.items():
        values = "".join(f"{figure.mean(*column):9.3f}" for column in columns)
        lines.append(f"{label:12}{values}{statistics.median(figure.seconds) * 1e3:9.1f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with heldout.jsonl.gz and heldout_corpus.jsonl.gz")
    parser.add_argument("--part", choices=("valid", "heldout"), default="heldout", help="the pairs to use")
    parser.add_argument("--reranker", default="none", help="a name that `factory` accepts: bundled, none, …")
    parser.add_argument("--embedder", nargs="+", default=["bundled"], help="embedders, with one table each")
    parser.add_argument("--queries", type=int, help="most queries per source")
    parser.add_argument("--sources", nargs="*", help="names of sources (default: all)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    rows = queries(arguments.data, arguments.part, arguments.queries)
    if arguments.sources:
        rows = [row for row in rows if row["source"] in arguments.sources]
    corpus = read(arguments.data / f"{arguments.part}_corpus.jsonl.gz")
    reranker = None if arguments.reranker == "none" else factory.create_reranker(arguments.reranker)
    print(machine())
    print(f"{len(rows):,} queries, {len(corpus):,} chunks, {len({row['source'] for row in rows})} sources")
    written: dict[str, Any] = {}
    rows_written = []
    for name in arguments.embedder:
        labels = [*MODES, *([RERANKED] if reranker else [])]
        figures = {label: Figures() for label in labels}
        seconds = asyncio.run(measure(rows, corpus, embedder_of(name), reranker, figures))
        print(f"\nembedder {Path(name).name}: all documents embedded in {seconds:.1f} s")
        print(report(figures))
        written[Path(name).name] = {
            label: {f"{group} {metric}": figure.mean(group, metric) for group, metric in figure.values}
            for label, figure in figures.items()
        }
        yardstick = f"mined pairs, {Path(name).name}"
        rows_written += [
            Row(yardstick, arguments.part, f"{group}: {title}", label, figure.mean(group, metric), len(values))
            for metric, title in (("MRR", "MRR@10"), ("recall", "recall@5"))
            for group in GROUPS
            for label, figure in figures.items()
            if (values := figure.values[group, metric])
        ]
    if arguments.json:
        details = {"queries": len(rows), "chunks": len(corpus), "figures": written}
        write_json(arguments.json, rows_written, details)


if __name__ == "__main__":
    main()
