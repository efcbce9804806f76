"""The watch: changes of a project are indexed a moment after they are saved, a branch switch as one batch.

File system events only trigger a comparison of the project with its snapshot, as before a search. So no change is lost
with an event: while a watcher starts, when the system drops some, or on drives that send none.
"""

from __future__ import annotations

import asyncio
import errno
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

# All in seconds.
# Debounce: a batch ends after this long without changes …
_STEP: Final = 0.1
# … or, during a build or a checkout that goes on, after this long.
_DEBOUNCE: Final = 2.0
# How often HEAD is checked: a commit may change no file of the project.
_TICK: Final = 1.0
# How often a comparison makes up for lost events.
_CHECK_INTERVAL: Final = 30.0
# The polling interval without a watcher; longer if a comparison would take more than a twentieth of the time.
_POLL_INTERVAL: Final = 1.0
_POLL_SHARE: Final = 20.0
_MOST_SHOWN: Final = 200  # characters of an error of the system
# While git holds its index lock, the working tree is between two branches.
_MAX_WAIT_FOR_GIT: Final = 20.0
# Linux needs one watch per folder, and ignored folders would take most of them. Elsewhere one watch covers the tree.
_WATCH_EACH_FOLDER: Final = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class WatchBatch:
    """The result of one batch of changes.

    Attributes:
        files_updated: Number of new or changed files that were read.
        files_removed: Number of files that were removed from the index.
        commits: Number of new commits.
        seconds: Duration of the update.
        at: Time of its end, seconds since the epoch.
        polling: Why the project is polled instead of watched; else ``None``.
        error: The error of the update, which will be tried again; else ``None``.
        first: Whether this is the initial update, before any change.
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
    """Bring the index up to date now and after every change, until stopped or closed.

    Args:
        project_index: The index of the project.
        root: The project's folder.
        stop: Ends the watch when set.
        poll: Poll every second instead of watching, for drives without file system events.
        step: Seconds without changes that end a batch.
        debounce: Seconds after which a batch ends even if changes continue.

    Yields:
        A batch at the start; then one per update that changed the index or failed, and when watching turns to polling.
    """
    root = await asyncio.to_thread(root.resolve)  # events have resolved paths
    polling = "asked to" if poll else None
    stop = stop or asyncio.Event()
    first, reported_polling, reported_error = True, polling, ""
    watcher = _Watcher(root, stop, step, debounce)
    try:
        while not stop.is_set():
            started = time.perf_counter()
            error = ""
            counts = (0, 0, 0)
            try:
                await _wait_for_git(root, stop)
                await asyncio.to_thread(watcher.record_head)
                counts = await project_index.bring_up_to_date()
            except (AuroraError, OSError) as problem:  # often temporary: a full disk, a lock, a moved folder
                error = str(problem)
                _log.warning("watch_failed", error=error)
            except Exception as problem:  # noqa: BLE001 - whatever a file or a commit holds, the watch goes on
                error = f"{type(problem).__name__}: {problem}"
                _log.warning("watch_failed", exc_info=True)
            if first or any(counts) or (error and error != reported_error) or polling != reported_polling:
                seconds = time.perf_counter() - started
                yield WatchBatch(*counts, seconds, time.time(), polling, error or None, first)
            first, reported_polling, reported_error = False, polling, error
            if polling is None:
                try:
                    await watcher.wait(_folders(project_index, root), soon=bool(error))
                except (OSError, RuntimeError) as problem:  # too many watches, or the system has none
                    polling = _why_polled(problem)
                    _log.warning("watch_polls", reason=polling)
            else:
                seconds_per_check = project_index.freshness.seconds_per_check
                await _wait(stop, max(_POLL_INTERVAL, _POLL_SHARE * seconds_per_check))
    finally:
        await watcher.close()


def _why_polled(problem: Exception) -> str:
    """Return why folders cannot be watched, and what to do where it is a limit of the system."""
    text = str(problem)[:_MOST_SHOWN]  # it may list every folder
    number = getattr(problem, "errno", None)
    if sys.platform == "linux" and (number in (errno.ENOSPC, errno.EMFILE) or "limit" in text.lower()):
        return f"{text}; raise the limit with: sudo sysctl fs.inotify.max_user_watches=1048576"
    return text


def _folders(project_index: ProjectIndex, root: Path) -> tuple[Path, ...]:
    if not _WATCH_EACH_FOLDER:
        return (root,)
    snapshot = project_index.state.snapshot()
    return tuple(root / folder for folder in (snapshot.folders if snapshot is not None else ())) or (root,)


class _Watcher:
    """Waits for events in folders; keeps its watches from batch to batch as long as the folders are the same."""

    def __init__(self, root: Path, stop: asyncio.Event, step: float, debounce: float) -> None:
        self._root = root
        self._stop = stop
        self._step, self._debounce = step, debounce
        self._head = ""
        self._folders: tuple[Path, ...] = ()
        self._events: AsyncGenerator[set[Any], None] | None = None

    def record_head(self) -> None:
        """Record the state of HEAD: a later change of it is an event."""
        self._head = head_state(self._root)

    async def wait(self, folders: tuple[Path, ...], *, soon: bool) -> None:
        """Wait for an event, or until a comparison is due.

        Args:
            folders: The folders to watch.
            soon: Whether the next comparison is due within a second rather than 30, to try again after an error.

        Raises:
            OSError, RuntimeError: The folders cannot be watched.
        """
        interval = _TICK if soon else _CHECK_INTERVAL
        if self._events is None or folders != self._folders:
            await self.close()
            present = [folder for folder in folders if folder.is_dir()]
            if not present:
                await _wait(self._stop, _TICK)
                return
            self._open(present)
            self._folders = folders
            interval = 0.0  # for changes before the watch started
        due = time.monotonic() + interval
        events = self._events
        if events is None:  # unreachable: it was opened above
            return
        async for changes in events:
            if changes or time.monotonic() >= due or await asyncio.to_thread(head_state, self._root) != self._head:
                return
        self._events = None

    def _open(self, folders: Sequence[Path]) -> None:
        from watchfiles import awatch

        self._events = awatch(
            *folders,
            watch_filter=_event_filter(self._root),
            debounce=int(self._debounce * 1000),
            step=int(self._step * 1000),
            stop_event=self._stop,
            rust_timeout=int(_TICK * 1000),
            yield_on_timeout=True,
            recursive=not _WATCH_EACH_FOLDER,
            ignore_permission_denied=True,
        )

    async def close(self) -> None:
        """Remove the watches."""
        events, self._events = self._events, None
        if events is not None:
            await events.aclose()


def _event_filter(root: Path) -> Callable[[Any, str], bool]:
    """Return a filter that drops events in folders that no walk lists, judged by their names alone."""
    from aurora_dev.indexing import filetypes

    start = len(str(root)) + 1

    def relevant(_change: Any, path: str) -> bool:
        parts = Path(path[start:]).parts
        return not any(
            part in filetypes.ALWAYS_SKIPPED_FOLDERS
            or (filetypes.is_vendored_folder(part) and not filetypes.is_source_if_tracked(part))
            for part in parts
        )

    return relevant


async def _wait_for_git(root: Path, stop: asyncio.Event) -> None:
    """Wait until git has released its index lock, for at most 20 seconds."""
    lock = root / ".git" / "index.lock"
    deadline = time.monotonic() + _MAX_WAIT_FOR_GIT
    while lock.exists() and time.monotonic() < deadline and not stop.is_set():
        await _wait(stop, _STEP)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except (asyncio.TimeoutError, TimeoutError):
        return
