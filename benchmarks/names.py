"""Measure searches for exact things: names, messages, file names, parts of names, flags, as agents type them.

    python benchmarks/names.py [PATH ...] [--rerank] [--semble] [--cache DIR] [--projects NAME ...] [--json FILE]

PATH is a folder that ``codesearch.py`` reads; by default ``benchmarks/repositories`` and ``benchmarks/written``. The
queries are drawn from the files of each project, the same in every run (see ``names_queries.py``). Queries and stores
are kept in DIR, so a second run measures only the search; ``--redraw`` draws the queries again.

A figure is the share of queries whose first result, or one of the first five, is right:

- ``contains``: the chunk has the whole name in its exact case, or the literal. A message is asked for as it is in the
  file, and filled, with values in the place of its placeholders.
- ``definition``: the chunk has the line on which the name, or one of at most three names that the query fits, is
  defined.
- ``file``: the chunk is of the file that the query names.

Beside it: our keyword search alone (``keyword``), the files that contain the query's text in the order of their paths,
as ripgrep lists them (``grep``; for paths, the files whose path contains it), and semble, with the same static model
and all kinds of files. The results of ``grep`` are whole files. Figures of the tuning half (``packages.TUNING``, the
projects that constants may be set on) and of the reporting half are printed apart.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from machine import machine
from names_queries import EDITION, FORMS, Query, draw
from projects import KEPT, Project, kept_store, projects, texts_of
from yardstick import Rank, Row, half_of, table, within, write_json

from aurora_dev.core.embed.static import BUNDLED_PATH
from aurora_dev.core.types import SearchOptions
from aurora_dev.core.vector_store import VectorStore

TOP_K = 10
OPTIONS = {"hybrid": SearchOptions(), "keyword": SearchOptions(mode="keyword"), "reranked": SearchOptions()}
# The measures of each form: what is looked for, and the numbers of results it is looked for in.
CONTAINS, DEFINITION, FILE = (("contains", (1, 5)),), (("definition", (1, 5)),), (("file", (1, 5)),)
MEASURES: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "defined name": CONTAINS + DEFINITION,
    "defined in tests": CONTAINS + DEFINITION,
    "used name": CONTAINS,
    "name in a sentence": CONTAINS + DEFINITION,
    "literal": CONTAINS,
    "error message": CONTAINS,
    "filled message": CONTAINS,
    "file name": FILE,
    "partial path": FILE,
    "whole path": FILE,
    "last words": DEFINITION,
    "middle words": DEFINITION,
    "run together": DEFINITION,
    "words with spaces": DEFINITION,
    "other case": DEFINITION,
    "flag": CONTAINS,
    "environment variable": CONTAINS,
    "dotted name": DEFINITION,
}
assert MEASURES.keys() == FORMS.keys()


@dataclass(frozen=True, slots=True)
class Found:
    """A result of any tool: a span of a file (1-based, inclusive), and its text."""

    path: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A query, and the rank of the first right result by method and by what is looked for."""

    query: Query
    ranks: dict[str, dict[str, Rank]]


def ranks_of(query: Query, results: Sequence[Found]) -> dict[str, Rank]:
    """Return the rank of the first result that is right, for everything that the query has an answer for."""
    tests: dict[str, Callable[[Found], bool]] = {}
    if query.needle:
        contains = query.contains()
        tests["contains"] = lambda found: contains(found.text)
    if query.places:
        tests["definition"] = lambda found: any(
            found.path == place.path and found.start <= place.line <= found.end for place in query.places
        )
    if query.paths:
        tests["file"] = lambda found: found.path in query.paths
    return {
        name: next((rank for rank, found in enumerate(results, start=1) if test(found)), None)
        for name, test in tests.items()
    }


def kept_queries(project: Project, cache: Path, texts: Mapping[str, str], redraw: bool) -> list[Query]:
    """Return the queries of a project from the cache, or draw and keep them."""
    file = cache / f"names-{EDITION}" / f"{project.name}.json"
    if redraw or not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [asdict(query) for query in draw(project.name, texts)]
        file.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    return [Query.from_json(row) for row in json.loads(file.read_text("utf-8"))]


def grep(query: Query, texts: Mapping[str, str]) -> list[Found]:
    """Return the files that contain the query's text; if it names a file, those whose path contains it."""
    found = [path for path, text in texts.items() if query.text in (path if query.paths else text)]
    return [Found(path, 1, texts[path].count("\n") + 1, texts[path]) for path in found[:TOP_K]]


