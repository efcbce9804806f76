"""The MCP tools that write notes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aurora_dev.core.context.render import PREAMBLE
from aurora_dev.core.text.fencing import fenced, label, safe
from aurora_dev.interfaces.mcp.tools.note_models import (
    Conflict,
    ForgetAnswer,
    ForgetArguments,
    RememberAnswer,
    RememberArguments,
    Similar,
    UpdateAnswer,
    UpdateArguments,
)
from aurora_dev.interfaces.mcp.tools.open_memory import OpenMemory
from aurora_dev.interfaces.mcp.tools.render import text_of
from aurora_dev.interfaces.mcp.tools.tool import Progress, Reply, Tool

if TYPE_CHECKING:
    from aurora_dev.notes.model.types import NewNote, NoteChanges, Remembered

__all__ = ["FORGET", "REMEMBER", "UPDATE_MEMORY"]

_MOST_CONFLICTS: Final = 5
_MOST_SIMILAR: Final = 3
_SIMILAR_CHARACTERS: Final = 300  # shown of one similar note
_CONFLICT_CHARACTERS: Final = 1_500  # shown of one conflicting note; recall with its id shows all


async def remember(memory: OpenMemory, arguments: RememberArguments, progress: Progress) -> Reply:
    """Store a note."""
    new = _new_note(arguments, memory.relative(arguments.path) if arguments.path else None)
    opened = await memory.get(create=True)
    if new.scope == "project" and (session := await asyncio.to_thread(_session_at_work, memory)) is not None:
        new = replace(new, metadata={"session": session})
    stored = await opened.remember_note(new)
    return _remembered(memory, arguments, stored)


def _session_at_work(memory: OpenMemory) -> str | None:
    """Return the assistant's session that the note comes from, if its hooks tell, and no other session is at work."""
    from aurora_dev.interfaces.hooks.journal import active_session

    return active_session(str(memory.settings.store_path(memory.root) / "state"), time.time())


