"""The calls of `Memory` about memories; what they do is in `aurora_dev.notes`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from aurora_dev.core.types import MetadataValue
from aurora_dev.notes.model.types import (
    DEFAULT_IMPORTANCE,
    Note,
    NotePage,
    NotesExported,
    NotesImported,
    Pruned,
    Remembered,
    Scope,
)

if TYPE_CHECKING:
    from aurora_dev.core.contracts import Filter
    from aurora_dev.core.types import SearchResults
    from aurora_dev.indexing.project_index import ProjectIndex
    from aurora_dev.notes.service import NoteService

# A class with a method of the name "list" cannot name the type.
Notes: TypeAlias = list[Note]


class MemoryNotes:
    """What `Memory` can do with memories. A mixin: it expects the shelf of the class that it is mixed into."""

    @property
    def notes(self) -> NoteService:
        """The memories of the project and of its user.

        Raises:
            StoreClosedError: The memory is not open.
        """
        raise AttributeError("the class that this is mixed into has the shelf")

    @property
    def project_index(self) -> ProjectIndex:
        """What keeps the index true; see `notes`."""
        raise AttributeError("the class that this is mixed into has it")

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
        """Store something that was learned; what says the same as before is counted, not stored twice.

        Args:
            content: The text; credentials in it are masked. At most 32 KiB.
            kind: ``decision``, ``pattern``, ``lesson``, ``conflict``, ``convention``, ``note``, or any other name of
                at most 64 characters.
            tags: Names to filter by, as in ``filter={"tags": "auth"}``.
            importance: 1 (trivial) to 10 (vital).
            source: Where it was learned: a person, a link, a file.
            expires_in: Seconds, or a `timedelta`, after which it is no longer found; ``None``: never.
            supersedes: Id or ids of memories that this one replaces: searches no longer find them, `history` does.
            path: File or folder of the project that it is about; the memory is marked stale when that changes or goes.
            symbol: Definition that it is about, as in ``Client.send``; then only that definition's text counts.
            scope: ``user`` keeps it in the user's own store, for all projects.
            metadata: More that is stored with it.

        Returns:
            What is stored now; whether it is new; likely contradictions with earlier decisions and conventions.

        Raises:
            InvalidRequestError: The content is empty or too long, or an argument is not usable; nothing was stored.
            StoreError: The store cannot be written; nothing was stored.
        """
        return await self.notes.remember(
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
        """Find memories, by relevance blended with recency, importance and use.

        Args:
            query: Words, a sentence or an identifier.
            kinds: Only these kinds.
            tags: Only memories with one of these tags at least.
            since: Only what was learned since then: seconds since the epoch, a `datetime`, or how long ago.
            top_k: How many, at least 1.
            scope: ``project`` or ``user``; ``None`` searches both. Results of the user's own store say
                ``metadata["scope"] == "user"``.

        Returns:
            Memories only, best first, none that is expired or superseded. ``metadata["stale"]`` says why one may no
            longer hold.

        Raises:
            InvalidRequestError: The query is empty, or an argument is not usable.
            StoreError: The store cannot be read.
        """
        notices = await self.project_index.before_search()
        found = await self.notes.recall(query, kinds=kinds, tags=tags, since=since, top_k=top_k, scope=scope)
        found.notices = (*notices, *found.notices)
        return found

    async def get(self, id: str) -> Note | None:
        """Return a memory, also one that is expired or superseded; ``None`` where there is none.

        Args:
            id: Its id, or the beginning of it (at least 6 characters) where no other begins so.
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
        """Correct a memory; what is ``None`` stays as it is. The id stays, an earlier wording is kept in `history`.

        Args:
            id: Its id, or the beginning of it where no other begins so.
            content: The new text.
            kind: The new kind.
            tags: All of its tags from now on.
            importance: 1 to 10.
            source: An empty string removes it.
            expires_in: From now on; 0 means that it does not expire.
            path: An empty string unties it from code. Naming the same path again takes the code as it is now, so that
                the memory is no longer stale.
            symbol: An empty string leaves the path alone.
            metadata: All of its own metadata from now on.

        Raises:
            InvalidRequestError: There is no such memory, or an argument is not usable; nothing was changed.
            StoreError: The store cannot be written; nothing was changed.
        """
        return await self.notes.update(
            id,
            content=content,
            kind=kind,
            tags=tags,
            importance=importance,
            source=source,
            expires_in=expires_in,
            path=path,
            symbol=symbol,
            metadata=metadata,
        )

    async def forget(
        self, ids: str | Sequence[str] | None = None, *, filter: Filter | None = None, scope: Scope | None = None
    ) -> int:
        """Remove memories for good, with their history; files of the project that are indexed are not touched.

        Args:
            ids: Which; unknown ones are ignored. Beginnings of ids are not taken here.
            filter: Or those that match, such as ``{"tags": "scratch"}``; see `aurora_dev.core.filters`.
            scope: ``None``: ids of the project and the user, and a filter on the project's alone.

        Returns:
            How many memories there were to remove.

        Raises:
            InvalidRequestError: Neither or both of ids and filter were given, or the filter is empty or wrong.
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
        """Return memories page by page, newest first; none that is expired or superseded.

        Args:
            kinds: Only these kinds.
            tags: Only memories with one of these tags at least.
            limit: How many, 1 to 1,000.
            cursor: The ``next_cursor`` of the page before.
            scope: Whose.

        Raises:
            InvalidRequestError: An argument is not usable.
            StoreError: The store cannot be read.
        """
        return await self.notes.list(kinds=kinds, tags=tags, limit=limit, cursor=cursor, scope=scope)

    async def history(self, id: str) -> Notes:
        """Return what a memory replaced, newest first: superseded memories and earlier wordings of its own.

        Raises:
            InvalidRequestError: There is no such memory.
        """
        return await self.notes.history(id)

    async def prune(self, *, dry_run: bool = True, scope: Scope = "project") -> Pruned:
        """Remove memories that have expired, and those that were superseded more than 90 days ago.

        Args:
            dry_run: Only say what would be removed.
            scope: Whose.
        """
        return await self.notes.prune(dry_run=dry_run, scope=scope)

    async def export_notes(self, target: str | Path, *, scope: Scope = "project") -> NotesExported:
        """Write memories as Markdown with front matter, to be read, edited and committed.

        Args:
            target: A folder (one file for each memory), or a file that ends in ``.md`` (all of them).
            scope: Whose.

        Raises:
            InvalidRequestError: A file that would be replaced was edited and not imported; nothing was written.
            StoreError: The store cannot be read.
        """
        return await self.notes.export_notes(Path(target), scope=scope)

    async def import_notes(self, source: str | Path, *, scope: Scope = "project") -> NotesImported:
        """Read Markdown that `export_notes` wrote, or that was written by hand; edited text becomes an update.

        Memories whose files are missing stay.

        Raises:
            InvalidRequestError: A file is not usable; the text names file and line of each problem, and nothing was
                imported.
            StoreError: The store cannot be written.
        """
        return await self.notes.import_notes(Path(source), scope=scope)
