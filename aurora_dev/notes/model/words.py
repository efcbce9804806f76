"""The words of a memory, for comparing two of them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import STOP_WORDS

_SPACES = re.compile(r"\s+")
_END = ".!;, "
# A word of prose, an identifier, a number with its dots: whatever carries meaning, as it stands.
_TOKEN = re.compile(r"[^\W_]+(?:[._'\-/][^\W_]+|_[^\W_]+)*|[%$€£#+]+")


def normalised(text: str) -> str:
    """Return a text in which case, spaces, the form of accents and the full stop at the end make no difference."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return _SPACES.sub(" ", folded).strip().rstrip(_END) or folded.strip()


def tokens(text: str) -> list[str]:
    """Return the words, numbers and identifiers of a text in their order, in small letters."""
    return _TOKEN.findall(unicodedata.normalize("NFC", text).casefold())


@lru_cache(maxsize=1024)
def content_words(text: str) -> frozenset[str]:
    """Return the words that carry meaning, each in its basic form."""
    words = tokens(text)
    kept = {fold_word(word) for word in words if word not in STOP_WORDS}
    return frozenset(kept) if kept else frozenset(words)


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of words that two sets have in common, 0..1 (Jaccard)."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0
