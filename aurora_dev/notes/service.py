"""`NoteService`: the notes of a project and of its user together.

It checks and masks what callers give, chooses the store by scope or id, and ties notes to the project's code. Finding
and showing notes is in `NoteReader`; the notes of one store are in `NoteStore`.
"""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aurora_dev.core.contracts import Filter
from aurora_dev.core.record_kinds import is_chunk
from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.model import checks
from aurora_dev.notes.model.filters import checked_filter, materialised
from aurora_dev.notes.model.masking import SecretMask
from aurora_dev.notes.model.paging import Cursor
from aurora_dev.notes.model.types import (
    NewNote,
    Note,
    NoteChanges,
    NoteFilter,
    NotePage,
    NotesExported,
    NotesImported,
    OpenConflict,
    Pruned,
    Remembered,
    Scope,
)
from aurora_dev.notes.open_conflicts import keep_both, open_conflicts
from aurora_dev.notes.reader import NoteReader
from aurora_dev.notes.staleness import StalenessCheck, mark_stale
from aurora_dev.notes.store import NoteStore, Stored, no_such_note
from aurora_dev.notes.user_store import UserNotes
from aurora_dev.notes.uses import Uses

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.notes import files
    from aurora_dev.notes.similarity.nearest import Similar

Notes = list[Note]


