"""Embeddings from a service that speaks OpenAI's ``/v1/embeddings``: OpenAI, Ollama, TEI, llama.cpp, vLLM."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import httpx
from typing_extensions import Unpack

from aurora_dev.core.arguments import check_seconds, check_whole, option_groups, shows_options
from aurora_dev.core.contracts import Embedder, RefusedTextsError
from aurora_dev.core.embed.checks import checked_texts
from aurora_dev.core.embed.replies import ReplyError, parse_vectors
from aurora_dev.core.services.addresses import checked_key, checked_url, redacted, shown
from aurora_dev.core.services.batching import batches
from aurora_dev.core.services.client import Post, Service, ServiceClient
from aurora_dev.core.services.errors import ServiceClosedError, ServiceError
from aurora_dev.core.services.retry import RetryPolicy, Timing
from aurora_dev.errors import EmbeddingError, InvalidRequestError
from aurora_dev.lazy import np, npt
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.config import Secret

DEFAULT_BATCH_SIZE = 32  # texts in one request; TEI's default limit, the smallest of the known services
DEFAULT_BATCH_CHARS = 64_000  # about 16,000 tokens, TEI's default limit for one batch
DEFAULT_TIMEOUT = 60.0  # a model server on a laptop needs tens of seconds for a full batch
DEFAULT_RETRIES = 5  # waits of about 0.5 to 8 s: 15 s together, which covers a restart and most rate windows

_LONGEST_WAIT = 30.0
_LONGEST_RETRY_AFTER = 60.0  # a service that asks for more would hold up an indexing run; then the error says so
_LARGEST_REPLY = 256 * 1024 * 1024  # 2,048 vectors of 4,096 numbers are about 170 MB of JSON
_CONCURRENCY = 100  # the limit of httpx for open connections; each calling thread sends one request at a time
_LONGEST_REQUEST = 2.0  # times the timeout of an attempt
_PROBE = "dimension"
_CHECK = "Check the address and the model's name."

_log = get_logger(__name__)

_Send = Callable[[list[str], int, dict[int, str]], "npt.NDArray[np.float64]"]


class _RefusedError(Exception):
    """The service refused a request of which it may accept a part; see `ServiceError`."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


@dataclass(frozen=True, slots=True)
class _Batching:
    batch_size: int = DEFAULT_BATCH_SIZE
    batch_chars: int = DEFAULT_BATCH_CHARS

    def __post_init__(self) -> None:
        check_whole(batch_size=self.batch_size, batch_chars=self.batch_chars)


@dataclass(frozen=True, slots=True)
class _Requests:
    timeout: float = DEFAULT_TIMEOUT
    max_retries: int = DEFAULT_RETRIES

    def __post_init__(self) -> None:
        check_seconds(timeout=self.timeout)


@dataclass(frozen=True, slots=True)
class _Prefixes:
    query_prefix: str = ""
    document_prefix: str = ""


@dataclass(frozen=True, slots=True)
class _ForTests:
    wait: Callable[[float], object] | None = None
    jitter: Callable[[], float] = random.random

    def timing(self) -> Timing:
        """Return the clock of the client, whose event loop a blocking ``wait`` must not hold up."""
        wait = self.wait
        if wait is None:
            return Timing(jitter=self.jitter)

        async def waiting(seconds: float) -> None:
            await asyncio.to_thread(wait, seconds)

        return Timing(wait=waiting, jitter=self.jitter)


class HTTPEmbedderOptions(TypedDict, total=False):
    """The keyword options of `HTTPEmbedder`."""

    batch_size: int
    batch_chars: int
    timeout: float
    max_retries: int
    query_prefix: str
    document_prefix: str
    wait: Callable[[float], object] | None
    jitter: Callable[[], float]


_DEFAULTS = (_Batching(), _Requests(), _Prefixes(), _ForTests())


