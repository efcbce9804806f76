"""Measure how many of the lines that a fix changes are in a context that was built for the issue.

    python benchmarks/edits.py PATH [--mirror DIR] [--cache DIR] [--kept] [--limit N] [--projects A/B,C/D]
        [--half tuning|reporting] [--no-rerank] [--no-semble] [--peer-model DIR] [--json FILE]

PATH and the cache are those of ``issues.py``. The whole text of each issue is the task. These methods fill a budget:

- aurora: ``ContextManager.build``; its preamble and fences count
- chunks: the results of Aurora's search as ``path:lines`` and text, best first
- files: the whole files of these results, in the order of their best result
- semble: the snippets of semble's search, pasted like chunks

The last three pay only for labels and text, and cut the last part after the last line that fits. The budget is what is
left beside the issue, whose own tokens come on top for every method.

The changed lines are those that the fix removes, and those after which it inserts. "lines" is the mean share of them
that is shown; "all" and "any" are the shares of the issues of which all of them, or at least one, are shown. A line
counts if the text of the context has it: pointers show none, and outlines only those that they quote.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from context import Snippet, chunks_of, paste, shown_by
from issue_data import WHOLE, add_arguments, prepared, read_issues
from kept_stores import KeptStores, Repositories
from locating import OPTIONS, REPORTING, RERANKED, TUNING, Task
from metrics import Span
from packages import distilled_model
from peer_results import PeerResults
from yardstick import Row, report

from aurora_dev.core.context_manager import ContextManager
from aurora_dev.core.contracts import TokenCounter
from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.factory import create_reranker
from aurora_dev.core.tokens import create_counter

BUDGETS = (2_000, 4_000, 8_000, 16_000)
AURORA, CHUNKS, FILES, SEMBLE = WAYS = ("aurora", "chunks", "files", "semble")
HITS = 200  # enough to fill the largest budget


@dataclass(frozen=True)
class Outcome:
    """The result of one method for one issue and budget.

    Attributes:
        shown: The number of changed lines that are shown.
        changed: The number of changed lines.
        tokens: Tokens that were used; for Aurora with those of the issue.
        seconds: The time of the build with its search; 0 for what is pasted.
    """

    task: str
    repository: str
    half: str
    way: str
    budget: int
    shown: int
    changed: int
    tokens: int
    seconds: float


class Lines:
    """The lines of the files of a tree, each file read once."""

    def __init__(self, repositories: Repositories, task: Task) -> None:
        self._repositories = repositories
        self._task = task
        self._read: dict[str, list[str]] = {}

    def of(self, path: str) -> list[str]:
        """Return the lines of a file; none if there is no such file."""
        if path not in self._read:
            source = self._repositories.read(self._task.repository, self._task.commit, path)
            self._read[path] = (source or "").split("\n")
        return self._read[path]

    def changed(self) -> set[tuple[str, int]]:
        """Return path and number of the lines that the fix changes."""
        return {
            (path, number)
            for path, spans in (self._task.edits or {}).items()
            if path in self._task.files
            for first, last in spans
            for number in range(max(1, first), min(last, len(self.of(path))) + 1)
        }

    def snippets(self, spans: Sequence[Span]) -> Iterator[Snippet]:
        """Yield the text of some spans."""
        for path, first, last in spans:
            yield Snippet(path, first, "\n".join(self.of(path)[first - 1 : last]))

    def files(self, paths: Sequence[str]) -> Iterator[Snippet]:
        """Yield whole files."""
        for path in dict.fromkeys(paths):
            yield Snippet(path, 1, "\n".join(self.of(path)))


def numbers(spans: Sequence[Span]) -> set[tuple[str, int]]:
    """Return path and number of every line of some spans."""
    return {(span.path, number) for span in spans for number in range(span.start_line, span.end_line + 1)}


async def measure(arguments: argparse.Namespace) -> list[Outcome]:
    reranker = None if arguments.no_rerank else create_reranker("bundled")
    repositories = Repositories(arguments.cache, arguments.mirror)
    stores = KeptStores(repositories, StaticEmbedder.bundled(), reranker)
    tasks = await prepared(stores, read_issues(arguments), kept=arguments.kept, limit=arguments.limit)
    peer = None if arguments.no_semble else PeerResults(stores, arguments.peer_model or distilled_model())
    if peer is not None and not arguments.kept:
        peer.make(tasks)
    counter = create_counter()
    outcomes: list[Outcome] = []
    for number, task in enumerate(tasks, start=1):
        print(f"\r{number}/{len(tasks)} {task.id:60.60}", end="", file=sys.stderr, flush=True)
        outcomes += await measure_task(stores, task, peer, counter)
    print(file=sys.stderr)
    return outcomes


async def measure_task(
    stores: KeptStores, task: Task, peer: PeerResults | None, counter: TokenCounter
) -> list[Outcome]:
    lines, text = Lines(stores.repositories, task), task.queries[WHOLE]
    changed = lines.changed()
    if not changed:
        return []
    rerank = stores.reranker is not None
    beside = counter.count(text)
    outcomes = []

    def add(way: str, budget: int, shown: set[tuple[str, int]], tokens: int, seconds: float = 0.0) -> None:
        outcomes.append(
            Outcome(
                task.id,
                task.repository,
                task.half,
                way,
                budget,
                len(shown & changed),
                len(changed),
                tokens,
                round(seconds, 5),
            )
        )

    async with stores.open(task.repository, task.commit) as store:
        manager = ContextManager(store, token_counter=counter)
        results = await store.search(text, HITS, rerank=rerank, options=OPTIONS[RERANKED])
        for budget in BUDGETS:
            started = time.perf_counter()
            context = await manager.build(text, budget + beside, rerank=rerank)
            seconds = time.perf_counter() - started
            shown = {
                (path, number)
                for path, number in numbers(shown_by(context)) & changed
                if lines.of(path)[number - 1].strip() in context.text
            }
            add(AURORA, budget, shown, context.tokens, seconds)
            paths = [result.metadata["path"] for result in results]
            pasted = {CHUNKS: chunks_of(results), FILES: lines.files(paths)}
            if peer is not None and peer.has(task):
                pasted[SEMBLE] = lines.snippets(peer.read(task, WHOLE)[0])
            for way, snippets in pasted.items():
                spans, tokens = paste(snippets, budget, counter.count)
                add(way, budget, numbers(spans), tokens)
    return outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a table for each half, of the issues that every method has figures for."""
    measured = [{o.task for o in outcomes if o.way == way} for way in {outcome.way for outcome in outcomes}]
    common = set.intersection(*measured)
    lines = []
    for half in ("all", TUNING, REPORTING):
        chosen = [outcome for outcome in outcomes if half in ("all", outcome.half) and outcome.task in common]
        if not chosen:
            continue
        count, projects = len({outcome.task for outcome in chosen}), len({outcome.repository for outcome in chosen})
        lines.append(f"{half}: {count} issues of {projects} projects")
        lines.append(" " * 10 + "".join(f"{f'{budget:,} tokens':>24}" for budget in BUDGETS))
        lines.append(" " * 10 + "".join(f"{title:>8}" for title in ("lines", "all", "any")) * len(BUDGETS))
        for way in WAYS:
            cells = [
                f"{figure:8.3f}"
                for budget in BUDGETS
                for figure in figures([o for o in chosen if (o.way, o.budget) == (way, budget)])
            ]
            lines.append(way.ljust(10) + "".join(cells))
        lines.append("")
    return "\n".join(lines)


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return the figures of each half, budget and way."""
    found = []
    for half in (TUNING, REPORTING):
        for budget in BUDGETS:
            for way in WAYS:
                chosen = [o for o in outcomes if (o.half, o.budget, o.way) == (half, budget, way)]
                if chosen:
                    measure = f"changed lines shown, {budget:,} tokens"
                    found.append(Row("edits", half, measure, way, figures(chosen)[0], len(chosen)))
    return found


def figures(outcomes: Sequence[Outcome]) -> tuple[float, float, float]:
    """Return the mean share of the changed lines, and the shares of issues with all and with any of them."""
    if not outcomes:
        return (float("nan"),) * 3
    return (
        statistics.fmean(outcome.shown / outcome.changed for outcome in outcomes),
        statistics.fmean(outcome.shown == outcome.changed for outcome in outcomes),
        statistics.fmean(outcome.shown > 0 for outcome in outcomes),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--no-rerank", action="store_true", help="search without the bundled reranker")
    parser.add_argument("--no-semble", action="store_true", help="leave out semble")
    parser.add_argument("--peer-model", type=Path, help="static model for semble (default: the distilled one)")
    arguments = parser.parse_args()
    report("issue", asyncio.run(measure(arguments)), table, rows, arguments.json)


if __name__ == "__main__":
    main()
