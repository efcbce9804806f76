"""The figures of ``aurora eval`` as a table: plain for pipes and files, coloured for people, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aurora_dev.core.text.visible import visible
from aurora_dev.evaluation import Evaluation, Side, Verdict, metric_names
from aurora_dev.interfaces.cli.output.render import counted, cut, shown_path

if TYPE_CHECKING:
    from rich.console import Console

MOST_LISTED = 5  # items of a list: enough to see what they have in common; --json has all

_ALL = "(all)"
_QUERY_CHARS = 80
_TAG_CHARS = 32
_NO_FIGURE = "-"


class _Row(NamedTuple):
    """One line of the table: a metric of a group of queries, as text that is ready to show."""

    tag: str
    queries: str
    metric: str
    figures: tuple[str, ...]  # one per side, then the difference if there are two
    change: float = 0.0  # positive: better with reranking


def _headers(evaluation: Evaluation) -> list[str]:
    sides = [side.name + ("*" if side.fell_back else "") for side in evaluation.sides]
    return ["tag", "queries", "metric", *sides, *(["difference"] if len(sides) > 1 else [])]


def _groups(evaluation: Evaluation) -> list[list[_Row]]:
    """Return the rows of all queries with their latency, then the rows of each tag."""
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
            figures.append(_signed(difference[metric], 4) if difference else _NO_FIGURE)
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
    count = counted(len(evaluation.queries), "query", "queries")
    return visible(
        f"{count} of {shown_path(file)} on {shown_path(root)}, mode {evaluation.mode}; "
        f"mrr and map look at {counted(evaluation.depth, 'result')}"
    )


def _below_the_table(evaluation: Evaluation, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the lines after the table; empty strings separate paragraphs."""
    total = len(evaluation.queries)
    side = evaluation.sides[-1]
    lines = []
    if side.fell_back:
        lines.append(
            f"* {side.fell_back:,} of {counted(total, 'search', 'searches')} could not be reranked: "
            "the results of the earlier stages were measured instead"
        )
    missed = [search.query for search in side.searches if not any(search.relevant)]
    if missed:
        lines += ["", f"{len(missed):,} of {counted(total, 'query', 'queries')} found no expected result, {side.name}:"]
        lines += [f"  line {query.line}: {cut(visible(query.text), _QUERY_CHARS)}" for query in missed[:MOST_LISTED]]
        if len(missed) > MOST_LISTED:
            lines.append(f"  and {len(missed) - MOST_LISTED:,} more; --json has them all")
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
    """Return the figures for a pipe or a file: each row is complete, so that grep and awk can select it."""
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
    """Print the figures for a person, with colours."""
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
    """Return an evaluation as the JSON object that ``aurora eval --json`` prints. Times are in seconds."""
    tags = evaluation.tags
    has_both_sides = len(evaluation.sides) > 1
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
        if has_both_sides
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