class HTTPEmbedder(Embedder):
    """Embeds through an OpenAI-compatible endpoint; thread-safe.

    Texts go out in batches, and vectors come back in the order of the texts, L2-normalised. A batch that the service
    refuses (400, 413, 422, or a 5xx that names a size) is halved and tried again, and the size that worked is kept for
    later batches. A text that it refuses alone, while it embeds others, gets no vector. A busy or failing service
    (429, 500, 503 and the other codes of `aurora_dev.core.services.retry`) and a broken connection are tried again with
    exponential backoff and jitter, or after the time that the service asks for in ``Retry-After``; any other refusal is
    an error at once. A blank text is not sent and embeds to zeros.

    Args:
        url: The service's base, with or without ``/v1``, or the full endpoint.
        model: The model's name, as the service calls it.
        api_key: Sent as a bearer token, to this host only; never shown.
        dimension: Length of the vectors; ``None`` learns it from the first answer.
        batch_size: Most texts in a request.
        batch_chars: Most characters in a request (a longer text goes alone).
        timeout: Seconds for one attempt as a whole. An attempt that takes longer is not repeated, and all attempts of a
            request take twice as long at most, the waits between them not counted.
        max_retries: Further attempts after the first.
        query_prefix: Put before each query, for models that were trained with one (``"search_query: "``).
        document_prefix: Put before each document.
        wait: Waits so many seconds; for tests.
        jitter: Gives numbers in 0..1; for tests.

    Raises:
        InvalidRequestError: An argument is wrong; nothing was sent.
        TypeError: There is no argument of that name.
    """

    @shows_options(*_DEFAULTS)
    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: Secret | str | None = None,
        dimension: int | None = None,
        **options: Unpack[HTTPEmbedderOptions],
    ) -> None:
        self._batching, requests, self._prefixes, for_tests = option_groups("HTTPEmbedder", options, *_DEFAULTS)
        if not isinstance(model, str) or not model.strip():
            raise InvalidRequestError("model must be the name of a model, as the service calls it")
        if dimension is not None:
            check_whole(dimension=dimension)
        self._endpoint = endpoint_of(url)
        self._model = model
        self._key = checked_key(api_key)
        self._dimension = dimension
        self._timeout = float(requests.timeout)
        self._learning = threading.Lock()
        self._most = self._batching.batch_size  # texts that the service takes at a time, as far as known
        service = Service(
            self._endpoint,
            self._key,
            _LARGEST_REPLY,
            refused_advice=_CHECK,
            too_large_advice="Use a smaller batch_size.",
        )
        retries = RetryPolicy(requests.max_retries, _LONGEST_WAIT, _LONGEST_RETRY_AFTER)
        self._client = ServiceClient(service, retries, _CONCURRENCY, for_tests.timing(), reopens=False)
        self._closed = False

    def __repr__(self) -> str:
        return f"HTTPEmbedder({shown(self._endpoint)!r}, {self._model!r})"

    @property
    def name(self) -> str:
        """``http/`` and the model's name."""
        return f"http/{self._model}"

    @property
    def dimension(self) -> int:
        """Length of every vector; asks the service once if it is not known.

        Raises:
            EmbeddingError: The service did not answer with a vector.
        """
        if self._dimension is None:
            try:
                self._request([_PROBE])
            except _RefusedError as error:
                raise self._error(error.what, error.advice) from None
        assert self._dimension is not None  # every answer sets it
        return self._dimension

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of endpoint, model and prefixes; a service does not tell when its weights change."""
        prefixes = self._prefixes
        parts = (shown(self._endpoint), self._model, prefixes.query_prefix, prefixes.document_prefix)
        return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:32]

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts that are stored.

        Returns:
            Shape ``(len(texts), dimension)``, float32, rows L2-normalised, zeros for blank texts.

        Raises:
            InvalidRequestError: ``texts`` is a single string, or holds something other than strings.
            RefusedTextsError: The service refused some of the texts, but embeds others.
            EmbeddingError: The service refused, did not answer, or answered with something other than vectors; or the
                embedder is closed.
        """
        return self._embed(texts, self._prefixes.document_prefix, self._request_parts)

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed one query: shape ``(dimension,)``, float32, L2-normalised.

        Raises:
            InvalidRequestError: ``text`` is not a string.
            EmbeddingError: As `embed_documents`.
        """
        try:
            vector: npt.NDArray[np.float32] = self._embed([text], self._prefixes.query_prefix, self._request_all)[0]
        except _RefusedError as error:
            raise self._error(error.what, error.advice) from None
        return vector

    def close(self) -> None:
        """Close the connections; a second call does nothing. Calls under way and later calls raise `EmbeddingError`."""
        self._closed = True
        self._client.close()

    def _embed(self, texts: Sequence[str], prefix: str, send: _Send) -> npt.NDArray[np.float32]:
        texts = checked_texts(texts)
        if self._closed:
            raise self._closed_error("; nothing was sent")
        rows = [row for row, text in enumerate(texts) if text.strip()]
        sent = [prefix + texts[row] for row in rows]
        refused: dict[int, str] = {}
        limits = self._most, self._batching.batch_chars
        parts = [send(sent[part], part.start, refused) for part in batches([len(text) for text in sent], *limits)]
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if parts:
            found = np.concatenate(parts)
            lengths = np.linalg.norm(found, axis=1, keepdims=True)
            vectors[rows] = found / np.where(lengths > 0, lengths, 1.0)
        if refused:
            reasons = "; ".join(dict.fromkeys(refused.values()))
            raise RefusedTextsError(
                f"The embedding service at {shown(self._endpoint)} (model {self._model}) embeds other texts, but not "
                f"{len(refused)} of these {len(texts)}: it {reasons}",
                vectors,
                {rows[position]: what for position, what in refused.items()},
            )
        return vectors

    def _request_parts(self, texts: list[str], first: int, refused: dict[int, str]) -> npt.NDArray[np.float64]:
        """Send texts, in halves of halves while the service refuses them.

        Args:
            texts: At least one.
            first: The position of the first text in the call.
            refused: Receives the reason for each text that is refused alone, by its position; its row is zeros.
        """
        most = self._most
        if len(texts) > most:
            starts = range(0, len(texts), most)
            return np.concatenate([self._request_parts(texts[i : i + most], first + i, refused) for i in starts])
        try:
            return self._request(texts)
        except _RefusedError as error:
            if len(texts) == 1:
                self._check_that_it_embeds(error)
                refused[first] = error.what
                return np.zeros((1, self.dimension))
        middle = (len(texts) + 1) // 2
        before = len(refused)
        halves = [
            self._request_parts(texts[:middle], first, refused),
            self._request_parts(texts[middle:], first + middle, refused),
        ]
        if len(refused) == before:  # it was the number of texts, or their sum, and not one of them
            self._most = min(self._most, middle)
            _log.info("embedding_batch_halved", texts=self._most)
        return np.concatenate(halves)

    def _check_that_it_embeds(self, error: _RefusedError) -> None:
        """Raise the error of a refused text unless another text is embedded: then the service refuses this one alone.

        Raises:
            EmbeddingError: Nothing is embedded: the model's name is wrong, or the service failed meanwhile.
        """
        try:
            self._request([_PROBE])
        except (_RefusedError, EmbeddingError):
            raise self._error(error.what, error.advice) from None

    def _request_all(self, texts: list[str], _first: int, _refused: dict[int, str]) -> npt.NDArray[np.float64]:
        return self._request(texts)

    def _request(self, texts: list[str]) -> npt.NDArray[np.float64]:
        """Send one batch, with retries, and return its vectors: shape ``(len(texts), dimension)``, float64.

        Raises:
            _RefusedError: The service may accept a part of the batch.
            EmbeddingError: Anything else went wrong.
        """
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]  # JSON has no lone surrogates
        body = json.dumps({"model": self._model, "input": clean}).encode("ascii")

        async def post_body(post: Post) -> bytes:
            return await post(body, attempt_timeout=self._timeout, request_timeout=_LONGEST_REQUEST * self._timeout)

        try:
            reply = self._client.run(post_body)
        except ServiceError as error:
            if error.splits:
                raise _RefusedError(error.what, error.advice) from None
            raise self._error(error.what, error.advice) from None
        except ServiceClosedError:
            raise self._closed_error(" while it waited for the service. Nothing was written") from None
        return self._vectors(reply, len(texts))

    def _vectors(self, reply: bytes, count: int) -> npt.NDArray[np.float64]:
        try:
            vectors = parse_vectors(reply, count)
        except ReplyError as error:
            what = redacted(str(error), self._key)
            if error.splits:
                raise _RefusedError(what, _CHECK) from None
            raise self._error(what, _CHECK) from None
        with self._learning:
            if self._dimension is None:
                self._dimension = vectors.shape[1]
        if vectors.shape[1] != self._dimension:
            raise self._error(
                f"answered with vectors of {vectors.shape[1]} numbers instead of {self._dimension}",
                f"Set dimension to {vectors.shape[1]} if that is the model you want.",
            )
        return vectors

    def _error(self, what: str, advice: str) -> EmbeddingError:
        return EmbeddingError(
            f"The embedding service at {shown(self._endpoint)} (model {self._model}) {what}. Nothing was written. "
            f"{advice}"
        )

    def _closed_error(self, what: str) -> EmbeddingError:
        return EmbeddingError(f"This HTTPEmbedder was closed{what}. Make a new one.")


def endpoint_of(url: str) -> httpx.URL:
    """Complete a base URL: ``https://host``, ``https://host/v1`` and ``https://host/v1/embeddings`` are the same.

    Raises:
        InvalidRequestError: It is not an http(s) URL, or holds a user name or password.
    """
    parsed = checked_url(url)
    path = parsed.path.rstrip("/")
    if not path.endswith("/embeddings"):
        path += "/embeddings" if re.search(r"/v\d+[a-z]*$", path) else "/v1/embeddings"
    return parsed.copy_with(path=path)
