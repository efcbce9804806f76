"""`SyncMemory`: `Memory` without ``await``, for scripts and for agents that are not asynchronous.

The work is done by an event loop in a thread of its own, so that the calls also work where a loop is running already
(a notebook, a callback of an asynchronous program); there they block that loop as any other call does.
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

_NOT_OPEN = "the memory is not open: use it inside 'with SyncMemory.open(…) as memory'"


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon: a script that forgets to close its memory still ends.
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
        """Await what a call gives, and return its result; an interruption cancels it."""
        if threading.current_thread() is self._thread:
            raise InvalidRequestError(
                "this was called by a callback of the same memory, and would wait for itself: nothing was done. Note "
                "down what the callback is told, and act on it after the call"
            )

        async def awaited() -> _T:
            return await call()

        future = asyncio.run_coroutine_threadsafe(awaited(), self._loop)
        try:
            return future.result()
        except BaseException:
            if future.cancel():  # interrupted (Ctrl-C): let the work end before the caller goes on
                concurrent.futures.wait([future], timeout=0)
            raise

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def _without_await(
    method: Callable[Concatenate[Memory, _P], Coroutine[Any, Any, _T]],
) -> Callable[Concatenate[SyncMemory, _P], _T]:
    """Return a method of `SyncMemory` with the signature and the documentation of one of `Memory`."""

    @functools.wraps(method)
    def call(self: SyncMemory, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._run(lambda: method(self._memory, *args, **kwargs))

    return cast("Callable[Concatenate[SyncMemory, _P], _T]", call)


class SyncMemory:
    """The memory of one project without ``await``: ``with SyncMemory.open("path/to/project") as memory: …``.

    Every call is that of `Memory` with the same name, arguments, result and errors. It may be used from several threads
    at once. Progress callbacks run in the memory's own thread, and may not call the memory themselves.
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
                loop.stop()
                raise
            self._loop = loop
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the store and end the thread; a second call does nothing."""
        with self._lock:
            loop, self._loop = self._loop, None
            if loop is not None:
                try:
                    loop.run(self._memory.close)
                finally:
                    loop.stop()

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
    prune = _without_await(Memory.prune)
    export_notes = _without_await(Memory.export_notes)
    import_notes = _without_await(Memory.import_notes)

    export_file = _without_await(Memory.export_file)
    import_file = _without_await(Memory.import_file)
    copy_to = _without_await(Memory.copy_to)
    back_up = _without_await(Memory.back_up)
    restore = _without_await(Memory.restore)