def _new_note(arguments: RememberArguments, path: str | None) -> NewNote:
    from aurora_dev.notes.model.types import NewNote

    return NewNote(
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


def _remembered(memory: OpenMemory, arguments: RememberArguments, stored: Remembered) -> Reply:
    mask = memory.settings.mask_secrets
    conflicts = [
        Conflict(
            id=text_of(conflict.id),
            content=safe(conflict.content[:_CONFLICT_CHARACTERS], mask=mask),
            reason=label(text_of(conflict.reason)),
            similarity=round(conflict.similarity, 3),
        )
        for conflict in stored.conflicts[:_MOST_CONFLICTS]
    ]
    notices = []
    if stored.is_new:
        text = f"Remembered as {label(stored.kind)}, id {stored.id}."
    else:
        text = f"A note has this text already: it is kept once, id {stored.id}, and was said {stored.said} times."
    if stored.content.strip() != arguments.content.strip() and stored.is_new:
        notices.append("credentials in the text were masked before it was stored")
    lines = [text, *(f"note: {notice}" for notice in notices)]
    if conflicts:
        counted = "an earlier note" if len(conflicts) == 1 else f"{len(conflicts)} earlier notes"
        lines.append(
            f"It may contradict {counted}; words alone were compared, so check which holds. If both hold, keep both: "
            f"call update_memory with id={stored.id} and keep_both=[the other id]. If you know that this note "
            f"replaces the earlier one, call remember again with supersedes=[its id]. If you cannot tell, ask the "
            f"user, or leave both. Both stay stored; forget neither because of this report."
        )
        blocks = [fenced(f"{label(each.reason)} id {label(each.id)}", each.content) for each in conflicts]
        lines.append(PREAMBLE + "".join(blocks))
    similar = [
        Similar(id=text_of(near.id), content=safe(near.content[:_SIMILAR_CHARACTERS], mask=mask))
        for near in stored.similar[:_MOST_SIMILAR]
    ]
    if similar:
        lines.append("It is similar to these notes; all are kept. If it replaces one, call remember with supersedes.")
        lines.append(PREAMBLE + "".join(fenced(f"similar, id {label(each.id)}", each.content) for each in similar))
    data = RememberAnswer(
        id=text_of(stored.id),
        is_new=stored.is_new,
        duplicates=[text_of(id) for id in stored.duplicates] or None,
        conflicts=conflicts or None,
        similar=similar or None,
        notices=notices or None,
    )
    return Reply("\n".join(lines), data)


async def update_memory(memory: OpenMemory, arguments: UpdateArguments, progress: Progress) -> Reply:
    """Correct a note."""
    path = memory.relative(arguments.path) if arguments.path else arguments.path
    opened = await memory.get()
    changes = _changes(arguments, path)
    note = await opened.update_note(arguments.id, changes)
    for other in arguments.keep_both:
        note = await opened.keep_both(note.id, other)
    found = await opened.conflicts(note.id) if arguments.content is not None else []
    others = [each.other if each.note.id == note.id else each.note for each in found[:_MOST_CONFLICTS]]
    content = safe(note.content, mask=memory.settings.mask_secrets)
    data = UpdateAnswer(
        id=text_of(note.id),
        kind=label(text_of(note.kind)),
        tags=[label(text_of(tag)) for tag in note.tags],
        importance=note.importance,
        content=content,
        conflicts=[text_of(other.id) for other in others] or None,
    )
    text = f"Updated {note.id}; it now says:\n" + fenced(data.kind, content)
    if data.conflicts:
        text += (
            f"\nIts new text may contradict: {', '.join(label(id) for id in data.conflicts)}. Words alone were "
            f"compared, so recall these by id and check. If both hold, call update_memory with id={note.id} and "
            f"keep_both=[the other id]. If you cannot tell, ask the user. Forget none because of this."
        )
    return Reply(text, data)


def _changes(arguments: UpdateArguments, path: str | None) -> NoteChanges:
    from aurora_dev.notes.model.types import NoteChanges

    return NoteChanges(
        content=arguments.content,
        kind=arguments.kind,
        tags=arguments.tags,
        importance=arguments.importance,
        source=arguments.source,
        expires_in=_days(arguments.expires_in_days),
        path=path,
        symbol=arguments.symbol,
    )


async def forget(memory: OpenMemory, arguments: ForgetArguments, progress: Progress) -> Reply:
    """Delete notes."""
    opened = await memory.get()
    ids = list(dict.fromkeys(arguments.ids))
    notes = {identifier: await opened.get(identifier) for identifier in ids}
    # Whole ids only: the beginning of an id may have been meant for another note than the one it fits today.
    known = [identifier for identifier, note in notes.items() if note is not None and note.id == identifier]
    unknown = [text_of(identifier) for identifier in ids if identifier not in known]
    forgotten = await opened.forget(known) if known else 0
    lines = [f"Forgot {forgotten} {'note' if forgotten == 1 else 'notes'}."]
    if unknown:
        shown = ", ".join(label(id)[:80] for id in unknown)
        lines.append(
            f"No note has this id: {shown}. Take whole ids from recall. Files and commits are not notes: index_project "
            f"updates them."
        )
    return Reply(" ".join(lines), ForgetAnswer(forgotten=forgotten, unknown=unknown or None))


def _days(days: float | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


REMEMBER: Final = Tool(
    name="remember",
    title="Remember a note",
    description=(
        "Store a note for later sessions: a decision with its reason, a convention, a pattern, a lesson from a "
        "failure, a preference of the user. One fact per note, in words that make sense without this conversation; "
        "no credentials, nothing that the code itself says plainly. A note with the same text as an earlier one "
        "is kept once. Returns its id, similar notes, and earlier notes that it may contradict: check which holds."
    ),
    arguments=RememberArguments,
    answer=RememberAnswer,
    run=remember,
    idempotent=True,
)

UPDATE_MEMORY: Final = Tool(
    name="update_memory",
    title="Correct a note",
    description=(
        "Correct a note whose text, kind, tags, importance or path is wrong or out of date; what you leave out "
        "stays. Its history keeps the earlier version. keep_both settles a conflict of two notes that both hold. If "
        "something new replaces the note, use remember with supersedes instead. Returns the corrected note."
    ),
    arguments=UpdateArguments,
    answer=UpdateAnswer,
    run=update_memory,
    destructive=True,
    idempotent=True,
)

FORGET: Final = Tool(
    name="forget",
    title="Forget notes",
    description=(
        "Delete notes for good, with their history, by id: notes that were never true or that the user wants gone. "
        "A reported conflict alone is no reason: it may be a false alarm. For a note that something newer replaces, "
        "use remember with supersedes. Returns how many were deleted."
    ),
    arguments=ForgetArguments,
    answer=ForgetAnswer,
    run=forget,
    destructive=True,
    idempotent=True,
)
