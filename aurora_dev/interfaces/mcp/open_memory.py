"""The memory behind an MCP server: opened once, in the background, for every client and call of the process.

A server is started by its client together with the editor, often in folders that nobody has indexed. So nothing is
opened, created or imported before the first message is answered, and a folder gets a store when something is stored.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.errors import AuroraError, InvalidRequestError, StoreError
from aurora_dev.interfaces.mcp.heap import give_back
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.config import Settings
    from aurora_dev.core.contracts import TokenCounter
    from aurora_dev.memory import Memory

_log = get_logger(__name__)

_WARM_QUERY = "where does it start"
_REST_AFTER = 1.0  # seconds; a model that thinks about an answer takes longer


class NotIndexedError(AuroraError):
    """There is nothing to search yet; the text says which tool changes that."""


class OpenMemory:
    """Opens the memory of a project when it is first needed, and keeps it until the server ends.

    Attributes:
        root: The project's folder.
        indexing: How far a run is that this server is doing now; empty where there is none.
        lock: Held while the project is indexed: two runs at once would do the same work twice.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root.absolute()
        self.settings = settings
        self.indexing = ""
        self.lock = asyncio.Lock()
        self._opening: asyncio.Task[Memory] | None = None
        self._warming: asyncio.Task[None] | None = None
        self._counter: TokenCounter | None = None
        self._resting: asyncio.TimerHandle | None = None

    @property
    def exists(self) -> bool:
        """Whether the project has a store."""
        from aurora_dev.core.factory import backend_kind
        from aurora_dev.core.local.connections import DATABASE

        if not backend_kind(self.settings.backend).local:
            return True
        return (self.settings.store_path(self.root) / DATABASE).is_file()

    async def get(self, *, create: bool = False) -> Memory:
        """Return the open memory.

        Args:
            create: Whether a project without a store gets one.

        Raises:
            NotIndexedError: There is no store, and none may be made.
            AuroraError: It cannot be opened; the next call tries again.
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
        # A call that is cancelled must not take the opening with it: the next one waits for the same.
        return await asyncio.shield(self._opening)

    async def counter(self) -> TokenCounter:
        """Return what tokens are counted with: o200k_base, exactly."""
        if self._counter is None:
            from aurora_dev.core.tokens import create_counter

            counter = create_counter()
            await asyncio.to_thread(counter.count, "warm")  # loads the ranks, which takes a while
            self._counter = counter
        return self._counter

    def warm(self) -> None:
        """Open the memory and load its models in the background; a second call does nothing."""
        if self._warming is None:
            self._warming = asyncio.create_task(self._warm(), name="aurora-warm")

    def rest(self) -> None:
        """Give memory back once nothing has been asked for a moment; called after each request."""
        if self._resting is not None:
            self._resting.cancel()
        loop = asyncio.get_running_loop()
        self._resting = loop.call_later(_REST_AFTER, lambda: loop.run_in_executor(None, give_back))

    async def close(self) -> None:
        """Stop what goes on in the background and release the store."""
        if self._resting is not None:
            self._resting.cancel()
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        opening, self._opening = self._opening, None
        if opening is not None:
            # It cannot be interrupted half-way: a store that was opened has to be closed.
            (opened,) = await asyncio.gather(opening, return_exceptions=True)
            if not isinstance(opened, BaseException):
                await opened.close()

    def relative(self, path: str) -> str:
        """Return a path of the project as it is stored: POSIX, relative to the project's folder.

        Args:
            path: Relative to the project, or absolute. It need not exist.

        Raises:
            InvalidRequestError: It leads out of the project, also through a link.
        """
        refused = f"the path {path[:200]!r} is outside of the project {self.root}"
        if "\x00" in path:
            raise InvalidRequestError("a path cannot hold a null character. Name a file or folder of the project")
        given = Path(path.replace("\\", "/") if os.name == "nt" else path)
        root = self.root.resolve()
        try:
            real = (self.root / given).resolve()
            # Lexically too: "..", even where what follows comes back, names what is outside.
            plain = Path(os.path.normpath(self.root / given))
        except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, not a path on this system
            raise InvalidRequestError(
                f"the path {path[:200]!r} cannot be used ({type(error).__name__}). Name a file or folder of the project"
            ) from None
        if not real.is_relative_to(root):
            raise InvalidRequestError(f"{refused}. Only what is inside can be read or searched")
        inside = plain if plain.is_relative_to(self.root) else real
        return inside.relative_to(self.root if inside is plain else root).as_posix()

    async def _open(self) -> Memory:
        def imported() -> type[Memory]:
            from aurora_dev.memory import Memory

            return Memory

        # NumPy and the rest take a third of a second to import: not on the event loop.
        kind = await asyncio.to_thread(imported)
        memory = kind.open(self.root, settings=self.settings)
        return await memory.__aenter__()

    async def _warm(self) -> None:
        try:
            if self.exists:
                memory = await self.get()
                # The store itself: a search through the memory may begin to index, which nobody has asked for.
                await memory.store.search(_WARM_QUERY, 1)
                await self.counter()
            await asyncio.to_thread(give_back)
        except (AuroraError, OSError) as error:  # whoever needs it gets the error, and can act on it
            _log.info("warm_failed", error=f"{type(error).__name__}: {error}")

    def _check_folder(self) -> None:
        """Refuse folders that are no project, in which a client may well have started the server.

        Raises:
            StoreError: It is the home folder, or the root of the disk.
        """
        if self.root.resolve() in (Path.home().resolve(), Path(self.root.anchor).resolve()):
            raise StoreError(
                f"{self.root} is no project: nothing was read or stored. Tell the user to name the project's folder in "
                f"the server's configuration: aurora mcp path/to/project"
            )


def _failed(task: asyncio.Task[Memory]) -> bool:
    return task.cancelled() or task.exception() is not None


Progress = Callable[[float, float | None, str], None]
"""Tell a client how far a call is: done, of how many (if that is known), and a sentence. Returns at once."""
