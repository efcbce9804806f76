"""`NoteStore`: the notes of one store. It remembers, corrects, lists and forgets them.

Several processes may do so at once. Each write is a compare-and-swap (`VectorStore.write_if`): it names the records
that it was decided by, is refused if one of them has changed since, and is then decided again from the current records.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aurora_dev.core.contracts import Filter
from aurora_dev.core.filters import all_of, is_everything, parse_filter
from aurora_dev.core.record_kinds import IS_NOTE, is_note
from aurora_dev.core.search.hidden import current_at
from aurora_dev.core.types import Document
from aurora_dev.errors import InvalidRequestError, StoreLockedError
from aurora_dev.log import get_logger
from aurora_dev.notes.model.filters import checked_filter
from aurora_dev.notes.model.paging import Cursor
from aurora_dev.notes.model.records import (
    document_of,
    earlier_version,
    folded_note_id,
    is_earlier_version,
    legacy_note_id,
    note_id,
    note_of,
)
from aurora_dev.notes.model.types import Conflict, NearNote, Note, NoteFilter, NotePage, Pruned, Remembered, Scope

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.notes.model.drafts import Draft
    from aurora_dev.notes.similarity.nearest import Similar

_log = get_logger(__name__)
_Result = TypeVar("_Result")

# Every failed attempt is one in which another process succeeded; so many in a row do not happen by chance.
_ATTEMPTS: Final = 20
_MOST_ORDINALS: Final = 100  # notes that began with the same words and were all corrected to others
MIN_PREFIX: Final = 6  # characters of an id that may stand for the whole; fewer are guesses
_MOST_WITH_PREFIX: Final = 1_000  # ids that are read to see which of them are notes
_REMOVED_AT_ONCE: Final = 500  # notes in one transaction
# Seconds for which a superseded note stays in the history before `prune` removes it.
KEEP_SUPERSEDED: Final = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A note and the document that it was read from."""

    note: Note
    document: Document


