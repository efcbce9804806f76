"""The process of a server: its standard input, and how it ends.

Standard input is read by a thread that nothing has to wait for.

A thread that waits in ``readline`` cannot be interrupted; one of a thread pool would keep a server that was told to end
alive until its client writes once more. This one is a daemon thread: the process ends without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from typing_extensions import Self

__all__ = ["Lines", "ending_on_signal", "is_disconnect", "take_standard_input", "within"]

_LONGEST_LINE: Final = 16 * 1024 * 1024  # bytes; a message of a client has kilobytes, and memory is not its to fill
_BLANKS: Final = b" \t\r\n"  # what JSON takes for blanks
_AHEAD: Final = 64  # lines read before they are wanted


class Lines:
    """The lines of a binary stream, as an asynchronous iterator that can be cancelled.

    A line that is too long is given cut off, so that it is refused as a message like any other that is malformed.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._ended = False
        threading.Thread(target=self._read, name="aurora-stdin", daemon=True).start()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        if self._ended:
            raise StopAsyncIteration
        line = await self._queue.get()
        self._room.release()
        if line is None:
            self._ended = True
            raise StopAsyncIteration
        return line

    def _read(self) -> None:
        try:
            while line := self._stream.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                    while (rest := self._stream.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
                        pass
                if line.strip(_BLANKS):
                    self._put(line.decode("utf-8", "replace"))
        except (OSError, ValueError):  # the client closed it, or it was closed under us: the same as its end
            pass
        self._put(None)

    def _put(self, line: str | None) -> None:
        self._room.acquire()
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, line)
        except RuntimeError:  # the loop is closed: nobody is there to read
            return


def take_standard_input() -> BinaryIO:
    """Return standard input for the protocol alone: whatever else reads it from now on finds it empty."""
    try:
        private = os.dup(0)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
    except OSError:  # no such descriptor, or no more of them
        return sys.stdin.buffer
    return os.fdopen(private, "rb")


@contextlib.contextmanager
def ending_on_signal(end: Callable[[], object]) -> Iterator[None]:
    """Call a function on the event loop when the process is told to end (SIGTERM, SIGINT), instead of ending it."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before: dict[signal.Signals, Any] = {}
    for number in numbers:
        try:
            loop.add_signal_handler(number, end)
        except (NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
            with contextlib.suppress(ValueError):
                before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(end))
    try:
        yield
    finally:
        for number in numbers:
            if number in before:
                signal.signal(number, before[number])
            else:
                # Where none could be added, there is none to remove.
                with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.remove_signal_handler(number)


def within(seconds: float) -> None:
    """End the process after so many seconds, come what may.

    A client that neither reads nor closes its end keeps the thread that writes to it waiting, which nothing interrupts.
    What was acknowledged is in the store by then.
    """
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


def is_disconnect(error: BaseException) -> bool:
    """Whether an error, or every error of a group, is that the client has gone."""
    members = getattr(error, "exceptions", None)
    if members:
        return all(is_disconnect(member) for member in members)
    return isinstance(error, BrokenPipeError | ConnectionResetError)
