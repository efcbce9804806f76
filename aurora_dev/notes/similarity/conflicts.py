"""Conflicts: notes that probably contradict each other, found without a language model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aurora_dev.notes.model.types import Conflict, Note
from aurora_dev.notes.model.words import content_words, overlap
from aurora_dev.notes.similarity.differences import contradiction
from aurora_dev.notes.similarity.duplicates import is_duplicate
from aurora_dev.notes.similarity.nearest import Similar

# Only notes of these kinds are binding: a new note never conflicts with notes of other kinds.
BINDING_KINDS: Final = frozenset(("decision", "convention"))
# The least cosine of a conflict: 9 in 10 of the contradicting pairs of the benchmark are nearer.
CONFLICT_COSINE: Final = 0.55
CONFLICT_OVERLAP: Final = 0.4  # the least share of common words, without vectors


def contradicts(new: str, old: str, cosine: float | None) -> str | None:
    """Return why a new text probably contradicts an earlier one; ``None`` where nothing shows it.

    Args:
        new: The new text.
        old: The earlier text.
        cosine: Cosine of their vectors; ``None`` where there are no vectors, so that common words decide.
    """
    nearness = overlap(content_words(new), content_words(old)) if cosine is None else cosine
    if nearness < (CONFLICT_COSINE if cosine is not None else CONFLICT_OVERLAP) or is_duplicate(new, old, cosine):
        return None
    return contradiction(new, old)


def conflicts_of(note: Note, near: Iterable[Similar]) -> tuple[Conflict, ...]:
    """Return the earlier notes that a new one probably contradicts, in the order of ``near``."""
    found = []
    for other in near:
        earlier = other.note
        if earlier.kind not in BINDING_KINDS:
            continue
        if reason := contradicts(note.content, earlier.content, other.cosine):
            found.append(
                Conflict(earlier.id, earlier.content, reason, round(other.similarity, 4), earlier.kind, earlier.scope)
            )
    return tuple(found)
