#!/usr/bin/env python3
"""A client that counts what it sends."""

from __future__ import annotations

import functools

LIMIT = 10
NAMES: list[str] = []


def plain(x):
    return x


# Tries again when the line is busy.
# Gives up after LIMIT times.
@functools.lru_cache(
    maxsize=8,
)
@functools.wraps(plain)
async def retry(
    x: int,
    y: int = 2,
) -> int:
    def attempt(n):
        return n

    return attempt(x + y)


@functools.total_ordering
class Client(Base, metaclass=Meta):
    """Sends."""

    timeout = 3

    def __init__(self) -> None:
        self.sent = 0

    @property
    def count(self) -> int:
        return self.sent

    class Options:
        def merge(self): ...


if LIMIT:

    def fallback():
        pass
