"""A lock between processes; the operating system releases it when its holder ends, even if killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aurora_dev.log import get_logger
from aurora_dev.regular_files import open_lock

__all__ = ["is_held", "try_lock"]

_log = get_logger(__name__)


@contextmanager
def try_lock(path: Path | None) -> Iterator[bool]:
    """Lock a file for the block, without waiting.

    Args:
        path: The file, created if missing. ``None``, or what cannot be opened or is not a regular file, counts as
            locked by this block.

    Yields:
        Whether the lock is held: ``False`` if another process, or another block of this one, holds it.
    """
    try:
        descriptor = None if path is None else open_lock(path)
    except OSError as error:
        _log.info("lock_not_opened", path=str(path), error=str(error))
        descriptor = None
    if descriptor is None:
        yield True
        return
    try:
        yield _take(descriptor)
    finally:
        os.close(descriptor)  # which releases it


def is_held(path: Path | None) -> bool:
    """Return whether any process holds the lock."""
    if path is None or not path.exists():
        return False
    with try_lock(path) as held:
        return not held


def _take(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True  # a file system without locks: nothing can be excluded
    return True
