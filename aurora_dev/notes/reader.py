"""The memories of a project and its user, as they are found and shown: ranked, and with what makes them doubtful."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from aurora_dev.core.contracts import Filter
from aurora_dev.core.filters import all_of
from aurora_dev.core.record_kinds import COMMIT_KIND, IS_NOTE, NOT_A_CHUNK, is_note
from aurora_dev.core.search.relevance import relevant_notes
from aurora_dev.core.types import Notice, SearchResult, SearchResults
from aurora_dev.errors import InvalidRequestError, StoreError
from aurora_dev.log import get_logger
from aurora_dev.notes.blend import blended, inserted
from aurora_dev.notes.model import checks
from aurora_dev.notes.model.records import document_of, note_of, of_kinds_and_tags
from aurora_dev.notes.model.types import Note, Scope
from aurora_dev.notes.recall import ranked
from aurora_dev.notes.staleness import StalenessCheck
from aurora_dev.notes.store import NoteStore
from aurora_dev.notes.user_store import UserNotes
from aurora_dev.notes.uses import Uses

_log = get_logger(__name__)

_OF_USER: Final = 10  # of the user's memories are looked at in a search of the project
_WATCHED: Final[Filter] = {"code_hash": {"$exists": True}, "superseded_by": {"$exists": False}}


class NoteReader:
    """Finds and shows memories.

    Args:
        project: The project's memories.
        user: The user's own.
        uses: Where uses are counted.
        code: What the project's code is now.
    """

    def __init__(self, project: NoteStore, user: UserNotes, uses: Uses, code: StalenessCheck) -> None:
        self.project = project
        self.user = user
        self._uses = uses
        self._code = code

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
        if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
            raise InvalidRequestError(f"top_k must be a whole number of at least 1, not {top_k!r:.80}")
        now = self.project.now()
        when: Filter | None = None if since is None else {"created_at": {"$gte": checks.checked_since(since, now)}}
        # Commits are memories, too, where they are asked for by their kind.
        base = IS_NOTE if of_kinds is None or COMMIT_KIND not in of_kinds else NOT_A_CHUNK
        filter = all_of(base, of_kinds_and_tags(of_kinds, of_tags), when)
        found = []
        notices: list[Notice] = []
        counts = await asyncio.to_thread(self._uses.counts)
        if wanted_scope != "user":
            found.append(await ranked(self.project, query, filter, top_k, counts, now))
        if wanted_scope != "project":
            own = await self._tried(lambda book: ranked(book, query, filter, top_k, counts, now), notices)
            if own is not None:
                # Beside the project's, only what is about the question: the best of few is not always good.
                found.append(own if wanted_scope == "user" else own.replace(relevant_notes(query, own)))
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

    async def shown(self, notes: Iterable[Note]) -> list[Note]:
        """Return memories as they are shown: with their uses, and with whether their code is as it was."""

        def looked_at() -> list[Note]:
            counts = self._uses.counts()
            return [replace(note, uses=counts[note.id], stale=self.stale(note)) for note in notes]

        return await asyncio.to_thread(looked_at)

    def stale(self, note: Note) -> str | None:
        """Say why a memory may no longer hold; it reads files, so call it in a thread."""
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
            if (why := self.stale(note)) is not None:
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
        notices: list[Notice] = []
        others = await self._of_user(query, filter, notices)
        if others is not None:
            results = blended(query, results, others, top_k)
        if notices:
            results = results.with_notices(notices)
        return await self.shown_results(results)

    async def about(self, task: str, count: int) -> list[SearchResult]:
        """Return memories of the project and the user that are near a task, nearest first."""
        found = await self.project.store.search(task, count, rerank=False, filter=IS_NOTE)
        others = await self._of_user(task, None, [])
        merged = inserted(found, relevant_notes(task, others)) if others is not None else list(found)
        return list(await self.shown_results(SearchResults(merged)))

    async def _of_user(self, query: str, filter: Filter | None, notices: list[Notice]) -> SearchResults | None:
        """Search the user's memories; ``None`` where there are none."""

        async def search(book: NoteStore) -> SearchResults:
            found = await book.store.search(query, _OF_USER, rerank=False, filter=all_of(IS_NOTE, filter))
            return found.replace([replace(one, metadata={**one.metadata, "scope": "user"}) for one in found])

        return await self._tried(search, notices)

    async def _tried(
        self, call: Callable[[NoteStore], Awaitable[SearchResults]], notices: list[Notice]
    ) -> SearchResults | None:
        others = await self.user.tried(call, notices)
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
            why = await asyncio.to_thread(self.stale, stored.note)
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
