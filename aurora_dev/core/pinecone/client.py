"""The only module that uses Pinecone's client: makes and opens indexes, and guards every call."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from aurora_dev.core.pinecone import errors
from aurora_dev.core.pinecone.options import ClientOptions
from aurora_dev.core.pinecone.requests import MAX_TOP_K, Retries, Upsert
from aurora_dev.core.pinecone.sparse import Sparse
from aurora_dev.errors import (
    BackendUnavailableError,
    IndexNotFoundError,
    InvalidRequestError,
    MissingDependencyError,
    StoreClosedError,
)
from aurora_dev.log import get_logger

_log = get_logger(__name__)
_T = TypeVar("_T")

DENSE_FIELD = "_values"  # the name of the vectors in an index that serves the plain vector calls
SPARSE_FIELD = "_sparse_values"
_READY_SECONDS = 300  # a serverless index is ready in seconds; minutes mean that it never will be
_READY_PAUSE = 1.0  # seconds between two checks
_PAGE = 500  # records of one page of a filtered listing: about a megabyte of text
_SPARE_CONNECTIONS = 4
_READ_SHARE = 0.5  # reads get this part of the time for an upsert: they send little, and a search waits for them


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """Pinecone's description of an index.

    Attributes:
        name: Its name.
        host: Its address, once it has one.
        kind: ``dense``, ``sparse`` or, for an index of documents or several vectors, ``other``.
        dimension: The dimension of a dense index, else ``None``.
        metric: The metric of a dense index, else ``None``.
        ready: Whether it can be used.
    """

    name: str
    host: str | None
    kind: Literal["dense", "sparse", "other"]
    dimension: int | None
    metric: str | None
    ready: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A vector that Pinecone returned; without values unless they were asked for."""

    id: str
    metadata: Mapping[str, Any] | None
    values: Sequence[float] = ()
    indices: Sequence[int] = ()
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query.

    Attributes:
        hits: The matches, best first.
        seen: The number of the last write to the namespace that the query saw; ``None`` if the service does not say.
    """

    hits: list[Stored]
    seen: int | None


class _Connections:
    """The connections of a client, which `close` closes as soon as no request is under way.

    Closed earlier, the HTTP client would open a connection again for a request that it repeats, and leave it open.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._lock = threading.Lock()
        self._users = 0
        self._closed = False

    def close(self) -> None:
        with self._lock:
            idle = not self._closed and not self._users
            self._closed = True
        if idle:
            self._close()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise StoreClosedError("the store was closed during a request to Pinecone")
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                last = self._closed and not self._users
            if last:
                self._close()


