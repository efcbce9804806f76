"""The base of all rerankers of this package: they score, and from the scores they order results."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from aurora_dev.core.contracts import Reranker
from aurora_dev.core.rerank import results as rerank_results
from aurora_dev.core.rerank.results import Rerankable
from aurora_dev.core.rerank.unscored import followed_by_unscored
from aurora_dev.lazy import np, npt

__all__ = ["OrderingReranker", "Scored"]


class Scored(NamedTuple):
    """The scores of the texts of one call, in input order; NaN for a text that was not scored.

    Attributes:
        raw: float64, shape ``(texts,)``: the figures of the model or service.
        relevance: float32, shape ``(texts,)``: the same in 0..1.
        cache_hits: How many of them the cache knew.
    """

    raw: npt.NDArray[np.float64]
    relevance: npt.NDArray[np.float32]
    cache_hits: int = 0

    @classmethod
    def nothing(cls, count: int = 0) -> Scored:
        """Return the scores of texts that were not scored: all NaN."""
        return cls(np.full(count, np.nan), np.full(count, np.nan, np.float32))


class OrderingReranker(Reranker):
    """A reranker that also orders results; subclasses score a list of texts, blocking and from a coroutine.

    Attributes:
        top_k: Most results where a call names no number; ``None`` for all.
        min_score: Results below this are left out, 0..1; above 0, so are results that were not scored.
    """

    top_k: int | None = None
    min_score: float = 0.0

    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Score each text for the query; the event loop runs on meanwhile, and cancelling ends the work.

        Returns:
            Shape ``(len(texts),)``, float32 in 0..1, in input order; NaN for a text that was not scored.

        Raises:
            InvalidRequestError: The query or a text is not a string, or a service is asked with an empty query.
            MissingDependencyError: A package that a local model needs is not installed.
            ModelLoadError: A local model could not be loaded, or is not a reranker.
            RerankError: The model or the service did not score; the text says why.
        """
        texts = rerank_results.checked_texts(texts)
        return (await self._scored_async(self._checked_query(query), texts)).relevance

    def rerank(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Order results by their relevance to the query; blocks, see `rerank_async` for coroutines.

        Args:
            query: The question.
            results: `SearchResult`s, strings and mappings with a ``content``, in the order of the earlier stage.
            top_k: Most results; ``None`` is the number of this reranker (all, unless it has one). A number above the
                number of results means all.

        Returns:
            Copies, best first, with a ``score`` of 0..1 (see `aurora_dev.core.rerank.results.reordered`). Results that
            were not scored follow in the order of the earlier stage, unless the reranker has a ``min_score``.

        Raises:
            InvalidRequestError: ``top_k`` is below 1, or a result has no text.
            AuroraError: See `score`.
        """
        query, texts, keep = self._checked(query, results, top_k)
        begun = time.perf_counter()
        return self._ordered(results, self._scored(query, texts), keep, time.perf_counter() - begun)

    async def rerank_async(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Do what `rerank` does without blocking the event loop."""
        query, texts, keep = self._checked(query, results, top_k)
        begun = time.perf_counter()
        return self._ordered(results, await self._scored_async(query, texts), keep, time.perf_counter() - begun)

    def rerank_search_results(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Do what `rerank` does; `SearchResults` in, `SearchResults` out, with ``+rerank`` in its method."""
        return self.rerank(query, results, top_k)

    @abstractmethod
    def _scored(self, query: str, texts: list[str]) -> Scored:
        """Score texts and block until it is done; see `score` for the errors."""

    @abstractmethod
    async def _scored_async(self, query: str, texts: list[str]) -> Scored:
        """Score texts without blocking the event loop; see `score` for the errors."""

    def _checked_query(self, query: str) -> str:
        """Return the query, or raise `InvalidRequestError`."""
        return rerank_results.checked_query(query)

    def _texts(self, results: Sequence[Rerankable]) -> list[str]:
        """Return the text of each result that is scored."""
        return rerank_results.contents(results)

    def _log_ordered(self, results: Sequence[Rerankable], scored: Scored, kept: int, seconds: float) -> None:
        """Log that results were ordered; the base logs nothing."""

    def _checked(self, query: str, results: Sequence[Rerankable], top_k: int | None) -> tuple[str, list[str], int]:
        texts = self._texts(results)
        keep = rerank_results.checked_top_k(self.top_k if top_k is None else top_k, len(texts))
        return self._checked_query(query), texts, keep

    def _ordered(self, results: Sequence[Rerankable], scored: Scored, keep: int, seconds: float) -> list[Any]:
        best = followed_by_unscored(results, scored.relevance, scored.raw, keep, self.min_score, seconds=seconds)
        self._log_ordered(results, scored, len(best), seconds)
        return best
