"""The metric of the code search benchmark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Span(NamedTuple):
    """A ranked chunk: its file and its lines (1-based, inclusive)."""

    path: str
    start_line: int
    end_line: int


def ndcg(ranked: Sequence[Span], query: Mapping[str, Any], k: int = 10) -> float:
    """Return NDCG@k of one query.

    A rank has a gain of 1 if its chunk covers a target that no earlier chunk covers: it is in the same file (equal
    paths, or one is a suffix of the other at a slash), and overlaps the target's lines if it has any. The ideal ranking
    has all targets first.
    """
    targets = [*query["relevant"], *query["secondary"]]
    found: set[int] = set()
    gain = 0.0
    for rank, span in enumerate(ranked[:k], start=1):
        new = {number for number, target in enumerate(targets) if number not in found and _covers(span, target)}
        found |= new
        gain += bool(new) / math.log2(rank + 1)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(targets)) + 1))
    return gain / ideal


def _covers(span: Span, target: str | Mapping[str, Any]) -> bool:
    path = target if isinstance(target, str) else target["path"]
    if not (span.path == path or span.path.endswith(f"/{path}") or path.endswith(f"/{span.path}")):
        return False
    if isinstance(target, str) or "start_line" not in target:
        return True
    return span.start_line <= int(target["end_line"]) and span.end_line >= int(target["start_line"])
