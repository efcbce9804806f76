"""Notes as text for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aurora_dev.core.text.visible import visible
from aurora_dev.core.types import SearchResult
from aurora_dev.interfaces.cli.output.render import PLAIN_WIDTH, cut, lines_of
from aurora_dev.notes.model.types import DEFAULT_IMPORTANCE, Note, OpenConflict

_ID_CHARS = 8
_LINE_CHARS = 100  # of a text in a list


def note_line(note: Note) -> str:
    """Return a note in one line: short id, date, kind, tags, the beginning of its text, and why it is stale."""
    tags = f" [{', '.join(note.tags)}]" if note.tags else ""
    stale = f"  (stale: {note.stale})" if note.stale else ""
    text = cut(" ".join(note.content.split()), _LINE_CHARS)
    return visible(f"{note.id[:_ID_CHARS]}  {_day(note.created_at)}  {note.kind}{tags}  {text}{stale}")


def note_block(result: SearchResult) -> str:
    """Return a note that a search found, with its whole text."""
    metadata = result.metadata
    parts = [f"note {result.id[:_ID_CHARS]}", f"({metadata.get('kind', 'note')})"]
    tags = metadata.get("tags")
    if isinstance(tags, list) and tags:
        parts.append(f"[{', '.join(map(str, tags))}]")
    if metadata.get("scope") == "user":
        parts.append("your own")
    parts.append(f"{result.score:.3f}")
    rows = [visible("  ".join(parts)), *(cut(f"    {line}", PLAIN_WIDTH) for line in lines_of(result.content))]
    return "\n".join([*rows, *(f"    {line}" for line in _warnings(metadata))])


def conflict_block(conflict: OpenConflict) -> str:
    """Return two notes that may contradict each other, the later one first, and the reason."""
    return "\n".join([note_line(conflict.note), note_line(conflict.other), visible(f"    {conflict.reason}")])


def shown_note(note: Note, history: Sequence[Note], conflicts: Sequence[OpenConflict] = ()) -> str:
    """Return a note with all its fields, its history and its conflicts."""
    fields: list[tuple[str, str | None]] = [
        ("id", note.id),
        ("kind", note.kind),
        ("tags", ", ".join(note.tags)),
        ("importance", str(note.importance) if note.importance != DEFAULT_IMPORTANCE else None),
        ("scope", "your own, for all projects" if note.scope == "user" else None),
        ("source", note.source),
        ("about", " ".join(part for part in (note.path, note.symbol) if part)),
        ("stale", note.stale),
        ("created", _time(note.created_at)),
        ("updated", _time(note.updated_at) if note.updated_at != note.created_at else None),
        ("expires", _time(note.expires_at) if note.expires_at is not None else None),
        ("replaced by", note.superseded_by),
        ("said", f"{note.said} times" if note.said > 1 else None),
        ("recalled", f"{note.uses} times" if note.uses else None),
        *((key, str(value)) for key, value in note.metadata.items()),
    ]
    rows = [visible(f"{name:<11} {value}") for name, value in fields if value]
    rows += ["", *lines_of(note.content)]
    if conflicts:
        others = [(each.other if each.note.id == note.id else each.note, each.reason) for each in conflicts]
        rows += ["", "may contradict:", *(visible(f"  {note_line(other)}  ({reason})") for other, reason in others)]
    if history:
        rows += ["", "earlier:", *(f"  {note_line(version)}" for version in history)]
    return "\n".join(rows)


def _warnings(metadata: Mapping[str, Any]) -> list[str]:
    return [visible(f"stale: {metadata['stale']}")] if metadata.get("stale") else []


def _day(seconds: float) -> str:
    return _time(seconds)[:10]


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds).isoformat(" ", "seconds")
    except (OverflowError, OSError, ValueError):
        return f"{seconds:.0f} s"
