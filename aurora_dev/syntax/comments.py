"""What stands above a definition and belongs to it: comments, decorators, attributes.

A comment separated from its definition is found in place of it: a query in words resembles the comment more than the
code. So the span of a definition begins with what is said about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from aurora_dev.syntax.queries import COMMENTS, DEFAULT_COMMENTS

_C_STYLE = (b"/*", b"*/")
# How a comment of several lines opens and closes, where that is not as in C; a docstring above a definition counts.
_BLOCKS: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "bash": (),
    "elixir": (),
    "erlang": (),
    "graphql": ((b'"""', b'"""'),),
    "haskell": ((b"{-", b"-}"),),
    "julia": ((b'"""', b'"""'), (b"#=", b"=#")),
    "lua": ((b"--[[", b"]]"), (b"--[=[", b"]=]")),
    "make": (),
    "ocaml": ((b"(*", b"*)"),),
    "perl": ((b"=head", b"=cut"), (b"=item", b"=cut"), (b"=pod", b"=cut")),
    "powershell": ((b"<#", b"#>"),),
    "python": (),
    "r": (),
    "ruby": ((b"=begin", b"=end"),),
}
# How far up a block comment is followed: a licence text is shorter, a whole file commented out need not be.
_MAX_COMMENT_LINES = 120
# In a comment at a distance from the definition: it is about the file, not about what happens to follow.
_ABOUT_THE_FILE = re.compile(rb"copyright|licen[sc]e|spdx-|@(?:file|fileoverview|module|packageDocumentation)\b", re.I)
_ECMASCRIPT = frozenset({"javascript", "typescript", "tsx"})


class Spanned(Protocol):
    """A definition whose first row (0-based) is still to be found, from its byte offset and its own row."""

    start: int
    row: int
    first: int


def extend_upwards(
    found: Sequence[Spanned],
    lines: Sequence[bytes],
    language: str,
    wraps: Mapping[int, int],
    leads: Mapping[int, int],
) -> None:
    """Move the first row of each definition over its decorators and over the comments above it.

    Comments directly above belong to a definition, and so does a block comment above one blank line (as Express and GNU
    write them), unless it is about the file or ends other code.

    Args:
        found: The definitions; ``first`` is set on each.
        lines: The file.
        language: As `language_of` names it.
        wraps: Byte offset of a definition to the row on which a node that encloses no more than it begins.
        leads: Last row of a decorator or an attribute to its first row.
    """
    prefixes = COMMENTS.get(language, DEFAULT_COMMENTS)
    blocks = _BLOCKS.get(language, (_C_STYLE,))
    chains = language in _ECMASCRIPT
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
                if top is None or not _documents(lines, top, row - 1):
                    break
                row, apart = top, True
            elif row - 1 in leads:
                row = leads[row - 1]
            elif above.startswith(prefixes) and not above.startswith(b"#!"):
                top = _block_above(lines, row - 1, blocks)  # Lua opens a block comment like one of a line
                row = row - 1 if top is None else top
            elif chains and above.endswith(b"=") and not above.startswith((b"/", b"*")):
                row -= 1  # `res.set =` above `res.header = function …`
            else:
                top = _block_above(lines, row - 1, blocks)
                if top is None:
                    break
                row = top
        item.first = row


def _block_above(lines: Sequence[bytes], last: int, blocks: tuple[tuple[bytes, bytes], ...]) -> int | None:
    """Return the row on which the block comment that ends on a row begins; ``None`` where none does."""
    line = lines[last].strip()
    for opening, close in blocks:
        if not line.endswith(close):
            continue
        top = last
        # Where both marks are one (a docstring), the row that closes must not be taken for the one that opens.
        if opening == close and (line == close or not line.startswith(opening)):
            top -= 1
        lowest = max(0, last - _MAX_COMMENT_LINES)
        # Up to the row that begins with the mark: within a comment (`text/*`) the mark means nothing. A row that closes
        # another comment shows that this one began behind code.
        while top > lowest and not lines[top].lstrip().startswith(opening) and (top == last or close not in lines[top]):
            top -= 1
        if top >= 0 and lines[top].lstrip().startswith(opening):
            return top
    return None


def _documents(lines: Sequence[bytes], top: int, end: int) -> bool:
    """Whether a block comment on the rows ``top`` to ``end`` (exclusive), then a blank line, is about what follows."""
    opening = lines[top].lstrip()
    if opening.startswith(b"/*!"):
        return False  # by convention a licence, kept by minifiers
    if any(_ABOUT_THE_FILE.search(line) for line in lines[top:end]):
        return False
    if opening.startswith(b"/**"):
        return True  # by convention documentation of what follows
    above = lines[top - 1].strip() if top > 0 else b""
    if above:
        return above.endswith((b"{", b"(", b"[", b":"))  # else it is a remark on the code above it
    return any(line.strip() for line in lines[:top])  # else it opens the file and is about that
