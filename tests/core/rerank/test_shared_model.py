"""One load per process, one thread per model."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from aurora_dev.core.rerank.shared_model import SharedModel, forget_models, shared_model
from aurora_dev.errors import ModelLoadError


def test_threads_that_need_the_model_at_once_share_one_load() -> None:
    loads: list[int] = []
    gate = threading.Barrier(8)
    model = SharedModel(lambda: loads.append(1) or object(), "test")  # type: ignore[func-returns-value]

    def ask(_: int) -> object:
        gate.wait()
        return model.get()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(ask, range(8))))) == 1
    assert len(loads) == 1
    assert model.load_seconds is not None


def test_prefetch_starts_the_load_that_users_get() -> None:
    loads: list[str] = []
    model = SharedModel(lambda: loads.append(threading.current_thread().name) or object(), "ahead")  # type: ignore[func-returns-value]
    model.prefetch()
    model.prefetch()
    first = model.run(lambda _gone: model.loaded)  # queues behind the load
    assert first is not None
    assert model.get() is first
    model.prefetch()
    assert len(loads) == 1
    assert loads[0].startswith("ahead")


def test_a_failed_prefetch_is_tried_again_by_the_next_user() -> None:
    answers: list[object] = [OSError("not yet"), object()]

    def load() -> object:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    model = SharedModel(load, "ahead")
    model.prefetch()
    assert model.run(lambda _gone: model.loaded) is None
    assert model.failure == "not yet"
    model.prefetch()  # once is enough: what goes wrong is for the user to meet
    assert model.run(lambda _gone: model.loaded) is None
    assert model.get() is not None
    assert model.failure is None


def test_callers_that_waited_for_a_failed_load_get_its_error_and_a_later_call_tries_again() -> None:
    attempts: list[int] = []
    begun, release = threading.Event(), threading.Event()

    def load() -> str:
        attempts.append(1)
        begun.set()
        release.wait()
        if len(attempts) == 1:
            raise ModelLoadError("no network")
        return "model"

    model = SharedModel(load, "test")
    with ThreadPoolExecutor(5) as pool:
        seen = model.attempts
        first = pool.submit(model.get, seen)
        begun.wait()
        waiting = [pool.submit(model.get, seen) for _ in range(4)]
        release.set()
        for future in [first, *waiting]:
            with pytest.raises(ModelLoadError, match="no network"):
                future.result()
    assert len(attempts) == 1
    assert model.failure == "no network"
    assert model.get() == "model"
    assert model.failure is None


async def test_a_job_whose_caller_left_is_told_or_never_begun() -> None:
    model = SharedModel(lambda: None, "test")
    begun, told, ran = threading.Event(), threading.Event(), threading.Event()

    def running(abandoned: threading.Event) -> None:
        begun.set()
        assert abandoned.wait(10)
        told.set()

    first = asyncio.create_task(model.run_async(running))
    await asyncio.to_thread(begun.wait, 10)
    second = asyncio.create_task(model.run_async(lambda _abandoned: ran.set()))
    await asyncio.sleep(0)
    for task in (second, first):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await asyncio.to_thread(told.wait, 10)
    assert await model.run_async(lambda _abandoned: "next") == "next"
    assert not ran.is_set()


def test_jobs_run_one_at_a_time_in_one_thread() -> None:
    model = SharedModel(lambda: None, "test")
    with ThreadPoolExecutor(4) as pool:
        threads = set(pool.map(lambda _: model.run(lambda _abandoned: threading.get_ident()), range(20)))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_one_key_gives_one_model() -> None:
    forget_models()
    assert shared_model("a", object, "test") is shared_model("a", object, "test")
    assert shared_model("a", object, "test") is not shared_model("b", object, "test")
    forget_models()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_the_child_of_a_fork_has_a_thread_of_its_own() -> None:
    script = """
import os, warnings
warnings.simplefilter("ignore")
from aurora_dev.core.rerank.shared_model import SharedModel
model = SharedModel(lambda: "model", "test")
assert model.run(lambda abandoned: model.get()) == "model"
child = os.fork()
if child == 0:
    os._exit(0 if model.run(lambda abandoned: model.get()) == "model" else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", script], timeout=30, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_failure_keeps_no_frames_alive() -> None:
    def load() -> None:
        raise RuntimeError("broken")

    model = SharedModel(load, "test")
    with pytest.raises(RuntimeError) as caught:
        model.get()
    assert traceback.extract_tb(caught.tb)[-1].name == "load"
    assert isinstance(model.failure, str)
