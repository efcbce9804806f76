"""The sessions of one project: taken in, listed, read, removed."""

from __future__ import annotations

import asyncio
import builtins
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.core.record_kinds import IS_SESSION, SESSION_EXCHANGE, SESSION_KEY, SESSION_WHOLE
from aurora_dev.errors import InvalidRequestError
from aurora_dev.sessions.formats.clients import CLIENTS
from aurora_dev.sessions.options import SessionOptions
from aurora_dev.sessions.state import CaptureState
from aurora_dev.sessions.types import (
    CaptureReport,
    Session,
    SessionsPruned,
    SessionSummary,
    SkippedTranscript,
)

if TYPE_CHECKING:
    from aurora_dev.core.contracts import Filter
    from aurora_dev.core.types import Record
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.sessions.formats.events import AssistantFolders

__all__ = ["SessionService"]

_WHOLE: Final[Filter] = {SESSION_KEY: SESSION_WHOLE}
_EXCHANGE: Final[Filter] = {SESSION_KEY: SESSION_EXCHANGE}
_SECONDS_PER_DAY: Final = 86_400.0
_SHOWN: Final = 80  # characters of a wrong value in a message
_MOST_LISTED: Final = 10_000


class SessionService:
    """Sessions in a project's store.

    Args:
        store: The project's store.
        root: The project's folder.
        folder: The folder of the state; ``None`` keeps it in memory.
        folders: The folders of assistants.
        options: Which sessions are kept.
        patience: Seconds to wait for another process that reads the same transcript.
    """

    def __init__(
        self,
        store: VectorStore,
        root: Path,
        folder: Path | None,
        folders: AssistantFolders,
        options: SessionOptions,
        *,
        patience: float = 30.0,
    ) -> None:
        self._store = store
        self._root = root
        self._state = CaptureState(folder)
        self._folders = folders
        self._options = options
        self._patience = patience

    async def capture(
        self, transcript: str | Path | None = None, *, clients: Sequence[str] | None = None
    ) -> CaptureReport:
        """Take in what assistants have written since the last capture; see `Memory.capture_sessions`."""
        from aurora_dev.sessions.capture import Capture

        if isinstance(clients, str):
            clients = (clients,)
        unknown = [name for name in clients or () if name not in CLIENTS]
        if unknown:
            raise InvalidRequestError(
                f"no transcripts of {str(unknown[0])[:_SHOWN]!r} are read. Correct it to one of {', '.join(CLIENTS)}"
            )
        if not self._options.enabled:
            reason = "sessions are switched off by the setting sessions"
            return CaptureReport(skipped=(SkippedTranscript("" if transcript is None else str(transcript), reason),))
        capture = await asyncio.to_thread(
            Capture, self._store, self._root, self._state, self._folders, self._options, self._patience
        )
        if transcript is None:
            report = await capture.all(clients)
            pruned = await self.prune()
            return _with_removed(report, pruned.records)
        path = await asyncio.to_thread(_existing, transcript)
        return await capture.one(path)

    async def list(self, limit: int = 20) -> builtins.list[SessionSummary]:
        """Return the newest sessions, newest first.

        Raises:
            InvalidRequestError: The limit is not a whole number of at least 1.
        """
        from aurora_dev.sessions.records import summary_of

        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise InvalidRequestError(f"limit must be a whole number of at least 1, not {limit!r}")
        records = await self._store.scan(_WHOLE)
        newest = sorted(records, key=_newest_first)[: min(limit, _MOST_LISTED)]
        return [summary_of(record.metadata, record.id) for record in newest]

    async def get(self, id: str) -> Session:
        """Return a session with its exchanges; see `Memory.session`."""
        from aurora_dev.sessions.records import exchange_of, summary_of

        whole = await self._whole(id)
        wanted = {**_EXCHANGE, "session": str(whole.metadata.get("session")), "client": whole.metadata.get("client")}
        records = await self._store.scan(wanted, content=True)
        records.sort(key=lambda record: (_time(record.metadata), record.metadata.get("number", 0), record.id))
        exchanges = tuple(exchange_of(record.content, record.metadata, record.id) for record in records)
        return Session(summary_of(whole.metadata, whole.id), exchanges)

    async def forget(self, id: str) -> SessionsPruned:
        """Remove a session and its exchanges, and never take it in again.

        Raises:
            InvalidRequestError: No session has the id, or several do.
        """
        whole = await self._whole(id)
        session = str(whole.metadata.get("session"))
        await asyncio.to_thread(self._state.forget, session)
        removed = await self._store.delete(filter={**IS_SESSION, "session": session})
        return SessionsPruned(1, removed)

    async def prune(
        self, *, days: float | None = None, keep: int | None = None, everything: bool = False
    ) -> SessionsPruned:
        """Remove old sessions.

        Args:
            days: The maximum age in days; ``None`` takes the setting.
            keep: The number of newest sessions that stay; ``None`` takes the setting.
            everything: Remove all sessions.

        Raises:
            InvalidRequestError: A limit is wrong.
        """
        gone = await self._due(days, keep, everything)
        sessions = sorted({str(record.metadata.get("session")) for record in gone})
        removed = 0
        for first in range(0, len(sessions), 100):
            part = sessions[first : first + 100]
            removed += await self._store.delete(filter={**IS_SESSION, "session": {"$in": part}})
        if everything:
            removed += await self._store.delete(filter=IS_SESSION)
        return SessionsPruned(len(sessions), removed)

    async def due(
        self, *, days: float | None = None, keep: int | None = None, everything: bool = False
    ) -> builtins.list[SessionSummary]:
        """Return the sessions that `prune` would remove, newest first; arguments and errors as of `prune`."""
        from aurora_dev.sessions.records import summary_of

        return [summary_of(record.metadata, record.id) for record in await self._due(days, keep, everything)]

    async def _due(self, days: float | None, keep: int | None, everything: bool) -> builtins.list[Record]:
        options = SessionOptions(
            limit=self._options.limit if keep is None else keep, days=self._options.days if days is None else days
        )
        records = sorted(await self._store.scan(_WHOLE), key=_newest_first)
        oldest = 0.0 if options.days is None else time.time() - options.days * _SECONDS_PER_DAY
        return [
            record
            for place, record in enumerate(records)
            if everything or place >= options.limit or _time(record.metadata) < oldest
        ]

    async def _whole(self, id: str) -> Record:
        """Return the record of a session.

        Raises:
            InvalidRequestError: No session has the id, or several do.
        """
        if not isinstance(id, str) or not id.strip():
            raise InvalidRequestError("the id of a session is a text that is not empty. See: aurora sessions")
        wanted = id.strip()
        records = await self._store.scan(_WHOLE)
        found = [r for r in records if wanted in (r.metadata.get("session"), r.id)]
        found = found or [r for r in records if str(r.metadata.get("session")).startswith(wanted)]
        found = found or [r for r in records if r.id.startswith(wanted)]
        if not found:
            raise InvalidRequestError(f"no session has the id {wanted[:_SHOWN]!r}. See: aurora sessions")
        if len(found) > 1:
            some = ", ".join(sorted(str(record.metadata.get("session"))[:36] for record in found)[:3])
            raise InvalidRequestError(f"{len(found)} sessions begin with {wanted[:_SHOWN]!r}: {some}. Give more of it")
        return found[0]


def _existing(transcript: str | Path) -> Path:
    """Return the absolute path of a transcript.

    Raises:
        InvalidRequestError: There is no such file.
    """
    path = Path(transcript).expanduser()
    if not path.is_file():
        raise InvalidRequestError(f"there is no transcript {str(transcript)[:300]!r}: nothing was taken in")
    return path.absolute()


def _time(metadata: Mapping[str, Any]) -> float:
    value = metadata.get("created_at")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _newest_first(record: Record) -> tuple[float, str]:
    return -_time(record.metadata), record.id


def _with_removed(report: CaptureReport, removed: int) -> CaptureReport:
    from dataclasses import replace

    return replace(report, removed=report.removed + removed) if removed else report
