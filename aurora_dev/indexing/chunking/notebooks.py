"""The cells of Jupyter notebooks, with the lines of the file on which their text stands."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Cells", "is_notebook", "read_notebook"]

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]', re.DOTALL)
_KERNELS: Final = {
    "c#": "csharp",
    "c++": "cpp",
    "c++11": "cpp",
    "c++14": "cpp",
    "c++17": "cpp",
    "ipython": "python",
    "ipython3": "python",
    "js": "javascript",
    "pyspark": "python",
    "python3": "python",
    "sagemath": "python",
    "sh": "bash",
    "ts": "typescript",
    "wolfram language": "wolfram",
}
_LANGUAGE: Final = re.compile(r"[a-z][a-z0-9_+#-]{0,30}")
# Cells that IPython hands to another language.
_MAGIC: Final = re.compile(r"\s*%%(bash|sh|sql|javascript|js|R|ruby|perl|html)\b")


@dataclass(slots=True)
class Cells:
    """Consecutive cells of one language, as one text with an empty line between two cells.

    Attributes:
        language: ``markdown``, the language of the code, or ``None`` for raw text.
        lines: The lines, without line breaks.
        rows: The row (0-based) of the file on which each of the lines stands.
    """

    language: str | None
    lines: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


def is_notebook(path: str) -> bool:
    """Return whether a file is a notebook, by its name."""
    return path.lower().endswith(".ipynb")


def read_notebook(text: str) -> list[Cells] | None:
    """Return the cells of a notebook without their outputs; ``None`` if the text is no valid notebook.

    Formats 3 and 4 are read.
    """
    try:
        # Python refuses whole numbers of more than 4,300 digits, which are none of our business.
        data = json.loads(text.removeprefix("\ufeff"), parse_int=float)
        cells = list(_cells(data))
    except (ValueError, RecursionError, TypeError, AttributeError):
        return None
    sources = _sources(text)
    if len(sources) != len(cells):
        return None
    kernel = _kernel_language(data)
    groups: list[Cells] = []
    for cell, pieces in zip(cells, sources, strict=True):
        lines, rows = _lines(pieces)
        if not any(line.strip() for line in lines):
            continue
        language = _cell_language(cell, lines, kernel)
        if groups and groups[-1].language == language:
            groups[-1].lines.append("")
            groups[-1].rows.append(groups[-1].rows[-1])
        else:
            groups.append(Cells(language))
        groups[-1].lines += lines
        groups[-1].rows += rows
    return groups


def _cells(data: Any) -> Iterator[dict[str, Any]]:
    """Yield the cells that have a source.

    Raises:
        TypeError: The text is no notebook.
    """
    if not isinstance(data, dict) or not ("cells" in data or "worksheets" in data):
        raise TypeError("no notebook")
    sheets = [data] if "cells" in data else data["worksheets"]
    for sheet in sheets:
        for cell in sheet.get("cells", ()):
            if "source" in cell or "input" in cell:
                yield cell


def _sources(text: str) -> list[list[tuple[str, int]]]:
    """Return the strings in the source of each cell, with their row in the file.

    The text is valid JSON, so tokens alone tell where a string belongs.
    """
    breaks = [match.start() for match in re.finditer("\n", text)]
    found: list[list[tuple[str, int]]] = []
    containers: list[str] = []  # the key under which each open object or list stands; "" in a list
    kinds: list[str] = []
    key = last = ""
    is_key = False
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "{[":
            containers.append(key)
            kinds.append(token)
            key, is_key = "", token == "{"
            if token == "[" and _is_source(containers[:-1], kinds[:-1], containers[-1]):
                found.append([])
        elif token in "}]":
            key = containers.pop() if containers else ""
            if kinds:
                kinds.pop()
        elif token == ",":
            is_key = bool(kinds) and kinds[-1] == "{"
            if is_key:
                key = ""
        elif token == ":":
            key, is_key = last, False
        elif is_key:
            last = json.loads(token)
        else:
            in_list = bool(kinds) and kinds[-1] == "["
            inside = (containers[:-1], kinds[:-1], containers[-1]) if in_list else (containers, kinds, key)
            if _is_source(*inside):
                if not in_list:
                    found.append([])
                found[-1].append((_string(token), bisect_right(breaks, match.start())))
    return found


def _string(token: str) -> str:
    """Return a string of JSON; an escaped half of a surrogate pair, which no store can hold, becomes U+FFFD."""
    text: str = json.loads(token)
    if text.isascii() or "\\u" not in token:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_source(containers: list[str], kinds: list[str], key: str) -> bool:
    """Return whether a value with this key, in these containers, is the source of a cell."""
    if key not in ("source", "input") or kinds[-3:] not in (["{", "[", "{"], ["[", "{"]):
        return False
    path = [container for container in containers if container]
    return path in (["cells"], ["worksheets", "cells"])


def _lines(pieces: list[tuple[str, int]]) -> tuple[list[str], list[int]]:
    lines: list[str] = []
    rows: list[int] = []
    complete = True
    for text, row in pieces:
        for line in text.split("\n") if text else ():
            if complete:
                lines.append(line)
                rows.append(row)
            else:
                lines[-1] += line
            complete = True
        # The last part goes on in the next string, unless a line break ended it.
        complete = text.endswith("\n") if text else complete
        if text.endswith("\n"):
            lines.pop()
            rows.pop()
    return [line.removesuffix("\r") for line in lines], rows


def _kernel_language(data: dict[str, Any]) -> str:
    metadata = data.get("metadata")
    for group, name in (("kernelspec", "language"), ("language_info", "name")):
        found = metadata.get(group) if isinstance(metadata, dict) else None
        language = _known(found.get(name)) if isinstance(found, dict) else None
        if language is not None:
            return language
    return "python"  # the first kernel, which old notebooks do not name


def _cell_language(cell: dict[str, Any], lines: list[str], kernel: str) -> str | None:
    kind = cell.get("cell_type")
    if kind in ("markdown", "heading"):
        return "markdown"
    if kind != "code":
        return None
    magic = _MAGIC.match(next(line for line in lines if line.strip()))
    if magic is not None:
        return _known(magic[1])
    metadata = cell.get("metadata")
    own = metadata.get("vscode") if isinstance(metadata, dict) else None
    named = own.get("languageId") if isinstance(own, dict) else cell.get("language")
    return _known(named) or kernel


def _known(name: object) -> str | None:
    if not isinstance(name, str):
        return None
    lower = name.strip().lower()
    lower = _KERNELS.get(lower, lower)
    return lower if _LANGUAGE.fullmatch(lower) else None
