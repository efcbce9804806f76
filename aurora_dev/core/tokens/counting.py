"""What every token counter shares: the protocol, the cost of chat messages, and cutting a text to a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["DEFAULT_CHAT", "ChatOverhead", "TokenCounter", "chat_overhead_of", "count_messages", "longest_prefix"]


@dataclass(frozen=True, slots=True)
class ChatOverhead:
    """What a chat costs besides its texts, in tokens.

    Attributes:
        per_message: Added for every message: its frame and the name of its role.
        per_reply: Added once: what opens the answer.
    """

    per_message: int
    per_reply: int


# The dearest frames of public chat templates (Llama 3: header, role, two line breaks, end of turn) take six tokens.
DEFAULT_CHAT = ChatOverhead(per_message=8, per_reply=8)


@runtime_checkable
class TokenCounter(Protocol):
    """Counts tokens as one model does.

    A counter may also have an attribute ``chat`` (a `ChatOverhead`); without it, `DEFAULT_CHAT` is taken. It is called
    from worker threads.
    """

    @property
    def name(self) -> str:
        """What it counts with, for people and reports."""

    def count(self, text: str) -> int:
        """Return the number of tokens of a text, at least 0; 0 for the empty text."""

    def truncate(self, text: str, limit: int) -> str:
        """Return the longest prefix of a text that it can find whose own count is at most ``limit``."""


def chat_overhead_of(counter: TokenCounter) -> ChatOverhead:
    """Return what chat messages cost with this counter's model."""
    overhead = getattr(counter, "chat", DEFAULT_CHAT)
    return overhead if isinstance(overhead, ChatOverhead) else DEFAULT_CHAT


def count_messages(counter: TokenCounter, messages: Iterable[Mapping[str, str]]) -> int:
    """Return the tokens of chat messages with their overhead; 0 without messages."""
    overhead = chat_overhead_of(counter)
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
