"""Reranking by the models that Pinecone hosts."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aurora_dev.core.pinecone.client import PineconeClient
from aurora_dev.core.pinecone.options import ClientOptions
from aurora_dev.core.pinecone.requests import Retries
from aurora_dev.core.rerank.base import Scored
from aurora_dev.core.rerank.service import RerankerClosedError, ServiceReranker
from aurora_dev.core.services.addresses import checked_key
from aurora_dev.core.services.batching import batches
from aurora_dev.core.services.circuit_breaker import Circuit
from aurora_dev.core.services.retry import RetryPolicy
from aurora_dev.errors import (
    AuthenticationError,
    ConfigurationError,
    IndexNotFoundError,
    RerankError,
    StoreClosedError,
    StoreError,
)
from aurora_dev.lazy import np

if TYPE_CHECKING:
    from aurora_dev.config import Secret

DEFAULT_MODEL = "bge-reranker-v2-m3"
DEFAULT_TIMEOUT = 10.0  # seconds for one attempt
# The hosted models take 100 documents in one request, and 512 or 1,024 tokens of query and document; 2,000 characters
# of code are about 600 tokens. The service cuts off the rest.
_MAX_DOCUMENTS = 100
_MAX_CHARS = 2_000
_CUTS_BY_ITSELF = ("bge-reranker-v2-m3", "pinecone-rerank-v0")
_DEADLINE = 10.0  # seconds; the client itself tries four times, and a search waits, so nothing is added to that
_CONCURRENCY = 4


@dataclass(frozen=True, slots=True)
class _Connection:
    client: PineconeClient
    closed: threading.Event


class PineconeReranker(ServiceReranker):
    """A `Reranker` that asks Pinecone's inference service. Thread-safe; connects with the first call.

    The query and the texts of the best candidates go to Pinecone, which bills each request. After repeated failures the
    circuit is open: for a while `is_available` is False and nothing is sent. A refused key and an unknown model open it
    at once.

    Args:
        api_key: Pinecone's; never shown.
        model: Such as ``bge-reranker-v2-m3``, ``pinecone-rerank-v0`` or ``cohere-rerank-3.5``.
        timeout: Seconds for one attempt.
        control_host: Address of Pinecone's control plane, where it is not the public one.

    Raises:
        ConfigurationError: There is no key, no model is named, or ``timeout`` is not above 0.
        MissingDependencyError: The extra ``pinecone`` is not installed.
    """

    def __init__(
        self,
        api_key: Secret | str | None,
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
        super().__init__(model, "Pinecone", Circuit())
        self._key, self._options = key, ClientOptions(timeout, _CONCURRENCY, control_host)
        self._lock = threading.Lock()
        self._connection: _Connection | None = self._connect()

    def __repr__(self) -> str:
        return f"PineconeReranker({self._model!r})"

    @property
    def name(self) -> str:
        """``pinecone/`` and the model's name."""
        return f"pinecone/{self._model}"

    def close(self) -> None:
        """Close the connections; a later call opens new ones. A call under way may raise `RerankError`."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.closed.set()
            connection.client.close()

    def _connect(self) -> _Connection:
        closed = threading.Event()
        retries = Retries(RetryPolicy(0), _DEADLINE, closed.wait)
        return _Connection(PineconeClient(self._key, self._options, reads=retries, writes=retries), closed)

    def _opened(self) -> PineconeClient:
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection.client

    async def _ask_async(self, query: str, texts: list[str]) -> Scored:
        return await asyncio.to_thread(self._ask, query, texts)

    def _ask(self, query: str, texts: list[str]) -> Scored:
        client = self._opened()
        raw = np.full(len(texts), np.nan)
        # The service refuses a blank text.
        positions = [position for position, text in enumerate(texts) if text.strip()]
        parameters = {"truncate": "END"} if self._model in _CUTS_BY_ITSELF else None
        try:
            for part in batches([1] * len(positions), _MAX_DOCUMENTS):
                chosen = positions[part]
                documents = [texts[position][:_MAX_CHARS] for position in chosen]
                for index, score in client.rerank(self._model, query[:_MAX_CHARS], documents, parameters):
                    raw[chosen[index]] = score
        except StoreClosedError:
            what = "the reranker was closed while it waited for Pinecone. Call it again."
            raise RerankerClosedError(self._failure_text(what)) from None
        except (StoreError, IndexError) as error:
            raise RerankError(self._failure_text(str(error))) from error
        return Scored(raw, np.clip(raw, 0.0, 1.0).astype(np.float32))

    def _opens_circuit(self, error: RerankError) -> bool:
        return isinstance(error.__cause__, AuthenticationError | IndexNotFoundError)
