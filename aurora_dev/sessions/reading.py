"""Lines of transcripts: read from an offset, in bounded memory, while another process still writes."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

__all__ = ["Lines", "fingerprint", "open_transcript"]

MOST_LINE: Final = 16 * 1024 * 1024
"""Bytes of a line that is parsed; a longer one is left out and counted. A pasted picture has up to 5 MiB."""
_HEAD: Final = 4_096  # bytes at the start of a file, and before an offset, that tell whether it was rewritten
_TAIL: Final = 1_024


class Lines:
    """The complete lines of a file from an offset on, parsed.

    Attributes:
        offset: The offset after the last line that was returned.
        too_long: The number of lines that were longer than `MOST_LINE`.
        broken: The number of lines that are not JSON.
        read: The number of bytes that were read.
    """

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file = file
        self.offset = offset
        self.too_long = 0
        self.broken = 0
        self.read = 0
        file.seek(offset)

    def __iter__(self) -> Iterator[Any]:
        while True:
            line = self._file.readline(MOST_LINE)
            self.read += len(line)
            if not line:
                return
            if not line.endswith(b"\n"):
                if len(line) >= MOST_LINE:
                    rest = self._skip()
                    if rest is None:
                        return
                    self.too_long += 1
                    self.offset += len(line) + rest
                    continue
                value = _parsed(line)
                if value is None:  # half of a line: it is read again when it is complete
                    return
                self.offset += len(line)
                yield value
                return
            self.offset += len(line)
            if not line.strip():
                continue
            value = _parsed(line)
            if value is None:
                self.broken += 1
            else:
                yield value

    def _skip(self) -> int | None:
        """Return the length of the rest of a line that is too long; ``None`` if it is not complete."""
        length = 0
        while part := self._file.readline(1024 * 1024):
            length += len(part)
            self.read += len(part)
            if part.endswith(b"\n"):
                return length
        return None


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError, MemoryError):
        return None


def open_transcript(path: Path) -> BinaryIO:
    """Open a regular file without blocking on anything else that may stand there.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def fingerprint(file: BinaryIO, offset: int) -> str:
    """Return a hash of a file's beginning and of the bytes before an offset; it changes when they were rewritten."""
    digest = hashlib.sha256()
    file.seek(0)
    digest.update(file.read(min(offset, _HEAD)))
    file.seek(max(0, offset - _TAIL))
    digest.update(file.read(min(offset, _TAIL)))
    return digest.hexdigest()[:32]
