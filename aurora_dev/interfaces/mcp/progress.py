"""Progress notifications: reported by a worker at its own pace, sent at a pace that a client can follow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final

from typing_extensions import Self

# Seconds between two notifications: often enough to look alive, and an indexing run does not wait for its client.
_INTERVAL: Final = 0.1

Send = Callable[[float, float | None, str | None], Awaitable[None]]


class ProgressPump:
    """Sends the latest progress while a call runs, and the last one at its end.

    Progress never goes back, as the protocol demands: a later pass that starts at zero again is not sent until it
    exceeds what was sent before.

    Args:
        send: Called with (done, total, sentence); does nothing if the client wants no progress.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._latest: tuple[float, float | None, str] | None = None
        self._sent = -1.0
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None

    def report(self, done: float, total: float | None, text: str) -> None:
        """Record the progress of a call. Callable from any thread; returns at once."""
        self._latest = (done, total, text)
        self._loop.call_soon_threadsafe(self._changed.set)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._pump(), name="aurora-progress")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if kind is None:
            await self._flush()

    async def _pump(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._flush()
            await asyncio.sleep(_INTERVAL)

    async def _flush(self) -> None:
        latest, self._latest = self._latest, None
        if latest is not None and latest[0] > self._sent:
            self._sent = latest[0]
            await self._send(*latest)
