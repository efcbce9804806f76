"""The reranker for HTTP services: Cohere, Jina, Voyage, TEI, llama.cpp, vLLM, infinity, and others of their formats."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from typing_extensions import Unpack

from aurora_dev.core.arguments import check_seconds, check_whole, option_groups, shows_options
from aurora_dev.core.rerank import formats as rerank_formats
from aurora_dev.core.rerank.base import Scored
from aurora_dev.core.rerank.formats import SCORE_KINDS, ReplyError, RerankFormat, ScoreKind
from aurora_dev.core.rerank.service import RerankerClosedError, ServiceReranker
from aurora_dev.core.rerank.window import Window, check_window, select_window
from aurora_dev.core.services.addresses import checked_key, checked_url, redacted, refuse_key_in, shown
from aurora_dev.core.services.circuit_breaker import Circuit
from aurora_dev.core.services.client import Post, Service, ServiceClient
from aurora_dev.core.services.errors import ServiceClosedError, ServiceError
from aurora_dev.core.services.retry import RetryPolicy, Timing
from aurora_dev.errors import InvalidRequestError, RerankError
from aurora_dev.lazy import np

if TYPE_CHECKING:
    from aurora_dev.config import Secret

DEFAULT_URL = "http://localhost:8081/rerank"
DEFAULT_TOP_K = 100
DEFAULT_TIMEOUT = 30.0
DEFAULT_RETRIES = 3  # waits of about 0.5, 1 and 2 s, which pass over a busy moment within the time of a search
DEFAULT_CONCURRENCY = 8  # 256 texts at once for TEI; a hosted service's rate limit is rarely lower
DEFAULT_WINDOW: Window = "head+best"  # as for cross-encoders
DEFAULT_FAILURE_THRESHOLD, DEFAULT_COOLDOWN = Circuit().failure_threshold, Circuit().cooldown

# A thousand scores are 100 kB; with the documents returned, as vLLM does, they may be 2 MB.
_LARGEST_REPLY = 8 * 1024 * 1024
_SHORTEST_DOCUMENT = 64  # bytes of a document that a long query leaves, where a pair has a limit


@dataclass(frozen=True, slots=True)
class _Sending:
    """The part of the documents that is sent, and what comes back."""

    scores: ScoreKind | None = None
    max_documents: int | None = None
    max_document_chars: int | None = None
    window: Window = DEFAULT_WINDOW

    def __post_init__(self) -> None:
        if self.scores is not None and self.scores not in SCORE_KINDS:
            raise InvalidRequestError(f"scores must be one of {', '.join(SCORE_KINDS)}, or None, not {self.scores!r}")
        check_window(self.window)
        if self.max_documents is not None:
            check_whole(max_documents=self.max_documents)
        if self.max_document_chars is not None:
            check_whole(max_document_chars=self.max_document_chars)


@dataclass(frozen=True, slots=True)
class _Requests:
    max_retries: int = DEFAULT_RETRIES
    concurrency: int = DEFAULT_CONCURRENCY

    def __post_init__(self) -> None:
        check_whole(concurrency=self.concurrency)


class HTTPRerankerOptions(TypedDict, total=False):
    """The keyword options of `HTTPReranker`."""

    scores: ScoreKind | None
    max_documents: int | None
    max_document_chars: int | None
    window: Window
    max_retries: int
    concurrency: int
    failure_threshold: int
    cooldown: float
    wait: Callable[[float], Awaitable[Any]]
    clock: Callable[[], float]
    jitter: Callable[[], float]


_DEFAULTS = (_Sending(), _Requests(), Circuit(), Timing())


class HTTPReranker(ServiceReranker):
    """Scores with a reranking service over HTTP.

    Documents go out in as many requests as the service's limits need, several at a time; scores come back by index. A
    busy or failing service (429, 500, 503 and the other codes of `aurora_dev.core.services.retry`) and a broken
    connection are tried again with exponential backoff and jitter, or after the time that ``Retry-After`` asks for, as
    long as ``timeout`` allows; any other refusal is an error at once. After repeated failures the circuit is open: for
    a while `is_available` is False and nothing is sent. Any event loop and any thread may use it; cancelling a call
    cancels its requests.

    Args:
        api_url: The endpoint; an address without a path, or one that ends in a version, is completed.
        api_key: Sent as a bearer token, to this host only; never shown.
        model: The model's name, as the service calls it; empty for a vendor's default, or for what a server loaded.
        top_k: Most results that come back from `rerank` and its like where the call names no number.
        timeout: Seconds for one call as a whole, retries included.
        min_score: Results of `rerank` below this are left out, 0..1; searches have ``SearchOptions.rerank_min_score``.
        api_format: ``auto`` tells it from the address, never from an answer; else a name of
            `aurora_dev.core.rerank.formats.FORMATS`, such as ``cohere-v2``, ``tei`` or ``plain``.
        scores: What the service's scores are: ``probability``, ``logit`` or ``similarity``; ``None`` is what the
            format documents: logits for llama.cpp, cosines for jina-reranker-v3, else probabilities.
        max_documents: Most documents in a request; ``None`` is the format's limit.
        max_document_chars: Most characters of a document that are sent; ``None`` is the format's limit.
        window: The part of a longer document that is sent; see `aurora_dev.core.rerank.window`.
        max_retries: Further attempts of a request after the first.
        concurrency: Most requests at a time.
        failure_threshold: Failures in a row that open the circuit.
        cooldown: Seconds for which it stays open.
        wait: Waits so many seconds; for tests.
        clock: Monotonic seconds; for tests.
        jitter: Numbers in 0..1; for tests.

    Raises:
        InvalidRequestError: An argument is wrong; nothing was sent.
        TypeError: There is no argument of that name.
    """

    top_k: int

    @shows_options(*_DEFAULTS)
    def __init__(
        self,
        api_url: str = DEFAULT_URL,
        api_key: Secret | str | None = "",
        model: str = "",
        top_k: int = DEFAULT_TOP_K,
        timeout: float = DEFAULT_TIMEOUT,
        min_score: float = 0.0,
        api_format: str = "auto",
        **options: Unpack[HTTPRerankerOptions],
    ) -> None:
        sending, requests, circuit, timing = option_groups("HTTPReranker", options, *_DEFAULTS)
        url = checked_url(api_url, "api_url")
        refuse_key_in(url, "api_url")
        chosen = rerank_formats.choose_format(api_format, url)
        if model is not None and not isinstance(model, str):
            raise InvalidRequestError(f"model must be a name, not {type(model).__name__}")
        check_whole(top_k=top_k)
        check_seconds(timeout=timeout)
        if isinstance(min_score, bool) or not isinstance(min_score, int | float) or not 0.0 <= min_score <= 1.0:
            raise InvalidRequestError(f"min_score must be a number from 0 to 1, not {min_score!r}")
        self._url = rerank_formats.endpoint_of(url, chosen)
        name = (model or "").strip() or rerank_formats.default_model(chosen, url)
        super().__init__(name, shown(self._url), circuit, timing.clock)
        self.top_k, self.timeout, self.min_score, self.window = top_k, float(timeout), float(min_score), sending.window
        self._key = checked_key(api_key)
        self._format = chosen
        self._limits = _Limits.of(chosen, sending)
        self._scores: ScoreKind = sending.scores or rerank_formats.default_scores(chosen, name)
        service = Service(
            self._url,
            self._key,
            _LARGEST_REPLY,
            refused_advice="Check the address, the model, api_format, max_documents and max_document_chars.",
            too_large_advice="Is this the address of its reranking API?",
        )
        self._client = ServiceClient(service, RetryPolicy(requests.max_retries), requests.concurrency, timing)

    def __repr__(self) -> str:
        return f"HTTPReranker({self._address!r}, model={self._model!r}, api_format={self._format.name!r})"

    @property
    def name(self) -> str:
        """``http/`` and the model's name, or the host where no model is named."""
        return f"http/{self._model or self._url.netloc.decode('ascii')}"

    @property
    def api_format(self) -> str:
        """The name of the format that is spoken, also where ``auto`` chose it."""
        return self._format.name

    @property
    def scores(self) -> ScoreKind:
        """The kind of score that the service is taken to give."""
        return self._scores

    def close(self) -> None:
        """Close the connections; a later call opens new ones. A call under way may raise `RerankError`."""
        self._client.close()

    def _ask(self, query: str, texts: list[str]) -> Scored:
        with self._our_errors():
            return self._client.run(lambda post: self._in_time(post, query, texts))

    async def _ask_async(self, query: str, texts: list[str]) -> Scored:
        with self._our_errors():
            return await self._client.run_async(lambda post: self._in_time(post, query, texts))

    async def _in_time(self, post: Post, query: str, texts: list[str]) -> Scored:
        try:
            return await asyncio.wait_for(self._request(post, query, texts), self.timeout)
        except (asyncio.TimeoutError, TimeoutError):
            what, advice = f"did not answer within {self.timeout:g} s", "Is it busy? Raise timeout, or send less."
            raise ServiceError(what, advice) from None

    async def _request(self, post: Post, query: str, texts: list[str]) -> Scored:
        deadline = self._clock() + self.timeout
        query, windows = self._limits.cut(query, texts)
        sent = [position for position, window_text in enumerate(windows) if window_text.strip()]
        sizes = [len(windows[position].encode("utf-8", "replace")) for position in sent]
        query_size = len(query.encode("utf-8", "replace"))
        raw = np.full(len(texts), np.nan)
        limits = (self._limits.max_documents, self._format.max_request_bytes)
        batches = [[sent[place] for place in batch] for batch in rerank_formats.split(sizes, query_size, *limits)]

        async def ask(batch: list[int]) -> None:
            chosen = [windows[position] for position in batch]
            body = rerank_formats.request_body(self._format, self._model, query, chosen, self._scores)
            reply = await post(body, deadline=deadline)
            raw[batch] = rerank_formats.read_scores(self._format, reply, len(batch))

        await _all_of([ask(batch) for batch in batches])
        return Scored(raw, rerank_formats.relevance(raw, self._scores))

    @contextlib.contextmanager
    def _our_errors(self) -> Iterator[None]:
        """Turn the errors of the client and of replies into `RerankError`."""
        try:
            yield
        except ServiceError as error:
            raise self._error(error.what, error.advice) from None
        except ReplyError as error:
            what = f"gave an invalid response: {redacted(str(error), self._key)}"
            raise self._error(what, "Check api_url, api_format and scores.") from None
        except ServiceClosedError:
            what = f"the reranker was closed while it waited for the service at {self._address}. Call it again."
            raise RerankerClosedError(self._failure_text(what)) from None

    def _error(self, what: str, advice: str) -> RerankError:
        return RerankError(self._failure_text(f"the service at {self._address} {what}. {advice}"))


