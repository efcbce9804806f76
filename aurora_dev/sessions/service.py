"""The sessions of one project: taken in, listed, read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.errors import InvalidRequestError
from aurora_dev.sessions.types import CaptureReport, Session, SessionSummary

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore


class SessionService:
    """Sessions in a project's store.

    Args:
        store: The project's store.
        root: The project's folder.
    """

    def __init__(self, store: VectorStore, root: Path) -> None:
        self._store = store
        self._root = root

    async def capture(
        self, transcript: str | Path | None = None, *, clients: Sequence[str] | None = None
    ) -> CaptureReport:
        """Take in what assistants have written since the last capture; see `Memory.capture_sessions`."""
        return CaptureReport()

    async def list(self, limit: int = 20) -> list[SessionSummary]:
        """Return the newest sessions, newest first."""
        return []

    async def get(self, id: str) -> Session:
        """Return a session with its exchanges; see `Memory.session`."""
        raise InvalidRequestError(f"no session has the id {id[:80]!r}. See: aurora sessions")