class NoteStore:
    """The notes of one store. Safe to use from several tasks, threads and processes at once.

    Args:
        store: The store of the notes.
        scope: Scope of the notes.
        clock: Returns seconds since the epoch; for tests.
    """

    def __init__(self, store: VectorStore, scope: Scope, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.scope: Scope = scope
        self._clock = clock

    def now(self) -> float:
        """Return seconds since the epoch, in whole microseconds: Markdown holds no finer times."""
        return round(self._clock(), 6)

    # -- reading -----------------------------------------------------------------------------------------------

    async def fetch(self, ids: Sequence[str]) -> dict[str, Stored]:
        """Return the existing notes among ``ids``, by id; expired and superseded ones, too."""
        found = await self.store.fetch(list(ids)) if ids else []
        return {str(document.id): self._stored(document) for document in found if is_note(document.metadata)}

    async def find(self, id: str) -> Stored | None:
        """Return the note with an id, or with the only id that begins so; ``None`` if there is none.

        Raises:
            InvalidRequestError: Several ids begin so.
        """
        if not isinstance(id, str) or not id:
            raise InvalidRequestError(f"id must be the id of a note, not {id!r:.100}: nothing was done")
        if stored := (await self.fetch([id])).get(id):
            return stored
        if len(id) < MIN_PREFIX:
            return None
        found = await self.fetch(await self.store.find_ids(id, _MOST_WITH_PREFIX))
        ids = list(found)
        if len(ids) > 1:
            raise InvalidRequestError(
                f"{len(ids)} notes have ids that begin with '{id}': nothing was done. Give more of the id: "
                + ", ".join(ids[:3])
            )
        return found[ids[0]] if ids else None

    async def require(self, id: str) -> Stored:
        """Return the note with an id, as `find` does.

        Raises:
            InvalidRequestError: There is none.
        """
        stored = await self.find(id)
        if stored is None:
            raise no_such_note(id)
        return stored

    async def scan(self, filter: Filter | None = None) -> list[Stored]:
        """Return all notes that match a filter, newest first; expired and superseded ones, too."""
        records = await self.store.scan(all_of(IS_NOTE, filter), content=True)
        found = [self._stored(Document(record.content, record.metadata, record.id)) for record in records]
        return sorted(found, key=lambda stored: (-stored.note.created_at, stored.note.id))

    async def filter_of(self, wanted: NoteFilter, *, allow_commits: bool = False) -> Filter:
        """Check the conditions of a caller and return them as a filter of this store, for any case of names.

        Raises:
            InvalidRequestError: A condition is malformed.
        """
        checked = checked_filter(wanted, self.now(), allow_commits=allow_commits)
        if wanted.kinds is None and wanted.tags is None:
            return checked
        if wanted.tags is None:
            kinds = await self.store.tally(("kind",), IS_NOTE)
            stored: list[Mapping[str, Any]] = [{"kind": kind} for (kind,) in kinds if kind is not None]
        else:
            stored = [record.metadata for record in await self.store.select(("kind", "tags"), IS_NOTE)]
        return checked_filter(wanted, self.now(), allow_commits=allow_commits, stored=stored)

    async def page(self, filter: Filter, limit: int, cursor: Cursor | None) -> NotePage:
        """Return current notes, newest first.

        Args:
            filter: Condition on the notes; see `filter_of`.
            limit: Notes on the page.
            cursor: Where the page before ended; ``None`` for the first page.
        """
        after = None if cursor is None else (cursor.created_at, cursor.id)
        records, count = await self.store.newest(all_of(filter, current_at(self.now())), limit + 1, after=after)
        notes = tuple(note_of(record.id, record.content, record.metadata, self.scope) for record in records[:limit])
        last = Cursor.at(records[limit - 1].metadata, records[limit - 1].id) if len(records) > limit else None
        return NotePage(notes, None if last is None else last.text(), count)

    async def history(self, id: str) -> list[Note]:
        """Return the notes that a note replaced, directly or through others, newest first."""
        stored = await self.require(id)
        replaced: dict[str, Note] = {}
        successors = [stored.note.id]
        while successors:
            found = await self.scan({"superseded_by": {"$in": successors}})
            successors = [each.note.id for each in found if each.note.id not in replaced]
            replaced.update((each.note.id, each.note) for each in found)
        replaced.pop(stored.note.id, None)
        return sorted(replaced.values(), key=lambda note: (-note.updated_at, note.id))

    def _stored(self, document: Document) -> Stored:
        note = note_of(str(document.id), document.content, document.metadata, self.scope)
        return Stored(note, document)

    # -- writing -----------------------------------------------------------------------------------------------

    async def remember(self, draft: Draft, elsewhere: Sequence[Similar] = ()) -> Remembered:
        """Store a new note, or count a note with the same text once more.

        Args:
            draft: The note.
            elsewhere: Notes of another store that are near it and that it may contradict.

        Raises:
            InvalidRequestError: A note that the draft supersedes does not exist.
            StoreLockedError: Other processes kept changing the same notes.
        """

        async def attempt() -> Remembered | None:
            replaced = await self._notes_to_replace(draft)
            same, near = await self._find_same(draft, [stored.note.id for stored in replaced])
            near = [*near, *elsewhere]
            now = self.now()
            if same is not None:
                return await self._repeat(draft, same, replaced, near, now)
            return await self._add(draft, replaced, near, now)

        return await retry_until_written(attempt)

    async def change(self, id: str, changed: Callable[[Note], Note], elsewhere: Sequence[Similar] = ()) -> Note:
        """Correct a note and keep its earlier version if the content or the kind changes.

        A new text is compared with the notes near it, as `remember` does; the note names those that it may contradict.

        Args:
            id: Id of the note.
            changed: Returns the corrected note for the stored one; it may be called several times.
            elsewhere: Notes of another store that are near the new text and that it may contradict.

        Raises:
            InvalidRequestError: There is no such note.
            StoreLockedError: Other processes kept changing the note.
        """

        async def attempt() -> Note | None:
            stored = await self.require(id)
            now = self.now()
            note = replace(changed(stored.note), updated_at=now)
            if note.content != stored.note.content and note.superseded_by is None:
                from aurora_dev.notes.similarity.nearest import similar_notes

                near = await similar_notes(self.store, note.content, self.scope, skip=[note.id])
                note, _ = _with_conflicts(note, (), [*near, *elsewhere])
            writes = [document_of(note), *replaced_version(stored.note, note, now)]
            written = await self.store.write_if({stored.note.id: stored.document}, writes, masked=True)
            return note if written else None

        return await retry_until_written(attempt)

    async def forget(self, ids: Sequence[str] | None, filter: Filter | None) -> int:
        """Remove notes and their earlier versions; return how many notes there were to remove.

        Notes that a removed note had replaced become current again, or are replaced by its successor.

        Args:
            ids: Whole ids; unknown ones are ignored.
            filter: Condition on the notes to remove instead of ids.

        Raises:
            InvalidRequestError: The filter matches everything.
            StoreLockedError: Other processes kept changing the notes.
        """
        if filter is not None:
            if is_everything(parse_filter(filter)):
                raise InvalidRequestError("an empty filter matches every note: nothing was removed. Give a condition")
            ids = [record.id for record in await self.store.scan(all_of(IS_NOTE, filter))]

        async def attempt() -> int | None:
            known = await self.fetch(ids or ())
            if not known:
                return 0
            replaced = await self.scan({"superseded_by": {"$in": list(known)}})
            versions = [stored.note.id for stored in replaced if is_earlier_version(stored.note)]
            restored = [
                stored for stored in replaced if not is_earlier_version(stored.note) and stored.note.id not in known
            ]
            writes = [document_of(replace(each.note, superseded_by=_successor(each.note, known))) for each in restored]
            expected = {each.note.id: each.document for each in restored}
            written = await self.store.write_if(expected, writes, sorted({*known, *versions}), masked=True)
            return len(known) if written else None

        return await retry_until_written(attempt)

    async def prune(self, *, dry_run: bool) -> Pruned:
        """Remove expired notes and those that were superseded more than `KEEP_SUPERSEDED` seconds ago.

        Args:
            dry_run: Only return the notes that would be removed.
        """
        now = self.now()
        expired = await self.scan({"expires_at": {"$lte": now}})
        expired_ids = {stored.note.id for stored in expired}
        times = await self.store.select(
            ("updated_at", "created_at"), all_of(IS_NOTE, {"superseded_by": {"$exists": True}})
        )
        long_ago = [record.id for record in times if _may_be_before(record.metadata, now - KEEP_SUPERSEDED)]
        superseded = [
            stored
            for stored in (await self.fetch(long_ago)).values()
            if stored.note.superseded_by is not None
            and stored.note.updated_at < now - KEEP_SUPERSEDED
            and stored.note.id not in expired_ids
        ]
        superseded.sort(key=lambda stored: (-stored.note.created_at, stored.note.id))
        kept: set[str] = set()
        doomed = () if dry_run else (*expired, *superseded)
        for start in range(0, len(doomed), _REMOVED_AT_ONCE):
            batch = doomed[start : start + _REMOVED_AT_ONCE]
            if len(batch) > 1 and await self._removed(batch):
                continue
            for stored in batch:
                # A note that was changed since it was read stays, such as one whose lifetime was extended.
                if not await self._removed([stored]):
                    kept.add(stored.note.id)
        return Pruned(
            tuple(stored.note for stored in expired if stored.note.id not in kept),
            tuple(stored.note for stored in superseded if stored.note.id not in kept),
            dry_run=dry_run,
        )

    async def _removed(self, doomed: Sequence[Stored]) -> bool:
        """Remove notes if they are unchanged; return whether that happened. One that is refused stops no other."""
        expected = {stored.note.id: stored.document for stored in doomed}
        try:
            return await self.store.write_if(expected, (), list(expected))
        except InvalidRequestError as error:
            if len(doomed) == 1:
                _log.warning("notes.not_pruned", id=doomed[0].note.id, error=str(error))
            return False

    # -- parts of remembering ----------------------------------------------------------------------------------

    async def _notes_to_replace(self, draft: Draft) -> list[Stored]:
        found = [await self.require(id) for id in draft.supersedes]
        return list({stored.note.id: stored for stored in found}.values())

    async def _find_same(self, draft: Draft, skip: Sequence[str]) -> tuple[Stored | None, list[Similar]]:
        """Return the current note with the same text as a draft, if there is one, and all notes near it."""
        from aurora_dev.notes.similarity.nearest import similar_notes

        near = await similar_notes(self.store, draft.content, self.scope, skip=skip)
        namespace, content, kind = self.store.namespace, draft.content, draft.kind
        # A note whose id is of an older release, or that was corrected to this text, is found by meaning, too.
        ids = [make(namespace, content, kind) for make in (note_id, folded_note_id, legacy_note_id)]
        ids += [other.note.id for other in near if _is_same_note(other.note, draft)]
        exact = await self.fetch([id for id in dict.fromkeys(ids) if id not in skip])
        return next((stored for stored in exact.values() if _is_same_note(stored.note, draft)), None), near

    async def _add(self, draft: Draft, replaced: list[Stored], near: list[Similar], now: float) -> Remembered | None:
        """Store a draft as a new note; ``None`` if the records have changed meanwhile."""
        replaced_ids = [stored.note.id for stored in replaced]
        for ordinal in range(_MOST_ORDINALS):
            identifier = note_id(self.store.namespace, draft.content, draft.kind, ordinal)
            if not await self.store.fetch([identifier]):
                break
            existing = (await self.fetch([identifier])).get(identifier)
            if existing is not None and _is_same_note(existing.note, draft) and identifier not in replaced_ids:
                # Another process has stored it since the search for duplicates.
                return await self._repeat(draft, existing, replaced, near, now)
        else:
            raise InvalidRequestError(
                f"{_MOST_ORDINALS} notes began with these words and were corrected: nothing was stored. Use other words"
            )
        note = draft.to_note(identifier, now=now, scope=self.scope, supersedes=replaced_ids)
        note, conflicts = _with_conflicts(note, replaced, near)
        expected: dict[str, Document | None] = {identifier: None}
        writes = [document_of(note), *self._superseded(replaced, identifier, now, expected)]
        if not await self.store.write_if(expected, writes, masked=True):
            return None
        return _remembered(note, is_new=True, conflicts=conflicts, near=near)

    async def _repeat(
        self, draft: Draft, same: Stored, replaced: list[Stored], near: list[Similar], now: float
    ) -> Remembered | None:
        """Count a note with the text of a draft once more, and join their other fields; ``None`` if it has changed."""
        old = same.note
        expires_at = None
        if old.expires_at is not None and draft.expires_at is not None:
            expires_at = max(old.expires_at, draft.expires_at)
        note = replace(
            old,
            tags=_union(old.tags, draft.tags),
            importance=max(old.importance, draft.importance),
            source=draft.source or old.source,
            expires_at=expires_at,
            said=old.said + 1,
            updated_at=now,
            supersedes=_union(old.supersedes, [stored.note.id for stored in replaced]),
            metadata={**old.metadata, **draft.metadata},
        )
        if draft.path:
            note = replace(note, path=draft.path, symbol=draft.symbol, code_hash=draft.code_hash, stale=None)
        others = [other for other in near if other.note.id != old.id]
        note, conflicts = _with_conflicts(note, replaced, others)
        expected: dict[str, Document | None] = {old.id: same.document}
        writes = [document_of(note), *self._superseded(replaced, old.id, now, expected)]
        if not await self.store.write_if(expected, writes, masked=True):
            return None
        return _remembered(note, is_new=False, conflicts=conflicts, near=others)

    def _superseded(
        self, replaced: Iterable[Stored], by: str, now: float, expected: dict[str, Document | None]
    ) -> list[Document]:
        """Return replaced notes as superseded ones, and add them to the expected records.

        Notes that another note had replaced before are left alone.
        """
        documents = []
        for stored in replaced:
            if stored.note.id != by and stored.note.superseded_by is None:
                expected[stored.note.id] = stored.document
                documents.append(document_of(replace(stored.note, superseded_by=by, updated_at=now)))
        return documents


async def retry_until_written(attempt: Callable[[], Awaitable[_Result | None]]) -> _Result:
    """Repeat a read and a compare-and-swap until it succeeds.

    Args:
        attempt: Reads, decides and writes; it returns ``None`` if the records were changed meanwhile.

    Raises:
        StoreLockedError: Every attempt was overtaken by another process.
    """
    for _ in range(_ATTEMPTS):
        result = await attempt()
        if result is not None:
            return result
    raise StoreLockedError(
        f"other processes changed the same notes {_ATTEMPTS} times in a row: nothing was written. Try again"
    )


def replaced_version(old: Note, new: Note, now: float) -> list[Document]:
    """Return the earlier version that the history keeps of a corrected note; empty if text and kind are the same."""
    if (new.content, new.kind) == (old.content, old.kind):
        return []
    return [document_of(earlier_version(old, now))]


def no_such_note(id: str) -> InvalidRequestError:
    """Return the error for an id that no note has."""
    return InvalidRequestError(f"there is no note '{id:.80}': nothing was done. List the notes with: aurora list")


def _may_be_before(metadata: Mapping[str, Any], moment: float) -> bool:
    """Return whether a note may have last changed before a moment; one without times is read to see."""
    changed = metadata.get("updated_at", metadata.get("created_at"))
    return not isinstance(changed, int | float) or changed < moment


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _successor(note: Note, removed: Mapping[str, Stored]) -> str | None:
    """Return the id of the note that replaces a note once the removed notes between the two are gone."""
    seen: set[str] = set()
    successor = note.superseded_by
    while successor is not None and successor in removed:
        if successor in seen:  # two notes that replaced each other
            return None
        seen.add(successor)
        successor = removed[successor].note.superseded_by
    return successor


def _already_replaced(replaced: Iterable[Stored], by: str) -> list[Conflict]:
    """Return a conflict for each note that another note had replaced before; the agent decides which of them holds."""
    return [
        Conflict(
            str(stored.note.superseded_by),
            stored.note.content,
            f"it has already replaced {stored.note.id}",
            1.0,
            stored.note.kind,
        )
        for stored in replaced
        if stored.note.superseded_by not in (None, by)
    ]


def _with_conflicts(
    note: Note, replaced: Iterable[Stored], near: Iterable[Similar]
) -> tuple[Note, tuple[Conflict, ...]]:
    """Return a note that names its conflicts, and these; notes of which somebody said that both hold are none."""
    from aurora_dev.notes.similarity.conflicts import conflicts_of

    found = (*_already_replaced(replaced, note.id), *conflicts_of(note, near))
    conflicts = tuple(conflict for conflict in found if conflict.id not in note.holds_with)
    return replace(note, conflicts_with=_union(note.conflicts_with, [each.id for each in conflicts])), conflicts


def _remembered(note: Note, *, is_new: bool, conflicts: tuple[Conflict, ...], near: Iterable[Similar]) -> Remembered:
    from aurora_dev.notes.similarity.duplicates import near_notes

    values = {each.name: getattr(note, each.name) for each in fields(Note)}
    skip = {note.id, *(conflict.id for conflict in conflicts)}
    similar: tuple[NearNote, ...] = near_notes(note.content, near, skip=skip)
    duplicates = () if is_new else (note.id,)
    return Remembered(**values, is_new=is_new, duplicates=duplicates, conflicts=conflicts, similar=similar)


def _is_same_note(note: Note, draft: Draft) -> bool:
    """Return whether a note is current, and has the kind and the text of a draft."""
    from aurora_dev.notes.similarity.duplicates import is_same

    return note.kind == draft.kind and note.superseded_by is None and is_same(note.content, draft.content)
