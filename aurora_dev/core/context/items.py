"""The types of the context manager: candidates before the selection, items and the whole context after it; no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any, Final, Literal, TypeAlias

from aurora_dev.core.types import Notice

Lines: TypeAlias = tuple[int, int]
LevelName: TypeAlias = Literal["full", "interface", "pointer"]
Section: TypeAlias = Literal["pinned", "notes", "map", "history", "reference", "task"]

_LONGEST_TASK_IN_REPR: Final = 60  # characters


class Level(IntEnum):
    """The level of detail at which a candidate is shown."""

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
    """A record that may go into a context.

    Attributes:
        id: Id of the record; unique among the candidates of one context.
        source: The path, or the name of a note or commit.
        start: First line (1-based); 0 if it has no lines.
        rows: The lines of its content, safe to show.
        head: Positions in ``rows`` (0-based) of its interface; empty if it has none that is shorter.
        relevance: Above 0; the best hit of the search has 1.
        why: The reason for including it, for people, as in ``hit 3``.
        whole_lines: Whether ``rows`` are exactly the lines from ``start`` on, so that it can merge with neighbours.
        created: Creation time of a note, in seconds since the epoch.
        repeats: Whether it is a near-duplicate of a better candidate, and so is never shown in full.
        is_secondary: Whether its file is a test, example, copy or shim that the task does not ask for
            (`aurora_dev.core.text.path_kinds.is_secondary`).
        goes_whole: Whether it may have to be edited, so that it goes in in full before anything goes in as an outline.
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
    is_secondary: bool = False
    goes_whole: bool = False

    @property
    def end(self) -> int:
        """Last line (1-based, inclusive)."""
        return self.start + len(self.rows) - 1 if self.start else 0


@dataclass(frozen=True, slots=True)
class ContextItem:
    """One block of a context.

    Attributes:
        source: Path, note, ``pinned 1``, ``turn 3``, ``task`` or ``symbol map``.
        lines: First and last line (1-based, inclusive) that it stands for; ``None`` if it has no lines.
        shown: The lines that are really in the text, as ascending ranges; empty for a pointer.
        level: ``full``, ``interface`` (only signatures and the first lines of docstrings) or ``pointer`` (one line).
        section: The section of the context that it belongs to.
        tokens: Tokens that it takes in the text, its fence and label included.
        why: The reason for including it.
        relevance: 1 for the best hit of the search; 0 for items that the search did not find.
        symbol: Qualified name of its best part; the kind of a note.
        symbol_lines: First and last line (1-based, inclusive) of that symbol, if the item has other parts too.
        text: The block as it appears in the context's text.
        ids: Ids of the records in it.
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
    symbol_lines: Lines | None = None

    @property
    def location(self) -> str:
        """The source, with its lines if it has some: ``src/auth.py:12-40``."""
        return f"{self.source}:{self.lines[0]}-{self.lines[1]}" if self.lines else self.source


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A candidate that is not in a context, or only in part, and the reason.

    Attributes:
        lines: First and last line (1-based, inclusive); ``None`` if it has no lines.
    """

    source: str
    lines: Lines | None
    why: str


@dataclass(frozen=True, slots=True)
class Context:
    """The stored text that is most relevant to a task, within a token budget.

    ``str(context)`` is its text; in a notebook it is displayed as a table of its items.

    Attributes:
        text: The whole context as one string.
        messages: The same as chat messages: ``system`` (what stays the same from call to call), the history, ``user``.
        tokens: Exact count of ``text``.
        message_tokens: Exact count of ``messages``, chat overhead included.
        token_budget: As requested; neither count exceeds ``token_budget - reserve``.
        counter: Name of the token counter.
        items: In the order of the text.
        left_out: Candidates that are not in the context, with reasons.
        search_method: The method of the search behind it, as in `SearchResults`.
        degraded: The notice of a stage that was asked for and could not run, else ``None``.
        notices: All notices of the search.
        timings: Seconds of ``search`` and ``assemble``. They are not in the JSON, which is the same for the same input.
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

    def __repr__(self) -> str:
        return (
            f"Context(task={self.task[:_LONGEST_TASK_IN_REPR]!r}, tokens={self.tokens}, "
            f"token_budget={self.token_budget}, items={len(self.items)}, left_out={len(self.left_out)})"
        )

    def _repr_html_(self) -> str:
        """Return a table of the items for a notebook, everything escaped."""
        from aurora_dev.core.display import html_table

        heading = f"{self.tokens:,} of {self.token_budget:,} tokens ({self.counter}) for: {self.task}"
        rows = [(item.section, item.location, item.level, item.tokens, item.why) for item in self.items]
        notes = [notice.text for notice in self.notices]
        if self.left_out:
            notes.append(f"{len(self.left_out)} left out")
        return html_table(heading, ("section", "source", "level", "tokens", "why"), rows, notes)

    def to_messages(self) -> list[dict[str, str]]:
        """Return the chat messages as new dictionaries, ready for a chat client."""
        return [dict(message) for message in self.messages]

    def to_dict(self) -> dict[str, Any]:
        """Return the whole context as JSON types, without timings."""
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
            "left_out": [_plain(asdict(left_out)) for left_out in self.left_out],
            "messages": self.to_messages(),
            "text": self.text,
        }

    def to_json(self) -> str:
        """Return `to_dict` as indented ASCII JSON; the same input gives the same bytes."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value
