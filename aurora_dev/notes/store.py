"""The memories of one store: remembered, corrected, replaced, listed and forgotten, by several processes at once.

Nothing is written on the strength of what may have changed since it was read: each write names the records that it
was decided by, is refused where one of them is another by now (`VectorStore.write_if`), and is then decided anew.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

from aurora_dev.core.contracts import Filter
from aurora_dev.core.filters import all_of, is_everything, parse_filter
from aurora_dev.core.record_kinds import IS_NOTE, is_note
from aurora_dev.core.search.hidden import is_hidden
from aurora_dev.core.types import Document, MetadataValue, SearchResult
from aurora_dev.errors import InvalidRequestError, StoreLockedError
from aurora_dev.notes.files import Place, same
from aurora_dev.notes.markdown import note_of as note_of_written
from aurora_dev.notes.model.paging import Cursor
from aurora_dev.notes.model.records import (
    document_of,
    is_wording,
    note_id,
    note_of,
    of_kinds_and_tags,
    plain_id,
    wording_id,
)
from aurora_dev.notes.model.types import Conflict, Note, NotePage, NotesImported, Pruned, Remembered, Scope
from aurora_dev.notes.similarity.conflicts import conflicts_of
from aurora_dev.notes.similarity.duplicates import is_duplicate, is_same, richer
from aurora_dev.notes.similarity.nearest import Similar, similar_notes

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore

# Each attempt that fails is one in which another process succeeded; so many in a row are no accident.
_ATTEMPTS: Final = 20
_MOST_ORDINALS: Final = 100  # memories that began with the same words and were all corrected to something else
MIN_PREFIX: Final = 6  # characters of an id that are enough; shorter ones are guesses
# How long a replaced memory stays readable in the history before `prune` takes it.
KEEP_SUPERSEDED: Final = 90 * 86_400.0

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be remembered, checked, with credentials masked."""

    content: str
    kind: str
    tags: tuple[str, ...]
    importance: int
    source: str | None
    expires_at: float | None
    supersedes: tuple[str, ...]
    path: str | None
    symbol: str | None
    code_hash: str | None
    metadata: dict[str, MetadataValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """A memory and the document that it was read from."""

    note: Note
    document: Document


class NoteStore:
    """The memories of one store. Safe to use from several tasks, threads and processes at once.

    Args:
        store: Where they are.
        scope: Whose they are.
        clock: Seconds since the epoch; for tests.
    """

    def __init__(self, store: VectorStore, scope: Scope, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.scope: Scope = scope
        self._clock = clock

    def now(self) -> float:
        """Return the time, in whole microseconds: so many are written out in Markdown."""
        return round(self._clock(), 6)

    # -- reading -----------------------------------------------------------------------------------------------

    async def fetch(self, ids: Sequence[str]) -> dict[str, Stored]:
        """Return the memories that exist among ``ids``, whatever has become of them."""
        found = await self.store.fetch(list(ids)) if ids else []
        return {str(one.id): self._stored(one) for one in found if is_note(one.metadata)}

    async def find(self, id: str) -> Stored | None:
        """Return the memory of an id, or of the beginning of one that is not ambiguous.

        Raises:
            InvalidRequestError: Several ids begin so.
        """
        if not isinstance(id, str) or not id:
            raise InvalidRequestError(f"id must be the id of a memory, not {id!r:.100}: nothing was done")
        if stored := (await self.fetch([id])).get(id):
            return stored
        if len(id) < MIN_PREFIX:
            return None
        ids = [record.id for record in await self.store.scan(IS_NOTE) if record.id.startswith(id)]
        if len(ids) > 1:
            raise InvalidRequestError(
                f"{len(ids)} memories have ids that begin with '{id}': nothing was done. Give more of the id: "
                + ", ".join(ids[:3])
            )
        return (await self.fetch(ids)).get(ids[0]) if ids else None

    async def one(self, id: str) -> Stored:
        """Return the memory of an id.

        Raises:
            InvalidRequestError: There is none.
        """
        stored = await self.find(id)
        if stored is None:
            raise InvalidRequestError(f"there is no memory '{id:.80}': nothing was done. See: aurora list")
        return stored

    async def every(self, filter: Filter | None = None) -> list[Stored]:
        """Return all memories that match, newest first, whatever has become of them."""
        records = await self.store.scan(all_of(IS_NOTE, filter), content=True)
        found = [self._stored(Document(record.content, record.metadata, record.id)) for record in records]
        return sorted(found, key=lambda one: (-one.note.created_at, one.note.id))

    async def page(
        self, kinds: Iterable[str] | None, tags: Iterable[str] | None, limit: int, cursor: Cursor | None
    ) -> NotePage:
        """Return current memories, newest first, from a cursor on."""
        now = self.now()
        records = await self.store.scan(all_of(IS_NOTE, of_kinds_and_tags(kinds, tags)))
        places = sorted(
            (Cursor.at(record.metadata, record.id) for record in records if not is_hidden(record.metadata, now)),
            key=Cursor.order,
        )
        rest = [place for place in places if cursor is None or cursor.order() < place.order()]
        stored = await self.fetch([place.id for place in rest[:limit]])
        # One that was forgotten since the scan is not there any more.
        page = tuple(stored[place.id].note for place in rest[:limit] if place.id in stored)
        more = rest[limit - 1].text() if len(rest) > limit else None
        return NotePage(page, more, len(places))

    async def history(self, id: str) -> list[Note]:
        """Return what a memory replaced, directly or through others, newest first."""
        stored = await self.one(id)
        superseded = {one.note.id: one for one in await self.every({"superseded_by": {"$exists": True}})}
        replaced: dict[str, Note] = {}
        queue = [stored.note.id]
        while queue:
            here = queue.pop()
            for other in superseded.values():
                if other.note.superseded_by == here and other.note.id not in replaced:
                    replaced[other.note.id] = other.note
                    queue.append(other.note.id)
        replaced.pop(stored.note.id, None)
        return sorted(replaced.values(), key=lambda note: (-note.updated_at, note.id))

    def _stored(self, document: Document) -> Stored:
        note = note_of(str(document.id), document.content, document.metadata, self.scope)
        return Stored(note, document)

    # -- writing -----------------------------------------------------------------------------------------------

    async def remember(self, draft: Draft) -> Remembered:
        """Store a memory, or count that it was said again."""
        for _ in range(_ATTEMPTS):
            replaced = await self._replaced(draft)
            same, near = await self._same(draft, [one.note.id for one in replaced])
            now = self.now()
            if same is not None:
                result = await self._say_again(draft, same, replaced, near, now)
            else:
                result = await self._add(draft, replaced, near, now)
            if result is not None:
                return result
        raise _contended()

    async def _replaced(self, draft: Draft) -> list[Stored]:
        found = [await self.one(id) for id in draft.supersedes]
        return list({one.note.id: one for one in found}.values())

    async def _same(self, draft: Draft, skip: Sequence[str]) -> tuple[Stored | None, list[Similar]]:
        """Return the current memory that says the same, and all that are near."""
        near = await similar_notes(self.store, draft.content, self.scope, skip=skip)
        namespace = self.store.namespace
        ids = [note_id(namespace, draft.content, draft.kind), plain_id(namespace, draft.content, draft.kind)]
        exact = await self.fetch([id for id in dict.fromkeys(ids) if id not in skip])
        for stored in exact.values():
            if _says(stored, draft):
                return stored, near
        for other in near:
            if other.note.kind == draft.kind and is_duplicate(draft.content, other.note.content, other.cosine):
                return (await self.fetch([other.note.id])).get(other.note.id), near
        return None, near

    async def _add(self, draft: Draft, replaced: list[Stored], near: list[Similar], now: float) -> Remembered | None:
        for ordinal in range(_MOST_ORDINALS):
            identifier = note_id(self.store.namespace, draft.content, draft.kind, ordinal)
            if not await self.store.fetch([identifier]):
                break
            there = (await self.fetch([identifier])).get(identifier)
            if there is not None and _says(there, draft) and all(one.note.id != identifier for one in replaced):
                # Another process has said it since this one looked.
                return await self._say_again(draft, there, replaced, near, now)
        else:
            raise InvalidRequestError(
                f"{_MOST_ORDINALS} memories began with these words and were changed: nothing was stored. Say it in "
                f"other words"
            )
        note = Note(
            identifier,
            draft.content,
            draft.kind,
            draft.tags,
            now,
            importance=draft.importance,
            source=draft.source,
            path=draft.path,
            symbol=draft.symbol,
            code_hash=draft.code_hash,
            updated_at=now,
            expires_at=draft.expires_at,
            supersedes=tuple(one.note.id for one in replaced),
            scope=self.scope,
            metadata=draft.metadata,
        )
        expected: dict[str, Document | None] = {identifier: None}
        writes = [document_of(note), *self._retired(replaced, identifier, now, expected)]
        if not await self.store.write_if(expected, writes, masked=True):
            return None
        conflicts = (*_replaced_before(replaced, identifier), *conflicts_of(note, near))
        return _remembered(note, is_new=True, conflicts=conflicts)

    async def _say_again(
        self, draft: Draft, same: Stored, replaced: list[Stored], near: list[Similar], now: float
    ) -> Remembered | None:
        old = same.note
        content = richer(old.content, draft.content)
        expires_at = None
        if old.expires_at is not None and draft.expires_at is not None:
            expires_at = max(old.expires_at, draft.expires_at)
        note = replace(
            old,
            content=content,
            tags=tuple(dict.fromkeys((*old.tags, *draft.tags))),
            importance=max(old.importance, draft.importance),
            source=draft.source or old.source,
            path=draft.path or old.path,
            symbol=draft.symbol if draft.path else old.symbol,
            code_hash=draft.code_hash if draft.path else old.code_hash,
            expires_at=expires_at,
            said=old.said + 1,
            updated_at=now,
            stale=None if draft.path else old.stale,
            supersedes=tuple(dict.fromkeys((*old.supersedes, *(one.note.id for one in replaced)))),
            metadata={**old.metadata, **draft.metadata},
        )
        expected: dict[str, Document | None] = {old.id: same.document}
        writes = [document_of(note), *self._retired(replaced, old.id, now, expected)]
        if content != old.content:
            writes.append(self._wording(same, now))
        if not await self.store.write_if(expected, writes, masked=True):
            return None
        others = [one for one in near if one.note.id != old.id]
        also = [one.note.id for one in others if is_duplicate(content, one.note.content, one.cosine)]
        conflicts = (*_replaced_before(replaced, old.id), *conflicts_of(note, others))
        return _remembered(note, is_new=False, duplicates=(old.id, *also), conflicts=conflicts)

    def _retired(
        self, replaced: Iterable[Stored], by: str, now: float, expected: dict[str, Document | None]
    ) -> list[Document]:
        """Return replaced memories as they are stored from now on; those that were replaced before stay as they are."""
        retired = []
        for one in replaced:
            if one.note.id != by and one.note.superseded_by is None:
                expected[one.note.id] = one.document
                retired.append(document_of(replace(one.note, superseded_by=by, updated_at=now)))
        return retired

    def _wording(self, stored: Stored, now: float) -> Document:
        """Return the present wording of a memory as it is kept in its history."""
        note = stored.note
        earlier = replace(note, id=wording_id(note.id, note), superseded_by=note.id, supersedes=(), updated_at=now)
        return document_of(earlier)

    async def change(self, id: str, changed: Callable[[Note], Note]) -> Note:
        """Correct a memory.

        Args:
            id: Of the memory.
            changed: From what is stored to the memory as it shall be; it may be called several times.
        """
        for _ in range(_ATTEMPTS):
            stored = await self.one(id)
            now = self.now()
            note = replace(changed(stored.note), updated_at=now)
            writes = [document_of(note)]
            if (note.content, note.kind) != (stored.note.content, stored.note.kind):
                writes.append(self._wording(stored, now))
            if await self.store.write_if({stored.note.id: stored.document}, writes, masked=True):
                return note
        raise _contended()

    async def take_in(
        self, places: Sequence[Place], looked_at: Callable[[Note], Awaitable[str | None]]
    ) -> NotesImported:
        """Store memories as files have them, all or none.

        Args:
            places: Each with an id of its own.
            looked_at: Returns the present state of a memory's code.
        """
        for _ in range(_ATTEMPTS):
            known = await self.fetch([str(place.id) for place in places])
            now = self.now()
            outcome: dict[str, list[str]] = {"added": [], "updated": [], "unchanged": []}
            expected: dict[str, Document | None] = {}
            writes: list[Document] = []
            for place in places:
                identifier = str(place.id)
                stored = known.get(identifier)
                old = stored.note if stored is not None else None
                note = replace(note_of_written(place.written, old, id=identifier, now=now), scope=self.scope)
                if stored is not None and old is not None:
                    # What was exported and changed here since is newer than the file, unless somebody edited that.
                    older = place.written.intact and note.updated_at <= old.updated_at
                    if older or same(old, place.written):
                        outcome["unchanged"].append(identifier)
                        continue
                    note = replace(note, updated_at=note.updated_at if place.written.intact else now)
                    if (note.path, note.symbol) == (old.path, old.symbol) and note.code_hash is None:
                        note = replace(note, code_hash=old.code_hash)
                    if (note.content, note.kind) != (old.content, old.kind):
                        writes.append(self._wording(stored, now))
                writes.append(document_of(replace(note, code_hash=await looked_at(note), stale=None)))
                expected[identifier] = stored.document if stored is not None else None
                outcome["updated" if stored is not None else "added"].append(identifier)
            if not writes or await self.store.write_if(expected, writes, masked=True):
                return NotesImported(**{name: tuple(ids) for name, ids in outcome.items()})
        raise _contended()

    async def forget(self, ids: Sequence[str] | None, filter: Filter | None) -> int:
        """Remove memories and the earlier wordings of them."""
        if filter is not None:
            if is_everything(parse_filter(filter)):
                raise InvalidRequestError(
                    "an empty filter would remove every memory: nothing was removed; name a condition"
                )
            ids = [record.id for record in await self.store.scan(all_of(IS_NOTE, filter))]
        for _ in range(_ATTEMPTS):
            known = await self.fetch(ids or ())
            if not known:
                return 0
            theirs = await self.every({"superseded_by": {"$in": list(known)}})
            # What it had replaced is nowhere else to be found: it holds again, or what replaced both is its successor.
            back = [one for one in theirs if not is_wording(one.note) and one.note.id not in known]
            expected = {one.note.id: one.document for one in back}
            writes = [document_of(replace(one.note, superseded_by=_successor(one.note, known))) for one in back]
            gone = {*known, *(one.note.id for one in theirs if is_wording(one.note))}
            if await self.store.write_if(expected, writes, sorted(gone), masked=True):
                return len(known)
        raise _contended()

    async def prune(self, *, dry_run: bool) -> Pruned:
        """Remove what has expired, and what was superseded long ago."""
        now = self.now()
        over = await self.every({"expires_at": {"$lte": now}})
        gone = {one.note.id for one in over}
        replaced = await self.every({"superseded_by": {"$exists": True}})
        old = [one for one in replaced if one.note.updated_at < now - KEEP_SUPERSEDED and one.note.id not in gone]
        if not dry_run and (over or old):
            # Only as they were read: what somebody has given more time meanwhile stays.
            for one in (*over, *old):
                await self.store.write_if({one.note.id: one.document}, (), [one.note.id])
        return Pruned(tuple(one.note for one in over), tuple(one.note for one in old), dry_run)

    def note_of(self, result: SearchResult) -> Note:
        """Return a result of a search as a memory."""
        return note_of(result.id, result.content, result.metadata, self.scope)


def _successor(note: Note, gone: Mapping[str, Stored]) -> str | None:
    """Return what replaces a memory once the memories on the way there are gone."""
    seen: set[str] = set()
    successor = note.superseded_by
    while successor is not None and successor in gone:
        if successor in seen:  # two that replaced each other
            return None
        seen.add(successor)
        successor = gone[successor].note.superseded_by
    return successor


def _replaced_before(replaced: Iterable[Stored], by: str) -> list[Conflict]:
    """Report memories that another one had replaced already: which of the two holds is for the agent to say."""
    return [
        Conflict(
            str(one.note.superseded_by),
            one.note.content,
            f"it has already replaced {one.note.id}, too",
            1.0,
            one.note.kind,
        )
        for one in replaced
        if one.note.superseded_by not in (None, by)
    ]


def _remembered(
    note: Note, *, is_new: bool, duplicates: tuple[str, ...] = (), conflicts: tuple[Conflict, ...] = ()
) -> Remembered:
    values = {one.name: getattr(note, one.name) for one in fields(Note)}
    return Remembered(**values, is_new=is_new, duplicates=duplicates, conflicts=conflicts)


def _says(stored: Stored, draft: Draft) -> bool:
    """Whether a memory says a draft's words and is current."""
    return is_same(stored.note.content, draft.content) and stored.note.superseded_by is None


def _contended() -> StoreLockedError:
    return StoreLockedError(
        f"other processes changed the same memories {_ATTEMPTS} times in a row: nothing was written. Try again"
    )
