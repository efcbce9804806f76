"""Batches, retries and worker threads for the requests of a store: within Pinecone's limits, several at a time.

`Retries`, `Workers` and `Failure` know nothing of Pinecone but its errors, and would serve another remote store;
`Upsert`, `upsert_batches` and `fetch_batches` are about its requests.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from aurora_dev.core.pinecone import errors
from aurora_dev.core.pinecone.sparse import Sparse
from aurora_dev.core.services.batching import batches
from aurora_dev.core.services.retry import RetryPolicy
from aurora_dev.errors import BackendUnavailableError, RateLimitedError, StoreClosedError
from aurora_dev.log import get_logger

_log = get_logger(__name__)
_T = TypeVar("_T")
_R = TypeVar("_R")

# The limits of one request.
MAX_BATCH = 1000  # records of an upsert, ids of a delete
MAX_REQUEST_BYTES = 2_000_000  # "2 MB"; the smaller of its two meanings
MAX_FETCH_URL = 6_000  # bytes of ids in one address: proxies refuse addresses of 8 KB
MAX_FETCH = 100  # ids of one fetch: the answer to more would be megabytes
MAX_TOP_K = 10_000

DEFAULT_BATCH = 100
MAX_CONCURRENCY = 64  # more would only reach Pinecone's limit of 100 writes a second and namespace
DEFAULT_CONCURRENCY = 16  # requests at a time; the client's own ceiling of connections is at least 20

_FLOAT_BYTES = 25  # the longest that JSON writes a 64-bit float, with its comma
_INDEX_BYTES = 11
_ENVELOPE_BYTES = 700  # names of the fields, an id and a namespace of full length


@dataclass(frozen=True, slots=True)
class Upsert:
    """One vector of an upsert, dense or sparse, with an upper bound of its size in JSON."""

    id: str
    metadata: dict[str, Any]
    values: list[float] | None = None
    sparse: Sparse | None = None
    metadata_bytes: int = 0

    @property
    def size(self) -> int:
        """Upper bound of its bytes in JSON."""
        dense = _FLOAT_BYTES * len(self.values) if self.values else 0
        sparse = (_FLOAT_BYTES + _INDEX_BYTES) * len(self.sparse["indices"]) if self.sparse else 0
        return self.metadata_bytes + dense + sparse + len(self.id) + _ENVELOPE_BYTES

    def as_vector(self) -> dict[str, Any]:
        """Return the vector in the client's format."""
        vector: dict[str, Any] = {"id": self.id, "metadata": self.metadata}
        if self.values is not None:
            vector["values"] = self.values
        if self.sparse is not None:
            vector["sparse_values"] = self.sparse
        return vector


