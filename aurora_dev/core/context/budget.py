"""The token budget of a context: how it is divided, and where it is enforced.

`fit_to_budget` is the only place that enforces the limit. It divides the tokens among pinned items, task, symbol map,
conversation, notes and code, lets `Selection` choose candidates for its share, and counts the finished text and
messages with the real tokenizer. If they exceed the limit, it composes again with less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from aurora_dev.core.context.assembly import Assembler, Assembly
from aurora_dev.core.context.conversation import fit_conversation
from aurora_dev.core.context.items import Candidate, LeftOut, Level
from aurora_dev.core.context.render import PREAMBLE, Block
from aurora_dev.core.context.request import Request
from aurora_dev.core.context.select import Selection
from aurora_dev.core.context.symbol_map import render_map
from aurora_dev.core.contracts import TokenCounter
from aurora_dev.core.text.fencing import fenced, label
from aurora_dev.errors import InvalidRequestError

__all__ = ["HISTORY_SHARE", "NOTES_SHARE", "fit_to_budget"]

# The conversation gets this share of the budget before code and notes are chosen, and what they leave over afterwards.
HISTORY_SHARE: Final = 0.25
# Notes about the task are chosen before code, up to this share: code repeats the task's words more densely and would
# push them out.
NOTES_SHARE: Final = 0.15


def fit_to_budget(request: Request, counter: TokenCounter, count: Callable[[str], int] | None = None) -> Assembly:
    """Compose the context with the most relevance whose text and messages both stay within ``request.limit``.

    Args:
        request: What to choose from.
        counter: Counts the finished context.
        count: ``counter.count`` with a cache, since the same blocks are counted many times in one call and across
            calls. The default caches for this call only.

    Raises:
        InvalidRequestError: The pinned items alone exceed the limit.
    """
    fitter = _Fitter(request, counter, count or lru_cache(maxsize=None)(counter.count))
    # The counts of blocks need not add up to the count of the whole, so a composition may exceed its limit: then
    # compose again with the excess taken off.
    limit = request.limit
    while limit > 0:
        made = fitter.compose(limit)
        excess = max(made.tokens, made.message_tokens) - request.limit
        if excess <= 0:
            return made
        limit -= excess
    made = fitter.compose(0)
    needed = max(made.tokens, made.message_tokens)
    if needed > request.limit:
        raise InvalidRequestError(
            f"the pinned items take {needed:,} tokens, but only {request.limit:,} are available for them: nothing was "
            "built. Give a larger token_budget, or pin less"
        )
    return made


class _Fitter:
    """Divides a limit among the sections of one request."""

    def __init__(self, request: Request, counter: TokenCounter, count: Callable[[str], int]) -> None:
        self._request = request
        self._counter = counter
        self._count = count
        self._assembler = Assembler(request, counter, count)
        pinned_ids = {item.id for item in request.pinned if item.id}
        self._candidates = [
            candidate
            for candidate in request.candidates
            if candidate.id not in pinned_ids and not _is_shown_by(candidate, self._assembler.pinned)
        ]

    def compose(self, limit: int) -> Assembly:
        """Compose a context whose blocks count at most ``limit`` tokens together."""
        request, chat, count = self._request, self._counter.chat, self._count
        pinned, task = self._assembler.pinned, self._assembler.task
        left_out: list[LeftOut] = []
        # Two messages are certain, one with what stays the same and one with what changes, and the reply's opening.
        room = limit - 2 * chat.per_message - chat.per_reply - count(PREAMBLE)
        room -= sum(count(block.text) for block in pinned)
        with_task = count(task) <= room + (0 if pinned else count(PREAMBLE))
        if with_task:
            room -= count(task)
        else:
            left_out.append(LeftOut("task", None, "did not fit"))
        room = max(0, room)
        symbol_map = ""
        if request.map_budget and request.symbols:
            symbol_map = render_map(request.symbols, min(room, request.map_budget), count)
            room -= count(symbol_map)
        history_limit = min(room, int(limit * HISTORY_SHARE))
        conversation = fit_conversation(request.history, history_limit, self._counter)
        selection = self._select(room - conversation.tokens, left_out)
        rest = room - conversation.tokens - selection.used
        if rest > 0 and (conversation.dropped or conversation.shortened):
            conversation = fit_conversation(request.history, conversation.tokens + rest, self._counter)
        return self._assembler.assemble(symbol_map, conversation, selection, with_task, left_out)

    def _select(self, limit: int, left_out: list[LeftOut]) -> Selection:
        """Choose notes up to their share first, then everything by its gain per token."""
        selection = Selection(max(0, limit), self._count, self._request.fill)
        notes_limit = int(limit * NOTES_SHARE)
        for candidate in self._candidates:
            if candidate.is_note:
                self._select_note(selection, candidate, notes_limit)
        best = next((candidate for candidate in self._candidates if not candidate.is_note), None)
        selection.fill_up(self._candidates, best)
        for candidate in self._candidates:
            if selection.level(candidate) is Level.NONE:
                lines = (candidate.start, candidate.end) if candidate.start else None
                left_out.append(LeftOut(candidate.source, lines, f"did not fit ({candidate.why})"))
        return selection

    def _select_note(self, selection: Selection, note: Candidate, limit: int) -> None:
        for level in (Level.FULL, Level.INTERFACE):
            if level is Level.INTERFACE and not note.head:
                continue
            cost = self._count(_note_block(note, level))
            if selection.used + cost <= limit and selection.raise_to(note, level):
                return


def _note_block(candidate: Candidate, level: Level) -> str:
    rows = candidate.rows if level is Level.FULL else tuple(candidate.rows[n] for n in candidate.head)
    return fenced(f"{label(candidate.source)} {label(candidate.symbol)}", "\n".join(rows))


def _is_shown_by(candidate: Candidate, pinned: Sequence[Block]) -> bool:
    """Return whether a pinned item already shows a candidate: it overlaps its lines or contains its text."""
    text = "\n".join(candidate.rows)
    for block in pinned:
        if block.lines and candidate.start and candidate.source == block.source:
            if candidate.start <= block.lines[1] and candidate.end >= block.lines[0]:
                return True
        elif text in block.text:
            return True
    return False
