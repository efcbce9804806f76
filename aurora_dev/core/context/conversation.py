"""The conversation within its share of the budget: tool outputs are shortened first, then the oldest turns dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aurora_dev.core.contracts import TokenCounter
from aurora_dev.core.text.fencing import ELISION, fenced, label, safe
from aurora_dev.errors import InvalidRequestError

__all__ = ["Conversation", "Message", "fit_conversation", "read_history"]

# Most tokens of each tool output, tried in this order until everything fits.
_TOOL_LIMITS: Final = (None, 2_000, 800, 300, 100, 30)
_CHAT_ROLES: Final = frozenset({"user", "assistant", "system"})
_OTHER_NAMES: Final = {"developer": "system", "human": "user", "ai": "assistant", "model": "assistant"}
_MOST_CHARS: Final = 10_000_000  # of a history; no model reads as much
_TOOL_ROLES: Final = frozenset({"tool", "function"})


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a history.

    Attributes:
        role: ``user``, ``assistant``, ``system`` or ``tool``.
        content: Its text, safe to show.
        turn: 1-based; a turn begins with a user message.
    """

    role: str
    content: str
    turn: int

    @property
    def as_text(self) -> str:
        """The message as a block of the context's text."""
        return fenced(f"conversation, turn {self.turn}, {label(self.role)}", self.content)

    @property
    def as_message(self) -> dict[str, str]:
        """The message for a chat client. Tool outputs become user messages, since their calls are not repeated."""
        if self.role in _CHAT_ROLES:
            return {"role": self.role, "content": self.content}
        return {"role": "user", "content": fenced("tool output", self.content)}


@dataclass(frozen=True, slots=True)
class Conversation:
    """The part of a history that is kept.

    Attributes:
        messages: In their original order.
        tokens: Its tokens as text or as chat messages, whichever is more.
        shortened: Turns with shortened tool outputs.
        dropped: Turns that are left out.
    """

    messages: tuple[Message, ...] = ()
    tokens: int = 0
    shortened: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()


def read_history(history: Sequence[Mapping[str, Any]], *, mask: bool = True) -> list[Message]:
    """Check the messages of a history and number its turns.

    Args:
        history: ``{"role": …, "content": …}``, oldest first. A content is a string, or a list of parts in the format
            of OpenAI or Anthropic.
        mask: Whether credentials are masked.

    Raises:
        InvalidRequestError: ``history`` is not a list of such messages, or has more than 10 million characters.
    """
    if isinstance(history, str | Mapping):
        raise InvalidRequestError("history must be a list of messages with a role and a content: nothing was built")
    messages: list[Message] = []
    turn = chars = 0
    for position, entry in enumerate(history):
        role = entry.get("role") if isinstance(entry, Mapping) else None
        if not isinstance(role, str) or not role:
            raise InvalidRequestError(f"history[{position}] must have a role and a content: nothing was built")
        role = _OTHER_NAMES.get(role, role)
        text, from_tool = _text(entry.get("content"))
        if entry.get("tool_calls"):
            text = "\n".join(filter(None, (text, json.dumps(entry["tool_calls"], ensure_ascii=False, default=str))))
        chars += len(text)
        if chars > _MOST_CHARS:
            raise InvalidRequestError(
                f"the history has more than {_MOST_CHARS:,} characters: nothing was built. Leave out old messages"
            )
        if role in _TOOL_ROLES or (from_tool and role == "user"):
            role = "tool"
        elif role not in _CHAT_ROLES:
            raise InvalidRequestError(
                f"history[{position}] has the role {role!r}; use user, assistant, system or tool: nothing was built"
            )
        if role == "user" or turn == 0:
            turn += 1
        if text.strip():
            messages.append(Message(role, safe(text, mask=mask), turn))
    return messages


def _text(content: Any) -> tuple[str, bool]:
    """Return a content as text, and whether it is a tool output."""
    if content is None:
        return "", False
    if isinstance(content, str):
        return content, False
    if isinstance(content, Sequence):
        parts = [_part(part) for part in content]
        return "\n".join(text for text, _ in parts if text), any(tool for _, tool in parts)
    raise InvalidRequestError(f"a message's content must be text, not {type(content).__name__}: nothing was built")


def _part(part: Any) -> tuple[str, bool]:
    if isinstance(part, str):
        return part, False
    if isinstance(part, Mapping):
        if isinstance(part.get("text"), str):
            return part["text"], False
        if part.get("type") == "tool_result":
            return _text(part.get("content"))[0], True
        if part.get("type") == "tool_use":
            return json.dumps({"tool": part.get("name"), "input": part.get("input")}, default=str), False
    return "", False  # images and the like have no text


def fit_conversation(messages: Sequence[Message], limit: int, counter: TokenCounter) -> Conversation:
    """Keep the newest turns within a token limit.

    First, tool outputs are shortened in the middle, all to the same length. If that is not enough, the oldest turns are
    dropped whole.
    """
    if not messages:
        return Conversation()
    turns: dict[int, list[Message]] = {}
    for message in messages:
        turns.setdefault(message.turn, []).append(message)
    costs: dict[Message, int] = {}
    kept: list[int] = []
    chosen: dict[int, list[Message]] = turns
    for tool_limit in _TOOL_LIMITS:
        chosen = {turn: [_shorten(m, tool_limit, counter) for m in group] for turn, group in turns.items()}
        kept = _newest(chosen, limit, counter, costs)
        if len(kept) == len(turns):
            break
    used = sum(costs[message] for turn in kept for message in chosen[turn])
    return Conversation(
        tuple(message for turn in kept for message in chosen[turn]),
        used,
        tuple(turn for turn in kept if chosen[turn] != turns[turn]),
        tuple(turn for turn in turns if turn not in kept),
    )


def _newest(
    turns: Mapping[int, list[Message]], limit: int, counter: TokenCounter, costs: dict[Message, int]
) -> list[int]:
    kept: list[int] = []
    used = 0
    for turn in reversed(list(turns)):
        for message in turns[turn]:
            if message not in costs:
                costs[message] = _cost(message, counter)
        used += sum(costs[message] for message in turns[turn])
        if used > limit:
            break
        kept.append(turn)
    return kept[::-1]


def _cost(message: Message, counter: TokenCounter) -> int:
    as_message = counter.count(message.as_message["content"]) + counter.chat.per_message
    return max(counter.count(message.as_text), as_message)


def _shorten(message: Message, limit: int | None, counter: TokenCounter) -> Message:
    """Cut the middle out of a tool output, at line breaks if it has any."""
    if message.role != "tool" or limit is None or counter.count(message.content) <= limit:
        return message
    text = message.content
    head = counter.truncate(text, limit // 2)
    # The tail gets as many characters as the head. The exact count of the whole is made afterwards.
    tail = text[max(len(head), len(text) - len(head)) :]
    if "\n" in head:
        head = head[: head.rfind("\n") + 1]
    if "\n" in tail[:-1]:
        tail = tail[tail.find("\n") + 1 :]
    lines = text.count("\n", len(head), len(text) - len(tail))
    left_out = f"{lines} lines" if lines else f"{len(text) - len(head) - len(tail)} characters"
    # No second masking is needed: both halves were masked as part of the whole.
    return Message("tool", f"{head.rstrip()}\n[{ELISION} {left_out} left out {ELISION}]\n{tail.lstrip()}", message.turn)
