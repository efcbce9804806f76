"""Runs a query file through a search, with and without reranking, and averages what was measured."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aurora_dev.core.contracts import Filter
from aurora_dev.core.types import Notice, SearchOptions, SearchResult, SearchResults
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import ConfigurationError, InvalidRequestError
from aurora_dev.evaluation.metrics import (
    average_precision,
    hit_at,
    ndcg_at,
    percentile,
    precision_at,
    recall_at,
    reciprocal_rank,
)
from aurora_dev.evaluation.queries import Query, StoredTargets, Target
from aurora_dev.memory import Memory

DEFAULT_KS = (10,)
# The first search loads models and indexes, which is not what a search takes. It must not be one of the measured
# queries: rerankers remember the pairs that they have scored.
_WARMUP_QUERY = "where does the program start"
# Averages of the same numbers in other groupings differ by less; thresholds are written with a few digits.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Measured:
    """One search and its figures.

    Attributes:
        query: What was asked.
        ranks: Of each target of the query: the 1-based rank of the first result that covers it, or ``None``.
        relevant: For each result, best first, whether it covers any target.
        metrics: By name, as `metric_names` has them, 0..1.
        seconds: What the search took.
        search_method: What really ran, as in `SearchResults`.
        notices: What the search said about itself.
        fell_back: Whether reranking was asked for and did not run.
    """

    query: Query
    ranks: tuple[int | None, ...]
    relevant: tuple[bool, ...]
    metrics: Mapping[str, float]
    seconds: float
    search_method: str
    notices: tuple[Notice, ...] = ()
    fell_back: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """All searches with reranking, or all without.

    Attributes:
        rerank: Whether reranking was asked for.
        searches: One for each query, in the order of the queries.
    """

    rerank: bool
    searches: tuple[Measured, ...]

    @property
    def name(self) -> str:
        """``with rerank`` or ``without rerank``."""
        return "with rerank" if self.rerank else "without rerank"

    @property
    def fell_back(self) -> int:
        """How many searches were to be reranked and were not: their figures are those of the earlier stages."""
        return sum(search.fell_back for search in self.searches)

    @property
    def seconds_median(self) -> float:
        """Half of the searches took no longer."""
        return statistics.median(search.seconds for search in self.searches)

    @property
    def seconds_p95(self) -> float:
        """95 % of the searches took no longer (nearest rank)."""
        return percentile([search.seconds for search in self.searches], 95)

    def metrics(self, tag: str | None = None) -> dict[str, float]:
        """Return each metric's average over all queries, or over those with a tag; each query counts the same."""
        chosen = [search.metrics for search in self.searches if tag is None or tag in search.query.tags]
        return {name: math.fsum(each[name] for each in chosen) / len(chosen) for name in chosen[0]}

    def notices(self) -> list[tuple[Notice, int]]:
        """Return what searches said about themselves, by code: the first such notice, and how many searches had one."""
        first: dict[str, Notice] = {}
        counts: dict[str, int] = {}
        for search in self.searches:
            for code in dict.fromkeys(notice.code for notice in search.notices):
                counts[code] = counts.get(code, 0) + 1
            for notice in search.notices:
                first.setdefault(notice.code, notice)
        return [(first[code], count) for code, count in counts.items()]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The least that a metric's average may be.

    Attributes:
        metric: A name of `metric_names`.
        minimum: 0..1.
    """

    metric: str
    minimum: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a threshold is met.

    Attributes:
        value: The average that was compared: with reranking where that was measured, else without.
        met: Never where a search was to be reranked and was not: then ``value`` is not what was asked for.
        reason: Why it is not met, else empty.
    """

    threshold: Threshold
    value: float
    met: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured.

    Attributes:
        ks: The cut-offs, rising; every search gave up to the last of them results.
        mode: The search mode.
        sides: One or two; without reranking comes first.
        unknown: Targets that name nothing that is stored, with their query; they count as not found.
        no_reranker: Whether reranking was left out because none is configured.
    """

    ks: tuple[int, ...]
    mode: str
    sides: tuple[Side, ...]
    unknown: tuple[tuple[Query, Target], ...] = ()
    no_reranker: bool = False

    @property
    def queries(self) -> tuple[Query, ...]:
        """What was asked, in order."""
        return tuple(search.query for search in self.sides[0].searches)

    @property
    def depth(self) -> int:
        """How many results each search gave at most; MRR and MAP look at all of them."""
        return self.ks[-1]

    @property
    def tags(self) -> dict[str, int]:
        """The number of queries of each tag, sorted by tag."""
        names = sorted({tag for query in self.queries for tag in query.tags})
        return {name: sum(name in query.tags for query in self.queries) for name in names}

    def difference(self, tag: str | None = None) -> dict[str, float] | None:
        """Return with minus without reranking for each metric; ``None`` where not both ran, or nothing was reranked."""
        if len(self.sides) < 2 or self.sides[1].fell_back == len(self.queries):
            return None
        without, reranked = (side.metrics(tag) for side in self.sides)
        return {name: reranked[name] - without[name] for name in without}

    def check(self, thresholds: Sequence[Threshold]) -> list[Verdict]:
        """Compare thresholds with the averages over all queries of the last side.

        Raises:
            InvalidRequestError: A metric was not measured.
        """
        side = self.sides[-1]
        averages = side.metrics()
        verdicts = []
        for threshold in thresholds:
            if threshold.metric not in averages:
                raise InvalidRequestError(f"'{threshold.metric}' was not measured; there is: {', '.join(averages)}")
            value = averages[threshold.metric]
            reason = ""
            if side.fell_back:
                reason = f"{side.fell_back} of {len(self.queries)} searches were not reranked"
            elif value < threshold.minimum - _ROUNDING:
                reason = f"{threshold.minimum - value:.4f} too low"
            verdicts.append(Verdict(threshold, value, not reason, reason))
        return verdicts


def metric_names(ks: Sequence[int]) -> list[str]:
    """Return the names of all metrics for some cut-offs, in the order in which they are reported."""
    at_k = [f"{name}@{k}" for name in ("precision", "recall", "ndcg", "hit_rate") for k in _cutoffs(ks)]
    return [*at_k, "mrr", "map"]


def measure(
    query: Query, results: Sequence[SearchResult], covered: Sequence[frozenset[str]], ks: Sequence[int]
) -> Measured:
    """Return the figures of one search.

    Args:
        query: Its targets, with their grades.
        results: What was found, best first.
        covered: For each target, the ids of the records that count for it.
        ks: Cut-offs. MRR and MAP look at as many results as the largest.
    """
    ks = _cutoffs(ks)
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
    source: Memory | VectorStore,
    queries: Sequence[Query],
    *,
    ks: Sequence[int] = DEFAULT_KS,
    rerank: bool | None = None,
    filter: Filter | None = None,
    options: SearchOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Run each query once per side, one after the other, and measure what was found.

    Each search asks for as many results as the largest of ``ks``, and smaller cut-offs look at the head of the same
    results. The reranker reads ``options.rerank_top_k`` candidates (``None``: as a search for the
    largest of ``ks``).

    Args:
        source: An open memory, or a store (which does not know its project's folder; see `StoredTargets`).
        queries: At least one; see `load_queries`.
        ks: Cut-offs, each at least 1.
        rerank: With, without, or ``None`` for both; ``None`` measures without where no reranker is configured.
        filter: Conditions on metadata, as in `VectorStore.search`.
        options: What is searched with.
        progress: Called on the event loop with (searches done, searches in all).

    Raises:
        InvalidRequestError: There is no query, or an argument is out of range; nothing was measured.
        ConfigurationError: ``rerank`` is True and no reranker is configured; nothing was measured.
        StoreError: The backend could not read.
    """
    if not queries:
        raise InvalidRequestError("there are no queries: nothing was measured")
    ks = _cutoffs(ks)
    options = options or SearchOptions()
    store = source.store if isinstance(source, Memory) else source
    if rerank and store.reranker is None:
        raise ConfigurationError(
            "no reranker is configured: nothing was measured. Set CROSS_ENCODER_MODEL and install aurora-dev[rerank], "
            "or measure without one: --no-rerank"
        )
    no_reranker = rerank is None and store.reranker is None
    asked = (False, True) if rerank is None and not no_reranker else (bool(rerank),)
    root = source.root.as_posix() if isinstance(source, Memory) else ""
    stored = StoredTargets(await store.scan(), root)
    covered = [[stored.ids_of(target) for target in query.targets] for query in queries]

    async def search(text: str, with_rerank: bool) -> SearchResults:
        return await store.search(text, ks[-1], rerank=with_rerank, filter=filter, options=options)

    for with_rerank in asked:
        await search(_WARMUP_QUERY, with_rerank)
    searches: dict[bool, list[Measured]] = {with_rerank: [] for with_rerank in asked}
    for number, (query, of_query) in enumerate(zip(queries, covered, strict=True)):
        # The second search of a query finds its pages in memory: the sides take turns at being the first.
        for with_rerank in asked if number % 2 == 0 else asked[::-1]:
            searches[with_rerank].append(await _search(query, of_query, ks, with_rerank, search))
            if progress is not None:
                progress(sum(map(len, searches.values())), len(asked) * len(queries))
    return Evaluation(
        ks=ks,
        mode=options.mode,
        sides=tuple(Side(with_rerank, tuple(searches[with_rerank])) for with_rerank in asked),
        unknown=tuple(
            (query, target)
            for query, of_query in zip(queries, covered, strict=True)
            for target, ids in zip(query.targets, of_query, strict=True)
            if not ids
        ),
        no_reranker=no_reranker,
    )


async def _search(
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
        # Where nothing was found there was nothing to rerank.
        fell_back=rerank and bool(results) and "rerank" not in results.search_method.split("+"),
    )


def _cutoffs(ks: Sequence[int]) -> tuple[int, ...]:
    wrong = [k for k in ks if isinstance(k, bool) or not isinstance(k, int) or k < 1]
    if wrong or not ks:
        raise InvalidRequestError(f"k must be a whole number of at least 1, not {wrong[0] if wrong else None!r}")
    return tuple(sorted(set(ks)))
