"""The contracts of the parts that can be exchanged: backend, embedder, reranker, token counter.

Every ability is a declared member. What an implementation may leave out has a default here, so a class that subclasses
its contract writes only the members marked ``@abstractmethod``. ``aurora_dev.testing`` holds the contract of a backend
as tests.

Backends and embedders are synchronous and thread-safe: `VectorStore` calls them from worker threads.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from aurora_dev.core.types import (
    Document,
    EmbedderInfo,
    Match,
    Record,
    RerankFusion,
    SearchOptions,
    SearchResults,
    Vector,
)

__all__ = [
    "DEFAULT_CHAT",
    "Capabilities",
    "ChatOverhead",
    "DocumentStore",
    "Embedder",
    "Filter",
    "NamespaceStats",
    "Reranker",
    "Role",
    "SearchableStore",
    "TokenCounter",
    "VectorBackend",
    "with_defaults",
]

Filter: TypeAlias = Mapping[str, Any]
"""Conditions on metadata; the grammar is documented and checked in `aurora_dev.core.filters`."""

_T = TypeVar("_T")

Role: TypeAlias = Literal["query", "document"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do; the pipeline leaves out, with a notice, what it cannot.

    Attributes:
        keyword: Whether `VectorBackend.keyword_query` works.
        transactional: Whether one `write` is all or nothing.
        local: Whether records lie on this machine. Elsewhere a query waits for a network, so two at a time take no
            longer than one, and a write may not show at once.
        shared: Whether several projects keep their records in one store, so that each needs a namespace of its own.
    """

    keyword: bool = True
    transactional: bool = True
    local: bool = True
    shared: bool = False


@dataclass(frozen=True, slots=True)
class NamespaceStats:
    """Counts of one namespace.

    Attributes:
        records: All records.
        vectors: Records that have a vector of the store's present embedder.
        sequence: Grows with every change to the namespace; equal numbers mean equal content.
    """

    records: int
    vectors: int
    sequence: int


