"""The text that a hook adds to a prompt: what was noted or done before that belongs to it. Often nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aurora_dev.core.quick_reader import QuickRecord
from aurora_dev.interfaces.hooks.formats import HookInput
from aurora_dev.interfaces.hooks.journal import SessionState
from aurora_dev.interfaces.hooks.place import Place, file_reader, open_readers
from aurora_dev.interfaces.hooks.recall import Finding, find_files, find_notes
from aurora_dev.interfaces.hooks.relevance import read_prompt
from aurora_dev.interfaces.hooks.session_line import session_line, session_of
from aurora_dev.interfaces.hooks.texts import PROMPT_BUDGET, file_line, note_line, within_budget

__all__ = ["text_for_prompt"]

_MOST_NOTES: Final = 3
_MOST_SESSIONS: Final = 2
_MOST_FILES: Final = 3
_TITLE: Final = "what the memory has on this prompt"


def text_for_prompt(place: Place, call: HookInput) -> tuple[str, list[str]]:
    """Return the text to add to a prompt, with the ids of the records in it; empty if nothing belongs to it."""
    prompt = read_prompt(call.prompt)
    if not prompt.words:
        return "", []
    state = SessionState(place.state, call.session)

    def leave_out(record: QuickRecord) -> bool:
        if record.id in state.shown:
            return True
        session, at = session_of(record)
        # What this session did is in the conversation, unless it was compacted since.
        return bool(session) and session == call.session and at >= state.compacted

    notes: list[Finding] = []
    files: list[Finding] = []
    with open_readers(place) as readers:
        for number, reader in enumerate(readers):
            notes += find_notes(reader, prompt, leave_out)
            if not number:
                with file_reader(place, reader) as own:
                    files = [each for each in find_files(own, prompt) if not leave_out(each.record)]
    notes.sort(key=lambda each: -each.likely)
    text, ids = within_budget(_TITLE, _lines(notes, files), PROMPT_BUDGET)
    if ids:
        state.add(ids)
    return text, ids


def _lines(notes: list[Finding], files: list[Finding]) -> Iterator[tuple[str, str]]:
    yield "Notes:", ""
    for each in [each for each in notes if each.kind == "note"][:_MOST_NOTES]:
        yield note_line(each.record.content, each.record.metadata), each.record.id
    yield "Earlier sessions:", ""
    sessions: dict[str, Finding] = {}  # the likeliest part of each
    for each in notes:
        if each.kind == "session":
            sessions.setdefault(session_of(each.record)[0], each)
    for each in list(sessions.values())[:_MOST_SESSIONS]:
        yield session_line(each.record), each.record.id
    yield "Files:", ""
    for each in files[:_MOST_FILES]:
        yield file_line(each.record.metadata), each.record.id
