"""Saying what is not there: names that occur nowhere, and queries that nothing matches well."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from aurora_dev.core.search.calibration import LEAST_RELEVANCE
from aurora_dev.core.search.evidence import QueryWeights
from aurora_dev.core.search.reading import QueryReading
from aurora_dev.core.types import NAME_NOT_FOUND, NO_MATCH, Notice, SearchResult

__all__ = ["absence_notices"]

_MOST_NAMES = 3  # that are named as missing, and near ones for each
_NEAR = 0.75  # the least similarity of a near name, as difflib measures it


def absence_notices(
    reading: QueryReading, weights: QueryWeights, results: Sequence[SearchResult], relevance: float
) -> list[Notice]:
    """Return a notice for each name of a query that occurs nowhere, and one if no result matches well.

    An issue names much that is elsewhere, so that of a long task no name is missed.

    Args:
        reading: The query.
        weights: How rare its names are.
        results: The candidates, whose names may be meant.
        relevance: The relevance of the whole search, 0..1.
    """
    notices = []
    if not reading.is_long:
        known = sorted({name for result in results for name in _symbols(result)})
        missing = [name for name, count in weights.name_counts.items() if count == 0]
        for name in missing[:_MOST_NAMES]:
            near = get_close_matches(name, known, n=_MOST_NAMES, cutoff=_NEAR)
            meant = f"; near names: {', '.join(f'`{other}`' for other in near)}" if near else ""
            notices.append(Notice(NAME_NOT_FOUND, f"`{name}` occurs nowhere in this project{meant}"))
    if results and relevance < LEAST_RELEVANCE:
        notices.append(Notice(NO_MATCH, "nothing in this project matches the query well"))
    return notices


def _symbols(result: SearchResult) -> list[str]:
    symbols = result.metadata.get("symbols")
    return [name for name in symbols if isinstance(name, str)] if isinstance(symbols, list) else []
