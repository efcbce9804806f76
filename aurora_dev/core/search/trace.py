"""The record of a running search: its stages, notices and timings."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from aurora_dev.core.types import Notice, SearchResult, SearchResults

_STAGE_NAMES = {
    "vector": "Vector",
    "keyword": "Keyword (BM25)",
    "rrf_hybrid": "RRF",
    "dense": "Dense Vectors",
    "mmr": "MMR",
    "rerank": "Cross-Encoder Reranking",
}


@dataclass(slots=True)
class SearchTrace:
    """Collects stages, notices and timings, in one thread; worker threads have traces of their own.

    Attributes:
        relevance: How likely the project answers the query, 0..1; ``None`` if no stage can tell.
    """

    stages: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    degraded: str | None = None
    timings: dict[str, float] = field(default_factory=dict)
    relevance: float | None = None

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds that the block takes to a stage, even if the block raises."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.timings[stage] = self.timings.get(stage, 0.0) + time.perf_counter() - started

    def degrade(self, code: str, text: str) -> None:
        """Add a notice for a stage that was asked for and could not run; the first one becomes ``degraded``."""
        self.notices.append(Notice(code, text))
        self.degraded = self.degraded or text

    def add_concurrent(self, traces: Iterable[SearchTrace]) -> None:
        """Add the notices and timings of parts that ran at the same time: a stage takes as long as its slowest part.

        A notice that several parts give is added once.
        """
        longest: dict[str, float] = {}
        for trace in traces:
            for stage, seconds in trace.timings.items():
                longest[stage] = max(seconds, longest.get(stage, 0.0))
            self.notices += [notice for notice in trace.notices if notice not in self.notices]
            self.degraded = self.degraded or trace.degraded
        for stage, seconds in longest.items():
            self.timings[stage] = self.timings.get(stage, 0.0) + seconds

    def results(self, found: Sequence[SearchResult]) -> SearchResults:
        """Return results with everything that was collected."""
        return SearchResults(
            found,
            search_method="+".join(self.stages),
            message=" + ".join(_STAGE_NAMES[stage] for stage in self.stages),
            notices=tuple(self.notices),
            degraded=self.degraded,
            timings=self.timings,
            relevance=self.relevance,
        )


def with_score(result: SearchResult, stage: str, score: float) -> SearchResult:
    """Return a copy of a result with the score of a stage."""
    return replace(result, score=score, scores={**result.scores, stage: score})
