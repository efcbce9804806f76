"""Sessions as text for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from aurora_dev.core.text.visible import visible
from aurora_dev.interfaces.cli.output.render import counted, cut, lines_of
from aurora_dev.sessions.types import Session, SessionExchange, SessionSummary

__all__ = ["session_lines", "shown_session"]

_ID_CHARS: Final = 8
_LINE_CHARS: Final = 100
_MOST_FILES: Final = 6


def session_lines(session: SessionSummary) -> list[str]:
    """Return a session on two or three lines: what was asked, which files changed, what was left open."""
    asked = cut(" ".join(session.first_request.split()), _LINE_CHARS)
    head = f"{session.id[:_ID_CHARS]}  {_time(session.ended)[:16]}  {session.client}"
    lines = [f"{head}  {counted(session.exchanges, 'exchange')}  {asked}"]
    if session.files_changed:
        lines.append(f"          changed {_listed(session.files_changed)}")
    lines += [f"          {cut(end, _LINE_CHARS)}" for end in session.open_ends[:1]]
    return [visible(line) for line in lines]


def shown_session(session: Session) -> str:
    """Return a session as a readable transcript."""
    summary = session.summary
    fields: list[tuple[str, str | None]] = [
        ("id", summary.id),
        ("assistant", summary.client),
        ("started", _time(summary.started)),
        ("ended", _time(summary.ended)),
        ("branch", summary.branch),
        ("changed", ", ".join(summary.files_changed)),
        ("resume", summary.resume),
    ]
    rows = [visible(f"{name:<10} {value}") for name, value in fields if value]
    rows += [visible(f"{'left open':<10} {end}") for end in summary.open_ends]
    for exchange in session.exchanges:
        rows += ["", *_exchange_rows(exchange)]
    return "\n".join(rows)


def _exchange_rows(exchange: SessionExchange) -> list[str]:
    notes = [f"subagent {exchange.agent}" if exchange.agent else "", "went back later" if exchange.rewound else ""]
    title = "  ".join(part for part in (f"## {exchange.number}", _time(exchange.at), *notes) if part)
    rows = [visible(title), *(f"> {line}" for line in lines_of(exchange.request))]
    rows += ["", *lines_of(exchange.conclusion)] if exchange.conclusion else ["", "(not answered)"]
    facts = [f"read: {_listed(exchange.files_read)}"] if exchange.files_read else []
    facts += [f"changed: {_listed(exchange.files_changed)}"] if exchange.files_changed else []
    for failure in exchange.failures:
        facts.append(f"failed: {failure.command}" + (f" (fixed by: {failure.fix})" if failure.fix else ""))
    facts += [f"commit: {exchange.commit}"] if exchange.commit else []
    return [*rows, *([""] if facts else []), *(visible(fact) for fact in facts)]


def _listed(files: Sequence[str]) -> str:
    more = len(files) - _MOST_FILES
    return ", ".join(files[:_MOST_FILES]) + (f" and {more:,} more" if more > 0 else "")


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone().isoformat(" ", "seconds")[:19]
