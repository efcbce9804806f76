"""The context manager: given a task and a token budget, the text that a model should see.

It searches the store, adds notes and what the import graph says, and hands the candidates to
`aurora_dev.core.context.budget.fit_to_budget`, which enforces the budget.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aurora_dev.core.context.budget import fit_to_budget
from aurora_dev.core.context.candidates import make_candidate, note_relevance
from aurora_dev.core.context.conversation import read_history
from aurora_dev.core.context.duplicates import drop_near_duplicates
from aurora_dev.core.context.gaps import read_gaps
from aurora_dev.core.context.hits.recency import RECENT_LIFT, Recency, lift_recent
from aurora_dev.core.context.hits.task_hits import find_task_hits
from aurora_dev.core.context.import_graph import GraphCache, ImportGraph
from aurora_dev.core.context.items import Candidate, Context, LeftOut
from aurora_dev.core.context.neighbours import Neighbour, find_neighbours
from aurora_dev.core.context.request import Pinned, Request
from aurora_dev.core.context.symbol_map import SymbolMap
from aurora_dev.core.contracts import Filter, TokenCounter, with_defaults
from aurora_dev.core.record_kinds import IS_NOTE, is_chunk, is_history
from aurora_dev.core.search.history import asks_for_history
from aurora_dev.core.search.reading import is_long_task
from aurora_dev.core.search.relevance import relevant_notes
from aurora_dev.core.search.signals import QueryProfile
from aurora_dev.core.text.path_kinds import kinds_asked_for
from aurora_dev.core.tokens import create_counter
from aurora_dev.core.types import Document, Notice, SearchOptions, SearchResult, SearchResults
from aurora_dev.errors import InvalidRequestError

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore

__all__ = ["ContextManager"]

MAX_PINNED: Final = 1_000
MAX_PINNED_CHARS: Final = 10_000_000  # more than any model reads

PinnedItem: TypeAlias = "str | Document | SearchResult"
NoteSource: TypeAlias = Callable[[str, int], Awaitable[Sequence[SearchResult]]]
"""Returns at most so many notes about a task, best first. They may come from several stores."""

_Hits: TypeAlias = "list[tuple[SearchResult, float]]"

# A record takes about 200 tokens in full and 50 as an interface, so this many hits per token fill the budget.
_HITS_PER_TOKEN: Final = 1 / 60
_LEAST_HITS: Final = 30
_MOST_HITS: Final = 200
_RERANKED_HITS: Final = 30  # unless the caller passes options
# Hits with less than this share of the best score have little to do with the task: no target of the tuning packages is
# below 0.07.
_LEAST_RELEVANCE: Final = 0.05
_MOST_COMMITS: Final = 3  # if the task asks for reasons or for the past
_CACHED_COUNTS: Final = 8_192  # blocks of about 1 KB


class ContextManager:
    """Chooses the text that a model should see for a task, within a token budget.

    It can be used from several tasks at once. It caches the import graph, the symbol map and the recency of files until
    the store changes.

    Args:
        store: The store to read from. Files are never read.
        token_counter: Counts tokens as the model does that will read the context; ``None``: the encoding o200k_base.
        mask_secrets: Whether credentials are masked in everything that goes in, as they are at indexing.
        graph: Whether the import graph adds what the hits depend on and what depends on them. This reads all records
            once after each change of the store.
        notes: Finds the notes about a task; ``None`` searches the store for them.
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
        self._count = lru_cache(maxsize=_CACHED_COUNTS)(self.counter.count)
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
        """Build a context.

        Args:
            task: The model's task. It comes last in the context.
            token_budget: Most tokens, at least 0. Neither the text nor the messages exceed ``token_budget - reserve``.
            reserve: Tokens to leave free for the answer, or for a prompt of your own.
            history: The conversation so far, oldest message first: ``{"role": …, "content": …}``.
            pinned: Texts or documents that are always included, whatever the search finds.
            map_budget: Tokens of the budget for a map of the project's symbols; 0 leaves the map out.
            rerank: Whether the search reranks. The search for a task of several lines, or of more than 40 words, never
                does.
            filter: Conditions on the records to search. They do not apply to notes.
            options: Options of the search.

        Returns:
            The context. If not even the task fits, it is left out and named in ``left_out``.

        Raises:
            InvalidRequestError: An argument is invalid, or the pinned items do not fit (the message says how many
                tokens they take).
            ModelLoadError: The token ranks of the counter cannot be read.
            StoreError: The store cannot be read.
        """
        _check(task, token_budget, reserve, map_budget)
        limit = max(0, token_budget - reserve)
        messages = read_history(history, mask=self.mask_secrets)
        pinned_items = _checked_pinned(pinned)
        started = time.perf_counter()
        results, hits, notes = await self._search(task, limit, rerank, filter, options)
        searched = time.perf_counter()
        notices = list(results.notices)
        candidates, fill, left_out = await self._candidates(task, results, hits, notes, notices)
        symbols = await self._symbols.entries(self.store) if map_budget and limit else ()
        request = Request(
            task=task,
            limit=limit,
            pinned=tuple(pinned_items),
            history=tuple(messages),
            candidates=tuple(candidates),
            fill=fill,
            symbols=symbols,
            map_budget=map_budget,
            mask=self.mask_secrets,
        )
        assembly = await asyncio.to_thread(fit_to_budget, request, self.counter, self._count)
        return Context(
            task=task,
            text=assembly.text,
            messages=assembly.messages,
            tokens=assembly.tokens,
            message_tokens=assembly.message_tokens,
            token_budget=token_budget,
            reserve=reserve,
            counter=self.counter.name,
            items=assembly.items,
            left_out=(*assembly.left_out, *left_out),
            search_method=results.search_method,
            degraded=results.degraded,
            notices=tuple(notices),
            timings={"search": searched - started, "assemble": time.perf_counter() - searched},
        )

    async def symbol_map(self, token_budget: int) -> str:
        """Return the definitions that the rest of the project refers to most, as many as fit into a token budget.

        Raises:
            InvalidRequestError: The budget is not a whole number of at least 0.
        """
        _check("map", token_budget, 0, 0)
        entries = await self._symbols.entries(self.store)
        return await asyncio.to_thread(self._symbols.render, entries, token_budget)

    async def _search(
        self, task: str, limit: int, rerank: bool, filter: Filter | None, options: SearchOptions | None
    ) -> tuple[SearchResults, _Hits, list[SearchResult]]:
        """Return the results of the search, the hits among them and in their files, and the notes about the task."""
        if not limit:
            return SearchResults(), [], []
        top_k = min(_MOST_HITS, max(_LEAST_HITS, int(limit * _HITS_PER_TOKEN)))
        options = options or SearchOptions(rerank_top_k=_RERANKED_HITS)
        is_long = is_long_task(task)
        # The reranker reads too little of a long task: it puts the right file first less often than the first stage.
        results = await self.store.search(task, top_k, rerank=rerank and not is_long, filter=filter, options=options)
        hits = await find_task_hits(self.store, task, results, filter, options) if is_long else []
        hits = await self._lifted(hits or _hits(results))
        if self._notes is not None:
            return results, hits, relevant_notes(task, await self._notes(task, _LEAST_HITS))
        found = await self.store.search(task, _LEAST_HITS, rerank=False, filter=IS_NOTE)
        return results, hits, relevant_notes(task, found)

    async def _candidates(
        self, task: str, results: SearchResults, hits: _Hits, notes: Sequence[SearchResult], notices: list[Notice]
    ) -> tuple[list[Candidate], dict[str, dict[int, str]], list[LeftOut]]:
        """Return the candidates, best first, the lines between them, and the near-duplicates that were dropped."""
        told = [result for result in results if is_history(result.metadata)]
        notes = [*notes, *(told[:_MOST_COMMITS] if asks_for_history(task) else ())]
        graph: ImportGraph | None = None
        neighbours: list[Neighbour] = []
        if self._use_graph and hits:
            graph = await self._graphs.get(self.store)
            if graph is None:
                text = "the store is too large for its import graph: neighbours of the hits were left out"
                notices.append(Notice("graph_skipped", text))
            else:
                neighbours = await find_neighbours(self.store, graph, hits)
        fetched = await self.store.fetch([neighbour.id for neighbour in neighbours]) if neighbours else []
        documents = {document.id: document for document in fetched}

        def make_candidates() -> tuple[list[Candidate], list[LeftOut]]:
            cut = graph.cut_lines if graph is not None else None
            asked_for = kinds_asked_for(QueryProfile.of(task).words)
            make = partial(make_candidate, mask=self.mask_secrets, cut_lines=cut, asked_for=asked_for)
            note_ids = {note.id for note in notes}
            whole = is_long_task(task)
            made = [
                make(result.id, result.content, result.metadata, relevance, f"hit {number}", goes_whole=whole)
                for number, (result, relevance) in enumerate(hits, start=1)
                if result.id not in note_ids
            ]
            for rank, note in enumerate(notes):
                why = f"{note.metadata.get('kind', 'note')} about the task"
                made.append(make(note.id, note.content, note.metadata, note_relevance(rank), why))
            for neighbour in neighbours:
                if neighbour.id in documents:
                    document = documents[neighbour.id]
                    made.append(
                        make(neighbour.id, document.content, document.metadata, neighbour.relevance, neighbour.why)
                    )
            made.sort(key=lambda candidate: (-candidate.relevance, candidate.source, candidate.start, candidate.id))
            kept, repeats = drop_near_duplicates(made)
            dropped = [
                LeftOut(
                    repeat.source,
                    (repeat.start, repeat.end) if repeat.start else None,
                    f"says the same as {original.source}",
                )
                for repeat, original in repeats.items()
            ]
            return kept, dropped

        candidates, left_out = await asyncio.to_thread(make_candidates)
        fill: dict[str, dict[int, str]] = {}
        if graph is not None:
            fill = await read_gaps(self.store, graph, candidates, mask=self.mask_secrets)
        return candidates, fill, left_out

    async def _lifted(self, hits: _Hits) -> _Hits:
        """Raise the relevances of recently changed files; the best hit still has 1."""
        if not hits:
            return []
        paths = [(str(result.metadata.get("path", "")), relevance) for result, relevance in hits]
        relevances = lift_recent(paths, await self._recency.get(self.store), RECENT_LIFT)
        return [(result, relevance) for (result, _), relevance in zip(hits, relevances, strict=True)]


