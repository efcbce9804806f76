"""The rows of every yardstick: what was measured, by which method, on how many queries; as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from machine import machine
from packages import TUNING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
Rank = int | None  # 1-based; None if it is not among the results


class Row(NamedTuple):
    """One figure.

    Attributes:
        yardstick: The script, ``names``.
        set: The part of the data: ``tuning``, ``reporting`` or ``all``.
        measure: The kind of query and what was counted, ``defined name: first contains it``.
        method: The search that was measured, ``hybrid``.
        value: The figure, mostly a share or a mean between 0 and 1.
        queries: The number of queries behind it.
    """

    yardstick: str
    set: str
    measure: str
    method: str
    value: float
    queries: int


def half_of(project: str) -> str:
    """Return the half that a project belongs to: constants may be tuned on ``packages.TUNING``, all others report."""
    return "tuning" if project in TUNING else "reporting"


def within(ranks: Sequence[Rank], k: int) -> float:
    """Return the share of ranks that are among the first ``k``; NaN without ranks."""
    return sum(rank is not None and rank <= k for rank in ranks) / len(ranks) if ranks else float("nan")


def mrr(ranks: Sequence[Rank], k: int = 10) -> float:
    """Return the mean reciprocal rank, where a rank beyond ``k`` counts 0; NaN without ranks."""
    return sum(1 / rank for rank in ranks if rank is not None and rank <= k) / len(ranks) if ranks else float("nan")


def auc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Return the area under the ROC curve: the share of pairs that are in the right order; a tie counts half."""
    wins = sum((high > low) + 0.5 * (high == low) for high in higher for low in lower)
    return wins / (len(higher) * len(lower)) if higher and lower else float("nan")


def table(rows: Sequence[Row]) -> str:
    """Return one table for each set: a line for each measure, a column for each method."""
    lines: list[str] = []
    width = max((len(row.measure) for row in rows), default=0) + 2
    for name in dict.fromkeys(row.set for row in rows):
        chosen = [row for row in rows if row.set == name]
        methods = list(dict.fromkeys(row.method for row in chosen))
        values = {(row.measure, row.method): row.value for row in chosen}
        lines += ["", name.ljust(width) + "queries".rjust(9) + "".join(method.rjust(11) for method in methods)]
        for measure in dict.fromkeys(row.measure for row in chosen):
            queries = max(row.queries for row in chosen if row.measure == measure)
            figures = [values.get((measure, method)) for method in methods]
            shown = "".join(("-" if value is None else f"{value:.3f}").rjust(11) for value in figures)
            lines.append(measure.ljust(width) + str(queries).rjust(9) + shown)
    return "\n".join(lines)


def report(
    unit: str,
    outcomes: Sequence[T],
    table: Callable[[Sequence[T]], str],
    rows: Callable[[Sequence[T]], Sequence[Row]],
    target: Path | None,
) -> None:
    """Print the table of some outcomes, and write their rows and the outcomes themselves to a JSON file.

    Args:
        unit: One of the things that were measured, ``issue``.
        outcomes: Data classes.
        table: Makes the table.
        rows: Makes the rows.
        target: The JSON file; ``None`` writes none.

    Raises:
        SystemExit: There are no outcomes.
    """
    if not outcomes:
        raise SystemExit(f"nothing to measure: no {unit} has a tree")
    print(machine())
    print(table(outcomes))
    if target is not None:
        write_json(target, rows(outcomes), {"outcomes": [asdict(outcome) for outcome in outcomes]})


def write_json(path: Path, rows: Iterable[Row], details: Mapping[str, Any]) -> None:
    """Write the rows, and the details behind them, to a JSON file."""
    content = {"machine": machine(), "rows": [row._asdict() for row in rows], **details}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
