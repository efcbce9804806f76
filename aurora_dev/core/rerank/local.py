"""The base of rerankers with a model in this process: queueing, windows, the cache of scores."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from aurora_dev.core.arguments import check_whole
from aurora_dev.core.rerank.base import OrderingReranker, Scored
from aurora_dev.core.rerank.cache import ScoreCache, pair_keys
from aurora_dev.core.rerank.cross_encoder import CrossEncoderModel
from aurora_dev.core.rerank.results import Rerankable
from aurora_dev.core.rerank.shared_model import SharedModel
from aurora_dev.core.rerank.window import Window, check_window, select_window
from aurora_dev.errors import AuroraError
from aurora_dev.lazy import np
from aurora_dev.log import get_logger

_log = get_logger(__name__)

# About 2.5 MB of scores: a hundred candidates for a hundred queries.
DEFAULT_CACHE_SIZE = 10_000


@dataclass(frozen=True, slots=True)
class Reading:
    """The part of a document that a model reads, and the scores that are kept.

    Attributes:
        max_document_chars: Most characters of a document that are read.
        window: The part of a longer document that is read; see `aurora_dev.core.rerank.window`.
        batch_size: Most pairs between two checks whether a caller still waits; ``None`` for the default of the model.
        cache_size: Most scores that are kept for repeated queries, about 250 bytes each; 0 keeps none.

    Raises:
        InvalidRequestError: A value is out of range.
    """

    max_document_chars: int
    window: Window
    batch_size: int | None = None
    cache_size: int = DEFAULT_CACHE_SIZE

    def __post_init__(self) -> None:
        check_window(self.window)
        check_whole(max_document_chars=self.max_document_chars)
        if self.batch_size is not None:
            check_whole(batch_size=self.batch_size)
        check_whole(least=0, cache_size=self.cache_size)


class LocalReranker(OrderingReranker):
    """The base of rerankers with a model in this process; subclasses say how the model is loaded.

    The model loads on first use, once per process for all instances that share it, and its users queue for it. While it
    loads or scores, an event loop runs on. There is nothing to close: `close` does nothing, and the model stays loaded.

    Args:
        name: The name of the model, for people.
        shared: Loads the model.
        reading: The part of a document that the model reads, and the scores that are kept.
        batch_size: Pairs of a batch if ``reading`` names no number.
    """

    reads_headings = False
    """True if its texts begin with the line of `aurora_dev.core.text.document_text.reranker_heading`."""

    def __init__(self, name: str, shared: SharedModel[CrossEncoderModel], reading: Reading, batch_size: int) -> None:
        self._name = name
        self._shared = shared
        self.window: Window = reading.window
        self.max_document_chars = reading.max_document_chars
        self.batch_size = batch_size if reading.batch_size is None else reading.batch_size
        self._cache = ScoreCache(reading.cache_size)

    @property
    def name(self) -> str:
        """The model's name, or the folder it is read from."""
        return self._name

    @property
    def is_available(self) -> bool:
        """False if a package that it needs is not installed, and after a load that failed; loads nothing."""
        return self.unavailable_reason is None

    @property
    def unavailable_reason(self) -> str | None:
        """Why `is_available` is False and what to do about it, else ``None``."""
        missing = self._missing()
        return self._shared.failure if missing is None else str(missing)

    @property
    def load_seconds(self) -> float | None:
        """The seconds that loading took, or ``None`` while the model is not loaded."""
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

    def clear_cache(self) -> None:
        """Forget the scores of earlier queries."""
        self._cache.clear()

    def _missing(self) -> AuroraError | None:
        """Return the error for a package that is not installed; imports nothing."""
        return None

    def _window_of(self, query: str, text: str) -> str:
        """Return the part of a text that the model reads."""
        return select_window(query, text, self.max_document_chars, self.window)

    def _score_settings(self) -> tuple[str, ...]:
        """Return everything that a score depends on besides the model, the query and the text."""
        return (self.window, str(self.max_document_chars))

    def _log_ordered(self, results: Sequence[Rerankable], scored: Scored, kept: int, seconds: float) -> None:
        _log.info(
            "reranked",
            candidates=len(results),
            results=kept,
            seconds=round(seconds, 4),
            model=self._name,
            cache_hits=scored.cache_hits,
        )

    def _scored(self, query: str, texts: list[str]) -> Scored:
        if not texts:
            return Scored.nothing()
        self._require()
        attempts = self._shared.attempts
        cached = self._from_cache(query, texts)
        if cached is not None:
            return cached
        return self._shared.run(lambda gone: self._compute(query, texts, gone, attempts))

    async def _scored_async(self, query: str, texts: list[str]) -> Scored:
        if not texts:
            return Scored.nothing()
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
        """Return the scores if the cache has all of them."""
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
        # Equal documents are scored once, so that they tie exactly.
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        windows = [(key, self._window_of(query, text)) for key, text in missing.items()]
        # Neighbours of one length need little padding; by text too, so that the input order changes no batch.
        windows.sort(key=lambda item: (-len(item[1]), item[1]))
        raw = model.raw_scores([(query, text) for _, text in windows], self.batch_size, gone)
        fresh = {key: score for (key, _), score in zip(windows, raw, strict=True)}
        self._cache.put_many(fresh)
        known.update(fresh)
        return self._assembled(model, [known[key] for key in keys], hits)

    def _assembled(self, model: CrossEncoderModel, raw: list[float], hits: int) -> Scored:
        figures = np.asarray(raw, dtype=np.float64)
        return Scored(figures, model.relevance(figures), hits)


def installed(package: str) -> bool:
    """Return whether a package can be imported; imports nothing."""
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module without a spec that was put into sys.modules: it can be imported
        return True
