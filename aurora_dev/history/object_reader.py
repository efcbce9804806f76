"""Objects of a repository, read one at a time from one git process."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Sequence
from typing import IO, Final

from typing_extensions import Self

from aurora_dev.config import environment_for_git
from aurora_dev.history.git_process import GitUnavailableError

__all__ = ["ObjectReader"]

_SECONDS: Final = 60.0  # for all objects together; on a network drive or damaged packs git may never answer
_MOST_BYTES: Final = 64 * 1024 * 1024  # of one object
_MOST_DEATHS: Final = 100  # of the process, until no object is asked for any more


class ObjectReader:
    """Reads objects with ``git cat-file --batch``; if an object ends the process, the next one gets another process.

    Use it in a ``with`` statement.

    Args:
        command: The executable and the options before the subcommand.
        stop: Ends the reading when set.
    """

    def __init__(self, command: Sequence[str], stop: threading.Event) -> None:
        self._command = [*command, "cat-file", "--batch"]
        self._stop = stop
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths = 0
        self._timer = threading.Timer(_SECONDS, self._expire)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._end()

    def commit(self, name: str) -> bytes | None:
        """Return a commit object; ``None`` if it is missing, damaged or no commit.

        Raises:
            GitUnavailableError: Git could not be started.
        """
        if self._stop.is_set() or self._deaths >= _MOST_DEATHS:
            return None
        process = self._process or self._start()
        if process.stdin is None or process.stdout is None:  # never: both are pipes
            return None
        try:
            process.stdin.write(name.encode("ascii") + b"\n")
            process.stdin.flush()
            return self._reply(process.stdout)
        except (OSError, ValueError):
            self._deaths += 1
            self._end()
            return None

    @staticmethod
    def _reply(stream: IO[bytes]) -> bytes | None:
        """Read the reply to one name.

        Raises:
            OSError: The process ended.
            ValueError: It sent something else, or too much.
        """
        line = stream.readline(1_024)
        header = line.split()
        if len(header) == 2 and header[1] in (b"missing", b"ambiguous"):
            return None
        if len(header) != 3 or int(header[2]) > _MOST_BYTES:
            raise ValueError("not the header of an object")
        size = int(header[2])
        data = stream.read(size + 1)
        if len(data) <= size:
            raise ConnectionError("the process ended within an object")
        return data[:-1] if header[1] == b"commit" else None

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment_for_git(),
                start_new_session=True,  # Ctrl-C in the terminal must reach Aurora only
            )
        except OSError as error:
            raise GitUnavailableError(f"git could not be started ({error.strerror or error})") from None
        return self._process

    def _expire(self) -> None:
        self._deaths = _MOST_DEATHS
        if self._process is not None:
            self._process.kill()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()
