"""Reranking by the models that Pinecone hosts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aurora_dev.core.contracts import Reranker
from aurora_dev.core.pinecone.client import PineconeClient
from aurora_dev.core.pinecone.requests import Retries, batches
from aurora_dev.core.services.addresses import checked_key
from aurora_dev.core.services.circuit_breaker import CircuitBreaker
from aurora_dev.errors import (
    AuthenticationError,
    ConfigurationError,
    IndexNotFoundError,
    InvalidRequestError,
    RerankError,
    StoreError,
)

if TYPE_CHECKING:
    from pydantic import SecretStr

DEFAULT_MODEL = "bge-reranker-v2-m3"
DEFAULT_TIMEOUT = 10.0  # seconds for one attempt
# What the hosted models take in one request: 100 documents, and 512 or 1,024 tokens of query and document, of which
# 2,000 characters of code are about 600. The rest of a longer document is cut off by the service.
_MAX_DOCUMENTS = 100
_MAX_CHARS = 2_000
_CUTS_BY_ITSELF = ("bge-reranker-v2-m3", "pinecone-rerank-v0")
_ATTEMPTS, _DEADLINE = 0, 10.0  # the client tries four times by itself, and a search waits
_THRESHOLD, _COOLDOWN = 3, 30.0  # failures in a row after which the service is left alone, and for how long


class PineconeReranker(Reranker):
    """A `Reranker` that asks Pinecone's inference service. Thread-safe; connects with the first call.

    The query and the texts of the best candidates go to Pinecone, which bills each request.

    Args:
        api_key: Pinecone's; never shown.
        model: Such as ``bge-reranker-v2-m3``, ``pinecone-rerank-v0`` or ``cohere-rerank-3.5``.
        timeout: Seconds for one attempt.
        control_host: Address of Pinecone's control plane, where it is not the public one.

    Raises:
        ConfigurationError: There is no key, or no model is named.
        MissingDependencyError: The extra ``pinecone`` is not installed.
    """

    def __init__(
        self,
        api_key: SecretStr | str | None,
        model: str = DEFAULT_MODEL,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        control_host: str | None = None,
    ) -> None:
        key = checked_key(api_key)
        if not key:
            raise ConfigurationError("reranker 'pinecone' needs a key: set the environment variable PINECONE_API_KEY")
        if not model:
            raise ConfigurationError("reranker 'pinecone' needs a model, as in pinecone:bge-reranker-v2-m3")
        self._model = model
        self._closed = threading.Event()
        retries = Retries(_ATTEMPTS, _DEADLINE, self._closed.wait)
        self._client = PineconeClient(
            key, control_host=control_host, timeout=timeout, concurrency=4, reads=retries, writes=retries
        )
        self._breaker = CircuitBreaker(_THRESHOLD, _COOLDOWN)

    def __repr__(self) -> str:
        return f"PineconeReranker({self._model!r})"

    @property
    def name(self) -> str:
        """``pinecone/`` and the model's name."""
        return f"pinecone/{self._model}"

    @property
    def is_available(self) -> bool:
        """Whether the service may be asked now: not for a while after it has failed several times in a row."""
        return self._breaker.allows

    @property
    def unavailable_reason(self) -> str | None:
        """What the last failures were, while the service is left alone."""
        if self._breaker.allows:
            return None
        return f"{self._breaker.reason}; it is asked again in {self._breaker.seconds_left:.0f} s"

    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Score each text for the query: shape ``(len(texts),)``, float32 in 0..1, in input order.

        Raises:
            InvalidRequestError: The query is empty, or the model does not take the request.
            RerankError: The service did not score; the text says why.
        """
        if not isinstance(query, str) or not query.strip():
            raise InvalidRequestError("the query is empty: say in words what to look for")
        if not texts:
            return np.zeros(0, np.float32)
        return await asyncio.to_thread(self._score, query, list(texts))

    def close(self) -> None:
        """End the connections; a second call does nothing."""
        self._closed.set()
        self._client.close()

    def _score(self, query: str, texts: list[str]) -> npt.NDArray[np.float32]:
        scores = np.full(len(texts), np.nan, np.float32)
        # A text of nothing but space is refused by the service, and answers nothing.
        places = [place for place, text in enumerate(texts) if text.strip()]
        try:
            for part in batches([1] * len(places), _MAX_DOCUMENTS):
                chosen = places[part]
                documents = [texts[place][:_MAX_CHARS] for place in chosen]
                parameters = {"truncate": "END"} if self._model in _CUTS_BY_ITSELF else None
                for place, score in self._client.rerank(self._model, query[:_MAX_CHARS], documents, parameters):
                    scores[chosen[place]] = min(1.0, max(0.0, score))
        except (StoreError, IndexError) as error:
            hopeless = isinstance(error, AuthenticationError | IndexNotFoundError)
            self._breaker.failed(str(error), at_once=hopeless)
            raise RerankError(f"{self.name} did not score: {error}") from error
        self._breaker.succeeded()
        return scores