class NoteService(NoteReader):
    """The notes of a project and of its user.

    Args:
        store: Store of the project.
        root: Folder of the project.
        mask: Whether credentials are masked.
        uses: Use counts of the notes.
        user: The user's own notes.
    """

    def __init__(self, store: VectorStore, root: Path, *, mask: bool, uses: Uses, user: UserNotes) -> None:
        super().__init__(NoteStore(store, "project"), user, uses, StalenessCheck(root))
        self._mask = SecretMask(mask)

    # -- writing -----------------------------------------------------------------------------------------------

    async def remember(self, new: NewNote) -> Remembered:
        """Store a note; see `Memory.remember`."""
        from aurora_dev.notes.model.drafts import checked_draft

        scope = checks.checked_scope(new.scope)
        draft = checked_draft(new, now=self.project.now(), mask=self._mask)
        path, code_hash = await self._find_code(draft.path, draft.symbol, scope)
        draft = replace(draft, path=path, code_hash=code_hash)
        if scope == "user":
            return await (await self.user.writable()).remember(draft)
        return await self.project.remember(draft, await self._near_own(draft.content))

    async def update(self, id: str, changes: NoteChanges) -> Note:
        """Correct a note; see `Memory.update`."""
        from aurora_dev.notes.model.drafts import checked_changes

        values = checked_changes(changes, now=self.project.now(), mask=self._mask)
        notes, stored = await self._find(id)
        if "path" in values or "symbol" in values:
            values |= await self._code_values(stored.note, values, notes.scope)
        content = values.get("content")
        own = await self._near_own(content) if content is not None and notes.scope == "project" else ()
        return await notes.change(stored.note.id, lambda old: replace(old, **values), own)

    async def _near_own(self, content: str) -> Sequence[Similar]:
        """Return the user's own notes near a text of the project, which it may contradict, too."""
        from aurora_dev.notes.similarity.nearest import similar_notes

        return await self.user.read_or_skip(lambda notes: similar_notes(notes.store, content, "user"), []) or ()

    async def keep_both(self, id: str, other: str) -> Note:
        """Write to two notes that both hold; see `Memory.keep_both`."""
        (notes, stored), second = await self._find(id), await self._find(other)
        await keep_both((notes, stored.note), (second[0], second[1].note))
        return (await notes.require(stored.note.id)).note

    async def forget(
        self, ids: str | Sequence[str] | None = None, *, filter: Filter | None = None, scope: Scope | None = None
    ) -> int:
        """Remove notes for good; see `Memory.forget`."""
        if (ids is None) == (filter is None):
            raise InvalidRequestError("forget takes either ids or filter: nothing was removed. Give one of them")
        scope = None if scope is None else checks.checked_scope(scope)
        if filter is not None:
            notes = await self._existing_store(scope or "project")
            return await notes.forget(None, filter) if notes is not None else 0
        checked = checks.checked_ids(ids, "ids")
        return sum([await notes.forget(checked, None) for notes in await self._existing_stores(scope)])

    async def prune(self, *, dry_run: bool, scope: Scope) -> Pruned:
        """Remove expired and long superseded notes; see `Memory.prune`."""
        notes = await self._existing_store(scope)
        return await notes.prune(dry_run=dry_run) if notes is not None else Pruned((), (), dry_run)

    async def import_notes(self, source: Path, *, scope: Scope) -> NotesImported:
        """Read notes from Markdown; see `Memory.import_notes`."""
        from aurora_dev.notes import files
        from aurora_dev.notes.importing import import_files

        notes = await self._store(scope)
        found = await asyncio.to_thread(files.read_notes, source)
        return await import_files(notes, [self._masked(note) for note in found], self._current_code_hash)

    async def mark_stale(self) -> int:
        """Write to the store which notes of the project are stale; return how many were changed."""
        return await mark_stale(self.project, self._code)

    # -- reading -----------------------------------------------------------------------------------------------

    async def get(self, id: str) -> Note | None:
        """Return a note; see `Memory.get`."""
        found = await self._find_or_none(id)
        return (await self.shown([found[1].note]))[0] if found is not None else None

    async def list(self, wanted: NoteFilter, *, limit: int, cursor: str | None, scope: Scope) -> NotePage:
        """Return notes page by page; see `Memory.list`."""
        wanted = materialised(wanted)
        checked_filter(wanted, self.project.now())
        limit = checks.checked_limit(limit)
        position = None if cursor is None else Cursor.parse(cursor)
        notes = await self._existing_store(scope)
        if notes is None:
            return NotePage((), None, 0)
        page = await notes.page(await notes.filter_of(wanted), limit, position)
        return replace(page, notes=tuple(await self.shown(page.notes)))

    async def conflicts(self, id: str | None = None) -> builtins.list[OpenConflict]:
        """Return the conflicts that are not settled; see `Memory.conflicts`."""
        found = await open_conflicts(await self._existing_stores(None))
        if id is None:
            return found
        whole = (await self._find(id))[1].note.id
        return [conflict for conflict in found if whole in (conflict.note.id, conflict.other.id)]

    async def history(self, id: str) -> Notes:
        """Return the notes that a note replaced; see `Memory.history`."""
        notes, stored = await self._find(id)
        return await notes.history(stored.note.id)

    async def export_notes(self, target: Path, *, scope: Scope, force: bool = False) -> NotesExported:
        """Write notes as Markdown; see `Memory.export_notes`."""
        from aurora_dev.notes import files

        notes = await self._existing_store(scope)
        found = await notes.scan() if notes is not None else []
        return await asyncio.to_thread(files.write_notes, target, [stored.note for stored in found], force=force)

    async def close(self) -> None:
        """Write out the use counts and close the user's store."""
        await asyncio.to_thread(self._uses.flush)
        await self.user.close()

    # -- stores ------------------------------------------------------------------------------------------------

    async def _store(self, scope: Scope) -> NoteStore:
        """Return the notes of a scope; the user's store is created if it is missing."""
        return self.project if checks.checked_scope(scope) == "project" else await self.user.writable()

    async def _existing_store(self, scope: Scope) -> NoteStore | None:
        """Return the notes of a scope; ``None`` for the user's if their store does not exist."""
        if checks.checked_scope(scope) == "user" and not await asyncio.to_thread(self.user.exists):
            return None
        return await self._store(scope)

    async def _existing_stores(self, scope: Scope | None) -> builtins.list[NoteStore]:
        """Return the notes of a scope; ``None`` stands for both, without a user's store that cannot be read."""
        if scope is None:
            user = await self.user.readable()
            return [self.project] if user is None else [self.project, user]
        notes = await self._existing_store(scope)
        return [] if notes is None else [notes]

    async def _find_or_none(self, id: str) -> tuple[NoteStore, Stored] | None:
        for notes in await self._existing_stores(None):
            if stored := await notes.find(id):
                return notes, stored
        return None

    async def _find(self, id: str) -> tuple[NoteStore, Stored]:
        """Return a note and the store that it is in.

        Raises:
            InvalidRequestError: There is no such note.
        """
        found = await self._find_or_none(id)
        if found is None:
            raise no_such_note(id)
        return found

    # -- code --------------------------------------------------------------------------------------------------

    async def _find_code(self, path: str | None, symbol: str | None, scope: Scope) -> tuple[str | None, str | None]:
        """Return the path of the code that a note is about, and the hash of that code; ``None`` for both if unknown.

        Raises:
            InvalidRequestError: The note is the user's, or there is no such file or definition.
        """
        if path is None and symbol is None:
            return None, None
        if scope == "user":
            raise InvalidRequestError(
                "the user's own notes hold across projects and cannot be about the code of one: nothing was stored. "
                "Leave path and symbol out, or use the scope 'project'"
            )
        if path is None:
            named = await self.project.store.scan({"$or": [{"symbols": symbol}, {"symbol": symbol}]})
            values = [record.metadata.get("path") for record in named if is_chunk(record.metadata)]
            paths = {value for value in values if isinstance(value, str) and value}
            if len(paths) != 1:
                return None, None  # unknown, or defined in several files: there is nothing to compare with
            (path,) = paths
        return path, await asyncio.to_thread(self._code.capture, path, symbol)

    async def _code_values(self, old: Note, values: dict[str, Any], scope: Scope) -> dict[str, Any]:
        """Return the fields of a note that tie it to code, for changes of its path or symbol."""
        path = values.get("path", old.path)
        symbol = values.get("symbol", old.symbol if path else None)
        path, code_hash = await self._find_code(path, symbol, scope)
        return {"path": path, "symbol": symbol, "code_hash": code_hash, "stale": None}

    async def _current_code_hash(self, note: Note) -> str | None:
        """Return the code hash to store for an imported note: its own, else that of the code if it exists."""
        if note.code_hash is not None or note.path is None or note.scope == "user":
            return note.code_hash
        try:
            return await asyncio.to_thread(self._code.capture, note.path, note.symbol)
        except InvalidRequestError:
            return None

    def _masked(self, note: files.FileNote) -> files.FileNote:
        """Return a note of a file without credentials."""
        values = dict(note.markdown.values)
        for name in ("kind", "source", "symbol"):
            if name in values:
                values[name] = self._mask.text(values[name])
        if "tags" in values:
            values["tags"] = self._mask.names(values["tags"])
        if "metadata" in values:
            values["metadata"] = self._mask.metadata(values["metadata"])
        content = self._mask.text(note.markdown.content)
        return replace(note, markdown=replace(note.markdown, content=content, values=values))
