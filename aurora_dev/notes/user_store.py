"""`UserNotes`: the user's own store, opened when it is first needed. Its failures never fail a search of a project."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from aurora_dev.core.types import Notice
from aurora_dev.errors import AuroraError, ConfigurationError
from aurora_dev.log import get_logger
from aurora_dev.notes.store import NoteStore

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore

_log = get_logger(__name__)
_Result = TypeVar("_Result")

USER_NAMESPACE: Final = "user"
USER_BUSY_TIMEOUT: Final = 5.0  # seconds; a write to this store takes milliseconds
_BUNDLED: Final = "bundled/"
PATIENCE: Final = 2.0  # seconds that a search of the project waits for the user's notes, opening the store included
_PAUSE: Final = 30.0  # seconds after a failure in which searches do not try again, so that not each of them waits


class UserNotes:
    """The user's own notes.

    Args:
        folder: Folder of the user's store; ``None`` where it is switched off.
        open_store: Opens the store, and creates the folder if it is missing.
        patience: Seconds that `read_or_skip` waits.
    """

    def __init__(
        self, folder: Path | None, open_store: Callable[[], VectorStore], *, patience: float = PATIENCE
    ) -> None:
        self.folder = folder
        self._open = open_store
        self._patience = patience
        self._opening: asyncio.Task[VectorStore] | None = None
        self._failure: tuple[float, Notice] | None = None

    def exists(self) -> bool:
        """Return whether the store exists."""
        try:
            return self.folder is not None and (self.folder / "memory.db").exists()
        except OSError:
            return True  # something is there; opening it reports the error

    async def read_or_skip(
        self, read: Callable[[NoteStore], Awaitable[_Result]], notices: list[Notice]
    ) -> _Result | None:
        """Return what a function reads from the user's notes; ``None`` if there are none or they cannot be read.

        Args:
            read: Reads from the user's notes.
            notices: A failure is appended as the notice ``user_store_failed`` instead of raised.
        """
        if self._opening is None and not await asyncio.to_thread(self.exists):
            return None
        if self._failure is not None and time.monotonic() < self._failure[0]:
            notices.append(self._failure[1])
            return None

        async def open_and_read() -> _Result:
            return await read(await self.writable())

        try:
            result = await asyncio.wait_for(open_and_read(), self._patience)
        except asyncio.TimeoutError:
            reason = f"their store did not answer within {self._patience:g} s"
        except (AuroraError, OSError) as error:
            reason = str(error)
        else:
            self._failure = None
            return result
        notice = Notice("user_store_failed", f"the user's own notes were left out: {reason}")
        _log.warning("notes.user_store_left_out", reason=reason)
        self._failure = (time.monotonic() + _PAUSE, notice)
        notices.append(notice)
        return None

    async def readable(self) -> NoteStore | None:
        """Return the user's notes; ``None`` if there are none or they cannot be opened."""

        async def unchanged(notes: NoteStore) -> NoteStore:
            return notes

        return await self.read_or_skip(unchanged, [])

    async def writable(self) -> NoteStore:
        """Return the user's notes; the store is created if it is missing.

        Raises:
            ConfigurationError: The store is switched off, or there is no folder for a user's data.
            StoreError: The store cannot be opened.
        """
        if self.folder is None:
            raise ConfigurationError(
                "there is no store for the user's own notes: user_store is 'none', or this account has no home "
                "folder. Nothing was done. Set AURORA_USER_STORE to a folder"
            )
        if self._opening is None or (self._opening.done() and self._failed(self._opening)):
            self._opening = asyncio.ensure_future(self._open_store())
        # A caller that stops waiting must not cancel the opening: the next caller and close() need the store.
        return NoteStore(await asyncio.shield(self._opening), "user")

    async def _open_store(self) -> VectorStore:
        store = await asyncio.to_thread(self._open)
        try:
            stored = await asyncio.to_thread(store.backend.embedder)
            bundled = (
                stored is not None and stored.name.startswith(_BUNDLED) and store.embedder.name.startswith(_BUNDLED)
            )
            if bundled and not await store.embedder_matches():
                # A release with another bundled model: this store is never indexed, so its vectors are renewed here.
                await store.reembed()
        except AuroraError as error:  # for example a read-only store: the keyword search still works
            _log.warning("notes.user_store_not_embedded", error=error)
        return store

    @staticmethod
    def _failed(opening: asyncio.Task[VectorStore]) -> bool:
        return opening.cancelled() or opening.exception() is not None

    async def close(self) -> None:
        """Close the store, if it was opened."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        await asyncio.wait([opening])
        if not self._failed(opening):
            await opening.result().close()
