"""Which indexes of Pinecone make up a store, and how they are found or made.

With keyword search there are two: a sparse one, ``<name>-sparse``, which holds every record with its terms and is the
truth, and a dense one, ``<name>``, which holds vectors and can be made anew from the truth and an embedder. Where the
embedder's dimension does not fit, Aurora makes another dense one beside it. Without keyword search the dense index
holds both, in namespaces of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from aurora_dev.core.pinecone.client import IndexFacts, PineconeClient, PineconeIndex
from aurora_dev.core.pinecone.requests import MAX_BATCH, MAX_CONCURRENCY
from aurora_dev.core.pinecone.sparse import Sparse, placeholder
from aurora_dev.errors import ConfigurationError, IndexNotFoundError

SPARSE_SUFFIX = "-sparse"
MAX_INDEX_NAME = 45  # characters that Pinecone allows
_METRIC = "cosine"


class Layout:
    """Finds, makes and opens the indexes of a store, each once. Thread-safe.

    Args:
        client: Opens them.
        name: Of the dense index.
        host: Its address, where it is not to be looked up by name.
        sparse_host: The same for the sparse one.
        keyword: Whether there is a sparse one.
        create: Whether a missing index is made.
        cloud: Where, such as ``aws``.
        region: Such as ``us-east-1``.
        sleep: Waits so many seconds; true where the store was closed.
    """

    def __init__(
        self,
        client: PineconeClient,
        *,
        name: str,
        host: str | None,
        sparse_host: str | None,
        keyword: bool,
        create: bool,
        cloud: str,
        region: str,
        sleep: Callable[[float], bool],
    ) -> None:
        self._client = client
        self.name = name
        self._host, self._sparse_host = host, sparse_host
        self.keyword, self._create = keyword, create
        self._cloud, self._region = cloud, region
        self._sleep = sleep
        self._lock = threading.RLock()
        self._open: dict[str, tuple[PineconeIndex, IndexFacts]] = {}

    @property
    def records_name(self) -> str:
        """Name of the index that holds the records."""
        return self.name + SPARSE_SUFFIX if self.keyword else self.name

    def records(self) -> PineconeIndex | None:
        """Return the index that holds the records; ``None`` where it can be made only once the dimension is known.

        Raises:
            IndexNotFoundError: It does not exist, and is not to be made.
            ConfigurationError: An index of that name is of another kind.
        """
        with self._lock:
            opened = self._open.get(self.records_name)
            if opened is not None:
                return opened[0]
            if not self.keyword:
                return self._find(self.name, self._host, None)
            found = self._find(self.records_name, self._sparse_host, None)
            if found is None:
                found = self._make(self.records_name, None)
            facts = self._open[self.records_name][1]
            if facts.kind != "sparse":
                del self._open[self.records_name]
                raise ConfigurationError(
                    f"the index {self.records_name!r} is {facts.kind}, and keyword search needs a sparse one; nothing "
                    "was written. Name another index (pinecone_index), or do without it (pinecone_keyword = false)"
                )
            return found

    def probe(self) -> tuple[list[float] | None, Sparse | None]:
        """Return a dense or sparse vector that the index of the records takes, which no search is to find."""
        if self.keyword:
            return None, placeholder()
        dimension = self._open[self.name][1].dimension or 1
        return [1.0] + [0.0] * (dimension - 1), None

    def vectors(self, name: str, dimension: int) -> PineconeIndex | None:
        """Return the dense index of a name that was recorded, or ``None`` where it is gone."""
        with self._lock:
            opened = self._open.get(name)
            if opened is not None:
                return opened[0]
            return self._find(name, self._host if name == self.name else None, dimension)

    def dimension(self, name: str) -> int:
        """Return the dimension of a dense index that is open."""
        return self._open[name][1].dimension or 1

    def vectors_for(self, dimension: int) -> str:
        """Find or make the dense index for vectors of a dimension, and return its name.

        Raises:
            ConfigurationError: The index has another dimension or metric; the text says what to do.
            IndexNotFoundError: There is none, and none is to be made.
        """
        with self._lock:
            if self._find(self.name, self._host, None) is None:
                self._make(self.name, dimension)
                return self.name
            facts = self._open[self.name][1]
            if facts.kind == "dense" and facts.dimension == dimension and facts.metric == _METRIC:
                return self.name
            other = f"{self.name}-{dimension}"
            if facts.kind == "dense" and facts.metric == _METRIC and self._create and self.keyword:
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
        """Forget what is open; the client closes it."""
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
        if not self._create:
            raise IndexNotFoundError(
                f"there is no index {name!r} in this key's project; nothing was written. Let Aurora make it with "
                "create=True (pinecone_create = true), or check pinecone_index"
                + (", or do without keyword search (pinecone_keyword = false)" if dimension is None else "")
            )
        facts = self._client.create(name, dimension, self._cloud, self._region, self._sleep)
        index = self._client.open(name, facts.host or "")
        self._open[name] = (index, facts)
        return index


def check_options(index: object, batch_size: object, concurrency: object, **seconds: object) -> None:
    """Refuse options that cannot be used.

    Raises:
        ConfigurationError: One cannot; the text names it.
    """
    longest = MAX_INDEX_NAME - len(SPARSE_SUFFIX)
    if not isinstance(index, str) or not 1 <= len(index) <= longest:
        raise ConfigurationError(f"the name of an index has 1 to {longest} characters, not {index!r}")
    for what, number, most in (("batch_size", batch_size, MAX_BATCH), ("concurrency", concurrency, MAX_CONCURRENCY)):
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
            raise ConfigurationError(f"{what} must be a whole number of 1 to {most}, not {number!r}")
    for what, value in seconds.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
            raise ConfigurationError(f"{what} must be seconds above 0, not {value!r}")
