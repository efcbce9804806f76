"""Which memories probably contradict each other, and why; no language model is needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aurora_dev.notes.differences import reason
from aurora_dev.notes.duplicates import is_duplicate
from aurora_dev.notes.similar import Similar
from aurora_dev.notes.types import Conflict, Note

# Kinds that commit: what is noted in passing contradicts nothing.
BINDING_KINDS: Final = frozenset(("decision", "convention"))
CONFLICT_COSINE: Final = 0.55


def conflicts_of(note: Note, near: Iterable[Similar]) -> tuple[Conflict, ...]:
    """Return the earlier memories that a new one probably contradicts, nearest first."""
    found = []
    for other in near:
        if other.note.kind not in BINDING_KINDS or other.similarity < CONFLICT_COSINE:
            continue
        if is_duplicate(note.content, other.note.content, other.similarity):
            continue
        why = reason(note.content, other.note.content)
        if why is not None:
            earlier = other.note
            found.append(
                Conflict(earlier.id, earlier.content, why, round(other.similarity, 4), earlier.kind, earlier.scope)
            )
    return tuple(found)
