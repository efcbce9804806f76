"""The memory behind an MCP server: opened once, in the background, for every client and call of the process.

An editor starts its servers with it, often in folders that were never indexed. So nothing is opened, created or
imported before the first message is answered, and a folder gets a store only when something is stored.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.errors import AuroraError, InvalidRequestError, StoreError
from aurora_dev.interfaces.mcp.tools.heap import release_freed_memory
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.config import Settings
    from aurora_dev.core.contracts import TokenCounter
    from aurora_dev.memory import Memory

_log = get_logger(__name__)

_WARM_QUERY = "where does it start"
_IDLE_AFTER = 1.0  # seconds without a request; a model thinks longer than that about an answer


class NotIndexedError(AuroraError):
    """Raised when a project has no store yet. The message names the tool that makes one."""


class OpenMemory:
    """Opens the memory of a project when it is first needed, and keeps it until the server ends.

    Attributes:
        root: The project's folder.
        settings: The settings that the memory is opened with.
        indexing: The progress of this server's indexing run, as a sentence; empty when none is running.
        lock: Held while the project is indexed; two runs at once would do the same work twice.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root.absolute()
        self.settings = settings
        self.indexing = ""
        self.lock = asyncio.Lock()
        self._opening: asyncio.Task[Memory] | None = None
        self._warming: asyncio.Task[None] | None = None
        self._counter: TokenCounter | None = None
        self._trimming: asyncio.TimerHandle | None = None

    @property
    def exists(self) -> bool:
        """Return whether the project has a store, or its backend is remote."""
        from aurora_dev.core.factory import backend_kind

        return backend_kind(self.settings.backend).exists(self.settings.store_path(self.root))

    async def get(self, *, create: bool = False) -> Memory:
        """Return the open memory.

        Args:
            create: Create the store if the project has none.

        Raises:
            NotIndexedError: There is no store, and ``create`` is false.
            StoreError: The folder is not a project.
            AuroraError: The memory cannot be opened; the next call tries again.
        """
        if not self.exists:
            if not create:
                raise NotIndexedError(
                    f"nothing is stored for {self.root} yet. Call index_project once (it takes seconds to a few "
                    f"minutes), then repeat this call"
                )
            self._check_folder()
        if self._opening is None or (self._opening.done() and _failed(self._opening)):
            self._opening = asyncio.create_task(self._open(), name="aurora-open")
        # A cancelled call must not cancel the opening: the next call waits for the same task.
        return await asyncio.shield(self._opening)

    async def counter(self) -> TokenCounter:
        """Return the exact token counter of o200k_base, loaded on first use."""
        if self._counter is None:
            from aurora_dev.core.tokens import create_counter

            counter = create_counter()
            await asyncio.to_thread(counter.count, "warm")  # loads the merge ranks, off the event loop
            self._counter = counter
        return self._counter

    def warm(self) -> None:
        """Open the memory and load its models in the background. Later calls do nothing."""
        if self._warming is None:
            self._warming = asyncio.create_task(self._warm(), name="aurora-warm")

    def trim_when_idle(self) -> None:
        """Return freed memory to the system once no request has come for a second; call it after each request."""
        if self._trimming is not None:
            self._trimming.cancel()
        loop = asyncio.get_running_loop()
        self._trimming = loop.call_later(_IDLE_AFTER, lambda: loop.run_in_executor(None, release_freed_memory))

    async def close(self) -> None:
        """Stop background work and release the store."""
        if self._trimming is not None:
            self._trimming.cancel()
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        opening, self._opening = self._opening, None
        if opening is not None:
            # Opening cannot be interrupted: wait for it, because a store that was opened has to be closed.
            (opened,) = await asyncio.gather(opening, return_exceptions=True)
            if not isinstance(opened, BaseException):
                await opened.close()

    def relative(self, path: str) -> str:
        """Return a path as records store it: POSIX, relative to the project's folder.

        Args:
            path: Relative to the project, or absolute. It need not exist.

        Raises:
            InvalidRequestError: The path leads out of the project, directly or through a link.
        """
        refused = f"the path {path[:200]!r} is outside of the project {self.root}"
        if "\x00" in path:
            raise InvalidRequestError("a path cannot hold a null character. Name a file or folder of the project")
        given = Path(path.replace("\\", "/") if os.name == "nt" or self._has_foreign_separators(path) else path)
        root = self.root.resolve()
        try:
            real = (self.root / given).resolve()
            # Also check the path as written: "../x" names something outside even if it leads back into the project.
            plain = Path(os.path.normpath(self.root / given))
        except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, or not a path on this system
            raise InvalidRequestError(
                f"the path {path[:200]!r} cannot be used ({type(error).__name__}). Name a file or folder of the project"
            ) from None
        if not real.is_relative_to(root):
            raise InvalidRequestError(f"{refused}. Only what is inside can be read or searched")
        inside = plain if plain.is_relative_to(self.root) else real
        return inside.relative_to(self.root if inside is plain else root).as_posix()

    def _has_foreign_separators(self, path: str) -> bool:
        """Return whether a path is written as on Windows: with ``/`` for each backslash it exists, and only so."""
        try:
            return "\\" in path and not (self.root / path).exists() and (self.root / path.replace("\\", "/")).exists()
        except (OSError, ValueError):  # too long, or not a path on this system
            return False

    async def _open(self) -> Memory:
        def import_memory() -> type[Memory]:
            from aurora_dev.memory import Memory

            return Memory

        # NumPy and other packages take a third of a second to import, so import them off the event loop.
        memory_class = await asyncio.to_thread(import_memory)
        memory = memory_class.open(self.root, settings=self.settings)
        await memory.__aenter__()
        memory.dense.keep()
        return memory

    async def _warm(self) -> None:
        try:
            if self.exists:
                memory = await self.get()
                # Search the store, not the memory: a search through the memory may start to index.
                await memory.store.search(_WARM_QUERY, 1)
                await self.counter()
            await asyncio.to_thread(release_freed_memory)
        except (AuroraError, OSError) as error:  # the call that needs the memory raises it again
            _log.info("warm_failed", error=f"{type(error).__name__}: {error}")

    def _check_folder(self) -> None:
        """Refuse folders that are not a project, where a client may have started the server.

        Raises:
            StoreError: The folder is the home folder or the root of the disk.
        """
        if self.root.resolve() in (Path.home().resolve(), Path(self.root.anchor).resolve()):
            raise StoreError(
                f"{self.root} is not a project: nothing was read or stored. Tell the user to name the project's folder "
                f"in the server's configuration: aurora mcp path/to/project"
            )


def _failed(task: asyncio.Task[Memory]) -> bool:
    return task.cancelled() or task.exception() is not None