def upsert_batches(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Cut records of so many bytes into upserts of at most ``most`` records and Pinecone's number of bytes."""
    return batches(sizes, most, MAX_REQUEST_BYTES - _ENVELOPE_BYTES)


def fetch_batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut ids in runs that fit into the address of one fetch."""
    sizes = [len(quote(identifier, safe="")) + len("&ids=") for identifier in ids]
    for part in batches(sizes, MAX_FETCH, MAX_FETCH_URL):
        yield ids[part]


@dataclass(frozen=True, slots=True)
class Retries:
    """Repeats a request after the client itself gave up.

    The client tries a request up to four times, with jitter and after the time that ``Retry-After`` asks for; but it
    stops doing so while more than a tenth of its requests to a host fail. These attempts come after that, and none
    begins later than ``deadline`` seconds after the first: together they bound the time of a call.

    Attributes:
        policy: How many further attempts there are, and the waits between them.
        deadline: Seconds from the start of the call.
        sleep: Waits so many seconds; returns true if the store was closed meanwhile.
        clock: Returns monotonic seconds.
        jitter: Returns random numbers in 0..1.
    """

    policy: RetryPolicy
    deadline: float
    sleep: Callable[[float], bool]
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def run(self, request: Callable[[], _T], key: str, doing: str) -> _T:
        """Send a request, and repeat it while another attempt may succeed.

        Raises:
            StoreClosedError: The store was closed meanwhile.
            StoreError, InvalidRequestError: Our error for the client's; see `aurora_dev.core.pinecone.errors`.
        """
        started = self.clock()
        attempt = 0
        while True:
            try:
                return request()
            except Exception as error:
                if isinstance(error, RuntimeError) and self.sleep(0):
                    raise _closed() from None
                if not errors.is_clients(error):
                    raise
                pause = self.policy.pause(attempt, errors.retry_after(error), self.jitter())
                late = self.clock() + pause - started >= self.deadline
                if attempt >= self.policy.max_retries or late or not errors.is_retried(error):
                    raise errors.translated(error, key, doing) from None  # the client's error repeats headers
                reason = type(error).__name__
            attempt += 1
            _log.debug("pinecone_retry", attempt=attempt, seconds=round(pause, 3), reason=reason)
            if self.sleep(pause):
                raise StoreClosedError("the store was closed while a request to Pinecone was being repeated")


@dataclass(slots=True)
class Workers:
    """The worker threads of one store; started with the first request, ended by `close`. Thread-safe.

    Attributes:
        concurrency: Most requests at a time.
    """

    concurrency: int
    _pool: ThreadPoolExecutor | None = None
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def map(self, work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """Apply a function to every item, several at a time, and return the results in the order of the items.

        Raises:
            Exception: The first error, after all calls have ended; see `settle` for the calls that are not begun.
        """
        results = self.settle(work, items)
        for result in results:
            if isinstance(result, Failure):
                raise result.error
        return results  # type: ignore[return-value]  # no failures are among them

    def settle(self, work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R | Failure]:
        """Apply a function to every item, and return a `Failure` in the place of each result that has failed.

        After a failure that every other item would share (a refused key, a missing index), the rest is not begun.
        """
        if len(items) == 1:
            return [_attempt(work, items[0])]
        results: list[_R | Failure] = [_NOT_BEGUN] * len(items)
        pending: dict[Future[_R | Failure], int] = {}
        places = iter(range(len(items)))
        stopped = False
        while True:
            while not stopped and len(pending) < self.concurrency:
                place = next(places, None)
                if place is None:
                    break
                pending[self._submit(_attempt, work, items[place])] = place
            if not pending:
                break
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                place = pending.pop(future)
                result = results[place] = Failure(_closed(), temporary=False) if future.cancelled() else future.result()
                stopped = stopped or (isinstance(result, Failure) and not result.temporary)
        return results

    def ahead(self, work: Callable[[_T], _R], items: Iterator[_T]) -> Iterator[_R]:
        """Yield the results in the order of the items, with several calls running ahead."""
        queue: list[Future[_R]] = []
        try:
            for item in items:
                queue.append(self._submit(work, item))
                if len(queue) >= self.concurrency:
                    yield _result(queue.pop(0))
            while queue:
                yield _result(queue.pop(0))
        finally:
            for future in queue:
                future.cancel()

    def close(self) -> None:
        """End the threads after their current calls, and drop the calls that wait; later calls are errors."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, work: Callable[..., _R], *arguments: Any) -> Future[_R]:
        """Start a call.

        Raises:
            StoreClosedError: `close` was called.
        """
        with self._lock:  # held until the call is queued: a pool that is shut down takes no calls
            if self._closed:
                raise _closed()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="aurora-pinecone")
            return self._pool.submit(work, *arguments)


@dataclass(frozen=True, slots=True)
class Failure:
    """The error of one item.

    Attributes:
        error: The error.
        temporary: Whether the other items may still succeed.
    """

    error: Exception
    temporary: bool = True


_NOT_BEGUN = Failure(StoreClosedError("the request was not sent, since another one had failed for good"))


def _closed() -> StoreClosedError:
    return StoreClosedError("the store was closed during a request to Pinecone")


def _result(future: Future[_R]) -> _R:
    try:
        return future.result()
    except CancelledError:  # `close` dropped it
        raise _closed() from None


def _attempt(work: Callable[[_T], _R], item: _T) -> _R | Failure:
    try:
        return work(item)
    except Exception as error:  # noqa: BLE001 - kept for the caller, which raises it or reports what was stored
        return Failure(error, isinstance(error, BackendUnavailableError | RateLimitedError))
