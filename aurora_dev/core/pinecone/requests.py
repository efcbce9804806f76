"""How requests to Pinecone go out: in batches within its limits, several at a time, and again where that may help."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from aurora_dev.core.pinecone import errors
from aurora_dev.core.pinecone.sparse import Sparse
from aurora_dev.errors import BackendUnavailableError, RateLimitedError, StoreClosedError
from aurora_dev.log import get_logger

_log = get_logger(__name__)
_T = TypeVar("_T")
_R = TypeVar("_R")

# Pinecone's limits of one request.
MAX_BATCH = 1000  # records of an upsert, ids of a delete
MAX_REQUEST_BYTES = 2_000_000  # "2 MB"; the smaller of its two meanings
MAX_FETCH_URL = 6_000  # bytes of ids in one address: proxies refuse addresses of 8 KB
MAX_FETCH = 100  # ids of one fetch: more would answer with megabytes
MAX_TOP_K = 10_000

DEFAULT_BATCH = 100
MAX_CONCURRENCY = 64  # more would only meet Pinecone's limit of 100 writes a second and namespace
DEFAULT_CONCURRENCY = 16  # requests at a time; the client's own ceiling of connections is at least 20

_FLOAT_BYTES = 25  # the longest that JSON writes a 64-bit float, with its comma
_INDEX_BYTES = 11
_ENVELOPE_BYTES = 700  # names of the fields, an id and a namespace of full length
_FIRST_WAIT = 0.5  # seconds
_LONGEST_WAIT = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Upsert:
    """One vector of an upsert, dense or sparse, and how many bytes of JSON it takes at most."""

    id: str
    metadata: dict[str, Any]
    values: list[float] | None = None
    sparse: Sparse | None = None
    metadata_bytes: int = 0

    @property
    def size(self) -> int:
        """Bytes of JSON, estimated from above."""
        dense = _FLOAT_BYTES * len(self.values) if self.values else 0
        sparse = (_FLOAT_BYTES + _INDEX_BYTES) * len(self.sparse["indices"]) if self.sparse else 0
        return self.metadata_bytes + dense + sparse + len(self.id) + _ENVELOPE_BYTES

    def as_vector(self) -> dict[str, Any]:
        """Return it as the client takes it."""
        vector: dict[str, Any] = {"id": self.id, "metadata": self.metadata}
        if self.values is not None:
            vector["values"] = self.values
        if self.sparse is not None:
            vector["sparse_values"] = self.sparse
        return vector


def batches(sizes: Sequence[int], most: int, most_bytes: int = MAX_REQUEST_BYTES - _ENVELOPE_BYTES) -> Iterator[slice]:
    """Cut a sequence in runs of at most ``most`` elements and ``most_bytes`` bytes; one that is larger stands alone."""
    start, total = 0, 0
    for place, size in enumerate(sizes):
        if place > start and (place - start >= most or total + size > most_bytes):
            yield slice(start, place)
            start, total = place, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))


def fetch_batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut ids in runs that fit into the address of one request."""
    sizes = [len(quote(identifier, safe="")) + len("&ids=") for identifier in ids]
    for part in batches(sizes, MAX_FETCH, MAX_FETCH_URL):
        yield ids[part]


@dataclass(frozen=True, slots=True)
class Retries:
    """When a request goes out again after the client itself gave up.

    The client tries a request up to four times, with jitter and after the time that ``Retry-After`` asks for; but it
    stops doing so while more than a tenth of its requests to a host fail. These attempts come after that, and none
    begins later than ``deadline`` seconds after the first: together they bound how long a call takes.

    Attributes:
        attempts: Further attempts after the first.
        deadline: Seconds from the start of the call.
        sleep: Waits so many seconds; true where the store was closed meanwhile.
        clock: Monotonic seconds.
        jitter: Numbers in 0..1.
    """

    attempts: int
    deadline: float
    sleep: Callable[[float], bool]
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def run(self, request: Callable[[], _T], key: str, doing: str) -> _T:
        """Send a request, and again where that may help.

        Raises:
            StoreError, InvalidRequestError: Our error for the client's; see `aurora_dev.core.pinecone.errors`.
        """
        started = self.clock()
        attempt = 0
        while True:
            try:
                return request()
            except Exception as error:  # the client's own are translated, any other goes on as it is
                if isinstance(error, RuntimeError) and self.sleep(0):
                    raise StoreClosedError("the store was closed during a request to Pinecone") from None
                if not errors.is_clients(error):
                    raise
                pause = self._pause(error, attempt)
                late = self.clock() + pause - started >= self.deadline
                if attempt >= self.attempts or late or not errors.is_passing(error):
                    raise errors.translated(error, key, doing) from None  # the client's repeats headers
                reason = type(error).__name__
            attempt += 1
            _log.debug("pinecone_retry", attempt=attempt, seconds=round(pause, 3), reason=reason)
            if self.sleep(pause):
                raise StoreClosedError("the store was closed while a request to Pinecone was being repeated")

    def _pause(self, error: Exception, attempt: int) -> float:
        asked = errors.wait_asked(error)
        wait_for = min(_FIRST_WAIT * 2.0**attempt, _LONGEST_WAIT) * (0.5 + 0.5 * self.jitter())
        return wait_for if asked is None else asked + wait_for * 0.1


@dataclass(slots=True)
class Workers:
    """Threads for the requests of one store; made with the first one, ended by `close`."""

    concurrency: int
    _pool: ThreadPoolExecutor | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def map(self, work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """Apply a function to every item, several at a time, and return the results in the order of the items.

        The first exception is raised when all have ended; what is not begun by then is not begun.
        """
        results = self.settle(work, items)
        for result in results:
            if isinstance(result, Failure):
                raise result.error
        return results  # type: ignore[return-value]  # no failures are among them

    def settle(self, work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R | Failure]:
        """Apply a function to every item; an exception of ours stands in the place of a result.

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
                pending[self._executor().submit(_attempt, work, items[place])] = place
            if not pending:
                break
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                place = pending.pop(future)
                result = results[place] = future.result()
                stopped = stopped or (isinstance(result, Failure) and not result.passing)
        return results

    def ahead(self, work: Callable[[_T], _R], items: Iterator[_T]) -> Iterator[_R]:
        """Yield the results in the order of the items, with several being worked on ahead."""
        queue: list[Future[_R]] = []
        try:
            for item in items:
                queue.append(self._executor().submit(work, item))
                if len(queue) >= self.concurrency:
                    yield queue.pop(0).result()
            while queue:
                yield queue.pop(0).result()
        finally:
            for future in queue:
                future.cancel()

    def close(self) -> None:
        """End the threads after what they are doing; a later call makes new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="aurora-pinecone")
            return self._pool


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with one item; ``passing`` says whether it may go better with the others."""

    error: Exception
    passing: bool = True


_NOT_BEGUN = Failure(StoreClosedError("not begun, since another request had failed for good"))


def _attempt(work: Callable[[_T], _R], item: _T) -> _R | Failure:
    try:
        return work(item)
    except Exception as error:  # kept for the caller, who raises it or tells what was stored
        return Failure(error, isinstance(error, BackendUnavailableError | RateLimitedError))
