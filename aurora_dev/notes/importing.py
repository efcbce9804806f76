"""Import of notes from files into a `NoteStore`: merge those that have an id, remember those that have none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from aurora_dev.core.types import Document
from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.files import FileNote, says_the_same
from aurora_dev.notes.markdown import note_from_markdown
from aurora_dev.notes.model.drafts import Draft
from aurora_dev.notes.model.records import document_of
from aurora_dev.notes.model.types import Note, NotesImported
from aurora_dev.notes.store import NoteStore, Stored, replaced_version, retry_until_written

CodeHash = Callable[[Note], Awaitable[str | None]]
"""Returns the hash to store for the code that a note is about; ``None`` where there is no such code."""


async def import_files(notes: NoteStore, found: Sequence[FileNote], code_hash: CodeHash) -> NotesImported:
    """Store the notes of files: first those with an id, all or none of them; then the others, one by one.

    A note without an id that cannot be stored is left out and named in ``failed``; its file can be imported again.

    Args:
        notes: The store.
        found: Notes of files, with credentials masked.
        code_hash: Returns the hash of a note's code.

    Raises:
        InvalidRequestError: A note with an id cannot be stored; nothing was imported.
        StoreError: The store cannot be written.
    """
    done = await _merge([each for each in found if each.id is not None], notes, code_hash)
    notices = [f"{each.file}, line {notice.line}: {notice.text}" for each in found for notice in each.markdown.notices]
    done = replace(done, notices=(*notices, *done.notices))
    for each in found:
        if each.id is None:
            try:
                note = note_from_markdown(each.markdown, None, id="", now=notes.now())
                draft = replace(Draft.from_note(note), code_hash=await code_hash(note))
                done = done.with_remembered(await notes.remember(draft))
            except InvalidRequestError as error:
                failure = f"{each.file}, line {each.markdown.line}: {error}"
                done = replace(done, failed=(*done.failed, failure))
    return done


async def _merge(found: Sequence[FileNote], notes: NoteStore, code_hash: CodeHash) -> NotesImported:
    """Add and update the notes that have an id, all or none."""

    async def attempt() -> NotesImported | None:
        known = await notes.fetch([str(each.id) for each in found])
        successors = await _successors(found, notes)
        now = notes.now()
        notices: list[str] = []
        outcome: dict[str, list[str]] = {"added": [], "updated": [], "unchanged": []}
        expected: dict[str, Document | None] = {}
        writes: list[Document] = []
        for each in found:
            id = str(each.id)
            stored = known.get(id)
            note = _merged(each, stored, notes, now)
            if note is None:
                outcome["unchanged"].append(id)
                continue
            if note.superseded_by is not None and not _has_successor(id, successors):
                # Searches would never find it, and no other note would lead to it.
                notices.append(
                    f"{each.file}, line {each.markdown.line}: the note that replaces this one "
                    f"('{note.superseded_by:.80}') is not there, so it was imported as a current note"
                )
                note = replace(note, superseded_by=None)
                successors[id] = None
            if stored is not None:
                writes += replaced_version(stored.note, note, now)
            writes.append(document_of(replace(note, code_hash=await code_hash(note), stale=None)))
            expected[id] = stored.document if stored is not None else None
            outcome["updated" if stored is not None else "added"].append(id)
        if writes and not await notes.store.write_if(expected, writes, masked=True):
            return None
        return NotesImported(**{name: tuple(ids) for name, ids in outcome.items()}, notices=tuple(notices))

    return await retry_until_written(attempt)


async def _successors(found: Sequence[FileNote], notes: NoteStore) -> dict[str, str | None]:
    """Return the notes of files, and the stored ones that replace them, each with the id of the one that replaces it.

    ``None`` stands for a current note; notes that exist nowhere are missing.
    """
    successors: dict[str, str | None] = {
        str(each.id): each.markdown.values.get("superseded_by") for each in found if each.id is not None
    }
    while missing := sorted({id for id in successors.values() if id is not None and id not in successors}):
        stored = await notes.fetch(missing)
        if not stored:
            break
        successors |= {id: each.note.superseded_by for id, each in stored.items()}
    return successors


def _has_successor(id: str, successors: Mapping[str, str | None]) -> bool:
    """Return whether the note that replaced a note is there, and is not replaced by that note in turn."""
    seen: set[str] = set()
    current = successors.get(id)
    if current not in successors:
        return False
    while current is not None and current in successors and current not in seen:
        if current == id:
            return False
        seen.add(current)
        current = successors[current]
    return True


def _merged(each: FileNote, stored: Stored | None, notes: NoteStore, now: float) -> Note | None:
    """Return the note of a file as it should be stored; ``None`` if the stored note stays as it is."""
    old = stored.note if stored is not None else None
    note = replace(note_from_markdown(each.markdown, old, id=str(each.id), now=now), scope=notes.scope)
    if old is None:
        return note
    # An unedited export is older than what was changed in the store since; an edit of the file is newer.
    is_old_export = each.markdown.intact and note.updated_at <= old.updated_at
    if is_old_export or says_the_same(old, each.markdown):
        return None
    if not each.markdown.intact:
        note = replace(note, updated_at=now)
    if (note.path, note.symbol) == (old.path, old.symbol) and note.code_hash is None:
        note = replace(note, code_hash=old.code_hash)
    return note
