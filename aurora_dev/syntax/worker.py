"""The parent's end of the worker process that parses source files; see `aurora_dev.syntax.worker_main`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.syntax.worker_main import READY, REPLY, REQUEST

if TYPE_CHECKING:
    from subprocess import Popen

__all__ = ["Worker", "WorkerDiedError", "WorkerNotStartedError"]

_BOOT: Final = "import sys; sys.path[:] = sys.argv[1:]; from aurora_dev.syntax.worker_main import main; main()"
# The replies of ordinary files have some KB. A longer one than this is not ours.
_MOST_REPLY: Final = 512 << 20  # bytes
# A process that crashes is gone in milliseconds, unless the platform writes a report about it.
_GRACE: Final = 5.0  # seconds


class WorkerNotStartedError(Exception):
    """No process could be started, or it ended before it was ready."""


class WorkerDiedError(Exception):
    """The process ended during a request; ``code`` is its return code, negative for a signal."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the parsing process ended with {code}")
        self.code = code


class Worker:
    """One worker process. Not thread-safe: the caller holds a lock.

    The process ends when its standard input closes, which happens at the latest when this process ends, however that
    comes about. It shares neither standard input nor standard output with this process.

    Attributes:
        answered: Number of requests that it has answered.

    Raises:
        WorkerNotStartedError: The platform refuses to start a process.
    """

    def __init__(self) -> None:
        from subprocess import DEVNULL, PIPE, Popen

        if not sys.executable or getattr(sys, "frozen", False):
            raise WorkerNotStartedError("this program has no Python interpreter of its own")
        package = Path(__file__).parents[2]
        # Isolated, and without the site module: the parent's path is complete, and start-up takes half the time. The
        # entry '' would let the folder in which the process starts shadow modules.
        command = [sys.executable, "-I", "-S", "-c", _BOOT, *filter(None, sys.path), str(package)]
        try:
            self._process: Popen[bytes] = Popen(
                command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                bufsize=0,
                cwd=package,  # not the project's folder, which could then not be deleted on Windows
                creationflags=0x08000000 if sys.platform == "win32" else 0,  # CREATE_NO_WINDOW
            )
        except (OSError, ValueError) as error:
            raise WorkerNotStartedError(str(error)) from error
        self._ready = False
        self.answered = 0

    def ask(self, language: str, source: bytes) -> tuple[int, bytes]:
        """Send one file and wait for the reply: its status and its body.

        Raises:
            WorkerNotStartedError: The process ended before it was ready.
            WorkerDiedError: It ended afterwards.
        """
        name = language.encode("ascii")
        try:
            # Both frames are sent at once; the process reads them when it is ready.
            self._write(REQUEST.pack(len(name), len(source)) + name + source)
            if not self._ready:
                self._ready = self._read_reply()[0] == READY
            reply = self._read_reply()
        except (OSError, EOFError, ValueError) as error:
            code = self._wait()
            if not self._ready:
                raise WorkerNotStartedError(f"it ended with {code}") from error
            raise WorkerDiedError(code) from error
        except BaseException:
            self.kill()  # an interrupted exchange leaves half a frame
            raise
        self.answered += 1
        return reply

    @property
    def ended(self) -> bool:
        """True if the process has ended."""
        return self._process.poll() is not None

    def kill(self) -> int:
        """End the process at once, wait for it, and return its return code."""
        self._process.kill()
        self._close()
        return self._process.wait()

    def _wait(self) -> int:
        """Return the return code of a process that is ending by itself: it says why."""
        self._close()
        with suppress(Exception):
            return self._process.wait(_GRACE)
        return self.kill()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def abandon(self) -> None:
        """Forget the process without ending it: it belongs to the process from which this one was forked."""
        self._close()
        self._process.returncode = 0  # so that nobody here waits for it

    def _write(self, data: bytes) -> None:
        stream = self._process.stdin
        assert stream is not None
        view = memoryview(data)
        while view:
            view = view[stream.write(view) :]

    def _read_reply(self) -> tuple[int, bytes]:
        status, size = REPLY.unpack(self._read(REPLY.size))
        if size > _MOST_REPLY:
            raise ValueError("not a reply")
        return status, self._read(size)

    def _read(self, size: int) -> bytes:
        stream = self._process.stdout
        assert stream is not None
        parts = bytearray()
        while len(parts) < size:
            part = os.read(stream.fileno(), min(size - len(parts), 1 << 20))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)
