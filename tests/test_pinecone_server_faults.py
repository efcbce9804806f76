"""The faults of the fake of Pinecone.

The client tries every request of the data plane four times, so tests of single requests do without it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

pinecone = pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")

from pinecone import errors  # noqa: E402  (only where the extra is installed)
from pinecone_server import PineconeServer  # noqa: E402

N = "n"


@pytest.fixture
def index(pinecone_server: PineconeServer) -> Iterator[Any]:
    """The real client of an index."""
    pinecone_server.create_index("dense", dimension=2)
    index = pinecone.Index(host=pinecone_server.host("dense"), api_key=pinecone_server.api_key)
    yield index
    index.close()


@pytest.fixture
def plain(pinecone_server: PineconeServer) -> Iterator[httpx.Client]:
    """Requests without retries."""
    pinecone_server.create_index("plain", dimension=2)
    headers = {"Api-Key": pinecone_server.api_key, "X-Pinecone-Api-Version": "2026-07"}
    with httpx.Client(base_url=pinecone_server.host("plain"), headers=headers, timeout=5.0) as client:
        yield client


def _put(index: Any, *names: str) -> Any:
    return index.upsert(vectors=[(name, [1.0, 2.0]) for name in names], namespace=N)


def _send(plain: httpx.Client, name: str) -> httpx.Response:
    return plain.post("/vectors/upsert", json={"vectors": [{"id": name, "values": [1.0, 2.0]}], "namespace": N})


def _stats(plain: httpx.Client) -> str:
    return "." if plain.post("/describe_index_stats", json={}).is_success else "x"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.ApiError),
        (401, errors.UnauthorizedError),
        (403, errors.ForbiddenError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
    ],
)
def test_each_status_reaches_the_client(pinecone_server: PineconeServer, index: Any, status: int, error: Any) -> None:
    pinecone_server.fail(status=status, times=1)
    with pytest.raises(error, match=f"told to answer {status}"):
        _put(index, "a")
    assert pinecone_server.index("dense").ids(N) == []
    _put(index, "a")
    assert [one.status for one in pinecone_server.asked("upsert")] == [status, 200]


def test_a_lasting_failure_reaches_the_client_after_its_retries(pinecone_server: PineconeServer, index: Any) -> None:
    pinecone_server.fail(status=503, retry_after=0.01)
    with pytest.raises(errors.ServiceError, match="told to answer 503"):
        _put(index, "a")
    assert [one.status for one in pinecone_server.asked("upsert")] == [503] * 4


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_has_a_retry_after(pinecone_server: PineconeServer, plain: httpx.Client, status: int) -> None:
    pinecone_server.fail(status=status, retry_after=1.5, times=1)
    answer = _send(plain, "a")
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "1.5")
    assert _send(plain, "a").status_code == 200


@pytest.mark.parametrize("action", ["reset", "truncate"])
def test_a_connection_breaks_before_or_after_the_write(
    pinecone_server: PineconeServer, plain: httpx.Client, action: Any
) -> None:
    pinecone_server.fail(action, "upsert", times=1)
    with pytest.raises(httpx.TransportError):
        _send(plain, "a")
    assert pinecone_server.index("plain").ids(N) == []
    pinecone_server.fail(action, "upsert", times=1, first=False)
    with pytest.raises(httpx.TransportError):
        _send(plain, "b")
    assert pinecone_server.index("plain").ids(N) == ["b"]  # the answer was lost, the write was not


def test_the_client_repeats_a_write_whose_answer_was_lost(pinecone_server: PineconeServer, index: Any) -> None:
    pinecone_server.fail("reset", "upsert", times=1, first=False)
    assert _put(index, "a").upserted_count == 1
    assert [one.status for one in pinecone_server.asked("upsert")] == [0, 200]


def test_a_request_hangs_until_the_client_gives_up(pinecone_server: PineconeServer, plain: httpx.Client) -> None:
    fault = pinecone_server.fail("hang", "query")
    with pytest.raises(httpx.ReadTimeout):
        plain.post("/query", json={"vector": [1.0, 0.0], "topK": 1}, timeout=0.1)
    assert fault.struck == 1
    assert _send(plain, "a").status_code == 200  # other operations go on


def test_healing_releases_hanging_requests(pinecone_server: PineconeServer, plain: httpx.Client) -> None:
    pinecone_server.fail("hang", "stats")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_stats, plain)
        while not pinecone_server.most_at_once.get("stats"):
            threading.Event().wait(0.001)
        pinecone_server.heal()
        assert isinstance(waiting.exception(timeout=5), httpx.TransportError)


def test_every_nth_request_and_a_seeded_share_of_requests_fail(
    pinecone_server: PineconeServer, plain: httpx.Client
) -> None:
    pinecone_server.fail(status=500, skip=1, every=3)
    assert "".join(_stats(plain) for _ in range(8)) == "...x..x."
    rounds = []
    for _ in range(2):
        pinecone_server.heal()
        pinecone_server.fail(status=500, probability=0.3, seed=5)
        rounds.append("".join(_stats(plain) for _ in range(40)))
    assert rounds[0] == rounds[1]
    assert 5 <= rounds[0].count("x") <= 20


def test_answers_come_in_the_opposite_order(pinecone_server: PineconeServer, index: Any) -> None:
    pinecone_server.fail("reorder", "upsert", group=3, seconds=5.0)
    done: list[str] = []

    def put(name: str) -> None:
        _put(index, name)
        done.append(name)

    threads = []
    for number, name in enumerate("abc", 1):
        threads.append(threading.Thread(target=put, args=(name,)))
        threads[-1].start()
        while pinecone_server.index("dense").count() < number:
            threading.Event().wait(0.001)
    for thread in threads:
        thread.join()
    assert [one.body["vectors"][0]["id"] for one in pinecone_server.asked("upsert")] == ["c", "b", "a"]
    assert sorted(done) == ["a", "b", "c"]


def test_an_answer_is_slow(pinecone_server: PineconeServer, index: Any) -> None:
    pinecone_server.fail("slow", seconds=0.1, times=1)
    began = time.monotonic()
    index.describe_index_stats()
    assert time.monotonic() - began >= 0.1


def test_a_write_stays_invisible_for_some_reads_and_the_sequence_number_shows_it(
    pinecone_server: PineconeServer, index: Any
) -> None:
    pinecone_server.delay_visibility(reads=2)
    written = _put(index, "a").response_info.lsn_committed
    seen = []
    for _ in range(4):
        found = index.query(vector=[1.0, 2.0], top_k=1, namespace=N)
        seen.append((len(found.matches), found.response_info.is_reconciled(written)))
    assert seen == [(0, False), (0, False), (1, True), (1, True)]
    index.delete(ids=["a"], namespace=N)
    assert [len(index.fetch(ids=["a"], namespace=N).vectors) for _ in range(3)] == [1, 1, 0]


def test_a_write_stays_invisible_for_a_time(pinecone_server: PineconeServer, index: Any) -> None:
    pinecone_server.delay_visibility(seconds=0.15)
    began = time.monotonic()
    _put(index, "a")
    while not index.fetch(ids=["a"], namespace=N).vectors:
        pass
    assert time.monotonic() - began >= 0.15


def test_the_peak_of_concurrent_requests_is_counted(pinecone_server: PineconeServer, index: Any) -> None:
    pinecone_server.fail("reorder", group=6, seconds=10.0)  # none is answered before all have come
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: _put(index, name), "abcdef"))
    assert pinecone_server.most_at_once["upsert"] == 6


def test_only_operations_that_exist_can_fail(pinecone_server: PineconeServer) -> None:
    with pytest.raises(ValueError, match="no such operations"):
        pinecone_server.fail("status", "upserts")


def test_a_new_server_starts_at_once_and_has_a_fresh_budget_of_retries() -> None:
    began = time.monotonic()
    with PineconeServer() as one, PineconeServer() as other:
        assert time.monotonic() - began < 0.1
        assert one.url != other.url
