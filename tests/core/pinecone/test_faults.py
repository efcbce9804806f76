"""The store on Pinecone while the service fails: nothing is lost or doubled, and the error says what happened."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pinecone_server import PineconeServer

from aurora_dev.core.pinecone_store import PineconeStore
from aurora_dev.errors import (
    AuthenticationError,
    BackendUnavailableError,
    IndexNotFoundError,
    InvalidRequestError,
    PartialWriteError,
    RateLimitedError,
    StoreClosedError,
    StoreError,
)
from aurora_dev.testing.contract_support import EMBEDDER, ids, record, unit

pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")

Opener = Callable[..., PineconeStore]


@pytest.fixture
def store(pinecone_store: Opener) -> PineconeStore:
    opened = pinecone_store(timeout=2.0)
    opened.set_embedder(EMBEDDER)
    opened.write("n", [record("a", "alpha", {"k": 1}, unit(1))])
    return opened


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        (401, AuthenticationError),
        (402, AuthenticationError),
        (403, AuthenticationError),
        (404, IndexNotFoundError),
        (409, BackendUnavailableError),
        (412, BackendUnavailableError),
        (413, InvalidRequestError),
        (400, InvalidRequestError),
        (422, InvalidRequestError),
    ],
)
def test_a_refusal_is_raised_at_once_as_our_error(
    pinecone_server: PineconeServer, store: PineconeStore, status: int, ours: type[Exception]
) -> None:
    pinecone_server.forget()
    pinecone_server.fail("status", "upsert", "fetch", status=status)
    for call, operation in (
        (lambda: store.write("n", [record("b", "beta", {}, unit(1))]), "upsert"),
        (lambda: store.fetch("n", ["a"]), "fetch"),
    ):
        with pytest.raises(ours) as caught:
            call()
        assert type(caught.value) is ours
        assert "aurora" in str(caught.value)
        assert str(status) in str(caught.value)
        assert len([seen for seen in pinecone_server.asked(operation) if seen.status == status]) <= 2
    pinecone_server.heal()
    assert ids(store.fetch("n", ["a", "b"])) == ["a"]


@pytest.mark.parametrize("action", ["status", "reset", "truncate", "hang"])
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_temporary_failures_are_repeated_and_a_repeated_write_is_written_once(
    pinecone_server: PineconeServer, pinecone_store: Opener, action: Any, first: bool
) -> None:
    store = pinecone_store(timeout=0.6)
    store.set_embedder(EMBEDDER)
    pinecone_server.fail(action, "upsert", "query", "delete", times=1, first=first)
    store.write("n", [record("a", "alpha", {}, unit(1)), record("b", "beta", {}, unit(0, 1))])
    pinecone_server.fail(action, "query", times=1)
    assert ids(store.vector_query("n", unit(1), 5)) == ["a", "b"]
    pinecone_server.fail(action, "delete", times=1, first=first)
    store.write("n", deletes=["a"])
    assert [r.id for r in store.scan("n")] == ["b"]
    assert store.stats("n").records == store.stats("n").vectors == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_requests_to_a_busy_service_are_repeated(
    pinecone_server: PineconeServer, store: PineconeStore, status: int
) -> None:
    pinecone_server.fail("status", status=status, retry_after=0.02, times=2)
    store.write("n", [record("b", "beta", {}, unit(1))])
    assert ids(store.vector_query("n", unit(1), 5)) == ["a", "b"]


def test_retry_after_decides_the_wait(pinecone_server: PineconeServer, store: PineconeStore) -> None:
    import time

    pinecone_server.fail("status", "query", status=429, retry_after=0.5, times=1)
    started = time.monotonic()
    assert ids(store.vector_query("n", unit(1), 5)) == ["a"]
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize(
    ("options", "ours"),
    [({"status": 429}, RateLimitedError), ({"status": 503}, BackendUnavailableError)],
    ids=["429", "503"],
)
def test_requests_to_a_failing_service_end(
    pinecone_server: PineconeServer, store: PineconeStore, options: dict[str, Any], ours: type[StoreError]
) -> None:
    fault = pinecone_server.fail("status", "query", retry_after=0.01, **options)
    with pytest.raises(ours):
        store.vector_query("n", unit(1), 5)
    # Four attempts of the client, and once more four: attempts do not multiply further.
    assert fault.struck == 8


def test_a_partial_write_names_what_was_stored(pinecone_server: PineconeServer, pinecone_store: Opener) -> None:
    store = pinecone_store(batch_size=10, concurrency=1)
    store.set_embedder(EMBEDDER)
    store.write("n", [record("gone", "x")])
    names = [f"{i:02d}" for i in range(40)]
    before = store.stats("n").sequence
    # Each batch sends its vectors first, then its records; those of the third batch are refused.
    pinecone_server.fail("status", "upsert", status=400, skip=5, times=1)
    with pytest.raises(PartialWriteError) as caught:
        store.write("n", [record(name, f"text {name}", {}, unit(1)) for name in names], ["gone"])
    error = caught.value
    assert list(error.stored) == names[:20]
    assert list(error.failed) == names[20:]
    assert "20 of 40" in str(error)
    assert isinstance(error.__cause__, InvalidRequestError)
    assert set(pinecone_server.index("aurora-sparse").ids("n")) == {*names[:20], "gone"}  # nothing was deleted
    assert store.stats("n").sequence > before
    store.write("n", [record(name, f"text {name}", {}, unit(1)) for name in names], ["gone"])
    assert [r.id for r in store.scan("n")] == names


def test_other_batches_are_stored_while_one_fails(pinecone_server: PineconeServer, pinecone_store: Opener) -> None:
    store = pinecone_store(batch_size=5, concurrency=4)
    store.set_embedder(EMBEDDER)
    names = [f"{i:02d}" for i in range(30)]
    pinecone_server.fail("status", "upsert", status=409, skip=3, times=1)
    with pytest.raises(PartialWriteError) as caught:
        store.write("n", [record(name, "text", {}, unit(1)) for name in names])
    assert len(caught.value.failed) == 5
    assert len(caught.value.stored) == 25
    assert set(pinecone_server.index("aurora-sparse").ids("n")) == set(caught.value.stored)


def test_a_write_that_stored_nothing_raises_the_cause(pinecone_server: PineconeServer, store: PineconeStore) -> None:
    pinecone_server.fail("status", "upsert", status=403)
    with pytest.raises(AuthenticationError):
        store.write("n", [record("b", "x", {}, unit(1)), record("c", "x")])


def test_the_order_of_answers_changes_nothing(pinecone_server: PineconeServer, pinecone_store: Opener) -> None:
    store = pinecone_store(batch_size=7, concurrency=8)
    store.set_embedder(EMBEDDER)
    pinecone_server.fail("reorder", "upsert", "fetch", "list", group=4, seconds=0.1)
    names = [f"{i:03d}" for i in range(200)]
    store.write("n", [record(name, f"text {name}", {}, unit(1, i)) for i, name in enumerate(names)])
    assert [r.id for r in store.scan("n", vectors=True)] == names
    assert list(store.fetch("n", names)) == names


def test_the_last_of_several_writers_wins(pinecone_server: PineconeServer, store: PineconeStore) -> None:
    fault = pinecone_server.fail("status", "upsert", status=503, probability=0.25, seed=3)
    for number in range(4):
        store.write("n", [record("a", f"text {number}", {}, unit(1, number))])
    assert fault.struck > 2
    pinecone_server.heal()
    found = store.fetch("n", ["a"], vectors=True)["a"]
    assert found.content == "text 3"
    assert found.vector is not None


def test_many_threads_write_and_search_at_once(pinecone_server: PineconeServer, store: PineconeStore) -> None:
    pinecone_server.fail("status", status=503, probability=0.05, seed=5)

    def work(number: int) -> int:
        store.write("n", [record(f"{number:02d}", f"flamingo {number}", {}, unit(1, number))])
        return len(store.vector_query("n", unit(1), 50))

    with ThreadPoolExecutor(8) as pool:
        assert all(found > 0 for found in pool.map(work, range(24)))
    pinecone_server.heal()
    assert store.count("n") == 25
    assert len(store.keyword_query("n", "flamingo", 50)) == 24


def test_closing_does_not_wait_for_repeated_requests(pinecone_server: PineconeServer, store: PineconeStore) -> None:
    fault = pinecone_server.fail("status", "upsert", status=503)
    failed: list[Exception] = []

    def write() -> None:
        try:
            store.write("n", [record("b", "x")])
        except StoreError as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    while not fault.struck:
        thread.join(0.01)
    store.close()
    thread.join(20)
    assert not thread.is_alive()
    assert [type(error) for error in failed] == [StoreClosedError]


@pytest.mark.usefixtures("store")
def test_calls_that_race_the_closing_get_an_answer_or_our_error(pinecone_store: Opener) -> None:
    for _ in range(5):
        racing = pinecone_store(create=False)
        assert racing.embedder() == EMBEDDER
        gate = threading.Barrier(5)

        def ask(gate: threading.Barrier = gate, racing: PineconeStore = racing) -> str:
            gate.wait()
            try:
                racing.stats("n")
                return ids(racing.vector_query("n", unit(1), 1))[0]
            except StoreClosedError:
                return "closed"

        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(ask) for _ in range(4)]
            gate.wait()
            racing.close()
            racing.close()
            assert {call.result(timeout=10) for call in calls} <= {"a", "closed"}
        with pytest.raises(StoreClosedError):
            racing.count("n")


def test_a_server_that_cannot_be_reached_is_named() -> None:
    with PineconeServer() as server:
        url = server.url
    store = PineconeStore("key", control_host=url, timeout=1.0)
    with pytest.raises(BackendUnavailableError, match="cannot be reached"):
        store.count("n")
    store.close()
