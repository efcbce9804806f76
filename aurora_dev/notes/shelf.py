"""All memories that an application sees: those of the project, and those of its user."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.core.backend import Filter
from aurora_dev.core.commits import COMMIT_KIND
from aurora_dev.core.context_sources import relevant_notes
from aurora_dev.core.secrets import mask_secrets
from aurora_dev.core.types import MetadataValue, Notice, SearchResult, SearchResults
from aurora_dev.errors import InvalidRequestError, StoreError
from aurora_dev.log import get_logger
from aurora_dev.notes import checks, exchange
from aurora_dev.notes.blend import blended, inserted
from aurora_dev.notes.book import Draft, NoteBook, Stored
from aurora_dev.notes.code import CodeWatch
from aurora_dev.notes.markdown import note_of as note_of_file
from aurora_dev.notes.paging import Cursor
from aurora_dev.notes.recall import ranked
from aurora_dev.notes.records import IS_NOTE, all_of, document_of, is_note, note_of, of_kinds_and_tags
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

_log = get_logger(__name__)

Notes = list[Note]
_OF_USER: Final = 10  # of the user's memories are looked at in a search of the project
_WATCHED: Final[Filter] = {"code_hash": {"$exists": True}, "superseded_by": {"$exists": False}}


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
        self._code = CodeWatch(root)

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
        place, code_hash = await self._placed(path, symbol, scope)
        seconds = 0.0 if expires_in is None else checks.checked_expiry(expires_in)
        draft = Draft(
            content=text,
            kind=checks.checked_name(kind, "kind"),
            tags=checks.checked_names(tags, "tag"),
            importance=checks.checked_importance(importance),
            source=checks.checked_source(source),
            expires_at=self.project.now() + seconds if seconds else None,
            supersedes=checks.checked_ids(supersedes, "supersedes"),
            path=place,
            symbol=checks.checked_symbol(symbol),
            code_hash=code_hash,
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
        book, stored = await self._find(id)
        now = book.now()
        # What is not said about the code stays; what is said is looked at as it is now.
        place, name = stored.note.path, stored.note.symbol
        code_hash = stored.note.code_hash
        tied = path is not None or symbol is not None
        if tied:
            place = place if path is None else path
            name = symbol if symbol is not None else (name if place else None)
            place, code_hash = await self._placed(place, name, book.scope)
            name = checks.checked_symbol(name)

        def changed(old: Note) -> Note:
            note = replace(
                old,
                content=old.content if text is None else text,
                kind=old.kind if new_kind is None else new_kind,
                tags=old.tags if names is None else names,
                importance=old.importance if weight is None else weight,
                source=old.source if source is None else origin,
                expires_at=old.expires_at if seconds is None else (now + seconds if seconds else None),
                metadata=old.metadata if more is None else more,
            )
            return replace(note, path=place, symbol=name, code_hash=code_hash, stale=None) if tied else note

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
        if wanted_scope != "user":
            found.append(await ranked(self.project, query, filter, top_k, counts, now))
        if wanted_scope != "project":
            own = await self.user.tried(lambda book: ranked(book, query, filter, top_k, counts, now), notices)
            found += [] if own is None else [own]
        results = [result for part in found for result in part]
        results.sort(key=lambda result: (-result.score, result.id))
        whole = found[0] if found else SearchResults()
        best = results[:top_k]
        await asyncio.to_thread(self._uses.add, [result.id for result in best])
        whole = SearchResults(
            best,
            search_method=whole.search_method,
            message=whole.message,
            notices=(*whole.notices, *notices),
            degraded=whole.degraded,
            timings=whole.timings,
        )
        return await self.shown_results(whole)

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
        found = await (await self._book(scope)).every()
        return await asyncio.to_thread(exchange.write, target, [stored.note for stored in found])

    async def import_notes(self, source: Path, *, scope: Scope) -> NotesImported:
        """Read Markdown; see `Memory.import_notes`."""
        book = await self._book(scope)
        places = await asyncio.to_thread(exchange.read, source)
        masked = [
            exchange.Place(place.file, replace(place.written, content=self._masked(place.written.content)))
            for place in places
        ]
        done = await book.take_in([place for place in masked if place.id is not None], self._looked_at)
        for place in masked:
            if place.id is not None:
                continue
            values = place.written.values
            note = note_of_file(place.written, None, id="", now=book.now())
            draft = Draft(
                content=note.content,
                kind=note.kind,
                tags=note.tags,
                importance=note.importance,
                source=note.source,
                expires_at=note.expires_at,
                supersedes=values.get("supersedes", ()),
                path=note.path,
                symbol=note.symbol,
                code_hash=await self._looked_at(note),
                metadata=dict(note.metadata),
            )
            stored = await book.remember(draft)
            done = done.with_one(stored.id, is_new=stored.is_new)
        return done

    async def _looked_at(self, note: Note) -> str | None:
        """Return what the code of a memory is now, where it is there; a file that is imported may know better."""
        if note.code_hash is not None or note.path is None or note.scope == "user":
            return note.code_hash
        try:
            return await asyncio.to_thread(self._code.capture, note.path, note.symbol)
        except InvalidRequestError:
            return None

    async def close(self) -> None:
        """Write out the counts and release the user's store."""
        await asyncio.to_thread(self._uses.flush)
        await self.user.close()

    # -- parts -------------------------------------------------------------------------------------------------

    async def _placed(self, path: str | None, symbol: str | None, scope: Scope) -> tuple[str | None, str | None]:
        """Return the path that a memory is about, and the hash of what is there."""
        place = checks.checked_path(path) if path else None
        name = checks.checked_symbol(symbol)
        if place is None and name is None:
            return None, None
        if scope == "user":
            raise InvalidRequestError(
                "what is true across projects cannot be about the code of one: nothing was stored. Leave path and "
                "symbol out, or remember it for the project"
            )
        if place is None:
            named = await self.project.store.scan({"$or": [{"symbols": name}, {"symbol": name}]})
            paths = {str(one.metadata["path"]) for one in named if "file_hash" in one.metadata}
            if len(paths) != 1:
                return None, None  # unknown, or defined in several files: there is nothing to compare with
            (place,) = paths
        return place, await asyncio.to_thread(self._code.capture, place, name)

    def _masked(self, content: str) -> str:
        return mask_secrets(content)[0] if self._mask else content

    async def _shown(self, notes: Iterable[Note]) -> Notes:
        """Return memories as they are shown: with their uses, and with whether their code is as it was."""

        def looked_at() -> Notes:
            counts = self._uses.counts()
            return [replace(note, uses=counts[note.id], stale=self._stale(note)) for note in notes]

        return await asyncio.to_thread(looked_at)

    def _stale(self, note: Note) -> str | None:
        if note.scope == "user" or note.path is None or note.code_hash is None:
            return note.stale
        return self._code.stale(note.path, note.symbol, note.code_hash)

    async def shown_results(self, results: SearchResults) -> SearchResults:
        """Return results in which memories say whether they are stale."""

        def looked_at(result: SearchResult) -> SearchResult:
            if not is_note(result.metadata):
                return result
            scope: Scope = "user" if result.metadata.get("scope") == "user" else "project"
            note = note_of(result.id, result.content, result.metadata, scope)
            metadata = {key: value for key, value in result.metadata.items() if key != "stale"}
            if (why := self._stale(note)) is not None:
                metadata["stale"] = why
            return replace(result, metadata=metadata)

        if not any(is_note(result.metadata) for result in results):
            return results
        return results.replace(await asyncio.to_thread(lambda: [looked_at(result) for result in results]))

    async def blend(self, query: str, results: SearchResults, top_k: int, filter: Filter | None) -> SearchResults:
        """Add to a search of the project what the user's own memories say, and tell which memories are stale.

        Args:
            query: What was asked.
            results: Of the project.
            top_k: How many are wanted.
            filter: Conditions of the search; the user's memories must meet them too.
        """
        notices: builtins.list[Notice] = []
        others = await self._of_user(query, filter, notices)
        if others is not None:
            results = blended(query, results, others, top_k)
        if notices:
            results = results.with_notices(notices)
        return await self.shown_results(results)

    async def about(self, task: str, count: int) -> builtins.list[SearchResult]:
        """Return memories of the project and the user that are near a task, nearest first."""
        found = await self.project.store.search(task, count, rerank=False, filter=IS_NOTE)
        others = await self._of_user(task, None, [])
        merged = inserted(found, relevant_notes(task, others)) if others is not None else list(found)
        return list(await self.shown_results(SearchResults(merged)))

    async def _of_user(self, query: str, filter: Filter | None, notices: builtins.list[Notice]) -> SearchResults | None:
        """Search the user's memories; ``None`` where there are none."""

        async def search(book: NoteBook) -> SearchResults:
            found = await book.store.search(query, _OF_USER, rerank=False, filter=all_of(IS_NOTE, filter))
            return found.replace([replace(one, metadata={**one.metadata, "scope": "user"}) for one in found])

        others = await self.user.tried(search, notices)
        for notice in others.notices if others is not None else ():
            notices.append(Notice(f"user_store_{notice.code}", f"in the user's own memories: {notice.text}"))
        return others

    async def mark_stale(self) -> int:
        """Note down, in the store, which of the project's memories are stale by now and which no longer are.

        Returns:
            How many were changed. A store that cannot be written is left as it is.
        """
        watched = await self.project.every(_WATCHED)
        changed = 0
        for stored in watched:
            why = await asyncio.to_thread(self._stale, stored.note)
            if why == stored.note.stale:
                continue
            marked = document_of(replace(stored.note, stale=why))
            try:
                # Whoever changes the memory at the same time is right.
                changed += await self.project.store.write_if({stored.note.id: stored.document}, [marked], masked=True)
            except StoreError as error:
                _log.info("notes.stale_not_marked", error=error)
                break
        return changed

    async def _book(self, scope: Scope) -> NoteBook:
        if checks.checked_scope(scope) == "project":
            return self.project
        return await self.user.writable()

    async def _books(self, scope: Scope | None) -> builtins.list[NoteBook]:
        """Return the books of a scope, or all; the user's only where there is one that can be read."""
        books = [] if scope == "user" else [self.project]
        if scope == "user":
            books.append(await self.user.writable())
        elif scope is None and (own := await self.user.readable()) is not None:
            books.append(own)
        return books

    async def _find(self, id: str) -> tuple[NoteBook, Stored]:
        for book in await self._books(None):
            if stored := await book.find(id):
                return book, stored
        return self.project, await self.project.one(id)
