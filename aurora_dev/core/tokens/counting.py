"""Helpers that all token counters share: the cost of chat messages, and truncation by bisection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from aurora_dev.core.contracts import TokenCounter

__all__ = ["count_messages", "longest_prefix"]


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
