"""The figures of an evaluation: per search, per side and overall, and the check of thresholds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aurora_dev.core.types import NAME_NOT_FOUND, NO_MATCH, Notice
from aurora_dev.errors import InvalidRequestError
from aurora_dev.evaluation.metrics import percentile
from aurora_dev.evaluation.query_file import Query, Target

# Averages of the same numbers in other groupings differ by less; thresholds are written with a few digits.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Measured:
    """One search and its figures.

    Attributes:
        query: The query.
        ranks: For each target of the query: the 1-based rank of the first result that covers it, or ``None``.
        relevant: For each result, best first, whether it covers any target.
        metrics: Figures 0..1 by metric name; see `metric_names`.
        seconds: Duration of the search.
        search_method: The stages that ran, as in `SearchResults`.
        notices: The notices of the search.
        fell_back: Whether reranking was requested and did not run.
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
        rerank: Whether reranking was requested.
        searches: One per query, in the order of the queries.
    """

    rerank: bool
    searches: tuple[Measured, ...]

    @property
    def name(self) -> str:
        """The label in reports: ``with rerank`` or ``without rerank``."""
        return "with rerank" if self.rerank else "without rerank"

    @property
    def fell_back(self) -> int:
        """The number of searches that were not reranked as requested; their figures are those of earlier stages."""
        return sum(search.fell_back for search in self.searches)

    @property
    def seconds_median(self) -> float:
        """The median duration of a search."""
        return statistics.median(search.seconds for search in self.searches)

    @property
    def seconds_p95(self) -> float:
        """The 95th percentile (nearest rank) of the duration of a search."""
        return percentile([search.seconds for search in self.searches], 95)

    def metrics(self, tag: str | None = None) -> dict[str, float]:
        """Return each metric's average over all queries, or over those with a tag; every query has the same weight."""
        chosen = [search.metrics for search in self.searches if tag is None or tag in search.query.tags]
        return {name: math.fsum(each[name] for each in chosen) / len(chosen) for name in chosen[0]}

    def notices(self) -> list[tuple[Notice, int]]:
        """Return, for each notice code, the first notice and the number of searches that had one.

        That a project does not have what a query asks for is a remark about the query, not about the run.
        """
        first: dict[str, Notice] = {}
        counts: dict[str, int] = {}
        for search in self.searches:
            for code in dict.fromkeys(notice.code for notice in search.notices):
                counts[code] = counts.get(code, 0) + 1
            for notice in search.notices:
                first.setdefault(notice.code, notice)
        return [(first[code], count) for code, count in counts.items() if code not in (NAME_NOT_FOUND, NO_MATCH)]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The required minimum of a metric's average.

    Attributes:
        metric: A name of `metric_names`.
        minimum: 0..1.
    """

    metric: str
    minimum: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one threshold.

    Attributes:
        value: The compared average: with reranking if that was measured, else without.
        met: Whether the threshold is met. Never if a search fell back: ``value`` is then not a figure of reranking.
        reason: Why it is not met; else empty.
    """

    threshold: Threshold
    value: float
    met: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of `evaluate`.

    Attributes:
        ks: The cut-offs, ascending; every search returned at most as many results as the last one.
        mode: The search mode.
        sides: One or two; without reranking comes first.
        unknown: Targets that name no stored record, with their query; they count as not found.
        no_reranker: Whether reranking was skipped because no reranker is configured.
    """

    ks: tuple[int, ...]
    mode: str
    sides: tuple[Side, ...]
    unknown: tuple[tuple[Query, Target], ...] = ()
    no_reranker: bool = False

    @property
    def queries(self) -> tuple[Query, ...]:
        """The queries, in order."""
        return tuple(search.query for search in self.sides[0].searches)

    @property
    def depth(self) -> int:
        """The number of results requested per search; MRR and MAP use all of them."""
        return self.ks[-1]

    @property
    def tags(self) -> dict[str, int]:
        """The number of queries of each tag, sorted by tag."""
        names = sorted({tag for query in self.queries for tag in query.tags})
        return {name: sum(name in query.tags for query in self.queries) for name in names}

    def difference(self, tag: str | None = None) -> dict[str, float] | None:
        """Return each metric with reranking minus without; ``None`` if only one side ran or nothing was reranked."""
        if len(self.sides) < 2 or self.sides[1].fell_back == len(self.queries):
            return None
        without, reranked = (side.metrics(tag) for side in self.sides)
        return {name: reranked[name] - without[name] for name in without}

    def check(self, thresholds: Sequence[Threshold]) -> list[Verdict]:
        """Compare thresholds with the averages of the last side over all queries.

        Raises:
            InvalidRequestError: A metric was not measured.
        """
        side = self.sides[-1]
        averages = side.metrics()
        verdicts = []
        for threshold in thresholds:
            if threshold.metric not in averages:
                raise InvalidRequestError(
                    f"'{threshold.metric}' was not measured; the metrics are: {', '.join(averages)}"
                )
            value = averages[threshold.metric]
            reason = ""
            if side.fell_back:
                reason = f"{side.fell_back} of {len(self.queries)} searches were not reranked"
            elif value < threshold.minimum - _ROUNDING:
                reason = f"{threshold.minimum - value:.4f} too low"
            verdicts.append(Verdict(threshold, value, not reason, reason))
        return verdicts


def metric_names(ks: Sequence[int]) -> list[str]:
    """Return the names of all metrics for these cut-offs, in the order of reports."""
    at_k = [f"{name}@{k}" for name in ("precision", "recall", "ndcg", "hit_rate") for k in cutoffs(ks)]
    return [*at_k, "mrr", "map"]


def cutoffs(ks: Sequence[int]) -> tuple[int, ...]:
    """Return the distinct cut-offs, ascending.

    Raises:
        InvalidRequestError: There is none, or one is not a whole number of at least 1.
    """
    wrong = [k for k in ks if isinstance(k, bool) or not isinstance(k, int) or k < 1]
    if wrong or not ks:
        raise InvalidRequestError(f"k must be a whole number of at least 1, not {wrong[0] if wrong else None!r}")
    return tuple(sorted(set(ks)))
