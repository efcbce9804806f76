"""What every token counter shares: the cost of chat messages, and cutting a text to a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from aurora_dev.core.contracts import TokenCounter

__all__ = ["count_messages", "longest_prefix"]


def count_messages(counter: TokenCounter, messages: Iterable[Mapping[str, str]]) -> int:
    """Return the tokens of chat messages with their overhead; 0 without messages."""
    overhead = counter.chat
    counts = [overhead.per_message + counter.count(message["content"]) for message in messages]
    return sum(counts) + overhead.per_reply if counts else 0


def longest_prefix(text: str, limit: int, count: Callable[[str], int]) -> str:
    """Return about the longest prefix whose count is at most ``limit``, by halving; never one that exceeds it."""
    if limit <= 0:
        return ""
    if count(text) <= limit:
        return text
    low, high = 0, len(text)  # the prefix of `low` characters fits, that of `high` does not
    while high - low > 1:
        middle = (low + high) // 2
        if count(text[:middle]) <= limit:
            low = middle
        else:
            high = middle
    return text[:low]
