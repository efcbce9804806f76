"""Texts that are the same, and texts that are nearly the same.

Only the same text is counted instead of stored again. Texts that are nearly the same are kept both: a sign, a name or a
"not" may be all that tells two facts apart, and no rule knows every one of them in every language.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

from aurora_dev.notes.model.types import NearNote
from aurora_dev.notes.model.words import content_words, identity, overlap
from aurora_dev.notes.similarity.nearest import Similar

# Two notes are nearly the same if their cosine is at least this and they share at least this share of their words.
NEAR_COSINE: Final = 0.85
NEAR_OVERLAP: Final = 0.6
# The share of words without vectors.
NEAR_OVERLAP_ALONE: Final = 0.8


def is_same(first: str, second: str) -> bool:
    """Return whether two texts are equal after `identity`."""
    return identity(first) == identity(second)


def is_near(first: str, second: str, cosine: float | None) -> bool:
    """Return whether two texts say nearly the same, so that one may replace the other.

    Args:
        first: A text.
        second: Another text.
        cosine: Cosine of their vectors; ``None`` where there are no vectors, so that words alone decide.
    """
    shared = overlap(content_words(first), content_words(second))
    if cosine is None:
        return shared >= NEAR_OVERLAP_ALONE
    return shared >= NEAR_OVERLAP and cosine >= NEAR_COSINE


def near_notes(content: str, near: Iterable[Similar], *, skip: Container[str]) -> tuple[NearNote, ...]:
    """Return the notes that say nearly the same as a text, in the order of ``near``.

    Args:
        content: The text.
        near: Notes near it.
        skip: Ids to leave out.
    """
    return tuple(
        NearNote(other.note.id, other.note.content, round(other.similarity, 4), other.note.kind, other.note.scope)
        for other in near
        if other.note.id not in skip and is_near(content, other.note.content, other.cosine)
    )
