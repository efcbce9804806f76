"""Reranking by a service: Cohere, Jina, Voyage, TEI, llama.cpp, vLLM, infinity, and what speaks like one of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from aurora_dev.core.contracts import Reranker
from aurora_dev.core.rerank import formats as rerank_formats
from aurora_dev.core.rerank import results as rerank_results
from aurora_dev.core.rerank.formats import SCORE_KINDS, ReplyError, ScoreKind
from aurora_dev.core.rerank.results import Rerankable
from aurora_dev.core.rerank.unscored import followed_by_unscored
from aurora_dev.core.rerank.window import WINDOWS, Window, select_passage
from aurora_dev.core.services.addresses import checked_key, checked_url, redacted, refuse_key_in, shown
from aurora_dev.core.services.circuit_breaker import CircuitBreaker
from aurora_dev.core.services.client import RetryPolicy, ServiceClient, ServiceError
from aurora_dev.errors import InvalidRequestError, RerankError
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from pydantic import SecretStr

_log = get_logger(__name__)
_T = TypeVar("_T")

DEFAULT_URL = "http://localhost:8081/rerank"
DEFAULT_TOP_K = 100
DEFAULT_TIMEOUT = 30.0
DEFAULT_RETRIES = 3  # waits of about 0.5, 1 and 2 s, which pass over a busy moment within the time of a search
DEFAULT_CONCURRENCY = 8  # 256 texts at once for TEI; a hosted service's rate limit is rarely lower
DEFAULT_WINDOW: Window = "head+best"  # as for cross-encoders
# A service that fails three searches in a row is down, and not busy; half a minute is about what a restart takes.
DEFAULT_FAILURE_THRESHOLD = 3
DEFAULT_COOLDOWN = 30.0

# A thousand scores are 100 kB; with the documents returned, as vLLM does, they may be 2 MB.
_LARGEST_REPLY = 8 * 1024 * 1024
# A search that gave up after so long waited for the service; one that was cancelled sooner changed its mind.
_TELLING_SECONDS = 1.0
_SHORTEST_DOCUMENT = 64  # bytes of a document that a long query leaves, where a pair has a limit
_CHECK_TEXT = "ping"


class HTTPReranker(Reranker):
    """Scores with a reranking service.

    Documents go out in as many requests as the service's limits need, several at a time; scores come back by index.
    429, 503 and their like, and broken connections, are tried again with exponential backoff and jitter, or after the
    time that ``Retry-After`` asks for, as long as ``timeout`` allows; any other refusal is an error at once. After
    repeated failures the circuit is open: for a while `is_available` is False and nothing is sent. Any event loop and
    any thread may use it; cancelling a call cancels its requests.

    Args:
        api_url: The endpoint; an address without a path, or one that ends in a version, is completed.
        api_key: Sent as a bearer token, to this host only; never shown.
        model: The model's name, as the service calls it; empty for a vendor's default, or for what a server loaded.
        top_k: Most results that come back from `rerank` and its like where the call names no number.
        timeout: Seconds for one call as a whole, retries included.
        min_score: Results of `rerank` below this are left out, 0..1; searches have ``SearchOptions.rerank_min_score``.
        api_format: ``auto`` tells it from the address, never from an answer; else ``cohere-v1``, ``cohere-v2``,
            ``jina``, ``voyage``, ``tei``, ``llamacpp``, ``vllm``, ``infinity`` or ``plain``. See
            `aurora_dev.core.rerank.formats` for what each is asked and answers.
        scores: What the service's scores are: ``probability``, ``logit`` or ``similarity``; ``None`` is what the
            format documents: logits for llama.cpp, cosines for jina-reranker-v3, else probabilities.
        max_documents: Most documents in a request; ``None`` is the format's limit.
        max_document_chars: Most characters of a document that are sent; ``None`` is the format's.
        window: Which part of a longer document is sent; see `aurora_dev.core.rerank.window`.
        max_retries: Further attempts of a request after the first.
        concurrency: Most requests at a time.
        failure_threshold: Failures in a row that open the circuit.
        cooldown: Seconds for which it stays open.
        wait: Waits so many seconds; for tests.
        clock: Monotonic seconds; for tests.
        jitter: Numbers in 0..1; for tests.

    Raises:
        InvalidRequestError: An argument is wrong; nothing was sent.
    """

    def __init__(
        self,
        api_url: str = DEFAULT_URL,
        api_key: SecretStr | str | None = "",
        model: str = "",
        top_k: int = DEFAULT_TOP_K,
        timeout: float = DEFAULT_TIMEOUT,
        min_score: float = 0.0,
        api_format: str = "auto",
        *,
        scores: ScoreKind | None = None,
        max_documents: int | None = None,
        max_document_chars: int | None = None,
        window: Window = DEFAULT_WINDOW,
        max_retries: int = DEFAULT_RETRIES,
        concurrency: int = DEFAULT_CONCURRENCY,
        failure_threshold: int = DEFAULT_FAILURE_THRESHOLD,
        cooldown: float = DEFAULT_COOLDOWN,
        wait: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        url = checked_url(api_url, "api_url")
        refuse_key_in(url, "api_url")
        chosen = rerank_formats.choose_format(api_format, url)
        if model is not None and not isinstance(model, str):
            raise InvalidRequestError(f"model must be a name, not {type(model).__name__}")
        if scores is not None and scores not in SCORE_KINDS:
            raise InvalidRequestError(f"scores must be one of {', '.join(SCORE_KINDS)}, or None, not {scores!r}")
        if window not in WINDOWS:
            raise InvalidRequestError(f"window must be one of {', '.join(WINDOWS)}, not {window!r}")
        _check_whole(top_k=top_k, concurrency=concurrency, failure_threshold=failure_threshold)
        _check_whole(least=0, max_retries=max_retries)
        _check_seconds(timeout=timeout, cooldown=cooldown)
        if isinstance(min_score, bool) or not isinstance(min_score, int | float) or not 0.0 <= min_score <= 1.0:
            raise InvalidRequestError(f"min_score must be a number from 0 to 1, not {min_score!r}")
        self._key = checked_key(api_key)
        self._url = rerank_formats.endpoint_of(url, chosen)
        self._format = chosen
        self._model = (model or "").strip() or rerank_formats.default_model(chosen, url)
        self._scores: ScoreKind = scores or rerank_formats.default_scores(chosen, self._model)
        self._max_documents = chosen.max_documents if max_documents is None else max_documents
        self._max_chars = chosen.max_document_chars if max_document_chars is None else max_document_chars
        # Who raises the limit of a document has raised the service's limit of a pair.
        self._max_pair_bytes = chosen.max_pair_bytes if max_document_chars is None else None
        _check_whole(max_documents=self._max_documents, max_document_chars=self._max_chars)
        self.top_k, self.timeout, self.min_score, self.window = top_k, float(timeout), float(min_score), window
        self._clock = clock
        self._breaker = CircuitBreaker(failure_threshold, float(cooldown), clock)
        retries = RetryPolicy(max_retries, wait, jitter, clock)
        self._client = ServiceClient(self._url, self._key, concurrency, _LARGEST_REPLY, retries)

    def __repr__(self) -> str:
        return f"HTTPReranker({shown(self._url)!r}, model={self._model!r}, api_format={self._format.name!r})"

    @property
    def name(self) -> str:
        """``http/`` and the model's name, or the host where no model is named."""
        return f"http/{self._model or self._url.netloc.decode('ascii')}"

    @property
    def api_format(self) -> str:
        """The format that is spoken, also where ``auto`` chose it."""
        return self._format.name

    @property
    def scores(self) -> ScoreKind:
        """What the service's scores are taken for."""
        return self._scores

    @property
    def is_available(self) -> bool:
        """False while the circuit is open after repeated failures; asks nobody, see `check`."""
        return self._breaker.allows

    @property
    def unavailable_reason(self) -> str | None:
        """Why `is_available` is False and when it is tried again, else ``None``."""
        breaker = self._breaker
        if breaker.allows:
            return None
        failures = breaker.failures
        times = "the last call failed" if failures == 1 else f"the last {failures} calls failed"
        return (
            f"{times} ({breaker.reason}); nothing is sent to {shown(self._url)} for another "
            f"{breaker.seconds_left:.0f} s"
        )

    async def check(self) -> bool:
        """Ask the service to score one pair, whatever the state of the circuit.

        Returns:
            Whether it did. True closes the circuit; False opens it at once, and `unavailable_reason` says why.
        """
        try:
            await self._in_client(lambda: self._within_time(_CHECK_TEXT, [_CHECK_TEXT]))
        except RerankError as error:
            self._failed(str(error), at_once=True)
            return False
        self._breaker.succeeded()
        return True

    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Score each text for the query; the event loop runs on meanwhile, and cancelling cancels the requests.

        Returns:
            Shape ``(len(texts),)``, float32 in 0..1, in input order; NaN for blank texts, and for what the service
            left out.

        Raises:
            InvalidRequestError: The query is empty, or the query or a text is no string.
            RerankError: The service refused, did not answer in time, answered with what are no scores, or is left
                alone after repeated failures.
        """
        texts = rerank_results.checked_texts(texts)
        return (await self._scored_async(_checked_query(query), texts)).relevance

    def rerank(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Order results by their relevance to the query; blocks, see `rerank_async` for coroutines.

        Args:
            query: The question.
            results: `SearchResult`s, strings and mappings with a ``content``, in the order of the earlier stage.
            top_k: How many come back; ``None`` is the ``top_k`` of this reranker; more than there are: all.

        Returns:
            Copies, best first, with a ``score`` of 0..1 (see `aurora_dev.core.rerank.results.reordered`). Where
            ``min_score`` is 0, what was not scored follows in the order of the earlier stage.

        Raises:
            InvalidRequestError: ``top_k`` is below 1, or a result has no text.
            RerankError: See `score`.
        """
        query, texts, keep = self._checked(query, results, top_k)
        begun = time.perf_counter()
        return self._finish(results, self._scored(query, texts), keep, begun)

    async def rerank_async(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Do what `rerank` does without blocking the event loop."""
        query, texts, keep = self._checked(query, results, top_k)
        begun = time.perf_counter()
        return self._finish(results, await self._scored_async(query, texts), keep, begun)

    def rerank_search_results(self, query: str, results: Sequence[Rerankable], top_k: int | None = None) -> list[Any]:
        """Do what `rerank` does; `SearchResults` in, `SearchResults` out, with ``+rerank`` in its method."""
        return self.rerank(query, results, top_k)

    async def aclose(self) -> None:
        """Close the connections; a later call opens new ones."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Do what `aclose` does, outside of coroutines."""
        self._client.close()

    def _checked(self, query: str, results: Sequence[Rerankable], top_k: int | None) -> tuple[str, list[str], int]:
        texts = rerank_results.contents(results)
        return (
            _checked_query(query),
            texts,
            rerank_results.checked_top_k(self.top_k if top_k is None else top_k, len(texts)),
        )

    def _finish(self, results: Sequence[Rerankable], scored: _Scored, keep: int, begun: float) -> list[Any]:
        seconds = time.perf_counter() - begun
        return followed_by_unscored(results, scored.relevance, scored.raw, keep, self.min_score, seconds=seconds)

    def _scored(self, query: str, texts: list[str]) -> _Scored:
        if not self._begin(texts):
            return _Scored.none(len(texts))
        begun = self._clock()
        future = self._submit(lambda: self._within_time(query, texts))
        try:
            scored = future.result()
        except BaseException as error:  # an interrupt, too, must end the request and be counted
            future.cancel()
            self._ended(error, begun)
            raise
        return self._succeeded(scored, len(texts), begun)

    async def _scored_async(self, query: str, texts: list[str]) -> _Scored:
        if not self._begin(texts):
            return _Scored.none(len(texts))
        begun = self._clock()
        try:
            scored = await self._in_client(lambda: self._within_time(query, texts))
        except BaseException as error:  # a cancelled search, too, has to be counted
            self._ended(error, begun)
            raise
        return self._succeeded(scored, len(texts), begun)

    def _begin(self, texts: list[str]) -> bool:
        """Return whether there is anything to ask; raise where the circuit is open."""
        if not any(text.strip() for text in texts):
            return False
        if not self._breaker.begin():
            raise RerankError(f"{self._prefix}{self.unavailable_reason}.")
        return True

    def _ended(self, error: BaseException, begun: float) -> None:
        """Count what ended a call without scores."""
        waited = self._clock() - begun
        if isinstance(error, RerankError):
            self._failed(str(error))
        elif isinstance(error, asyncio.CancelledError) and waited >= _TELLING_SECONDS:
            self._failed(f"no answer within {waited:.1f} s, when the search gave up")
        else:
            self._breaker.withdrawn()

    def _failed(self, reason: str, *, at_once: bool = False) -> None:
        reason = reason.removeprefix(self._prefix).rstrip(".?")
        if self._breaker.failed(reason, at_once=at_once):
            _log.warning("reranker_left_alone", model=self.name, failures=self._breaker.failures, reason=reason)

    def _succeeded(self, scored: _Scored, count: int, begun: float) -> _Scored:
        self._breaker.succeeded()
        known = int(np.count_nonzero(~np.isnan(scored.raw)))
        seconds = round(self._clock() - begun, 4)
        _log.info("reranked", candidates=count, scored=known, seconds=seconds, model=self.name)
        return scored

    def _submit(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> Future[_T]:
        return self._client.submit(work, lambda: self._error("was closed in this process", "Ask again."))

    async def _in_client(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        return await asyncio.wrap_future(self._submit(work))

    async def _within_time(self, query: str, texts: list[str]) -> _Scored:
        try:
            return await asyncio.wait_for(self._ask(query, texts), self.timeout)
        except (asyncio.TimeoutError, TimeoutError):
            raise self._error(
                f"did not answer within {self.timeout:g} s", "Is it busy? Raise timeout, or send less."
            ) from None
        except ServiceError as error:
            raise self._error(error.what, error.advice) from None
        except ReplyError as error:
            said = redacted(str(error), self._key)
            raise self._error(f"gave an invalid response: {said}", "Check api_url, api_format and scores.") from None

    async def _ask(self, query: str, texts: list[str]) -> _Scored:
        deadline = self._clock() + self.timeout
        query, passages = self._cut(query, texts)
        sent = [position for position, passage in enumerate(passages) if passage.strip()]
        sizes = [len(passages[position].encode("utf-8", "replace")) for position in sent]
        query_size = len(query.encode("utf-8", "replace"))
        raw = np.full(len(texts), np.nan)
        batches = [
            [sent[place] for place in batch]
            for batch in rerank_formats.split(sizes, query_size, self._max_documents, self._format.max_request_bytes)
        ]

        async def ask(batch: list[int]) -> None:
            chosen = [passages[position] for position in batch]
            body = rerank_formats.request_body(self._format, self._model, query, chosen, self._scores)
            reply = await self._client.post(body, deadline)
            raw[batch] = rerank_formats.read_scores(self._format, reply, len(batch))

        await _all_or_nothing([ask(batch) for batch in batches])
        return _Scored(raw, rerank_formats.relevance(raw, self._scores))

    def _cut(self, query: str, texts: list[str]) -> tuple[str, list[str]]:
        """Return the query and the part of each text that is sent."""
        limit = self._max_pair_bytes
        if limit is None:
            return query, [select_passage(query, text, self._max_chars, self.window) for text in texts]
        query = _within_bytes(query, limit // 2)
        room = max(_SHORTEST_DOCUMENT, limit - len(query.encode("utf-8", "replace")))
        passages = []
        for text in texts:
            # Characters of such a text that fill the room: other scripts take two to four bytes for each.
            share = len(text) / max(1, len(text.encode("utf-8", "replace")))
            chars = max(1, min(self._max_chars, int(room * share)))
            passages.append(_within_bytes(select_passage(query, text, chars, self.window), room))
        return query, passages

    @property
    def _prefix(self) -> str:
        return f"Reranking failed for model {self._model or '(the one of the service)'}: "

    def _error(self, what: str, advice: str) -> RerankError:
        return RerankError(f"{self._prefix}the service at {shown(self._url)} {what}. {advice}")


class _Scored(NamedTuple):
    raw: npt.NDArray[np.float64]
    relevance: npt.NDArray[np.float32]

    @classmethod
    def none(cls, count: int) -> _Scored:
        return cls(np.full(count, np.nan), np.full(count, np.nan, np.float32))


async def _all_or_nothing(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all at the same time; the first failure cancels the others and is raised."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _within_bytes(text: str, limit: int) -> str:
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _checked_query(query: str) -> str:
    if not rerank_results.checked_query(query).strip():
        raise InvalidRequestError("query must not be empty: nothing was sent")
    return query


def _check_whole(*, least: int = 1, **values: int) -> None:
    for argument, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidRequestError(f"{argument} must be a whole number of at least {least}, not {value!r}")


def _check_seconds(**values: float) -> None:
    for argument, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise InvalidRequestError(f"{argument} must be seconds above 0, not {value!r}")