@dataclass(frozen=True, slots=True)
class _Limits:
    """The limits of a request, and the part of a longer document that is sent."""

    max_documents: int
    max_chars: int
    max_pair_bytes: int | None
    window: Window

    @classmethod
    def of(cls, chosen: RerankFormat, sending: _Sending) -> _Limits:
        """Return the limits of a format with those that the caller gave."""
        max_chars = sending.max_document_chars
        # A caller who raises the limit of a document has raised the service's limit of a pair.
        return cls(
            chosen.max_documents if sending.max_documents is None else sending.max_documents,
            chosen.max_document_chars if max_chars is None else max_chars,
            chosen.max_pair_bytes if max_chars is None else None,
            sending.window,
        )

    def cut(self, query: str, texts: list[str]) -> tuple[str, list[str]]:
        """Return the query and the part of each text that is sent."""
        limit = self.max_pair_bytes
        if limit is None:
            return query, [select_window(query, text, self.max_chars, self.window) for text in texts]
        query = _first_bytes(query, limit // 2)
        room = max(_SHORTEST_DOCUMENT, limit - len(query.encode("utf-8", "replace")))
        windows = []
        for text in texts:
            # The number of characters of this text that fill the room: other scripts take two to four bytes for each.
            share = len(text) / max(1, len(text.encode("utf-8", "replace")))
            chars = max(1, min(self.max_chars, int(room * share)))
            windows.append(_first_bytes(select_window(query, text, chars, self.window), room))
        return query, windows


async def _all_of(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all at the same time; the first failure cancels the others and is raised."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _first_bytes(text: str, limit: int) -> str:
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
