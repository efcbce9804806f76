"""The user's own store: opened when it is first needed, and never in the way of the project's."""

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
_T = TypeVar("_T")

USER_NAMESPACE: Final = "user"
USER_BUSY_TIMEOUT: Final = 5.0  # seconds; what is written there takes milliseconds
_BUNDLED: Final = "bundled/"
# A search of the project waits so long for the user's memories, opening their store included; then it goes without.
PATIENCE: Final = 2.0  # seconds
# After a failure searches go without for so long, so that not each of them waits.
_REST: Final = 30.0  # seconds


class UserNotes:
    """The user's memories.

    Args:
        folder: Of the user's store; ``None`` where it is switched off.
        open_store: Opens it, and makes the folder where it is missing.
        patience: Seconds that `tried` waits.
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
        """Whether there is anything to read."""
        try:
            return self.folder is not None and (self.folder / "memory.db").exists()
        except OSError:
            return True  # something is there; opening it says what is wrong

    async def tried(self, call: Callable[[NoteStore], Awaitable[_T]], notices: list[Notice]) -> _T | None:
        """Return what a call of the user's memories gives; ``None`` where there are none.

        What is wrong with them never fails a search of the project: it becomes a notice.
        """
        if self._opening is None and not await asyncio.to_thread(self.exists):
            return None
        if self._failure is not None and time.monotonic() < self._failure[0]:
            notices.append(self._failure[1])
            return None

        async def attempt() -> _T:
            return await call(await self.writable())

        try:
            result = await asyncio.wait_for(attempt(), self._patience)
        except asyncio.TimeoutError:
            why = f"their store did not answer within {self._patience:g} s"
        except (AuroraError, OSError) as error:
            why = str(error)
        else:
            self._failure = None
            return result
        notice = Notice("user_store_failed", f"the user's own memories were left out: {why}")
        _log.warning("notes.user_store_left_out", reason=why)
        self._failure = (time.monotonic() + _REST, notice)
        notices.append(notice)
        return None

    async def readable(self) -> NoteStore | None:
        """Return the user's memories where there are any that can be opened."""

        async def itself(book: NoteStore) -> NoteStore:
            return book

        return await self.tried(itself, [])

    async def writable(self) -> NoteStore:
        """Return the user's memories; their store is made where it is missing.

        Raises:
            ConfigurationError: It is switched off, or there is no folder for a user's data.
            StoreError: It cannot be opened.
        """
        if self.folder is None:
            raise ConfigurationError(
                "there is no store for the user's own memories: user_store is 'none', or this account has no home "
                "folder. Nothing was done. Set AURORA_USER_STORE to a folder"
            )
        if self._opening is None or (self._opening.done() and self._failed(self._opening)):
            self._opening = asyncio.ensure_future(self._opened())
        # Whoever gives up waiting leaves the store to the next one, and to close().
        return NoteStore(await asyncio.shield(self._opening), "user")

    async def _opened(self) -> VectorStore:
        store = await asyncio.to_thread(self._open)
        try:
            stored = await asyncio.to_thread(store.backend.embedder)
            bundled = (
                stored is not None and stored.name.startswith(_BUNDLED) and store.embedder.name.startswith(_BUNDLED)
            )
            if bundled and not await store.embedder_matches():
                # Another version of Aurora came with another model; nobody indexes this store, so nobody else would.
                await store.reembed()
        except AuroraError as error:  # such as a store that is read-only: words alone find what is in it
            _log.warning("notes.user_store_not_embedded", error=error)
        return store

    @staticmethod
    def _failed(opening: asyncio.Task[VectorStore]) -> bool:
        return opening.cancelled() or opening.exception() is not None

    async def close(self) -> None:
        """Release the store."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        await asyncio.wait([opening])
        if not self._failed(opening):
            await opening.result().close()
