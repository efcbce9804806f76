"""Which memories probably contradict each other, and why; no language model is needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aurora_dev.notes.model.types import Conflict, Note
from aurora_dev.notes.model.words import content_words, overlap
from aurora_dev.notes.similarity.differences import reason
from aurora_dev.notes.similarity.duplicates import is_duplicate
from aurora_dev.notes.similarity.nearest import Similar

# Kinds that commit: what is noted in passing contradicts nothing.
BINDING_KINDS: Final = frozenset(("decision", "convention"))
# Nearer than this in meaning; of the pairs by hand that contradict each other, 9 in 10 are.
CONFLICT_COSINE: Final = 0.55
CONFLICT_OVERLAP: Final = 0.4  # without vectors


def contradicts(new: str, old: str, cosine: float | None) -> str | None:
    """Say why a text probably contradicts an earlier one; ``None`` where nothing shows it.

    Args:
        new: What is said now.
        old: What was said before.
        cosine: How near they are in meaning; ``None`` where there are no vectors, and common words must do.
    """
    nearness = overlap(content_words(new), content_words(old)) if cosine is None else cosine
    if nearness < (CONFLICT_COSINE if cosine is not None else CONFLICT_OVERLAP) or is_duplicate(new, old, cosine):
        return None
    return reason(new, old)


def conflicts_of(note: Note, near: Iterable[Similar]) -> tuple[Conflict, ...]:
    """Return the earlier memories that a new one probably contradicts, nearest first."""
    found = []
    for other in near:
        earlier = other.note
        if earlier.kind not in BINDING_KINDS:
            continue
        if why := contradicts(note.content, earlier.content, other.cosine):
            found.append(
                Conflict(earlier.id, earlier.content, why, round(other.similarity, 4), earlier.kind, earlier.scope)
            )
    return tuple(found)
