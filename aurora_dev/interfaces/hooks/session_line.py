"""Records of sessions as lines of text."""

from __future__ import annotations

import time
from typing import Final

from aurora_dev.core.quick_reader import QuickRecord
from aurora_dev.core.record_kinds import SESSION_KEY, SESSION_WHOLE, is_session
from aurora_dev.interfaces.hooks.texts import one_line

__all__ = ["is_whole", "session_line", "session_of", "summary_line"]

_LONGEST: Final = 500  # characters of an exchange
_LONGEST_PART: Final = 220  # characters of what a session was asked, or concluded


def session_of(record: QuickRecord) -> tuple[str, float]:
    """Return the session that a record belongs to and the time of what it holds; an empty text for other records."""
    if not is_session(record.metadata):
        return "", 0.0
    session, at = record.metadata.get("session"), record.metadata.get("created_at")
    known = isinstance(at, int | float) and not isinstance(at, bool)
    return session if isinstance(session, str) else "", float(at) if known and at is not None else 0.0


def is_whole(record: QuickRecord) -> bool:
    """Return whether a record is a session as a whole."""
    return record.metadata.get(SESSION_KEY) == SESSION_WHOLE


def session_line(record: QuickRecord) -> str:
    """Return an exchange of a session, or a session as a whole, as a line."""
    return f"- {_label(record)} {one_line(record.content, _LONGEST)}"


def summary_line(record: QuickRecord) -> str:
    """Return a session as a whole as a line: what was asked first, what was concluded last, what was left open."""
    found = []
    for name, value in (
        ("asked", record.metadata.get("title") or record.metadata.get("first_request")),
        ("concluded", record.metadata.get("conclusion")),
        ("left open", record.metadata.get("open_ends")),
    ):
        text = "; ".join(map(str, value)) if isinstance(value, list) else str(value or "")
        if text.strip():
            found.append(f"{name}: {one_line(text, _LONGEST_PART)}")
    return f"- {_label(record)} {' | '.join(found)}"


def _label(record: QuickRecord) -> str:
    session, at = session_of(record)
    facts = [one_line(str(record.metadata.get("client") or "session"), 40)]
    if at:
        try:
            facts.append(time.strftime("%Y-%m-%d %H:%M", time.localtime(at)))
        except (OverflowError, OSError, ValueError):
            facts.append("at an unknown time")
    facts.append(f"session {one_line(session, 60)}")
    return f"[{', '.join(facts)}]"
