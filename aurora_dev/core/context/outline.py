"""The interface of a chunk: signatures, first lines of docstrings, outlines of classes, headings of prose."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from aurora_dev.syntax import definitions

__all__ = ["interface_rows"]

# The first lines of a docstring or comment say what a definition is for; the rest says how.
_DOC_LINES: Final = 2
_DECORATORS: Final = 3
_SIGNATURE_LINES: Final = 8
_OUTERMOST_LINES: Final = 4
# The fallback for a chunk without an interface: its first lines suggest what follows.
_FIRST_LINES: Final = 3
# A shorter chunk is hardly longer than its first lines and the label.
_LEAST_ROWS: Final = 2 * _FIRST_LINES + 2
# An interface must leave out at least this share of the characters: less is not worth reading the file a second time.
_LEAST_SAVED: Final = 0.3
_PROSE: Final = frozenset({"markdown", "rst", "text", ""})
_HEADING: Final = re.compile(r"\s*#{1,6}\s|[=\-~^\"']{3,}\s*$")
_DOC_START: Final = re.compile(r"[rRbBuUfF]{0,2}(\"\"\"|'''|\"|')")
_COMMENT_START: Final = ("#", "//", "/*", "*", "--", "%", ";", "(*")
_DECORATOR_START: Final = ("@", "#[", "[")


@lru_cache(maxsize=8192)
def interface_rows(content: str, language: str, symbols: tuple[str, ...] = ()) -> tuple[int, ...]:
    """Return the rows (0-based, ascending) of a chunk that are its interface.

    Args:
        content: Lines of a file, possibly from the middle of it.
        language: A name from `language_of`. The interface of prose is its headings and the first line under each.
        symbols: The names that the chunk is known to define; in a fragment other text can look like a definition.

    Returns:
        The rows of the interface. If there is none, or it leaves out too little: the first lines. Empty if these leave
        out too little as well.
    """
    rows = content.split("\n")
    keep = _prose_rows(rows) if language in _PROSE else _code_rows(content, rows, language, frozenset(symbols))
    if _saves(rows, keep, content):
        return tuple(sorted(keep))
    first = [number for number, row in enumerate(rows) if any(c.isalnum() for c in row)][:_FIRST_LINES]
    return tuple(first) if len(rows) >= _LEAST_ROWS and _saves(rows, first, content) else ()


def _saves(rows: list[str], keep: Collection[int], content: str) -> bool:
    return bool(keep) and sum(len(rows[row]) for row in keep) <= (1 - _LEAST_SAVED) * len(content)


def _prose_rows(rows: list[str]) -> set[int]:
    keep: set[int] = set()
    wanted = True  # the next line of text is the first one after a heading or of the chunk
    for number, row in enumerate(rows):
        if _HEADING.match(row):
            keep.add(number)
            wanted = True
        elif wanted and row.strip():
            keep.add(number)
            wanted = False
    return keep


def _code_rows(content: str, rows: list[str], language: str, symbols: frozenset[str]) -> set[int]:
    if not symbols:
        return _outermost_rows(rows)
    # A method keeps the indentation of its class, which by itself is a syntax error in Python.
    source = textwrap.dedent(content).encode("utf-8", "surrogatepass")
    keep: set[int] = set()
    for definition in definitions(source, language):
        if definition.name not in symbols:
            continue
        line = definition.line - 1
        signature = min(definition.header.count("\n") + 1, _SIGNATURE_LINES)
        keep.update(range(line, min(line + signature, len(rows))))
        keep.update(_lead_rows(rows, definition.start_line - 1, line))
        if language == "python":
            keep.update(_docstring_rows(rows, line + signature, definition.end_line))
    return {row for row in keep if rows[row].strip()}


def _outermost_rows(rows: list[str]) -> set[int]:
    """Return the first rows with the least indentation: the outline of a chunk without definitions."""
    indents = {n: len(row) - len(row.lstrip()) for n, row in enumerate(rows) if any(c.isalnum() for c in row)}
    least = min(indents.values(), default=0)
    outermost = [n for n, indent in indents.items() if indent == least]
    return set(outermost[:_OUTERMOST_LINES]) if len(outermost) > 1 else set()


def _lead_rows(rows: list[str], first: int, line: int) -> set[int]:
    """Return the rows of the decorators above a definition and of the first lines of its comment."""
    decorators = [n for n in range(first, line) if rows[n].lstrip().startswith(_DECORATOR_START)]
    comments = [
        n
        for n in range(first, line)
        if rows[n].lstrip().startswith(_COMMENT_START) and any(c.isalnum() for c in rows[n]) and n not in decorators
    ]
    return {*decorators[-_DECORATORS:], *comments[:_DOC_LINES]}


def _docstring_rows(rows: list[str], first: int, end: int) -> set[int]:
    for number in range(first, min(first + 2, end, len(rows))):
        text = rows[number].strip()
        opening = _DOC_START.match(text)
        if opening is None:
            if text:
                return set()
            continue
        if opening[1] in text[opening.end() :]:
            return {number}
        keep = {number}
        for more in range(number + 1, min(number + _DOC_LINES, end, len(rows))):
            if not rows[more].strip():
                break
            keep.add(more)
        return keep
    return set()
