"""The text that a hook adds when a session starts: standing notes, unsettled conflicts, what was done last."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from aurora_dev.core.quick_reader import QuickRecord
from aurora_dev.core.record_kinds import FILE_KEY, is_note
from aurora_dev.interfaces.hooks.formats import HookInput
from aurora_dev.interfaces.hooks.journal import SessionState
from aurora_dev.interfaces.hooks.place import Place, open_readers
from aurora_dev.interfaces.hooks.recall import is_current
from aurora_dev.interfaces.hooks.session_line import is_whole, session_of, summary_line
from aurora_dev.interfaces.hooks.texts import START_BUDGET, note_line, within_budget

__all__ = ["text_for_start"]

_TITLE: Final = "what is known about this project"
_STANDING: Final = ("decision", "convention", "pattern", "lesson")
_MOST_NOTES: Final = 12
_MOST_CONFLICTS: Final = 3
_MOST_SESSIONS: Final = 3
_MOST_READ: Final = 5_000
_IMPORTANT: Final = 8  # of 10: such a note stands, whatever its kind
_USUAL: Final = 5


def text_for_start(place: Place, call: HookInput) -> tuple[str, list[str]]:
    """Return the text to add to a new, resumed or compacted session, with the ids of the notes in it."""
    state = SessionState(place.state, call.session)
    if call.source in ("clear", "compact"):
        state.forget(time.time())
    moment = time.time()
    with open_readers(place) as readers:
        learned = [record for reader in readers for record in reader.learned(_MOST_READ, FILE_KEY)]
    notes = [record for record in learned if is_note(record.metadata) and is_current(record, moment)]
    sessions = [record for record in learned if is_whole(record)]
    known = {note.id: note for note in notes}
    conflicts = list(_conflicts(known))
    lines = [*_conflict_lines(conflicts), *_standing_lines(notes, conflicts), *_session_lines(sessions, call.session)]
    text, ids = within_budget(_TITLE, lines, START_BUDGET)
    if ids:
        state.add(each for pair in ids for each in pair.split())
    return text, ids


def _conflicts(known: Mapping[str, QuickRecord]) -> Iterator[tuple[QuickRecord, QuickRecord]]:
    """Yield the pairs of current notes of which one is reported to contradict the other."""
    seen: set[frozenset[str]] = set()
    for note in known.values():
        for other in _texts(note.metadata.get("conflicts_with")):
            pair = frozenset((note.id, other))
            settled = other in _texts(note.metadata.get("holds_with")) or (
                other in known and note.id in _texts(known[other].metadata.get("holds_with"))
            )
            if other in known and pair not in seen and not settled:
                seen.add(pair)
                yield note, known[other]


def _conflict_lines(conflicts: Sequence[tuple[QuickRecord, QuickRecord]]) -> Iterator[tuple[str, str]]:
    yield "Notes that may contradict each other (check which holds):", ""
    for first, second in conflicts[:_MOST_CONFLICTS]:
        yield (
            f"{note_line(first.content, first.metadata)}\n{note_line(second.content, second.metadata)}",
            (f"{first.id} {second.id}"),
        )


def _standing_lines(
    notes: Sequence[QuickRecord], conflicts: Sequence[tuple[QuickRecord, QuickRecord]]
) -> Iterator[tuple[str, str]]:
    yield "Decisions, conventions and lessons:", ""
    shown = {note.id for pair in conflicts[:_MOST_CONFLICTS] for note in pair}
    standing = [note for note in notes if note.id not in shown and _stands(note.metadata)]
    standing.sort(key=lambda note: (-_number(note.metadata.get("importance"), _USUAL), -_changed(note.metadata)))
    for note in standing[:_MOST_NOTES]:
        yield note_line(note.content, note.metadata), note.id


def _session_lines(sessions: Sequence[QuickRecord], current: str) -> Iterator[tuple[str, str]]:
    yield "Last sessions:", ""
    others = [session for session in sessions if session_of(session)[0] != current]
    others.sort(key=lambda session: -session_of(session)[1])
    for session in others[:_MOST_SESSIONS]:
        yield summary_line(session), session.id


def _stands(metadata: Mapping[str, Any]) -> bool:
    return metadata.get("kind") in _STANDING or _number(metadata.get("importance"), _USUAL) >= _IMPORTANT


def _changed(metadata: Mapping[str, Any]) -> float:
    return _number(metadata.get("updated_at") or metadata.get("created_at"), 0.0)


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
