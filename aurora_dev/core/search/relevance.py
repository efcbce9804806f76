"""Which of the notes that a search finds are about the subject of a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aurora_dev.core.search.signals import QueryProfile
from aurora_dev.core.types import SearchResult

__all__ = ["relevant_notes"]

# A note is about the task where it shares words with it, or where its meaning is near. Measured on the bundled
# embedder: unrelated sentences of one project are below 0.3, related ones mostly above 0.4.
_NOTE_COSINE: Final = 0.4
_NOTE_COSINE_WITH_WORDS: Final = 0.2
_MOST_NOTES: Final = 20


def relevant_notes(task: str, found: Sequence[SearchResult]) -> list[SearchResult]:
    """Keep the notes that are about a task's subject, best first."""
    words = QueryProfile.of(task).words
    kept = []
    for result in found[:_MOST_NOTES]:
        shared = words & QueryProfile.of(result.content).words
        cosine = result.scores.get("vector")
        if cosine is None:
            near = len(shared) >= 2 or (bool(shared) and len(words) <= 3)
        else:
            near = cosine >= (_NOTE_COSINE_WITH_WORDS if shared else _NOTE_COSINE)
        if near:
            kept.append(result)
    return kept
