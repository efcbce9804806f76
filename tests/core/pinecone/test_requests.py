"""Retries, workers, sizes of requests, and the mapping of the client's exceptions."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dev.core.pinecone import errors as pinecone_errors
from aurora_dev.core.pinecone.requests import (
    MAX_FETCH,
    MAX_FETCH_URL,
    Failure,
    Retries,
    Upsert,
    Workers,
    fetch_batches,
)
from aurora_dev.core.services.retry import RETRIED_STATUS, RetryPolicy
from aurora_dev.errors import (
    AuroraError,
    AuthenticationError,
    BackendUnavailableError,
    IndexNotFoundError,
    InvalidRequestError,
    RateLimitedError,
    StoreClosedError,
    StoreError,
)

clients: Any = pytest.importorskip("pinecone.errors.exceptions", reason="the extra 'pinecone' is not installed")

KEY = "pc-very-secret"


def client_exceptions() -> dict[str, type[BaseException]]:
    return {
        value.__name__: value
        for value in vars(clients).values()
        if isinstance(value, type) and issubclass(value, BaseException)
    }


def make(kind: type[BaseException], message: str = "why") -> BaseException:
    """Make any exception of the client; their constructors differ."""
    wanted = inspect.signature(kind.__init__).parameters
    given_arguments: dict[str, Any] = {"message": message, "status_code": 400, "index_name": "i", "name": "i"}
    given_arguments |= {"state": "Terminating"}
    if kind is not clients.ApiError:
        del given_arguments["status_code"]
    return kind(**{name: value for name, value in given_arguments.items() if name in wanted})


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(client_exceptions()))
def test_every_exception_of_the_client_becomes_one_of_ours(name: str) -> None:
    assert name in pinecone_errors.MAPPINGS, f"the client has a new exception, {name}: decide what it becomes"
    error = pinecone_errors.translated(make(client_exceptions()[name]), KEY, "reading from the index 'i'")
    assert isinstance(error, AuroraError)
    assert str(error).startswith("reading from the index 'i': ")
    assert "; " in str(error)


def test_every_mapping_is_of_an_exception_that_the_client_has() -> None:
    assert set(pinecone_errors.MAPPINGS) == set(client_exceptions()) | {"HTTPError", "InvalidURL"}


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (clients.UnauthorizedError(), AuthenticationError),
        (clients.ForbiddenError(), AuthenticationError),
        (clients.NotFoundError(), IndexNotFoundError),
        (clients.RateLimitError(retry_after=1.0), RateLimitedError),
        (clients.ServiceError(status_code=503), BackendUnavailableError),
        (clients.PineconeTimeoutError("slow"), BackendUnavailableError),
        (clients.PineconeConnectionError("gone"), BackendUnavailableError),
        (clients.ApiError("bad", 400), InvalidRequestError),
        (clients.ApiError("busy", 408), BackendUnavailableError),
        (clients.PineconeValueError("bad"), InvalidRequestError),
        (httpx.DecodingError("damaged"), BackendUnavailableError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_each_kind_of_failure_becomes_its_own_error(error: Exception, ours: type[AuroraError]) -> None:
    assert type(pinecone_errors.translated(error, KEY, "x")) is ours


def test_a_new_exception_of_the_client_is_mapped_as_its_base() -> None:
    class Stranger(clients.ServiceError):  # type: ignore[misc]
        pass

    assert isinstance(pinecone_errors.translated(Stranger(), KEY, "x"), BackendUnavailableError)


@pytest.mark.parametrize(
    ("said", "is_about_a_namespace"),
    [
        ("Namespace not found", True),
        ("The namespace 'n' does not exist", True),
        ("Resource team-namespace-index not found", False),
        ("no index", False),
        ("", False),
    ],
)
def test_a_missing_namespace_is_told_from_a_missing_index(said: str, is_about_a_namespace: bool) -> None:
    assert pinecone_errors.is_missing_namespace(clients.NotFoundError(said)) is is_about_a_namespace
    assert not pinecone_errors.is_missing_namespace(clients.ForbiddenError(said))


def test_the_key_is_removed_from_the_services_message() -> None:
    error = pinecone_errors.translated(clients.UnauthorizedError(f"no such key: {KEY}"), KEY, "x")
    assert KEY not in str(error)
    assert "[hidden]" in str(error)


# --- batches ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.text(st.characters(codec="ascii"), min_size=1, max_size=512), max_size=300))
def test_ids_are_fetched_in_addresses_that_proxies_accept(ids: list[str]) -> None:
    parts = list(fetch_batches(ids))
    assert [name for part in parts for name in part] == ids
    for part in parts:
        assert len(part) <= MAX_FETCH
        assert len(str(httpx.QueryParams({"ids": list(part)}))) <= MAX_FETCH_URL or len(part) == 1


def test_the_estimated_size_of_an_upsert_is_never_below_its_real_size() -> None:
    vector = Upsert(
        "x" * 512,
        {"aurora_content": "ä" * 100},
        [-1.2345678901234567e-200] * 300,
        {"indices": [2**32 - 1] * 90, "values": [-1.2345678901234567e-200] * 90},
        300,
    )
    sent = json.dumps(vector.as_vector(), ensure_ascii=False, separators=(",", ":")).encode()
    assert len(sent) <= vector.size <= len(sent) + 1000


# --- retries ----------------------------------------------------------------------------------------------------------


class Clock:
    """A clock that only waits move forward."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.closed = False

    def sleep(self, seconds: float) -> bool:
        if seconds:
            self.waits.append(seconds)
        self.now += seconds
        return self.closed

    def retries(self, attempts: int = 3, deadline: float = 60.0) -> Retries:
        return Retries(
            RetryPolicy(attempts, longest_wait=20.0), deadline, self.sleep, clock=lambda: self.now, jitter=lambda: 1.0
        )


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = [times]

    def request() -> str:
        if left[0]:
            left[0] -= 1
            raise error
        return "done"

    return request


