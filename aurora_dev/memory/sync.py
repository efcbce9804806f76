"""`SyncMemory`: `Memory` without ``await``, for scripts and for agents that are not asynchronous.

An event loop in its own thread does the work. So the calls also work where another loop is running, as in a notebook or
in a callback of an asynchronous program; like any blocking call, they block that loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import threading
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from typing_extensions import Self

from aurora_dev.errors import InvalidRequestError, StoreClosedError
from aurora_dev.memory import Memory

if TYPE_CHECKING:
    from aurora_dev.config import Settings
    from aurora_dev.core.vector_store import VectorStore

_P = ParamSpec("_P")
_T = TypeVar("_T")

_RUNNING_CALLS_SECONDS = 60.0  # for calls in other threads to end before closing cancels them
_CANCELLED_CALLS_SECONDS = 10.0  # for cancelled calls to end
_NOT_OPEN = "the memory is not open: use it inside 'with SyncMemory.open(…) as memory'"
_CANCELLED = "the memory was closed while this call was running: the call was cancelled; what was stored is kept"


class _Loop:
    """An event loop in its own thread, which runs calls for other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._closing = False
        self._calls: set[concurrent.futures.Future[Any]] = set()
        self._tasks: dict[concurrent.futures.Future[Any], asyncio.Task[Any]] = {}  # used by the loop's thread only
        # A daemon thread: a script that forgets to close its memory still ends.
        self._thread = threading.Thread(target=self._serve, name="aurora-sync", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def run(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Run a call on the loop and return its result.

        An interruption (Ctrl-C) cancels the call and waits up to 10 s for it to end.

        Raises:
            InvalidRequestError: The caller is the loop's own thread.
            StoreClosedError: The loop is closing, or closing cancelled the call.
        """
        self.check_thread()
        future: concurrent.futures.Future[_T] = concurrent.futures.Future()
        try:
            self._submit(future, call)
            return future.result()
        except BaseException:
            if future in self._calls:  # interrupted: a call that has ended is no longer there
                self._cancel({future})
            raise

    def close(self, last_call: Callable[[], Awaitable[None]] | None = None) -> None:
        """Wait for running calls, run a last one, and end the thread.

        Calls in other threads get 60 s to end. Those that take longer are cancelled and get another 10 s.
        """
        with self._lock:
            self._closing = True
            running = set(self._calls)
        try:
            self._cancel(concurrent.futures.wait(running, _RUNNING_CALLS_SECONDS).not_done)
        finally:
            try:
                if last_call is not None:
                    last: concurrent.futures.Future[None] = concurrent.futures.Future()
                    self._loop.call_soon_threadsafe(self._start, last, last_call)
                    last.result()
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(_CANCELLED_CALLS_SECONDS)

    def check_thread(self) -> None:
        """Refuse calls from the loop's own thread, which would wait for themselves.

        Raises:
            InvalidRequestError: The caller is the loop's own thread.
        """
        if threading.current_thread() is self._thread:
            raise InvalidRequestError(
                "a callback cannot call its own memory, because the call would wait for itself: nothing was done. Save "
                "what the callback receives, and use it after the call"
            )

    def _submit(self, future: concurrent.futures.Future[_T], call: Callable[[], Awaitable[_T]]) -> None:
        with self._lock:
            if self._closing:
                raise StoreClosedError(_NOT_OPEN)
            self._calls.add(future)
            self._loop.call_soon_threadsafe(self._start, future, call)

    def _start(self, future: concurrent.futures.Future[_T], call: Callable[[], Awaitable[_T]]) -> None:
        async def awaited() -> _T:
            return await call()

        task = self._loop.create_task(awaited())
        self._tasks[future] = task
        task.add_done_callback(functools.partial(self._finish, future))

    def _finish(self, future: concurrent.futures.Future[_T], task: asyncio.Task[_T]) -> None:
        # Unlike the future of asyncio.run_coroutine_threadsafe, this one is done only when the task has ended.
        del self._tasks[future]
        with self._lock:
            self._calls.discard(future)
        if task.cancelled():
            future.set_exception(StoreClosedError(_CANCELLED))
        elif (error := task.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(task.result())

    def _cancel(self, futures: set[concurrent.futures.Future[Any]]) -> None:
        """Cancel calls and wait up to 10 s for them to end."""

        def cancel() -> None:
            for future in futures:
                if (task := self._tasks.get(future)) is not None:
                    task.cancel()

        if futures:
            self._loop.call_soon_threadsafe(cancel)
            concurrent.futures.wait(futures, _CANCELLED_CALLS_SECONDS)


def _without_await(
    method: Callable[Concatenate[Memory, _P], Coroutine[Any, Any, _T]],
) -> Callable[Concatenate[SyncMemory, _P], _T]:
    """Return a method of `SyncMemory` with the signature and docstring of a method of `Memory`."""

    @functools.wraps(method)
    def call(self: SyncMemory, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._run(lambda: method(self._memory, *args, **kwargs))

    return cast("Callable[Concatenate[SyncMemory, _P], _T]", call)


class SyncMemory:
    """The memory of one project without ``await``: ``with SyncMemory.open("path/to/project") as memory: …``.

    Each call has the name, arguments, result and errors of the same call of `Memory`. Several threads may share one
    memory. Progress callbacks run in the memory's own thread and must not call the memory.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._loop: _Loop | None = None
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls,
        path: str | Path = ".",
        *,
        settings: Settings | None = None,
        store: VectorStore | None = None,
        **arguments: Any,
    ) -> Self:
        """Open the memory of a project; see `Memory.open`."""
        return cls(Memory.open(path, settings=settings, store=store, **arguments))

    def __enter__(self) -> Self:
        with self._lock:
            if self._loop is not None:
                return self
            loop = _Loop()
            try:
                loop.run(self._memory.__aenter__)
            except BaseException:
                loop.close()
                raise
            self._loop = loop
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the store and end the thread; a second call does nothing.

        New calls are refused. Calls that run in other threads get 60 s to end; then they are cancelled, get another
        10 s, and raise `StoreClosedError`.

        Raises:
            InvalidRequestError: A progress callback of this memory called it; the memory stays open.
        """
        with self._lock:
            loop = self._loop
            if loop is not None:
                loop.check_thread()
                self._loop = None
                loop.close(self._memory.close)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self._memory.root

    @property
    def settings(self) -> Settings:
        """The settings that are used."""
        return self._memory.settings

    def _run(self, call: Callable[[], Awaitable[_T]]) -> _T:
        loop = self._loop
        if loop is None:
            raise StoreClosedError(_NOT_OPEN)
        return loop.run(call)

    index = _without_await(Memory.index)
    search = _without_await(Memory.search)
    context = _without_await(Memory.context)
    status = _without_await(Memory.status)

    remember = _without_await(Memory.remember)
    remember_note = _without_await(Memory.remember_note)
    recall = _without_await(Memory.recall)
    get = _without_await(Memory.get)
    update = _without_await(Memory.update)
    update_note = _without_await(Memory.update_note)
    forget = _without_await(Memory.forget)
    list = _without_await(Memory.list)
    history = _without_await(Memory.history)
    conflicts = _without_await(Memory.conflicts)
    keep_both = _without_await(Memory.keep_both)
    prune = _without_await(Memory.prune)
    export_notes = _without_await(Memory.export_notes)
    import_notes = _without_await(Memory.import_notes)

    capture_sessions = _without_await(Memory.capture_sessions)
    sessions = _without_await(Memory.sessions)
    session = _without_await(Memory.session)
    prune_sessions = _without_await(Memory.prune_sessions)
    forget_session = _without_await(Memory.forget_session)

    export_file = _without_await(Memory.export_file)
    import_file = _without_await(Memory.import_file)
    copy_to = _without_await(Memory.copy_to)
    back_up = _without_await(Memory.back_up)
    restore = _without_await(Memory.restore)
