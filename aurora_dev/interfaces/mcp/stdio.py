"""The standard input of a server process, and the signals that end it.

A thread that waits in ``readline`` cannot be interrupted, and a thread of a pool would keep the process alive until its
client writes once more. So a daemon thread reads standard input: the process ends without waiting for it.
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

__all__ = ["Lines", "call_on_signal", "exit_after", "is_disconnect", "take_standard_input", "wait_for_lost_parent"]

_LONGEST_LINE: Final = 16 * 1024 * 1024  # bytes; messages take kilobytes, and a client must not fill our memory
_BLANKS: Final = b" \t\r\n"  # whitespace of JSON
_READ_AHEAD: Final = 64  # lines
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LOOK_FOR_PARENT: Final = 1.0  # seconds
_GRACE: Final = 5.0  # seconds; a client that has ended sends nothing more


class Lines:
    """The lines of a binary stream, as an asynchronous iterator that can be cancelled.

    A line of more than 16 MiB is cut off, so that it is refused like any other malformed message. A byte order mark
    before the first line is skipped.

    Attributes:
        received: Number of lines so far.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = threading.Semaphore(_READ_AHEAD)
        self._ended = False
        self.received = 0
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
        self.received += 1
        return line

    def _read(self) -> None:
        mark = _BYTE_ORDER_MARK
        try:
            while line := self._stream.readline(_LONGEST_LINE):
                line, mark = line.removeprefix(mark), b""
                if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                    while (rest := self._stream.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
                        pass
                if line.strip(_BLANKS):
                    self._put(line.decode("utf-8", "replace"))
        except (OSError, ValueError):  # the stream was closed, by the client or by us: the same as its end
            pass
        self._put(None)

    def _put(self, line: str | None) -> None:
        self._room.acquire()
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, line)
        except RuntimeError:  # the loop is closed: there is no reader left
            return


def take_standard_input() -> BinaryIO:
    """Return standard input for the protocol alone. Anything else that reads it from now on finds it empty."""
    try:
        private = os.dup(0)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
    except OSError:  # no such descriptor, or no more of them
        return sys.stdin.buffer
    return os.fdopen(private, "rb")


@contextlib.contextmanager
def call_on_signal(callback: Callable[[], object]) -> Iterator[None]:
    """Call a function on the event loop on SIGTERM or SIGINT, instead of ending the process."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before: dict[signal.Signals, Any] = {}
    for number in numbers:
        try:
            loop.add_signal_handler(number, callback)
        except (NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
            with contextlib.suppress(ValueError):
                before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))
    try:
        yield
    finally:
        for number in numbers:
            if number in before:
                signal.signal(number, before[number])
            else:
                # There is nothing to remove where adding the handler failed.
                with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.remove_signal_handler(number)


async def wait_for_lost_parent(lines: Lines, interval: float = _LOOK_FOR_PARENT, grace: float = _GRACE) -> None:
    """Wait until the process that started this one has ended, and nothing more comes from the client.

    A client that was killed cannot say goodbye, and the end of its pipe does not come while another process that it
    started holds that. Systems without parents (Windows) never end the wait.

    Args:
        lines: The client's messages. One that comes after the parent has ended shows that the client is another
            process, and the wait never ends.
        interval: Seconds between two looks.
        grace: Seconds to wait for such a message.
    """
    parent = os.getppid()
    while os.name == "nt" or os.getppid() == parent:  # noqa: ASYNC110  (no system tells a process of this)
        await asyncio.sleep(interval)
    before = lines.received
    await asyncio.sleep(grace)
    if lines.received != before:
        await asyncio.Event().wait()


def exit_after(seconds: float) -> None:
    """Exit the process with status 1 after ``seconds``, even if threads are blocked.

    A client that neither reads nor closes its end blocks the thread that writes to it, and nothing interrupts that.
    Acknowledged writes are in the store by then.
    """
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


def is_disconnect(error: BaseException) -> bool:
    """Return whether an error, or every error of a group, means that the client has gone."""
    members = getattr(error, "exceptions", None)
    if members:
        return all(is_disconnect(member) for member in members)
    return isinstance(error, BrokenPipeError | ConnectionResetError)
