"""Duplicates: notes that say the same. The thresholds were measured by ``benchmarks/notes.py``."""

from __future__ import annotations

from typing import Final

from aurora_dev.notes.model.words import content_words, normalised, overlap
from aurora_dev.notes.similarity.differences import differ_in_meaning

# Two notes say the same if their cosine is at least this, they share at least this share of their words, and no number,
# name, order or negation tells them apart.
DUPLICATE_COSINE: Final = 0.85
DUPLICATE_OVERLAP: Final = 0.6
# The share of words without vectors.
DUPLICATE_OVERLAP_ALONE: Final = 0.8


def is_same(first: str, second: str) -> bool:
    """Return whether two texts are equal after `normalised`."""
    return normalised(first) == normalised(second)


def is_duplicate(first: str, second: str, cosine: float | None) -> bool:
    """Return whether two texts say the same.

    Args:
        first: A text.
        second: Another text.
        cosine: Cosine of their vectors; ``None`` where there are no vectors, so that words alone decide.
    """
    if is_same(first, second):
        return True
    shared = overlap(content_words(first), content_words(second))
    least = DUPLICATE_OVERLAP_ALONE if cosine is None else DUPLICATE_OVERLAP
    if shared < least or (cosine is not None and cosine < DUPLICATE_COSINE):
        return False
    return not differ_in_meaning(first, second)


def richer(old: str, new: str) -> str:
    """Return which of two duplicates to keep: the new text only if it has all content words of the old one and more."""
    return new if content_words(old) < content_words(new) else old
