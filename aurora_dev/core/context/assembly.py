"""The finished context: the chosen parts as one text, as chat messages and as a list of items.

Nothing is chosen here and no limit is enforced; `aurora_dev.core.context.budget` does both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aurora_dev.core.context.conversation import Conversation
from aurora_dev.core.context.items import ContextItem, LeftOut, Level, Lines, Section
from aurora_dev.core.context.render import PREAMBLE, Block, pointer_block, pointer_line, symbol_lines
from aurora_dev.core.context.request import Pinned, Request
from aurora_dev.core.context.select import Selection
from aurora_dev.core.contracts import TokenCounter
from aurora_dev.core.text.fencing import fenced, label, safe
from aurora_dev.core.tokens.counting import count_messages

__all__ = ["Assembler", "Assembly"]


@dataclass(frozen=True, slots=True)
class Assembly:
    """A finished context.

    Attributes:
        tokens: Exact count of ``text``.
        message_tokens: Exact count of ``messages``, chat overhead included.
        items: In the order of the text.
    """

    text: str
    messages: tuple[dict[str, str], ...]
    tokens: int
    message_tokens: int
    items: tuple[ContextItem, ...]
    left_out: tuple[LeftOut, ...]


class Assembler:
    """Writes the context of one request; it may be called several times with different choices.

    Args:
        request: Its task and pinned items are rendered once, here.
        counter: Counts the finished context.
        count: The same counts with a cache, for the blocks.
    """

    def __init__(self, request: Request, counter: TokenCounter, count: Callable[[str], int]) -> None:
        self.task = f"Task:\n{safe(request.task, mask=request.mask).strip()}\n"
        self.pinned = [_pinned_block(item, request.mask) for item in request.pinned]
        self._counter = counter
        self._count = count

    def assemble(
        self,
        symbol_map: str,
        conversation: Conversation,
        selection: Selection,
        with_task: bool,
        left_out: Sequence[LeftOut],
    ) -> Assembly:
        """Put the chosen parts together.

        What stays the same from call to call comes first, so that providers can cache it: pinned items, notes, symbol
        map. Then come the conversation, the code with the best file last, and the task.
        """
        items: list[ContextItem] = []

        def add(block: Block, section: Section, why: str = "") -> str:
            items.append(self._item(block, section, why))
            return block.text

        prefix = "".join(add(block, "pinned", "pinned") for block in self.pinned)
        notes = [block for blocks in selection.blocks.values() for block in blocks if block.parts[0].is_note]
        notes.sort(key=lambda block: (block.parts[0].created, block.parts[0].id))
        prefix += "".join(add(block, "notes") for block in notes)
        if symbol_map:
            prefix += add(Block(symbol_map, "symbol map", None, (), Level.FULL), "map", "asked for")
        for turn in dict.fromkeys(message.turn for message in conversation.messages):
            text = "".join(message.as_text for message in conversation.messages if message.turn == turn)
            why = "tool outputs shortened" if turn in conversation.shortened else "conversation"
            add(Block(text, f"turn {turn}", None, (), Level.FULL), "history", why)
        reference = pointer_block(selection.pointers)
        for candidate in selection.pointers:
            lines = (candidate.start, candidate.end) if candidate.start else None
            block = Block(pointer_line(candidate), candidate.source, lines, (), Level.POINTER, (candidate,))
            add(block, "reference")
        for block in _files_best_last(selection.blocks):
            reference += add(block, "reference")
        task = add(Block(self.task, "task", None, (), Level.FULL), "task", "asked for") if with_task else ""
        spoken = "".join(message.as_text for message in conversation.messages)
        preamble = PREAMBLE if prefix or spoken or reference else ""
        text = preamble + prefix + spoken + reference + task
        messages: list[dict[str, str]] = []
        if preamble:
            messages.append({"role": "system", "content": preamble + prefix})
        messages += [message.as_message for message in conversation.messages]
        if reference or task:
            messages.append({"role": "user", "content": reference + task})
        dropped = [LeftOut(f"turn {turn}", None, "did not fit") for turn in conversation.dropped]
        return Assembly(
            text=text,
            messages=tuple(messages),
            tokens=self._counter.count(text) if text else 0,
            message_tokens=count_messages(self._counter, messages),
            items=tuple(items),
            left_out=(*left_out, *dropped),
        )

    def _item(self, block: Block, section: Section, why: str) -> ContextItem:
        best = max(block.parts, key=lambda part: (part.relevance, -part.start)) if block.parts else None
        reasons = dict.fromkeys(part.why for part in block.parts)
        return ContextItem(
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
            symbol_lines=symbol_lines(block.parts) if block.parts else None,
        )


def _files_best_last(blocks: Mapping[str, Sequence[Block]]) -> list[Block]:
    """Return the blocks of code grouped by file, the file with the best part last, in line order within a file."""
    files = [group for group in blocks.values() if group and not group[0].parts[0].is_note]
    files.sort(key=lambda group: (max(block.relevance for block in group), group[0].source))
    return [block for group in files for block in group]


def _pinned_block(item: Pinned, mask: bool) -> Block:
    content = safe(item.content, mask=mask)
    path, start, end = (item.metadata.get(name) for name in ("path", "start_line", "end_line"))
    lines: Lines | None = None
    name = title = safe(item.name, mask=mask)
    if isinstance(path, str) and path:
        title = path
        if isinstance(start, int) and isinstance(end, int) and 1 <= start <= end:
            lines = (start, end)
    shown = f"{label(title)}:{lines[0]}-{lines[1]}" if lines else label(title)
    if title != name:
        shown += f" ({name})"
    return Block(fenced(shown, content), title, lines, (lines,) if lines else (), Level.FULL)
