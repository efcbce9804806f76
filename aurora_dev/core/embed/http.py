"""Embeddings from a service that speaks OpenAI's ``/v1/embeddings``: OpenAI, Ollama, TEI, llama.cpp, vLLM."""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import httpx
import numpy as np
import numpy.typing as npt

from aurora_dev.core.contracts import Embedder
from aurora_dev.core.embed.replies import ReplyError, parse_vectors
from aurora_dev.core.services.addresses import (
    checked_key,
    checked_url,
    origin,
    redacted,
    retry_after,
    shown,
    shown_origin,
)
from aurora_dev.core.services.replies import error_text
from aurora_dev.errors import EmbeddingError, InvalidRequestError
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from pydantic import SecretStr

_log = get_logger(__name__)

DEFAULT_BATCH_SIZE = 32  # texts in one request; TEI's default limit, the smallest of the known services
DEFAULT_BATCH_CHARS = 64_000  # about 16,000 tokens, TEI's default limit for one batch
DEFAULT_TIMEOUT = 60.0  # a model server on a laptop needs tens of seconds for a full batch
DEFAULT_RETRIES = 5  # waits of about 0.5 to 8 s: 15 s together, which covers a restart and most rate windows

_CONNECT_TIMEOUT = 10.0  # a host that does not accept in this time is not there
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_LONGEST_RETRY_AFTER = 60.0  # a service that asks for more would hold up an indexing run; then the error says so
_LARGEST_REPLY = 256 * 1024 * 1024  # 2,048 vectors of 4,096 numbers are about 170 MB of JSON
_REDIRECTS = 3
_ERROR_CHARS = 300
_TOO_MANY, _REQUEST_TIMEOUT = 429, 408
_KEY_REFUSED = (401, 403)
_PROBE = "dimension"


