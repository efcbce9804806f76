"""Results as text: plain where a program reads, with colours where a person does, or as JSON."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aurora_dev.core.record_kinds import COMMIT_KEY, is_chunk, is_commit
from aurora_dev.core.types import SearchResult, SearchResults
from aurora_dev.interfaces.cli.output.asked_symbol import asked_symbol
from aurora_dev.interfaces.cli.output.lines import cut, lines_of, visible
from aurora_dev.interfaces.cli.output.snippet import choose_lines, heading_row, query_pattern

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from aurora_dev.indexing.project_index import IndexAge
    from aurora_dev.indexing.report import IndexReport
    from aurora_dev.memory import MemoryStatus

PLAIN_WIDTH = 200  # columns of a line where no terminal says how wide it is; longer ones are generated or data
_HIGHLIGHTED_CHARS = 50_000  # longer results are shown without syntax colours, which take 10 ms per 1,000 lines
_STAGES = ("vector", "keyword", "rrf", "signals", "mmr", "rerank", "blend", "unread")
_THEME = "ansi_dark"  # the terminal's own sixteen colours, so that it fits light and dark backgrounds
_NOTE_ID_CHARS = 8


def to_json(value: Any) -> str:
    """Return indented JSON in ASCII: any encoding can carry it, and no character in it can drive a terminal."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=True, default=str, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


def results_as_data(query: str, project: Path, results: SearchResults) -> dict[str, Any]:
    """Return a search as the JSON object that ``aurora search --json`` prints."""
    return {
        "query": query,
        "project": str(project),
        "search_method": results.search_method,
        "message": results.message,
        "degraded": results.degraded,
        "notices": [{"code": notice.code, "text": notice.text} for notice in results.notices],
        "timings": dict(results.timings),
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


def place_of(result: SearchResult, project: Path) -> str:
    """Return ``path:start-end`` as seen from the current folder, or the note's short id."""
    metadata = result.metadata
    path = metadata.get("path")
    if is_commit(metadata):
        return f"commit {visible(str(metadata[COMMIT_KEY])[:_NOTE_ID_CHARS])}"
    if not path or _is_memory(metadata):
        return f"note {visible(result.id[:_NOTE_ID_CHARS])}"
    lines = f":{metadata['start_line']}-{metadata.get('end_line', '')}" if _has_lines(result) else ""
    return visible(f"{shown_path(project / str(path))}{lines}")


def _is_memory(metadata: Mapping[str, Any]) -> bool:
    # It may name the code that it is about, which is not where it stands.
    return "importance" in metadata and not is_chunk(metadata)


def shown_path(path: Path) -> str:
    """Return a path that can be opened from the current folder, with forward slashes."""
    absolute = path.absolute()
    try:
        relative = Path(os.path.relpath(absolute))
    except (ValueError, OSError):  # another drive of Windows; a current folder that was removed
        return absolute.as_posix()
    return min(relative.as_posix(), absolute.as_posix(), key=len)


def about(result: SearchResult, query: str = "") -> str:
    """Return what a result is: its symbol, the one that the query names if it has several, and kind; a note's tags."""
    metadata = result.metadata
    symbol, kind = asked_symbol(query, metadata), str(metadata.get("kind") or "")
    if kind != "section" and symbol != str(metadata.get("symbol") or ""):
        kind = ""  # what is stored is the kind of the main symbol
    tags = metadata.get("tags")
    named = ", ".join(map(str, tags)) if isinstance(tags, list) else ""
    parts = [symbol, f"({kind})" if kind else "", f"[{named}]" if named else ""]
    if _is_memory(metadata):
        parts[0] = ""
        parts += ["your own" if metadata.get("scope") == "user" else ""]
        parts += [f"stale: {metadata['stale']}" if metadata.get("stale") else ""]
    return visible(" ".join(part for part in parts if part))


def stage_scores(result: SearchResult) -> str:
    """Return every stage's own figure, in the order of the stages."""
    known = [stage for stage in _STAGES if stage in result.scores]
    known += sorted(set(result.scores) - set(known))
    return "  ".join(f"{stage} {result.scores[stage]:.4g}" for stage in known)


def explanation(results: SearchResults) -> list[str]:
    """Return how a search came about: its stages and what each of them took."""
    took = "  ".join(f"{visible(stage)} {seconds * 1e3:.1f} ms" for stage, seconds in results.timings.items())
    return [f"method   {results.search_method} ({results.message})", f"timings  {took}"]


def plain_results(query: str, project: Path, results: SearchResults, *, explain: bool = False) -> str:
    """Return results for a pipe or a file: no colours, no wrapping, long lines cut."""
    pattern = query_pattern(query)
    blocks = []
    for result in results:
        head = "  ".join(
            part for part in (place_of(result, project), about(result, query), f"{result.score:.3f}") if part
        )
        rows = [head]
        if explain:
            rows.append(f"    {stage_scores(result)}")
        rows += _plain_snippet(query, result, pattern)
        blocks.append("\n".join(rows))
    if explain:
        blocks.append("\n".join(explanation(results)))
    return "\n\n".join(blocks) + "\n"


def _plain_snippet(query: str, result: SearchResult, pattern: re.Pattern[str] | None) -> list[str]:
    lines, first = lines_of(result.content), _first_line(result)
    chosen = choose_lines(lines, pattern, head=_head(lines, query, result))
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
    console: Console, query: str, project: Path, results: SearchResults, *, explain: bool = False
) -> None:
    """Print results for a person: syntax colours, the query's words marked, lines cut at the terminal's edge."""
    from rich.text import Text

    unicode = (console.encoding or "").lower().startswith("utf")
    bar, mark = ("│", "…") if unicode else ("|", "...")
    pattern = query_pattern(query)
    for number, result in enumerate(results, start=1):
        head = Text(f"{number:>2} ", style="dim")
        head.append(place_of(result, project), style="bold cyan" if result.metadata.get("path") else "bold magenta")
        if what := about(result, query):
            head.append(f"  {what}")
        head.append(f"  {result.score:.3f}", style="green")
        _print_line(console, head, mark)
        if explain:
            _print_line(console, Text(f"   {stage_scores(result)}", style="dim"), mark)
        for row in _coloured_snippet(query, result, pattern, bar, mark):
            _print_line(console, row, mark)
        if number < len(results):
            console.print()
    if explain:
        console.print()
        for line in explanation(results):
            console.print(Text(line, style="dim"), soft_wrap=True)


