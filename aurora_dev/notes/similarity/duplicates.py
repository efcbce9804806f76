"""Which memories say the same. The thresholds were measured by ``benchmarks/notes.py``."""

from __future__ import annotations

from typing import Final

from aurora_dev.notes.model.words import content_words, normalised, overlap
from aurora_dev.notes.similarity.differences import differs

# Two memories say the same where their meaning is this near *and* they share this many of their words, and where no
# number, name or negation tells them apart.
DUPLICATE_COSINE: Final = 0.85
DUPLICATE_OVERLAP: Final = 0.6
# Without vectors words alone must decide.
DUPLICATE_OVERLAP_ALONE: Final = 0.8


def is_same(one: str, other: str) -> bool:
    """Whether two texts are the same but for case, spaces and the full stop at the end."""
    return normalised(one) == normalised(other)


def is_duplicate(one: str, other: str, cosine: float | None) -> bool:
    """Whether two texts say the same.

    Args:
        one: A text.
        other: Another one.
        cosine: How near they are in meaning; ``None`` where there are no vectors.
    """
    if is_same(one, other):
        return True
    shared = overlap(content_words(one), content_words(other))
    enough = DUPLICATE_OVERLAP_ALONE if cosine is None else DUPLICATE_OVERLAP
    if shared < enough or (cosine is not None and cosine < DUPLICATE_COSINE):
        return False
    return not differs(one, other)


def richer(kept: str, said: str) -> str:
    """Return which of two texts that say the same is kept: the new one only where it says all of the old and more."""
    old, new = content_words(kept), content_words(said)
    return said if old < new else kept
