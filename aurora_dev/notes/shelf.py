"""All memories that an application sees: those of the project, and those of its user."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.core.backend import Filter
from aurora_dev.core.commits import COMMIT_KIND
from aurora_dev.core.secrets import mask_secrets
from aurora_dev.core.types import MetadataValue, Notice, SearchResults
from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes import checks
from aurora_dev.notes.book import Draft, NoteBook, Stored
from aurora_dev.notes.paging import Cursor
from aurora_dev.notes.recall import ranked
from aurora_dev.notes.records import IS_NOTE, all_of, of_kinds_and_tags, with_uses
from aurora_dev.notes.types import (
    DEFAULT_IMPORTANCE,
    Note,
    NotePage,
    NotesExported,
    NotesImported,
    Pruned,
    Remembered,
    Scope,
)
from aurora_dev.notes.user import UserBook
from aurora_dev.notes.uses import Uses

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore

Notes = list[Note]


class Shelf:
    """The memories of a project and of its user.

    Args:
        store: The project's store.
        root: The project's folder.
        mask: Whether credentials are masked.
        uses: Where uses are counted.
        user: The user's own memories.
    """

    def __init__(self, store: VectorStore, root: Path, *, mask: bool, uses: Uses, user: UserBook) -> None:
        self.project = NoteBook(store, "project")
        self.user = user
        self._root = root
        self._mask = mask
        self._uses = uses

    # -- writing -----------------------------------------------------------------------------------------------

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
        """Store something that was learned; see `Memory.remember`."""
        scope = checks.checked_scope(scope)
        text = self._masked(checks.checked_content(content))
        seconds = 0.0 if expires_in is None else checks.checked_expiry(expires_in)
        draft = Draft(
            content=text,
            kind=checks.checked_name(kind, "kind"),
            tags=checks.checked_names(tags, "tag"),
            importance=checks.checked_importance(importance),
            source=checks.checked_source(source),
            expires_at=self.project.now() + seconds if seconds else None,
            supersedes=checks.checked_ids(supersedes, "supersedes"),
            path=checks.checked_path(path) if path else None,
            symbol=symbol or None,
            code_hash=None,
            metadata=checks.checked_metadata(metadata),
        )
        book = self.project if scope == "project" else await self.user.writable()
        return await book.remember(draft)

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
        """Correct a memory; see `Memory.update`."""
        text = None if content is None else self._masked(checks.checked_content(content))
        new_kind = None if kind is None else checks.checked_name(kind, "kind")
        names = None if tags is None else checks.checked_names(tags, "tag")
        weight = None if importance is None else checks.checked_importance(importance)
        origin = checks.checked_source(source)
        seconds = None if expires_in is None else checks.checked_expiry(expires_in)
        more = None if metadata is None else checks.checked_metadata(metadata)
        place = checks.checked_path(path) if path else path
        book, stored = await self._find(id)
        now = book.now()

        def changed(stored: Stored) -> tuple[Note, str | None]:
            old = stored.note
            note = replace(
                old,
                content=old.content if text is None else text,
                kind=old.kind if new_kind is None else new_kind,
                tags=old.tags if names is None else names,
                importance=old.importance if weight is None else weight,
                source=old.source if source is None else origin,
                expires_at=old.expires_at if seconds is None else (now + seconds if seconds else None),
                metadata=old.metadata if more is None else more,
                path=old.path if place is None else (place or None),
                symbol=old.symbol if symbol is None else (symbol or None),
            )
            return note, stored.code_hash

        return await book.change(stored.note.id, changed)

    async def forget(
        self, ids: str | Sequence[str] | None = None, *, filter: Filter | None = None, scope: Scope | None = None
    ) -> int:
        """Remove memories for good; see `Memory.forget`."""
        if (ids is None) == (filter is None):
            raise InvalidRequestError("forget takes either ids or filter: nothing was removed")
        wanted = None if scope is None else checks.checked_scope(scope)
        if filter is not None:
            book = self.project if wanted != "user" else await self.user.writable()
            return await book.forget(None, filter)
        named = checks.checked_ids(ids, "ids")
        return sum([await book.forget(named, None) for book in await self._books(wanted)])

    async def prune(self, *, dry_run: bool, scope: Scope) -> Pruned:
        """Remove what is over; see `Memory.prune`."""
        return await (await self._book(scope)).prune(dry_run=dry_run)

    # -- reading -----------------------------------------------------------------------------------------------

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
        """Find memories; see `Memory.recall`."""
        wanted_scope = None if scope is None else checks.checked_scope(scope)
        of_kinds = None if kinds is None else checks.checked_names(kinds, "kind")
        of_tags = None if tags is None else checks.checked_names(tags, "tag")
        now = self.project.now()
        when: Filter | None = None if since is None else {"created_at": {"$gte": checks.checked_since(since, now)}}
        # Commits are memories, too, where they are asked for by their kind.
        base = IS_NOTE if of_kinds is None or COMMIT_KIND not in of_kinds else {"file_hash": {"$exists": False}}
        filter = all_of(base, of_kinds_and_tags(of_kinds, of_tags), when)
        found = []
        notices: builtins.list[Notice] = []
        counts = await asyncio.to_thread(self._uses.counts)
        for book in await self._books(wanted_scope, notices):
            found.append(await ranked(book, query, filter, top_k, counts, now))
        results = [result for part in found for result in part]
        results.sort(key=lambda result: (-result.score, result.id))
        whole = found[0] if found else SearchResults()
        best = results[:top_k]
        await asyncio.to_thread(self._uses.add, [result.id for result in best])
        return SearchResults(
            best,
            search_method=whole.search_method,
            message=whole.message,
            notices=(*whole.notices, *notices),
            degraded=whole.degraded,
            timings=whole.timings,
        )

    async def get(self, id: str) -> Note | None:
        """Return a memory; see `Memory.get`."""
        for book in await self._books(None):
            if stored := await book.find(id):
                return (await self._shown([stored.note]))[0]
        return None

    async def list(
        self,
        *,
        kinds: Iterable[str] | None,
        tags: Iterable[str] | None,
        limit: int,
        cursor: str | None,
        scope: Scope,
    ) -> NotePage:
        """Return memories page by page; see `Memory.list`."""
        of_kinds = None if kinds is None else checks.checked_names(kinds, "kind")
        of_tags = None if tags is None else checks.checked_names(tags, "tag")
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= checks.MAX_PAGE:
            raise InvalidRequestError(f"limit must be a whole number from 1 to {checks.MAX_PAGE}, not {limit!r:.80}")
        place = None if cursor is None else Cursor.parse(cursor)
        page = await (await self._book(scope)).page(of_kinds, of_tags, limit, place)
        return replace(page, notes=tuple(await self._shown(page.notes)))

    async def history(self, id: str) -> Notes:
        """Return what a memory replaced; see `Memory.history`."""
        book, stored = await self._find(id)
        return await book.history(stored.note.id)

    async def export_notes(self, target: Path, *, scope: Scope) -> NotesExported:
        """Write Markdown; see `Memory.export_notes`."""
        raise InvalidRequestError("not yet")

    async def import_notes(self, source: Path, *, scope: Scope) -> NotesImported:
        """Read Markdown; see `Memory.import_notes`."""
        raise InvalidRequestError("not yet")

    async def close(self) -> None:
        """Write out the counts and release the user's store."""
        await asyncio.to_thread(self._uses.flush)
        await self.user.close()

    # -- parts -------------------------------------------------------------------------------------------------

    def _masked(self, content: str) -> str:
        return mask_secrets(content)[0] if self._mask else content

    async def _shown(self, notes: Iterable[Note]) -> Notes:
        counts = await asyncio.to_thread(self._uses.counts)
        return [with_uses(note, counts[note.id]) for note in notes]

    async def _book(self, scope: Scope) -> NoteBook:
        if checks.checked_scope(scope) == "project":
            return self.project
        return await self.user.writable()

    async def _books(
        self, scope: Scope | None, notices: builtins.list[Notice] | None = None
    ) -> builtins.list[NoteBook]:
        """Return the books of a scope, or all; the user's only where there is one."""
        books = [] if scope == "user" else [self.project]
        if scope != "project" and (own := await self.user.readable(notices)) is not None:
            books.append(own)
        return books

    async def _find(self, id: str) -> tuple[NoteBook, Stored]:
        for book in await self._books(None):
            if stored := await book.find(id):
                return book, stored
        return self.project, await self.project.one(id)
