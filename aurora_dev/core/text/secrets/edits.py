"""Tools of all rules: the replacement of a span of text by a marker, and expressions compiled on first use."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from aurora_dev.lazy import lazy_pattern

__all__ = ["MARKER", "MARKERS", "Edit", "LazyPattern", "masked"]

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


class LazyPattern:
    """A regular expression that is compiled with its first use."""

    __slots__ = ("_compiled", "_flags", "source")

    def __init__(self, source: str, flags: int = 0) -> None:
        self.source = source
        self._flags = flags
        self._compiled: re.Pattern[str] | None = None

    def match(self, text: str, at: int) -> re.Match[str] | None:
        """Match at a place of a text."""
        if self._compiled is None:
            self._compiled = re.compile(self.source, self._flags)
        return self._compiled.match(text, at)
