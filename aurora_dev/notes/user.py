"""The user's own store: opened when it is first needed, and never in the way of the project's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.core.types import Notice
from aurora_dev.errors import AuroraError
from aurora_dev.log import get_logger
from aurora_dev.notes.book import NoteBook

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore

_log = get_logger(__name__)

USER_NAMESPACE = "user"


class UserBook:
    """The user's memories.

    Args:
        folder: Of the user's store; ``None`` where it is switched off.
        open_store: Opens it, and makes the folder where it is missing.
    """

    def __init__(self, folder: Path | None, open_store: Callable[[], VectorStore]) -> None:
        self.folder = folder
        self._open = open_store
        self._book: NoteBook | None = None
        self._lock = asyncio.Lock()

    async def readable(self, notices: list[Notice] | None = None) -> NoteBook | None:
        """Return the user's memories where there are any that can be read.

        What is wrong with them never fails a search of the project: it becomes a notice.
        """
        if self._book is None and (self.folder is None or not (self.folder / "memory.db").exists()):
            return None
        try:
            return await self.writable()
        except (AuroraError, OSError) as error:
            _log.warning("notes.user_store_left_out", error=error)
            if notices is not None:
                notices.append(Notice("user_store_failed", f"the user's own memories were left out: {error}"))
            return None

    async def writable(self) -> NoteBook:
        """Return the user's memories; their store is made where it is missing.

        Raises:
            StoreError: It cannot be opened.
        """
        async with self._lock:
            if self._book is None:
                self._book = NoteBook(await asyncio.to_thread(self._open), "user")
            return self._book

    async def close(self) -> None:
        """Release the store."""
        book, self._book = self._book, None
        if book is not None:
            await book.store.close()
