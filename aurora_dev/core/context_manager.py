"""The context manager: the best N tokens for a task, out of what the store finds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aurora_dev.core.context.assembly import Assembly, Pinned, Request
from aurora_dev.core.context.conversation import read_history
from aurora_dev.core.context.items import Candidate, Context, LeftOut
from aurora_dev.core.context.recency import RECENT_LIFT, Recency, lifted
from aurora_dev.core.context.select import without_repeats
from aurora_dev.core.context.sources import (
    GraphCache,
    candidate_of,
    gap_lines,
    neighbours,
    note_relevance,
    search_options,
)
from aurora_dev.core.context.symbol_map import SymbolMap
from aurora_dev.core.contracts import Filter, TokenCounter, with_defaults
from aurora_dev.core.record_kinds import IS_NOTE, is_chunk, is_commit
from aurora_dev.core.search.history import asks_for_history
from aurora_dev.core.search.relevance import relevant_notes
from aurora_dev.core.search.signals import QueryProfile
from aurora_dev.core.text.path_kinds import kinds_asked_for
from aurora_dev.core.tokens import create_counter
from aurora_dev.core.types import Document, Notice, SearchOptions, SearchResult, SearchResults
from aurora_dev.errors import InvalidRequestError

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore

__all__ = ["ContextManager"]

PinnedItem: TypeAlias = "str | Document | SearchResult"
NoteSource: TypeAlias = Callable[[str, int], Awaitable[Sequence[SearchResult]]]
"""Returns so many notes that are near a task, best first; they may come from several stores."""

# A record takes about 200 tokens in full and 50 as its interface: so many hits per token of the budget fill it.
_HITS_PER_TOKEN: Final = 1 / 60
_LEAST_HITS: Final = 30
_MOST_HITS: Final = 200
# A hit with less than this share of the best score has little to do with the task: on the tuning packages no target is
# below 0.07.
_LEAST_RELEVANCE: Final = 0.05
_MOST_COMMITS: Final = 3  # of a task that asks for reasons or for the past
_REMEMBERED_COUNTS: Final = 8_192  # blocks of about 1 KB


class ContextManager:
    """Chooses what a model should see for a task, within a token budget.

    Args:
        store: Where everything is read from; no files are.
        token_counter: Counts for the model that will read it; ``None`` takes the encoding o200k_base.
        mask_secrets: Whether credentials are masked in everything that goes in, as at indexing.
        graph: Whether the import graph adds what the hits depend on and what depends on them. It reads all records
            once whenever the store has changed.
        notes: Finds the notes about a task; ``None`` searches the store for them.

    It may be used from several tasks at once, and keeps what it has learned of the store from call to call.
    """

    def __init__(
        self,
        store: VectorStore,
        *,
        token_counter: TokenCounter | None = None,
        mask_secrets: bool = True,
        graph: bool = True,
        notes: NoteSource | None = None,
    ) -> None:
        self.store = store
        self.counter = with_defaults(token_counter or create_counter(), TokenCounter)
        self.mask_secrets = mask_secrets
        self._use_graph = graph
        self._notes = notes
        self._count = lru_cache(maxsize=_REMEMBERED_COUNTS)(self.counter.count)
        self._graphs = GraphCache()
        self._recency = Recency()
        self._symbols = SymbolMap(self.counter, mask=mask_secrets)

    async def build(
        self,
        task: str,
        token_budget: int,
        *,
        reserve: int = 0,
        history: Sequence[Mapping[str, Any]] = (),
        pinned: Sequence[PinnedItem] = (),
        map_budget: int = 0,
        rerank: bool = True,
        filter: Filter | None = None,
        options: SearchOptions | None = None,
    ) -> Context:
        """Assemble a context.

        Args:
            task: What the model is to do; it comes last.
            token_budget: Neither the string nor the messages take more tokens than this less ``reserve``; at least 0.
            reserve: Tokens to leave free, for the answer or for a prompt of one's own.
            history: Messages so far, oldest first: ``{"role": …, "content": …}``.
            pinned: Texts or documents that are always there, whatever the search finds.
            map_budget: Tokens of the budget for a map of the project's symbols; 0 leaves it out.
            rerank: Whether the search reranks.
            filter: Conditions on what is searched; notes need not meet them.
            options: For the search.

        Returns:
            The context. The task itself is left out (and named in ``left_out``) where not even it fits.

        Raises:
            InvalidRequestError: An argument is wrong, or the pinned items do not fit (the text says what they take).
            ModelLoadError: The counter's ranks cannot be read.
            StoreError: The store cannot be read.
        """
        _check(task, token_budget, reserve, map_budget)
        limit = max(0, token_budget - reserve)
        messages = read_history(history, mask=self.mask_secrets)
        fixed = [_pinned(place, item) for place, item in enumerate(pinned, start=1)]
        started = time.perf_counter()
        results, notes = await self._search(task, limit, rerank, filter, options)
        searched = time.perf_counter()
        notices = list(results.notices)
        candidates, fill, left_out = await self._candidates(task, results, notes, notices)
        symbols = await self._symbols.entries(self.store) if map_budget and limit else ()
        request = Request(
            task=task,
            limit=limit,
            pinned=tuple(fixed),
            history=tuple(messages),
            candidates=tuple(candidates),
            fill=fill,
            symbols=symbols,
            map_budget=map_budget,
            mask=self.mask_secrets,
        )
        assembly = await asyncio.to_thread(Assembly(request, self.counter, self._count).fit)
        return Context(
            task=task,
            text=assembly.text,
            messages=tuple(assembly.messages),
            tokens=assembly.tokens,
            message_tokens=assembly.message_tokens,
            token_budget=token_budget,
            reserve=reserve,
            counter=self.counter.name,
            items=tuple(assembly.items),
            left_out=(*assembly.left_out, *left_out),
            search_method=results.search_method,
            degraded=results.degraded,
            notices=tuple(notices),
            timings={"search": searched - started, "assemble": time.perf_counter() - searched},
        )

    async def symbol_map(self, token_budget: int) -> str:
        """Return the project's definitions, those that the rest refers to most first chosen, within a budget.

        Raises:
            InvalidRequestError: The budget is not a whole number of at least 0.
        """
        _check("map", token_budget, 0, 0)
        entries = await self._symbols.entries(self.store)
        return await asyncio.to_thread(self._symbols.render, entries, token_budget)

    async def _search(
        self, task: str, limit: int, rerank: bool, filter: Filter | None, options: SearchOptions | None
    ) -> tuple[SearchResults, list[SearchResult]]:
        if not limit:
            return SearchResults(), []
        top_k = min(_MOST_HITS, max(_LEAST_HITS, int(limit * _HITS_PER_TOKEN)))
        results = await self.store.search(task, top_k, rerank=rerank, filter=filter, options=search_options(options))
        if self._notes is not None:
            return results, relevant_notes(task, await self._notes(task, _LEAST_HITS))
        found = await self.store.search(task, _LEAST_HITS, rerank=False, filter=IS_NOTE)
        return results, relevant_notes(task, found)

    async def _candidates(
        self, task: str, results: SearchResults, notes: Sequence[SearchResult], notices: list[Notice]
    ) -> tuple[list[Candidate], dict[str, dict[int, str]], list[LeftOut]]:
        commits = [result for result in results if is_commit(result.metadata)]
        best = max((result.score for result in results if not is_commit(result.metadata)), default=0.0) or 1.0
        notes = [*notes, *(commits[:_MOST_COMMITS] if asks_for_history(task) else ())]
        note_ids = {result.id for result in notes}
        hits = [(result, result.score / best) for result in results]
        hits = [
            (result, relevance)
            for result, relevance in hits
            if relevance >= _LEAST_RELEVANCE and (is_chunk(result.metadata) or result.metadata.get("path"))
        ]
        if hits:
            placed = [(str(result.metadata.get("path", "")), relevance) for result, relevance in hits]
            relevances = lifted(placed, await self._recency.get(self.store), RECENT_LIFT)
            hits = [(result, relevance) for (result, _), relevance in zip(hits, relevances, strict=True)]
        graph = None
        extra: list[tuple[str, float, str]] = []
        if self._use_graph and hits:
            graph = await self._graphs.get(self.store)
            if graph is None:
                text = "the store is too large for its import graph: neighbours of the hits were left out"
                notices.append(Notice("graph_skipped", text))
            else:
                extra = await neighbours(self.store, graph, hits)
        documents = {one.id: one for one in await self.store.fetch([one[0] for one in extra])} if extra else {}

        def make() -> tuple[list[Candidate], list[LeftOut]]:
            cut = graph.cut_lines if graph is not None else None
            asked_for = kinds_asked_for(QueryProfile.of(task).words)
            of_record = partial(candidate_of, mask=self.mask_secrets, cut_lines=cut, asked_for=asked_for)
            made = [
                of_record(r.id, r.content, r.metadata, relevance, f"hit {place}")
                for place, (r, relevance) in enumerate(hits, start=1)
                if r.id not in note_ids
            ]
            for place, note in enumerate(notes):
                why = f"{note.metadata.get('kind', 'note')} about the task"
                made.append(of_record(note.id, note.content, note.metadata, note_relevance(place), why))
            for identifier, relevance, why in extra:
                if identifier in documents:
                    one = documents[identifier]
                    made.append(of_record(identifier, one.content, one.metadata, relevance, why))
            made.sort(key=lambda candidate: (-candidate.relevance, candidate.source, candidate.start, candidate.id))
            kept, gone = without_repeats(made)
            dropped = [
                LeftOut(one.source, (one.start, one.end) if one.start else None, f"says the same as {other.source}")
                for one, other in gone.items()
            ]
            return kept, dropped

        candidates, left_out = await asyncio.to_thread(make)
        fill: dict[str, dict[int, str]] = {}
        if graph is not None:
            fill = await gap_lines(self.store, graph, candidates, mask=self.mask_secrets)
        return candidates, fill, left_out


def _check(task: str, token_budget: int, reserve: int, map_budget: int) -> None:
    if not isinstance(task, str) or not task.strip():
        raise InvalidRequestError("the task is empty: say in words what the model is to do. Nothing was built")
    for name, value in (("token_budget", token_budget), ("reserve", reserve), ("map_budget", map_budget)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidRequestError(f"{name} must be a whole number of at least 0, not {value!r}: nothing was built")


def _pinned(place: int, item: PinnedItem) -> Pinned:
    if isinstance(item, str):
        return Pinned(f"pinned {place}", item, {})
    if isinstance(item, Document | SearchResult):
        return Pinned(f"pinned {place}", item.content, item.metadata, item.id or "")
    raise InvalidRequestError(
        f"pinned[{place - 1}] must be a string, a Document or a SearchResult, not {type(item).__name__}: "
        "nothing was built"
    )
