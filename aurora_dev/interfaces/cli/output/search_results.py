"""The results of a search as text: plain for pipes and files, coloured for people, or as JSON."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aurora_dev.core.record_kinds import COMMIT_KEY, is_chunk, is_commit, is_session
from aurora_dev.core.text.visible import visible
from aurora_dev.core.types import SearchResult, SearchResults
from aurora_dev.interfaces.cli.output.render import PLAIN_WIDTH, cut, lines_of, shown_path
from aurora_dev.interfaces.cli.output.search_snippet import choose_lines, defining_row, query_pattern, whole_part
from aurora_dev.interfaces.cli.output.search_symbol import symbol_for_query

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_HIGHLIGHTED_CHARS = 50_000  # longer results are shown without syntax colours, which take 10 ms per 1,000 lines
_STAGES = ("vector", "keyword", "rrf", "signals", "mmr", "rerank", "blend", "unread")
_THEME = "ansi_dark"  # the terminal's own sixteen colours, which fit light and dark backgrounds
_ID_CHARS = 8


def results_as_data(query: str, project: Path, results: SearchResults) -> dict[str, Any]:
    """Return a search as the JSON object that ``aurora search --json`` prints."""
    return {
        "query": query,
        "project": str(project),
        "search_method": results.search_method,
        "message": results.message,
        "degraded": results.degraded,
        "notices": [{"code": notice.code, "text": notice.text} for notice in results.notices],
        "relevance": results.relevance,
        "timings": dict(results.timings),
        "left_out": dict(results.left_out),
        "results": [
            {
                "id": result.id,
                "path": result.metadata.get("path"),
                "start_line": result.metadata.get("start_line"),
                "end_line": result.metadata.get("end_line"),
                "symbol": result.metadata.get("symbol"),
                "kind": result.metadata.get("kind"),
                "score": result.score,
                "scores": dict(result.scores),
                "content": result.content,
                "metadata": dict(result.metadata),
            }
            for result in results
        ],
    }


def location_of(result: SearchResult, project: Path) -> str:
    """Return ``path:start-end`` as seen from the current folder, or a short id for a note or commit."""
    metadata = result.metadata
    path = metadata.get("path")
    if is_commit(metadata):
        return f"commit {visible(str(metadata[COMMIT_KEY])[:_ID_CHARS])}"
    if is_session(metadata):
        return f"session {visible(str(metadata.get('session') or result.id)[:_ID_CHARS])}"
    if not path or _is_note(metadata):
        return f"note {visible(result.id[:_ID_CHARS])}"
    lines = f":{metadata['start_line']}-{metadata.get('end_line', '')}" if _has_lines(result) else ""
    return visible(f"{shown_path(project / str(path))}{lines}")


def _is_note(metadata: Mapping[str, Any]) -> bool:
    # A note may have a path too: that of the code that it is about.
    return "importance" in metadata and not is_chunk(metadata)


def description_of(result: SearchResult, query: str = "") -> str:
    """Return a result's symbol and kind, or a note's kind and tags.

    A chunk with several symbols is described by the one that the query names.
    """
    metadata = result.metadata
    symbol, kind = symbol_for_query(query, metadata), str(metadata.get("kind") or "")
    if kind != "section" and symbol != str(metadata.get("symbol") or ""):
        kind = ""  # the stored kind is that of the main symbol
    tags = metadata.get("tags")
    named = ", ".join(map(str, tags)) if isinstance(tags, list) else ""
    parts = [symbol, f"({kind})" if kind else "", f"[{named}]" if named else ""]
    if _is_note(metadata):
        parts[0] = ""
        parts += ["your own" if metadata.get("scope") == "user" else ""]
        parts += [f"stale: {metadata['stale']}" if metadata.get("stale") else ""]
    return visible(" ".join(part for part in parts if part))


def stage_scores(result: SearchResult) -> str:
    """Return the score of each stage, in the order of the stages."""
    known = [stage for stage in _STAGES if stage in result.scores]
    known += sorted(set(result.scores) - set(known))
    return "  ".join(f"{stage} {result.scores[stage]:.4g}" for stage in known)


def explanation(results: SearchResults) -> list[str]:
    """Return two lines that explain a search: the stages that ran, and the time of each."""
    took = "  ".join(f"{visible(stage)} {seconds * 1e3:.1f} ms" for stage, seconds in results.timings.items())
    return [f"method   {results.search_method} ({results.message})", f"timings  {took}"]


def plain_results(
    query: str, project: Path, results: SearchResults, *, explain: bool = False, whole: bool = False
) -> str:
    """Return results for a pipe or a file: no colours, no wrapping, long lines cut; with ``whole`` all lines."""
    pattern = query_pattern(query)
    blocks = []
    for result in results:
        head = "  ".join(
            part
            for part in (location_of(result, project), description_of(result, query), f"{result.score:.3f}")
            if part
        )
        rows = [head]
        if explain:
            rows.append(f"    {stage_scores(result)}")
        rows += _plain_snippet(query, result, pattern, whole=whole)
        blocks.append("\n".join(rows))
    if explain:
        blocks.append("\n".join(explanation(results)))
    return "\n\n".join(blocks) + "\n"


def _plain_snippet(
    query: str, result: SearchResult, pattern: re.Pattern[str] | None, *, whole: bool = False
) -> list[str]:
    lines, first = lines_of(result.content), _first_line(result)
    chosen = _chosen(lines, query, result, pattern, whole=whole)
    margin = _margin(lines, chosen)
    width = len(str(first + len(lines)))
    rows = []
    for row in chosen:
        if row is None:
            rows.append(f"    {'...':>{width}}")
        else:
            number = f"{first + row:>{width}}  " if _has_lines(result) else ""
            rows.append(cut(f"    {number}{lines[row][margin:]}".rstrip(), PLAIN_WIDTH))
    return rows


def print_results(
    console: Console, query: str, project: Path, results: SearchResults, *, explain: bool = False, whole: bool = False
) -> None:
    """Print results for a person: syntax colours, marked query words, lines cut at the terminal width."""
    from rich.text import Text

    unicode = (console.encoding or "").lower().startswith("utf")
    bar, mark = ("│", "…") if unicode else ("|", "...")
    pattern = query_pattern(query)
    for number, result in enumerate(results, start=1):
        head = Text(f"{number:>2} ", style="dim")
        head.append(location_of(result, project), style="bold cyan" if result.metadata.get("path") else "bold magenta")
        if what := description_of(result, query):
            head.append(f"  {what}")
        head.append(f"  {result.score:.3f}", style="green")
        _print_line(console, head, mark)
        if explain:
            _print_line(console, Text(f"   {stage_scores(result)}", style="dim"), mark)
        for row in _coloured_snippet(query, result, pattern, bar, mark, whole=whole):
            _print_line(console, row, mark)
        if number < len(results):
            console.print()
    if explain:
        console.print()
        for line in explanation(results):
            console.print(Text(line, style="dim"), soft_wrap=True)


def _coloured_snippet(
    query: str, result: SearchResult, pattern: re.Pattern[str] | None, bar: str, mark: str, *, whole: bool = False
) -> list[Text]:
    from rich.text import Text

    lines, first = lines_of(result.content), _first_line(result)
    chosen = _chosen(lines, query, result, pattern, whole=whole)
    margin = _margin(lines, chosen)
    coloured = _coloured(lines, str(result.metadata.get("language") or ""))
    width = len(str(first + len(lines)))
    rows = []
    for row in chosen:
        if row is None:
            rows.append(Text(f"   {mark:>{width}} {bar}", style="dim"))
            continue
        code = coloured[row][margin:] if margin else coloured[row]
        if pattern is not None:
            for found in pattern.finditer(code.plain):
                code.stylize("bold underline", *whole_part(code.plain, *found.span()))
        number = f"{first + row if _has_lines(result) else '':>{width}}"
        rows.append(Text.assemble((f"   {number} {bar} ", "dim"), code))
    return rows


def _chosen(
    lines: Sequence[str], query: str, result: SearchResult, pattern: re.Pattern[str] | None, *, whole: bool
) -> Sequence[int | None]:
    if whole:
        return range(len(lines))
    return choose_lines(lines, pattern, head=_head_row(lines, query, result))


def _coloured(lines: Sequence[str], language: str) -> list[Text]:
    from rich.text import Text

    plain = [Text(line) for line in lines]
    source = "\n".join(lines)
    if not language or len(source) > _HIGHLIGHTED_CHARS:
        return plain
    from rich.syntax import Syntax

    coloured = Syntax(source, language, theme=_THEME, background_color="default").highlight(source)
    split = list(coloured.split("\n", allow_blank=True))
    # A lexer that adds or drops lines would put colours, or even text, in the wrong place.
    same = [row.plain for row in split[: len(lines)]] == list(lines)
    return split[: len(lines)] if same else plain


def _print_line(console: Console, line: Text, mark: str) -> None:
    if line.cell_len > console.width:
        line.truncate(console.width - len(mark))
        line.append(mark, style="dim")
    console.print(line, no_wrap=True, overflow="ignore", crop=False, highlight=False, soft_wrap=True)


def _head_row(lines: Sequence[str], query: str, result: SearchResult) -> int | None:
    symbol = symbol_for_query(query, result.metadata)
    if symbol and result.metadata.get("kind") == "section":
        return 0  # the mark of a heading, #, starts a comment in code
    return defining_row(lines, symbol)


def _has_lines(result: SearchResult) -> bool:
    return isinstance(result.metadata.get("start_line"), int)


def _first_line(result: SearchResult) -> int:
    return int(result.metadata["start_line"]) if _has_lines(result) else 1


def _margin(lines: Sequence[str], chosen: Sequence[int | None]) -> int:
    shown = "\n".join(lines[row] for row in chosen if row is not None)
    first = next((line for line in shown.split("\n") if line.strip()), "")
    dedented = next((line for line in textwrap.dedent(shown).split("\n") if line.strip()), "")
    return len(first) - len(dedented)
