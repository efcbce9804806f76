"""Sessions and exchanges as documents of a store, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Final

from aurora_dev.core.record_kinds import SESSION_EXCHANGE, SESSION_KEY, SESSION_KIND, SESSION_WHOLE
from aurora_dev.core.types import Document, MetadataValue, document_id
from aurora_dev.lazy import lazy_pattern
from aurora_dev.sessions.exchanges import Exchange, Whole
from aurora_dev.sessions.text import cut, one_line
from aurora_dev.sessions.types import Failure, SessionExchange, SessionSummary

__all__ = ["exchange_document", "exchange_of", "record_id", "summary_of", "whole_document", "whole_id"]

_FILES_IN_TEXT: Final = 4  # a long list would outweigh the words; with 12, vectors find a fifth less
_READ_IN_TEXT: Final = 3
_FAILURES_IN_TEXT: Final = 4
_MOST_FIRST: Final = 300  # characters of a first request or a title in the metadata
_MOST_LAST: Final = 1_500
_MOST_FILES: Final = 100
_SHORT_ID: Final = 8
_PLAIN_ID: Final = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_NAMES: Final[Mapping[str, str]] = {
    "claude-code": "Claude Code",
    "codex": "Codex",
    "gemini-cli": "Gemini CLI",
    "opencode": "opencode",
    "cursor": "Cursor",
}
_RESUME: Final[Mapping[str, str]] = {
    "claude-code": "claude --resume {}",
    "codex": "codex resume {}",
    "gemini-cli": "gemini --resume {}",
    "opencode": "opencode --session {}",
    "cursor": "cursor-agent --resume={}",
}


def record_id(namespace: str, client: str, key: str) -> str:
    """Return the id of an exchange's record: the same for every copy of the exchange."""
    return document_id(namespace, Document(f"{client}|{key}", {"kind": SESSION_KIND}))


def whole_id(namespace: str, client: str, session: str) -> str:
    """Return the id of the record of a session as a whole."""
    return document_id(namespace, Document(f"{client}:{session}", {"kind": SESSION_KIND}))


def exchange_document(
    exchange: Exchange, session: str, client: str, transcript: str, namespace: str, *, fallback: float
) -> Document:
    """Return the document of an exchange.

    Args:
        exchange: The exchange.
        session: The id of its session.
        client: The assistant.
        transcript: The key of the transcript; see `transcript_key`.
        namespace: The store's namespace.
        fallback: The time of an exchange whose transcript has no times, seconds since the epoch.
    """
    request, conclusion, failures = exchange.request, exchange.concluded, exchange.failures
    at = exchange.at if exchange.at is not None else fallback
    parts = [request]
    if conclusion:
        parts.append(conclusion)
    by = f", subagent {exchange.agent}" if exchange.agent else ""
    on = f" on branch {exchange.branch}" if exchange.branch else ""
    facts = [f"{_NAMES.get(client, client)} session {session[:_SHORT_ID]}{by}, {_day(at)}{on}"]
    facts += _named("Changed", exchange.files_changed, _FILES_IN_TEXT)
    facts += _named("Read", exchange.files_read, _READ_IN_TEXT)
    for command, error, fix in failures[:_FAILURES_IN_TEXT]:
        line = f"Failed: {command}"
        last = error.strip().splitlines()[-1] if error.strip() else ""
        line += f": {one_line(last, 200)}" if last else ""
        facts.append(line + (f". Fixed by: {fix}" if fix else ""))
    parts.append("\n".join(facts))
    metadata: dict[str, MetadataValue] = {
        "kind": SESSION_KIND,
        SESSION_KEY: SESSION_EXCHANGE,
        "session": session,
        "client": client,
        "transcript": transcript,
        "number": exchange.number,
        "created_at": at,
        "ended_at": exchange.ended if exchange.ended is not None else at,
        "request_chars": len(request),
        "conclusion_chars": len(conclusion),
    }
    if exchange.at is None:
        metadata["time_unknown"] = True
    if exchange.files_changed:
        metadata["files"] = exchange.files_changed[:_MOST_FILES]
    if exchange.files_read:
        metadata["files_read"] = exchange.files_read[:_MOST_FILES]
    if failures:
        metadata["failures"] = [json.dumps(failure, ensure_ascii=False) for failure in failures]
    if exchange.branch:
        metadata["branch"] = exchange.branch
    if exchange.commit:
        metadata["at_commit"] = exchange.commit
    if exchange.agent:
        metadata["agent"] = exchange.agent
    if exchange.rewound:
        metadata["rewound"] = True
    return Document("\n\n".join(parts), metadata, record_id(namespace, client, exchange.key))


