"""What a context is made of: candidates before the choice, items and the whole after it; no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any, Literal, TypeAlias

from aurora_dev.core.types import Notice

Lines: TypeAlias = tuple[int, int]
LevelName: TypeAlias = Literal["full", "interface", "pointer"]
Section: TypeAlias = Literal["pinned", "notes", "map", "history", "reference", "task"]


class Level(IntEnum):
    """How much of a candidate is shown."""

    NONE = 0
    POINTER = 1
    INTERFACE = 2
    FULL = 3

    @property
    def label(self) -> LevelName:
        """The level's name in reports."""
        names: tuple[LevelName, ...] = ("pointer", "pointer", "interface", "full")
        return names[self]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Something that may go in.

    Attributes:
        id: Of the record; unique among the candidates of one context.
        source: The path, or the name of a note.
        start: First line (1-based); 0 where it has no lines.
        rows: The lines of its content, safe to show.
        head: Positions in ``rows`` of its interface; empty where it has none that is shorter.
        relevance: Above 0; the best hit of the search has 1.
        why: For people, as in ``hit 3``.
        whole_lines: Whether ``rows`` are exactly the lines from ``start`` on, so that it may merge with neighbours.
        repeats: Whether a better candidate says the same, so that it never goes in in full.
        created: Seconds since the epoch, of a note.
        aside: Whether its file says again what others say (`aurora_dev.core.text.path_kinds.stands_aside`).
    """

    id: str
    source: str
    start: int
    rows: tuple[str, ...]
    head: tuple[int, ...]
    symbol: str
    relevance: float
    why: str
    whole_lines: bool
    is_note: bool = False
    created: float = 0.0
    repeats: bool = False
    aside: bool = False

    @property
    def end(self) -> int:
        """Last line (1-based, inclusive)."""
        return self.start + len(self.rows) - 1 if self.start else 0


@dataclass(frozen=True, slots=True)
class ContextItem:
    """One thing that is in a context.

    Attributes:
        source: Path, note, ``pinned 1``, ``turn 3``, ``task`` or ``symbol map``.
        lines: First and last line (1-based, inclusive) of what it stands for; ``None`` where there are none.
        shown: The lines that really are in the text, as ascending ranges; empty for a pointer.
        level: ``full``, ``interface`` (only its signatures and the heads of its docstrings) or ``pointer`` (one line).
        tokens: What it takes in the text, its fence and label included.
        why: How it came in.
        relevance: The best hit of the search has 1; 0 for what was not searched.
        text: What it looks like in the text.
    """

    source: str
    lines: Lines | None
    shown: tuple[Lines, ...]
    level: LevelName
    section: Section
    tokens: int
    why: str
    relevance: float
    symbol: str
    text: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was considered and is not in a context, or only in part."""

    source: str
    lines: Lines | None
    why: str


@dataclass(frozen=True, slots=True)
class Context:
    """The best of what is stored for a task, within a token budget.

    Attributes:
        text: All of it as one string.
        messages: The same as chat messages: ``system`` (what stays the same from call to call), the history, ``user``.
        tokens: Exact count of ``text``.
        message_tokens: Exact count of ``messages``, with what chat messages cost besides.
        token_budget: As asked for; neither count exceeds it less ``reserve``.
        counter: What tokens were counted with.
        items: In the order of the text.
        search_method: Of the search behind it, as in `SearchResults`.
        degraded: The notice of a stage that was asked for and could not run, else ``None``.
        timings: Seconds: ``search``, ``assemble``. They are no part of the JSON, which is the same for the same input.
    """

    task: str
    text: str
    messages: tuple[Mapping[str, str], ...]
    tokens: int
    message_tokens: int
    token_budget: int
    reserve: int
    counter: str
    items: tuple[ContextItem, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    search_method: str = ""
    degraded: str | None = None
    notices: tuple[Notice, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text

    def to_messages(self) -> list[dict[str, str]]:
        """Return the chat messages as dictionaries of their own, as clients want them."""
        return [dict(message) for message in self.messages]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types, without timings."""
        return {
            "task": self.task,
            "token_budget": self.token_budget,
            "reserve": self.reserve,
            "counter": self.counter,
            "tokens": self.tokens,
            "message_tokens": self.message_tokens,
            "search_method": self.search_method,
            "degraded": self.degraded,
            "notices": [{"code": notice.code, "text": notice.text} for notice in self.notices],
            "items": [_plain(asdict(item)) for item in self.items],
            "left_out": [_plain(asdict(one)) for one in self.left_out],
            "messages": self.to_messages(),
            "text": self.text,
        }

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON in ASCII; the same input gives the same bytes."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value
