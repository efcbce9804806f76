"""Cuts the items of a call into requests within a service's limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["batches"]


def batches(sizes: Sequence[int], most: int, most_size: int | None = None) -> Iterator[slice]:
    """Yield consecutive slices of a sequence; an item that is larger than ``most_size`` goes alone.

    Args:
        sizes: The size of each item, in any unit.
        most: Most items of a slice.
        most_size: Most of their sizes together; ``None`` for no limit.
    """
    start, total = 0, 0
    for position, size in enumerate(sizes):
        too_large = most_size is not None and total + size > most_size
        if position > start and (position - start >= most or too_large):
            yield slice(start, position)
            start, total = position, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))
