"""The files that hooks write in a project's store: a log of their runs, and what a session has been shown."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

__all__ = [
    "LOG_FILE",
    "Run",
    "SessionState",
    "active_session",
    "note_active",
    "open_plain",
    "read_log",
    "write_log",
]

LOG_FILE: Final = "hooks.log"
"""The log, in the folder ``state`` of the store."""

_STATES: Final = "hooks"  # the folder of the sessions' states, beside the log
_LARGEST_LOG: Final = 256 * 1024  # bytes; then the older half is dropped
_LONGEST_LINE: Final = 500  # characters
_ACTIVE: Final = "active"  # among them: when each session last had a prompt
_ACTIVE_FOR: Final = 1_800.0  # seconds after its last prompt in which a session may still be at work
_MOST_ACTIVE: Final = 50
_MOST_STATES: Final = 200  # sessions; the oldest are dropped
_MOST_SHOWN: Final = 2_000  # ids that are remembered of one session
_LARGEST_STATE: Final = 1 << 20  # bytes


class Run(NamedTuple):
    """One line of the log.

    Attributes:
        time: Seconds since the epoch.
        event: The hook.
        client: The assistant.
        milliseconds: From the start of the hook's program to its answer.
        failed: Whether it failed.
        outcome: What it did, or why it failed.
    """

    time: float
    event: str
    client: str
    milliseconds: int
    failed: bool
    outcome: str


def write_log(folder: str, run: Run) -> None:
    """Append a line to the log; what cannot be written is dropped.

    Args:
        folder: The folder ``state`` of the store.
        run: The run. Its outcome must not hold text of a prompt or a record.
    """
    path = os.path.join(folder, LOG_FILE)  # noqa: PTH118
    line = json.dumps([round(run.time, 3), *run[1:5], " ".join(run.outcome.split())[:_LONGEST_LINE]])
    with contextlib.suppress(OSError):
        _make_plain_folder(folder)
        descriptor = open_plain(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(descriptor, line.encode("utf-8", "replace") + b"\n")
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if size > _LARGEST_LOG:
            _halve(path)


def read_log(folder: str) -> list[Run]:
    """Return the runs in the log, oldest first; lines that are not of the log are left out."""
    try:
        with os.fdopen(open_plain(os.path.join(folder, LOG_FILE), os.O_RDONLY), "rb") as file:  # noqa: PTH118
            lines = file.read(2 * _LARGEST_LOG).splitlines()
    except OSError:
        return []
    runs = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):
            moment, event, client, milliseconds, failed, outcome = json.loads(line)
            runs.append(Run(float(moment), str(event), str(client), int(milliseconds), bool(failed), str(outcome)))
    return runs


def note_active(folder: str, session: str, now: float) -> None:
    """Remember that a session has a prompt, at a time in seconds since the epoch."""
    if not session:
        return
    times = {**_active(folder), session: now}
    newest = sorted(times.items(), key=lambda each: -each[1])[:_MOST_ACTIVE]
    states = os.path.join(folder, _STATES)  # noqa: PTH118
    temporary = os.path.join(states, f"{_ACTIVE}.{os.getpid()}")  # noqa: PTH118
    with contextlib.suppress(OSError):
        _make_plain_folder(states)
        with os.fdopen(open_plain(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8") as file:
            json.dump(dict(newest), file)
        os.replace(temporary, os.path.join(states, _ACTIVE))  # noqa: PTH105, PTH118


def active_session(folder: str, now: float) -> str | None:
    """Return the only session that had a prompt lately; ``None`` if there is none, or several."""
    recent = [session for session, time in _active(folder).items() if now - time < _ACTIVE_FOR]
    return recent[0] if len(recent) == 1 else None


def _active(folder: str) -> dict[str, float]:
    try:
        with os.fdopen(open_plain(os.path.join(folder, _STATES, _ACTIVE), os.O_RDONLY), "rb") as file:  # noqa: PTH118
            data = json.loads(file.read(_LARGEST_STATE))
        return {str(session): float(time) for session, time in data.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def open_plain(path: str, flags: int) -> int:
    """Return a descriptor of a regular file.

    The store may come with files from elsewhere. A link in it would lead writing to another file of the user, and
    opening a named pipe would wait for ever.

    Raises:
        OSError: It cannot be opened, is a link, or is not a regular file.
    """
    if os.path.islink(path):  # noqa: PTH114 - Windows has no O_NOFOLLOW
        raise OSError(f"{path} is a link")
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    emptied = flags & os.O_TRUNC
    descriptor = os.open(path, flags & ~os.O_TRUNC, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a regular file")
        if emptied:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _make_plain_folder(folder: str) -> None:
    """Make a folder if it is missing.

    Raises:
        OSError: It cannot be made, or a link stands there.
    """
    if os.path.islink(folder):  # noqa: PTH114
        raise OSError(f"{folder} is a link")
    os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103


class SessionState:
    """The records that one session of an assistant has been shown, so that nothing is added twice.

    Args:
        folder: The folder ``state`` of the store.
        session: The assistant's id of the session; with an empty one, nothing is remembered.

    Attributes:
        shown: The ids of the records that are in the conversation.
        compacted: The time of the last compaction, in seconds since the epoch; 0 if there was none.
    """

    def __init__(self, folder: str, session: str) -> None:
        digest = hashlib.sha256(session.encode("utf-8", "replace")).hexdigest()[:24]
        self._folder = os.path.join(folder, _STATES)  # noqa: PTH118
        self._path = os.path.join(self._folder, f"{digest}.json") if session else ""  # noqa: PTH118
        self.shown: set[str] = set()
        self.compacted = 0.0
        data = self._read()
        shown, compacted = data.get("shown"), data.get("compacted")
        if isinstance(shown, list):
            self.shown.update(each for each in shown if isinstance(each, str))
        if isinstance(compacted, int | float):
            self.compacted = float(compacted)

    def add(self, ids: Iterable[str]) -> None:
        """Remember that records were shown."""
        self.shown.update(ids)
        self._write()

    def forget(self, now: float) -> None:
        """Remember that the conversation was compacted or cleared: what was shown may be gone from it."""
        self.shown.clear()
        self.compacted = now
        self._write()

    def _read(self) -> dict[str, Any]:
        if not self._path:
            return {}
        try:
            with os.fdopen(open_plain(self._path, os.O_RDONLY), "rb") as file:
                data = json.loads(file.read(_LARGEST_STATE))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def _write(self) -> None:
        if not self._path:
            return
        data = {"shown": sorted(self.shown)[:_MOST_SHOWN], "compacted": self.compacted}
        temporary = f"{self._path}.{os.getpid()}"
        with contextlib.suppress(OSError):
            _make_plain_folder(os.path.dirname(self._folder))  # noqa: PTH120
            _make_plain_folder(self._folder)
            new = open_plain(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            with os.fdopen(new, "w", encoding="utf-8") as file:
                json.dump(data, file)
            os.replace(temporary, self._path)  # noqa: PTH105
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        ages = sorted(_ages(self._folder))
        for _, path in ages[: max(0, len(ages) - _MOST_STATES)]:
            os.unlink(path)  # noqa: PTH108


def _ages(folder: str) -> Iterator[tuple[float, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".json"):
                yield entry.stat().st_mtime, entry.path


def _halve(path: str) -> None:
    """Drop the older half of the log. Lines that another process appends meanwhile may be lost."""
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file:
        data = file.read()
    half = data[len(data) // 2 :].partition(b"\n")[2]
    temporary = f"{path}.{os.getpid()}"
    descriptor = open_plain(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        os.write(descriptor, half)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)  # noqa: PTH105
