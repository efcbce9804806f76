"""A lock between processes that the system releases when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["is_held", "try_lock"]


@contextmanager
def try_lock(path: Path | None) -> Iterator[bool]:
    """Hold a file's lock for the block, without waiting for it.

    Args:
        path: Made where it is missing; ``None``, or a place that cannot be written: there is nothing to share.

    Yields:
        Whether it is held: ``False`` where another process, or another block of this one, has it.
    """
    try:
        descriptor = None if path is None else os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        descriptor = None
    if descriptor is None:
        yield True
        return
    try:
        yield _take(descriptor)
    finally:
        os.close(descriptor)  # which releases it


def is_held(path: Path | None) -> bool:
    """Whether somebody holds the lock right now."""
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
        return True  # a file system without locks: as if everybody were alone
    return True
