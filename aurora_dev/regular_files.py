"""Files that a project or another program may have put there: reading without blocking or filling memory; times.

A named pipe blocks who opens it, a device never ends, and a sparse file of terabytes takes no room on a disk. Only
regular files of a sane size are read; everything else is an `OSError`, as of a file that cannot be read.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

__all__ = ["UNKNOWN_IDENTITY", "change_time", "file_identity", "open_lock", "read_regular", "write_new"]

# ``cp -p``, ``rsync -t`` and archives restore the time of the last modification. They cannot restore the time at which
# the system changed the file's entry (ctime), which git compares too, along with the number of the entry (inode).
_HAS_CTIME: Final = os.name == "posix"  # on Windows, st_ctime is the time of creation
UNKNOWN_IDENTITY: Final = (0, 0)
"""The identity of a file on a system that does not tell it, which is not compared."""

_READ: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
# A link in the place of a file that is written would lead the writing elsewhere.
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)


def read_regular(path: str | os.PathLike[str], most: int, *, cut: bool = False) -> bytes:
    """Return the content of a regular file, or of a link to one.

    Args:
        path: The file.
        most: Bytes that are read at most.
        cut: Return the first ``most`` bytes of a larger file instead of refusing it.

    Raises:
        OSError: It is missing, cannot be read, is not a regular file, or is larger than ``most``.
    """
    _check_regular(os.stat(path), path)  # noqa: PTH116  (for every file of a project; opening a device has effects)
    descriptor = os.open(path, _READ)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        _check_regular(status, path)
        if status.st_size > most and not cut:
            raise _too_large(path, most)
        # The size is a hint only: files of /proc have none, and a file may grow.
        parts, left, step = [], most + 1, status.st_size + 1 if status.st_size else 65_536
        while left > 0 and (part := file.read(min(left, step))):
            parts.append(part)
            left -= len(part)
    if left > 0:
        return b"".join(parts) if len(parts) != 1 else parts[0]
    if not cut:
        raise _too_large(path, most)
    return b"".join(parts)[:most]


def open_lock(path: str | os.PathLike[str]) -> int:
    """Return a descriptor of a file to lock, created if missing; the caller closes it.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
    """
    descriptor = os.open(
        path, os.O_RDWR | os.O_CREAT | _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0), 0o600
    )
    try:
        _check_regular(os.fstat(descriptor), path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not exist yet; its owner alone can read it.

    Raises:
        FileExistsError: There is something of that name, be it a link to nothing.
        OSError: It cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)


def change_time(status: os.stat_result) -> int:
    """Return the time of the last change of a file or folder, in nanoseconds since the epoch."""
    return max(status.st_mtime_ns, status.st_ctime_ns) if _HAS_CTIME else status.st_mtime_ns


def file_identity(status: os.stat_result) -> tuple[int, int]:
    """Return ctime, in nanoseconds since the epoch, and inode of a file; `UNKNOWN_IDENTITY` where there are none."""
    return (status.st_ctime_ns, status.st_ino) if _HAS_CTIME else UNKNOWN_IDENTITY


def _check_regular(status: os.stat_result, path: str | os.PathLike[str]) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))


def _too_large(path: str | os.PathLike[str], most: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {most:,} bytes", os.fspath(path))
