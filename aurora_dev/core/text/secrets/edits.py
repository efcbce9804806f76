"""The replacement of a span of text by a marker."""

from __future__ import annotations

from typing import Final, NamedTuple

from aurora_dev.lazy import lazy_pattern

__all__ = ["MARKER", "MARKERS", "Edit", "masked"]

MARKER: Final = "[masked: "
MARKERS: Final = lazy_pattern(r"\[masked: [a-z0-9-]{1,40}\]")


class Edit(NamedTuple):
    """A replacement of ``text[start:end]``; ``number`` is 1 once per credential, else 0."""

    start: int
    end: int
    replacement: str
    number: int


def masked(start: int, end: int, label: str) -> Edit:
    """Return the edit that replaces a credential by its marker."""
    return Edit(start, end, f"{MARKER}{label}]", 1)
