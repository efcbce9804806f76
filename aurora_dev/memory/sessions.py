"""The calls of `Memory` about sessions, the conversations of assistants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from aurora_dev.sessions.service import SessionService
    from aurora_dev.sessions.types import CaptureReport, Session, SessionsPruned, SessionSummary

# In a class with a method `list`, annotations cannot use the type `list`.
Summaries: TypeAlias = "list[SessionSummary]"


class MemorySessions:
    """The calls of `Memory` about sessions: a mixin for a class with the property `session_service`."""

    @property
    def session_service(self) -> SessionService:
        """The sessions of the project.

        Raises:
            StoreClosedError: The memory is not open.
        """
        raise NotImplementedError

    async def capture_sessions(
        self, transcript: str | Path | None = None, *, clients: Sequence[str] | None = None
    ) -> CaptureReport:
        """Take in what assistants have written since the last capture.

        Args:
            transcript: One transcript; ``None`` looks for every transcript of this project that has grown.
            clients: Only transcripts of these assistants, for example ``["codex"]``.

        Returns:
            A report. A transcript that cannot be read is skipped and named there; nothing else is kept from it.

        Raises:
            InvalidRequestError: The transcript does not exist, or an assistant is unknown.
            StoreError: The store could not be read or written; earlier sessions are kept.
        """
        return await self.session_service.capture(transcript, clients=clients)

    async def sessions(self, limit: int = 20) -> Summaries:
        """Return the newest sessions, newest first.

        Args:
            limit: The greatest number of sessions.
        """
        return await self.session_service.list(limit)

    async def session(self, id: str) -> Session:
        """Return a session with its exchanges.

        Args:
            id: The id of the session, or a beginning that no other session shares.

        Raises:
            InvalidRequestError: No session has the id, or several do.
        """
        return await self.session_service.get(id)

    async def prune_sessions(self, *, days: float | None = None, keep: int | None = None) -> SessionsPruned:
        """Remove old sessions with their exchanges. Transcripts stay as they are.

        Args:
            days: The maximum age in days; ``None`` takes the setting ``session_days``.
            keep: The number of newest sessions that stay; ``None`` takes the setting ``session_limit``.

        Raises:
            InvalidRequestError: A limit is wrong; nothing was removed.
        """
        return await self.session_service.prune(days=days, keep=keep)

    async def forget_session(self, id: str) -> SessionsPruned:
        """Remove a session with its exchanges, and never take it in again. The transcript stays as it is.

        Args:
            id: As of `session`.

        Raises:
            InvalidRequestError: No session has the id, or several do.
        """
        return await self.session_service.forget(id)
