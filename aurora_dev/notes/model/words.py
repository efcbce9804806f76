"""Words of a note, for comparing two notes."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import STOP_WORDS

_SPACES = re.compile(r"\s+")
_ENDING = ".!;, "
# A word of prose, an identifier or a number with its dots, each as one token; and units such as % and $.
_TOKEN = re.compile(r"[^\W_]+(?:[._'\-/][^\W_]+|_[^\W_]+)*|[%$€£#+]+")


def normalised(text: str) -> str:
    """Return a text with case, white space, Unicode form (NFC) and punctuation at the end evened out."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return _SPACES.sub(" ", folded).strip().rstrip(_ENDING) or folded.strip()


def tokens(text: str) -> list[str]:
    """Return the words, numbers and identifiers of a text in order, case-folded."""
    return _TOKEN.findall(unicodedata.normalize("NFC", text).casefold())


@lru_cache(maxsize=1024)
def content_words(text: str) -> frozenset[str]:
    """Return the words of a text without stop words, each in its folded form; all words where nothing else is left."""
    words = tokens(text)
    kept = {fold_word(word) for word in words if word not in STOP_WORDS}
    return frozenset(kept) if kept else frozenset(words)


def overlap(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share of words that two sets have in common, 0..1 (Jaccard index)."""
    union = len(first | second)
    return len(first & second) / union if union else 0.0
