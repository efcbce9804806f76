"""Messages of the library that checks values, in our words."""

from __future__ import annotations

import re
from typing import Final

_INPUT: Final = r"[Ii]nput should be "
_WORDS: Final = (
    (re.compile(r"[Vv]alue error, "), ""),
    (re.compile(_INPUT + r"a valid (?:integer|number), got a number with a fractional part"), "must be a whole number"),
    (re.compile(_INPUT + r"a valid integer\b.*"), "must be a whole number"),
    (re.compile(_INPUT + r"(?:a valid|a finite) number\b.*"), "must be a number"),
    (re.compile(_INPUT + r"a valid boolean\b.*"), "must be true or false"),
    (re.compile(_INPUT + r"greater than or equal to "), "must be at least "),
    (re.compile(_INPUT + r"less than or equal to "), "must be at most "),
    (re.compile(_INPUT + r"a valid (?:string|path)\b.*|" + _INPUT + r"not a valid path\b.*"), "must be text"),
    (re.compile(_INPUT), "must be "),
    (re.compile(r"[Ss]tring should "), "must "),
)


def in_our_words(message: str) -> str:
    """Return a message that says what a value must be: ``must be a whole number``."""
    for pattern, words in _WORDS:
        message = pattern.sub(words, message)
    return message
