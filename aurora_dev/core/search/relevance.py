"""Choose the found notes that are relevant to a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aurora_dev.core.search.signals import QueryProfile
from aurora_dev.core.types import SearchResult

__all__ = ["relevant_notes"]

# A note is about a task if it shares words with it or is near in meaning. Measured with the bundled embedder: the
# cosine of unrelated sentences of one project is below 0.3, that of related ones mostly above 0.4.
_NOTE_COSINE: Final = 0.4
_NOTE_COSINE_WITH_WORDS: Final = 0.2
_MOST_NOTES: Final = 20


def relevant_notes(task: str, found: Sequence[SearchResult]) -> list[SearchResult]:
    """Return the notes that are about the subject of a task, best first.

    Args:
        task: The task in words.
        found: Notes that a search for the task found, best first; only the first 20 are considered.
    """
    words = QueryProfile.of(task).words
    kept = []
    for result in found[:_MOST_NOTES]:
        shared = words & QueryProfile.of(result.content).words
        cosine = result.scores.get("vector")
        if cosine is None:
            relevant = len(shared) >= 2 or (bool(shared) and len(words) <= 3)
        else:
            relevant = cosine >= (_NOTE_COSINE_WITH_WORDS if shared else _NOTE_COSINE)
        if relevant:
            kept.append(result)
    return kept
