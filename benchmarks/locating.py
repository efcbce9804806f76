"""Find the files and functions that a change touches, by what was written about the change: tasks, ranks, tables."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from metrics import Span
from yardstick import Row

from aurora_dev.core.rerank.bundled import BUNDLED_FUSION
from aurora_dev.core.types import SearchOptions, SearchResults
from aurora_dev.core.vector_store import VectorStore

HITS: Final = 50  # results of a search: nearly always more than ten distinct files
TUNING, REPORTING = "tuning", "reporting"
SEARCH, RERANKED, KEYWORD, VECTOR, SEMBLE = "search", "search + rerank", "keyword alone", "vectors alone", "semble"
OPTIONS: Final[Mapping[str, SearchOptions]] = {
    KEYWORD: SearchOptions(mode="keyword"),
    VECTOR: SearchOptions(mode="vector"),
    SEARCH: SearchOptions(),
    RERANKED: SearchOptions(rerank_top_k=BUNDLED_FUSION.read, rerank_timeout=600),
}
FIRST_QUERY = "where does it start"  # loads a store before its searches are timed


@dataclass(frozen=True)
class Task:
    """A change to locate.

    Attributes:
        id: Unique.
        repository: ``owner/name``.
        commit: The tree before the change.
        queries: The text to search with, by its title in the tables.
        files: The changed files that the tree has.
        functions: The lines of the changed functions that the tree has.
        edits: The changed lines of the tree (1-based, inclusive), by file.
    """

    id: str
    repository: str
    commit: str
    queries: Mapping[str, str]
    files: tuple[str, ...]
    functions: tuple[Span, ...] = ()
    edits: Mapping[str, tuple[tuple[int, int], ...]] | None = None

    @property
    def half(self) -> str:
        """The half of the data that the project belongs to."""
        return half_of(self.repository)


def half_of(repository: str) -> str:
    """Return ``tuning`` or ``reporting``: even or odd first byte of the SHA-256 of the lower-case ``owner/name``."""
    return (TUNING, REPORTING)[hashlib.sha256(repository.lower().encode()).digest()[0] % 2]


@dataclass(frozen=True)
class Outcome:
    """The result of one search for one task.

    Attributes:
        query: The title of the query.
        way: The kind of search.
        files: The rank of each file among the distinct files of the results (1-based); ``None`` if it is not there.
        functions: For each function, the rank of the first result that shares a line with it.
        found: The first ten distinct files.
        seconds: The time that the search took.
    """

    task: str
    repository: str
    half: str
    query: str
    way: str
    files: tuple[int | None, ...]
    functions: tuple[int | None, ...]
    found: tuple[str, ...]
    seconds: float


def judge(task: Task, query: str, way: str, spans: Sequence[Span], seconds: float) -> Outcome:
    """Return the ranks that a search gave to the files and functions of a task."""
    distinct = list(dict.fromkeys(span.path for span in spans))
    ranks = {path: rank for rank, path in enumerate(distinct, start=1)}
    functions = tuple(
        next((rank for rank, span in enumerate(spans, start=1) if _overlaps(span, wanted)), None)
        for wanted in task.functions
    )
    files = tuple(ranks.get(path) for path in task.files)
    return Outcome(
        task.id, task.repository, task.half, query, way, files, functions, tuple(distinct[:10]), round(seconds, 5)
    )


def _overlaps(one: Span, other: Span) -> bool:
    return one.path == other.path and one.start_line <= other.end_line and other.start_line <= one.end_line


def spans_of(results: SearchResults) -> list[Span]:
    """Return the chunks among the results; commits and notes are left out."""
    return [
        Span(result.metadata["path"], result.metadata["start_line"], result.metadata["end_line"])
        for result in results
        if "path" in result.metadata
    ]


async def search_all(store: VectorStore, task: Task, ways: Iterable[str], suffix: str = "") -> list[Outcome]:
    """Search a store with every query of a task in several ways; ``suffix`` is added to their names."""
    outcomes = []
    await store.search(FIRST_QUERY, HITS, rerank=False)
    for query, text in task.queries.items():
        for way in ways:
            started = time.perf_counter()
            results = await store.search(text, HITS, rerank=way == RERANKED, options=OPTIONS[way])
            seconds = time.perf_counter() - started
            if results.degraded:
                raise SystemExit(f"{task.id}: {results.degraded}")
            outcomes.append(judge(task, query, way + suffix, spans_of(results), seconds))
    return outcomes


def rows(yardstick: str, outcomes: Sequence[Outcome]) -> list[Row]:
    """Return the figures of each half, query and way."""
    found = []
    for half in (TUNING, REPORTING):
        for query in dict.fromkeys(outcome.query for outcome in outcomes):
            for way in dict.fromkeys(outcome.way for outcome in outcomes):
                chosen = [o for o in outcomes if (o.half, o.query, o.way) == (half, query, way)]
                files = [outcome.files for outcome in chosen]
                functions = [outcome.functions for outcome in chosen if outcome.functions]
                figures = {f"{query}: files @{k}": accuracy(files, k) for k in (1, 5, 10)}
                figures |= {f"{query}: functions @{k}": accuracy(functions, k) for k in (5, 10)}
                if chosen:
                    figures[f"{query}: MRR"] = statistics.fmean(map(reciprocal, files))
                    found += [Row(yardstick, half, name, way, value, len(chosen)) for name, value in figures.items()]
    return found


def accuracy(ranks: Sequence[Sequence[int | None]], k: int) -> float:
    """Return the strict accuracy: the share of tasks of which all ranks are at most ``k``."""
    if not ranks:
        return float("nan")
    return statistics.fmean(all(rank is not None and rank <= k for rank in group) for group in ranks)


def reciprocal(ranks: Sequence[int | None]) -> float:
    """Return the reciprocal of the best rank, or 0."""
    found = [rank for rank in ranks if rank is not None]
    return 1 / min(found) if found else 0.0


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table of all outcomes, a part for each half; rows compare if they have the same number of tasks.

    If some ways lack tasks, further parts have only the tasks that every way has.
    """
    halves: dict[str, Callable[[Outcome], bool]] = {
        "all": lambda _outcome: True,
        TUNING: lambda outcome: outcome.half == TUNING,
        REPORTING: lambda outcome: outcome.half == REPORTING,
    }
    searched = [{o.task for o in outcomes if o.way == way} for way in {outcome.way for outcome in outcomes}]
    common = set.intersection(*searched) if searched else set()
    if common and common != {outcome.task for outcome in outcomes}:
        halves |= {
            f"{half}, tasks that every way has": lambda outcome, keep=keep: keep(outcome) and outcome.task in common  # type: ignore[misc]
            for half, keep in halves.items()
        }
    titles = ["tasks", "file @1", "@5", "@10", "MRR", "func. @5", "@10", "p50 ms", "p95 ms"]
    lines = []
    for half, keep in halves.items():
        chosen = [outcome for outcome in outcomes if keep(outcome)]
        if not chosen:
            continue
        tasks, projects = len({o.task for o in chosen}), len({o.repository for o in chosen})
        with_functions = len({o.task for o in chosen if o.functions})
        lines.append(f"{half}: {tasks} tasks of {projects} projects, {with_functions} of them with functions")
        for query in dict.fromkeys(outcome.query for outcome in chosen):
            lines.append(f"  {query:28}" + "".join(title.rjust(10) for title in titles))
            for way in dict.fromkeys(outcome.way for outcome in chosen):
                lines.append(_row(way, [o for o in chosen if (o.query, o.way) == (query, way)]))
        lines.append("")
    return "\n".join(lines)


def _row(way: str, outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return f"    {way:26}" + "-".rjust(10)
    files = [outcome.files for outcome in outcomes]
    functions = [outcome.functions for outcome in outcomes if outcome.functions]
    figures = [accuracy(files, k) for k in (1, 5, 10)]
    figures += [statistics.fmean(map(reciprocal, files)), accuracy(functions, 5), accuracy(functions, 10)]
    seconds = sorted(outcome.seconds for outcome in outcomes)
    p50, p95 = (seconds[int(share * (len(seconds) - 1))] * 1e3 for share in (0.5, 0.95))
    return (
        f"    {way:26}{len(outcomes):10}" + "".join(f"{figure:10.3f}" for figure in figures) + f"{p50:10.1f}{p95:10.1f}"
    )
