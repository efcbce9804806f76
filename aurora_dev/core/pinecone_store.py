"""PineconeStore: the contract of a `VectorBackend` on Pinecone, for memories that several machines share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from aurora_dev.core.contracts import Capabilities, Filter, NamespaceStats, VectorBackend
from aurora_dev.core.filters import FilterNode, is_everything, parse_filter
from aurora_dev.core.pinecone import names
from aurora_dev.core.pinecone.bookkeeping import SCHEMA_VERSION, EmbedderState
from aurora_dev.core.pinecone.client import PineconeClient
from aurora_dev.core.pinecone.filters import any_of
from aurora_dev.core.pinecone.layout import Layout, check_options
from aurora_dev.core.pinecone.read_your_writes import Freshness
from aurora_dev.core.pinecone.reader import Found, Reader
from aurora_dev.core.pinecone.records import VECTOR, ZERO, decode_record
from aurora_dev.core.pinecone.requests import DEFAULT_BATCH, DEFAULT_CONCURRENCY, MAX_BATCH, Retries, Workers
from aurora_dev.core.pinecone.session import Opened, Session, switched
from aurora_dev.core.pinecone.sparse import query_vector
from aurora_dev.core.pinecone.writer import Prepared, Target, Writer, prepare, short_numbers
from aurora_dev.core.record_checks import check_name, check_top_k, check_vector
from aurora_dev.core.services.addresses import checked_key
from aurora_dev.core.types import EmbedderInfo, Match, Record, Vector
from aurora_dev.errors import (
    ConfigurationError,
    InvalidRequestError,
    StoreError,
)

if TYPE_CHECKING:
    from pydantic import SecretStr

DEFAULT_INDEX = "aurora"
DEFAULT_CLOUD, DEFAULT_REGION = "aws", "us-east-1"  # where every plan of Pinecone may have an index
DEFAULT_TIMEOUT = 20.0  # seconds of one attempt; an upsert of 2 MB over a slow line takes some of them
DEFAULT_VISIBILITY = 30.0  # seconds; writes show after a few
_READ_ATTEMPTS, _READ_DEADLINE = 1, 10.0  # after the client's own four attempts: somebody waits for a search
_WRITE_ATTEMPTS, _WRITE_DEADLINE = 5, 120.0  # nobody does for a batch, and giving up costs more


class PineconeStore(VectorBackend):
    """A `VectorBackend` on Pinecone, shared by any number of machines.

    Nothing connects before the first call. Records and vectors are kept as `aurora_dev.core.pinecone.layout` says.
    A write is durable when it returns, and shows after a while: `refresh` waits for that, and so do, up to
    ``visibility_timeout``, all calls that list or count. Searches do not wait. Thread-safe.

    What Pinecone cannot keep of the contract: a write is not one transaction (a part that failed is named); of two
    machines that set different embedders in the same seconds the later one wins; a query of zeros and records whose
    vector is all zeros are seen by no vector search beyond the order of ids.

    Args:
        api_key: Pinecone's; never shown.
        index: Name of the dense index; the sparse one for keywords is ``<index>-sparse``.
        host: Address of the dense index, where it is not to be looked up.
        sparse_host: Address of the sparse index; with ``host`` alone there is no keyword search.
        create: Whether missing indexes are made, as serverless ones.
        cloud: Where, such as ``aws``, ``gcp`` or ``azure``.
        region: Such as ``us-east-1``.
        keyword: Whether there is keyword search.
        timeout: Seconds for one attempt of a write; reads have half of them.
        concurrency: Most requests at a time.
        batch_size: Records of an upsert, 1..1,000.
        visibility_timeout: Seconds to wait until what was written shows.
        control_host: Address of Pinecone's control plane, where it is not the public one.

    Raises:
        ConfigurationError: An argument is wrong.
        MissingDependencyError: The extra ``pinecone`` is not installed.
    """

    def __init__(
        self,
        api_key: SecretStr | str | None,
        *,
        index: str = DEFAULT_INDEX,
        host: str | None = None,
        sparse_host: str | None = None,
        create: bool = False,
        cloud: str = DEFAULT_CLOUD,
        region: str = DEFAULT_REGION,
        keyword: bool = True,
        timeout: float = DEFAULT_TIMEOUT,
        concurrency: int = DEFAULT_CONCURRENCY,
        batch_size: int = DEFAULT_BATCH,
        visibility_timeout: float = DEFAULT_VISIBILITY,
        control_host: str | None = None,
    ) -> None:
        key = checked_key(api_key)
        if not key:
            raise ConfigurationError("backend 'pinecone' needs a key: set the environment variable PINECONE_API_KEY")
        check_options(index, batch_size, concurrency, timeout=timeout, visibility_timeout=visibility_timeout)
        self._closed = threading.Event()
        self._client = PineconeClient(
            key,
            control_host=control_host,
            timeout=float(timeout),
            concurrency=concurrency,
            reads=Retries(_READ_ATTEMPTS, _READ_DEADLINE, self._closed.wait),
            writes=Retries(_WRITE_ATTEMPTS, _WRITE_DEADLINE, self._closed.wait),
        )
        self._layout = Layout(
            self._client,
            name=index,
            host=host,
            sparse_host=sparse_host,
            keyword=keyword and (host is None or sparse_host is not None),
            create=create,
            cloud=cloud,
            region=region,
            sleep=self._closed.wait,
        )
        self._workers = Workers(concurrency)
        self._freshness = Freshness(self._closed.wait)
        self._reader = Reader(self._workers)
        self._writer = Writer(self._workers, self._freshness, batch_size)
        self._session = Session(
            self._layout, self._workers, self._freshness, closed=self._closed, visibility=float(visibility_timeout)
        )

    def __repr__(self) -> str:
        return f"PineconeStore(index={self._layout.name!r}, keyword={self._layout.keyword})"

    @property
    def capabilities(self) -> Capabilities:
        """Remote, without transactions; keyword search unless it is switched off."""
        return Capabilities(keyword=self._layout.keyword, transactional=False, local=False, shared=True)

    # -- the embedder ------------------------------------------------------------------------------------------

    def embedder(self) -> EmbedderInfo | None:
        """Return the recorded embedder; what another machine records is seen within seconds."""
        store = self._session.opened()
        state = store.notes.embedder() if store else None
        return state.info if state else None

    def set_embedder(self, info: EmbedderInfo, *, replace: bool = True) -> EmbedderInfo:
        """Record the embedder and return the recorded one; another than before makes every vector stale at once.

        Without ``replace`` one that is recorded already stays. Of two machines that meet an empty store in the same
        moment, the later one wins; vectors never mix, since every embedder has namespaces of its own.
        """
        if isinstance(info.dimension, bool) or not isinstance(info.dimension, int) or info.dimension < 1:
            raise InvalidRequestError(f"an embedder's dimension must be at least 1, not {info.dimension!r}")
        store = self._session.opened()
        recorded = store.notes.embedder(anew=True) if store else None
        if recorded is not None and (recorded.info == info or not replace):
            return recorded.info
        index = self._layout.vectors_for(info.dimension)
        store = store or self._session.opened()
        assert store is not None  # the dense index exists now, and with it the store
        state = EmbedderState.of(info, index, recorded.switches + 1 if recorded else 0)
        store.notes.set_embedder(state)
        if recorded is not None:
            self._session.discard_vectors(recorded)
        elif not replace:
            # Another machine may have recorded its own in the same moment: what is there now counts for both.
            now = store.notes.embedder(anew=True)
            return now.info if now else info
        return info

    # -- writing -----------------------------------------------------------------------------------------------

    def write(
        self,
        namespace: str,
        upserts: Sequence[Record] = (),
        deletes: Sequence[str] = (),
        *,
        embedder: EmbedderInfo | None = None,
    ) -> None:
        """Insert or replace by id, then delete the other ids; durable when it returns, and shows after a while.

        Raises:
            PartialWriteError: Some records were stored and some were not; it names both. Nothing was deleted.
        """
        check_name(namespace, "namespace")
        for identifier in deletes:
            check_name(identifier, "id")
        store = self._session.opened()
        state = store.notes.embedder(anew=embedder is not None) if store else None
        if embedder is not None and (state is None or state.info != embedder):
            raise switched(embedder, state)
        target = self._session.writable(store, namespace, state) if store else None
        prepared = self._prepared(upserts, state, target, store)
        if store is None or target is None:
            if prepared:
                raise InvalidRequestError(
                    "without keyword search, an index can be made only for an embedder; nothing was written. Call "
                    "set_embedder() first"
                )
            return
        upserted = {one.truth.id for one in prepared}
        gone = [name for name in dict.fromkeys(map(names.encode_id, deletes)) if name not in upserted]
        if not prepared and not gone:
            return
        # Deletes are sent also where nothing seems to be there: it may only not show yet. The sequence stays where
        # nothing does, and nothing of this process can be on its way.
        moved = bool(prepared) or self._freshness.is_pending(target.records, target.namespace)
        moved = moved or bool(self._reader.fetch(target.records, target.namespace, gone))
        self._send(store, target, prepared, gone, moved=moved)

    def attach_vectors(self, namespace: str, records: Sequence[Record], *, embedder: EmbedderInfo) -> int:
        """Give vectors to records that are still as they were read, and return how many those are.

        Between the look and the write another machine may change one of a batch; the time is that of one request.
        """
        store, state = self._session.recorded(embedder)
        target = self._session.writable(store, namespace, state)
        given = list({record.id: record for record in records}.values())
        attached = 0
        for start in range(0, len(given), MAX_BATCH):
            part = given[start : start + MAX_BATCH]
            now = self.fetch(namespace, [record.id for record in part])
            same = [
                record
                for record in part
                if (found := now.get(record.id)) is not None
                and (found.content, dict(found.metadata)) == (record.content, dict(record.metadata))
            ]
            if same:
                self._send(store, target, self._prepared(same, state, target, store), ())
                attached += len(same)
        return attached

    def delete_where(self, namespace: str, filter: Filter) -> int:
        """Delete the records that match and return how many there were; ``{}`` matches all."""
        node = parse_filter(filter)
        if is_everything(node):
            return self.delete_namespace(namespace)
        found = [stored.id for _, stored in self._matching(namespace, node, content=False)]
        store = self._session.opened()
        if store is not None and found:
            self._send(store, self._session.target(store, namespace, store.notes.embedder()), (), found)
        return len(found)

    def delete_namespace(self, namespace: str) -> int:
        """Delete a namespace with all of its records and return how many there were."""
        store = self._session.settled(namespace)
        if store is None:
            return 0
        encoded = names.encode_namespace(namespace)
        count = store.records.facts()[1].get(encoded, 0)
        if not count:
            count = sum(len(page) for page in store.records.list_ids(encoded))  # counts lag behind
        if not count:
            return 0
        state = store.notes.embedder()
        target = self._session.target(store, namespace, state)
        if target.vectors is not None:
            target.vectors.delete_all(target.vectors_namespace)
            self._freshness.forget(target.vectors, target.vectors_namespace)
        sample = next(iter(store.records.list_ids(encoded)), [])
        store.records.delete_all(encoded)
        self._freshness.forget(store.records, encoded)
        self._freshness.deleted(store.records, encoded, sample)
        store.changed(encoded, count)
        return count

    # -- reading -----------------------------------------------------------------------------------------------

    def fetch(self, namespace: str, ids: Sequence[str], *, vectors: bool = False) -> dict[str, Record]:
        """Return the records that exist among ``ids``; vectors only where asked for.

        Ids that this process has just written are waited for.
        """
        store = self._session.opened()
        wanted = list(dict.fromkeys(i for i in ids if _can_be_stored(i)))
        if store is None or not wanted:
            return {}
        encoded, encoded_ids = names.encode_namespace(namespace), [names.encode_id(one) for one in wanted]
        if self._freshness.touches(store.records, encoded, encoded_ids):
            self._session.settled(namespace)
        found = self._reader.fetch(store.records, encoded, encoded_ids)
        pairs = [(decode_record(stored.id, stored.metadata), stored) for stored in found.values()]
        records = self._with_vectors(store, namespace, pairs) if vectors else [record for record, _ in pairs]
        by_id = {record.id: record for record in records}
        return {identifier: by_id[identifier] for identifier in wanted if identifier in by_id}

    def vector_query(self, namespace: str, vector: Vector, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` (at most 10,000) nearest records by inner product, best first; ties by id."""
        top_k = check_top_k(top_k)
        node = _parsed(filter)
        store = self._session.opened()
        state = store.notes.embedder() if store else None
        if store is None or state is None:
            return []
        query = check_vector(vector, state.info.dimension, "the query")
        if not np.isfinite(query).all():
            raise InvalidRequestError("the query has a vector with NaN or infinity")
        target = self._session.target(store, namespace, state)
        if target.vectors is None:
            return []
        if not query.any():
            return self._reader.first_by_id(target.vectors, target.vectors_namespace, top_k, node)
        (values,) = short_numbers(query[np.newaxis])
        return self._reader.search(target.vectors, target.vectors_namespace, top_k, node, vector=values)

    def keyword_query(self, namespace: str, text: str, top_k: int, filter: Filter | None = None) -> list[Match]:
        """Return the ``top_k`` best records by BM25 over code-aware tokens, best first, scores above 0 only.

        The mean length in it is a constant, and the document frequencies are sampled, see
        `aurora_dev.core.pinecone.sparse`.
        """
        top_k = check_top_k(top_k)
        node = _parsed(filter)
        store = self._session.opened()
        if store is None or not self._layout.keyword:
            return []
        encoded = names.encode_namespace(namespace)
        sparse = query_vector(text, store.frequencies.get(encoded))
        return self._reader.search(store.records, encoded, top_k, node, sparse=sparse) if sparse else []

    def scan(
        self, namespace: str, filter: Filter | None = None, *, content: bool = True, vectors: bool = False
    ) -> Iterator[Record]:
        """Yield every record that matches, in the order of ids.

        Without a filter it reads page by page; with one it holds what matches. Of records that are written meanwhile it
        may give either state.
        """
        return self._scan(namespace, _parsed(filter), content=content, vectors=vectors)

    def missing_vectors(self, namespace: str, limit: int) -> list[Record]:
        """Return up to ``limit`` records that have no vector of the present embedder."""
        limit = check_top_k(limit)
        store = self._session.settled(namespace)
        if store is None:
            return []
        state = store.notes.embedder()
        generation = state.generation if state else ""
        wanted = any_of([{VECTOR: {"$exists": False}}, {VECTOR: {"$ne": generation}}])
        assert isinstance(wanted, dict)
        found: list[Record] = []
        for page in store.records.find(names.encode_namespace(namespace), wanted):
            found += [
                decode_record(stored.id, stored.metadata)
                for stored in page
                if (stored.metadata or {}).get(VECTOR) != generation
            ]
            if len(found) >= limit:
                break
        return found[:limit]

    def count(self, namespace: str, filter: Filter | None = None) -> int:
        """Return how many records match; without a filter as Pinecone counts them, which may lag behind."""
        node = _parsed(filter)
        if node is not None:
            return len(self._matching(namespace, node, content=False))
        store = self._session.settled(namespace)
        return store.records.facts()[1].get(names.encode_namespace(namespace), 0) if store else 0

    def namespaces(self) -> list[str]:
        """Return the names of the namespaces that hold records, sorted."""
        store = self._session.opened()
        if store is None:
            return []
        found = [names.decode_namespace(name) for name, count in store.records.facts()[1].items() if count]
        return sorted(name for name in found if name is not None)

    def stats(self, namespace: str) -> NamespaceStats:
        """Return the counts of a namespace, which may lag behind; zeros where it does not exist."""
        store = self._session.settled(namespace)
        if store is None:
            return NamespaceStats(records=0, vectors=0, sequence=0)
        encoded = names.encode_namespace(namespace)
        target = self._session.target(store, namespace, store.notes.embedder())
        asked: list[Callable[[], int]] = [
            lambda: store.records.facts()[1].get(encoded, 0),
            lambda: target.vectors.facts()[1].get(target.vectors_namespace, 0) if target.vectors is not None else 0,
            lambda: store.notes.sequence(encoded),
            lambda: sum(len(page) for page in store.records.find(encoded, _zeros(target.generation))),
        ]
        records, vectors, sequence, zeros = self._workers.map(lambda ask: ask(), asked)
        return NamespaceStats(records=records, vectors=min(vectors + zeros, records), sequence=sequence)

    def refresh(self, namespace: str) -> None:
        """Wait until searches see what this process has written, and bring the term statistics up to date.

        Raises:
            BackendUnavailableError: It does not show after ``visibility_timeout``; it is stored all the same.
        """
        store = self._session.settled(namespace, strict=True)
        if store is not None and self._layout.keyword:
            store.frequencies.refresh(names.encode_namespace(namespace))

    def describe(self) -> Mapping[str, Any]:
        """Return kind, indexes and their sizes in records, and schema version."""
        facts: dict[str, Any] = {"kind": "pinecone", "index": self._layout.name, "schema_version": SCHEMA_VERSION}
        store = self._session.opened()
        if store is not None:
            found, counts = store.records.facts()
            facts |= {"records_index": found.name, "host": found.host, "records": sum(counts.values())}
            state = store.notes.embedder()
            facts["vectors_index"] = state.index if state else None
        return facts | {"keyword": self._layout.keyword}

    def close(self) -> None:
        """End connections and waiting requests; a second call does nothing."""
        self._closed.set()
        self._workers.close()
        self._client.close()
        self._layout.close()

    # -- inside ------------------------------------------------------------------------------------------------

    def _prepared(
        self, records: Sequence[Record], state: EmbedderState | None, target: Target | None, store: Opened | None
    ) -> list[Prepared]:
        return prepare(
            records,
            dimension=state.info.dimension if state else None,
            generation=target.generation if target else "",
            sparse=self._layout.keyword,
            probe=store.vector if store else None,
        )

    def _send(
        self,
        store: Opened,
        target: Target,
        prepared: Sequence[Prepared],
        gone: Sequence[str],
        *,
        moved: bool = True,
    ) -> None:
        """Write, and move the sequence also where only a part of it was written."""
        changed = len(prepared) + len(gone)
        try:
            self._writer.upsert(target, prepared)
            self._writer.delete(target, gone)
        except StoreError:
            with suppress(StoreError):  # the first error says what happened
                store.changed(target.namespace, changed)
            raise
        if moved:
            store.changed(target.namespace, changed)

    def _matching(self, namespace: str, node: FilterNode, *, content: bool) -> list[Found]:
        store = self._session.settled(namespace)
        if store is None:
            return []
        return self._reader.matching(store.records, names.encode_namespace(namespace), node, content=content)

    def _scan(self, namespace: str, node: FilterNode | None, *, content: bool, vectors: bool) -> Iterator[Record]:
        store = self._session.settled(namespace)
        if store is None:
            return
        encoded = names.encode_namespace(namespace)
        if node is None:
            pages = self._reader.scan(store.records, encoded, content=content)
        else:
            pages = iter([self._matching(namespace, node, content=content)])
        for page in pages:
            yield from self._with_vectors(store, namespace, page) if vectors else (record for record, _ in page)

    def _with_vectors(self, store: Opened, namespace: str, found: Sequence[Found]) -> list[Record]:
        state = store.notes.embedder()
        if state is None:
            return [record for record, _ in found]
        target = self._session.target(store, namespace, state)
        return self._reader.with_vectors(
            target.vectors,
            target.vectors_namespace,
            found,
            generation=state.generation,
            dimension=state.info.dimension,
        )


def _parsed(filter: Filter | None) -> FilterNode | None:
    if filter is None:
        return None
    node = parse_filter(filter)
    return None if is_everything(node) else node


def _can_be_stored(identifier: object) -> bool:
    try:
        check_name(identifier, "id")
    except InvalidRequestError:
        return False
    return True


def _zeros(generation: str) -> dict[str, Any]:
    return {"$and": [{VECTOR: {"$eq": generation}}, {ZERO: {"$eq": True}}]}
