"""Settings of the C heap that keep an idle server small. They need glibc; with another C library they do nothing."""

from __future__ import annotations

import ctypes
from typing import Final

_ARENA_MAX: Final = -8  # M_ARENA_MAX of glibc's malloc.h


def use_one_arena() -> None:
    """Make all threads allocate from one malloc arena; call this before any thread starts.

    An arena keeps what its thread freed: 40 MB after indexing 10,000 chunks. The interpreter's lock makes threads take
    turns anyway, so that one arena costs no speed.
    """
    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    except (AttributeError, OSError, TypeError):  # another C library
        return


def release_freed_memory() -> None:
    """Return freed memory to the operating system, as after loading models or indexing a project (``malloc_trim``)."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return
    trim(0)
