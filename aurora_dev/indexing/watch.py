"""Follows a project's changes: what was saved is indexed a moment later, a branch switch as one batch.

The watcher only says that something happened; what it is, a look at the project tells, as before a search. So nothing
is lost where events are: while a watcher is set up, where the system drops some, or on drives that send none.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.errors import AuroraError
from aurora_dev.history.head_state import head_state
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.indexing.project_index import ProjectIndex

__all__ = ["WatchBatch", "watch_project"]

_log = get_logger(__name__)

# Changes this close together are one batch; a build or a checkout that goes on is cut after the second.
_STEP: Final = 0.1
_DEBOUNCE: Final = 2.0
# How often it is asked whether the present commit is another one, which no project file may tell.
_TICK: Final = 1.0
# How often a look makes up for events that never came.
_LOOK_EVERY: Final = 30.0
# Without a watcher a look is taken so often, at most a twentieth of the time.
_POLL_EVERY: Final = 1.0
_POLL_SHARE: Final = 20.0
# While git holds its index lock it is at work, and what it has done so far is half a branch.
_MOST_WAIT_FOR_GIT: Final = 20.0
# Linux needs a watch for each folder: those of ignored folders would be most of them. Elsewhere one serves the tree.
_EACH_FOLDER: Final = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class WatchBatch:
    """What one batch of changes came to.

    Attributes:
        files_updated: Files that were read because they are new or have changed.
        files_removed: Files that left the index.
        commits: Commits that are new.
        seconds: How long it took.
        at: Seconds since the epoch.
        polling: Why no watcher tells of changes, so that they are looked for every second or so; else ``None``.
        error: What went wrong; it is tried again. Else ``None``.
        first: Whether this brought the index up to date before the first change.
    """

    files_updated: int
    files_removed: int
    commits: int
    seconds: float
    at: float
    polling: str | None = None
    error: str | None = None
    first: bool = False


async def watch_project(
    project_index: ProjectIndex,
    root: Path,
    *,
    stop: asyncio.Event | None = None,
    poll: bool = False,
    step: float = _STEP,
    debounce: float = _DEBOUNCE,
) -> AsyncGenerator[WatchBatch, None]:
    """Bring the index up to date now and whenever the project changes, until it is stopped or closed.

    Args:
        project_index: Of the project.
        root: Its folder.
        stop: Ends it when set.
        poll: Look every second instead of watching, for drives that do not tell of changes.
        step: Seconds without changes that end a batch.
        debounce: Seconds after which a batch ends although changes go on.

    Yields:
        A batch at the start, then one for each that changed the index or failed, and for each change of how the
        project is watched.
    """
    root = Path(os.path.realpath(root))  # as the system names it in its events
    polling = "asked to" if poll else None
    stop = stop or asyncio.Event()
    first, said, failed = True, polling, ""
    watcher = _Watcher(root, stop, step, debounce)
    try:
        while not stop.is_set():
            began = time.perf_counter()
            error = ""
            done = (0, 0, 0)
            try:
                await _git_is_done(root, stop)
                await asyncio.to_thread(watcher.note_head)
                done = await project_index.bring_up_to_date()
            except (AuroraError, OSError) as problem:  # the next try may go well: a full disk, a lock, a moved folder
                error = str(problem)
                _log.warning("watch_failed", error=error)
            if first or any(done) or (error and error != failed) or polling != said:
                seconds = time.perf_counter() - began
                yield WatchBatch(*done, seconds, time.time(), polling, error or None, first)
            first, said, failed = False, polling, error
            if polling is None:
                try:
                    await watcher.wait(_folders(project_index, root), soon=bool(error))
                except (OSError, RuntimeError) as problem:  # the system's limit of watches, or it knows none
                    polling = str(problem)
                    _log.warning("watch_polls", reason=polling)
            else:
                await _wait(stop, max(_POLL_EVERY, _POLL_SHARE * project_index.freshness.last_look))
    finally:
        await watcher.close()


def _folders(project_index: ProjectIndex, root: Path) -> tuple[Path, ...]:
    if not _EACH_FOLDER:
        return (root,)
    seen = project_index.state.seen()
    return tuple(root / folder for folder in (seen.folders if seen is not None else ())) or (root,)


class _Watcher:
    """Waits for events in folders; it stays in place from batch to batch as long as the folders are the same."""

    def __init__(self, root: Path, stop: asyncio.Event, step: float, debounce: float) -> None:
        self._root = root
        self._stop = stop
        self._step, self._debounce = step, debounce
        self._head = ""
        self._folders: tuple[Path, ...] = ()
        self._events: AsyncGenerator[set[Any], None] | None = None

    def note_head(self) -> None:
        """Remember the present commit: another one later is an event."""
        self._head = head_state(self._root)

    async def wait(self, folders: tuple[Path, ...], *, soon: bool) -> None:
        """Return when something happened, or a look is due.

        Raises:
            OSError: The folders cannot be watched.
            RuntimeError: Likewise.
        """
        look_every = _TICK if soon else _LOOK_EVERY
        if self._events is None or folders != self._folders:
            await self.close()
            present = [folder for folder in folders if folder.is_dir()]
            if not present:
                await _wait(self._stop, _TICK)
                return
            self._open(present)
            self._folders = folders
            look_every = 0.0  # for what happened while nobody watched
        due = time.monotonic() + look_every
        events = self._events
        if events is None:  # never: it was opened above
            return
        async for changes in events:
            if changes or time.monotonic() >= due or await asyncio.to_thread(head_state, self._root) != self._head:
                return
        self._events = None

    def _open(self, folders: Sequence[Path]) -> None:
        from watchfiles import awatch

        self._events = awatch(
            *folders,
            watch_filter=_filter(self._root),
            debounce=int(self._debounce * 1000),
            step=int(self._step * 1000),
            stop_event=self._stop,
            rust_timeout=int(_TICK * 1000),
            yield_on_timeout=True,
            recursive=not _EACH_FOLDER,
            ignore_permission_denied=True,
        )

    async def close(self) -> None:
        """Take the watches away."""
        events, self._events = self._events, None
        if events is not None:
            await events.aclose()


def _filter(root: Path) -> Callable[[Any, str], bool]:
    """Leave out what no walk would list, as far as names tell; the look afterwards knows better."""
    from aurora_dev.indexing import filetypes

    start = len(str(root)) + 1

    def relevant(_change: Any, path: str) -> bool:
        parts = Path(path[start:]).parts
        return not any(part in filetypes.ALWAYS_SKIPPED_FOLDERS or filetypes.is_vendored_folder(part) for part in parts)

    return relevant


async def _git_is_done(root: Path, stop: asyncio.Event) -> None:
    lock = root / ".git" / "index.lock"
    deadline = time.monotonic() + _MOST_WAIT_FOR_GIT
    while lock.exists() and time.monotonic() < deadline and not stop.is_set():
        await _wait(stop, _STEP)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except (asyncio.TimeoutError, TimeoutError):
        return
