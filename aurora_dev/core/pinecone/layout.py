"""The indexes of a store on Pinecone: finding, making and opening them.

With keyword search there are two. The sparse index, ``<name>-sparse``, holds every record with its terms and is the
truth. The dense index, ``<name>``, holds vectors, and can be rebuilt from the truth and an embedder; if its dimension
does not fit the embedder, Aurora makes another dense index beside it. Without keyword search, the dense index holds
both, in separate namespaces.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from aurora_dev.core.pinecone.client import IndexFacts, PineconeClient, PineconeIndex
from aurora_dev.core.pinecone.options import SPARSE_SUFFIX, IndexOptions
from aurora_dev.core.pinecone.sparse import Sparse, placeholder
from aurora_dev.errors import ConfigurationError, IndexNotFoundError

_METRIC = "cosine"


class Layout:
    """Finds, makes and opens the indexes of a store, each once. Thread-safe.

    Args:
        client: Opens the indexes.
        options: Their names and addresses, and how missing ones are made.
        sleep: Waits so many seconds; returns true if the store was closed meanwhile.
    """

    def __init__(self, client: PineconeClient, options: IndexOptions, sleep: Callable[[float], bool]) -> None:
        self._client, self._options, self._sleep = client, options, sleep
        self.name = options.index
        # Addressed by host alone, there is no name to look up the sparse index by.
        self.keyword = options.keyword and (options.host is None or options.sparse_host is not None)
        self._lock = threading.RLock()
        self._open: dict[str, tuple[PineconeIndex, IndexFacts]] = {}

    @property
    def records_name(self) -> str:
        """Name of the index that holds the records."""
        return self.name + SPARSE_SUFFIX if self.keyword else self.name

    def records(self) -> PineconeIndex | None:
        """Return the index that holds the records; ``None`` if it can be made only once the dimension is known.

        Raises:
            IndexNotFoundError: It does not exist, and may not be made.
            ConfigurationError: An index of that name is of another kind.
        """
        with self._lock:
            opened = self._open.get(self.records_name)
            if opened is not None:
                return opened[0]
            if not self.keyword:
                return self._find(self.name, self._options.host, None)
            found = self._find(self.records_name, self._options.sparse_host, None)
            if found is None:
                found = self._make(self.records_name, None)
            facts = self._open[self.records_name][1]
            if facts.kind != "sparse":
                del self._open[self.records_name]
                raise ConfigurationError(
                    f"the index {self.records_name!r} is {facts.kind}, and keyword search needs a sparse one; nothing "
                    "was written. Name another index (pinecone_index), or turn keyword search off (pinecone_keyword = "
                    "false)"
                )
            return found

    def probe(self) -> tuple[list[float] | None, Sparse | None]:
        """Return a dense or sparse vector that the index of records accepts, for records that no search may find."""
        if self.keyword:
            return None, placeholder()
        dimension = self._open[self.name][1].dimension or 1
        return [1.0] + [0.0] * (dimension - 1), None

    def vectors(self, name: str, dimension: int) -> PineconeIndex | None:
        """Return the dense index of a recorded name, or ``None`` if it was deleted."""
        with self._lock:
            opened = self._open.get(name)
            if opened is not None:
                return opened[0]
            return self._find(name, self._options.host if name == self.name else None, dimension)

    def dimension(self, name: str) -> int:
        """Return the dimension of a dense index that is open."""
        return self._open[name][1].dimension or 1

    def vectors_for(self, dimension: int) -> str:
        """Find or make the dense index for vectors of a dimension, and return its name.

        Raises:
            ConfigurationError: The index has another dimension or metric; the text says what to do.
            IndexNotFoundError: There is none, and none may be made.
        """
        with self._lock:
            if self._find(self.name, self._options.host, None) is None:
                self._make(self.name, dimension)
                return self.name
            facts = self._open[self.name][1]
            if facts.kind == "dense" and facts.dimension == dimension and facts.metric == _METRIC:
                return self.name
            other = f"{self.name}-{dimension}"
            if facts.kind == "dense" and facts.metric == _METRIC and self._options.create and self.keyword:
                if self._find(other, None, dimension) is None:
                    self._make(other, dimension)
                return other
            what = f"{facts.kind}, with {facts.dimension} dimensions and the metric {facts.metric}"
            raise ConfigurationError(
                f"the index {self.name!r} is {what}, and this embedder needs a dense one with {dimension} dimensions "
                f"and the metric {_METRIC}; nothing was written. Name another index (pinecone_index), choose an "
                "embedder that fits, or let Aurora make an index of its own (pinecone_create, with pinecone_keyword)"
            )

    def close(self) -> None:
        """Forget the open indexes, which the client closes."""
        with self._lock:
            self._open.clear()

    def _find(self, name: str, host: str | None, dimension: int | None) -> PineconeIndex | None:
        if name in self._open:
            return self._open[name][0]
        if host is not None:
            index = self._client.open(name, host)
            facts, _ = index.facts()
        else:
            described = self._client.describe(name)
            if described is None:
                return None
            if not (described.ready and described.host):
                described = self._client.ready(name, self._sleep)
            facts = described
            index = self._client.open(name, facts.host or "")
        if dimension is not None and facts.dimension != dimension:
            raise ConfigurationError(
                f"the index {name!r} has {facts.dimension} dimensions, and the store's vectors have {dimension}; was "
                "it deleted and made again? Nothing was changed. Give it another name, and run: aurora index --reembed"
            )
        self._open[name] = (index, facts)
        return index

    def _make(self, name: str, dimension: int | None) -> PineconeIndex:
        if not self._options.create:
            raise IndexNotFoundError(
                f"there is no index {name!r} in this key's project; nothing was written. Let Aurora make it with "
                "create=True (pinecone_create = true), or check pinecone_index"
                + (", or turn keyword search off (pinecone_keyword = false)" if dimension is None else "")
            )
        options = self._options
        facts = self._client.create(name, dimension, options.cloud, options.region, self._sleep)
        index = self._client.open(name, facts.host or "")
        self._open[name] = (index, facts)
        return index
