"""A text as a statement: its words, split for any script, without those that carry no meaning of their own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from aurora_dev.core.text.folding import fold_word
from aurora_dev.core.text.terms import STOP_WORDS
from aurora_dev.lazy import lazy_pattern
from aurora_dev.notes.similarity import vocabulary

# Longer texts are documents: comparing them word by word would take long and say little.
MOST_CHARS: Final = 2_000
_JOINING: Final = frozenset("._'’-/")  # inside a word, between two letters or digits
_PUNCTUATION: Final = frozenset(".,;:()[]{}\"'`’‘“”«»„-–—/_¿¡…。，、；：！？（）「」।،؟")
_REASON: Final = lazy_pattern(
    # Only from the first blank of several on: from each of them, the time would be quadratic.
    r"(?:[,;:]|(?<!\s))\s+"
    r"(?:because|since|so that|due to|weil|damit|denn|parce que|porque|perché|omdat|eftersom|ponieważ|"
    r"потому что|оскільки|çünkü)\b.*",
    re.DOTALL | re.IGNORECASE,
)
_ELISION: Final = lazy_pattern(r"^(?:[ldnscmtj]|qu)['’](?=\w{2})")
_LEAST_BEFORE_REASON: Final = 3  # words


@dataclass(frozen=True, slots=True)
class Statement:
    """The words of a text.

    Attributes:
        text: The text without the reason that it gives.
        words: All words and numbers in order, case-folded; a number word is a number.
        content: Folded content words in order, without negations and fillers.
        signs: Signs and emoji in order.
        negated: Whether a word negates it.
    """

    text: str
    words: tuple[str, ...]
    content: tuple[str, ...]
    signs: tuple[str, ...]
    negated: bool


@lru_cache(maxsize=1024)
def statement_of(text: str) -> Statement | None:
    """Return a text as a statement; ``None`` where it has more than `MOST_CHARS` characters."""
    if len(text) > MOST_CHARS:
        return None
    main = _REASON.sub("", text)
    if len(main.split()) < _LEAST_BEFORE_REASON:
        main = text
    parts = list(_split(unicodedata.normalize("NFC", main)))
    words = tuple(vocabulary.NUMBER_WORDS.get(part, part) for part in parts if _is_word(part))
    signs = tuple(part for part in parts if not _is_word(part))
    content = tuple(fold_word(word) for word in words if is_content(word))
    return Statement(main, words, content, signs, any(word in vocabulary.NEGATIONS for word in words))


def is_content(word: str) -> bool:
    """Return whether a word has a meaning of its own and negates nothing."""
    return word not in STOP_WORDS and word not in vocabulary.FILLERS and word not in vocabulary.NEGATIONS


def is_number(word: str) -> bool:
    """Return whether a word is a number, with or without separators."""
    digits = word[1:] if word[0] in "+-" else word
    return digits[:1].isdigit() and digits.replace(".", "").replace(",", "").replace("_", "").isdigit()


def _is_word(part: str) -> bool:
    return _is_letter(part[0]) or is_number(part)


def _split(text: str) -> Iterator[str]:
    """Yield words (case-folded), numbers, and runs of signs; scripts without blanks are split at each character."""
    text = text.replace("’", "'")
    position, end = 0, len(text)
    while position < end:
        start = position
        character = text[position]
        if _has_no_blanks(character):
            position += 1
            yield character
        elif _is_letter(character) or _is_signed_number(text, position):
            digits = character.isdigit()
            position += 1
            while position < end and _continues(text, position, digits=digits):
                position += 1
            while position < end and text[position] in "+#":
                position += 1
            word = text[start:position].casefold()
            if elided := _ELISION.match(word):
                yield elided[0]
                word = word[elided.end() :]
            yield word
        else:
            position += 1
            if character.isspace() or character in _PUNCTUATION or unicodedata.category(character)[0] in "ZC":
                continue
            while position < end and _is_sign(text[position]):
                position += 1
            sign = text[start:position]
            # At the end of a word, "!" and "?" are punctuation.
            ends_word = start > 0 and not text[start - 1].isspace() and (position == end or text[position].isspace())
            if not (ends_word and set(sign) <= {"!", "?"}):
                yield sign


def _continues(text: str, position: int, *, digits: bool) -> bool:
    character = text[position]
    if _is_letter(character):
        # "30分" and "30분" are a number and a unit.
        return not _has_no_blanks(character) and not (digits and "가" <= character <= "힣")
    if character == "_":
        return True
    following = text[position + 1 : position + 2]
    return character in _JOINING and bool(following) and _is_letter(following) and not _has_no_blanks(following)


def _is_signed_number(text: str, position: int) -> bool:
    """Return whether a "+" or "-" belongs to the number after it: "-1", but not "3-1"."""
    starts_word = position == 0 or text[position - 1].isspace()
    return text[position] in "+-" and starts_word and text[position + 1 : position + 2].isdigit()


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def _is_sign(character: str) -> bool:
    return not (
        character.isspace()
        or character in _PUNCTUATION
        or _is_letter(character)
        or unicodedata.category(character)[0] in "ZC"
    )


def _has_no_blanks(character: str) -> bool:
    """Return whether a character is of a script without blanks between words."""
    return "\u2e80" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or character >= "\U00020000"
