"""Candidates made from stored records: text made safe to show, lines in the file, and the interface."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final

from aurora_dev.core.context.items import Candidate
from aurora_dev.core.context.outline import interface_rows
from aurora_dev.core.record_kinds import COMMIT_KEY, is_chunk, is_session
from aurora_dev.core.text.fencing import safe
from aurora_dev.core.text.path_kinds import is_secondary

__all__ = ["make_candidate", "note_relevance"]

_NOTE_ID_CHARS: Final = 8
_MOST_RELEVANCE_OF_NOTES: Final = 0.9


def make_candidate(
    identifier: str,
    content: str,
    metadata: Mapping[str, Any],
    relevance: float,
    why: str,
    *,
    mask: bool,
    cut_lines: Container[tuple[str, int]] | None = None,
    asked_for: frozenset[str] = frozenset(),
    goes_whole: bool = False,
) -> Candidate:
    """Make a candidate from a record.

    Args:
        identifier: Id of the record.
        content: Its text as stored.
        metadata: Its path and lines, or the kind of a note.
        relevance: Above 0; 1 for the best hit.
        why: The reason for including it.
        mask: Whether credentials are masked.
        cut_lines: Path and number of each line that is so long that several records share it. ``None`` if that is
            unknown, and any record of one line may be only a part of it.
        asked_for: Kinds of files that the task names, from `aurora_dev.core.text.path_kinds.kinds_asked_for`.
        goes_whole: Whether the task may have to edit it.
    """
    path = metadata.get("path")
    start, end = metadata.get("start_line"), metadata.get("end_line")
    text = safe(content, mask=mask)
    rows = tuple(text.split("\n"))
    has_lines = isinstance(start, int) and isinstance(end, int) and 1 <= start <= end
    is_note = not is_chunk(metadata) and not (isinstance(path, str) and has_lines)
    created = metadata.get("created_at")
    language = str(metadata.get("language", ""))
    symbol, symbols = str(metadata.get("symbol", "")), metadata.get("symbols")
    if is_note:
        commit = metadata.get(COMMIT_KEY)
        if is_session(metadata):
            session = str(metadata.get("session") or identifier)
            source = f"session {session[:_NOTE_ID_CHARS]} {identifier[:_NOTE_ID_CHARS]}"
        else:
            source = f"commit {str(commit)[:_NOTE_ID_CHARS]}" if commit else f"note {identifier[:_NOTE_ID_CHARS]}"
        symbol = ", ".join([str(metadata.get("kind", "note")), *_note_warnings(metadata)])
    else:
        source = str(path)
    count = int(end) - int(start) + 1 if has_lines else 0  # type: ignore[arg-type]
    # Several records can be parts of one long line: they carry its number without being that line.
    whole = has_lines and count == len(rows)
    if whole and count == 1:
        whole = cut_lines is not None and (source, start) not in cut_lines
    return Candidate(
        id=identifier,
        source=source,
        start=int(start) if has_lines else 0,  # type: ignore[arg-type]
        rows=rows,
        head=interface_rows(text, language, tuple(map(str, symbols)) if isinstance(symbols, list) else ()),
        symbol=safe(symbol, mask=mask),
        relevance=relevance,
        why=why,
        whole_lines=whole,
        is_note=is_note,
        created=float(created) if isinstance(created, int | float) else 0.0,
        is_secondary=not is_note and is_secondary(source, asked_for),
        goes_whole=goes_whole and not is_note,
    )


def note_relevance(rank: int) -> float:
    """Return the relevance of the note at a 0-based rank among the notes about the task."""
    return _MOST_RELEVANCE_OF_NOTES / (1 + rank)


def _note_warnings(metadata: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know before trusting a note: that it is the user's own, and that it is stale."""
    warnings = ["the user's own"] if metadata.get("scope") == "user" else []
    return [*warnings, f"stale: {metadata['stale']}"] if metadata.get("stale") else warnings
