"""The report of ``aurora status``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aurora_dev.core.text.visible import visible
from aurora_dev.interfaces.cli.output.render import counted, elapsed, shown_path, size_of

if TYPE_CHECKING:
    from aurora_dev.indexing.project_index import IndexAge
    from aurora_dev.memory import MemoryStatus


def status_text(status: MemoryStatus) -> str:
    """Return the contents of the store, the models, the problems and every setting."""
    stored = f"{counted(status.files, 'file')}, {counted(status.chunks, 'chunk')}"
    if status.notes:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in status.notes.items())
        stored += f", {counted(sum(status.notes.values()), 'note')} ({kinds})"
    if status.conflicts:
        stored += f", {counted(status.conflicts, 'conflict')} to settle (aurora list --conflicts)"
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
