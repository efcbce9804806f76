"""What rerankers have in common whose model runs in this process: queueing, windows, the cache, ordered results."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora_dev.core.contracts import Reranker
from aurora_dev.core.rerank import results as rerank_results
from aurora_dev.core.rerank.cache import ScoreCache, pair_keys
from aurora_dev.core.rerank.cross_encoder import CrossEncoderModel, Scored
from aurora_dev.core.rerank.results import Rerankable
from aurora_dev.core.rerank.shared_model import SharedModel
from aurora_dev.core.rerank.window import WINDOWS, Window, select_passage
from aurora_dev.errors import AuroraError, InvalidRequestError
from aurora_dev.log import get_logger

_log = get_logger(__name__)

# About 2.5 MB of scores: a hundred candidates for a hundred queries.
DEFAULT_CACHE_SIZE = 10_000


class LocalReranker(Reranker):
    """The base of rerankers with a model in this process; says nothing about how the model is loaded.

    The model loads on first use, once per process for all instances that share it, and its users queue for it; while
    it loads or scores, an event loop runs on.

    Args:
        name: What a person calls it.
        shared: Loads the model.
        window: Which part of a longer document is read; see `aurora_dev.core.rerank.window`.
        max_document_chars: Most characters of a document that are read.
        batch_size: Pairs that are scored before the next look whether anybody still waits.
        cache_size: Scores that are kept for repeated queries, about 250 bytes each; 0 keeps none.

    Raises:
        InvalidRequestError: An argument is out of range.
    """

    reads_headings = False
    """Whether its texts begin with the line of `aurora_dev.core.text.document_text.reranker_heading`."""

    def __init__(
        self,
        name: str,
        shared: SharedModel[CrossEncoderModel],
        *,
        window: Window,
        max_document_chars: int,
        batch_size: int,
        cache_size: int,
    ) -> None:
        if window not in WINDOWS:
            raise InvalidRequestError(f"window must be one of {', '.join(WINDOWS)}, not {window!r}")
        check_whole(max_document_chars=max_document_chars, batch_size=batch_size)
        check_whole(least=0, cache_size=cache_size)
        self._name = name
        self._shared = shared
        self.window: Window = window
        self.max_document_chars = max_document_chars
        self.batch_size = batch_size
        self._cache = ScoreCache(cache_size)

    @property
    def name(self) -> str:
        """The model's name, or the folder it is read from."""
        return self._name

    @property
    def is_available(self) -> bool:
        """False where a package that it needs is not installed, and after a load that failed; loads nothing."""
        return self.unavailable_reason is None

    @property
    def unavailable_reason(self) -> str | None:
        """Why `is_available` is False and what to do about it, else ``None``."""
        missing = self._missing()
        return self._shared.failure if missing is None else str(missing)

    @property
    def load_seconds(self) -> float | None:
        """What loading took, or ``None`` while the model is not loaded."""
        return self._shared.load_seconds

    def warmup(self) -> None:
        """Load the model and score one pair, so that the first search does not wait; for start-up hooks.

        Blocks (use ``asyncio.to_thread`` from a coroutine). After a load that failed, tries again.

        Raises:
            MissingDependencyError, ModelLoadError, RerankError: See `score`.
        """
        self._require()
        attempts = self._shared.attempts
        self._shared.run(lambda gone: self._shared.get(attempts).raw_scores([("warm", "up")], 1, gone))

    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Score each text for the query; the event loop runs on meanwhile, and cancelling stops the work.

        Returns:
            Shape ``(len(texts),)``, float32 in 0..1, in input order.

        Raises:
            InvalidRequestError: The query or a text is no string.
            MissingDependencyError: A package that it needs is not installed.
            ModelLoadError: The model could not be loaded, or is no reranker.
            RerankError: The model ran out of memory twice, or gave what is no score.
        """
        texts = rerank_results.checked_texts(texts)
        return (await self._scored_async(rerank_results.checked_query(query), texts)).relevance

    def rerank(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Order results by their relevance to the query; blocks, see `rerank_async` for coroutines.

        Args:
            query: The question.
            results: `SearchResult`s, strings and mappings with a ``content``, in the order of the earlier stage.
            top_k: How many come back; ``None``, or more than there are: all.

        Returns:
            Copies, best first, with a ``score`` of 0..1 (see `aurora_dev.core.rerank.results.reordered`).

        Raises:
            InvalidRequestError: ``top_k`` is below 1, or a result has no text.
            AuroraError: See `score`.
        """
        texts, keep = self._checked(query, results, top_k)
        begun = time.perf_counter()
        return self._finish(results, self._scored(query, texts), keep, begun)

    async def rerank_async(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Do what `rerank` does without blocking the event loop."""
        texts, keep = self._checked(query, results, top_k)
        begun = time.perf_counter()
        return self._finish(results, await self._scored_async(query, texts), keep, begun)

    def rerank_search_results(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Do what `rerank` does; `SearchResults` in, `SearchResults` out, with ``+rerank`` in its method."""
        return self.rerank(query, results, top_k)

    def clear_cache(self) -> None:
        """Forget the scores of earlier queries."""
        self._cache.clear()

    def _missing(self) -> AuroraError | None:
        """Return the error for what is not installed; imports nothing."""
        return None

    def _texts(self, results: Sequence[Rerankable]) -> list[str]:
        """Return what is scored of each result."""
        return rerank_results.contents(results)

    def _passage(self, query: str, text: str) -> str:
        """Return the part of a text that the model reads."""
        return select_passage(query, text, self.max_document_chars, self.window)

    def _score_settings(self) -> tuple[str, ...]:
        """Return whatever a score depends on besides the model, the query and the text."""
        return (self.window, str(self.max_document_chars))

    def _checked(self, query: str, results: Sequence[Rerankable], top_k: int | None) -> tuple[list[str], int]:
        texts = self._texts(results)
        rerank_results.checked_query(query)
        return texts, rerank_results.checked_top_k(top_k, len(texts))

    def _finish(self, results: Sequence[Rerankable], scored: Scored, keep: int, begun: float) -> list[Any]:
        seconds = time.perf_counter() - begun
        best = rerank_results.reordered(results, scored.relevance.tolist(), scored.raw.tolist(), keep, seconds=seconds)
        _log.info(
            "reranked",
            candidates=len(results),
            results=len(best),
            seconds=round(seconds, 4),
            model=self._name,
            cache_hits=scored.cache_hits,
        )
        return best

    def _scored(self, query: str, texts: list[str]) -> Scored:
        if not texts:
            return Scored.none()
        self._require()
        attempts = self._shared.attempts
        cached = self._from_cache(query, texts)
        if cached is not None:
            return cached
        return self._shared.run(lambda gone: self._compute(query, texts, gone, attempts))

    async def _scored_async(self, query: str, texts: list[str]) -> Scored:
        if not texts:
            return Scored.none()
        self._require()
        attempts = self._shared.attempts
        # A query whose scores are all known does not queue behind those that need the model; hashing may take a while.
        if self._may_be_cached and (cached := await asyncio.to_thread(self._from_cache, query, texts)) is not None:
            return cached
        return await self._shared.run_async(lambda gone: self._compute(query, texts, gone, attempts))

    def _require(self) -> None:
        missing = self._missing()
        if missing is not None:
            raise missing

    def _keys(self, model: CrossEncoderModel, query: str, texts: list[str]) -> list[bytes]:
        return pair_keys((model.revision, *self._score_settings()), query, texts)

    @property
    def _may_be_cached(self) -> bool:
        return len(self._cache) > 0

    def _from_cache(self, query: str, texts: list[str]) -> Scored | None:
        model = self._shared.loaded
        if model is None or not self._may_be_cached:
            return None
        keys = self._keys(model, query, texts)
        known = self._cache.get_many(keys)
        if len(known) < len(set(keys)):
            return None
        return self._assembled(model, [known[key] for key in keys], len(keys))

    def _compute(self, query: str, texts: list[str], gone: threading.Event, attempts: int) -> Scored:
        """Score in the model's thread."""
        model = self._shared.get(attempts)
        keys = self._keys(model, query, texts)
        known = self._cache.get_many(keys)
        hits = sum(key in known for key in keys)
        # Equal documents are scored once: they tie exactly.
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        passages = [(key, self._passage(query, text)) for key, text in missing.items()]
        # Neighbours of one length need little padding; by text too, so that the input order changes no batch.
        passages.sort(key=lambda item: (-len(item[1]), item[1]))
        raw = model.raw_scores([(query, passage) for _, passage in passages], self.batch_size, gone)
        fresh = {key: score for (key, _), score in zip(passages, raw, strict=True)}
        self._cache.put_many(fresh)
        known.update(fresh)
        return self._assembled(model, [known[key] for key in keys], hits)

    def _assembled(self, model: CrossEncoderModel, raw: list[float], hits: int) -> Scored:
        figures = np.asarray(raw, dtype=np.float64)
        return Scored(figures, model.relevance(figures), hits)


def check_whole(*, least: int = 1, **arguments: int) -> None:
    """Check that arguments are whole numbers of at least ``least``.

    Raises:
        InvalidRequestError: One is not.
    """
    for argument, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidRequestError(f"{argument} must be a whole number of at least {least}, not {value!r}")


def installed(package: str) -> bool:
    """Whether a package can be imported; imports nothing."""
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module without a spec, put into sys.modules by somebody: it can be imported
        return True
