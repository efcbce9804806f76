"""Helpers that all token counters share: the cost of chat messages, truncation, and texts that break tokenizers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from aurora_dev.core.contracts import TokenCounter
from aurora_dev.errors import InvalidRequestError

__all__ = ["count_messages", "longest_prefix", "panic_as_error", "pieces"]

# The regular expressions of tokenizers backtrack over a whole run, and give up (or panic) after a million steps.
_LONGEST_RUN: Final = 100_000  # characters
_RUNS: Final = re.compile(r"\s+|\S+")


def pieces(text: str) -> Iterator[str]:
    """Cut a text inside runs of more than 100,000 blanks, or of as many other characters; else yield it whole."""
    start = 0
    if len(text) > _LONGEST_RUN:
        for run in _RUNS.finditer(text):
            for cut in range(run.start() + _LONGEST_RUN, run.end(), _LONGEST_RUN):
                yield text[start:cut]
                start = cut
    yield text[start:]


@contextmanager
def panic_as_error() -> Iterator[None]:
    """Turn the panic of a tokenizer written in Rust, which no ``except Exception`` catches, into an error.

    Raises:
        InvalidRequestError: The block panicked.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise InvalidRequestError("the tokenizer fails on this text, which was not counted; shorten it") from None


def count_messages(counter: TokenCounter, messages: Iterable[Mapping[str, str]]) -> int:
    """Return the tokens of chat messages including their overhead; 0 for no messages."""
    overhead = counter.chat
    counts = [overhead.per_message + counter.count(message["content"]) for message in messages]
    return sum(counts) + overhead.per_reply if counts else 0


def longest_prefix(text: str, limit: int, count: Callable[[str], int]) -> str:
    """Find a prefix whose count is at most ``limit`` by bisection.

    It is the longest one if counts grow with the text. It never exceeds the limit.
    """
    if limit <= 0:
        return ""
    if count(text) <= limit:
        return text
    low, high = 0, len(text)  # a prefix of `low` characters fits, one of `high` characters does not
    while high - low > 1:
        middle = (low + high) // 2
        if count(text[:middle]) <= limit:
            low = middle
        else:
            high = middle
    return text[:low]
