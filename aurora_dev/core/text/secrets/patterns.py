"""Regular expressions that are compiled when they are first needed: most texts need few of the rules."""

from __future__ import annotations

import re

__all__ = ["LazyPattern"]


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
