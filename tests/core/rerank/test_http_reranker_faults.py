"""Failing services: a search keeps its first-stage results within its time, and a direct call raises."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core.rerank import rerank_servers as servers

from aurora_dev.core.http_reranker import HTTPReranker
from aurora_dev.core.services.retry import RETRIED_STATUS
from aurora_dev.core.types import Document, SearchOptions, SearchResults
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import RerankError
from aurora_dev.testing.hashing_embedder import HashingEmbedder

KEY = "sk-very-secret-key-0123456789"
QUERY = "verify signed tokens"
CONTENTS = ["verify tokens", "verify signed tokens quickly", "signed letters", "tokens of thanks", "verify the sum"]
TIMEOUT = 0.3  # seconds that a service which hangs is given here
GENEROUS = 5.0  # on a busy machine everything below is over long before


class Clock:
    """A clock that only waits move forward."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[Any]:
    running = servers.RerankServer(servers.plain)
    yield running
    running.stop()


Make = Callable[..., HTTPReranker]


@pytest.fixture
def make(clock: Clock) -> Iterator[Make]:
    made: list[HTTPReranker] = []

    def build(url: str, **options: Any) -> HTTPReranker:
        options = {"wait": clock.wait, "clock": clock, "jitter": lambda: 1.0, "timeout": GENEROUS, **options}
        made.append(HTTPReranker(url, **options))
        return made[-1]

    yield build
    for reranker in made:
        reranker.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[VectorStore]:
    made = VectorStore(path=tmp_path / "store", embedder=HashingEmbedder(), reranker="none")
    await made.upsert([Document(text, {"path": f"{n}.md"}) for n, text in enumerate(CONTENTS)])
    yield made
    await made.close()


async def searched(store: VectorStore, reranker: HTTPReranker, **options: Any) -> tuple[SearchResults, SearchResults]:
    """Return the results of the first stage, and those of a search with the reranker."""
    stage1 = await store.search(QUERY, rerank=False)
    store.reranker = reranker
    found = await store.search(QUERY, options=SearchOptions(**options))
    return stage1, found


