"""The command ``aurora eval``: a query file in, a table or JSON of figures out, and whether thresholds are met."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from aurora_dev.core.types import SearchMode, SearchOptions
from aurora_dev.errors import InvalidRequestError
from aurora_dev.evaluation import (
    Evaluation,
    Query,
    Side,
    Threshold,
    Verdict,
    evaluate,
    load_queries,
    metric_names,
)
from aurora_dev.interfaces.cli.actions.project import indexed_project, print_text
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.lines import cut, visible
from aurora_dev.interfaces.cli.output.process import EXIT_BELOW, EXIT_OK, say
from aurora_dev.memory import Memory

if TYPE_CHECKING:
    from rich.console import Console

_ALL = "(all)"
_LISTED = 5  # of a list in a note: enough to see what they have in common; --json has all
_QUERY_CHARS = 80
_TAG_CHARS = 32
_SECONDS_BETWEEN_LINES = 5.0  # a log shows that work goes on, and a short run prints none
_NOTHING = "-"


class _Row(NamedTuple):
    """One line of the table: a metric of a group of queries; texts are ready to show."""

    tag: str
    queries: str
    metric: str
    figures: tuple[str, ...]  # one for each side, then the difference where both ran
    change: float = 0.0  # above 0: better with reranking


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
    """Measure a query file and print the figures; `EXIT_BELOW` where a threshold is not met."""
    names = metric_names(ks)
    thresholds = [_threshold(text, names) for text in minimums]
    given = {"rerank_top_k": rerank_top_k, "rerank_weight": rerank_weight}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if chosen and rerank is False:
        raise InvalidRequestError(
            f"--no-rerank leaves out what --{next(iter(chosen)).replace('_', '-')} is about. Nothing was measured"
        )
    options = SearchOptions(mode=cast(SearchMode, mode), **chosen)
    queries = _tagged(load_queries(file), tags, file)
    root, settings = indexed_project(path)

    async def work() -> tuple[Evaluation, bool]:
        async with Memory.open(root, settings=settings) as memory:
            # A query file inside of the project holds every query word for word, and would be the best answer to each.
            own = {"path": own_path} if (own_path := _path_within(file, root)) else None
            indexed = own is not None and await memory.store.count(own) > 0
            filter = {"path": {"$ne": own_path}} if indexed else None
            with _progress(quiet=as_json) as progress:
                measured = await evaluate(
                    memory, queries, ks=ks, rerank=rerank, filter=filter, options=options, progress=progress
                )
            return measured, indexed

    evaluation, left_out = asyncio.run(work())
    verdicts = evaluation.check(thresholds)
    if as_json:
        print_text(render.to_json(evaluation_as_data(file, root, evaluation, verdicts, left_out=left_out)))
    elif render.stdout_is_terminal():
        from rich.console import Console

        print_evaluation(Console(highlight=False), file, root, evaluation, verdicts)
    else:
        print_text(plain_evaluation(file, root, evaluation, verdicts), end="")
    if left_out:
        say(f"note: {file} is itself indexed: it was left out of the results")
    for note in _notes(file, evaluation):
        say(f"note: {note}")
    failed = sum(not verdict.met for verdict in verdicts)
    if failed:
        are = "is" if failed == 1 else "are"
        say(f"aurora: {failed} of {render.counted(len(verdicts), 'threshold')} {are} not met")
    return EXIT_BELOW if failed else EXIT_OK


def _path_within(file: Path, root: Path) -> str | None:
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
        at = name.partition("@")[2]
        hint = f". Measure at {at} too: -k {at}" if at.isdecimal() and name.partition("@")[0] + "@" in _at_k() else ""
        raise InvalidRequestError(
            f"--min names '{name}', which is not measured: nothing was. There is: {', '.join(names)}{hint}"
        )
    return Threshold(name, minimum)


def _at_k() -> set[str]:
    return {name[:-1] for name in metric_names([1]) if "@" in name}


def _tagged(queries: Sequence[Query], tags: Sequence[str], file: Path) -> list[Query]:
    known = sorted({tag for query in queries for tag in query.tags})
    for tag in tags:
        if tag not in known:
            there_is = f"there is: {', '.join(known)}" if known else "none has any tag"
            raise InvalidRequestError(f"no query of '{file}' has the tag '{tag}'; {there_is}. Nothing was measured")
    return [query for query in queries if not tags or set(tags) & set(query.tags)]


def _notes(file: Path, evaluation: Evaluation) -> Iterator[str]:
    total = len(evaluation.queries)
    if evaluation.no_reranker:
        yield "nothing was reranked: no reranker is configured. See: aurora status"
    for side in evaluation.sides:
        for notice, count in side.notices():
            yield f"{side.name}, {count:,} of {render.counted(total, 'search', 'searches')}: {notice.text}"
    for query, target in evaluation.unknown[:_LISTED]:
        yield f"{file}:{query.line}: '{target.label}' names nothing that is stored: it counts as not found"
    more = len(evaluation.unknown) - _LISTED
    if more > 0:
        yield f"{more:,} more targets name nothing that is stored; --json lists them all"


# -- figures as rows ----------------------------------------------------------------------------------------------


def _headers(evaluation: Evaluation) -> list[str]:
    sides = [side.name + ("*" if side.fell_back else "") for side in evaluation.sides]
    return ["tag", "queries", "metric", *sides, *(["difference"] if len(sides) > 1 else [])]


def _groups(evaluation: Evaluation) -> list[list[_Row]]:
    """Return the rows of all queries, with latency, then those of each tag."""
    groups = [[*_metric_rows(evaluation, None, len(evaluation.queries)), *_latency_rows(evaluation)]]
    groups += [_metric_rows(evaluation, tag, count) for tag, count in evaluation.tags.items()]
    return groups


def _metric_rows(evaluation: Evaluation, tag: str | None, count: int) -> list[_Row]:
    sides = [side.metrics(tag) for side in evaluation.sides]
    difference = evaluation.difference(tag)
    name = _ALL if tag is None else cut(visible(tag), _TAG_CHARS)
    rows = []
    for metric in metric_names(evaluation.ks):
        figures = [f"{side[metric]:.4f}" for side in sides]
        if len(sides) > 1:
            figures.append(_signed(difference[metric], 4) if difference else _NOTHING)
        rows.append(_Row(name, f"{count:,}", metric, tuple(figures), difference[metric] if difference else 0.0))
    return rows


def _latency_rows(evaluation: Evaluation) -> Iterator[_Row]:
    for name, seconds in (
        ("median ms", [side.seconds_median for side in evaluation.sides]),
        ("p95 ms", [side.seconds_p95 for side in evaluation.sides]),
    ):
        figures = [f"{value * 1e3:,.1f}" for value in seconds]
        if len(seconds) > 1:
            figures.append(_signed((seconds[1] - seconds[0]) * 1e3, 1))
        yield _Row(_ALL, f"{len(evaluation.queries):,}", name, tuple(figures))


def _signed(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:+,.{digits}f}"  # no -0.0


def _heading(file: Path, root: Path, evaluation: Evaluation) -> str:
    count = render.counted(len(evaluation.queries), "query", "queries")
    return visible(
        f"{count} of {render.shown_path(file)} on {render.shown_path(root)}, mode {evaluation.mode}; "
        f"mrr and map look at {render.counted(evaluation.depth, 'result')}"
    )


def _below_the_table(evaluation: Evaluation, verdicts: Sequence[Verdict]) -> list[str]:
    """Return what is said after the table; a blank line stands between paragraphs."""
    total = len(evaluation.queries)
    side = evaluation.sides[-1]
    lines = []
    if side.fell_back:
        lines.append(
            f"* {side.fell_back:,} of {render.counted(total, 'search', 'searches')} could not be reranked: "
            "the results of the earlier stages were measured in their place"
        )
    missed = [search.query for search in side.searches if not any(search.relevant)]
    if missed:
        lines += ["", f"nothing expected was found by {len(missed):,} of {total:,}, {side.name}:"]
        lines += [f"  line {query.line}: {cut(visible(query.text), _QUERY_CHARS)}" for query in missed[:_LISTED]]
        if len(missed) > _LISTED:
            lines.append(f"  and {len(missed) - _LISTED:,} more; --json has them all")
    if verdicts:
        lines += ["", f"thresholds, {side.name}:"]
        width = max(len(verdict.threshold.metric) for verdict in verdicts)
        for verdict in verdicts:
            reason = f"  ({verdict.reason})" if verdict.reason else ""
            lines.append(
                f"  {'met' if verdict.met else 'NOT MET':<7}  {verdict.threshold.metric:<{width}}  "
                f"{verdict.value:.4f}, at least {verdict.threshold.minimum:g}{reason}"
            )
    return lines


def plain_evaluation(file: Path, root: Path, evaluation: Evaluation, verdicts: Sequence[Verdict]) -> str:
    """Return the figures for a pipe or a file: every row whole, so that grep and awk can pick it."""
    headers = _headers(evaluation)
    rows = [[row.tag, row.queries, row.metric, *row.figures] for group in _groups(evaluation) for row in group]
    widths = [max(len(row[column]) for row in [headers, *rows]) for column in range(len(headers))]
    lines = [_heading(file, root, evaluation), ""]
    for row in [headers, *rows]:
        cells = [
            f"{cell:<{width}}" if column in (0, 2) else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, *_below_the_table(evaluation, verdicts)]) + "\n"


def print_evaluation(
    console: Console, file: Path, root: Path, evaluation: Evaluation, verdicts: Sequence[Verdict]
) -> None:
    """Print the figures for a person."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column, header in enumerate(_headers(evaluation)):
        table.add_column(Text(header), justify="left" if column in (0, 2) else "right", no_wrap=column != 0)
    for group in _groups(evaluation):
        for number, row in enumerate(group):
            style = "green" if row.change > 0 else "red" if row.change < 0 else ""
            name, count = (row.tag, row.queries) if number == 0 else ("", "")
            figures = [Text(figure) for figure in row.figures]
            if len(evaluation.sides) > 1:
                figures[-1].stylize(style)
            table.add_row(Text(name, style="bold"), Text(count), Text(row.metric), *figures)
        table.add_section()
    console.print(Text(_heading(file, root, evaluation)), soft_wrap=True)
    console.print()
    console.print(table)
    for line in _below_the_table(evaluation, verdicts):
        style = "red" if line.startswith("  NOT MET") else "yellow" if line.startswith("*") else ""
        console.print(Text(line, style=style), soft_wrap=True)