def whole_document(
    whole: Whole,
    open_ends: Sequence[str],
    client: str,
    transcript: str,
    namespace: str,
    *,
    fallback: float,
    first_request: str,
    exchanges: int,
) -> Document:
    """Return the document of a session as a whole; arguments as of `exchange_document`."""
    first, title, summary, last, ends = first_request, whole.title, whole.summary, whole.conclusion, list(open_ends)
    ended = whole.ended if whole.ended is not None else fallback
    started = whole.started if whole.started is not None else ended
    number = f"{exchanges:,} exchange{'' if exchanges == 1 else 's'}"
    on = f" on branch {whole.branch}" if whole.branch else ""
    parts = [cut("\n".join(filter(None, (title, first))), 2_000)]
    parts += [cut(text, 3_000) for text in dict.fromkeys((summary, last)) if text]
    facts = [f"{_NAMES.get(client, client)} session {whole.id[:_SHORT_ID]} of {_day(started)}{on}, {number}"]
    facts += _named("Changed", whole.files_changed, _FILES_IN_TEXT)
    facts += [f"Left open: {end}" for end in ends]
    parts.append("\n".join(facts))
    metadata: dict[str, MetadataValue] = {
        "kind": SESSION_KIND,
        SESSION_KEY: SESSION_WHOLE,
        "session": whole.id,
        "client": client,
        "transcript": transcript,
        "created_at": ended,
        "started_at": started,
        "first_request": one_line(first, _MOST_FIRST),
        "conclusion": cut(last or summary, _MOST_LAST),
        "exchanges": exchanges,
    }
    if whole.started is None:
        metadata["time_unknown"] = True
    if title:
        metadata["title"] = one_line(title, _MOST_FIRST)
    if whole.branch:
        metadata["branch"] = whole.branch
    if whole.files_changed:
        metadata["files"] = whole.files_changed[:_MOST_FILES]
    if ends:
        metadata["open_ends"] = ends
    return Document("\n\n".join(filter(None, parts)), metadata, whole_id(namespace, client, whole.id))


def summary_of(metadata: Mapping[str, Any], record: str) -> SessionSummary:
    """Return a session as a whole from the metadata of its record."""
    unknown = metadata.get("time_unknown") is True
    client, session = str(metadata.get("client", "")), str(metadata.get("session", ""))
    resume = _RESUME.get(client)
    return SessionSummary(
        id=session,
        client=client,
        started=None if unknown else _moment(metadata.get("started_at")),
        ended=_moment(metadata.get("created_at")),
        branch=_text(metadata.get("branch")),
        first_request=_text(metadata.get("title")) or _text(metadata.get("first_request")) or "",
        conclusion=_text(metadata.get("conclusion")) or "",
        files_changed=_texts(metadata.get("files")),
        open_ends=_texts(metadata.get("open_ends")),
        exchanges=_number(metadata.get("exchanges")),
        resume=resume.format(session) if resume and _PLAIN_ID.fullmatch(session) else None,
        record=record,
    )


def exchange_of(content: str, metadata: Mapping[str, Any], record: str) -> SessionExchange:
    """Return an exchange from its record."""
    size, more = _number(metadata.get("request_chars")), _number(metadata.get("conclusion_chars"))
    failures = []
    for text in _texts(metadata.get("failures")):
        try:
            command, error, fix = json.loads(text)
            failures.append(Failure(str(command), str(error), str(fix) or None))
        except (ValueError, TypeError):
            continue
    return SessionExchange(
        number=_number(metadata.get("number")),
        request=content[:size],
        conclusion=content[size + 2 : size + 2 + more] if more else "",
        at=None if metadata.get("time_unknown") is True else _moment(metadata.get("created_at")),
        files_read=_texts(metadata.get("files_read")),
        files_changed=_texts(metadata.get("files")),
        failures=tuple(failures),
        branch=_text(metadata.get("branch")),
        commit=_text(metadata.get("at_commit")),
        rewound=metadata.get("rewound") is True,
        agent=_text(metadata.get("agent")),
        record=record,
    )


def _named(label: str, files: Sequence[str], most: int) -> list[str]:
    if not files:
        return []
    more = len(files) - most
    return [f"{label}: {', '.join(files[:most])}" + (f" and {more:,} more" if more > 0 else "")]


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).date().isoformat()


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
