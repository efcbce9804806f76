"""The resources and the prompt of the MCP server: notes, sessions, and the prompt that starts a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from aurora_dev.core.context.render import PREAMBLE
from aurora_dev.core.record_kinds import SESSION_KEY, SESSION_WHOLE
from aurora_dev.core.text.fencing import fenced, label, safe
from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.mcp.tools.fields import LEAST_TOKENS, LONGEST_TASK, MOST_CONTEXT_TOKENS
from aurora_dev.interfaces.mcp.tools.open_memory import NotIndexedError, OpenMemory
from aurora_dev.interfaces.mcp.tools.render import iso, source_of, text_of

if TYPE_CHECKING:
    from aurora_dev.memory import Memory

__all__ = ["ListedNote", "NotePage", "list_notes", "read_record", "start_task"]

_TITLE_CHARACTERS: Final = 100
_LONGEST_ID: Final = 512
_MOST_SESSIONS: Final = 20  # in the list of resources
_MOST_SESSION_CHARACTERS: Final = 60_000
_MOST_EARLIER: Final = 20  # earlier versions and replaced notes that are shown, the newest first


@dataclass(frozen=True, slots=True)
class ListedNote:
    """A note or a session in the list of resources."""

    id: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class NotePage:
    """One page of the list of resources; ``next_cursor`` is ``None`` on the last page."""

    notes: tuple[ListedNote, ...]
    next_cursor: str | None


async def list_notes(memory: OpenMemory, cursor: str | None, limit: int) -> NotePage:
    """Return a page of notes, newest first; the last page ends with the newest sessions.

    Raises:
        InvalidRequestError: The cursor is not valid.
    """
    try:
        opened = await memory.get()
    except NotIndexedError:
        if cursor is not None:
            raise InvalidRequestError(
                "the cursor is not valid for this list: leave it out for the first page"
            ) from None
        return NotePage((), None)
    page = await opened.list(limit=limit, cursor=cursor)
    mask = memory.settings.mask_secrets
    listed = [
        ListedNote(
            id=text_of(note.id),
            title=label(safe(note.content.lstrip().split("\n", 1)[0], mask=mask))[:_TITLE_CHARACTERS],
            description=label(text_of(f"{note.kind}, {(iso(note.created_at) or '')[:10]}")),
        )
        for note in page.notes
    ]
    if page.next_cursor is None:
        listed += [
            ListedNote(
                id=text_of(session.record),
                title=label(safe(session.first_request, mask=mask))[:_TITLE_CHARACTERS],
                description=label(text_of(f"session {session.id}, {session.client}, {_day(session.ended)}")),
            )
            for session in await opened.sessions(_MOST_SESSIONS)
        ]
    return NotePage(tuple(listed), page.next_cursor)


async def read_record(memory: OpenMemory, identifier: str) -> str | None:
    """Return a note, a chunk, a commit or a session by id, fenced as data; ``None`` if there is no such record."""
    if not identifier or len(identifier.encode("utf-8", "replace")) > _LONGEST_ID:
        return None
    try:
        opened = await memory.get()
    except NotIndexedError:
        return None
    mask = memory.settings.mask_secrets
    found = await opened.store.fetch([identifier])
    if found and found[0].metadata.get(SESSION_KEY) == SESSION_WHOLE:
        return await _session(opened, identifier, mask=mask)
    if found and source_of(found[0].metadata) != "memories":
        metadata = found[0].metadata
        lines = f":{metadata['start_line']}-{metadata.get('end_line')}" if "start_line" in metadata else ""
        title = f"{metadata.get('path') or metadata.get('kind', '')}{lines}"
        return PREAMBLE + fenced(label(text_of(title)), safe(found[0].content, mask=mask))
    note = await opened.get(identifier)
    if note is None:
        return None
    head = [f"kind: {note.kind}", f"remembered: {iso(note.created_at) or 'unknown'}", f"importance: {note.importance}"]
    head += [f"tags: {', '.join(note.tags)}"] if note.tags else []
    head += [f"about: {note.path}{f' {note.symbol}' if note.symbol else ''}"] if note.path else []
    head += [f"source: {note.source}"] if note.source else []
    head += [f"STALE: {note.stale}"] if note.stale else []
    head += [f"replaced by: {note.superseded_by}"] if note.superseded_by else []
    head += ["of the user, not of this project"] if note.scope == "user" else []
    text = "".join(f"- {label(safe(text_of(line), mask=mask))}\n" for line in head)
    text += PREAMBLE + fenced(f"note {label(text_of(note.id))}", safe(note.content, mask=mask))
    replaced = await opened.history(note.id)
    if replaced:
        text += "Earlier:\n"
        text += "".join(
            fenced(f"earlier {label(text_of(old.id))} {(iso(old.created_at) or '')[:10]}", safe(old.content, mask=mask))
            for old in replaced[:_MOST_EARLIER]
        )
    return text


async def _session(memory: Memory, identifier: str, *, mask: bool) -> str:
    """Return a session with its exchanges, each fenced as data."""
    session = await memory.session(identifier)
    summary = session.summary
    head = [f"session: {summary.id}", f"assistant: {summary.client}", f"ended: {_day(summary.ended)}"]
    head += [f"resume: {summary.resume}"] if summary.resume else []
    head += [f"branch: {summary.branch}"] if summary.branch else []
    head += [f"changed: {', '.join(summary.files_changed)}"] if summary.files_changed else []
    head += [f"left open: {end}" for end in summary.open_ends]
    text = "".join(f"- {label(safe(text_of(line), mask=mask))}\n" for line in head) + PREAMBLE
    for exchange in session.exchanges:
        part = fenced(f"request {exchange.number}", safe(exchange.request, mask=mask))
        if exchange.conclusion:
            part += fenced(f"conclusion {exchange.number}", safe(exchange.conclusion, mask=mask))
        if len(text) + len(part) > _MOST_SESSION_CHARACTERS:
            return f"{text}(further exchanges are left out: search_memory with sources sessions finds them)\n"
        text += part
    return text


def _day(moment: datetime | None) -> str:
    return "" if moment is None else moment.date().isoformat()


async def start_task(memory: OpenMemory, arguments: Mapping[str, str], default_budget: int) -> str:
    """Return the prompt that starts a task.

    Raises:
        InvalidRequestError: The task is missing, or the budget is not a whole number in range.
    """
    task = arguments.get("task", "").strip()
    if unknown := sorted(set(arguments) - {"task", "token_budget"}):
        raise InvalidRequestError(f"start_task takes task and token_budget, not {', '.join(unknown)[:200]}")
    if not task or len(task) > LONGEST_TASK:
        raise InvalidRequestError(
            f"start_task needs the argument task: what is to be done, in 1 to {LONGEST_TASK} characters"
        )
    try:
        budget = int(arguments.get("token_budget") or default_budget)
    except ValueError:
        budget = 0
    if not LEAST_TOKENS <= budget <= MOST_CONTEXT_TOKENS:
        raise InvalidRequestError(f"token_budget must be a whole number from {LEAST_TOKENS} to {MOST_CONTEXT_TOKENS}")
    lines = [
        "Here is a task in this project, with what the project's memory holds about it.",
        "",
        "How to go about it:",
        "- Read what is quoted below before anything else; open the files that it names where you need more.",
        "- Follow the decisions and conventions among it, or say why not before you deviate.",
        "- For single questions on the way use search_memory, for what was decided recall.",
        "- When it is done, remember what the next session should know: decisions with their reasons, lessons.",
        "",
    ]
    try:
        opened = await memory.get()
    except NotIndexedError:
        lines += ["The project is not indexed yet: call index_project first, then build_context with this task.", ""]
        lines += [f"Task: {text_of(task)}"]
        return "\n".join(lines)
    context = await opened.context(task, budget)
    return "\n".join(lines) + text_of(context.text)