def evaluation_as_data(
    file: Path, root: Path, evaluation: Evaluation, verdicts: Sequence[Verdict], *, left_out: bool = False
) -> dict[str, Any]:
    """Return an evaluation as the JSON object that ``aurora eval --json`` prints; seconds, not milliseconds."""
    tags = evaluation.tags
    both = len(evaluation.sides) > 1
    return {
        "file": str(file),
        "project": str(root),
        "mode": evaluation.mode,
        "k": list(evaluation.ks),
        "queries": len(evaluation.queries),
        "tags": tags,
        "file_left_out": left_out,
        "no_reranker": evaluation.no_reranker,
        "sides": [_side_as_data(side, tags) for side in evaluation.sides],
        "difference": {
            "metrics": evaluation.difference(),
            "tags": {tag: evaluation.difference(tag) for tag in tags},
        }
        if both
        else None,
        "thresholds": [
            {
                "metric": verdict.threshold.metric,
                "minimum": verdict.threshold.minimum,
                "value": verdict.value,
                "met": verdict.met,
                "reason": verdict.reason,
            }
            for verdict in verdicts
        ],
        "unknown_targets": [{"line": query.line, "target": target.label} for query, target in evaluation.unknown],
    }


def _side_as_data(side: Side, tags: Sequence[str] | dict[str, int]) -> dict[str, Any]:
    return {
        "rerank": side.rerank,
        "fell_back": side.fell_back,
        "metrics": side.metrics(),
        "tags": {tag: side.metrics(tag) for tag in tags},
        "seconds_median": side.seconds_median,
        "seconds_p95": side.seconds_p95,
        "notices": [{"code": notice.code, "text": notice.text, "searches": count} for notice, count in side.notices()],
        "searches": [
            {
                "line": search.query.line,
                "query": search.query.text,
                "tags": list(search.query.tags),
                "targets": [
                    {"target": target.label, "grade": target.grade, "rank": rank}
                    for target, rank in zip(search.query.targets, search.ranks, strict=True)
                ],
                "results": len(search.relevant),
                "relevant": [rank for rank, is_relevant in enumerate(search.relevant, start=1) if is_relevant],
                "metrics": dict(search.metrics),
                "seconds": search.seconds,
                "search_method": search.search_method,
                "fell_back": search.fell_back,
            }
            for search in side.searches
        ],
    }


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Give what is told how far the run is: a bar on a terminal, a line now and then elsewhere; on standard error."""
    if quiet or sys.stderr is None:
        yield None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("searches"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task("searches", total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)
    else:
        last = time.monotonic()

        def line(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                say(f"{done:,} of {total:,} searches")

        yield line