@pytest.mark.parametrize("status", range(400, 600))
def test_the_status_codes_that_are_tried_again_are_those_of_every_service(status: int) -> None:
    for error in (clients.ApiError("x", status), clients.ServiceError(status_code=status)):
        assert pinecone_errors.is_retried(error) == (status in RETRIED_STATUS)


def test_temporary_failures_are_sent_again_after_waits_that_double() -> None:
    clock = Clock()
    assert clock.retries().run(failing(3, clients.ServiceError()), KEY, "x") == "done"
    assert clock.waits == [0.5, 1.0, 2.0]


def test_a_wait_is_as_long_as_the_service_asks_with_a_little_spread() -> None:
    clock = Clock()
    assert clock.retries().run(failing(1, clients.RateLimitError(retry_after=7.0)), KEY, "x") == "done"
    assert clock.waits == pytest.approx([7.05])


def test_no_wait_reaches_beyond_the_deadline() -> None:
    clock = Clock()
    with pytest.raises(RateLimitedError):
        clock.retries(deadline=5.0).run(failing(9, clients.RateLimitError(retry_after=6.0)), KEY, "x")
    assert clock.waits == []


def test_attempts_end() -> None:
    clock = Clock()
    with pytest.raises(BackendUnavailableError):
        clock.retries(attempts=2).run(failing(9, clients.PineconeConnectionError("reset")), KEY, "x")
    assert len(clock.waits) == 2


@pytest.mark.parametrize(
    "error", [clients.UnauthorizedError(), clients.NotFoundError(), clients.ApiError("bad", 400)], ids=repr
)
def test_a_refusal_is_sent_once(error: Exception) -> None:
    clock = Clock()
    with pytest.raises((StoreError, InvalidRequestError)) as caught:
        clock.retries().run(failing(1, error), KEY, "x")
    assert clock.waits == []
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_closing_ends_the_waiting() -> None:
    clock = Clock()
    clock.closed = True
    with pytest.raises(StoreClosedError):
        clock.retries().run(failing(9, clients.ServiceError()), KEY, "x")
    with pytest.raises(StoreClosedError):
        clock.retries().run(failing(1, RuntimeError("the client has been closed")), KEY, "x")


def test_errors_that_are_not_the_clients_are_raised_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError):
        Clock().retries().run(failing(1, ZeroDivisionError()), KEY, "x")


# --- workers ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def workers() -> Any:
    made = Workers(4)
    yield made
    made.close()


def test_work_is_done_several_at_a_time_and_comes_back_in_order(workers: Workers) -> None:
    barrier = threading.Barrier(4, timeout=10)

    def work(number: int) -> int:
        barrier.wait()
        return number * number

    assert workers.map(work, list(range(8))) == [number * number for number in range(8)]


def test_after_a_failure_that_all_would_share_no_further_call_begins(workers: Workers) -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        raise AuthenticationError("no")

    results = workers.settle(work, list(range(100)))
    assert len(begun) <= 8
    assert all(isinstance(result, Failure) for result in results)
    with pytest.raises(AuthenticationError):
        workers.map(work, list(range(10)))


def test_after_a_temporary_failure_the_others_go_on(workers: Workers) -> None:
    def work(number: int) -> int:
        if number == 3:
            raise BackendUnavailableError("down")
        return number

    results = workers.settle(work, list(range(50)))
    assert [number for number, result in enumerate(results) if isinstance(result, Failure)] == [3]


def test_pages_are_read_ahead_in_order_and_not_all_at_once(workers: Workers) -> None:
    asked: list[int] = []

    def numbers() -> Any:
        for number in range(100):
            asked.append(number)
            yield number

    pages = workers.ahead(lambda number: -number, numbers())
    assert next(pages) == 0
    assert len(asked) <= 5
    assert [next(pages) for _ in range(5)] == [-1, -2, -3, -4, -5]
    pages.close()  # type: ignore[attr-defined]


def test_closing_drops_waiting_calls_with_our_error() -> None:
    workers = Workers(1)
    begun, release = threading.Event(), threading.Event()

    def work(number: int) -> int:
        begun.set()
        release.wait(10)
        return number

    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(workers.map, work, [1, 2])
        assert begun.wait(5)
        waiting = callers.submit(lambda: list(workers.ahead(work, iter([3, 4]))))
        wait_until(lambda: workers._pool is not None and workers._pool._work_queue.qsize() == 1)
        workers.close()
        release.set()
        for call in (first, waiting):
            with pytest.raises(StoreClosedError, match="closed"):
                call.result(timeout=5)
    with pytest.raises(StoreClosedError):
        workers.map(work, [5, 6])


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.005)
    pytest.fail("the condition did not come true")