class PineconeClient:
    """Opens and makes indexes. Thread-safe; connects with the first call.

    Args:
        key: The API key.
        options: Timeout, address of the control plane, and most requests at a time to one index.
        reads: Repeats reads.
        writes: Repeats writes.

    Raises:
        MissingDependencyError: The extra ``pinecone`` is not installed.
    """

    def __init__(self, key: str, options: ClientOptions, reads: Retries, writes: Retries) -> None:
        if importlib.util.find_spec("pinecone") is None:
            raise MissingDependencyError("backend 'pinecone'", extra="pinecone", package="pinecone")
        self._key = key
        self._options = options
        self._reads, self._writes = reads, writes
        self._lock = threading.Lock()
        self._client: Any = None
        self._connections = _Connections(self._disconnect)
        self._opened: list[PineconeIndex] = []
        self._closed = False

    def describe(self, name: str) -> IndexFacts | None:
        """Return Pinecone's description of an index, or ``None`` if there is none of that name."""
        try:
            return _facts(self._guarded(lambda: self._connected().indexes.describe(name), name))
        except IndexNotFoundError:
            return None

    def create(
        self, name: str, dimension: int | None, cloud: str, region: str, sleep: Callable[[float], bool]
    ) -> IndexFacts:
        """Make a serverless index, unless another process is making it, and wait until it is ready.

        Args:
            name: Its name.
            dimension: The dimension of a dense index (its metric is cosine); ``None`` makes a sparse one.
            cloud: The cloud, such as ``aws``.
            region: The region, such as ``us-east-1``.
            sleep: Waits so many seconds; returns true if the store was closed meanwhile.
        """
        vector: dict[str, Any] = {SPARSE_FIELD: {"type": "sparse_vector"}}
        if dimension is not None:
            vector = {DENSE_FIELD: {"type": "dense_vector", "dimension": dimension, "metric": "cosine"}}
        deployment = {"deployment_type": "managed", "cloud": cloud, "region": region}

        def make() -> None:
            try:
                # Without the client's own waiting: two processes that make it at once then wait in the same way.
                self._connected().indexes.create(
                    name=name, schema={"fields": vector}, deployment=deployment, timeout=-1
                )
            except Exception as error:  # only an index that exists already is ignored
                if not (errors.is_clients(error) and errors.is_conflict(error)):
                    raise

        self._guarded(make, name)
        _log.info("pinecone_index_created", index=name, dimension=dimension)
        return self.ready(name, sleep)

    def ready(self, name: str, sleep: Callable[[float], bool]) -> IndexFacts:
        """Wait until an index can be used.

        Raises:
            BackendUnavailableError: It was not ready after some minutes, or the store was closed.
        """
        waited = 0.0
        while True:
            facts = self.describe(name)
            if facts is not None and facts.ready and facts.host:
                return facts
            if waited >= _READY_SECONDS or sleep(_READY_PAUSE):
                raise BackendUnavailableError(
                    f"the index {name!r} was not ready after {waited:.0f} s; nothing was written. See its state in "
                    "Pinecone's console, and try again"
                )
            waited += _READY_PAUSE

    def open(self, name: str, host: str) -> PineconeIndex:
        """Return an index to read and write, by its host."""
        index = self._guarded(lambda: self._connected().index(host=host), name)
        opened = PineconeIndex(index, name, self._key, self._reads, self._writes, self._options.timeout * _READ_SHARE)
        with self._lock:
            closed = self._closed
            if not closed:
                self._opened.append(opened)
        if closed:  # after `close` took the list of opened indexes
            opened.close()
        return opened

    def rerank(
        self, model: str, query: str, documents: Sequence[str], parameters: Mapping[str, Any] | None = None
    ) -> list[tuple[int, float]]:
        """Return position (0-based) and score of documents, from Pinecone's inference service."""

        def ask() -> Any:
            return self._connected().inference.rerank(
                model=model,
                query=query,
                documents=list(documents),
                return_documents=False,
                top_n=len(documents),
                parameters=parameters,
            )

        reply = self._guarded(ask, model, "asking the reranking model")
        return [(row.index, row.score) for row in reply.data]

    def close(self) -> None:
        """Close the connections, after the requests that are under way."""
        with self._lock:
            self._closed = True
            opened, self._opened = self._opened, []
        for index in opened:
            index.close()
        self._connections.close()

    def _disconnect(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                from pinecone import Pinecone

                self._client = Pinecone(
                    api_key=self._key,
                    host=self._options.control_host,
                    timeout=float(self._options.timeout),
                    source_tag="aurora_dev",
                    connection_pool_maxsize=self._options.concurrency + _SPARE_CONNECTIONS,
                )
            return self._client

    def _guarded(self, request: Callable[[], _T], name: str, doing: str = "opening the index") -> _T:
        def held() -> _T:
            with self._connections():
                return request()

        return self._reads.run(held, self._key, f"{doing} {name!r}")


class PineconeIndex:
    """One index: the calls that the store needs, within limits, with retries, and with our errors. Thread-safe."""

    def __init__(self, index: Any, name: str, key: str, reads: Retries, writes: Retries, read_timeout: float) -> None:
        self._index = index
        self._connections = _Connections(index.close)
        self._timeout = read_timeout
        self.name = name
        self._key = key
        self._reads, self._writes = reads, writes

    @property
    def host(self) -> str:
        """Its address."""
        return str(self._index.host)

    def close(self) -> None:
        """Close its connections, after the requests that are under way."""
        self._connections.close()

    def facts(self) -> tuple[IndexFacts, dict[str, int]]:
        """Return the description of the index, and the number of vectors by namespace (which may lag behind)."""
        stats = self._read(lambda: self._index.describe_index_stats(timeout=self._timeout))
        kind: Literal["dense", "sparse", "other"] = "sparse" if stats.vector_type == "sparse" else "dense"
        facts = IndexFacts(self.name, self.host, kind, stats.dimension, stats.metric, True)
        return facts, {name: summary.vector_count for name, summary in stats.namespaces.items()}

    def upsert(self, namespace: str, vectors: Sequence[Upsert]) -> int | None:
        """Write one batch, and return its number in the log of the namespace, if the service names one."""
        body = [vector.as_vector() for vector in vectors]
        reply = self._write(lambda: self._index.upsert(vectors=body, namespace=namespace, show_progress=False))
        return reply.response_info.lsn_committed if reply.response_info else None

    def delete(self, namespace: str, ids: Sequence[str]) -> None:
        """Delete one batch; unknown ids and an unknown namespace are ignored."""
        self._delete(lambda: self._index.delete(ids=list(ids), namespace=namespace))

    def delete_all(self, namespace: str) -> None:
        """Delete everything in a namespace."""
        self._delete(lambda: self._index.delete(delete_all=True, namespace=namespace))

    def fetch(self, namespace: str, ids: Sequence[str]) -> dict[str, Stored]:
        """Return the vectors that exist among ``ids``, in one request; see `fetch_batches`."""

        def ask() -> dict[str, Stored]:
            reply = self._index.fetch(ids=list(ids), namespace=namespace, timeout=self._timeout)
            return {name: _stored(name, found) for name, found in reply.vectors.items()}

        return self._read(ask, missing=dict)

    def find(self, namespace: str, filter: Mapping[str, Any]) -> Iterator[list[Stored]]:
        """Yield the matches of a filter, page by page, in no particular order."""
        token: str | None = None
        while True:
            reply = self._find_page(namespace, filter, token)
            if reply is None:
                return
            yield [_stored(name, found) for name, found in reply.vectors.items()]
            token = reply.pagination.next if reply.pagination else None
            if not token:
                return

    def list_ids(self, namespace: str, prefix: str | None = None) -> Iterator[list[str]]:
        """Yield the ids of a namespace page by page, ascending by their bytes."""
        token: str | None = None
        while True:
            reply = self._list_page(namespace, prefix, token)
            if reply is None:
                return
            if reply.vectors:
                yield [item.id for item in reply.vectors if item.id is not None]
            token = reply.pagination.next if reply.pagination else None
            if not token:
                return

    def query(
        self,
        namespace: str,
        top_k: int,
        *,
        vector: Sequence[float] | None = None,
        sparse: Sparse | None = None,
        filter: Mapping[str, Any] | None = None,
        metadata: bool = True,
    ) -> Answer:
        """Return the best matches, with metadata if asked for, unless the answer would be too large."""

        def ask() -> Answer:
            reply = self._index.query(
                top_k=min(top_k, MAX_TOP_K),
                vector=vector,
                sparse_vector=sparse,
                filter=filter,
                namespace=namespace,
                include_metadata=with_metadata,
                timeout=self._timeout,
            )
            hits = [Stored(match.id, match.metadata, score=float(match.score)) for match in reply.matches]
            return Answer(hits, reply.response_info.lsn_reconciled if reply.response_info else None)

        with_metadata = metadata
        try:
            return self._read(ask, missing=lambda: Answer([], None))
        except InvalidRequestError:
            if not metadata:
                raise
            # An answer has at most 4 MB: a hundred records of full size are more. Any other refusal is raised again.
            with_metadata = False
            return self._read(ask, missing=lambda: Answer([], None))

    def _find_page(self, namespace: str, filter: Mapping[str, Any], token: str | None) -> Any:
        def ask() -> Any:
            return self._index.fetch_by_metadata(
                filter=filter, namespace=namespace, limit=_PAGE, pagination_token=token, timeout=self._timeout
            )

        return self._read(ask, missing=lambda: None)

    def _list_page(self, namespace: str, prefix: str | None, token: str | None) -> Any:
        def ask() -> Any:
            return self._index.list_paginated(
                prefix=prefix, namespace=namespace, pagination_token=token, timeout=self._timeout
            )

        return self._read(ask, missing=lambda: None)

    def _delete(self, request: Callable[[], Any]) -> None:
        def ask() -> None:
            try:
                request()
            except Exception as error:  # only a namespace that holds nothing is ignored
                if not (errors.is_clients(error) and errors.is_missing_namespace(error)):
                    raise

        self._write(ask)

    def _read(self, request: Callable[[], _T], missing: Callable[[], _T] | None = None) -> _T:
        def ask() -> _T:
            try:
                with self._connections():
                    return request()
            except Exception as error:  # only a namespace that holds nothing is ignored
                if missing is None or not (errors.is_clients(error) and errors.is_missing_namespace(error)):
                    raise
                return missing()

        return self._reads.run(ask, self._key, f"reading from the index {self.name!r}")

    def _write(self, request: Callable[[], _T]) -> _T:
        def held() -> _T:
            with self._connections():
                return request()

        return self._writes.run(held, self._key, f"writing to the index {self.name!r}")


def _stored(name: str, found: Any) -> Stored:
    indices = found.sparse_values.indices if found.sparse_values is not None else ()
    return Stored(name, found.metadata, found.values, indices)


def _facts(model: Any) -> IndexFacts:
    fields = list(model.schema.fields.values())
    dense = [field for field in fields if hasattr(field, "dimension") and hasattr(field, "metric")]
    sparse = [field for field in fields if type(field).__name__ == "SparseVectorField"]
    ready = bool(model.status.ready)
    if len(dense) == 1 and not sparse:
        return IndexFacts(model.name, model.host, "dense", dense[0].dimension, dense[0].metric, ready)
    kind: Literal["sparse", "other"] = "sparse" if sparse and not dense else "other"
    return IndexFacts(model.name, model.host, kind, None, None, ready)
