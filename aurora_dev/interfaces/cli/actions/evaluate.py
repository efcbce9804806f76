"""``aurora eval``: measure a file of queries, print the figures, and check them against thresholds."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from aurora_dev.core.types import SearchMode, SearchOptions
from aurora_dev.errors import InvalidRequestError
from aurora_dev.evaluation import (
    Evaluation,
    Query,
    Threshold,
    evaluate,
    load_queries,
    metric_names,
)
from aurora_dev.interfaces.cli.actions.project import indexed_project
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.evaluation_table import (
    MOST_LISTED,
    evaluation_as_data,
    plain_evaluation,
    print_evaluation,
)
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_BELOW, EXIT_OK
from aurora_dev.interfaces.cli.output.progress import progress_display
from aurora_dev.interfaces.cli.output.streams import print_text, say, stdout_is_terminal
from aurora_dev.memory import Memory


def run_eval(
    file: Path,
    path: Path | None,
    *,
    ks: Sequence[int],
    mode: str,
    rerank: bool | None,
    rerank_top_k: int | None,
    rerank_weight: float | None,
    minimums: Sequence[str],
    tags: Sequence[str],
    as_json: bool,
) -> int:
    """Measure a file of queries and print the figures; return `EXIT_BELOW` if a threshold is not met."""
    names = metric_names(ks)
    thresholds = [_threshold(text, names) for text in minimums]
    given = {"rerank_top_k": rerank_top_k, "rerank_weight": rerank_weight}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if chosen and rerank is False:
        raise InvalidRequestError(
            f"--{next(iter(chosen)).replace('_', '-')} has no effect with --no-rerank: nothing was measured. Leave one "
            f"of the two out"
        )
    options = SearchOptions(mode=cast(SearchMode, mode), **chosen)
    queries = _queries_with_tags(load_queries(file), tags, file)
    root, settings = indexed_project(path)

    async def work() -> tuple[Evaluation, bool]:
        async with Memory.open(root, settings=settings) as memory:
            # A query file inside the project contains every query word for word, and would be the best answer to each.
            own = {"path": own_path} if (own_path := _path_in_project(file, root)) else None
            indexed = own is not None and await memory.store.count(own) > 0
            filter = {"path": {"$ne": own_path}} if indexed else None
            with progress_display(quiet=as_json) as display:
                measured = await evaluate(
                    memory, queries, ks=ks, rerank=rerank, filter=filter, options=options, progress=display.searches
                )
            return measured, indexed

    evaluation, left_out = asyncio.run(work())
    verdicts = evaluation.check(thresholds)
    if as_json:
        print_text(render.to_json(evaluation_as_data(file, root, evaluation, verdicts, left_out=left_out)))
    elif stdout_is_terminal():
        from rich.console import Console

        print_evaluation(Console(highlight=False), file, root, evaluation, verdicts)
    else:
        print_text(plain_evaluation(file, root, evaluation, verdicts), end="")
    if left_out:
        say(f"note: {file} is itself indexed, so it was left out of the results")
    for note in _notes(file, evaluation):
        say(f"note: {note}")
    failed = sum(not verdict.met for verdict in verdicts)
    if failed:
        are = "is" if failed == 1 else "are"
        say(f"aurora: {failed} of {render.counted(len(verdicts), 'threshold')} {are} not met")
    return EXIT_BELOW if failed else EXIT_OK


def _path_in_project(file: Path, root: Path) -> str | None:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return None


def _threshold(text: str, names: Sequence[str]) -> Threshold:
    name, separator, number = text.partition("=")
    name = name.strip().lower().replace("-", "_")
    try:
        minimum = float(number)
    except ValueError:
        minimum = math.nan
    if not separator or not 0.0 <= minimum <= 1.0:
        raise InvalidRequestError(
            f"--min must be a metric and a number from 0 to 1, such as ndcg@{names[0].partition('@')[2]}=0.8, "
            f"not '{text}': nothing was measured"
        )
    if name not in names:
        prefix, at, depth = name.partition("@")
        hint = f". To measure it, add: -k {depth}" if depth.isdecimal() and prefix + at in _metric_prefixes() else ""
        raise InvalidRequestError(
            f"--min names '{name}', which is not a metric of this run: nothing was measured. The metrics are: "
            f"{', '.join(names)}{hint}"
        )
    return Threshold(name, minimum)


def _metric_prefixes() -> set[str]:
    return {name[:-1] for name in metric_names([1]) if "@" in name}


def _queries_with_tags(queries: Sequence[Query], tags: Sequence[str], file: Path) -> list[Query]:
    known = sorted({tag for query in queries for tag in query.tags})
    for tag in tags:
        if tag not in known:
            hint = f"The tags are: {', '.join(known)}" if known else "No query has a tag"
            raise InvalidRequestError(f"no query in '{file}' has the tag '{tag}': nothing was measured. {hint}")
    return [query for query in queries if not tags or set(tags) & set(query.tags)]


def _notes(file: Path, evaluation: Evaluation) -> Iterator[str]:
    total = len(evaluation.queries)
    if evaluation.no_reranker:
        yield "nothing was reranked, because no reranker is configured. See: aurora status"
    for side in evaluation.sides:
        for notice, count in side.notices():
            yield f"{side.name}, {count:,} of {render.counted(total, 'search', 'searches')}: {notice.text}"
    for query, target in evaluation.unknown[:MOST_LISTED]:
        yield f"{file}:{query.line}: '{target.label}' is not in the store: it counts as not found"
    more = len(evaluation.unknown) - MOST_LISTED
    if more > 0:
        yield f"{more:,} more targets are not in the store; --json lists them all"
