"""Display of search results and contexts in consoles and notebooks.

The text shown comes from files, notes and commits and is not trusted: control characters are escaped, long text is cut,
and HTML contains only the markup of the table.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from aurora_dev.core.record_kinds import COMMIT_KEY, is_chunk, is_commit, is_session
from aurora_dev.core.text.visible import visible

if TYPE_CHECKING:
    from aurora_dev.core.types import SearchResult, SearchResults

__all__ = ["html_table", "location", "result_line", "results_html", "results_text", "title"]

_ID_CHARS: Final = 8
_LONGEST_LINE: Final = 100  # characters of a title or a heading
_LONGEST_CELL: Final = 200  # characters of a cell in a table
_MOST_ROWS: Final = 50
_ELISION: Final = "…"


def location(result: SearchResult) -> str:
    """Return where a result is: path and lines, ``commit`` or ``session`` and a short id, or a note's kind and id."""
    metadata = result.metadata
    if is_commit(metadata):
        return _one_line(f"commit {str(metadata[COMMIT_KEY])[:_ID_CHARS]}")
    if is_session(metadata):
        return _one_line(f"session {str(metadata.get('session') or result.id)[:_ID_CHARS]}")
    path, start, end = metadata.get("path"), metadata.get("start_line"), metadata.get("end_line")
    has_lines = isinstance(start, int) and isinstance(end, int)
    # A note has a kind, and may name the file that it is about.
    if isinstance(path, str) and path and (is_chunk(metadata) or has_lines or "kind" not in metadata):
        return visible(f"{path}:{start}-{end}" if has_lines else path)
    return _one_line(f"{metadata.get('kind') or 'note'} {result.id[:_ID_CHARS]}")


def title(result: SearchResult) -> str:
    """Return one line that names a result: a chunk's symbol, a commit's subject, else the first line of the text."""
    symbol = result.metadata.get("symbol")
    if is_chunk(result.metadata) and isinstance(symbol, str) and symbol:
        return _one_line(symbol)
    return _first_line(result)


def result_line(result: SearchResult) -> str:
    """Return a result on one line: score, location, first line of the text."""
    return f"{result.score:.3f}  {location(result)}  {_first_line(result)}".rstrip()


def results_text(results: SearchResults) -> str:
    """Return results for a console: a heading, one line per result, then notices about the search."""
    lines = [_heading(results)]
    lines += [f"{rank:3}. {result_line(result)}" for rank, result in enumerate(results, start=1)]
    lines += [_one_line(note, _LONGEST_CELL) for note in _notes(results)]
    return "\n".join(lines)


def results_html(results: SearchResults) -> str:
    """Return results as an HTML table for a notebook, followed by notices about the search."""
    rows = [
        (rank, f"{result.score:.3f}", location(result), title(result), result.content.strip())
        for rank, result in enumerate(results, start=1)
    ]
    return html_table(_heading(results), ("rank", "score", "location", "title", "text"), rows, _notes(results))


def html_table(heading: str, header: Sequence[str], rows: Sequence[Sequence[object]], notes: Iterable[str] = ()) -> str:
    """Return an HTML table with a heading above it and notes below it.

    Args:
        heading: One line, cut to 100 characters.
        header: Names of the columns.
        rows: At most 50 are shown. A cell is cut to 200 characters; control characters in it are shown as escapes.
        notes: Lines below the table.

    Returns:
        HTML without scripts, styles or links; all text is escaped.
    """
    head = "".join(f"<th>{_escaped(name)}</th>" for name in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{_escaped(str(cell))}</td>' for cell in row)}</tr>" for row in rows[:_MOST_ROWS]
    )
    below = [f"{len(rows) - _MOST_ROWS} more rows"] if len(rows) > _MOST_ROWS else []
    paragraphs = "".join(f"<p>{_escaped(note)}</p>" for note in [*below, *notes])
    caption = html.escape(_one_line(heading))
    return f"<div><p><b>{caption}</b></p><table><tr>{head}</tr>{body}</table>{paragraphs}</div>"


def _first_line(result: SearchResult) -> str:
    return _one_line(next((line for line in result.content.splitlines() if line.strip()), ""))


def _heading(results: SearchResults) -> str:
    number = f"{len(results)} result{'' if len(results) == 1 else 's'}"
    method = results.message or results.search_method
    return f"{number} ({_one_line(method)})" if method else number


def _notes(results: SearchResults) -> Iterator[str]:
    """Yield the degradation of a search, then its other notices."""
    if results.degraded:
        yield f"degraded: {results.degraded}"
    yield from (f"notice: {notice.text}" for notice in results.notices if notice.text != results.degraded)


def _one_line(text: str, longest: int = _LONGEST_LINE) -> str:
    return _cut(visible(" ".join(text[: 4 * longest].split())), longest)


def _escaped(text: str) -> str:
    shown = _cut(visible(text[: 4 * _LONGEST_CELL], keep_newlines=True), _LONGEST_CELL)
    return html.escape(shown).replace("\n", "<br>")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}{_ELISION}"
