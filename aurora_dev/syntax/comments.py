"""The comments, decorators and attributes above a definition, which belong to its span.

A query in words resembles the comment more than the code. If the two were separate chunks, a search would find the
comment without its definition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from aurora_dev.lazy import lazy_pattern
from aurora_dev.syntax.languages import Language

# The longest block comment above a definition: a licence text is shorter, a file that is commented out may be longer.
_MAX_COMMENT_LINES = 120
# Marks of a comment that is about the file, if a blank line separates it from the definition.
_ABOUT_THE_FILE = lazy_pattern(
    rb"copyright|licen[sc]e|spdx-|@(?:file|fileoverview|module|packageDocumentation)\b", re.I
)


class Spanned(Protocol):
    """A definition with its byte offset and its own row (0-based); `extend_upwards` sets ``first``."""

    start: int
    row: int
    first: int


def extend_upwards(
    found: Sequence[Spanned],
    lines: Sequence[bytes],
    language: Language,
    wraps: Mapping[int, int],
    leads: Mapping[int, int],
) -> None:
    """Move the first row of each definition above its decorators and comments.

    Comments directly above belong to a definition. So does a block comment above one blank line (the style of Express
    and GNU), unless it is about the file or about the code above it.

    Args:
        found: The definitions; ``first`` is set on each.
        lines: The file.
        language: Its language.
        wraps: By byte offset of a definition: the first row of a node that encloses nothing else.
        leads: By last row of a decorator or an attribute: its first row.
    """
    prefixes, blocks = language.comments
    for item in found:
        row = wraps.get(item.start, item.row) if wraps else item.row
        if leads:
            row = min(row, leads.get(row, row))
        apart = False
        while row > 0:
            above = lines[row - 1].strip()
            if not above:
                if apart or row < 2:
                    break
                top = _block_above(lines, row - 2, blocks)
                if top is None or not _is_about_next(lines, top, row - 1):
                    break
                row, apart = top, True
            elif row - 1 in leads:
                row = leads[row - 1]
            elif above.startswith(prefixes) and not above.startswith(b"#!"):
                top = _block_above(lines, row - 1, blocks)  # in Lua a block comment begins like a line comment
                row = row - 1 if top is None else top
            elif language.chained_assignments and above.endswith(b"=") and not above.startswith((b"/", b"*")):
                row -= 1  # `res.set =` above `res.header = function …`
            else:
                top = _block_above(lines, row - 1, blocks)
                if top is None:
                    break
                row = top
        item.first = row


def _block_above(lines: Sequence[bytes], last: int, blocks: tuple[tuple[bytes, bytes], ...]) -> int | None:
    """Return the first row of the block comment that ends on the row ``last``; ``None`` if none does."""
    line = lines[last].strip()
    for opening, close in blocks:
        if not line.endswith(close):
            continue
        top = last
        # If both marks are equal (a docstring), the closing row must not be taken for the opening one.
        if opening == close and (line == close or not line.startswith(opening)):
            top -= 1
        lowest = max(0, last - _MAX_COMMENT_LINES)
        # Only a row that begins with the mark opens the comment; inside a comment (`text/*`) the mark means nothing. A
        # row that closes another comment shows that this one began after code.
        while top > lowest and not lines[top].lstrip().startswith(opening) and (top == last or close not in lines[top]):
            top -= 1
        if top >= 0 and lines[top].lstrip().startswith(opening):
            return top
    return None


def _is_about_next(lines: Sequence[bytes], top: int, end: int) -> bool:
    """Return whether a block comment, followed by a blank line, is about the code below it.

    Args:
        lines: The file.
        top: First row of the comment.
        end: Row after its last.
    """
    opening = lines[top].lstrip()
    if opening.startswith(b"/*!"):
        return False  # by convention a licence that minifiers keep
    if any(_ABOUT_THE_FILE.search(line) for line in lines[top:end]):
        return False
    if opening.startswith(b"/**"):
        return True  # by convention documentation of the code below
    above = lines[top - 1].strip() if top > 0 else b""
    if above:
        return above.endswith((b"{", b"(", b"[", b":"))  # else it is about the code above it
    return any(line.strip() for line in lines[:top])  # else it opens the file, and is about the file