def entries(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    return {"results": [{"index": index, "relevance_score": score} for index, score in pairs]}


# In FAULTS, an answer to five documents, whether the time runs out, and what the search says.
ALL = [(n, 0.5) for n in range(5)]
NAN, INFINITE = float("nan"), float("inf")
PAGE = b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"
FAULTS: dict[str, tuple[Any, str]] = {
    "reset": (servers.reset, r"broke off the connection.* in 4 attempts"),
    "cut off": (servers.truncate, r"broke off the connection.* in 4 attempts"),
    "hang": ("hang", r"did not answer within 0.3 s"),
    "trickle": (servers.trickle, r"did not answer within 0.3 s"),
    "trickling headers": (servers.trickle_headers, r"did not answer within 0.3 s"),
    "no HTTP": (servers.no_http, "answered with something other than HTTP in 4"),
    "endless": (servers.endless, "answered with more than 8 MB"),
    "10 MB": (servers.Answer(200, b'{"results": [' + b" " * 10_000_000 + b"]}"), "answered with more than 8 MB"),
    "400": (servers.as_json({"message": "model not found"}, 400), r"answered HTTP 400 \(model not found\)"),
    "401": (servers.as_json({"message": "no"}, 401), r"refused the API key \(HTTP 401\)"),
    "404": (servers.Answer(404, PAGE), r"answered HTTP 404 \(a web page\)"),
    "413": (servers.as_json({"error": "batch size 33 > 32"}, 413), r"answered HTTP 413 \(batch size 33 > 32\)"),
    "422": (servers.as_json({"detail": [{"msg": "missing texts"}]}, 422), "HTTP 422"),
    "429": (servers.as_json({"message": "slow down"}, 429), r"HTTP 429 \(slow down\) in 4 attempts"),
    "429 for a day": (servers.as_json({}, 429, **{"Retry-After": "86400"}), "asks to wait 86400 s"),
    "500": (servers.as_json({"error": {"message": "CUDA error"}}, 500), r"HTTP 500 \(CUDA error\) in 4 attempts"),
    "502 page": (servers.Answer(502, PAGE), r"HTTP 502 \(a web page\) in 4 attempts"),
    "503": (servers.as_json({"error": "Loading model"}, 503), r"HTTP 503 \(Loading model\) in 4 attempts"),
    "204": (servers.Answer(204, b""), "invalid response: nothing at all"),
    "redirect in a circle": (servers.Answer(307, b"", {"Location": "/rerank"}), "redirects in a circle"),
    "redirect elsewhere": (servers.Answer(307, b"", {"Location": "http://h.example/x"}), r"another host \(http://h"),
    "redirect nowhere": (servers.Answer(302, b"", {"Location": "http://h:port/"}), "broke off the connection or"),
    "HTML": (servers.Answer(200, PAGE), "invalid response: a web page"),
    "empty": (servers.Answer(200, b""), "invalid response: nothing"),
    "half of a JSON": (servers.Answer(200, b'{"results": [{"index": 0,'), "invalid response: JSON that is cut off"),
    "bytes": (servers.Answer(200, b"\xff\xfe\x00"), "invalid response: JSON that is cut off or damaged"),
    "nesting": (servers.Answer(200, b"[" * 100_000), "invalid response: JSON that is cut off or damaged"),
    "no list": (servers.as_json({"error": "x"}), 'invalid response: an object with "error"'),
    "a number": (servers.as_json(5), "invalid response: a single value"),
    "no scores": (servers.as_json({"results": []}), "invalid response: no score for any of 5 documents"),
    "short bare list": (servers.as_json([0.5] * 4), "invalid response: 4 scores for 5 documents"),
    "long bare list": (servers.as_json([0.5] * 6), "invalid response: 6 scores for 5 documents"),
    "short scores": (servers.as_json({"scores": [0.5] * 4}), "invalid response: 4 scores for 5 documents"),
    "empty bare list": (servers.as_json([]), "invalid response: 0 scores for 5 documents"),
    "short list of entries": (servers.as_json([{"index": 0, "score": 1}]), "1 scores for 5 documents"),
    "NaN": (servers.as_json(entries(*ALL[:4], (4, NAN))), "not finite"),
    "infinite": (servers.as_json(entries(*ALL[:4], (4, INFINITE))), "not finite"),
    "huge": (servers.as_json(entries(*ALL[:4], (4, 10**400))), "not finite"),
    "NaN in a bare list": (servers.as_json([0.5, NAN, 0.5, 0.5, 0.5]), "not finite"),
    "true as a score": (servers.as_json(entries(*ALL[:4], (4, True))), "no number as the score of index 4"),
    "text as a score": (servers.as_json(entries(*ALL[:4], (4, "0.5"))), "no number as the score of index 4"),
    "null as a score": (servers.as_json(entries(*ALL[:4], (4, None))), "no number as the score of index 4"),
    "true in a bare list": (servers.as_json([0.5, True, 0.5, 0.5, 0.5]), "no number as the score of index 1"),
    "list as a score": (servers.as_json([[0.5]] * 5), "no number as the score of index 0"),
    "no score": (servers.as_json({"results": [{"index": 0}]}), "no number as the score of index 0"),
    "duplicate index": (servers.as_json(entries(*ALL[:4], (3, 0.5))), "invalid response: index 3 twice"),
    "foreign index": (servers.as_json(entries(*ALL[:4], (5, 0.5))), "invalid response: index 5, of 0 to 4"),
    "negative index": (servers.as_json(entries(*ALL[:4], (-1, 0.5))), "invalid response: index -1, of 0 to 4"),
    "true as an index": (servers.as_json(entries(*ALL[:4], (True, 0.5))), "score without an index"),
    "text as an index": (servers.as_json(entries(*ALL[:4], ("4", 0.5))), "score without an index"),
    "fraction as an index": (servers.as_json(entries(*ALL[:4], (4.0, 0.5))), "score without an index"),
    "no index": (servers.as_json({"results": [{"score": 1}]}), "score without an index"),
    "mixed": (servers.as_json([{"index": 0, "score": 1}, 0.5, 0.5, 0.5, 0.5]), "score without an index"),
    "logits": (servers.as_json(entries(*ALL[:4], (4, 7.5))), "the score 7.5, which is no probability"),
    "damaged compression": (servers.Answer(200, b"no gzip", {"Content-Encoding": "gzip"}), "something other than HTTP"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
async def test_a_search_keeps_its_first_stage_within_its_time(
    store: VectorStore, make: Make, server: Any, name: str
) -> None:
    act, says = FAULTS[name]
    act = server.hang() if act == "hang" else act
    server.answers = [act] * 8
    reranker = make(server.url, api_key=KEY, timeout=TIMEOUT if "0.3 s" in says else GENEROUS)
    begun = time.perf_counter()
    stage1, found = await searched(store, reranker)
    assert time.perf_counter() - begun < GENEROUS
    assert list(found) == list(stage1)
    assert found.search_method == stage1.search_method
    assert len(found) == 5
    assert found.degraded is not None
    assert [notice.code for notice in found.notices] == ["rerank_failed"]
    assert server.asked, "the service was not asked at all"
    assert KEY not in found.degraded
    server.answers = [act] * 8
    with pytest.raises(RerankError, match=says) as caught:
        await reranker.score(QUERY, CONTENTS)
    assert str(caught.value).startswith("Reranking failed for model ")
    assert isinstance(caught.value, ValueError)
    assert caught.value.args[0].split(": ", 1)[1][:40] in found.degraded


async def test_an_unreachable_service_leaves_the_first_stage(store: VectorStore, make: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        reranker = make(f"http://127.0.0.1:{taken.getsockname()[1]}/rerank")
        stage1, found = await searched(store, reranker)
    assert list(found) == list(stage1)
    assert "cannot be reached in 4 attempts" in str(found.degraded)


async def test_a_search_that_has_less_time_than_the_service_takes_ends_in_its_own_time(
    store: VectorStore, make: Make, server: Any
) -> None:
    server.answers = [server.hang()]
    stage1, found = await searched(store, make(server.url, timeout=60), rerank_timeout=0.1)
    assert list(found) == list(stage1)
    assert "did not answer within 0.1 s" in str(found.degraded)
    assert await asyncio.to_thread(server.left.wait, GENEROUS), "the request went on"


async def test_a_good_answer_reranks_the_search(store: VectorStore, make: Make, server: Any) -> None:
    stage1, found = await searched(store, make(server.url))
    assert found.degraded is None
    assert found.search_method == f"{stage1.search_method}+rerank"
    assert found[0].content == "verify signed tokens quickly"
    assert found[0].scores["rerank"] == pytest.approx(0.75)


async def test_one_bad_reply_to_a_split_request_fails_the_whole_call(make: Make, server: Any) -> None:
    server.answers = [servers.plain, servers.as_json({"rankings": []})]
    with pytest.raises(RerankError, match="invalid response"):
        await make(server.url, max_documents=2, concurrency=1).score(QUERY, CONTENTS)


# -- trying again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(RETRIED_STATUS))
async def test_a_temporary_failure_is_tried_again(make: Make, server: Any, clock: Clock, status: int) -> None:
    server.answers = [servers.as_json({}, status), servers.reset]
    assert np.isfinite(await make(server.url).score(QUERY, CONTENTS)).all()
    assert len(server.asked) == 3
    assert clock.waits == [0.5, 1.0]


async def test_jitter_shortens_a_wait_by_up_to_a_half(make: Make, server: Any, clock: Clock) -> None:
    server.answers = [servers.as_json({}, 503)] * 5
    await make(server.url, jitter=lambda: 0.0, max_retries=5, timeout=100).score(QUERY, CONTENTS)
    assert clock.waits == [0.25, 0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 501, 505])
async def test_a_refusal_is_not_tried_again(make: Make, server: Any, clock: Clock, status: int) -> None:
    server.answers = [servers.as_json({}, status)]
    with pytest.raises(RerankError, match=f"HTTP {status}"):
        await make(server.url).score(QUERY, CONTENTS)
    assert (len(server.asked), clock.waits) == (1, [])


@pytest.mark.parametrize(("asked", "waited"), [("3", 3.05), ("0", 0.05), ("1.5", 1.55), ("soon", 0.5), ("-3", 0.5)])
async def test_retry_after_is_honoured(make: Make, server: Any, clock: Clock, asked: str, waited: float) -> None:
    server.answers = [servers.as_json({}, 429, **{"Retry-After": asked})]
    await make(server.url).score(QUERY, CONTENTS)
    assert clock.waits == pytest.approx([waited])


async def test_retry_after_may_be_a_date(make: Make, server: Any, clock: Clock) -> None:
    for seconds in (20, -20):
        moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        server.answers.append(servers.as_json({}, 503, **{"Retry-After": format_datetime(moment, usegmt=True)}))
    await make(server.url, timeout=60).score(QUERY, CONTENTS)
    assert 15 < clock.waits[0] <= 20.05
    assert clock.waits[1] == pytest.approx(0.1)


async def test_no_wait_reaches_beyond_the_timeout(make: Make, server: Any, clock: Clock) -> None:
    server.answers = [servers.as_json({}, 503)] * 9
    with pytest.raises(RerankError, match="in 3 attempts"):
        await make(server.url, timeout=3.0, max_retries=9).score(QUERY, CONTENTS)
    assert clock.waits == [0.5, 1.0]


async def test_a_redirect_on_the_same_host_is_followed_with_the_key(make: Make, server: Any) -> None:
    server.answers = [servers.Answer(308, b"", {"Location": "/elsewhere"})]
    assert np.isfinite(await make(server.url, api_key=KEY).score(QUERY, CONTENTS)).all()
    assert [asked.path for asked in server.asked] == ["/rerank", "/elsewhere"]
    assert server.asked[1].headers["authorization"] == f"Bearer {KEY}"
    assert server.asked[1].body == server.asked[0].body


async def test_a_redirect_to_another_host_gets_neither_texts_nor_key(make: Make, server: Any) -> None:
    other = servers.RerankServer(servers.plain)
    try:
        server.answers = [servers.Answer(307, b"", {"Location": f"{other.origin}/rerank?token={KEY}"})]
        with pytest.raises(RerankError, match=rf"redirects to another host \({other.origin}\)") as caught:
            await make(server.url, api_key=KEY).score(QUERY, CONTENTS)
        assert KEY not in str(caught.value)
        assert other.asked == []
    finally:
        other.stop()


# -- the circuit breaker -----------------------------------------------------------------------------------------------


async def test_after_repeated_failures_searches_send_nothing(
    store: VectorStore, make: Make, server: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "aurora_dev")
    server.service = lambda _asked: servers.as_json({"error": "out of memory"}, 500)
    reranker = make(server.url, failure_threshold=3, cooldown=30, max_retries=0)
    store.reranker = reranker
    for _ in range(3):
        assert reranker.is_available
        assert [notice.code for notice in (await store.search(QUERY)).notices] == ["rerank_failed"]
    assert not reranker.is_available
    assert "the last 3 calls failed" in str(reranker.unavailable_reason)
    assert "HTTP 500 (out of memory)" in str(reranker.unavailable_reason)
    assert "another 30 s" in str(reranker.unavailable_reason)
    found = await store.search(QUERY)
    assert [notice.code for notice in found.notices] == ["rerank_unavailable"]
    assert "another 30 s" in str(found.degraded)
    with pytest.raises(RerankError, match="the last 3 calls failed"):
        await reranker.score(QUERY, CONTENTS)
    assert len(server.asked) == 3
    assert caplog.text.count("reranker_left_alone") == 1

    clock.now += 29
    assert not reranker.is_available
    clock.now += 1
    assert reranker.is_available  # half-open: one trial, and it fails
    assert reranker.unavailable_reason is None
    await store.search(QUERY)
    assert not reranker.is_available
    assert len(server.asked) == 4

    clock.now += 30
    server.service = servers.plain
    assert (await store.search(QUERY)).degraded is None
    assert reranker.is_available
    server.service = lambda _asked: servers.as_json({}, 500)
    await store.search(QUERY)
    assert reranker.is_available  # counted from the start again


async def test_half_open_lets_one_call_through(make: Make, server: Any, clock: Clock) -> None:
    server.answers = [servers.as_json({}, 500)]
    reranker = make(server.url, failure_threshold=1, max_retries=0)
    with pytest.raises(RerankError):
        await reranker.score(QUERY, CONTENTS)
    clock.now += 30
    server.answers = [server.hang()]
    server.arrived.clear()
    trial = asyncio.create_task(reranker.score(QUERY, CONTENTS))
    assert await asyncio.to_thread(server.arrived.wait, GENEROUS)
    assert not reranker.is_available
    with pytest.raises(RerankError, match="nothing is sent"):
        await reranker.score(QUERY, CONTENTS)
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    assert reranker.is_available  # the trial had no outcome, so the next call is a trial
    assert np.isfinite(await reranker.score(QUERY, CONTENTS)).all()


async def test_searches_that_time_out_open_the_circuit_and_those_cancelled_early_do_not(
    make: Make, server: Any, clock: Clock
) -> None:
    server.service = server.hang()
    reranker = make(server.url, failure_threshold=2)

    async def cancelled_after(seconds: float) -> None:
        server.arrived.clear()
        call = asyncio.create_task(reranker.score(QUERY, CONTENTS))
        assert await asyncio.to_thread(server.arrived.wait, GENEROUS)
        clock.now += seconds
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    for _ in range(3):
        await cancelled_after(0.2)
    assert reranker.is_available
    for _ in range(2):
        await cancelled_after(2.0)
    assert not reranker.is_available
    assert "no answer within 2.0 s" in str(reranker.unavailable_reason)


async def test_a_wrong_argument_does_not_count_as_a_failure_of_the_service(make: Make, server: Any) -> None:
    reranker = make(server.url, failure_threshold=1)
    with pytest.raises(ValueError, match="query"):
        await reranker.score("", CONTENTS)
    assert reranker.is_available


async def test_check_asks_the_service_and_sets_the_circuit(make: Make, server: Any) -> None:
    reranker = make(server.url)
    assert await reranker.check()
    assert len(server.asked) == 1
    server.service = lambda _asked: servers.as_json({"message": "no"}, 401)
    assert not await reranker.check()
    assert not reranker.is_available
    assert "refused the API key" in str(reranker.unavailable_reason)
    server.service = servers.plain
    assert await reranker.check()  # asks also while the circuit is open
    assert reranker.is_available
    assert reranker.unavailable_reason is None


async def test_a_failed_trial_opens_the_circuit_again_however_few_failures_there_were(
    make: Make, server: Any, clock: Clock
) -> None:
    server.service = lambda _asked: servers.as_json({}, 500)
    reranker = make(server.url, failure_threshold=3, cooldown=30)
    assert not await reranker.check()
    clock.now += 30
    with pytest.raises(RerankError, match="HTTP 500"):
        await reranker.score(QUERY, CONTENTS)
    assert not reranker.is_available


# -- loops, threads, cancelling ----------------------------------------------------------------------------------------


async def test_cancelling_a_call_ends_its_requests(make: Make, server: Any) -> None:
    server.service = server.hang()
    call = asyncio.create_task(make(server.url, max_documents=1, timeout=60).rerank_async(QUERY, CONTENTS))
    assert await asyncio.to_thread(server.arrived.wait, GENEROUS)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(server.left.wait, GENEROUS), "the request went on"


def test_each_call_may_come_from_another_event_loop(make: Make, server: Any) -> None:
    reranker = make(server.url)
    for _ in range(3):
        assert np.isfinite(asyncio.run(reranker.score(QUERY, CONTENTS))).all()
    assert len(reranker.rerank(QUERY, CONTENTS)) == 5
    asyncio.run(reranker.aclose())
    assert np.isfinite(asyncio.run(reranker.score(QUERY, CONTENTS))).all()


async def test_the_blocking_call_works_inside_a_running_loop(make: Make, server: Any) -> None:
    assert len(make(server.url).rerank(QUERY, CONTENTS)) == 5


def test_the_blocking_call_raises_the_errors_of_the_async_call(make: Make, server: Any) -> None:
    server.service = lambda _asked: servers.as_json({}, 500)
    reranker = make(server.url, failure_threshold=1)
    with pytest.raises(RerankError, match="HTTP 500"):
        reranker.rerank(QUERY, CONTENTS)
    assert not reranker.is_available


async def test_many_calls_at_once_leave_the_event_loop_running(make: Make, server: Any) -> None:
    def busy(asked: Any) -> Any:
        threading.Event().wait(0.02)
        return servers.plain(asked)

    server.service = busy
    reranker = make(server.url, concurrency=4, timeout=30)
    beats: list[float] = []

    async def heartbeat() -> None:
        while True:
            beats.append(time.perf_counter())
            await asyncio.sleep(0.005)

    heart = asyncio.create_task(heartbeat())
    found = await asyncio.gather(*(reranker.rerank_async(QUERY, CONTENTS) for _ in range(50)))
    heart.cancel()
    assert all(each == found[0] for each in found)
    assert server.most_at_once <= 4
    assert len(beats) > 10
    assert max(np.diff(beats)) < 0.5


async def test_closing_ends_calls_under_way_with_an_error(make: Make, server: Any) -> None:
    server.service = server.hang()
    reranker = make(server.url)
    call = asyncio.create_task(reranker.score(QUERY, CONTENTS))
    assert await asyncio.to_thread(server.arrived.wait, GENEROUS)
    await reranker.aclose()
    with pytest.raises(RerankError, match="was closed while it waited for the service"):
        await call
    await reranker.aclose()
    assert reranker.is_available  # closing says nothing about the service
    server.service = servers.plain
    assert np.isfinite(await reranker.score(QUERY, CONTENTS)).all()


def test_calls_that_race_the_closing_get_scores_or_our_error(make: Make, server: Any) -> None:
    for _ in range(20):
        reranker = make(server.url, failure_threshold=1)
        gate = threading.Barrier(4)

        def ask(gate: threading.Barrier = gate, reranker: HTTPReranker = reranker) -> str:
            gate.wait()
            try:
                return str(len(reranker.rerank(QUERY, CONTENTS)))
            except RerankError as error:
                return str(error)

        with ThreadPoolExecutor(3) as pool:
            calls = [pool.submit(ask) for _ in range(3)]
            gate.wait()
            reranker.close()
            outcomes = {call.result(timeout=GENEROUS) for call in calls}
        assert all(outcome == "5" or "was closed" in outcome for outcome in outcomes)
        assert reranker.is_available


def test_nothing_is_left_open_by_a_reranker_that_was_not_closed(server: Any) -> None:
    before = threading.active_count()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reranker = HTTPReranker(server.url)
        asyncio.run(reranker.score(QUERY, CONTENTS))
        client_threads = [thread for thread in threading.enumerate() if thread.name == "aurora-http"]
        assert client_threads
        del reranker
        gc.collect()
        client_threads[0].join(GENEROUS)
        gc.collect()
    assert [str(each.message) for each in caught if issubclass(each.category, ResourceWarning)] == []
    assert threading.active_count() <= before + 1  # the server's own thread for a kept connection


def test_a_process_that_never_closes_ends_quietly(server: Any) -> None:
    code = (
        "import asyncio, sys\n"
        "from aurora_dev.core.http_reranker import HTTPReranker\n"
        f"reranker = HTTPReranker({server.url!r})\n"
        "print(asyncio.run(reranker.score('a b', ['a', 'b c'])).shape)\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "(2,)", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_opens_its_own_connections(server: Any) -> None:
    code = (
        "import asyncio, os\n"
        "from aurora_dev.core.http_reranker import HTTPReranker\n"
        f"reranker = HTTPReranker({server.url!r})\n"
        "asyncio.run(reranker.score('a', ['a']))\n"
        "child = os.fork()\n"
        "asyncio.run(reranker.score('a', ['a']))\n"
        "if child: assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(server.asked) == 3


async def test_connections_are_kept_between_calls(make: Make, server: Any) -> None:
    reranker = make(server.url)
    for _ in range(3):
        await reranker.score(QUERY, CONTENTS)
    assert len(server.asked) == 3
    assert server.connections == 1
