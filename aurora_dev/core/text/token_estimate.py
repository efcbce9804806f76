"""Estimate the tokens of a text without a tokenizer. The estimate is high on purpose: a text that fits really fits."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["estimated_tokens"]

# Byte-pair tokenizers split a text at these boundaries first (words by case, digits, …) and never merge across them.
_RUNS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[ \t]+|\n|[^\x00-\x7f]+|[\x00-\x7f]", re.ASCII)
_VOWELS: Final = frozenset("aeiouyAEIOUY")
# Words and identifiers average at least two letters per token. A run with almost no vowels is an abbreviation or
# random data, which can take one token per letter.
_LETTERS_PER_TOKEN: Final = 2
_LEAST_VOWELS: Final = 0.2
_LONGEST_WORD: Final = 20  # letters in one run; longer runs are data
_BLANKS_PER_TOKEN: Final = 4  # the oldest tokenizers still in use merge no more than this


def estimated_tokens(text: str) -> int:
    """Return at least as many tokens as a current byte-pair or unigram tokenizer makes of code or prose.

    Non-ASCII text counts one token per UTF-8 byte, which no byte-level tokenizer exceeds (3 per CJK character, 4 per
    emoji). Digits and punctuation count one token each, words one token per two letters. On source code the result is
    about twice the count of o200k_base.
    """
    return sum(map(_estimate, _RUNS.findall(text)))


def _estimate(run: str) -> int:
    first = run[0]
    if first > "\x7f":
        return len(run.encode("utf-8", "surrogatepass"))
    if first in " \t":
        return 1 + len(run) // _BLANKS_PER_TOKEN
    if first.isalpha() and len(run) <= _LONGEST_WORD:
        vowels = sum(letter in _VOWELS for letter in run)
        if vowels >= _LEAST_VOWELS * len(run):
            return -(-len(run) // _LETTERS_PER_TOKEN)
    return len(run)
