"""The evaluation run: search every query with and without reranking, and measure the results."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from aurora_dev.core.contracts import Filter, Reranker, SearchableStore
from aurora_dev.core.types import SearchOptions, SearchResult, SearchResults
from aurora_dev.errors import ConfigurationError, InvalidRequestError
from aurora_dev.evaluation.metrics import (
    average_precision,
    hit_at,
    ndcg_at,
    precision_at,
    recall_at,
    reciprocal_rank,
)
from aurora_dev.evaluation.query_file import Query
from aurora_dev.evaluation.results import Evaluation, Measured, Side, cutoffs, metric_names
from aurora_dev.evaluation.stored_targets import StoredTargets

DEFAULT_KS = (10,)
# The first search also loads models and indexes, so it is not timed. It must not be one of the measured queries:
# rerankers cache the pairs that they have scored.
_NOT_RERANKED = frozenset(("rerank_unavailable", "rerank_timeout", "rerank_failed"))
_WARMUP_QUERY = "where does the program start"


class RerankingStore(SearchableStore, Protocol):
    """The members of `VectorStore` that an evaluation uses."""

    @property
    def reranker(self) -> Reranker | None:
        """The reranker of searches; ``None`` if none is configured."""


@runtime_checkable
class StoreOfProject(Protocol):
    """The members of an open `Memory` that an evaluation uses."""

    @property
    def root(self) -> Path:
        """The project's folder, absolute."""

    @property
    def store(self) -> RerankingStore:
        """The store that is searched."""


def measure(
    query: Query, results: Sequence[SearchResult], covered: Sequence[frozenset[str]], ks: Sequence[int]
) -> Measured:
    """Return the figures of one search; its duration and method are left empty.

    Args:
        query: The query with its targets and their grades.
        results: The results, best first.
        covered: For each target, the ids of the records that it names.
        ks: Cut-offs. MRR and MAP use as many results as the largest.
    """
    ks = cutoffs(ks)
    ids = [result.id for result in results[: ks[-1]]]
    ranks = tuple(
        next((rank for rank, identifier in enumerate(ids, start=1) if identifier in of_target), None)
        for of_target in covered
    )
    relevant = tuple(any(identifier in of_target for of_target in covered) for identifier in ids)
    grades = [target.grade for target in query.targets]
    figures = (
        *(precision_at(relevant, k) for k in ks),
        *(recall_at(ranks, k) for k in ks),
        *(ndcg_at(ranks, grades, k) for k in ks),
        *(hit_at(ranks, k) for k in ks),
        reciprocal_rank(ranks),
        average_precision(ranks),
    )
    return Measured(query, ranks, relevant, dict(zip(metric_names(ks), figures, strict=True)), 0.0, "")


async def evaluate(
    source: StoreOfProject | RerankingStore,
    queries: Sequence[Query],
    *,
    ks: Sequence[int] = DEFAULT_KS,
    rerank: bool | None = None,
    filter: Filter | None = None,
    options: SearchOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Search each query once per side, sequentially, and measure the results.

    Each search requests as many results as the largest of ``ks``; smaller cut-offs use the head of the same results.
    The reranker reads ``options.rerank_top_k`` candidates (``None``: as a search for the largest of ``ks``).

    Args:
        source: An open `Memory`, or a `VectorStore` (which does not know its project's folder; see `StoredTargets`).
        queries: At least one; see `load_queries`.
        ks: Cut-offs, each at least 1.
        rerank: With, without, or ``None`` for both; ``None`` measures only without if no reranker is configured.
        filter: Conditions on metadata, as in `VectorStore.search`.
        options: The options of each search.
        progress: Called on the event loop with (searches done, searches in total).

    Raises:
        InvalidRequestError: There is no query, or an argument is out of range; nothing was measured.
        ConfigurationError: ``rerank`` is True and no reranker is configured; nothing was measured.
        StoreError: The backend could not read.
    """
    if not queries:
        raise InvalidRequestError("no queries were given: nothing was measured")
    ks = cutoffs(ks)
    options = options or SearchOptions()
    store, root = (source.store, source.root.as_posix()) if isinstance(source, StoreOfProject) else (source, "")
    if rerank and store.reranker is None:
        raise ConfigurationError(
            "no reranker is configured: nothing was measured. Set CROSS_ENCODER_MODEL and install aurora-dev[rerank], "
            "or measure without a reranker: --no-rerank"
        )
    no_reranker = rerank is None and store.reranker is None
    sides = (False, True) if rerank is None and not no_reranker else (bool(rerank),)
    stored = StoredTargets(await store.scan(), root)
    covered = [[stored.ids_of(target) for target in query.targets] for query in queries]

    async def search(text: str, with_rerank: bool) -> SearchResults:
        return await store.search(text, ks[-1], rerank=with_rerank, filter=filter, options=options)

    for with_rerank in sides:
        await search(_WARMUP_QUERY, with_rerank)
    searches: dict[bool, list[Measured]] = {with_rerank: [] for with_rerank in sides}
    for number, (query, of_query) in enumerate(zip(queries, covered, strict=True)):
        # The second search of a query is faster, because its pages are cached. So the sides alternate in going first.
        for with_rerank in sides if number % 2 == 0 else sides[::-1]:
            searches[with_rerank].append(await _measure_search(query, of_query, ks, with_rerank, search))
            if progress is not None:
                progress(sum(map(len, searches.values())), len(sides) * len(queries))
    return Evaluation(
        ks=ks,
        mode=options.mode,
        sides=tuple(Side(with_rerank, tuple(searches[with_rerank])) for with_rerank in sides),
        unknown=tuple(
            (query, target)
            for query, of_query in zip(queries, covered, strict=True)
            for target, ids in zip(query.targets, of_query, strict=True)
            if not ids
        ),
        no_reranker=no_reranker,
    )


async def _measure_search(
    query: Query,
    covered: Sequence[frozenset[str]],
    ks: Sequence[int],
    rerank: bool,
    search: Callable[[str, bool], Awaitable[SearchResults]],
) -> Measured:
    started = time.perf_counter()
    results = await search(query.text, rerank)
    seconds = time.perf_counter() - started
    measured = measure(query, results, covered, ks)
    return Measured(
        query,
        measured.ranks,
        measured.relevant,
        measured.metrics,
        seconds,
        results.search_method,
        results.notices,
        # A search that the first stage has settled is not reranked either, on purpose and without a notice.
        fell_back=rerank and any(notice.code in _NOT_RERANKED for notice in results.notices),
    )
