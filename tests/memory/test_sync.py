"""`SyncMemory`: the calls of `Memory` without await, from any thread."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aurora_dev import Memory, SyncMemory
from aurora_dev.errors import InvalidRequestError, StoreClosedError
from aurora_dev.memory import sync


def calls_of_memory() -> list[str]:
    return [
        name for name, member in inspect.getmembers(Memory, inspect.iscoroutinefunction) if not name.startswith("_")
    ]


@pytest.mark.parametrize("name", calls_of_memory())
def test_every_call_of_memory_exists_with_the_same_arguments_and_docstring(name: str) -> None:
    there, here = getattr(Memory, name), getattr(SyncMemory, name)
    assert not inspect.iscoroutinefunction(here)
    if name == "close":
        assert list(inspect.signature(here).parameters) == ["self"]
        return
    assert inspect.signature(here) == inspect.signature(there)
    assert here.__doc__ == there.__doc__


def test_opening_takes_the_same_arguments() -> None:
    there, here = inspect.signature(Memory.open), inspect.signature(SyncMemory.open)
    assert here.parameters == there.parameters


def test_a_script_remembers_searches_and_forgets(tmp_path: Path) -> None:
    (tmp_path / "auth.py").write_text("def verify_token(token):\n    return token == 1\n")
    with SyncMemory.open(tmp_path) as memory:
        assert memory.index().files_added == 1
        note = memory.remember("Tokens are signed with EdDSA.", kind="decision")
        assert memory.get(note.id) is not None
        assert memory.search("verify_token", rerank=False)[0].metadata["path"] == "auth.py"
        assert [result.id for result in memory.recall("how are tokens signed")] == [note.id]
        assert "EdDSA" in str(memory.context("how are tokens signed", 500))
        assert memory.forget(note.id) == 1
        assert memory.list().total == 0


def test_it_works_inside_a_running_loop(tmp_path: Path) -> None:
    async def program() -> int:
        with SyncMemory.open(tmp_path) as memory:
            memory.remember("x is y")
            return memory.list().total

    assert asyncio.run(program()) == 1


def test_several_threads_share_a_memory(tmp_path: Path) -> None:
    with SyncMemory.open(tmp_path) as memory, ThreadPoolExecutor(4) as threads:
        words = ["apples", "bridges", "candles", "deserts", "engines", "forests"]
        ids = list(threads.map(lambda word: memory.remember(f"{word} are {len(word)}").id, words))
        assert len(set(ids)) == memory.list().total == 6


def test_errors_are_those_of_memory_and_a_closed_memory_raises(tmp_path: Path) -> None:
    memory = SyncMemory.open(tmp_path)
    with pytest.raises(StoreClosedError, match="with SyncMemory"):
        memory.search("x")
    with memory, pytest.raises(InvalidRequestError, match="no text"):
        memory.remember(" ")
    memory.close()
    with pytest.raises(StoreClosedError, match="with SyncMemory"):
        memory.list()


def test_a_memory_that_cannot_be_opened_leaves_no_thread_behind(tmp_path: Path) -> None:
    (tmp_path / ".aurora").write_text("a file where the store should be")
    before = threading.active_count()
    with pytest.raises(Exception, match="aurora"), SyncMemory.open(tmp_path):
        pass
    assert threading.active_count() == before


def test_a_callback_that_calls_its_own_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    with SyncMemory.open(tmp_path) as memory, pytest.raises(InvalidRequestError, match="wait for itself"):
        memory.index(lambda _progress: memory.list() and None)  # type: ignore[arg-type]


class SlowCall:
    """A call that runs until it is released or cancelled, and takes a moment to end when cancelled."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.released = threading.Event()
        self.ended = threading.Event()
        self.cancelled = False

    async def __call__(self, memory: Memory) -> int:
        self.started.set()
        try:
            await asyncio.to_thread(self.released.wait, 30)
            return (await memory.list()).total  # raises if the store is closed
        except asyncio.CancelledError:
            self.cancelled = True
            self.released.set()
            await asyncio.to_thread(threading.Event().wait, 0.05)
            raise
        finally:
            self.ended.set()


@pytest.fixture
def slow() -> SlowCall:
    return SlowCall()


def run_slow(memory: SyncMemory, call: SlowCall) -> Any:
    return sync._without_await(call)(memory)


def test_closing_waits_for_a_call_that_runs_in_another_thread(tmp_path: Path, slow: SlowCall) -> None:
    memory = SyncMemory.open(tmp_path)
    with memory, ThreadPoolExecutor(2) as threads:
        running = threads.submit(run_slow, memory, slow)
        assert slow.started.wait(30)
        closing = threads.submit(memory.close)
        with pytest.raises(TimeoutError):
            closing.result(0.2)
        with pytest.raises(StoreClosedError, match="with SyncMemory"):
            memory.list()
        slow.released.set()
        assert running.result(30) == 0
        closing.result(30)
    assert not slow.cancelled


def test_closing_cancels_a_call_that_takes_too_long(
    tmp_path: Path, slow: SlowCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "_RUNNING_CALLS_SECONDS", 0.05)
    memory = SyncMemory.open(tmp_path)
    before = threading.active_count()
    with memory, ThreadPoolExecutor(1) as threads:
        running = threads.submit(run_slow, memory, slow)
        assert slow.started.wait(30)
        memory.close()
        assert slow.cancelled
        assert slow.ended.is_set()
        with pytest.raises(StoreClosedError, match="the call was cancelled"):
            running.result(30)
    assert threading.active_count() == before


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a thread")
def test_an_interrupted_call_is_cancelled_and_has_ended_when_the_interruption_is_raised(
    tmp_path: Path, slow: SlowCall
) -> None:
    def interrupt() -> None:
        slow.started.wait(30)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start the tests with it ignored
    try:
        with SyncMemory.open(tmp_path) as memory:
            threading.Thread(target=interrupt).start()
            with pytest.raises(KeyboardInterrupt):
                run_slow(memory, slow)
            assert slow.cancelled
            assert slow.ended.is_set()
            assert memory.list().total == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_callback_that_closes_its_own_memory_is_refused_and_the_memory_stays_open(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    with SyncMemory.open(tmp_path) as memory:
        with pytest.raises(InvalidRequestError, match="wait for itself"):
            memory.index(lambda _progress: memory.close())
        assert memory.list().total == 0