class HTTPEmbedder(Embedder):
    """Embeds through an OpenAI-compatible endpoint; thread-safe.

    Texts go out in batches, vectors come back in the order of the texts, L2-normalised. 429, 408, 5xx and broken
    connections are tried again with exponential backoff and jitter, or after the time that the service asks for in
    ``Retry-After``; any other refusal is an error at once. A blank text is not sent and embeds to zeros.

    Args:
        url: The service's base, with or without ``/v1``, or the full endpoint.
        model: The model's name, as the service calls it.
        api_key: Sent as a bearer token, to this host only; never shown.
        dimension: Length of the vectors; ``None`` learns it from the first answer.
        batch_size: Most texts in a request.
        batch_chars: Most characters in a request (a longer text goes alone).
        timeout: Seconds for one attempt as a whole.
        max_retries: Further attempts after the first.
        query_prefix: Put before each query, for models that were trained with one (``"search_query: "``).
        document_prefix: Put before each document.
        wait: Waits so many seconds; for tests.
        jitter: Gives numbers in 0..1; for tests.

    Raises:
        InvalidRequestError: An argument is wrong; nothing was sent.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: SecretStr | str | None = None,
        dimension: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        batch_chars: int = DEFAULT_BATCH_CHARS,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        query_prefix: str = "",
        document_prefix: str = "",
        wait: Callable[[float], object] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        if not isinstance(model, str) or not model.strip():
            raise InvalidRequestError("model must be the name of a model, as the service calls it")
        at_least = {"dimension": (dimension, 1), "batch_size": (batch_size, 1), "batch_chars": (batch_chars, 1)}
        for argument, (value, least) in {**at_least, "max_retries": (max_retries, 0)}.items():
            if argument == "dimension" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InvalidRequestError(f"{argument} must be a whole number of at least {least}, not {value!r}")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < float("inf"):
            raise InvalidRequestError(f"timeout must be seconds above 0, not {timeout!r}")
        self._endpoint = endpoint_of(url)
        self._model = model
        self._key = checked_key(api_key)
        self._dimension = dimension
        self._batch_size, self._batch_chars = batch_size, batch_chars
        self._timeout, self._max_retries = float(timeout), max_retries
        self._query_prefix, self._document_prefix = query_prefix, document_prefix
        self._wait = wait or threading.Event().wait
        self._jitter = jitter
        self._learning = threading.Lock()
        self._client = httpx.Client(
            timeout=httpx.Timeout(self._timeout, connect=min(_CONNECT_TIMEOUT, self._timeout)), follow_redirects=False
        )
        self._finalizer = weakref.finalize(self, self._client.close)

    def __repr__(self) -> str:
        return f"HTTPEmbedder({shown(self._endpoint)!r}, {self._model!r})"

    @property
    def name(self) -> str:
        """``http/`` and the model's name."""
        return f"http/{self._model}"

    @property
    def dimension(self) -> int:
        """Length of every vector; asks the service once where it is not known.

        Raises:
            EmbeddingError: The service did not answer with a vector.
        """
        if self._dimension is None:
            self._request([_PROBE])
        assert self._dimension is not None  # every answer sets it
        return self._dimension

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over endpoint, model and prefixes; a service does not tell when its weights change."""
        parts = (shown(self._endpoint), self._model, self._query_prefix, self._document_prefix)
        return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:32]

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts that are stored.

        Returns:
            Shape ``(len(texts), dimension)``, float32, rows L2-normalised, zeros for blank texts.

        Raises:
            InvalidRequestError: ``texts`` is a single string, or holds something else than strings.
            EmbeddingError: The service refused, did not answer, or answered with what are no vectors.
        """
        return self._embed(texts, self._document_prefix)

    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed one query: shape ``(dimension,)``, float32, L2-normalised; raises as `embed_documents` does."""
        vector: npt.NDArray[np.float32] = self._embed([text], self._query_prefix)[0]
        return vector

    def close(self) -> None:
        """Close the connections; a second call does nothing."""
        self._finalizer()

    def _embed(self, texts: Sequence[str], prefix: str) -> npt.NDArray[np.float32]:
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise InvalidRequestError("texts must be strings; nothing was sent")
        if not self._finalizer.alive:
            raise EmbeddingError("This HTTPEmbedder was closed; nothing was sent. Make a new one.")
        rows = [row for row, text in enumerate(texts) if text.strip()]
        parts: list[npt.NDArray[np.float64]] = []
        for batch in self._batches([prefix + texts[row] for row in rows]):
            parts.append(self._request(batch))
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if parts:
            found = np.concatenate(parts)
            lengths = np.linalg.norm(found, axis=1, keepdims=True)
            vectors[rows] = found / np.where(lengths > 0, lengths, 1.0)
        return vectors

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        chars = 0
        for text in texts:
            if batch and (len(batch) >= self._batch_size or chars + len(text) > self._batch_chars):
                yield batch
                batch, chars = [], 0
            batch.append(text)
            chars += len(text)
        if batch:
            yield batch

    def _request(self, texts: list[str]) -> npt.NDArray[np.float64]:
        """Send one batch, with retries, and return its vectors: shape ``(len(texts), dimension)``, float64."""
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]  # JSON has no lone surrogates
        body = json.dumps({"model": self._model, "input": clean}).encode("ascii")
        reply = self._attempt(body)
        for attempt in range(self._max_retries):
            if isinstance(reply, bytes):
                break
            seconds = self._pause(attempt, reply.retry_after)
            _log.debug("embedding_retry", attempt=attempt + 1, seconds=round(seconds, 3), reason=reply.reason)
            self._wait(seconds)
            reply = self._attempt(body)
        if isinstance(reply, _Failed):
            times = f" in {self._max_retries + 1} attempts" if self._max_retries else ""
            raise self._error(
                f"{reply.reason}{times}", "Is it running, and does its limit allow this? Try again later."
            )
        return self._vectors(reply, len(texts))

    def _attempt(self, body: bytes) -> bytes | _Failed:
        """Post once; a failure that another attempt may mend comes back, any other is raised."""
        url = self._endpoint
        deadline = time.monotonic() + self._timeout
        for _ in range(_REDIRECTS + 1):
            try:
                status, headers, content = self._post(url, body, deadline)
            except httpx.TimeoutException:
                return _Failed(f"did not answer within {self._timeout:g} s")
            except httpx.TransportError as error:
                return _Failed(f"cannot be reached ({self._redacted(str(error)) or type(error).__name__})")
            except (httpx.HTTPError, httpx.InvalidURL) as error:  # a body that does not decode, a broken redirect
                raise self._error(f"answered what is no HTTP ({type(error).__name__})", "Check the address.") from None
            if not 300 <= status < 400:
                break
            url = self._redirected(url, headers)
        else:
            raise self._error("redirects in a circle", "Give the address that it redirects to.")
        if status in (_TOO_MANY, _REQUEST_TIMEOUT) or status >= 500:
            said = self._redacted(error_text(content, _ERROR_CHARS))
            return _Failed(
                f"answered HTTP {status} ({said})" if said else f"answered HTTP {status}", retry_after(headers)
            )
        if status in _KEY_REFUSED:  # its words are left out: services repeat parts of the key in them
            raise self._error(f"refused the API key (HTTP {status})", "Check the key and what it may be used for.")
        if status != 200:
            said = self._redacted(error_text(content, _ERROR_CHARS))
            raise self._error(f"refused the request (HTTP {status}: {said})", "Check the address and the model's name.")
        return content

    def _post(self, url: httpx.URL, body: bytes, deadline: float) -> tuple[int, httpx.Headers, bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        with self._client.stream("POST", url, content=body, headers=headers) as response:
            pieces: list[bytes] = []
            size = 0
            for piece in response.iter_bytes():
                pieces.append(piece)
                size += len(piece)
                if size > _LARGEST_REPLY:
                    raise self._error(f"answered with more than {_LARGEST_REPLY >> 20} MB", "Use a smaller batch_size.")
                if time.monotonic() > deadline:  # httpx's own timeout starts again with every byte
                    raise httpx.ReadTimeout("the answer takes too long")
            return response.status_code, response.headers, b"".join(pieces)

    def _redirected(self, url: httpx.URL, headers: httpx.Headers) -> httpx.URL:
        """Return where to go on; only on the same scheme, host and port, since text and key are for that host alone."""
        try:
            target = url.join(headers.get("location", ""))
        except httpx.InvalidURL:
            raise self._error("redirects to what is no address", "Check the address.") from None
        if origin(target) != origin(url):
            raise self._error(
                f"redirects to another host ({shown_origin(target)}), where neither texts nor key were sent",
                "Give that address yourself if you trust it.",
            )
        return target

    def _vectors(self, reply: bytes, count: int) -> npt.NDArray[np.float64]:
        try:
            vectors = parse_vectors(reply, count)
        except ReplyError as error:
            raise self._error(self._redacted(str(error)), "Check the address and the model's name.") from None
        with self._learning:
            if self._dimension is None:
                self._dimension = vectors.shape[1]
        if vectors.shape[1] != self._dimension:
            raise self._error(
                f"answered with vectors of {vectors.shape[1]} numbers instead of {self._dimension}",
                f"Set dimension to {vectors.shape[1]} if that is the model you want.",
            )
        return vectors

    def _pause(self, attempt: int, asked: float | None) -> float:
        """Return the seconds to wait: as asked, else doubling, with jitter so that clients do not come back as one."""
        if asked is not None:
            return min(asked, _LONGEST_RETRY_AFTER)
        longest = min(_FIRST_WAIT * 2.0**attempt, _LONGEST_WAIT)
        return longest * (0.5 + 0.5 * self._jitter())

    def _redacted(self, text: str) -> str:
        return redacted(text, self._key)

    def _error(self, what: str, advice: str) -> EmbeddingError:
        return EmbeddingError(
            f"The embedding service at {shown(self._endpoint)} (model {self._model}) {what}. Nothing was written. "
            f"{advice}"
        )


class _Failed:
    """An attempt that may be repeated, and after how many seconds the service wants it."""

    __slots__ = ("reason", "retry_after")

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        self.reason = reason
        self.retry_after = retry_after


def endpoint_of(url: str) -> httpx.URL:
    """Complete a base URL: ``https://host``, ``https://host/v1`` and ``https://host/v1/embeddings`` are the same.

    Raises:
        InvalidRequestError: It is no http(s) URL, or holds a user name or password.
    """
    parsed = checked_url(url)
    path = parsed.path.rstrip("/")
    if not path.endswith("/embeddings"):
        path += "/embeddings" if re.search(r"/v\d+[a-z]*$", path) else "/v1/embeddings"
    return parsed.copy_with(path=path)