def _coloured_snippet(
    query: str, result: SearchResult, pattern: re.Pattern[str] | None, bar: str, mark: str
) -> list[Text]:
    from rich.text import Text

    lines, first = lines_of(result.content), _first_line(result)
    chosen = choose_lines(lines, pattern, head=_head(lines, query, result))
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
                code.stylize("bold underline", *found.span())
        number = f"{first + row if _has_lines(result) else '':>{width}}"
        rows.append(Text.assemble((f"   {number} {bar} ", "dim"), code))
    return rows


def _coloured(lines: Sequence[str], language: str) -> list[Text]:
    from rich.text import Text

    plain = [Text(line) for line in lines]
    source = "\n".join(lines)
    if not language or len(source) > _HIGHLIGHTED_CHARS:
        return plain
    from rich.syntax import Syntax

    coloured = Syntax(source, language, theme=_THEME, background_color="default").highlight(source)
    split = list(coloured.split("\n", allow_blank=True))
    # A lexer that adds or drops lines would put colours, or worse, text in the wrong place.
    same = [row.plain for row in split[: len(lines)]] == list(lines)
    return split[: len(lines)] if same else plain


def _print_line(console: Console, line: Text, mark: str) -> None:
    if line.cell_len > console.width:
        line.truncate(console.width - len(mark))
        line.append(mark, style="dim")
    console.print(line, no_wrap=True, overflow="ignore", crop=False, highlight=False, soft_wrap=True)


def _head(lines: Sequence[str], query: str, result: SearchResult) -> int | None:
    symbol = asked_symbol(query, result.metadata)
    if symbol and result.metadata.get("kind") == "section":
        return 0  # a heading's mark is a comment's in code
    return heading_row(lines, symbol)


def _has_lines(result: SearchResult) -> bool:
    return isinstance(result.metadata.get("start_line"), int)


def _first_line(result: SearchResult) -> int:
    return int(result.metadata["start_line"]) if _has_lines(result) else 1


def _margin(lines: Sequence[str], chosen: Sequence[int | None]) -> int:
    shown = "\n".join(lines[row] for row in chosen if row is not None)
    first = next((line for line in shown.split("\n") if line.strip()), "")
    dedented = next((line for line in textwrap.dedent(shown).split("\n") if line.strip()), "")
    return len(first) - len(dedented)


