"""Conflicts: notes that may contradict each other, found without a language model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aurora_dev.notes.model.types import Conflict, Note
from aurora_dev.notes.model.words import content_words, overlap
from aurora_dev.notes.similarity.differences import contradiction
from aurora_dev.notes.similarity.duplicates import is_same
from aurora_dev.notes.similarity.nearest import Similar

# Only notes of these kinds are binding: a new note never conflicts with notes of other kinds.
BINDING_KINDS: Final = frozenset(("decision", "convention"))
# The least cosine of a conflict, and the least share of common words that stands in for it: the bundled embedder knows
# little of languages other than English.
CONFLICT_COSINE: Final = 0.45
CONFLICT_OVERLAP: Final = 0.4


def contradicts(new: str, old: str, cosine: float | None) -> str | None:
    """Return why a new text may contradict an earlier one; ``None`` where nothing shows it.

    Args:
        new: The new text.
        old: The earlier text.
        cosine: Cosine of their vectors; ``None`` where there are no vectors, so that common words decide.
    """
    if is_same(new, old):
        return None
    is_near = cosine is not None and cosine >= CONFLICT_COSINE
    if not is_near and overlap(content_words(new), content_words(old)) < CONFLICT_OVERLAP:
        return None
    return contradiction(new, old)


def conflicts_of(note: Note, near: Iterable[Similar]) -> tuple[Conflict, ...]:
    """Return the earlier notes that a new one may contradict, in the order of ``near``."""
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
