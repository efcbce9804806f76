"""The contracts of the exchangeable parts: backend, embedder, reranker and token counter.

Every ability is a declared member. Optional members have a default here, so a class that subclasses its contract only
writes the members marked ``@abstractmethod``. A class that does not subclass it works too; see `with_defaults`.
``aurora_dev.testing`` holds the contract of a backend as test classes.

Backends and embedders are synchronous and thread-safe: `VectorStore` calls them from worker threads.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

from aurora_dev.core.types import (
    DenseProgress,
    Document,
    EmbedderInfo,
    Match,
    Record,
    RerankFusion,
    RestoreReport,
    SearchOptions,
    SearchResults,
    Vector,
)
from aurora_dev.errors import EmbeddingError
from aurora_dev.lazy import np, npt

__all__ = [
    "DEFAULT_CHAT",
    "Backups",
    "Capabilities",
    "ChatOverhead",
    "DenseProgress",
    "DenseVectors",
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
"""The use of a text that is embedded; some models prepend a different prompt for each."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The abilities of a backend; a search leaves out a stage that needs a missing one, and says so in a notice.

    Attributes:
        keyword: Whether `VectorBackend.keyword_query` works.
        transactional: Whether one `write` is all or nothing.
        local: Whether records lie on this machine. If not, a query waits for the network, so that two queries at a time
            take no longer than one, and a write may become visible only after a while.
        shared: Whether several projects keep their records in one store, so that each needs its own namespace.
    """

    keyword: bool = True
    transactional: bool = True
    local: bool = True
    shared: bool = False


@dataclass(frozen=True, slots=True)
class NamespaceStats:
    """Counts of one namespace.

    Attributes:
        records: Number of records.
        vectors: Number of records that have a vector of the store's current embedder.
        sequence: Grows with every change of the namespace; equal numbers mean equal content.
    """

    records: int
    vectors: int
    sequence: int


class DenseVectors(Protocol):
    """A second set of vectors beside those of the embedder, made later and by a slower model.

    They are derived from the records: losing them loses time and nothing else. A record that is replaced loses its
    vector, and gets it back by `reuse` if its text is the same. ``model`` is the fingerprint of the embedder that makes
    them; vectors of two models are never mixed.
    """

    @property
    @abstractmethod
    def empty(self) -> bool:
        """True if there are no vectors at all, of any namespace or model; costs next to nothing."""

    @abstractmethod
    def progress(self, namespace: str, model: str, filter: Filter | None = None) -> DenseProgress:
        """Return how many of the records that match have a vector; of all without a filter."""

    @abstractmethod
    def begun(self, namespace: str, model: str) -> bool:
        """Return whether vectors were made for a namespace, even if all their records were replaced since."""

    @abstractmethod
    def load(self, namespace: str, model: str) -> bool:
        """Prepare a `query`, and return whether any record has a vector."""

    @abstractmethod
    def missing(self, namespace: str, model: str, limit: int, filter: Filter | None = None) -> list[tuple[int, Record]]:
        """Return up to ``limit`` records without a vector, each with the number that `reuse` and `add` take."""

    @abstractmethod
    def reuse(self, namespace: str, model: str, keys: Mapping[int, bytes]) -> set[int]:
        """Give records the vectors that other records with the same text have, or had.

        Args:
            namespace: The namespace of the records.
            model: The fingerprint of the embedder.
            keys: A digest of the text of each record, by the number that `missing` returned.

        Returns:
            The numbers of the records that have a vector now.
        """

    @abstractmethod
    def add(self, namespace: str, model: str, keys: Mapping[int, bytes], vectors: npt.NDArray[np.float32]) -> None:
        """Store vectors; they may be rounded.

        Args:
            namespace: The namespace of the records.
            model: The fingerprint of the embedder.
            keys: A digest of the text of each record, by the number that `missing` returned. A record that was replaced
                since is left alone.
            vectors: Shape ``(len(keys), dimension)``, finite, L2-normalised or zeros, in the order of ``keys``.
        """

    @abstractmethod
    def query(
        self, namespace: str, model: str, vector: Vector, top_k: int, filter: Filter | None = None
    ) -> list[Match]:
        """Return the ``top_k`` nearest records with a vector, as `VectorBackend.vector_query` does."""

    @abstractmethod
    def without(self, namespace: str, model: str, ids: Sequence[str]) -> set[str]:
        """Return those of the ids whose records have no vector."""


class Backups(Protocol):
    """Copies of a whole store in one file, made and put back while the store is in use."""

    @abstractmethod
    def back_up(
        self, file: str | Path, progress: Callable[[int, int], None] | None = None, *, replace: bool = False
    ) -> int:
        """Write one commit of the whole store to a file, and return its size in bytes.

        Args:
            file: The file to write; an earlier backup is replaced.
            progress: Called with (pages done, pages to do).
            replace: Whether to replace a file that is not a backup.
        """

    @abstractmethod
    def restore(self, file: str | Path, progress: Callable[[int, int], None] | None = None) -> RestoreReport:
        """Replace everything in the store by a backup, in one transaction.

        Args:
            file: The backup; it is only read.
            progress: Called with (records done, records to do).
        """


@runtime_checkable
class VectorBackend(Protocol):
    """Stores records by namespace and id, and finds them by vector, by keyword and by metadata.

    Every method may raise `StoreError`. Wrong arguments raise `InvalidRequestError`, and nothing is written.
    """

    @property
    def path(self) -> Path | None:
        """The folder of the store; ``None``, the default, for a store that is not in a folder of this machine."""
        return None

    @property
    def backups(self) -> Backups | None:
        """Backups of the whole store; ``None`` (the default) for a store that cannot make them."""
        return None

    @property
    def dense(self) -> DenseVectors | None:
        """A second set of vectors, of a slower model; ``None`` (the default) for a store that cannot keep them."""
        return None

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """The abilities of this backend."""

    @abstractmethod
    def embedder(self) -> EmbedderInfo | None:
        """Return the embedder whose vectors the store holds; ``None`` before one is set."""

    @abstractmethod
    def set_embedder(self, info: EmbedderInfo, *, replace: bool = True) -> EmbedderInfo:
        """Record the embedder of the store.

        Setting the recorded embedder again does nothing. Setting a different one invalidates every stored vector in one
        transaction: records keep their content and are found by keyword, but have no vector until they are written
        with one again.

        Args:
            info: The embedder.
            replace: Whether to replace an embedder that is recorded already. Without it, the first of several callers
                that set an embedder wins.

        Returns:
            The embedder that is recorded now.
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
        """Delete records, then insert or replace others by id; durable when it returns.

        With ``capabilities.transactional``, either everything is written or nothing.

        Args:
            namespace: The namespace; created where it does not exist.
            upserts: Records to insert or replace; of several with the same id, the last wins. A vector has the shape
                ``(embedder().dimension,)`` and finite values.
            deletes: Ids to delete; unknown ones are ignored.
            embedder: The embedder of the vectors; makes sure that no other process has recorded a different one since.

        Raises:
            EmbedderMismatchError: ``embedder`` is not the recorded one; nothing was written.
            DimensionMismatchError: A vector has a different length; nothing was written.
            InvalidRequestError: An id, a metadata value or a vector cannot be stored; nothing was written.
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
        """Compare-and-swap: write only if the expected records are still as they were read.

        A transactional backend compares and writes in one transaction. The default compares right before it writes, so
        it overwrites what another process writes between the two.

        Args:
            namespace: As in `write`.
            expected: Records by id as they were read; ``None`` for an id that did not exist. Vectors are not compared.
            upserts: As in `write`.
            deletes: As in `write`.
            embedder: As in `write`.

        Returns:
            Whether the records were written.

        Raises:
            EmbedderMismatchError, DimensionMismatchError, InvalidRequestError: As in `write`; nothing was written.
        """
        found = self.fetch(namespace, list(expected))
        if any(not _same(found.get(identifier), record) for identifier, record in expected.items()):
            return False
        self.write(namespace, upserts, deletes, embedder=embedder)
        return True

    @abstractmethod
    def attach_vectors(self, namespace: str, records: Sequence[Record], *, embedder: EmbedderInfo) -> int:
        """Add vectors to records that are still as they were read.

        A record whose content or metadata has changed since, or that was deleted, is left alone: adding vectors never
        undoes a write.

        Returns:
            The number of records that got a vector.

        Raises:
            EmbedderMismatchError: ``embedder`` is not the recorded one; nothing was written.
            DimensionMismatchError: A vector has a different length.
        """

    @abstractmethod
    def fetch(self, namespace: str, ids: Sequence[str], *, vectors: bool = False) -> dict[str, Record]:
        """Return the records that exist among ``ids``, by id; with their vectors only if ``vectors`` is true."""

    @abstractmethod
    def delete_where(self, namespace: str, filter: Filter) -> int:
        """Delete the records that match and return their number; ``{}`` matches every record."""

    @abstractmethod
    def vector_query(self, namespace: str, vector: Vector, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` nearest records by inner product (the cosine of normalised vectors), best first.

        The filter applies before ``top_k``: k matches come back whenever k exist. Ties are in the order of ids. Records
        without a vector are not found. An unknown namespace is empty.
        """

    @abstractmethod
    def keyword_query(self, namespace: str, text: str, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` best records by BM25 over code-aware tokens, best first, scores above 0 only.

        The filter applies before ``top_k``. Ties are in the order of ids.
        """

    def name_counts(self, namespace: str, names: Sequence[str]) -> list[int] | None:  # noqa: ARG002 - a default of the contract
        """Return how many records hold each name, in any style of writing; ``None``, the default, if it is not known.

        Args:
            namespace: An unknown one is empty.
            names: Identifiers or single words. Of a qualified name, the last part counts.
        """
        return None

    @abstractmethod
    def scan(
        self, namespace: str, filter: Filter | None = None, *, content: bool = True, vectors: bool = False
    ) -> Iterator[Record]:
        """Yield every record that matches, in the order of ids; without ``content``, contents are empty strings."""

    def select(self, namespace: str, fields: Sequence[str], filter: Filter | None = None) -> Iterator[Record]:
        """Yield every record that matches, in any order, without its content and with some fields of its metadata.

        The default reads whole records.

        Args:
            namespace: An unknown one is empty.
            fields: The fields; one that a record lacks is absent.
            filter: The condition; ``None`` stands for every record.
        """
        for record in self.scan(namespace, filter, content=False):
            yield Record(record.id, "", {name: record.metadata[name] for name in fields if name in record.metadata})

    def tally(
        self, namespace: str, fields: Sequence[str], filter: Filter | None = None
    ) -> Mapping[tuple[str | None, ...], int]:
        """Return the number of records that match, by the strings in some fields of their metadata.

        A field that is missing, or holds something else than a string, counts as ``None``. The default reads every
        record.
        """
        found: Counter[tuple[str | None, ...]] = Counter()
        for record in self.select(namespace, fields, filter):
            values = (record.metadata.get(name) for name in fields)
            found[tuple(value if isinstance(value, str) else None for value in values)] += 1
        return found

    def newest(
        self, namespace: str, filter: Filter, limit: int, *, after: tuple[float, str] | None = None
    ) -> tuple[list[Record], int]:
        """Return the records that match with the latest ``created_at``, and the number of all that match.

        The default reads the time of every record that matches.

        Args:
            namespace: An unknown one is empty.
            filter: The condition.
            limit: The most records to return.
            after: Time and id of a record; those that follow it in the list are returned.

        Returns:
            Records with contents, newest first, then in the order of ids. One without a number in ``created_at`` counts
            as of time 0.
        """
        found = self.select(namespace, ("created_at",), filter)
        times = sorted((-_created_at(record.metadata), record.id) for record in found)
        first = 0 if after is None else bisect_right(times, (-after[0], after[1]))
        ids = [identifier for _, identifier in times[first : first + limit]]
        records = self.fetch(namespace, ids)
        # A record that was deleted since is missing.
        return [records[identifier] for identifier in ids if identifier in records], len(times)

    def paths_written_since(self, namespace: str, sequence: int) -> set[str] | None:  # noqa: ARG002 - a default of the contract
        """Return the paths of the records written after a sequence; ``None``, the default, if they are not known.

        Records that were only deleted are not among them.
        """
        return None

    def find_ids(self, namespace: str, prefix: str, limit: int) -> list[str]:
        """Return the first ``limit`` ids that begin with a text, in their order. The default reads every record."""
        ids = (record.id for record in self.select(namespace, ()) if record.id.startswith(prefix))
        return sorted(ids)[:limit]

    def values(self, namespace: str, field: str) -> set[str]:
        """Return the strings in a field of the metadata of all records, those in lists included.

        The default reads every record.
        """
        found: set[str] = set()
        for record in self.scan(namespace, {field: {"$exists": True}}, content=False):
            value = record.metadata[field]
            found.update(each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))
        return found

    @abstractmethod
    def missing_vectors(self, namespace: str, limit: int) -> list[Record]:
        """Return up to ``limit`` records that have no vector of the current embedder."""

    @abstractmethod
    def count(self, namespace: str, filter: Filter | None = None) -> int:
        """Return the number of records that match; all of them without a filter."""

    @abstractmethod
    def namespaces(self) -> list[str]:
        """Return the names of the namespaces that hold records, sorted."""

    @abstractmethod
    def delete_namespace(self, namespace: str) -> int:
        """Delete a namespace and return the number of records that it held."""

    @abstractmethod
    def stats(self, namespace: str) -> NamespaceStats:
        """Return the counts of a namespace; zeros if it does not exist."""

    @abstractmethod
    def refresh(self, namespace: str) -> None:
        """Bring the indexes that are derived from the records up to date, so that no later search waits for them."""

    @abstractmethod
    def describe(self) -> Mapping[str, Any]:
        """Return facts for ``aurora status``: kind, location, bytes, index type, schema version."""

    @abstractmethod
    def close(self) -> None:
        """Release files and connections; a second call does nothing."""


def _created_at(metadata: Mapping[str, Any]) -> float:
    """Return the time of a record, in seconds since the epoch; 0 if it holds no number there."""
    value = metadata.get("created_at")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _same(found: Record | None, expected: Record | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return (found.content, dict(found.metadata)) == (expected.content, dict(expected.metadata))


class RefusedTextsError(EmbeddingError):
    """An embedder has vectors for some of the texts, and refused the others one by one.

    Attributes:
        vectors: As `Embedder.embed_documents` returns them; the rows of refused texts are zeros.
        refused: Why a text was refused, by its position.
    """

    def __init__(self, message: str, vectors: npt.NDArray[np.float32], refused: Mapping[int, str]) -> None:
        super().__init__(message)
        self.vectors = vectors
        self.refused = refused


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. Synchronous and thread-safe."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name for people, for example ``bundled/minilm-static-256``."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The length of every vector."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """An identifier that changes whenever the same text may get a different vector."""

    @abstractmethod
    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed texts to be stored.

        Returns:
            Shape ``(len(texts), dimension)``, float32, in input order. Rows are L2-normalised; a text without any known
            token gives a row of zeros.

        Raises:
            RefusedTextsError: Some of the texts cannot be embedded, such as one that is too long for a service. It
                holds the vectors of the others.
            EmbeddingError: The model or the service failed.
        """

    @abstractmethod
    def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """Embed one query.

        Returns:
            Shape ``(dimension,)``, float32, L2-normalised; zeros for a query without any known token.

        Raises:
            EmbeddingError: The model or the service failed.
        """

    def close(self) -> None:
        """Release connections; a second call does nothing. The default holds none."""
        return


@runtime_checkable
class Reranker(Protocol):
    """Scores how well each text answers a query.

    Attributes:
        reads_headings: Whether each text gets a heading line with its path and symbol, for models trained on it.
        fusion: The measured weights for blending its scores with the first stage's; ``None`` if nothing was measured,
            and its scores alone order the results.
    """

    reads_headings: bool = False
    fusion: RerankFusion | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """The name for people, for example ``cross-encoder/ms-marco-MiniLM-L-6-v2``."""

    @property
    @abstractmethod
    def is_available(self) -> bool:
        """True if scoring can work now; answering never raises, loads or downloads anything."""

    @property
    @abstractmethod
    def unavailable_reason(self) -> str | None:
        """The reason why `is_available` is false and what to do about it, else ``None``."""

    @abstractmethod
    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Score each text for the query.

        Returns:
            Shape ``(len(texts),)``, float32 in 0..1, in input order; NaN for a text that was not scored.

        Raises:
            AuroraError: Scoring failed; the search returns its first-stage results.
        """

    def prefetch(self) -> None:
        """Start to load what `score` needs, and return at once. The default loads nothing."""
        return

    def close(self) -> None:
        """Release connections; a second call does nothing. The default holds none."""
        return


@dataclass(frozen=True, slots=True)
class ChatOverhead:
    """The tokens of a chat beyond its texts.

    Attributes:
        per_message: Tokens for the frame and the role of each message.
        per_reply: Tokens that open the answer; added once.
    """

    per_message: int
    per_reply: int


# The longest frames of public chat templates (Llama 3: header, role, two line breaks, end of turn) take six tokens.
DEFAULT_CHAT = ChatOverhead(per_message=8, per_reply=8)


@runtime_checkable
class TokenCounter(Protocol):
    """Counts tokens as one model does. Called from worker threads.

    Attributes:
        chat: The tokens of chat messages beyond their texts.
    """

    chat: ChatOverhead = DEFAULT_CHAT

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the tokenizer or estimate, for people and reports."""

    @abstractmethod
    def count(self, text: str) -> int:
        """Return the number of tokens of a text; 0 for the empty text."""

    @abstractmethod
    def truncate(self, text: str, limit: int) -> str:
        """Return a prefix of a text with at most ``limit`` tokens, as long a one as can be found."""


class SearchableStore(Protocol):
    """The reading part of `VectorStore`, which contexts and evaluations use."""

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

    async def select(self, fields: Sequence[str], filter: Filter | None = None) -> list[Record]:
        """Return every record that matches, in any order, without its content and with some fields of its metadata."""

    async def write(
        self, upserts: Sequence[Document], deletes: Sequence[str] = (), *, masked: bool = False
    ) -> list[str]:
        """Delete by id, then insert or replace, in one transaction; unchanged texts keep their vectors."""


def with_defaults(given: _T, contract: Any) -> _T:
    """Return an object that has every member of a contract.

    Args:
        given: An object with the members that the contract marks abstract; it need not subclass the contract.
        contract: One of the protocols of this module.

    Returns:
        ``given`` if it has every member, else a view of it in which the contract's defaults stand in for the missing
        members.
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
