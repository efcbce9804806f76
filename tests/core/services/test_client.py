"""The HTTP client of remote services, against a server on the loopback interface."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from aurora_dev.core.services.client import Post, Service, ServiceClient
from aurora_dev.core.services.errors import ServiceClosedError, ServiceError, error_text
from aurora_dev.core.services.retry import RETRIED_STATUS, RetryPolicy, Timing

LIMIT = 1 << 20


class Echo:
    """Answers with the request's body; ``statuses`` are given first."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.asked = 0
        self.arrived = threading.Event()
        self.hold = threading.Event()
        self.hold.set()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.asked += 1
                owner.arrived.set()
                owner.hold.wait(10)
                self.send_response(owner.statuses.pop(0) if owner.statuses else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, _format: str, *args: Any) -> None:
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Keep quiet about clients that leave."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> httpx.URL:
        return httpx.URL(f"http://127.0.0.1:{self._server.server_address[1]}/")

    def stop(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Echo]:
    running = Echo()
    yield running
    running.stop()


Make = Callable[..., ServiceClient]


@pytest.fixture
def make(server: Echo) -> Iterator[Make]:
    made: list[ServiceClient] = []

    async def no_wait(_seconds: float) -> None:
        await asyncio.sleep(0)

    def build(*, retries: int = 3, **options: Any) -> ServiceClient:
        service = Service(server.url, "", LIMIT, refused_advice="Check it.", too_large_advice="Ask for less.")
        made.append(ServiceClient(service, RetryPolicy(retries), 4, Timing(wait=no_wait), **options))
        return made[-1]

    yield build
    for client in made:
        client.close()


def posting(body: bytes = b"hello", **options: float) -> Callable[[Post], Any]:
    async def work(post: Post) -> bytes:
        return await post(body, **options)

    return work


async def test_one_client_serves_threads_and_event_loops(make: Make) -> None:
    client = make()
    assert await client.run_async(posting()) == b"hello"
    assert await asyncio.to_thread(client.run, posting(b"there")) == b"there"


@pytest.mark.parametrize("status", range(400, 600))
def test_the_retried_codes_are_tried_again_and_all_others_are_answers(make: Make, server: Echo, status: int) -> None:
    client = make(retries=1)
    server.statuses = [status]
    if status in RETRIED_STATUS:
        assert client.run(posting()) == b"hello"
        assert server.asked == 2
    else:
        with pytest.raises(ServiceError, match=f"HTTP {status}"):
            client.run(posting())
        assert server.asked == 1


def test_an_attempt_has_a_timeout_of_its_own_and_is_tried_again(make: Make, server: Echo) -> None:
    server.hold.clear()
    with pytest.raises(ServiceError, match=r"did not answer within 0.05 s in 2 attempts"):
        make(retries=1).run(posting(attempt_timeout=0.05))
    assert server.asked == 2


def test_a_reply_beyond_the_limit_is_not_read(make: Make) -> None:
    with pytest.raises(ServiceError, match="more than 1 MB") as caught:
        make().run(posting(b"x" * (LIMIT + 1)))
    assert caught.value.advice == "Ask for less."


def test_closing_ends_requests_with_our_error_and_a_later_call_reopens(make: Make, server: Echo) -> None:
    server.hold.clear()
    client = make()
    call = client.submit(posting())
    assert server.arrived.wait(5)
    client.close()
    client.close()
    with pytest.raises(ServiceClosedError):
        call.result(timeout=5)
    server.hold.set()
    assert client.run(posting()) == b"hello"


def test_a_client_that_does_not_reopen_refuses_calls_after_closing(make: Make, server: Echo) -> None:
    client = make(reopens=False)
    client.run(posting())
    client.close()
    with pytest.raises(ServiceClosedError):
        client.run(posting())
    assert server.asked == 1


def test_a_call_that_begins_after_the_closing_of_its_session_gets_our_error(make: Make) -> None:
    client = make()
    busy, release = threading.Event(), threading.Event()

    async def hold_the_loop(_post: Post) -> None:
        busy.set()
        release.wait(10)  # blocks the loop, so that the next call cannot take its first step

    client.submit(hold_the_loop)
    assert busy.wait(5)
    call = client.submit(posting())
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(client.close)
        while client._session is not None:
            time.sleep(0)
        release.set()
        with pytest.raises(ServiceClosedError):
            call.result(timeout=5)
        closing.result(timeout=5)


def test_calls_that_race_the_closing_get_an_answer_or_our_error(make: Make) -> None:
    for _ in range(30):
        client = make()
        gate = threading.Barrier(5)

        def ask(gate: threading.Barrier = gate, client: ServiceClient = client) -> str:
            gate.wait()
            try:
                answer: bytes = client.run(posting())
                return answer.decode()
            except ServiceClosedError:
                return "closed"

        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(ask) for _ in range(4)]
            gate.wait()
            client.close()
            assert {call.result(timeout=5) for call in calls} <= {"hello", "closed"}


def test_cancelling_a_call_ends_its_request_and_not_the_client(make: Make, server: Echo) -> None:
    server.hold.clear()
    client = make()
    call = client.submit(posting())
    assert server.arrived.wait(5)
    assert call.cancel()
    server.hold.set()
    assert client.run(posting()) == b"hello"


def test_error_replies_are_shortened_for_people() -> None:
    assert error_text(b'{"detail": "no\\n  model"}', 100) == "no model"
    assert error_text(b"x" * 10_000, 20) == "x" * 19 + "…"
    assert error_text(b"", 20) == ""
