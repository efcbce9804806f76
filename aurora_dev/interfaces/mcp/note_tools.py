"""The tools of the MCP server that write notes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aurora_dev.core.context.render import PREAMBLE
from aurora_dev.core.text.fencing import fenced, label, safe
from aurora_dev.interfaces.mcp.note_models import (
    Conflict,
    ForgetAnswer,
    ForgetArguments,
    RememberAnswer,
    RememberArguments,
    UpdateAnswer,
    UpdateArguments,
)
from aurora_dev.interfaces.mcp.open_memory import OpenMemory
from aurora_dev.interfaces.mcp.render import text_of
from aurora_dev.interfaces.mcp.tool import Progress, Reply, Tool

if TYPE_CHECKING:
    from aurora_dev.notes.model.types import Remembered

__all__ = ["FORGET", "REMEMBER", "UPDATE_MEMORY"]

_MOST_CONFLICTS: Final = 5
_CONFLICT_CHARACTERS: Final = 1_500  # of one conflicting memory; recall with its id shows all


async def remember(memory: OpenMemory, arguments: RememberArguments, progress: Progress) -> Reply:
    """Store something that was learned."""
    path = memory.relative(arguments.path) if arguments.path else None
    opened = await memory.get(create=True)
    stored = await opened.remember(
        arguments.content,
        kind=arguments.kind,
        tags=arguments.tags,
        importance=arguments.importance,
        source=arguments.source or None,
        expires_in=_days(arguments.expires_in_days),
        supersedes=arguments.supersedes or None,
        path=path,
        symbol=arguments.symbol,
        scope=arguments.scope,
    )
    return _remembered(memory, arguments, stored)


def _remembered(memory: OpenMemory, arguments: RememberArguments, stored: Remembered) -> Reply:
    mask = memory.settings.mask_secrets
    conflicts = [
        Conflict(
            id=text_of(one.id),
            content=safe(one.content[:_CONFLICT_CHARACTERS], mask=mask),
            reason=label(text_of(one.reason)),
            similarity=round(one.similarity, 3),
        )
        for one in stored.conflicts[:_MOST_CONFLICTS]
    ]
    notices = []
    if stored.is_new:
        text = f"Remembered as {label(stored.kind)}, id {stored.id}."
    else:
        text = f"This had been remembered already (said {stored.said} times) and is kept once, as id {stored.id}."
    if stored.content.strip() != arguments.content.strip() and stored.is_new:
        notices.append("credentials in the text were masked before it was stored")
    lines = [text, *(f"note: {notice}" for notice in notices)]
    if conflicts:
        lines.append(
            f"It may contradict {len(conflicts)} earlier memories. Settle each: if this one replaces it, call remember "
            f"again with supersedes=[its id]; if it is the wrong one, forget {stored.id}; if you cannot tell, ask the "
            f"user; if both hold, do nothing."
        )
        blocks = [fenced(f"{label(one.reason)} id {label(one.id)}", one.content) for one in conflicts]
        lines.append(PREAMBLE + "".join(blocks))
    data = RememberAnswer(
        id=text_of(stored.id),
        is_new=stored.is_new,
        duplicates=[text_of(one) for one in stored.duplicates] or None,
        conflicts=conflicts or None,
        notices=notices or None,
    )
    return Reply("\n".join(lines), data)


async def update_memory(memory: OpenMemory, arguments: UpdateArguments, progress: Progress) -> Reply:
    """Correct a memory."""
    path = memory.relative(arguments.path) if arguments.path else arguments.path
    opened = await memory.get()
    note = await opened.update(
        arguments.id,
        content=arguments.content,
        kind=arguments.kind,
        tags=arguments.tags,
        importance=arguments.importance,
        source=arguments.source,
        expires_in=_days(arguments.expires_in_days),
        path=path,
        symbol=arguments.symbol,
    )
    content = safe(note.content, mask=memory.settings.mask_secrets)
    data = UpdateAnswer(
        id=text_of(note.id),
        kind=label(text_of(note.kind)),
        tags=[label(text_of(tag)) for tag in note.tags],
        importance=note.importance,
        content=content,
    )
    return Reply(f"Updated {note.id}; it now says:\n" + fenced(data.kind, content), data)


async def forget(memory: OpenMemory, arguments: ForgetArguments, progress: Progress) -> Reply:
    """Delete memories."""
    opened = await memory.get()
    ids = list(dict.fromkeys(arguments.ids))
    notes = {identifier: await opened.get(identifier) for identifier in ids}
    # Only whole ids count here: a beginning that fits one memory today may have been meant for another.
    known = [identifier for identifier, note in notes.items() if note is not None and note.id == identifier]
    unknown = [text_of(identifier) for identifier in ids if identifier not in known]
    forgotten = await opened.forget(known) if known else 0
    lines = [f"{forgotten} forgotten."]
    if unknown:
        shown = ", ".join(label(one)[:80] for one in unknown)
        lines.append(
            f"No memory has the id {shown}: take whole ids from recall; files are not forgotten but re-indexed."
        )
    return Reply(" ".join(lines), ForgetAnswer(forgotten=forgotten, unknown=unknown or None))


def _days(days: float | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


REMEMBER: Final = Tool(
    name="remember",
    title="Remember something",
    description=(
        "Keep something worth knowing in later sessions: a decision with its reason, a convention, a pattern, a "
        "lesson from a failure, what the user prefers. One fact each, in words that make sense without this "
        "conversation; no credentials, nothing that the code itself says plainly. The same said twice is kept "
        "once. Returns its id, and earlier memories that it may contradict: settle those."
    ),
    arguments=RememberArguments,
    answer=RememberAnswer,
    run=remember,
    idempotent=True,
)

UPDATE_MEMORY: Final = Tool(
    name="update_memory",
    title="Correct a memory",
    description=(
        "Correct a memory whose text, kind, tags, importance or place is wrong or out of date; what you leave out "
        "stays. Its earlier wording stays in its history. Where something new replaces it, use remember with "
        "supersedes instead. Returns the memory as it is now."
    ),
    arguments=UpdateArguments,
    answer=UpdateAnswer,
    run=update_memory,
    destructive=True,
    idempotent=True,
)

FORGET: Final = Tool(
    name="forget",
    title="Forget memories",
    description=(
        "Delete memories for good, with their history, by id: what was never true, or what the user wants gone. "
        "For what was replaced by something newer use remember with supersedes. Returns how many were deleted."
    ),
    arguments=ForgetArguments,
    answer=ForgetAnswer,
    run=forget,
    destructive=True,
    idempotent=True,
)
