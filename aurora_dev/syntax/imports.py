"""The imports of a source file, found line by line with regular expressions.

In most languages import statements begin a line and have one form, so that patterns find them in any fragment of a
file, however broken the rest is. A statement inside a string or a comment is found too: a few edges too many do little
harm to an import graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aurora_dev.syntax.languages import LANGUAGES
from aurora_dev.syntax.languages.declaration import Import

__all__ = ["Import", "imports"]

# Patterns of statements that span lines look ahead to a closing bracket from every opening one. So a text is read in
# windows, cut at line breaks, which bounds that; a chunk is shorter than a window.
_WINDOW: Final = 4_000  # characters


def imports(source: str, language: str) -> list[Import]:
    """Find the imports of a source file, or of a fragment of one.

    Args:
        source: The text; no input raises. A statement longer than 4,000 characters may lose some of its names.
        language: As returned by `language_of`; an unknown one, or one without imports, gives an empty list.

    Returns:
        The distinct imports, in the order of the text.
    """
    declared = LANGUAGES.get(language)
    if declared is None or declared.imports is None:
        return []
    find = declared.imports
    return list(dict.fromkeys(found for window in _windows(source) for found in find(window)))


def _windows(source: str) -> Iterator[str]:
    start = 0
    while len(source) - start > _WINDOW:
        end = source.rfind("\n", start, start + _WINDOW) + 1 or start + _WINDOW
        yield source[start:end]
        start = end
    yield source[start:]
