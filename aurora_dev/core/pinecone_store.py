"""The vector store on Pinecone, for notes and projects that several machines share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from typing_extensions import Unpack

from aurora_dev.core.arguments import option_groups, shows_options
from aurora_dev.core.contracts import Capabilities, Filter, NamespaceStats, VectorBackend
from aurora_dev.core.filters import FilterNode, is_everything, parse_filter
from aurora_dev.core.pinecone import names
from aurora_dev.core.pinecone.bookkeeping import SCHEMA_VERSION, EmbedderState
from aurora_dev.core.pinecone.client import PineconeClient
from aurora_dev.core.pinecone.filters import any_of
from aurora_dev.core.pinecone.layout import Layout
from aurora_dev.core.pinecone.options import DEFAULT_CLOUD as DEFAULT_CLOUD
from aurora_dev.core.pinecone.options import DEFAULT_INDEX as DEFAULT_INDEX
from aurora_dev.core.pinecone.options import DEFAULT_REGION as DEFAULT_REGION
from aurora_dev.core.pinecone.options import DEFAULT_TIMEOUT as DEFAULT_TIMEOUT
from aurora_dev.core.pinecone.options import DEFAULT_VISIBILITY as DEFAULT_VISIBILITY
from aurora_dev.core.pinecone.options import ClientOptions, IndexOptions, WriteOptions
from aurora_dev.core.pinecone.read_your_writes import Freshness
from aurora_dev.core.pinecone.reader import Found, Reader
from aurora_dev.core.pinecone.records import VECTOR, ZERO, decode_record
from aurora_dev.core.pinecone.requests import MAX_BATCH, Retries, Workers
from aurora_dev.core.pinecone.session import Opened, Session, embedder_switched
from aurora_dev.core.pinecone.sparse import query_vector
from aurora_dev.core.pinecone.writer import Prepared, Target, Writer, prepare, short_numbers
from aurora_dev.core.record_checks import check_name, check_top_k, check_vector
from aurora_dev.core.services.addresses import checked_key
from aurora_dev.core.services.retry import RetryPolicy
from aurora_dev.core.types import EmbedderInfo, Match, Record, Vector
from aurora_dev.errors import (
    ConfigurationError,
    InvalidRequestError,
    StoreError,
)

if TYPE_CHECKING:
    from aurora_dev.config import Secret

# These come after the client's own four attempts.
_LONGEST_WAIT = 20.0  # seconds
_READS, _READ_DEADLINE = RetryPolicy(1, _LONGEST_WAIT), 10.0  # seconds: a search waits
_WRITES, _WRITE_DEADLINE = RetryPolicy(5, _LONGEST_WAIT), 120.0  # seconds: giving up a batch costs more than waiting


class PineconeOptions(TypedDict, total=False):
    """The keyword options of `PineconeStore`."""

    index: str
    host: str | None
    sparse_host: str | None
    create: bool
    cloud: str
    region: str
    keyword: bool
    timeout: float
    concurrency: int
    control_host: str | None
    batch_size: int
    visibility_timeout: float


_DEFAULTS = (IndexOptions(), ClientOptions(), WriteOptions())


class PineconeStore(VectorBackend):
    """A `VectorBackend` on Pinecone, shared by any number of machines.

    Nothing connects before the first call. `aurora_dev.core.pinecone.layout` describes the indexes. A write is durable
    when it returns, and shows after a while: `refresh` waits for that, and so do, up to ``visibility_timeout``, all
    calls that list or count. Searches do not wait. Thread-safe.

    Pinecone cannot keep three promises of the contract. A write is not one transaction (the error of a partial write
    names what was stored). If two machines set different embedders in the same seconds, the later one wins. A query of
    zeros and records whose vector is all zeros get no vector search beyond the order of ids.

    Args:
        api_key: Pinecone's; never shown.
        index: Name of the dense index; the sparse one for keywords is ``<index>-sparse``.
        host: Address of the dense index; ``None`` looks it up by name.
        sparse_host: Address of the sparse index; with ``host`` alone there is no keyword search.
        create: Whether missing indexes are made, as serverless ones.
        cloud: The cloud of new indexes, such as ``aws``, ``gcp`` or ``azure``.
        region: The region of new indexes, such as ``us-east-1``.
        keyword: Whether there is keyword search.
        timeout: Seconds for one attempt of a write; reads have half of them.
        concurrency: Most requests at a time.
        control_host: Address of Pinecone's control plane, where it is not the public one.
        batch_size: Records of an upsert, 1..1,000.
        visibility_timeout: Seconds to wait until a write shows.

    Raises:
        ConfigurationError: An argument is wrong.
        MissingDependencyError: The extra ``pinecone`` is not installed.
        TypeError: There is no argument of that name.
    """

    @shows_options(*_DEFAULTS)
    def __init__(self, api_key: Secret | str | None, **options: Unpack[PineconeOptions]) -> None:
        key = checked_key(api_key)
        if not key:
            raise ConfigurationError("backend 'pinecone' needs a key: set the environment variable PINECONE_API_KEY")
        indexes, client, writes = option_groups("PineconeStore", options, *_DEFAULTS)
        self._closed = threading.Event()
        sleep = self._closed.wait
        reading, writing = Retries(_READS, _READ_DEADLINE, sleep), Retries(_WRITES, _WRITE_DEADLINE, sleep)
        self._client = PineconeClient(key, client, reads=reading, writes=writing)
        self._layout = Layout(self._client, indexes, sleep)
        self._workers = Workers(client.concurrency)
        self._freshness = Freshness(sleep)
        self._reader = Reader(self._workers)
        self._writer = Writer(self._workers, self._freshness, writes.batch_size)
        self._session = Session(
            self._layout,
            self._workers,
            self._freshness,
            closed=self._closed,
            visibility=float(writes.visibility_timeout),
        )

    def __repr__(self) -> str:
        return f"PineconeStore(index={self._layout.name!r}, keyword={self._layout.keyword})"

    @property
    def capabilities(self) -> Capabilities:
        """Remote, without transactions; keyword search unless it is switched off."""
        return Capabilities(keyword=self._layout.keyword, transactional=False, local=False, shared=True)

    # -- the embedder ------------------------------------------------------------------------------------------

    def embedder(self) -> EmbedderInfo | None:
        """Return the recorded embedder; a switch by another machine is seen within seconds."""
        store = self._session.opened()
        state = store.bookkeeping.embedder() if store else None
        return state.info if state else None

    def set_embedder(self, info: EmbedderInfo, *, replace: bool = True) -> EmbedderInfo:
        """Record the embedder, and return the one that is recorded then; a new embedder makes every vector stale.

        Without ``replace``, a recorded embedder stays. If two machines record embedders in an empty store at the same
        moment, the later one wins. Vectors never mix, since every embedder has its own namespaces.
        """
        if isinstance(info.dimension, bool) or not isinstance(info.dimension, int) or info.dimension < 1:
            raise InvalidRequestError(f"an embedder's dimension must be at least 1, not {info.dimension!r}")
        store = self._session.opened()
        recorded = store.bookkeeping.embedder(reread=True) if store else None
        if recorded is not None and (recorded.info == info or not replace):
            return recorded.info
        index = self._layout.vectors_for(info.dimension)
        store = store or self._session.opened()
        assert store is not None  # the dense index exists now, and with it the store
        state = EmbedderState.of(info, index, recorded.switches + 1 if recorded else 0)
        store.bookkeeping.set_embedder(state)
        if recorded is not None:
            self._session.discard_vectors(recorded)
        elif not replace:
            # Another machine may have recorded its own at the same moment: the entry that is there now counts for both.
            now = store.bookkeeping.embedder(reread=True)
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
            PartialWriteError: Some records were stored and some were not; the error names both. Nothing was deleted.
        """
        check_name(namespace, "namespace")
        for identifier in deletes:
            check_name(identifier, "id")
        store = self._session.opened()
        state = store.bookkeeping.embedder(reread=embedder is not None) if store else None
        if embedder is not None and (state is None or state.info != embedder):
            raise embedder_switched(embedder, state)
        target = self._session.writable(store, namespace, state) if store else None
        prepared = self._prepared(upserts, state, target, store)
        if store is None or target is None:
            if prepared:
                raise InvalidRequestError(
                    "without keyword search, an index can be made only for an embedder; nothing was written. Call "
                    "set_embedder() first"
                )
            return
        upserted = {record.truth.id for record in prepared}
        gone = [name for name in dict.fromkeys(map(names.encode_id, deletes)) if name not in upserted]
        if not prepared and not gone:
            return
        # Deletes are sent even for ids that are not found, since their records may not show yet. The sequence stays if
        # no id is found and no write of this process is pending.
        moved = bool(prepared) or self._freshness.is_pending(target.records, target.namespace)
        moved = moved or bool(self._reader.fetch(target.records, target.namespace, gone))
        self._send(store, target, prepared, gone, moved=moved)

    def attach_vectors(self, namespace: str, records: Sequence[Record], *, embedder: EmbedderInfo) -> int:
        """Give vectors to records that are unchanged since they were read, and return the number of those records.

        Another machine may change a record between the comparison and the write, which are one request apart.
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
        """Delete the records that match, and return their number; ``{}`` matches all."""
        node = parse_filter(filter)
        if is_everything(node):
            return self.delete_namespace(namespace)
        found = [stored.id for _, stored in self._matching(namespace, node, content=False)]
        store = self._session.opened()
        if store is not None and found:
            self._send(store, self._session.target(store, namespace, store.bookkeeping.embedder()), (), found)
        return len(found)

    def delete_namespace(self, namespace: str) -> int:
        """Delete a namespace with all of its records, and return their number."""
        store = self._session.wait_visible(namespace)
        if store is None:
            return 0
        encoded = names.encode_namespace(namespace)
        count = store.records.facts()[1].get(encoded, 0)
        if not count:
            count = sum(len(page) for page in store.records.list_ids(encoded))  # counts lag behind
        if not count:
            return 0
        state = store.bookkeeping.embedder()
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
        """Return the records that exist among ``ids``, with vectors if asked for.

        Waits for ids that this process has just written.
        """
        store = self._session.opened()
        wanted = list(dict.fromkeys(i for i in ids if _can_be_stored(i)))
        if store is None or not wanted:
            return {}
        encoded, encoded_ids = names.encode_namespace(namespace), [names.encode_id(identifier) for identifier in wanted]
        if self._freshness.touches(store.records, encoded, encoded_ids):
            self._session.wait_visible(namespace)
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
        state = store.bookkeeping.embedder() if store else None
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

        Its mean length is a constant, and its document frequencies are sampled; see `aurora_dev.core.pinecone.sparse`.
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

        Without a filter it reads page by page; with one it holds all matches in memory. A record that is written
        meanwhile may come in either state.
        """
        return self._scan(namespace, _parsed(filter), content=content, vectors=vectors)

    def missing_vectors(self, namespace: str, limit: int) -> list[Record]:
        """Return up to ``limit`` records that have no vector of the present embedder."""
        limit = check_top_k(limit)
        store = self._session.wait_visible(namespace)
        if store is None:
            return []
        state = store.bookkeeping.embedder()
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
        """Return the number of records that match; without a filter, Pinecone's own count, which may lag behind."""
        node = _parsed(filter)
        if node is not None:
            return len(self._matching(namespace, node, content=False))
        store = self._session.wait_visible(namespace)
        return store.records.facts()[1].get(names.encode_namespace(namespace), 0) if store else 0

    def namespaces(self) -> list[str]:
        """Return the names of the namespaces that hold records, sorted."""
        store = self._session.opened()
        if store is None:
            return []
        found = [names.decode_namespace(name) for name, count in store.records.facts()[1].items() if count]
        return sorted(name for name in found if name is not None)

    def stats(self, namespace: str) -> NamespaceStats:
        """Return the counts of a namespace, which may lag behind; zeros if it does not exist."""
        store = self._session.wait_visible(namespace)
        if store is None:
            return NamespaceStats(records=0, vectors=0, sequence=0)
        encoded = names.encode_namespace(namespace)
        target = self._session.target(store, namespace, store.bookkeeping.embedder())
        asked: list[Callable[[], int]] = [
            lambda: store.records.facts()[1].get(encoded, 0),
            lambda: target.vectors.facts()[1].get(target.vectors_namespace, 0) if target.vectors is not None else 0,
            lambda: store.bookkeeping.sequence(encoded),
            lambda: sum(len(page) for page in store.records.find(encoded, _zeros(target.generation))),
        ]
        records, vectors, sequence, zeros = self._workers.map(lambda ask: ask(), asked)
        return NamespaceStats(records=records, vectors=min(vectors + zeros, records), sequence=sequence)

    def refresh(self, namespace: str) -> None:
        """Wait until searches see the writes of this process, and bring the term statistics up to date.

        Raises:
            BackendUnavailableError: The writes do not show after ``visibility_timeout``; they are stored nevertheless.
        """
        store = self._session.wait_visible(namespace, strict=True)
        if store is not None and self._layout.keyword:
            store.frequencies.refresh(names.encode_namespace(namespace))

    def describe(self) -> Mapping[str, Any]:
        """Return the kind of store, its indexes with their sizes in records, and the schema version."""
        facts: dict[str, Any] = {"kind": "pinecone", "index": self._layout.name, "schema_version": SCHEMA_VERSION}
        store = self._session.opened()
        if store is not None:
            found, counts = store.records.facts()
            facts |= {"records_index": found.name, "host": found.host, "records": sum(counts.values())}
            state = store.bookkeeping.embedder()
            facts["vectors_index"] = state.index if state else None
        return facts | {"keyword": self._layout.keyword}

    def close(self) -> None:
        """Close the connections and end waiting requests; a second call does nothing.

        Calls that wait for a request, and later calls, raise `StoreClosedError`.
        """
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
        """Write, and advance the sequence also after a partial write."""
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
        store = self._session.wait_visible(namespace)
        if store is None:
            return []
        return self._reader.matching(store.records, names.encode_namespace(namespace), node, content=content)

    def _scan(self, namespace: str, node: FilterNode | None, *, content: bool, vectors: bool) -> Iterator[Record]:
        store = self._session.wait_visible(namespace)
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
        state = store.bookkeeping.embedder()
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
