"""Cutting of lines between definitions, and of long lines; shared by code, Markdown and plain text."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

# A tab counts as this many columns, so that files that mix tabs and spaces still nest in the right order.
_TAB = 4
_NEVER = 1 << 20  # columns that no line has
# Beginnings of lines that continue the statement above at any indentation: a closing bracket, or a further branch.
_CONTINUATIONS = (
    ")", "]", "}", "else", "elif", "elsif", "except", "finally", "catch", "end", "rescue", "ensure", "fi", "done",
    "esac", "then", ".", "&&", "||", "{",
)  # fmt: skip
# Pieces between this share and this multiple of the target are equally good; among them indentation decides.
_LEAST_SHARE = 0.5
_MOST_SHARE = 1.3
# A line longer than a chunk is cut after one of these, if there is one in the last fifth of the piece.
_SOFT_BREAKS = " \t,;}])>"
_SOFT_SHARE = 0.8


def _length(line: str) -> int:
    return len(line) + 1


class Lines:
    r"""The lines of a text, split on ``\n`` alone, with the size of any range in constant time.

    Rows are 0-based; ranges are half-open. Sizes are in characters, including line breaks.
    """

    __slots__ = ("_sums", "text")

    def __init__(self, source: str) -> None:
        self.text = source.split("\n")
        if self.text and not self.text[-1]:
            self.text.pop()  # after a final line break
        self._sums = [0, *accumulate(map(_length, self.text))]

    def __len__(self) -> int:
        return len(self.text)

    def size(self, start: int, end: int) -> int:
        """Return the number of characters in the rows ``start`` to ``end`` (exclusive)."""
        return self._sums[end] - self._sums[start]

    def window(self, start: int, end: int, least: int, most: int) -> tuple[int, int]:
        """Return the rows (half-open) at which a piece from ``start`` may end with ``least`` to ``most`` characters."""
        base = self._sums[start]
        low = bisect_left(self._sums, base + least, start + 1, end)
        return low, bisect_right(self._sums, base + most, start + 1, end)

    def trim(self, start: int, end: int) -> tuple[int, int]:
        """Return the range without blank lines at both ends."""
        text = self.text
        while start < end and not text[start].strip():
            start += 1
        while end > start and not text[end - 1].strip():
            end -= 1
        return start, end


def cut_rows(
    lines: Lines, start: int, end: int, target: int, limit: int, costs: Sequence[int] | None = None
) -> list[tuple[int, int]]:
    """Cut rows into ranges of about ``target`` characters, before the least nested statements.

    Among the lines that would end a piece at 0.5 to 1.3 times the target, the least indented one wins, then one after a
    blank line, then the one closest to the target. Indentation stands in for syntax, in every language that people
    format.

    Args:
        lines: The file.
        start: First row.
        end: Row after the last.
        target: Desired size of a piece in characters.
        limit: The size of a piece of several lines at most.
        costs: Replaces the indentation: the cost of a cut before each row of the file.

    Returns:
        Ranges in order that cover ``start`` to ``end``; a line longer than ``limit`` is a range of its own.
    """
    pieces: list[tuple[int, int]] = []
    least, most = int(target * _LEAST_SHARE), min(int(target * _MOST_SHARE), limit)
    text = lines.text
    while start < end:
        if lines.size(start, end) <= most:
            pieces.append((start, end))
            break
        best: tuple[int, int, int] | None = None
        best_row = start + 1
        low, high = lines.window(start, end, least, most)
        ceiling = _NEVER
        for row in range(low, high):
            # A hot loop, over every line of every large function: a line that cannot win is left early.
            cost = _cost(text[row], ceiling) if costs is None else costs[row]
            if cost > ceiling:
                continue
            blank = 0 if not text[row - 1].strip() else 1
            key = (cost, blank, abs(target - lines.size(start, row)))
            if best is None or key < best:
                best, best_row, ceiling = key, row, cost
        if best is None:
            # No row in the window: a long line follows. It becomes a range of its own.
            best_row = max(start + 1, high - 1)
        pieces.append((start, best_row))
        start = best_row
    return pieces


def _cost(line: str, ceiling: int) -> int:
    """Return the columns of indentation; if they exceed ``ceiling``, any number above it."""
    stripped = line.lstrip()
    if not stripped:
        return _NEVER
    columns = len(line) - len(stripped)
    if columns > ceiling:
        return columns
    if line[0] == "\t":
        columns += line.count("\t", 0, columns) * (_TAB - 1)
    # A continuation belongs to the statement above as if it were nested one level deeper.
    return columns + _TAB if stripped.startswith(_CONTINUATIONS) else columns


def cut_line(line: str, limit: int) -> list[str]:
    """Cut one line into consecutive pieces of at most ``limit`` characters.

    A piece ends after a blank, a comma, a semicolon or a closing bracket, if one is near its end.
    """
    pieces: list[str] = []
    start = 0
    while len(line) - start > limit:
        stop = start + limit
        lowest = start + max(1, int(limit * _SOFT_SHARE))
        cut = max(line.rfind(mark, lowest, stop) for mark in _SOFT_BREAKS) + 1
        if cut <= lowest:
            cut = stop
        pieces.append(line[start:cut])
        start = cut
    pieces.append(line[start:])
    return pieces
