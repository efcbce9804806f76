"""Messages of the library that checks values, in our words."""

from __future__ import annotations

from typing import Final

from aurora_dev.lazy import lazy_pattern

_INPUT: Final = r"[Ii]nput should be "
_WORDS: Final = (
    (lazy_pattern(r"[Vv]alue error, "), ""),
    (
        lazy_pattern(_INPUT + r"a valid (?:integer|number), got a number with a fractional part"),
        "must be a whole number",
    ),
    (lazy_pattern(_INPUT + r"a valid integer\b.*"), "must be a whole number"),
    (lazy_pattern(_INPUT + r"(?:a valid|a finite) number\b.*"), "must be a number"),
    (lazy_pattern(_INPUT + r"a valid boolean\b.*"), "must be true or false"),
    (lazy_pattern(_INPUT + r"greater than or equal to "), "must be at least "),
    (lazy_pattern(_INPUT + r"less than or equal to "), "must be at most "),
    (lazy_pattern(_INPUT + r"a valid (?:string|path)\b.*|" + _INPUT + r"not a valid path\b.*"), "must be text"),
    (lazy_pattern(_INPUT), "must be "),
    (lazy_pattern(r"[Ss]tring should "), "must "),
)


def in_our_words(message: str) -> str:
    """Return a message that says what a value must be: ``must be a whole number``."""
    for pattern, words in _WORDS:
        message = pattern.sub(words, message)
    return message
