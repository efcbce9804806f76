"""Keep a server small that works for a moment and idles for hours. Needs glibc; elsewhere, nothing is done."""

from __future__ import annotations

import ctypes
from typing import Final

_ARENA_MAX: Final = -8  # M_ARENA_MAX of glibc's malloc.h


def use_one_arena() -> None:
    """Let all threads allocate from one heap, before any of them has one of its own.

    What worker threads free in heaps of their own is kept there: 40 MB after indexing 10,000 chunks. The interpreter's
    lock has them take turns anyway.
    """
    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    except (AttributeError, OSError, TypeError):  # another C library
        return


def give_back() -> None:
    """Return memory that was freed to the system, instead of keeping it for later.

    Loading models and reading a project take much for a moment.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return
    trim(0)
