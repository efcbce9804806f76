"""The report of an indexing run, and the line for each batch of ``aurora watch``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.core.text.visible import visible
from aurora_dev.indexing.file_reader import NOT_CUT, NOT_STORED
from aurora_dev.interfaces.cli.output.render import counted

if TYPE_CHECKING:
    from aurora_dev.history.report import HistoryReport
    from aurora_dev.indexing.report import IndexReport
    from aurora_dev.indexing.walker import Skipped
    from aurora_dev.indexing.watch import WatchBatch
    from aurora_dev.memory.dense import DenseStatus

_MOST_FILES: Final = 5  # named; ``--json`` lists all


def report_text(root: Path, report: IndexReport) -> str:
    """Return the summary that ``aurora index`` prints."""
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
    if report.cut_by_lines:
        lines.append(f"  cut by lines: {_files_with_reasons(report.cut_by_lines)}")
    if report.not_utf8:
        named = (f"{path} as {report.encodings.get(path, 'another')}" for path in report.not_utf8[:_MOST_FILES])
        names = visible(", ".join(named))
        more = ", …" if len(report.not_utf8) > _MOST_FILES else ""
        lines.append(f"  not UTF-8, read in another encoding: {counted(len(report.not_utf8), 'file')} ({names}{more})")
    history = report.history
    if history is not None and (history.commits_total or history.commits_removed):
        changed = f"{history.commits_added:,} added, {history.commits_removed:,} removed"
        lines.append(f"  history: {counted(history.commits_total, 'commit')}, {changed}")
    if history is not None and history.failed:
        names = ", ".join(name[:10] for name in history.failed[:_MOST_FILES])
        lines.append(f"  not stored, to be tried again: {counted(len(history.failed), 'commit')} ({names})")
    if history is not None:
        lines += _damages(history)
    broken = [entry.path for entry in report.skipped if entry.reason in (NOT_CUT, NOT_STORED)]
    if broken:
        names = visible(", ".join(broken[:_MOST_FILES]))
        lines.append(f"  not indexed, to be tried again: {counted(len(broken), 'file')} ({names})")
    if report.without_vectors_count:
        names = visible(", ".join(report.without_vectors[:_MOST_FILES]))
        lines.append(
            f"  no vector for {counted(report.without_vectors_count, 'record')} that the embedder refused ({names}): "
            "keywords alone find them. They are tried again when the file changes, or with: aurora index --reembed"
        )
    if report.secrets_masked:
        lines.append(f"  {counted(report.secrets_masked, 'credential')} masked")
    return "\n".join(lines)


def dense_text(dense: DenseStatus | None) -> str:
    """Return the line about the dense vectors, after a line break; nothing where nobody asks for them."""
    if dense is None:
        return ""
    behind = " They are being made in the background; aurora status shows how far." if dense.running else ""
    return f"\n  dense vectors: {dense.made:,} of {counted(dense.total, 'record')}.{behind}"


def _damages(history: HistoryReport) -> list[str]:
    """Return the lines about a history that cannot be read completely."""
    lines = []
    for hashes, meaning in (
        (history.unreadable, "cannot be read"),
        (history.incomplete, "stored without all changed files"),
    ):
        if hashes:
            names = ", ".join(name[:10] for name in hashes[:_MOST_FILES])
            lines.append(
                f"  the repository is damaged: {counted(len(hashes), 'commit')} {meaning} ({names}), tried again by "
                "the next run; git fsck lists what is missing"
            )
    if history.skipped and history.skipped.startswith("git "):
        lines.append(f"  history: not read, stored commits are kept: {visible(history.skipped)}")
    return lines


def _files_with_reasons(entries: Sequence[Skipped]) -> str:
    shown = [f"{visible(entry.path)} ({visible(entry.reason)})" for entry in entries[:_MOST_FILES]]
    more = len(entries) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def batch_text(batch: WatchBatch) -> str:
    """Return a batch as one line: ``12:03:01  2 files updated, 1 removed (0.1 s)``."""
    when = datetime.fromtimestamp(batch.at).strftime("%H:%M:%S")
    if batch.error is not None:
        return visible(f"{when}  failed, will be tried again: {batch.error}")
    parts = []
    if batch.files_updated:
        parts.append(f"{counted(batch.files_updated, 'file')} updated")
    if batch.files_removed:
        parts.append(f"{counted(batch.files_removed, 'file')} removed")
    if batch.commits:
        parts.append(counted(batch.commits, "new commit"))
    return f"{when}  {', '.join(parts) or 'up to date'} ({batch.seconds:.1f} s)"
