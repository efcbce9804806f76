"""A token estimate for models whose tokenizer is not available. It counts high on purpose."""

from __future__ import annotations

import re
from typing import Final

from aurora_dev.core.contracts import DEFAULT_CHAT, TokenCounter
from aurora_dev.core.tokens.counting import longest_prefix

__all__ = ["EstimateCounter"]

# Byte-pair tokenizers split a text at these boundaries first (words by case, digits, …) and never merge across them.
_RUNS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[ \t]+|\n|[^\x00-\x7f]+|[\x00-\x7f]", re.ASCII)
_VOWELS: Final = frozenset("aeiouyAEIOUY")
# Words and identifiers average at least two letters per token. A run with almost no vowels is an abbreviation or
# random data, which can take one token per letter.
_LETTERS_PER_TOKEN: Final = 2
_LEAST_VOWELS: Final = 0.2
_LONGEST_WORD: Final = 20  # letters in one run; longer runs are data
_BLANKS_PER_TOKEN: Final = 4  # the oldest tokenizers still in use merge no more than this


class EstimateCounter(TokenCounter):
    """Estimates tokens without a tokenizer, always high enough: a text that fits by this count really fits.

    Non-ASCII text counts one token per UTF-8 byte, which no byte-level tokenizer exceeds (3 per CJK character, 4 per
    emoji). Digits and punctuation count one token each, words one token per two letters. On source code the result is
    about twice the count of o200k_base.
    """

    chat = DEFAULT_CHAT
    name = "estimate"

    def count(self, text: str) -> int:
        """Return at least as many tokens as a current byte-pair or unigram tokenizer makes of code or prose."""
        return sum(map(_estimate, _RUNS.findall(text)))

    def truncate(self, text: str, limit: int) -> str:
        """Return the longest prefix whose count is at most ``limit``."""
        return longest_prefix(text, limit, self.count)


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
