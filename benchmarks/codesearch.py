"""Measure NDCG@10, index seconds and query milliseconds on annotated packages, with semble in the same run.

    python benchmarks/codesearch.py PATH [--rerank] [--repeats 3] [--chunks 10000] [--json FILE]

PATH contains ``manifest.json`` (name, registry ``pypi``, ``npm`` or ``github``, package, version or commit, and root:
the folder to index) and ``annotations/NAME.json`` (query, relevant, secondary, category). Two such folders are
``benchmarks/repositories`` and ``benchmarks/written``.

Both tools get the same static embedding, loaded before the clock starts. Index seconds run from an empty folder to the
answer to a first query, for Aurora with everything durable on disk, for semble in memory. The tools alternate, and the
median counts. Packages used for tuning are reported separately from the others, if there are both.

``--rerank`` adds a row for the same search with the bundled reranker and its measured weights, and shows its gain over
the first stage and over semble.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sysconfig
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine import machine
from metrics import Span, ndcg
from packages import TUNING, annotated_queries, manifest, root_of
from yardstick import Row, write_json

from aurora_dev.core.embed.static import BUNDLED_PATH, StaticEmbedder
from aurora_dev.core.types import SearchOptions
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.indexing.indexer import Indexer

ABLATIONS = {
    "keyword": SearchOptions(mode="keyword"),
    "vector": SearchOptions(mode="vector"),
    "RRF": SearchOptions(signals=False),
    "+ signals": SearchOptions(),
}
AURORA = "+ signals"
RERANKED = "+ rerank"
TOP_K = 10
FIRST_QUERY = "where does it start"


@dataclass
class Figures:
    """The figures of one tool: NDCG by (package, category), seconds and chunks by package."""

    scores: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    index: dict[str, float] = field(default_factory=dict)
    queries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    chunks: dict[str, int] = field(default_factory=dict)

    def mean(self, keep: Callable[[str, str], bool] = lambda _name, _category: True) -> float:
        """Return the mean NDCG over the queries whose package and category ``keep`` accepts."""
        values = [value for key, group in self.scores.items() if keep(*key) for value in group]
        return statistics.fmean(values) if values else float("nan")

    def count(self, keep: Callable[[str, str], bool]) -> int:
        """Return the number of queries whose package and category ``keep`` accepts."""
        return sum(len(group) for key, group in self.scores.items() if keep(*key))


async def index_aurora(
    root: Path, embedder: StaticEmbedder, folder: Path, reranker: str = "none"
) -> tuple[VectorStore, float]:
    started = time.perf_counter()
    store = VectorStore(path=folder, embedder=embedder, reranker=reranker)
    await Indexer(store, root).run()
    await store.search(FIRST_QUERY, rerank=False)
    return store, time.perf_counter() - started


def index_semble(root: Path, model: Path = BUNDLED_PATH) -> tuple[Any, float]:
    """Index with semble and a static model in model2vec's format; return the index and the seconds it took."""
    from semble import SembleIndex

    started = time.perf_counter()
    index = SembleIndex.from_path(root, model_path=str(model))
    index.search(FIRST_QUERY, top_k=5)
    return index, time.perf_counter() - started


async def measure(data: Path, repeats: int, figures: dict[str, Figures]) -> None:
    embedder = StaticEmbedder.bundled()
    embedder.embed_documents(["warm"])
    reranker = "bundled" if RERANKED in figures else "none"
    for package in manifest(data):
        name, root = package["name"], root_of(package)
        seconds: dict[str, list[float]] = defaultdict(list)
        for repeat in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                store, took = await index_aurora(root, embedder, Path(folder) / "store", reranker)
                seconds[AURORA].append(took)
                peer, took = index_semble(root)
                seconds["semble"].append(took)
                if repeat == repeats - 1:
                    await score(data, name, store, peer, figures)
                await store.close()
        for tool, values in seconds.items():
            figures[tool].index[name] = statistics.median(values)


async def score(data: Path, name: str, store: VectorStore, peer: Any, figures: dict[str, Figures]) -> None:
    figures[AURORA].chunks[name] = await store.count()
    figures["semble"].chunks[name] = len(peer.chunks)
    for query in annotated_queries(data, name):
        text, category = query["query"], query["category"]
        for label in [name for name in figures if name != "semble"]:
            options, rerank = ABLATIONS.get(label), label == RERANKED
            if not rerank:  # the reranker caches scores, so its second search would be free
                await store.search(text, top_k=TOP_K, rerank=False, options=options)  # warms the caches
            started = time.perf_counter()
            results = await store.search(text, top_k=TOP_K, rerank=rerank, options=options)
            figures[label].queries[name].append(time.perf_counter() - started)
            spans = [Span(r.metadata["path"], r.metadata["start_line"], r.metadata["end_line"]) for r in results]
            figures[label].scores[name, category].append(ndcg(spans, query))
        peer.search(text, top_k=TOP_K)
        started = time.perf_counter()
        found = peer.search(text, top_k=TOP_K)
        figures["semble"].queries[name].append(time.perf_counter() - started)
        spans = [Span(r.chunk.file_path, r.chunk.start_line, r.chunk.end_line) for r in found]
        figures["semble"].scores[name, category].append(ndcg(spans, query))


