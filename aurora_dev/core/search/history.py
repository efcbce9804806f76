"""The rank of commits and sessions among other records, and the questions that ask for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aurora_dev.core.contracts import Filter
from aurora_dev.core.record_kinds import NOT_HISTORY, is_chunk, is_history
from aurora_dev.core.types import Match, SearchResult
from aurora_dev.lazy import lazy_pattern

# A commit message says in a few dense words what the code says in many lines, and would rank above the code that a
# question is about. Measured by benchmarks/history.py.
COMMIT_WEIGHT: Final = 0.3
# Where a question asks for reasons or for the past, notes and commits come first, and the code that it names follows
# soon, because each further commit counts less. Measured there as well: with 1.5, 4 of 10 answers come first, with 2.5
# nearly 9, and more is not better.
ASKED_COMMIT_WEIGHT: Final = 2.5
COMMIT_DECAY: Final = 0.9

# The share of the vector list in the fusion of sessions. A request and its conclusion are long, and a static vector of
# them says little: measured by benchmarks/sessions.py on the repository's history 0.15 is best, on conversations 0.35.
SESSION_VECTOR_WEIGHT: Final = 0.2

# "When" and "who" count only where they ask about the past: "when is the cache emptied" and "who calls this" are about
# code. "Commit" and "history" are words of databases and browsers too, and count only in certain phrases.
# "Try", "session" and "last" are words of code too: "what if the last try fails". They count with a "we" or "I" that
# looks back, or where the time itself is asked about.
_ASKS: Final = lazy_pattern(
    r"^\W*(?:why|how come|since when|(?:the )?history of)\b"
    r"|\b(?:why (?:is|are|was|were|do|does|did|don't|doesn't|didn't|not|no|the|we|it|this|there)"
    r"|how come|since when|when (?:was|were|did|has|have)"
    r"|who (?:last )?(?:changed|wrote|added|introduced|removed|broke|made|touched|fixed|did|renamed|decided)"
    r"|what (?:has |was |have )?(?:recently )?changed|recent(?:ly)? chang\w+"
    r"|(?:which|what|last|latest|recent) commits?|commit (?:messages?|that|which|log|history)"
    r"|commits? (?:by|to|about|of|in)|(?:git|change|project) (?:history|log)"
    r"|reasons? (?:for|behind|why|that)|rationale|motivation (?:for|behind)|introduced by"
    r"|(?:did|have|had) (?:we|you|i)"
    r"|we (?:tried|decided|changed|fixed|did|agreed|discussed|talked|had|made|chose|found)"
    r"|(?:we|i) (?:already |once |last |previously |first )(?:tried|fixed|did|changed|had)"
    r"|last (?:time (?:we|i|you)|session|week|month|friday|monday)|yesterday|(?:the )?other day|earlier today"
    r"|(?:previous|earlier|past|last) (?:conversation|chat|session|attempt)s?|where (?:we|i) left off)\b",
    re.IGNORECASE,
)


def asks_for_history(query: str) -> bool:
    """Return whether a question asks why something is so, when it changed or who changed it."""
    return _ASKS.search(query) is not None


def history_weight(metadata: Mapping[str, Any], *, asked: bool) -> float:
    """Return the factor for the score of a record: not 1 for commits, and for notes where the past is asked for."""
    if is_history(metadata):
        return ASKED_COMMIT_WEIGHT if asked else COMMIT_WEIGHT
    return ASKED_COMMIT_WEIGHT if asked and not is_chunk(metadata) else 1.0


def with_room_for_commits(query: Callable[[int, Filter | None], list[Match]], wanted: int) -> list[Match]:
    """Return a candidate list that holds as much of everything else as it would without commits.

    Args:
        query: Returns up to that many matches, best first, that also meet another condition.
        wanted: How many candidates the list holds beside commits, and how many commits at most.
    """
    found = query(wanted, None)
    commits = [match for match in found if is_history(match.record.metadata)]
    if not commits or len(found) < wanted:
        return found
    if 2 * len(commits) < wanted:
        more = query(wanted + 2 * len(commits), None)
        others = [match for match in more if not is_history(match.record.metadata)]
        if len(others) >= wanted or len(more) < wanted + 2 * len(commits):
            return _merged(others[:wanted], commits)
    # Most of what matches are commits. A filter costs more than a longer list, and always gives enough.
    return _merged(query(wanted, NOT_HISTORY), commits)


def _merged(others: Sequence[Match], commits: Sequence[Match]) -> list[Match]:
    return sorted([*others, *commits], key=lambda match: (-match.score, match.record.id))


def without_commits_to_read(results: Sequence[SearchResult], pool: int, read: int) -> tuple[list[SearchResult], int]:
    """Move commits behind everything else, so that the reranker does not read them; without others they stay.

    Args:
        results: Best first.
        pool: The number of first results that matter; without a commit among them, nothing changes.
        read: The number of results that the reranker would read.

    Returns:
        The results, and the number of them that the reranker reads.
    """
    others = [result for result in results if not is_history(result.metadata)]
    if not others or not any(is_history(result.metadata) for result in results[:pool]):
        return list(results), read
    # Scores are lowered so that they stay in the order of the results even if the reranker does not run.
    lowest = others[-1].score
    commits = [replace(result, score=min(result.score, lowest)) for result in results if is_history(result.metadata)]
    return [*others, *commits], min(read, len(others))