def _hits(results: SearchResults) -> _Hits:
    """Return the results that stand in a file, with relevances of which the best is 1."""
    best = max((result.score for result in results if not is_history(result.metadata)), default=0.0) or 1.0
    return [
        (result, result.score / best)
        for result in results
        if result.score / best >= _LEAST_RELEVANCE and (is_chunk(result.metadata) or result.metadata.get("path"))
    ]


def _check(task: str, token_budget: int, reserve: int, map_budget: int) -> None:
    if not isinstance(task, str) or not task.strip():
        raise InvalidRequestError("the task is empty: describe in words what the model should do. Nothing was built")
    for name, value in (("token_budget", token_budget), ("reserve", reserve), ("map_budget", map_budget)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidRequestError(f"{name} must be a whole number of at least 0, not {value!r}: nothing was built")


def _checked_pinned(pinned: Iterable[PinnedItem]) -> list[Pinned]:
    """Return pinned items; each of them is read, masked and counted before the budget can refuse it."""
    if isinstance(pinned, str):
        raise InvalidRequestError("pinned must be a list of texts or documents, not one text: nothing was built")
    found: list[Pinned] = []
    characters = 0
    for number, item in enumerate(pinned, start=1):
        found.append(_pinned(number, item))
        characters += len(found[-1].content)
        if number > MAX_PINNED or characters > MAX_PINNED_CHARS:
            raise InvalidRequestError(
                f"the pinned items are too many or too long: at most {MAX_PINNED:,} items with {MAX_PINNED_CHARS:,} "
                "characters together are possible. Nothing was built; pin less"
            )
    return found


def _pinned(number: int, item: PinnedItem) -> Pinned:
    if isinstance(item, str):
        return Pinned(f"pinned {number}", item, {})
    if isinstance(item, Document | SearchResult):
        return Pinned(f"pinned {number}", item.content, item.metadata, item.id or "")
    raise InvalidRequestError(
        f"pinned[{number - 1}] must be a string, a Document or a SearchResult, not {type(item).__name__}: "
        "nothing was built"
    )
