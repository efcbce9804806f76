"""The report of ``aurora status``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from aurora_dev.core.text.visible import visible
from aurora_dev.interfaces.cli.output.render import counted, elapsed, shown_path, size_of

if TYPE_CHECKING:
    from rich.console import Console

    from aurora_dev.indexing.project_index import IndexAge
    from aurora_dev.memory import MemoryStatus
    from aurora_dev.memory.dense import DenseStatus

_NAME_CHARS: Final = 10
_DEFAULT: Final = "default"  # the source of a setting that nothing sets
_ALL_WELL: Final = "everything that is configured works"


def status_text(status: MemoryStatus, *, every_setting: bool = False) -> str:
    """Return the contents of the store, the models, the problems and the settings, for a pipe or a file.

    Args:
        status: The status.
        every_setting: Whether to list settings that have their default too.
    """
    lines = [f"{name:<{_NAME_CHARS}} {value}" for name, value in _facts(status)]
    lines.append("")
    if status.problems:
        lines.append("could work better:")
        for problem in status.problems:
            lines += [f"  - {visible(problem.text)}", f"    fix: {visible(problem.fix)}"]
    else:
        lines.append(_ALL_WELL)
    settings = _settings(status, every_setting)
    lines += ["", _settings_heading(settings, every_setting)]
    width = max((len(name) for name, *_ in settings), default=0)
    lines += [f"  {name:<{width}}  {value}  ({source})" for name, value, source in settings]
    return "\n".join(lines)


def print_status(console: Console, status: MemoryStatus, *, every_setting: bool = False) -> None:
    """Print the status for a person: in colour, wrapped at the width of the terminal."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    facts = Table.grid(padding=(0, 1))
    for name, value in _facts(status):
        facts.add_row(Text(name, style="bold cyan"), Text(value, overflow="fold"))
    console.print(facts)
    console.print()
    if status.problems:
        console.print(Text("could work better:", style="yellow"))
        for problem in status.problems:
            console.print(Padding(Text(f"- {visible(problem.text)}", overflow="fold"), (0, 0, 0, 2)))
            console.print(Padding(Text(f"fix: {visible(problem.fix)}", style="green", overflow="fold"), (0, 0, 0, 4)))
    else:
        console.print(Text(_ALL_WELL, style="green"))
    settings = _settings(status, every_setting)
    console.print()
    console.print(Text(_settings_heading(settings, every_setting)))
    table = Table.grid(padding=(0, 2))
    for name, value, source in settings:
        table.add_row(
            Text(name, style="cyan"), Text(value, overflow="fold"), Text(source, style="dim", overflow="fold")
        )
    console.print(Padding(table, (0, 0, 0, 2)))


def _settings(status: MemoryStatus, every_setting: bool) -> list[tuple[str, str, str]]:
    """Return name, value and source of the settings to show."""
    return [
        (
            setting.name,
            "(not set)" if setting.value is None else visible(str(setting.value)),
            visible(setting.source),
        )
        for setting in status.settings
        if every_setting or setting.source != _DEFAULT
    ]


def _settings_heading(settings: Sequence[object], every_setting: bool) -> str:
    if every_setting:
        return "settings:"
    if not settings:
        return "settings: all have their defaults; aurora status --all lists them"
    return "settings that differ from the default (all: aurora status --all):"


def _facts(status: MemoryStatus) -> list[tuple[str, str]]:
    stored = f"{counted(status.files, 'file')}, {counted(status.chunks, 'chunk')}"
    if status.notes:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in status.notes.items())
        stored += f", {counted(sum(status.notes.values()), 'note')} ({kinds})"
    if status.conflicts:
        stored += f", {counted(status.conflicts, 'conflict')} to settle (aurora list --conflicts)"
    if status.commits:
        stored += f", {counted(status.commits, 'commit')}"
    if status.sessions:
        stored += f", {counted(status.sessions, 'session')}"
    languages = ", ".join(f"{language} {count:,}" for language, count in status.languages.items())
    of = f", of {status.stored_embedder}" if status.stored_embedder not in (None, status.embedder) else ""
    worktree = status.backend.get("worktree")
    rows = [
        ("project", str(status.project)),
        ("store", f"{shown_path(status.store)} ({size_of(status.store_bytes)}, namespace '{status.namespace}')"),
        *([("worktree", f"'{worktree}': files of its own; notes, commits and sessions shared")] if worktree else []),
        ("stored", stored),
        ("index", age_text(status.index)),
        ("languages", languages or "none"),
        ("vectors", f"{status.vectors:,} of {counted(status.records, 'record')}{of}"),
        *dense_row(status.dense),
        ("embedder", status.embedder + (f" ({status.dimension} dimensions)" if status.dimension else "")),
        ("reranker", status.reranker or "none"),
    ]
    if status.encodings:
        read = ", ".join(f"{encoding} {count:,}" for encoding, count in status.encodings.items())
        rows.insert(5, ("encodings", f"{counted(sum(status.encodings.values()), 'file')} not in UTF-8: {read}"))
    return [(name, visible(value)) for name, value in rows]


def dense_row(dense: DenseStatus | None) -> list[tuple[str, str]]:
    """Return the row about dense vectors; none where nobody has asked for any."""
    if dense is None or not (dense.made or dense.running):
        return []
    state = ", being made now" if dense.running else "" if dense.made >= dense.total else "; continue: aurora index"
    return [("dense", f"{dense.made:,} of {counted(dense.total, 'record')}, of {dense.model}{state}")]


def age_text(age: IndexAge) -> str:
    """Return the age of an index in a few words: ``current as of 5 min ago, no stale files``."""
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
