"""The calls without await: the same ones, from anywhere, and none that waits for itself."""

from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aurora_dev import Memory, SyncMemory
from aurora_dev.errors import InvalidRequestError, StoreClosedError


def calls_of_memory() -> list[str]:
    return [
        name for name, member in inspect.getmembers(Memory, inspect.iscoroutinefunction) if not name.startswith("_")
    ]


@pytest.mark.parametrize("name", calls_of_memory())
def test_every_call_of_memory_is_there_with_the_same_arguments_and_documentation(name: str) -> None:
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


def test_errors_are_those_of_memory_and_a_closed_memory_says_so(tmp_path: Path) -> None:
    memory = SyncMemory.open(tmp_path)
    with pytest.raises(StoreClosedError, match="with SyncMemory"):
        memory.search("x")
    with memory, pytest.raises(InvalidRequestError, match="no text"):
        memory.remember(" ")
    memory.close()
    with pytest.raises(StoreClosedError, match="with SyncMemory"):
        memory.list()


def test_what_cannot_be_opened_leaves_no_thread_behind(tmp_path: Path) -> None:
    (tmp_path / ".aurora").write_text("a file where the store should be")
    before = threading.active_count()
    with pytest.raises(Exception, match="aurora"), SyncMemory.open(tmp_path):
        pass
    assert threading.active_count() == before


def test_a_callback_that_calls_its_own_memory_is_refused_instead_of_waiting_forever(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    with SyncMemory.open(tmp_path) as memory, pytest.raises(InvalidRequestError, match="wait for itself"):
        memory.index(lambda _progress: memory.list() and None)  # type: ignore[arg-type]
