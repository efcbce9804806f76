"""`NoteReader`: find and show the notes of a project and its user, ranked, and marked where they are stale."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Final

from aurora_dev.core.contracts import Filter
from aurora_dev.core.filters import all_of
from aurora_dev.core.record_kinds import IS_NOTE, is_note
from aurora_dev.core.types import NAME_NOT_FOUND, NO_MATCH, Notice, SearchResult, SearchResults
from aurora_dev.log import get_logger
from aurora_dev.notes.model import checks
from aurora_dev.notes.model.filters import checked_filter, materialised
from aurora_dev.notes.model.records import note_of
from aurora_dev.notes.model.types import Note, NoteFilter, Scope
from aurora_dev.notes.staleness import StalenessCheck
from aurora_dev.notes.store import NoteStore
from aurora_dev.notes.user_store import UserNotes
from aurora_dev.notes.uses import Uses

_log = get_logger(__name__)

_USER_CANDIDATES: Final = 10  # of the user's notes in a search of the project


class NoteReader:
    """Finds and shows notes.

    Args:
        project: Notes of the project.
        user: The user's own notes.
        uses: Use counts of the notes.
        code: Compares notes with the project's code.
    """

    def __init__(self, project: NoteStore, user: UserNotes, uses: Uses, code: StalenessCheck) -> None:
        self.project = project
        self.user = user
        self._uses = uses
        self._code = code

    async def recall(self, query: str, wanted: NoteFilter, *, top_k: int, scope: Scope | None) -> SearchResults:
        """Find notes by relevance, recency, importance and use; see `Memory.recall`."""
        from aurora_dev.core.search.relevance import relevant_notes
        from aurora_dev.notes.recall import recall_notes

        scope = None if scope is None else checks.checked_scope(scope)
        top_k = checks.checked_top_k(top_k)
        now = self.project.now()
        wanted = materialised(wanted)
        checked_filter(wanted, now, allow_commits=True)
        counts = await asyncio.to_thread(self._uses.counts)
        found = []
        notices: list[Notice] = []
        if scope != "user":
            filter = await self.project.filter_of(wanted, allow_commits=True)
            found.append(await recall_notes(self.project, query, filter, top_k, counts, now))
        if scope != "project":

            async def recall_own(notes: NoteStore) -> SearchResults:
                filter = await notes.filter_of(wanted, allow_commits=True)
                return await recall_notes(notes, query, filter, top_k, counts, now)

            own = await self._search_user_notes(recall_own, notices)
            if own is not None:
                # Beside the project's notes only relevant ones: the best of a few notes may have nothing to do with it.
                found.append(own if scope == "user" else own.replace(relevant_notes(query, own)))
        results = [result for part in found for result in part]
        results.sort(key=lambda result: (-result.score, result.id))
        best = results[:top_k]
        await asyncio.to_thread(self._uses.add, [result.id for result in best])
        first = found[0] if found else SearchResults()
        return await self.shown_results(
            SearchResults(
                best,
                search_method=first.search_method,
                message=first.message,
                notices=(*first.notices, *notices),
                degraded=first.degraded,
                timings=first.timings,
            )
        )

    async def blend(self, query: str, results: SearchResults, top_k: int, filter: Filter | None) -> SearchResults:
        """Add the user's relevant notes to the results of a project, and mark stale notes.

        Args:
            query: Query of the search.
            results: Results of the project.
            top_k: Number of results.
            filter: Conditions of the search, which the user's notes must meet, too.
        """
        notices: list[Notice] = []
        others = await self._user_notes_near(query, filter, notices)
        if others is not None:
            from aurora_dev.notes.blend import join_relevant_notes

            results = join_relevant_notes(query, results, others, top_k)
        if notices:
            results = results.with_notices(notices)
        return await self.shown_results(results)

    async def about(self, task: str, count: int) -> list[SearchResult]:
        """Return the notes of the project and the user that are nearest to a task, nearest first.

        Args:
            task: The task.
            count: Number of the project's notes; relevant notes of the user are added.
        """
        found = await self.project.store.search(task, count, rerank=False, filter=IS_NOTE)
        others = await self._user_notes_near(task, None, [])
        if others is None:
            merged = list(found)
        else:
            from aurora_dev.core.search.relevance import relevant_notes
            from aurora_dev.notes.blend import merge_by_cosine

            merged = merge_by_cosine(found, relevant_notes(task, others))
        return list(await self.shown_results(SearchResults(merged)))

    async def shown(self, notes: Iterable[Note]) -> list[Note]:
        """Return notes with their use counts, and with the reason where they are stale now."""

        def with_state() -> list[Note]:
            counts = self._uses.counts()
            return [replace(note, uses=counts[note.id], stale=self._why_stale(note)) for note in notes]

        return await asyncio.to_thread(with_state)

    async def shown_results(self, results: SearchResults) -> SearchResults:
        """Return results whose notes hold in ``metadata["stale"]`` why they are stale now, or lack it."""
        if not any(is_note(result.metadata) for result in results):
            return results
        return results.replace(await asyncio.to_thread(lambda: [self._with_staleness(result) for result in results]))

    def _with_staleness(self, result: SearchResult) -> SearchResult:
        if not is_note(result.metadata):
            return result
        scope: Scope = "user" if result.metadata.get("scope") == "user" else "project"
        reason = self._why_stale(note_of(result.id, result.content, result.metadata, scope))
        metadata = {key: value for key, value in result.metadata.items() if key != "stale"}
        if reason is not None:
            metadata["stale"] = reason
        return replace(result, metadata=metadata)

    def _why_stale(self, note: Note) -> str | None:
        """Return why a note may no longer hold; as stored if it cannot be compared, so that the others are shown."""
        try:
            return self._code.why_stale(note)
        except Exception:  # noqa: BLE001  (one bad note or file must not keep the others from being shown)
            _log.warning("notes.not_compared", id=note.id, path=note.path, exc_info=True)
            return note.stale

    async def _user_notes_near(self, query: str, filter: Filter | None, notices: list[Notice]) -> SearchResults | None:
        """Search the user's notes; ``None`` if there are none or they cannot be searched."""

        async def search(notes: NoteStore) -> SearchResults:
            found = await notes.store.search(query, _USER_CANDIDATES, rerank=False, filter=all_of(IS_NOTE, filter))
            return found.replace([replace(result, metadata={**result.metadata, "scope": "user"}) for result in found])

        return await self._search_user_notes(search, notices)

    async def _search_user_notes(
        self, search: Callable[[NoteStore], Awaitable[SearchResults]], notices: list[Notice]
    ) -> SearchResults | None:
        """Run a search of the user's notes; failures and the search's own notices are added to ``notices``.

        That these few notes do not match a question about the project is no news.
        """
        found = await self.user.read_or_skip(search, notices)
        for notice in found.notices if found is not None else ():
            if notice.code in (NAME_NOT_FOUND, NO_MATCH):
                continue
            notices.append(Notice(f"user_store_{notice.code}", f"in the user's own notes: {notice.text}"))
        return found
