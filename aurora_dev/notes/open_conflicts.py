"""Conflicts that are not settled: two current notes that may contradict each other.

A note keeps the ids of the notes that it seemed to contradict when it was stored. Such a conflict is settled once one
of the two is superseded, expired, forgotten, or corrected so that nothing shows a contradiction any more; or once
somebody says that both hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from aurora_dev.errors import InvalidRequestError
from aurora_dev.log import get_logger
from aurora_dev.notes.model.types import Note, OpenConflict
from aurora_dev.notes.store import NoteStore

_log = get_logger(__name__)

_NOT_COMPARED: Final = "they seemed to contradict each other when they were stored, and cannot be compared now"


async def open_conflicts(stores: Sequence[NoteStore]) -> list[OpenConflict]:
    """Return the conflicts among the notes of some stores, newest note first."""
    marked = [stored.note for notes in stores for stored in await notes.scan({"conflicts_with": {"$exists": True}})]
    now = stores[0].now() if stores else 0.0
    current = [note for note in marked if _is_current(note, now)]
    wanted = list(dict.fromkeys(id for note in current for id in note.conflicts_with))
    others = {id: stored.note for notes in stores for id, stored in (await notes.fetch(wanted)).items()}
    found: dict[frozenset[str], OpenConflict] = {}
    for note in current:
        for id in note.conflicts_with:
            other = others.get(id)
            if other is None or not _is_current(other, now) or frozenset((note.id, id)) in found:
                continue
            if note.id in other.holds_with or id in note.holds_with:
                continue
            if reason := _reason(note, other):
                found[frozenset((note.id, id))] = OpenConflict(note, other, reason)
    return sorted(found.values(), key=lambda conflict: (-conflict.note.created_at, conflict.note.id, conflict.other.id))


async def keep_both(first: tuple[NoteStore, Note], second: tuple[NoteStore, Note]) -> None:
    """Write to two notes that both hold.

    Raises:
        InvalidRequestError: The two are one note.
        StoreLockedError: Other processes kept changing the notes.
    """
    if first[1].id == second[1].id:
        raise InvalidRequestError(f"'{first[1].id}' is one note, and two are needed: nothing was done. Give another id")
    for (notes, note), other in ((first, second[1].id), (second, first[1].id)):
        await notes.change(note.id, lambda old, other=other: _holding_with(old, other))  # type: ignore[misc]


def _holding_with(note: Note, other: str) -> Note:
    return replace(
        note,
        conflicts_with=tuple(id for id in note.conflicts_with if id != other),
        holds_with=tuple(dict.fromkeys((*note.holds_with, other))),
    )


def _is_current(note: Note, now: float) -> bool:
    return note.superseded_by is None and (note.expires_at is None or note.expires_at > now)


def _reason(note: Note, other: Note) -> str | None:
    """Return why two notes contradict each other now; ``None`` where they were corrected meanwhile."""
    if replaced := sorted(set(note.supersedes) & set(other.supersedes)):
        return f"both replace {replaced[0]}"
    from aurora_dev.notes.similarity.conflicts import contradicts

    try:
        return contradicts(note.content, other.content, 1.0)
    except Exception:  # noqa: BLE001  (two texts that cannot be compared must not hide the conflicts of others)
        _log.warning("notes.not_compared", ids=[note.id, other.id], exc_info=True)
        return _NOT_COMPARED