@runtime_checkable
class VectorBackend(Protocol):
    """Keeps records by namespace and id, and finds them by vector, by keyword and by metadata.

    Every method may raise `StoreError`; wrong arguments raise `InvalidRequestError` and write nothing.
    """

    @property
    def path(self) -> Path | None:
        """Folder that holds the store, ``None`` (the default) where it is in no folder of this machine."""
        return None

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this backend can do."""

    @abstractmethod
    def embedder(self) -> EmbedderInfo | None:
        """Return the embedder whose vectors the store holds, or ``None`` before the first was set."""

    @abstractmethod
    def set_embedder(self, info: EmbedderInfo, *, replace: bool = True) -> EmbedderInfo:
        """Record the embedder, and return the one that is recorded then.

        Setting the recorded one again does nothing. Setting another one makes every stored vector stale at once, in
        one transaction: records keep their content and stay findable by keyword, and have no vector until they are
        written with one again. Without ``replace`` a recorded embedder stays: of several callers that meet a store
        without one, the first wins and the others are told.
        """

    @abstractmethod
    def write(
        self,
        namespace: str,
        upserts: Sequence[Record] = (),
        deletes: Sequence[str] = (),
        *,
        embedder: EmbedderInfo | None = None,
    ) -> None:
        """Delete ``deletes``, then insert or replace ``upserts`` by id; durable when it returns.

        Of several upserts with one id the last wins. Unknown ids in ``deletes`` are ignored. A vector must have the
        shape ``(embedder().dimension,)``; finite values. With ``capabilities.transactions``, all or nothing. Naming the
        ``embedder`` of the vectors makes sure that another process has not recorded another one meanwhile.

        Raises:
            EmbedderMismatchError: ``embedder`` is not the recorded one; nothing was written.
            DimensionMismatchError: A vector has another length.
            InvalidRequestError: An id, a metadata value or a vector cannot be stored; nothing was.
        """

    def write_if(
        self,
        namespace: str,
        expected: Mapping[str, Record | None],
        upserts: Sequence[Record] = (),
        deletes: Sequence[str] = (),
        *,
        embedder: EmbedderInfo | None = None,
    ) -> bool:
        """Compare-and-swap: write only where the expected records are still as they were read.

        The default compares right before it writes, so a change by another process between the two is overwritten.
        A transactional backend does both in one transaction.

        Args:
            namespace: Where.
            expected: Records by id as they were read, ``None`` for an id that was missing. Vectors are not compared.
            upserts: As in `write`.
            deletes: As in `write`.
            embedder: As in `write`.

        Returns:
            Whether it was written.

        Raises:
            EmbedderMismatchError, DimensionMismatchError, InvalidRequestError: As `write`; nothing was written.
        """
        found = self.fetch(namespace, list(expected))
        if any(not _same(found.get(identifier), record) for identifier, record in expected.items()):
            return False
        self.write(namespace, upserts, deletes, embedder=embedder)
        return True

    @abstractmethod
    def attach_vectors(self, namespace: str, records: Sequence[Record], *, embedder: EmbedderInfo) -> int:
        """Give vectors to records that are still as they were read, and return how many those are.

        A record whose content or metadata were written meanwhile, or that was deleted, is left alone: bringing vectors
        back never undoes a write.

        Raises:
            EmbedderMismatchError: ``embedder`` is not the recorded one; nothing was written.
            DimensionMismatchError: A vector has another length.
        """

    @abstractmethod
    def fetch(self, namespace: str, ids: Sequence[str], *, vectors: bool = False) -> dict[str, Record]:
        """Return the records that exist among ``ids``; vectors only where asked for."""

    @abstractmethod
    def delete_where(self, namespace: str, filter: Filter) -> int:
        """Delete the records that match and return how many there were; ``{}`` matches all."""

    @abstractmethod
    def vector_query(self, namespace: str, vector: Vector, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` nearest records by inner product (cosine of normalised vectors), best first.

        The filter applies before ``top_k``: k results come back whenever k exist. Ties are broken by id. Records
        without a vector are not found. An unknown namespace is empty.
        """

    @abstractmethod
    def keyword_query(self, namespace: str, text: str, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` best records by BM25 over code-aware tokens, best first, scores above 0 only.

        The filter applies before ``top_k``. Ties are broken by id.
        """

    @abstractmethod
    def scan(
        self, namespace: str, filter: Filter | None = None, *, content: bool = True, vectors: bool = False
    ) -> Iterator[Record]:
        """Yield every record that matches, in the order of ids; without ``content`` it is an empty string."""

    @abstractmethod
    def missing_vectors(self, namespace: str, limit: int) -> list[Record]:
        """Return up to ``limit`` records that have no vector of the present embedder."""

    @abstractmethod
    def count(self, namespace: str, filter: Filter | None = None) -> int:
        """Return how many records match."""

    @abstractmethod
    def namespaces(self) -> list[str]:
        """Return the names of the namespaces that hold records, sorted."""

    @abstractmethod
    def delete_namespace(self, namespace: str) -> int:
        """Delete a namespace with all of its records and return how many there were."""

    @abstractmethod
    def stats(self, namespace: str) -> NamespaceStats:
        """Return the counts of a namespace; zeros where it does not exist."""

    @abstractmethod
    def refresh(self, namespace: str) -> None:
        """Bring whatever is derived from the records up to date now, so that no later search waits for it."""

    @abstractmethod
    def describe(self) -> Mapping[str, Any]:
        """Return facts for ``aurora status``: kind, location, bytes, index type, schema version."""

    @abstractmethod
    def close(self) -> None:
        """Release files and connections; a second call does nothing."""


def _same(found: Record | None, expected: Record | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return (found.content, dict(found.metadata)) == (expected.content, dict(expected.metadata))


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. Synchronous and thread-safe; `VectorStore` calls it from worker threads."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What a person calls it, for example ``bundled/minilm-static-256``."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of every vector."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Changes whenever the same text may embed to other numbers."""

    @abstractmethod
    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts that are stored.

        Returns:
            Shape ``(len(texts), dimension)``, float32, each row L2-normalised (a text without any known token gives
            a row of zeros), in input order.

        Raises:
            EmbeddingError: The model or service failed.
        """

    @abstractmethod
    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed one query: shape ``(dimension,)``, float32, L2-normalised."""

    def close(self) -> None:
        """Release connections; a second call does nothing. The default holds none."""
        return


@runtime_checkable
class Reranker(Protocol):
    """Scores how well each text answers a query.

    Attributes:
        reads_headings: Whether texts come with a line above them that says where they stand, for models trained on it.
        fusion: How its scores are blended with the first stage's, ``None`` where that was not measured: then its
            scores alone order the results.
    """

    reads_headings: bool = False
    fusion: RerankFusion | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """What a person calls it, for example ``cross-encoder/ms-marco-MiniLM-L-6-v2``."""

    @property
    @abstractmethod
    def is_available(self) -> bool:
        """Whether scoring can work now; never raises, loads or downloads just to answer."""

    @property
    @abstractmethod
    def unavailable_reason(self) -> str | None:
        """Why `is_available` is False and what to do about it, else ``None``."""

    @abstractmethod
    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Score each text for the query.

        Returns:
            Shape ``(len(texts),)``, float32 in 0..1, in input order; NaN where a text was not scored.

        Raises:
            AuroraError: Scoring failed; the search that called keeps its stage-1 results.
        """

    def prefetch(self) -> None:
        """Begin to load what `score` needs, without waiting for it. The default loads nothing."""
        return

    def close(self) -> None:
        """Release connections; a second call does nothing. The default holds none."""
        return


@dataclass(frozen=True, slots=True)
class ChatOverhead:
    """What a chat costs besides its texts, in tokens.

    Attributes:
        per_message: Added for every message: its frame and the name of its role.
        per_reply: Added once: what opens the answer.
    """

    per_message: int
    per_reply: int


# The dearest frames of public chat templates (Llama 3: header, role, two line breaks, end of turn) take six tokens.
DEFAULT_CHAT = ChatOverhead(per_message=8, per_reply=8)


@runtime_checkable
class TokenCounter(Protocol):
    """Counts tokens as one model does. Called from worker threads.

    Attributes:
        chat: What chat messages cost besides their texts.
    """

    chat: ChatOverhead = DEFAULT_CHAT

    @property
    @abstractmethod
    def name(self) -> str:
        """What it counts with, for people and reports."""

    @abstractmethod
    def count(self, text: str) -> int:
        """Return the number of tokens of a text, at least 0; 0 for the empty text."""

    @abstractmethod
    def truncate(self, text: str, limit: int) -> str:
        """Return the longest prefix of a text that it can find whose own count is at most ``limit``."""


class SearchableStore(Protocol):
    """The calls of `VectorStore` that only read: what contexts and evaluations need of it."""

    async def search(
        self,
        query: str,
        top_k: int = 5,
        *,
        rerank: bool = True,
        filter: Filter | None = None,
        options: SearchOptions | None = None,
    ) -> SearchResults:
        """See `VectorStore.search`."""

    async def fetch(self, ids: Sequence[str]) -> list[Document]:
        """See `VectorStore.fetch`."""

    async def scan(self, filter: Filter | None = None, *, content: bool = False) -> list[Record]:
        """See `VectorStore.scan`."""

    async def stats(self) -> NamespaceStats:
        """See `VectorStore.stats`."""


class DocumentStore(Protocol):
    """The calls of `VectorStore` that an indexer needs."""

    @property
    def namespace(self) -> str:
        """Part of every id."""

    async def scan(self, filter: Filter | None = None, *, content: bool = False) -> list[Record]:
        """Return every record that matches; without ``content`` it is an empty string."""

    async def write(
        self, upserts: Sequence[Document], deletes: Sequence[str] = (), *, masked: bool = False
    ) -> list[str]:
        """Delete by id, then insert or replace, in one transaction; unchanged texts keep their vectors."""


def with_defaults(given: _T, contract: Any) -> _T:
    """Return an object that has every member of a contract.

    Args:
        given: Has the members that the contract marks abstract; it need not subclass the contract.
        contract: One of the protocols of this module.

    Returns:
        ``given`` where it lacks nothing, else a view of it in which the contract's defaults stand for what it lacks.
    """
    optional = (name for name in _members(contract) if name not in contract.__abstractmethods__)
    return given if all(hasattr(given, name) for name in optional) else cast("_T", _View(given, contract))


def _members(contract: type) -> list[str]:
    return [name for name in vars(contract) if not name.startswith("_")]


class _View:
    def __init__(self, given: object, contract: type) -> None:
        self._given = given
        self._contract = contract

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._given, name)
        except AttributeError:
            if name.startswith("_") or name not in vars(self._contract):
                raise
        default = vars(self._contract)[name]
        return default.__get__(self, self._contract) if hasattr(default, "__get__") else default

    def __repr__(self) -> str:
        return repr(self._given)