async def measure_latency(data: Path, chunks: int) -> tuple[int, list[float]]:
    """Return the size of a store with about ``chunks`` chunks of the standard library, and the seconds per query."""
    embedder = StaticEmbedder.bundled()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        library = Path(sysconfig.get_path("stdlib"))
        store = VectorStore(path=Path(folder) / "store", embedder=embedder, reranker="none")
        modules = sorted(path for path in library.rglob("*.py") if "site-packages" not in path.parts)
        step = 100
        for start in range(0, len(modules), step):
            for path in modules[start : start + step]:
                copy = project / path.relative_to(library)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
            await Indexer(store, project).run()
            if await store.count() >= chunks:
                break
        texts = [query["query"] for package in manifest(data) for query in annotated_queries(data, package["name"])]
        for text in texts:
            await store.search(text, top_k=TOP_K, rerank=False)
        seconds = []
        for text in texts:
            started = time.perf_counter()
            await store.search(text, top_k=TOP_K, rerank=False)
            seconds.append(time.perf_counter() - started)
        count = await store.count()
        await store.close()
    return count, seconds


def groups_of(figures: Figures) -> dict[str, Callable[[str, str], bool]]:
    """Return the test for membership of each group: all packages, and tuning and reporting if both have figures."""
    groups: dict[str, Callable[[str, str], bool]] = {
        "tuning": lambda name, _category: name in TUNING,
        "reporting": lambda name, _category: name not in TUNING,
    }
    both = all(any(keep(*key) for key in figures.scores) for keep in groups.values())
    return {"all": lambda _name, _category: True} | (groups if both else {})


def report(figures: dict[str, Figures]) -> str:
    lines = []
    groups = groups_of(figures[AURORA])
    categories = sorted({category for _, category in figures[AURORA].scores})
    lines.append("NDCG@10".ljust(12) + "".join(title.rjust(14) for title in [*groups, *categories]))
    for label, figure in figures.items():
        means = [figure.mean(keep) for keep in groups.values()]
        means += [figure.mean(lambda _name, cat, wanted=wanted: cat == wanted) for wanted in categories]  # type: ignore[misc]
        lines.append(label.ljust(12) + "".join(f"{mean:14.3f}" for mean in means))
    lines.append("")
    titles = ["chunks", "semble", "NDCG", "semble", "index s", "semble", "ratio", "p50 ms", "p95 ms", "semble"]
    lines.append("package".ljust(22) + "".join(title.rjust(9) for title in titles))
    ours, peer = figures[AURORA], figures["semble"]
    for name in ours.index:

        def only(package: str, _category: str, name: str = name) -> bool:
            return package == name

        ratio = ours.index[name] / peer.index[name]
        p50, p95 = percentiles(ours.queries[name])
        peer_p50, _ = percentiles(peer.queries[name])
        lines.append(
            f"{name:22}{ours.chunks[name]:9}{peer.chunks[name]:9}{ours.mean(only):9.3f}{peer.mean(only):9.3f}"
            f"{ours.index[name]:9.3f}{peer.index[name]:9.3f}{ratio:9.2f}{p50:9.2f}{p95:9.2f}{peer_p50:9.2f}"
        )
    if RERANKED in figures:
        lines += ["", *gains(figures, groups, categories)]
    total = sum(ours.index.values()) / sum(peer.index.values())
    lines.append(f"index seconds of all packages, as a multiple of semble's: {total:.2f}")
    return "\n".join(lines)


def gains(
    figures: dict[str, Figures], groups: dict[str, Callable[[str, str], bool]], categories: list[str]
) -> list[str]:
    """Return the table of what reranking gains, by group of packages and by category."""
    ours, peer, reranked = figures[AURORA], figures["semble"], figures[RERANKED]
    lines = [
        "reranking".ljust(26) + "".join(title.rjust(12) for title in ["stage 1", "reranked", "gain", "over semble"])
    ]
    for title, keep in groups.items():
        parts = {title: keep}
        for category in categories:
            parts[f"  {category}"] = lambda name, cat, keep=keep, wanted=category: cat == wanted and keep(name, cat)  # type: ignore[misc]
        for label, chosen in parts.items():
            before, after, other = ours.mean(chosen), reranked.mean(chosen), peer.mean(chosen)
            lines.append(f"{label:26}{before:12.3f}{after:12.3f}{after - before:+12.3f}{after - other:+12.3f}")
    seconds = [value for values in reranked.queries.values() for value in values]
    p50, p95 = percentiles(seconds)
    lines.append(f"search with reranking, no score cached: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    return lines


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return cuts[9] * 1e3, cuts[18] * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with manifest.json and annotations/")
    parser.add_argument("--repeats", type=int, default=3, help="index runs per tool; the median counts")
    parser.add_argument("--chunks", type=int, default=10_000, help="store size for the latency figure; 0 skips it")
    parser.add_argument("--rerank", action="store_true", help="also measure the bundled reranker")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    figures = {label: Figures() for label in [*ABLATIONS, *([RERANKED] if arguments.rerank else []), "semble"]}
    asyncio.run(measure(arguments.data, arguments.repeats, figures))
    print(machine())
    print(report(figures))
    if arguments.chunks:
        count, seconds = asyncio.run(measure_latency(arguments.data, arguments.chunks))
        p50, p95 = percentiles(seconds)
        print(f"warm query at {count} chunks: p50 {p50:.2f} ms, p95 {p95:.2f} ms")
    if arguments.json:
        content = {
            label: {
                "ndcg": {title: figure.mean(keep) for title, keep in groups_of(figure).items()},
                "index_seconds": figure.index,
            }
            for label, figure in figures.items()
        }
        yardstick = f"codesearch {arguments.data.name}"
        rows = [
            Row(yardstick, title, "NDCG@10", label, figure.mean(keep), figure.count(keep))
            for label, figure in figures.items()
            for title, keep in groups_of(figure).items()
        ]
        write_json(arguments.json, rows, {"figures": content})


if __name__ == "__main__":
    main()
