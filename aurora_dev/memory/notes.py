"""The calls of `Memory` about notes. They build the values that `aurora_dev.notes` works with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from aurora_dev.core.types import MetadataValue
from aurora_dev.notes.model.types import (
    DEFAULT_IMPORTANCE,
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

if TYPE_CHECKING:
    from aurora_dev.core.contracts import Filter
    from aurora_dev.core.types import SearchResults
    from aurora_dev.indexing.project_index import ProjectIndex
    from aurora_dev.notes.service import NoteService

# In a class with a method `list`, annotations cannot use the type `list`.
Notes: TypeAlias = list[Note]
Conflicts: TypeAlias = list[OpenConflict]


class MemoryNotes:
    """The calls of `Memory` about notes: a mixin for a class with the properties `notes` and `project_index`."""

    @property
    def notes(self) -> NoteService:
        """The notes of the project and of its user.

        Raises:
            StoreClosedError: The memory is not open.
        """
        raise NotImplementedError

    @property
    def project_index(self) -> ProjectIndex:
        """The object that keeps the index current.

        Raises:
            StoreClosedError: The memory is not open.
        """
        raise NotImplementedError

    async def remember(
        self,
        content: str,
        *,
        kind: str = "note",
        tags: Iterable[str] = (),
        importance: int = DEFAULT_IMPORTANCE,
        source: str | None = None,
        expires_in: float | timedelta | None = None,
        supersedes: str | Sequence[str] | None = None,
        path: str | None = None,
        symbol: str | None = None,
        scope: Scope = "project",
        metadata: Mapping[str, MetadataValue] | None = None,
    ) -> Remembered:
        """Store a note. If a note has the same text already, it is counted once more instead of stored twice.

        The same text means: equal apart from blanks, a final full stop, and the capital letter of the first word. Notes
        that say nearly the same are all kept.

        Args:
            content: The text; credentials in it are masked. At most 32 KiB.
            kind: ``decision``, ``pattern``, ``lesson``, ``conflict``, ``convention``, ``note``, or any other name of
                at most 64 characters.
            tags: Names to filter by, as in ``filter={"tags": "auth"}``.
            importance: 1 (trivial) to 10 (vital).
            source: Where it was learned: a person, a link, a file.
            expires_in: Seconds, or a `timedelta`, after which searches no longer find it; ``None``: never.
            supersedes: Id or ids of notes that this one replaces: searches no longer find them, `history` does.
            path: File or folder of the project that it is about; the note is marked stale when that changes or goes.
            symbol: Definition that it is about, as in ``Client.send``; then only that definition's text counts.
            scope: ``user`` stores it in the user's own store, for all projects.
            metadata: Further values to store with it.

        Returns:
            The stored note, whether it is new, possible contradictions with earlier decisions and conventions, and
            notes that say nearly the same.

        Raises:
            InvalidRequestError: The content is empty or too long, or an argument is malformed; nothing was stored.
            StoreError: The store cannot be written; nothing was stored.
        """
        return await self.remember_note(
            NewNote(
                content,
                kind=kind,
                tags=tags,
                importance=importance,
                source=source,
                expires_in=expires_in,
                supersedes=supersedes,
                path=path,
                symbol=symbol,
                scope=scope,
                metadata=metadata,
            )
        )

    async def remember_note(self, new: NewNote) -> Remembered:
        """Store a note that is given as one value; otherwise the same as `remember`."""
        return await self.notes.remember(new)

    async def recall(
        self,
        query: str,
        *,
        kinds: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
        since: float | datetime | timedelta | None = None,
        top_k: int = 5,
        scope: Scope | None = None,
    ) -> SearchResults:
        """Find notes by relevance, recency, importance and use.

        Args:
            query: Words, a sentence or an identifier.
            kinds: Only these kinds.
            tags: Only notes with at least one of these tags.
            since: Only notes created since then: seconds since the epoch, a `datetime`, or how long ago.
            top_k: Number of results, at least 1.
            scope: ``project`` or ``user``; ``None`` searches both. Results of the user's own store have
                ``metadata["scope"] == "user"``.

        Returns:
            Only notes, best first, without expired and superseded ones. ``metadata["stale"]`` says why a note may no
            longer hold.

        Raises:
            InvalidRequestError: The query is empty, or an argument is malformed.
            StoreError: The store cannot be read.
        """
        notices = await self.project_index.before_search()
        found = await self.notes.recall(query, NoteFilter(kinds, tags, since), top_k=top_k, scope=scope)
        found.notices = (*notices, *found.notices)
        return found

    async def get(self, id: str) -> Note | None:
        """Return a note, even an expired or superseded one; ``None`` if there is none.

        Args:
            id: Its id, or the beginning of it (at least 6 characters) if no other id begins so.

        Raises:
            InvalidRequestError: Several ids begin so.
            StoreError: The store cannot be read.
        """
        return await self.notes.get(id)

    async def update(
        self,
        id: str,
        *,
        content: str | None = None,
        kind: str | None = None,
        tags: Iterable[str] | None = None,
        importance: int | None = None,
        source: str | None = None,
        expires_in: float | timedelta | None = None,
        path: str | None = None,
        symbol: str | None = None,
        metadata: Mapping[str, MetadataValue] | None = None,
    ) -> Note:
        """Correct a note; arguments that are ``None`` leave their field as it is.

        The id stays, and `history` keeps the earlier version of the text and the kind.

        Args:
            id: Id of the note, or the beginning of it (at least 6 characters) if no other id begins so.
            content: The new text.
            kind: The new kind.
            tags: All of its tags from now on.
            importance: 1 to 10.
            source: Where it was learned; an empty string removes it.
            expires_in: Seconds from now, or a `timedelta`; 0 means that it does not expire.
            path: File or folder of the project; an empty string removes the link to code. Naming the same path again
                takes the code as it is now, so that the note is no longer stale.
            symbol: Definition; an empty string removes it and leaves the path alone.
            metadata: All of its further values from now on.

        Raises:
            InvalidRequestError: There is no such note, or an argument is malformed; nothing was changed.
            StoreError: The store cannot be written; nothing was changed.
        """
        return await self.update_note(
            id,
            NoteChanges(
                content=content,
                kind=kind,
                tags=tags,
                importance=importance,
                source=source,
                expires_in=expires_in,
                path=path,
                symbol=symbol,
                metadata=metadata,
            ),
        )

    async def update_note(self, id: str, changes: NoteChanges) -> Note:
        """Correct a note with changes that are given as one value; otherwise the same as `update`."""
        return await self.notes.update(id, changes)

    async def keep_both(self, id: str, other: str) -> Note:
        """Settle a conflict: both notes hold. It is not reported again.

        Args:
            id: Id of a note, or the beginning of it (at least 6 characters) if no other id begins so.
            other: Id of the other note, or the beginning of it.

        Returns:
            The first of the two.

        Raises:
            InvalidRequestError: There is no such note, or the two are one.
            StoreError: The store cannot be written.
        """
        return await self.notes.keep_both(id, other)

    async def conflicts(self, id: str | None = None) -> Conflicts:
        """Return the conflicts that are not settled, of the project's notes and the user's, newest first.

        A conflict is settled once one of its notes supersedes the other, is corrected so that the two no longer
        contradict each other, expires or is forgotten, or once `keep_both` says that both hold.

        Args:
            id: Only conflicts of this note.

        Raises:
            InvalidRequestError: There is no such note.
            StoreError: The store cannot be read.
        """
        return await self.notes.conflicts(id)

    async def forget(
        self, ids: str | Sequence[str] | None = None, *, filter: Filter | None = None, scope: Scope | None = None
    ) -> int:
        """Remove notes for good, with their earlier versions; indexed files are never removed.

        Args:
            ids: Whole ids; unknown ones are ignored.
            filter: Remove the notes that match instead, such as ``{"tags": "scratch"}``; see `aurora_dev.core.filters`.
            scope: ``None``: ids of the project and the user, but a filter on the project's notes only.

        Returns:
            Number of notes that there were to remove.

        Raises:
            InvalidRequestError: Neither or both of ids and filter were given, or the filter is empty or malformed.
            StoreError: The store cannot be written.
        """
        return await self.notes.forget(ids, filter=filter, scope=scope)

    async def list(
        self,
        *,
        kinds: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
        limit: int = 50,
        cursor: str | None = None,
        scope: Scope = "project",
    ) -> NotePage:
        """Return notes page by page, newest first, without expired and superseded ones.

        Args:
            kinds: Only these kinds.
            tags: Only notes with at least one of these tags.
            limit: Notes on a page, 1 to 1,000.
            cursor: The ``next_cursor`` of the page before.
            scope: Scope of the notes.

        Raises:
            InvalidRequestError: An argument is malformed.
            StoreError: The store cannot be read.
        """
        return await self.notes.list(NoteFilter(kinds, tags), limit=limit, cursor=cursor, scope=scope)

    async def history(self, id: str) -> Notes:
        """Return what a note replaced, newest first: superseded notes and its own earlier versions.

        Raises:
            InvalidRequestError: There is no such note.
            StoreError: The store cannot be read.
        """
        return await self.notes.history(id)

    async def prune(self, *, dry_run: bool = True, scope: Scope = "project") -> Pruned:
        """Remove expired notes, and those that were superseded more than 90 days ago.

        Args:
            dry_run: Only return the notes that would be removed.
            scope: Scope of the notes.

        Raises:
            StoreError: The store cannot be read or written.
        """
        return await self.notes.prune(dry_run=dry_run, scope=scope)

    async def export_notes(
        self, target: str | Path, *, scope: Scope = "project", replace: bool = False
    ) -> NotesExported:
        """Write all notes as Markdown with front matter, to read, edit and commit.

        Args:
            target: A folder (one file for each note), or a file that ends in ``.md`` (all notes).
            scope: Scope of the notes.
            replace: Whether to replace files that hold something else than these notes.

        Raises:
            InvalidRequestError: A file that would be replaced holds something else, or was edited and not imported;
                nothing was written.
            StoreError: The store cannot be read.
        """
        return await self.notes.export_notes(Path(target), scope=scope, force=replace)

    async def import_notes(self, source: str | Path, *, scope: Scope = "project") -> NotesImported:
        """Read notes from Markdown that `export_notes` wrote or that was written by hand.

        Edited text updates a note. Notes whose files are missing stay.

        Args:
            source: A file, or a folder with its subfolders.
            scope: Scope of the notes.

        Raises:
            InvalidRequestError: A file is malformed; the message names file and line of each problem, and nothing was
                imported.
            StoreError: The store cannot be written.
        """
        return await self.notes.import_notes(Path(source), scope=scope)
