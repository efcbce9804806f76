"""The place of commits among other records, and the questions that ask for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aurora_dev.core.contracts import Filter
from aurora_dev.core.record_kinds import NOT_A_COMMIT, is_chunk, is_commit
from aurora_dev.core.types import Match, SearchResult

# A commit's message says in a few dense words what the code says in many lines, and would stand above the code that a
# question is about. Measured by benchmarks/history.py.
COMMIT_WEIGHT: Final = 0.3
# Where a question asks for reasons or for the past, what was learned and commits come first, and the code that it names
# follows soon: each further commit counts so much less. Measured there as well: 1.5 finds 4 of 10 in the first place,
# 2.5 nearly 9, and more is no better.
ASKED_COMMIT_WEIGHT: Final = 2.5
COMMIT_DECAY: Final = 0.9

# "When" and "who" only where they ask about the past: "when is the cache emptied" and "who calls this" are about code.
# "Commit" and "history" are words of databases and browsers too, and count in the company that they keep.
_ASKS: Final = re.compile(
    r"^\W*(?:why|how come|since when|(?:the )?history of)\b"
    r"|\b(?:why (?:is|are|was|were|do|does|did|don't|doesn't|didn't|not|no|the|we|it|this|there)"
    r"|how come|since when|when (?:was|were|did|has|have)"
    r"|who (?:last )?(?:changed|wrote|added|introduced|removed|broke|made|touched|fixed|did|renamed|decided)"
    r"|what (?:has |was |have )?(?:recently )?changed|recent(?:ly)? chang\w+"
    r"|(?:which|what|last|latest|recent) commits?|commit (?:messages?|that|which|log|history)"
    r"|commits? (?:by|to|about|of|in)|(?:git|change|project) (?:history|log)"
    r"|reasons? (?:for|behind|why|that)|rationale|motivation (?:for|behind)|introduced by)\b",
    re.IGNORECASE,
)


def asks_for_history(query: str) -> bool:
    """Whether a question asks why something is so, when it changed or who did it."""
    return _ASKS.search(query) is not None


def history_weight(metadata: Mapping[str, Any], *, asked: bool) -> float:
    """Return the factor for a record's score: of commits, and where the past is asked for of memories as well."""
    if is_commit(metadata):
        return ASKED_COMMIT_WEIGHT if asked else COMMIT_WEIGHT
    return ASKED_COMMIT_WEIGHT if asked and not is_chunk(metadata) else 1.0


def with_room_for_commits(query: Callable[[int, Filter | None], list[Match]], wanted: int) -> list[Match]:
    """Return a candidate list that holds as much of everything else as it would without commits.

    Args:
        query: Returns up to that many matches, best first, that also meet another condition.
        wanted: How many candidates the list holds beside commits, and how many commits at most.
    """
    found = query(wanted, None)
    commits = [match for match in found if is_commit(match.record.metadata)]
    if not commits or len(found) < wanted:
        return found
    if 2 * len(commits) < wanted:
        more = query(wanted + 2 * len(commits), None)
        others = [match for match in more if not is_commit(match.record.metadata)]
        if len(others) >= wanted or len(more) < wanted + 2 * len(commits):
            return _merged(others[:wanted], commits)
    # Most of what matches are commits. A filter costs more than a longer list, and always gives enough.
    return _merged(query(wanted, NOT_A_COMMIT), commits)


def _merged(others: Sequence[Match], commits: Sequence[Match]) -> list[Match]:
    return sorted([*others, *commits], key=lambda match: (-match.score, match.record.id))


def without_commits_to_read(results: Sequence[SearchResult], pool: int, read: int) -> tuple[list[SearchResult], int]:
    """Put commits behind what a reranker reads, unless there is nothing else: nobody asked for them.

    Args:
        results: Best first.
        pool: How many of them count.
        read: How many of them the reranker is to read.

    Returns:
        The results, and how many of them the reranker is to read.
    """
    others = [result for result in results if not is_commit(result.metadata)]
    if not others or not any(is_commit(result.metadata) for result in results[:pool]):
        return list(results), read
    # Results stay in the order of their scores, also where the reranker then does not run.
    lowest = others[-1].score
    commits = [replace(one, score=min(one.score, lowest)) for one in results if is_commit(one.metadata)]
    return [*others, *commits], min(read, len(others))
