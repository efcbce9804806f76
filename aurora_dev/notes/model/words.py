"""Words of a note, for comparing two notes."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import STOP_WORDS
from aurora_dev.lazy import lazy_pattern

_SPACES = lazy_pattern(r"\s+")
_ENDING = ".!;, "
# A word of prose, an identifier or a number with its dots, each as one token; and units such as % and $.
_TOKEN = lazy_pattern(r"[^\W_]+(?:[._'\-/][^\W_]+|_[^\W_]+)*|[%$€£#+]+")


# A full stop that ends a text, in any script, after a letter, a digit or a closing sign: "..." and "import ." keep
# theirs.
_FINAL_STOP = lazy_pattern(r"(?<=[\w\)\]\}\"'`»”’])[.。．।۔]\Z")
_CODE = lazy_pattern(r"`[^`]*`")
_IS_LAID_OUT = lazy_pattern(r"\n(?:  |\t)|```")
# Names that stand for any name; as the first word of a text they may be classes or functions.
_PLACEHOLDERS = frozenset(("foo", "bar", "baz", "qux", "quux", "spam", "eggs"))
_SHORTEST_WORD = 2  # characters; a single letter is a name


def identity(text: str) -> str:
    """Return the form of a text that decides whether two texts are the same.

    Only three things are evened out: blanks, one final full stop, and the capital letter of an ordinary first word. All
    else is content in every language: signs, numbers, emoji, single letters, and the case of all other words, which may
    be identifiers. Blanks count inside backticks and in texts with indented lines.
    """
    text = _FINAL_STOP.sub("", unicodedata.normalize("NFC", text).strip())
    if not _IS_LAID_OUT.search(text):
        text = _with_single_blanks(text)
    return _with_small_first_word(text)


def _with_single_blanks(text: str) -> str:
    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [_SPACES.sub(" ", text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _SPACES.sub(" ", text[end:])])


def _with_small_first_word(text: str) -> str:
    first, blank, rest = text.partition(" ")
    word = first.rstrip(",:;")
    small = word[:1].lower() + word[1:]
    is_ordinary = (
        len(word) >= _SHORTEST_WORD
        and word.isalpha()
        and word[1:] == word[1:].lower()
        and small.upper() == word.upper()
        and len(small) == len(word)
        and small not in _PLACEHOLDERS
    )
    return small + first[len(word) :] + blank + rest if is_ordinary else text


def normalised(text: str) -> str:
    """Return a text with case, white space, Unicode form (NFC) and punctuation at the end evened out.

    Ids of older releases were made from it. It merges texts that `identity` keeps apart.
    """
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
