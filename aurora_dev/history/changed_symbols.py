"""The names of the functions and classes that a commit changed, from a patch without context lines."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

__all__ = ["changed_symbols"]

_COMMIT: Final = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HUNK: Final = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@ ?(.*)")
_DEFINITION: Final = re.compile(
    r"^\s*(?:(?:export|default|pub(?:\([a-z]+\))?|public|private|protected|internal|static|abstract|final|async|unsafe|"
    r"override|virtual|inline|extern|const|open|data|sealed|partial)\s+)*"
    r"(?:def|class|func|fn|function\*?|fun|interface|struct|enum|trait|protocol|module|impl|type|record|object|"
    r"namespace|defmodule|defp|sub)\s+(?:\([^)]*\)\s*)?([A-Za-z_$][\w$]*)"
)
# The word before the first bracket: the name in `static int parse(…)` and in a method `send(request) {`.
_CALLABLE: Final = re.compile(r"([A-Za-z_$~][\w$]*)\s*\(")
_NO_NAMES: Final = frozenset({"if", "for", "while", "switch", "catch", "return", "function", "with", "match"})
_MAX_LINE: Final = 300  # longer ones are data or minified code
_MAX_NAME: Final = 100


def changed_symbols(patch: bytes, max_names: int) -> dict[str, tuple[str, ...]]:
    r"""Return, by commit, the names in git's hunk headers and in the changed lines themselves.

    Args:
        patch: The output of ``git diff-tree --stdin -p -U0``: each commit's hash on a line of its own, then its patch.
            The lines of a hunk are counted, so that no content passes for a header. It may be cut off anywhere.
        max_names: Names per commit at most, those with most changed hunks first.
    """
    found: dict[str, Counter[str]] = {}
    names: Counter[str] = Counter()
    left = 0  # remaining lines of the hunk
    for line in patch.split(b"\n"):
        if left > 0:
            if line.startswith((b"+", b"-")):
                left -= 1
                name = _defined(line[1:])
                if name:
                    names[name] += 1
            continue
        hunk = _HUNK.match(line) if line.startswith(b"@@ ") else None
        if hunk is not None:
            left = int(hunk[1] or 1) + int(hunk[2] or 1)
            name = _named_by_hunk_header(hunk[3])
            if name:
                names[name] += 1
        elif _COMMIT.fullmatch(line):
            names = found.setdefault(line.decode("ascii"), Counter())
    return {commit: tuple(name for name, _ in counts.most_common(max_names)) for commit, counts in found.items()}


def _defined(line: bytes) -> str | None:
    if len(line) > _MAX_LINE:
        return None
    match = _DEFINITION.match(line.decode("utf-8", "replace"))
    return match[1] if match and len(match[1]) <= _MAX_NAME else None


def _named_by_hunk_header(line: bytes) -> str | None:
    name = _defined(line)
    if name or len(line) > _MAX_LINE:
        return name
    match = _CALLABLE.search(line.decode("utf-8", "replace"))
    return match[1] if match and match[1] not in _NO_NAMES and len(match[1]) <= _MAX_NAME else None