def stdout_is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def size_of(count: int) -> str:
    """Return a number of bytes for a person."""
    amount = float(count)
    for unit in ("bytes", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: ``1 file``, ``1,203 files``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def report_text(root: Path, report: IndexReport) -> str:
    """Return what ``aurora index`` says when it is done."""
    files = report.files_added + report.files_updated + report.files_unchanged
    lines = [
        f"indexed {visible(str(root.absolute()))} in {report.seconds:.1f} s: {counted(files, 'file')}, "
        f"{counted(report.chunks_total, 'chunk')}"
    ]
    changes = (
        (report.files_added, "added"),
        (report.files_updated, "updated"),
        (report.files_removed, "removed"),
        (report.files_unchanged, "unchanged"),
    )
    lines.append("  files: " + (", ".join(f"{count:,} {what}" for count, what in changes if count) or "none to read"))
    if report.files_skipped:
        reasons = ", ".join(f"{visible(reason)} {count:,}" for reason, count in report.skipped_reasons.items())
        lines.append(f"  skipped: {reasons}")
    history = report.history
    if history is not None and (history.commits_total or history.commits_removed):
        changed = f"{history.commits_added:,} added, {history.commits_removed:,} removed"
        lines.append(f"  history: {counted(history.commits_total, 'commit')}, {changed}")
    if report.secrets_masked:
        lines.append(f"  {counted(report.secrets_masked, 'credential')} masked")
    return "\n".join(lines)


def age_text(age: IndexAge) -> str:
    """Return how old an index is, in a few words."""
    run = age.last_run
    if run is not None and run.outcome == "running":
        far = f" ({run.files_done:,} of {run.files_total:,} files)" if run.files_total else ""
        return f"being indexed now{far}"
    ended = {"failed": "last run failed", "cancelled": "last run cancelled", "interrupted": "last run interrupted"}
    parts = [ended[run.outcome]] if run is not None and run.outcome in ended else []
    if age.current_at is not None:
        parts.append(f"current as of {elapsed(time.time() - age.current_at)} ago")
    if age.stale_files is not None:
        parts.append(f"{counted(age.stale_files, 'stale file')}" if age.stale_files else "no stale files")
    return ", ".join(parts) or "of unknown age"


def elapsed(seconds: float) -> str:
    """Return a time span for a person: ``12 s``, ``5 min``, ``3 h``, ``4 days``."""
    for unit, size in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def status_text(status: MemoryStatus) -> str:
    """Return what ``aurora status`` shows: what is stored, with which models, what is degraded, and every setting."""
    stored = f"{counted(status.files, 'file')}, {counted(status.chunks, 'chunk')}"
    if status.notes:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in status.notes.items())
        stored += f", {counted(sum(status.notes.values()), 'note')} ({kinds})"
    if status.commits:
        stored += f", {counted(status.commits, 'commit')}"
    languages = ", ".join(f"{language} {count:,}" for language, count in status.languages.items())
    of = f", of {status.stored_embedder}" if status.stored_embedder not in (None, status.embedder) else ""
    rows = [
        ("project", str(status.project)),
        ("store", f"{shown_path(status.store)} ({size_of(status.store_bytes)}, namespace '{status.namespace}')"),
        ("stored", stored),
        ("index", age_text(status.index)),
        ("languages", languages or "none"),
        ("vectors", f"{status.vectors:,} of {counted(status.records, 'record')}{of}"),
        ("embedder", status.embedder + (f" ({status.dimension} dimensions)" if status.dimension else "")),
        ("reranker", status.reranker or "none"),
    ]
    lines = [f"{name:<10} {visible(value)}" for name, value in rows]
    lines.append("")
    if status.problems:
        lines.append("could work better:")
        for problem in status.problems:
            lines += [f"  - {visible(problem.text)}", f"    fix: {visible(problem.fix)}"]
    else:
        lines.append("everything that is configured works")
    lines += ["", "settings:"]
    width = max(len(setting.name) for setting in status.settings)
    for setting in status.settings:
        value = "(not set)" if setting.value is None else str(setting.value)
        lines.append(visible(f"  {setting.name:<{width}}  {value}  ({setting.source})"))
    return "\n".join(lines)