def semble_ranks(project: Project, queries: Sequence[Query], cache: Path) -> list[dict[str, Rank]]:
    """Return the ranks of semble's results, from the cache if it has those of the same queries."""
    digest = hashlib.sha256(repr(queries).encode("utf-8", "replace")).hexdigest()
    file = cache / f"names-{EDITION}" / "semble" / f"{project.name}.json"
    if file.is_file():
        kept = json.loads(file.read_text("utf-8"))
        if kept["queries"] == digest:
            return list(kept["ranks"])
    from semble import SembleIndex
    from semble.types import ContentType

    index = SembleIndex.from_path(project.root, content=list(ContentType), model_path=str(BUNDLED_PATH))
    ranks = []
    for query in queries:
        chunks = [result.chunk for result in index.search(query.text, top_k=TOP_K)]
        ranks.append(ranks_of(query, [Found(c.file_path, c.start_line, c.end_line, c.content) for c in chunks]))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"queries": digest, "ranks": ranks}), encoding="utf-8")
    return ranks


async def search(store: VectorStore, text: str, method: str) -> list[Found]:
    results = await store.search(text, top_k=TOP_K, rerank=method == "reranked", options=OPTIONS[method])
    if results.degraded:
        raise SystemExit(f"a stage of the search did not run: {results.degraded}")
    return [Found(r.metadata["path"], r.metadata["start_line"], r.metadata["end_line"], r.content) for r in results]


async def measure(
    chosen: Iterable[Project], methods: Sequence[str], cache: Path, redraw: bool, seconds: dict[str, list[float]]
) -> list[Measured]:
    measured: list[Measured] = []
    for project in chosen:
        texts = texts_of(project.root)
        queries = kept_queries(project, cache, texts, redraw)
        rows = [Measured(query, {}) for query in queries]
        async with kept_store(project, cache, "bundled" if "reranked" in methods else "none") as store:
            for row in rows:
                for method in methods:
                    if method in OPTIONS:
                        started = time.perf_counter()
                        results = await search(store, row.query.text, method)
                        seconds[method].append(time.perf_counter() - started)
                        row.ranks[method] = ranks_of(row.query, results)
                    elif method == "grep":
                        row.ranks[method] = ranks_of(row.query, grep(row.query, texts))
        if "semble" in methods:
            for row, ranks in zip(rows, semble_ranks(project, queries, cache), strict=True):
                row.ranks["semble"] = ranks
        measured += rows
    return measured


def rows_of(measured: Sequence[Measured], methods: Sequence[str]) -> list[Row]:
    """Return the figures of each half, form, measure and method."""
    rows = []
    for half in ("tuning", "reporting"):
        of_half = [one for one in measured if half_of(one.query.project) == half]
        for cut in (1, 5):
            for method in methods:
                ranks = [one.ranks[method][MEASURES[one.query.form][0][0]] for one in of_half]
                if ranks:
                    rows.append(
                        Row("names", half, f"all forms: first measure @{cut}", method, within(ranks, cut), len(ranks))
                    )
        for form, wanted in MEASURES.items():
            group = [one for one in of_half if one.query.form == form]
            for name, cuts in wanted:
                for cut in cuts:
                    label = f"{form}: {name} @{cut}"
                    for method in methods:
                        ranks = [one.ranks[method][name] for one in group if name in one.ranks[method]]
                        if ranks:
                            rows.append(Row("names", half, label, method, within(ranks, cut), len(ranks)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="*", help="folders with manifest.json")
    parser.add_argument("--cache", type=Path, default=KEPT, help="folder of the kept stores and queries")
    parser.add_argument("--projects", nargs="+", default=[], metavar="NAME", help="only these projects")
    parser.add_argument("--half", choices=("tuning", "reporting"), help="only the projects of one half")
    parser.add_argument("--rerank", action="store_true", help="also measure the bundled reranker")
    parser.add_argument("--semble", action="store_true", help="also measure semble")
    parser.add_argument("--redraw", action="store_true", help="draw the queries again")
    parser.add_argument("--json", type=Path, help="also write figures and ranks to this file")
    arguments = parser.parse_args()
    methods = ["hybrid", *(["reranked"] if arguments.rerank else []), "keyword", "grep"]
    methods += ["semble"] if arguments.semble else []
    chosen = [
        project
        for project in projects(arguments.data, arguments.projects)
        if arguments.half in (None, half_of(project.name))
    ]
    seconds: dict[str, list[float]] = defaultdict(list)
    measured = asyncio.run(measure(chosen, methods, arguments.cache, arguments.redraw, seconds))
    rows = rows_of(measured, methods)
    digest = hashlib.sha256(repr([one.query for one in measured]).encode("utf-8", "replace")).hexdigest()[:12]
    print(machine())
    print(f"{len(measured):,} queries of {len(chosen)} projects (digest {digest})")
    print(table(rows))
    times = [f"{method} {statistics.median(values) * 1e3:.1f}" for method, values in seconds.items()]
    print(f"\nmilliseconds of a search (p50): {', '.join(times)}")
    if arguments.json:
        details: list[dict[str, Any]] = [{**asdict(one.query), "ranks": one.ranks} for one in measured]
        write_json(arguments.json, rows, {"digest": digest, "queries": details})


if __name__ == "__main__":
    main()
