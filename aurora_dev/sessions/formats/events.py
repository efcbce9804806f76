"""The events of any transcript, in one vocabulary; and the protocol of a format.

A format turns a line into events and knows nothing of exchanges. `aurora_dev.sessions.exchanges` puts events together
and knows nothing of formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

from aurora_dev.sessions.formats.clients import Client

__all__ = [
    "Answer",
    "AssistantFolders",
    "Call",
    "Event",
    "Outcome",
    "Place",
    "Request",
    "Summary",
    "Tasks",
    "Title",
    "ToolKind",
    "TranscriptFormat",
    "as_list",
    "as_mapping",
    "as_text",
    "seconds_of",
]

ToolKind: TypeAlias = Literal["shell", "read", "edit", "other"]

_MILLISECONDS_FROM: Final = 100_000_000_000.0  # as seconds, this is the year 5138; as milliseconds, 1973
_LATEST: Final = 253_402_214_399.0  # 9999-12-30: no time zone leads beyond the calendar


@dataclass(frozen=True, slots=True)
class Place:
    """Where the session is: each field is ``None`` if the line does not say it."""

    session: str | None = None
    cwd: str | None = None
    branch: str | None = None
    commit: str | None = None
    agent: str | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """The request of a person, or the task of a subagent. It begins an exchange.

    Attributes:
        text: The request, without what the assistant's program added.
        at: Time, seconds since the epoch.
        key: The assistant's id of the message; empty if it has none.
        parent: The id of the message before it in the conversation, which tells that a person went back.
        doubtful: Whether the program may have written it: a certain request takes its place if nothing was done
            about it in between.
    """

    text: str
    at: float | None = None
    key: str = ""
    parent: str = ""
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A text that the assistant showed to the person."""

    text: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that the assistant used: a command, or files that were read or edited."""

    id: str
    tool: ToolKind
    command: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a `Call`: whether it failed (``None``: unknown), and what it printed."""

    id: str
    failed: bool | None
    text: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """The assistant's summary of the session so far, as it makes one before compaction."""

    text: str


@dataclass(frozen=True, slots=True)
class Title:
    """The title that a person or the assistant gave to the session."""

    text: str


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of the assistant's list that are not done; each such event replaces the one before it."""

    open: tuple[str, ...]


Event: TypeAlias = Place | Request | Answer | Call | Outcome | Summary | Title | Tasks


@dataclass(frozen=True, slots=True)
class AssistantFolders:
    """The folders in which assistants keep their data; ``None`` for an account without a home folder."""

    claude: Path | None = None
    codex: Path | None = None
    gemini: Path | None = None
    opencode: Path | None = None
    cursor: Path | None = None


class TranscriptFormat(Protocol):
    """The transcripts of one assistant: files that only grow, with a JSON value on each line.

    A format whose files are rewritten as a whole has ``grows = False``: such a file is read again when it has changed.
    """

    client: Client
    grows: bool

    def find(self, folders: AssistantFolders, projects: Sequence[Path]) -> Iterator[Path]:
        """Yield the transcripts that may belong to a project; unreadable folders are left out.

        Args:
            folders: The folders of assistants.
            projects: The folders of the project. Transcripts that another project's folder names may be left out.
        """
        ...

    def beside(self, path: Path) -> Iterator[Path]:
        """Yield the transcripts of the subagents of a transcript's session."""
        ...

    def is_mine(self, path: Path, folders: AssistantFolders) -> bool:
        """Return whether a path is a transcript of this assistant, by its name and place."""
        ...

    def start(self, path: Path) -> dict[str, Any]:
        """Return what is known of a transcript by its path; `events` keeps its own memory in it, as plain JSON."""
        ...

    def stamp(self, path: Path) -> tuple[float, int]:
        """Return the time of the last change, in seconds since the epoch, and a size that grows with every message.

        Raises:
            OSError: The transcript cannot be read.
        """
        ...

    def project_of(self, memory: Mapping[str, Any], projects: Sequence[Path]) -> str | None:
        """Return the folder of the session if the transcript's place tells it, and its lines do not."""
        ...

    def values(self, path: Path) -> Iterator[Any]:
        """Yield the lines of a transcript that does not grow.

        Raises:
            OSError: It cannot be read.
            ValueError: It is not in this format.
        """
        ...

    def events(self, line: Any, memory: dict[str, Any]) -> Iterable[Event]:
        """Return what a parsed line says. An unknown line says nothing; no line raises.

        Args:
            line: Any JSON value.
            memory: See `start`.
        """
        ...


def as_text(value: object) -> str:
    """Return a string as it is, and anything else as an empty one."""
    return value if isinstance(value, str) else ""


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping as it is, and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return a list as it is, and anything else as an empty one."""
    return value if isinstance(value, list) else []


def seconds_of(value: object) -> float | None:
    """Return a time in seconds since the epoch: of ISO 8601, or of a number of seconds or milliseconds."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return None
        if number > _MILLISECONDS_FROM:
            number /= 1_000
        return number if 0 < number < _LATEST else None
    if not isinstance(value, str) or not 10 <= len(value) <= 40:
        return None
    from datetime import datetime, timezone

    text = value.strip()
    if text.endswith(("Z", "z")):
        text = text[:-1] + "+00:00"
    head, dot, fraction = text.partition(".")
    if dot:  # Python 3.10 reads 3 or 6 digits only
        digits = fraction[: len(fraction) - len(fraction.lstrip("0123456789"))]
        text = f"{head}.{digits[:6].ljust(6, '0')}{fraction[len(digits) :]}"
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < _LATEST else None
