"""All memories that an application sees: those of the project, and those of its user."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from aurora_dev.core.contracts import Filter
from aurora_dev.core.record_kinds import is_chunk
from aurora_dev.core.text.secrets import mask_secrets
from aurora_dev.core.types import MetadataValue
from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes import files as exchange
from aurora_dev.notes.markdown import Written
from aurora_dev.notes.markdown import note_of as note_of_file
from aurora_dev.notes.model import checks
from aurora_dev.notes.model.paging import Cursor
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
from aurora_dev.notes.reader import NoteReader
from aurora_dev.notes.similarity.conflicts import conflicts_of
from aurora_dev.notes.similarity.nearest import similar_notes
from aurora_dev.notes.staleness import StalenessCheck
from aurora_dev.notes.store import Draft, NoteStore, Stored
from aurora_dev.notes.user_store import UserNotes
from aurora_dev.notes.uses import Uses

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore

Notes = list[Note]
_Text = TypeVar("_Text", bound="str | None")


class NoteService(NoteReader):
    """The memories of a project and of its user.

    Args:
        store: The project's store.
        root: The project's folder.
        mask: Whether credentials are masked.
        uses: Where uses are counted.
        user: The user's own memories.
    """

    def __init__(self, store: VectorStore, root: Path, *, mask: bool, uses: Uses, user: UserNotes) -> None:
        super().__init__(NoteStore(store, "project"), user, uses, StalenessCheck(root))
        self._mask = mask

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
            source=self._masked(checks.checked_source(source)),
            expires_at=self.project.now() + seconds if seconds else None,
            supersedes=checks.checked_ids(supersedes, "supersedes"),
            path=place,
            symbol=checks.checked_symbol(symbol),
            code_hash=code_hash,
            metadata=self._masked_metadata(checks.checked_metadata(metadata)),
        )
        if scope == "user":
            return await (await self.user.writable()).remember(draft)
        stored = await self.project.remember(draft)
        # What the user holds in every project may speak against it as well.
        near = await self.user.tried(lambda book: similar_notes(book.store, draft.content, "user"), [])
        return replace(stored, conflicts=(*stored.conflicts, *conflicts_of(stored, near or ())))

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
        origin = self._masked(checks.checked_source(source))
        seconds = None if expires_in is None else checks.checked_expiry(expires_in)
        more = None if metadata is None else self._masked_metadata(checks.checked_metadata(metadata))
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
            book = await self._book_to_read(wanted or "project")
            return await book.forget(None, filter) if book is not None else 0
        named = checks.checked_ids(ids, "ids")
        return sum([await book.forget(named, None) for book in await self._books(wanted)])

    async def prune(self, *, dry_run: bool, scope: Scope) -> Pruned:
        """Remove what is over; see `Memory.prune`."""
        book = await self._book_to_read(scope)
        return await book.prune(dry_run=dry_run) if book is not None else Pruned((), (), dry_run)

    # -- reading -----------------------------------------------------------------------------------------------

    async def get(self, id: str) -> Note | None:
        """Return a memory; see `Memory.get`."""
        for book in await self._books(None):
            if stored := await book.find(id):
                return (await self.shown([stored.note]))[0]
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
        book = await self._book_to_read(scope)
        if book is None:
            return NotePage((), None, 0)
        page = await book.page(of_kinds, of_tags, limit, place)
        return replace(page, notes=tuple(await self.shown(page.notes)))

    async def history(self, id: str) -> Notes:
        """Return what a memory replaced; see `Memory.history`."""
        book, stored = await self._find(id)
        return await book.history(stored.note.id)

    async def export_notes(self, target: Path, *, scope: Scope) -> NotesExported:
        """Write Markdown; see `Memory.export_notes`."""
        book = await self._book_to_read(scope)
        found = await book.every() if book is not None else []
        return await asyncio.to_thread(exchange.write, target, [stored.note for stored in found])

    async def import_notes(self, source: Path, *, scope: Scope) -> NotesImported:
        """Read Markdown; see `Memory.import_notes`."""
        book = await self._book(scope)
        places = await asyncio.to_thread(exchange.read, source)
        masked = [replace(place, written=self._masked_file(place.written)) for place in places]
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
            paths = {str(one.metadata["path"]) for one in named if is_chunk(one.metadata)}
            if len(paths) != 1:
                return None, None  # unknown, or defined in several files: there is nothing to compare with
            (place,) = paths
        return place, await asyncio.to_thread(self._code.capture, place, name)

    def _masked(self, text: _Text) -> _Text:
        """Return a text without credentials."""
        return cast("_Text", mask_secrets(text)[0]) if self._mask and text is not None else text

    def _masked_metadata(self, metadata: Mapping[str, MetadataValue]) -> dict[str, MetadataValue]:
        def clean(value: MetadataValue) -> MetadataValue:
            if isinstance(value, str):
                return self._masked(value)
            # What cannot be stored is refused by the store, which names it.
            is_list = isinstance(value, builtins.list) and all(isinstance(part, str) for part in value)
            return [self._masked(part) for part in cast("Sequence[str]", value)] if is_list else value

        return {key: clean(value) for key, value in metadata.items()}

    def _masked_file(self, written: Written) -> Written:
        values = dict(written.values)
        if "source" in values:
            values["source"] = self._masked(values["source"])
        if "metadata" in values:
            values["metadata"] = self._masked_metadata(values["metadata"])
        return replace(written, content=self._masked(written.content), values=values)

    async def _book(self, scope: Scope) -> NoteStore:
        if checks.checked_scope(scope) == "project":
            return self.project
        return await self.user.writable()

    async def _book_to_read(self, scope: Scope) -> NoteStore | None:
        """Return the book of a scope; ``None`` for the user's where there is none, which reading must not make."""
        if checks.checked_scope(scope) == "user" and not await asyncio.to_thread(self.user.exists):
            return None
        return await self._book(scope)

    async def _books(self, scope: Scope | None) -> builtins.list[NoteStore]:
        """Return the books of a scope, or all; the user's only where there is one that can be read."""
        books = [] if scope == "user" else [self.project]
        if scope == "user" and (chosen := await self._book_to_read(scope)) is not None:
            books.append(chosen)
        elif scope is None and (own := await self.user.readable()) is not None:
            books.append(own)
        return books

    async def _find(self, id: str) -> tuple[NoteStore, Stored]:
        for book in await self._books(None):
            if stored := await book.find(id):
                return book, stored
        return self.project, await self.project.one(id)
