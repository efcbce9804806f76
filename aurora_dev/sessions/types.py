"""Sessions as values: what an assistant was asked, what it concluded and what it changed. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = [
    "CaptureReport",
    "Failure",
    "Session",
    "SessionExchange",
    "SessionSummary",
    "SessionsPruned",
    "SkippedTranscript",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """A command that failed in an exchange.

    Attributes:
        command: The command, shortened.
        error: The end of what it printed, shortened; may be empty.
        fix: The next run of the same program that succeeded, or the file that was changed before it; ``None`` if the
            command did not succeed later in the exchange.
    """

    command: str
    error: str = ""
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session as a whole.

    Attributes:
        id: The assistant's own id, with which the assistant resumes the session.
        client: The assistant: ``claude-code``, ``codex``, ….
        started: Time of the first exchange, with a time zone; ``None`` if the transcript has no times.
        ended: Time of the last line that was read.
        branch: The git branch at the end; ``None`` if unknown.
        first_request: The first request of the person, shortened.
        conclusion: The last summary or conclusion of the assistant, shortened; may be empty.
        files_changed: Files that were changed, relative to the project, POSIX, in order of their first change.
        open_ends: What was left open: a last request without an answer, commands that failed and were not mended, and
            tasks that the assistant listed and did not finish. At most 5.
        exchanges: The number of exchanges.
        resume: The command that resumes the session; ``None`` if the assistant has none.
        record: The id of the record in the store.
    """

    id: str
    client: str
    started: datetime | None
    ended: datetime | None
    branch: str | None
    first_request: str
    conclusion: str
    files_changed: tuple[str, ...] = ()
    open_ends: tuple[str, ...] = ()
    exchanges: int = 0
    resume: str | None = None
    record: str = ""


@dataclass(frozen=True, slots=True)
class SessionExchange:
    """One exchange: a request, and what came of it.

    Attributes:
        number: 1-based position in the session.
        request: What the person asked.
        conclusion: What the assistant answered last; empty if the exchange was interrupted.
        at: Time of the request; ``None`` if unknown.
        files_read: Files that were read, relative to the project.
        files_changed: Files that were changed, relative to the project.
        failures: Commands that failed, in order.
        branch: The git branch, if known.
        commit: The commit that was made or checked out, if known.
        rewound: Whether the person went back to before this exchange later.
        agent: The name of the subagent whose exchange this is; ``None`` for the assistant itself.
        record: The id of the record in the store.
    """

    number: int
    request: str
    conclusion: str
    at: datetime | None = None
    files_read: tuple[str, ...] = ()
    files_changed: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    branch: str | None = None
    commit: str | None = None
    rewound: bool = False
    agent: str | None = None
    record: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """A session with its exchanges, in order."""

    summary: SessionSummary
    exchanges: tuple[SessionExchange, ...]


@dataclass(frozen=True, slots=True)
class SkippedTranscript:
    """A transcript, or a part of one, that was not read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class CaptureReport:
    """The report of a capture.

    Attributes:
        transcripts: The number of transcripts that belong to the project.
        read: The number of them with something new.
        sessions: The number of sessions whose records were written.
        exchanges_added: The number of exchanges that are new in the store.
        exchanges_updated: The number of exchanges that were stored before and have grown.
        removed: The number of records that were removed: of rewritten transcripts, and beyond the limits.
        skipped: Transcripts that could not be read, or only in part.
        bytes_read: The number of bytes that were read.
        seconds: How long it took.
    """

    transcripts: int = 0
    read: int = 0
    sessions: int = 0
    exchanges_added: int = 0
    exchanges_updated: int = 0
    removed: int = 0
    skipped: tuple[SkippedTranscript, ...] = ()
    bytes_read: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionsPruned:
    """The sessions that a prune removed: their number, and that of their records."""

    sessions: int = 0
    records: int = 0
