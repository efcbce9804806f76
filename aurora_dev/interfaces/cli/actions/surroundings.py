"""The lines of a file around a result, read from disk as the index run read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from aurora_dev.core.record_kinds import FILE_KEY, is_chunk
from aurora_dev.core.text.secrets import mask_secrets
from aurora_dev.core.types import SearchResult
from aurora_dev.indexing.chunk_version import file_version
from aurora_dev.indexing.filetypes import decode
from aurora_dev.regular_files import read_regular

__all__ = ["MOST_AROUND", "Around", "lines_around", "with_lines_around"]

MOST_AROUND: Final = 1_000  # lines; who wants more reads the file
_MOST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Around:
    """The lines before and after a result, without their line ends."""

    before: tuple[str, ...]
    after: tuple[str, ...]


def lines_around(
    results: Iterable[SearchResult], root: Path, count: int, *, mask: bool
) -> tuple[dict[str, Around], dict[str, str]]:
    """Return the lines around results.

    Args:
        results: The results; those that are not chunks of files have no lines around them.
        root: The folder of the project.
        count: How many lines to return before and after each.
        mask: Whether credentials are masked, as in the index.

    Returns:
        The lines by the id of the result, and why there are none by the path of the file.
    """
    around: dict[str, Around] = {}
    problems: dict[str, str] = {}
    files: dict[str, list[str] | str] = {}
    for result in results:
        path, start, end = (result.metadata.get(key) for key in ("path", "start_line", "end_line"))
        if not is_chunk(result.metadata) or not isinstance(path, str):
            continue
        if not isinstance(start, int) or not isinstance(end, int):
            problems[path] = "has no lines"
            continue
        if path not in files:
            files[path] = _lines_as_indexed(root / path, str(result.metadata[FILE_KEY]), mask=mask)
        lines = files[path]
        if isinstance(lines, str):
            problems[path] = lines
        elif not _is_at(result.content, lines, start):
            problems[path] = "is stored as other text than the file has"  # a notebook, for example
        else:
            around[result.id] = Around(
                tuple(lines[max(0, start - 1 - count) : start - 1]), tuple(lines[end : end + count])
            )
    return around, problems


def with_lines_around(result: SearchResult, around: Around | None) -> SearchResult:
    """Return a result whose content has the lines around it."""
    if around is None:
        return result
    body = result.content.split("\n")
    if body[-1] == "" and len(body) > 1:
        body.pop()
    first = int(result.metadata["start_line"]) - len(around.before)
    last = int(result.metadata["end_line"]) + len(around.after)
    content = "\n".join([*around.before, *body, *around.after, ""])  # ends its last line, which may be blank
    return replace(result, content=content, metadata={**result.metadata, "start_line": first, "end_line": last})


def _lines_as_indexed(file: Path, version: str, *, mask: bool) -> list[str] | str:
    """Return the lines of a file, or why they cannot be shown."""
    try:
        data = read_regular(file, _MOST_BYTES)
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    # A suffix of the version tells that the grammar of the file failed.
    if not version.startswith(file_version(data, mask=mask)):
        return "has changed since it was indexed"
    text = decode(data)
    if text is None:
        return "is binary"
    if mask:
        text = mask_secrets(text)[0]
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def _is_at(content: str, lines: list[str], start: int) -> bool:
    first = content.split("\n", 1)[0].strip()
    return 0 < start <= len(lines) and lines[start - 1].strip() == first
