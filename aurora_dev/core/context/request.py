"""The input of one context: the task, the token limit, and everything to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aurora_dev.core.context.conversation import Message
from aurora_dev.core.context.items import Candidate
from aurora_dev.core.context.symbol_map import Symbol

__all__ = ["Pinned", "Request"]


@dataclass(frozen=True, slots=True)
class Pinned:
    """An item that every context includes, whatever the search finds.

    Attributes:
        name: Its title, as in ``pinned 1``.
        metadata: ``path``, ``start_line`` and ``end_line`` say which lines of which file it shows.
        id: Id of its record; empty if it is not a stored record.
    """

    name: str
    content: str
    metadata: Mapping[str, Any]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that one context is built from.

    Attributes:
        limit: Most tokens of the finished context, both as text and as messages.
        candidates: Best first, without near-duplicates.
        fill: By source, lines of text by line number that no candidate holds, to close small gaps with.
        symbols: Best first.
        map_budget: Most tokens of the symbol map; 0 leaves it out.
        mask: Whether credentials are masked in the task and in pinned items. Candidates and history were masked
            when they were read.
    """

    task: str
    limit: int
    pinned: tuple[Pinned, ...] = ()
    history: tuple[Message, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    fill: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    symbols: Sequence[Symbol] = ()
    map_budget: int = 0
    mask: bool = True
