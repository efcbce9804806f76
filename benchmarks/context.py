"""Measure how much of the answer fits into a token budget, and how long assembling a context takes.

    python benchmarks/context.py PATH [--no-rerank] [--peer-model DIR] [--repeats 3] [--misses] [--json FILE]

PATH is a folder that ``codesearch.py`` reads. For each query and budget, these methods fill the budget, with one token
counter:

- aurora: ``ContextManager.build`` as ``Memory.context`` calls it, with the bundled embedding and, by default, the
  bundled reranker; its preamble, fences, task and chat overhead count
- chunks: the hits of the same search as ``path:lines`` and text, best first
- files: the whole files of these hits, in the order of their best hit
- semble: the snippets of semble's search, pasted like chunks, with the static model that its users can have offline:
  all-MiniLM distilled with model2vec, from which Aurora's own embedding was trained. It is made once, in a separate
  environment (some minutes); --peer-model names another one
- semble+: semble with Aurora's trained embedding

All but the first pay only for labels and text, and cut the last part after the last line that fits, so that they fill
the budget completely. "uncut" is semble with whole snippets only, up to the first that does not fit.

A figure is the mean over queries of the share of a query's targets (relevant and secondary) that are shown. A target
with lines must overlap shown lines; a bare path counts if any line of the file is shown. A pointer shows nothing. "full
only" also leaves out interfaces, and counts only lines of chunks that are shown in full.

Assembly is the time of a build for 8,000 tokens minus that of the search alone, each a median of alternating runs of
the query. "first" is the assembly of the first build over a store, which reads the import graph.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codesearch import index_aurora, index_semble, percentiles
from machine import machine
from metrics import Span, ndcg
from packages import TUNING, annotated_queries, distilled_model, manifest, root_of
from yardstick import Row, write_json

from aurora_dev.core.context.items import Context
from aurora_dev.core.context_manager import ContextManager
from aurora_dev.core.contracts import TokenCounter
from aurora_dev.core.embed.static import BUNDLED_PATH, StaticEmbedder
from aurora_dev.core.tokens import create_counter
from aurora_dev.core.types import SearchResults
from aurora_dev.core.vector_store import VectorStore

BUDGETS = (1_000, 2_000, 4_000, 8_000)
WAYS = ("aurora", "  full only", "chunks", "files", "semble", "  uncut", "semble+")
AURORA, FULL_ONLY, CHUNKS, FILES, SEMBLE, UNCUT, SEMBLE_PLUS = WAYS
HITS = 100  # enough to fill the largest budget with chunks of any size
TIMED_BUDGET = 8_000


@dataclass(frozen=True)
class Outcome:
    """The result of one method for one query and budget; ``found`` says of each target whether it is shown."""

    package: str
    query: str
    category: str
    way: str
    budget: int
    found: tuple[bool, ...]
    tokens: int

    @property
    def share(self) -> float:
        """The share of the targets that are shown."""
        return sum(self.found) / len(self.found)


@dataclass
class Figures:
    """All figures; times in seconds."""

    outcomes: list[Outcome] = field(default_factory=list)
    beyond: list[float] = field(default_factory=list)
    assemble: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)

    def mean(self, way: str, budget: int, keep: Callable[[str], bool]) -> float:
        """Return the mean share over the queries of the packages that ``keep`` accepts."""
        return statistics.fmean(
            outcome.share
            for outcome in self.outcomes
            if (outcome.way, outcome.budget) == (way, budget) and keep(outcome.package)
        )


@dataclass(frozen=True)
class Snippet:
    """A text to paste, with its file and its first line (1-based)."""

    path: str
    start: int
    text: str


def shown_by(context: Context, *, full_only: bool = False) -> list[Span]:
    """Return the lines that a context shows."""
    items = [item for item in context.items if item.section == "reference"]
    if full_only:
        items = [item for item in items if item.level == "full"]
    return [Span(item.source, start, end) for item in items for start, end in item.shown]


def paste(
    snippets: Iterable[Snippet], budget: int, count: Callable[[str], int], *, cut: bool = True
) -> tuple[list[Span], int]:
    """Paste snippets until the budget is full; return the pasted lines and their tokens.

    Args:
        snippets: Best first.
        budget: Most tokens.
        count: Counts tokens.
        cut: Whether the last snippet is cut to fit instead of left out.
    """
    spans: list[Span] = []
    used = 0
    for snippet in snippets:
        rows = snippet.text.split("\n")
        low, high = 0, len(rows)  # bisection for the number of rows that fit
        while low < high:
            middle = (low + high + 1) // 2
            if used + count(_block(snippet, rows[:middle])) <= budget:
                low = middle
            else:
                high = middle - 1
        if low < len(rows) and not cut:
            break
        if low:
            used += count(_block(snippet, rows[:low]))
            spans.append(Span(snippet.path, snippet.start, snippet.start + low - 1))
        if low < len(rows):
            break
    return spans, used


def _block(snippet: Snippet, rows: list[str]) -> str:
    return f"{snippet.path}:{snippet.start}-{snippet.start + len(rows) - 1}\n" + "\n".join(rows) + "\n"


def chunks_of(results: SearchResults) -> list[Snippet]:
    return [Snippet(hit.metadata["path"], hit.metadata["start_line"], hit.content) for hit in results]


def files_of(results: SearchResults, root: Path) -> Iterator[Snippet]:
    for path in dict.fromkeys(hit.metadata["path"] for hit in results):
        yield Snippet(path, 1, (root / path).read_text("utf-8"))


def snippets_of(found: Iterable[Any]) -> list[Snippet]:
    return [Snippet(hit.chunk.file_path, hit.chunk.start_line, hit.chunk.content.rstrip("\n")) for hit in found]


def found_targets(spans: list[Span], query: dict[str, Any]) -> tuple[bool, ...]:
    """Return for each target whether it is shown, by the rules of the metric."""
    targets = [*query["relevant"], *query["secondary"]]
    return tuple(ndcg(spans, {"relevant": [target], "secondary": []}, k=len(spans)) > 0 for target in targets)


async def measure(data: Path, counter: TokenCounter, repeats: int, peer_model: Path, reranker: str) -> Figures:
    figures = Figures()
    embedder = StaticEmbedder.bundled()
    for package in manifest(data):
        name, root = package["name"], root_of(package)
        with tempfile.TemporaryDirectory() as folder:
            store, _ = await index_aurora(root, embedder, Path(folder) / "store", reranker)
            peers = {SEMBLE: index_semble(root, peer_model)[0], SEMBLE_PLUS: index_semble(root, BUNDLED_PATH)[0]}
            manager = ContextManager(store, token_counter=counter)
            queries = annotated_queries(data, name)
            first = await manager.build(queries[0]["query"], TIMED_BUDGET, rerank=manager.store.reranker is not None)
            figures.first.append(first.timings["assemble"])
            for query in queries:
                await measure_query(name, root, query, manager, peers, figures)
                await measure_time(query["query"], manager, store, repeats, figures)
            await store.close()
    return figures


async def measure_query(
    package: str,
    root: Path,
    query: dict[str, Any],
    manager: ContextManager,
    peers: dict[str, Any],
    figures: Figures,
) -> None:
    text, counter = query["query"], manager.counter
    results = await manager.store.search(text, top_k=HITS, rerank=manager.store.reranker is not None)
    snippets = {way: snippets_of(peer.search(text, top_k=HITS)) for way, peer in peers.items()}
    for budget in BUDGETS:
        context = await manager.build(text, budget, rerank=manager.store.reranker is not None)
        if max(counter.count(context.text), context.tokens, context.message_tokens) > budget:
            raise SystemExit(f"{package}: {text!r} takes more than {budget} tokens")
        shown = {
            AURORA: (shown_by(context), context.tokens),
            FULL_ONLY: (shown_by(context, full_only=True), context.tokens),
            CHUNKS: paste(chunks_of(results), budget, counter.count),
            FILES: paste(files_of(results, root), budget, counter.count),
            SEMBLE: paste(snippets[SEMBLE], budget, counter.count),
            UNCUT: paste(snippets[SEMBLE], budget, counter.count, cut=False),
            SEMBLE_PLUS: paste(snippets[SEMBLE_PLUS], budget, counter.count),
        }
        for way, (spans, tokens) in shown.items():
            found = found_targets(spans, query)
            figures.outcomes.append(Outcome(package, text, query["category"], way, budget, found, tokens))


async def measure_time(text: str, manager: ContextManager, store: VectorStore, repeats: int, figures: Figures) -> None:
    builds, searches, assembles = [], [], []
    for _ in range(repeats):
        started = time.perf_counter()
        await store.search(text, top_k=HITS, rerank=store.reranker is not None)
        searches.append(time.perf_counter() - started)
        started = time.perf_counter()
        context = await manager.build(text, TIMED_BUDGET, rerank=manager.store.reranker is not None)
        builds.append(time.perf_counter() - started)
        assembles.append(context.timings["assemble"])
    figures.beyond.append(statistics.median(builds) - statistics.median(searches))
    figures.assemble.append(statistics.median(assembles))


GROUPS: dict[str, Callable[[str], bool]] = {
    "all": lambda _package: True,
    "tuning": lambda package: package in TUNING,
    "reporting": lambda package: package not in TUNING,
}


def report(figures: Figures) -> str:
    counts = {
        title: len({(outcome.package, outcome.query) for outcome in figures.outcomes if keep(outcome.package)})
        for title, keep in GROUPS.items()
    }
    budgets = "".join(f"{budget:>8,}" for budget in BUDGETS)
    titles = "".join(f"{f'{title} ({counts[title]} queries)':>32}" for title in GROUPS)
    lines = [" " * 12 + titles, "tokens".ljust(12) + budgets * len(GROUPS)]
    for way in WAYS:
        means = [figures.mean(way, budget, keep) for keep in GROUPS.values() for budget in BUDGETS]
        lines.append(way.ljust(12) + "".join(f"{mean:8.3f}" for mean in means))
    for title, others in {"semble": (SEMBLE,), "the best of the others": (CHUNKS, FILES, SEMBLE, SEMBLE_PLUS)}.items():
        leads = [
            figures.mean(AURORA, budget, keep) - max(figures.mean(way, budget, keep) for way in others)
            for keep in GROUPS.values()
            for budget in BUDGETS
        ]
        lines += [f"aurora's lead over {title}:", " " * 12 + "".join(f"{lead:+8.3f}" for lead in leads)]
    lines.append("")
    p50, p95 = percentiles(figures.beyond)
    own50, own95 = percentiles(figures.assemble)
    lines.append(f"assembly beyond the search, {TIMED_BUDGET:,} tokens: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    lines.append(
        f"(by Context.timings: p50 {own50:.1f} ms, p95 {own95:.1f} ms; "
        f"first: {statistics.median(figures.first) * 1e3:.0f} ms)"
    )
    return "\n".join(lines)


def rows_of(figures: Figures) -> list[Row]:
    """Return the mean of each group of packages, budget and way."""
    return [
        Row("context", title, f"share shown in {budget:,} tokens", way.strip(), figures.mean(way, budget, keep), count)
        for title, keep in GROUPS.items()
        for budget in BUDGETS
        for way in WAYS
        if (count := len({(one.package, one.query) for one in figures.outcomes if keep(one.package)}))
    ]


def misses(figures: Figures) -> str:
    """Return the queries for which semble shows more, by budget."""
    by_query: dict[tuple[int, str, str], dict[str, Outcome]] = defaultdict(dict)
    for outcome in figures.outcomes:
        by_query[outcome.budget, outcome.package, outcome.query][outcome.way] = outcome
    return "\n".join(
        f"{budget:>6} {package:10} {outcomes[AURORA].share:.2f} < {outcomes[SEMBLE].share:.2f}  {query}"
        for (budget, package, query), outcomes in sorted(by_query.items())
        if outcomes[AURORA].share < outcomes[SEMBLE].share
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with manifest.json and annotations/")
    parser.add_argument("--encoding", default="o200k_base", help="encoding that counts the tokens of all methods")
    parser.add_argument("--repeats", type=int, default=3, help="timed builds per query; the median counts")
    parser.add_argument("--misses", action="store_true", help="list the queries for which semble shows more")
    parser.add_argument("--no-rerank", action="store_true", help="search without the bundled reranker")
    parser.add_argument("--peer-model", type=Path, help="static model for semble (default: the distilled one)")
    parser.add_argument("--json", type=Path, help="also write every outcome to this file")
    arguments = parser.parse_args()
    counter = create_counter(encoding=arguments.encoding)
    reranker = "none" if arguments.no_rerank else "bundled"
    peer_model = arguments.peer_model or distilled_model()
    figures = asyncio.run(measure(arguments.data, counter, arguments.repeats, peer_model, reranker))
    print(f"{machine()}, {counter.name}")
    print(report(figures))
    if arguments.misses:
        print(misses(figures))
    if arguments.json:
        write_json(arguments.json, rows_of(figures), {"outcomes": [vars(outcome) for outcome in figures.outcomes]})


if __name__ == "__main__":
    main()
