"""From candidates to the finished text and messages, exactly within a limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from aurora_dev.core.context.conversation import Conversation, Message, fit_conversation
from aurora_dev.core.context.items import Candidate, ContextItem, LeftOut, Level, Lines, Section
from aurora_dev.core.context.render import PREAMBLE, Block, pointer_block, pointer_line
from aurora_dev.core.context.select import Selection
from aurora_dev.core.context.symbol_map import Symbol, render_map
from aurora_dev.core.contracts import TokenCounter
from aurora_dev.core.text.fencing import fenced, label, safe
from aurora_dev.core.tokens.counting import count_messages
from aurora_dev.errors import InvalidRequestError

__all__ = ["Assembly", "Pinned", "Request"]

# A conversation may take this share before the project's own text is chosen, and what that leaves over afterwards.
HISTORY_SHARE: Final = 0.25
# Decisions, lessons and conventions about the task come first up to this share; code repeats its words more densely
# and would push them out.
NOTES_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Pinned:
    """What is always there."""

    name: str
    content: str
    metadata: Mapping[str, Any]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that an assembly chooses from.

    Attributes:
        limit: Tokens, as text and as messages.
        candidates: Best first, without near-duplicates.
        fill: By source: lines that no candidate has, by number.
        symbols: Best first.
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


class Assembly:
    """Composes a context; `fit` does it until every count is within the limit.

    Args:
        request: What to choose from.
        counter: Counts the finished whole.
        count: The same counts, remembered: blocks are counted again and again, in one call and in the next.
    """

    def __init__(self, request: Request, counter: TokenCounter, count: Callable[[str], int] | None = None) -> None:
        self.request = request
        self.counter = counter
        self.text = ""
        self.messages: list[dict[str, str]] = []
        self.tokens = 0
        self.message_tokens = 0
        self.items: list[ContextItem] = []
        self.left_out: list[LeftOut] = []
        self._count = count or lru_cache(maxsize=None)(counter.count)
        self._task = f"Task:\n{safe(request.task, mask=request.mask).strip()}\n"
        self._pinned = [_pinned_block(one, request.mask) for one in request.pinned]
        taken = {one.id for one in request.pinned if one.id}
        self._candidates = [c for c in request.candidates if c.id not in taken and not _shown_by(c, self._pinned)]

    def fit(self) -> Assembly:
        """Compose, and again with less as long as the finished whole counts more than its blocks did.

        Raises:
            InvalidRequestError: The pinned items alone are too much.
        """
        limit = self.request.limit
        while limit > 0:
            self._compose(limit)
            excess = max(self.tokens, self.message_tokens) - self.request.limit
            if excess <= 0:
                return self
            limit -= excess
        self._compose(0)
        need = max(self.tokens, self.message_tokens)
        if need > self.request.limit:
            raise InvalidRequestError(
                f"the pinned items take {need:,} tokens, and {self.request.limit:,} are left for them: nothing was "
                "built. Give a larger token_budget, or pin less"
            )
        return self

    def _compose(self, limit: int) -> None:
        request, chat = self.request, self.counter.chat
        self.left_out = []
        # Two messages, one for what stays and one for what changes, and the opening of the reply.
        room = limit - 2 * chat.per_message - chat.per_reply - self._count(PREAMBLE)
        room -= sum(self._count(block.text) for block in self._pinned)
        with_task = self._count(self._task) <= room + (0 if self._pinned else self._count(PREAMBLE))
        if with_task:
            room -= self._count(self._task)
        else:
            self.left_out.append(LeftOut("task", None, "did not fit"))
        room = max(0, room)
        symbol_map = ""
        if request.map_budget and request.symbols:
            symbol_map = render_map(request.symbols, min(room, request.map_budget), self._count)
            room -= self._count(symbol_map)
        share = min(room, int(limit * HISTORY_SHARE))
        conversation = fit_conversation(request.history, share, self.counter)
        selection = self._select(room - conversation.tokens)
        left = room - conversation.tokens - selection.used
        if left > 0 and (conversation.dropped or conversation.shortened):
            conversation = fit_conversation(request.history, conversation.tokens + left, self.counter)
        self._write(symbol_map, conversation, selection, with_task)

    def _select(self, limit: int) -> Selection:
        selection = Selection(max(0, limit), self._count, self.request.fill)
        floor = int(limit * NOTES_SHARE)
        for candidate in self._candidates:
            if candidate.is_note:
                for level in (Level.FULL, Level.INTERFACE):
                    fits = level is Level.FULL or candidate.head
                    cost = self._count(_note_block(candidate, level)) if fits else 0
                    if fits and selection.used + cost <= floor and selection.raise_to(candidate, level):
                        break
        best = next((candidate for candidate in self._candidates if not candidate.is_note), None)
        selection.fill_up(self._candidates, best)
        for candidate in self._candidates:
            if selection.level(candidate) is Level.NONE:
                lines = (candidate.start, candidate.end) if candidate.start else None
                self.left_out.append(LeftOut(candidate.source, lines, f"did not fit ({candidate.why})"))
        return selection

    # -- writing -----------------------------------------------------------------------------------------------

    def _write(self, symbol_map: str, conversation: Conversation, selection: Selection, with_task: bool) -> None:
        self.items = []
        prefix = "".join(self._add(block, "pinned", "pinned") for block in self._pinned)
        notes = [block for blocks in selection.blocks.values() for block in blocks if block.parts[0].is_note]
        notes.sort(key=lambda block: (block.parts[0].created, block.parts[0].id))
        prefix += "".join(self._add(block, "notes") for block in notes)
        if symbol_map:
            prefix += self._add(Block(symbol_map, "symbol map", None, (), Level.FULL), "map", "asked for")
        for turn in dict.fromkeys(message.turn for message in conversation.messages):
            text = "".join(message.as_text for message in conversation.messages if message.turn == turn)
            why = "tool outputs shortened" if turn in conversation.shortened else "conversation"
            self._add(Block(text, f"turn {turn}", None, (), Level.FULL), "history", why)
        self.left_out += [LeftOut(f"turn {turn}", None, "did not fit") for turn in conversation.dropped]
        reference = pointer_block(selection.pointers)
        for candidate in selection.pointers:
            lines = (candidate.start, candidate.end) if candidate.start else None
            block = Block(pointer_line(candidate), candidate.source, lines, (), Level.POINTER, (candidate,))
            self._add(block, "reference")
        for block in _ordered(selection.blocks):
            reference += self._add(block, "reference")
        task = self._add(Block(self._task, "task", None, (), Level.FULL), "task", "asked for") if with_task else ""
        spoken = "".join(message.as_text for message in conversation.messages)
        preamble = PREAMBLE if prefix or spoken or reference else ""
        self.text = preamble + prefix + spoken + reference + task
        self.messages = []
        if preamble:
            self.messages.append({"role": "system", "content": preamble + prefix})
        self.messages += [message.as_message for message in conversation.messages]
        if reference or task:
            self.messages.append({"role": "user", "content": reference + task})
        self.tokens = self.counter.count(self.text) if self.text else 0
        self.message_tokens = count_messages(self.counter, self.messages)

    def _add(self, block: Block, section: Section, why: str = "") -> str:
        best = max(block.parts, key=lambda part: part.relevance) if block.parts else None
        reasons = dict.fromkeys(part.why for part in block.parts)
        self.items.append(
            ContextItem(
                source=block.source,
                lines=block.lines,
                shown=block.shown,
                level=block.level.label,
                section=section,
                tokens=self._count(block.text),
                why=why or ", ".join(reasons),
                relevance=block.relevance,
                symbol=best.symbol if best else "",
                text=block.text,
                ids=tuple(part.id for part in block.parts),
            )
        )
        return block.text


def _ordered(blocks: Mapping[str, Sequence[Block]]) -> list[Block]:
    """Files by their best part, the best last; within a file by line."""
    files = [group for group in blocks.values() if group and not group[0].parts[0].is_note]
    files.sort(key=lambda group: (max(block.relevance for block in group), group[0].source))
    return [block for group in files for block in group]


def _note_block(candidate: Candidate, level: Level) -> str:
    rows = candidate.rows if level is Level.FULL else tuple(candidate.rows[n] for n in candidate.head)
    return fenced(f"{label(candidate.source)} {label(candidate.symbol)}", "\n".join(rows))


def _pinned_block(one: Pinned, mask: bool) -> Block:
    content = safe(one.content, mask=mask)
    path, start, end = (one.metadata.get(name) for name in ("path", "start_line", "end_line"))
    lines: Lines | None = None
    title = one.name
    if isinstance(path, str) and path:
        title = path
        if isinstance(start, int) and isinstance(end, int) and 1 <= start <= end:
            lines = (start, end)
    shown = f"{label(title)}:{lines[0]}-{lines[1]}" if lines else label(title)
    if title != one.name:
        shown += f" ({one.name})"
    return Block(fenced(shown, content), title, lines, (lines,) if lines else (), Level.FULL)


def _shown_by(candidate: Candidate, pinned: Sequence[Block]) -> bool:
    """Whether a pinned item shows a candidate already, by its lines or by its words."""
    text = "\n".join(candidate.rows)
    for block in pinned:
        if block.lines and candidate.start and candidate.source == block.source:
            if candidate.start <= block.lines[1] and candidate.end >= block.lines[0]:
                return True
        elif text in block.text:
            return True
    return False
