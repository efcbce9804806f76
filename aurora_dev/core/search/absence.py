"""Saying what is not there: names that occur nowhere, and queries that nothing matches well."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from aurora_dev.core.search.calibration import LEAST_RELEVANCE
from aurora_dev.core.search.evidence import QueryWeights
from aurora_dev.core.search.reading import QueryReading
from aurora_dev.core.types import Notice, SearchResult, SearchResults

__all__ = ["NAME_NOT_FOUND", "NO_MATCH", "absence_notices", "best_relevance", "common_absences", "is_absence"]

NAME_NOT_FOUND: Final = "name_not_found"
NO_MATCH: Final = "no_match"

_NOWHERE = " occurs nowhere in this project"
_MOST_NAMES = 3  # that are named as missing, and near ones for each
_NEAR = 0.75  # the least similarity of a near name, as difflib measures it


def absence_notices(
    reading: QueryReading, weights: QueryWeights, results: Sequence[SearchResult], relevance: float
) -> list[Notice]:
    """Return a notice for each name of a query that occurs nowhere, and one if nothing matches well.

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
            notices.append(Notice(NAME_NOT_FOUND, f"`{name}`{_NOWHERE}{meant}"))
    if relevance < LEAST_RELEVANCE:
        notices.append(Notice(NO_MATCH, "nothing in this project matches the query well"))
    return notices


def is_absence(notice: Notice) -> bool:
    """Return whether a notice says that something is not there."""
    return notice.code in (NAME_NOT_FOUND, NO_MATCH)


def best_relevance(answers: Sequence[SearchResults]) -> float | None:
    """Return the relevance of one query in several stores: that of the best; ``None`` if no store can tell."""
    return max((answer.relevance for answer in answers if answer.relevance is not None), default=None)


def common_absences(answers: Sequence[SearchResults]) -> list[tuple[Notice, ...]]:
    """Return the notices of each answer to one query, without absences that another answer does not agree with.

    What one store lacks another one may have: only together they say that something is not there.
    """
    absent = [{_subject(notice) for notice in answer.notices} for answer in answers]
    everywhere = set[str | None]().union(*absent).intersection(*absent) | {None}
    return [tuple(notice for notice in answer.notices if _subject(notice) in everywhere) for answer in answers]


def _subject(notice: Notice) -> str | None:
    """Return what a notice says is not there; ``None`` for any other notice."""
    return notice.text.partition(_NOWHERE)[0] if is_absence(notice) else None


def _symbols(result: SearchResult) -> list[str]:
    symbols = result.metadata.get("symbols")
    return [name for name in symbols if isinstance(name, str)] if isinstance(symbols, list) else []
