"""Records of sessions as lines of text."""

from __future__ import annotations

from typing import Final

from aurora_dev.core.quick_reader import QuickRecord
from aurora_dev.core.record_kinds import kind_of_record
from aurora_dev.interfaces.hooks.texts import one_line

__all__ = ["session_line", "session_of"]

_LONGEST: Final = 500  # characters


def session_of(record: QuickRecord) -> tuple[str, float | None]:
    """Return the session that a record belongs to and the time of what it holds; empty for other records."""
    if kind_of_record(record.metadata) != "session":
        return "", None
    session, at = record.metadata.get("session"), record.metadata.get("created_at")
    known = isinstance(at, int | float) and not isinstance(at, bool)
    return session if isinstance(session, str) else "", float(at) if known and at is not None else None


def session_line(record: QuickRecord) -> str:
    """Return an exchange of a session, or a session as a whole, as a line."""
    session, _ = session_of(record)
    return f"- [session {one_line(session, 60)}] {one_line(record.content, _LONGEST)}"
