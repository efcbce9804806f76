"""Updates of the index before a search: quick changes are indexed first, others are announced in a notice.

Before a search the times and sizes of known files and folders are compared, which takes microseconds each. Changed
files are indexed if that fits into a time budget, estimated from measurements on this machine. Otherwise the results
get a notice with the number of stale files. No failure here fails the search.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from aurora_dev.core.record_kinds import IS_CHUNK
from aurora_dev.core.types import Notice
from aurora_dev.errors import AuroraError, StoreUnwritableError
from aurora_dev.history.head_state import head_state
from aurora_dev.indexing.chunk_version import current_chunk_version
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.core.text.file_encodings import FileEncodings
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.history.options import HistoryOptions
    from aurora_dev.indexing.changes import Changes
    from aurora_dev.indexing.index_state import IndexState
    from aurora_dev.indexing.snapshot import ProjectSnapshot
    from aurora_dev.indexing.walker import SourceFile

__all__ = ["STALE_INDEX", "Freshness", "FreshnessMode"]

_log = get_logger(__name__)

FreshnessMode = Literal["auto", "notice", "off"]

STALE_INDEX: Final = "stale_index"
"""The code of the notice about an index that is older than the project."""

DEFAULT_BUDGET: Final = 0.2  # seconds
# A check this quick precedes every search; slower ones take at most half of the time of searches that follow each other
# at once. In seconds of processor time, about that of 10,000 files: on a busy machine searches must not miss saved
# changes.
_FREE_CHECK: Final = 0.04
_REST_AFTER_CHECK: Final = 1.0  # times the duration of the check
# Weight of a new measurement in the moving average; the first one after a pause is often the slowest.
_LEARNING: Final = 0.3
# A measurement counts as at most this many times the estimate: once in a while, an update also loads a model, compiles
# rules or merges an index, and the next ones do not.
_MOST_GROWTH: Final = 3.0
# Costs measured on a busy machine must not prevent updates for ever: each declined update reduces the estimate by this
# factor. An update that then takes longer continues in the background.
_FORGETTING: Final = 0.8
_SMALL_UPDATE: Final = 20_000  # bytes; below, the fixed cost dominates
# A drive that is not mounted, or a folder that is being moved, looks like a project without files. A search does not
# remove that many from the index.
_MANY_GONE: Final = 20  # files
_MOST_GONE: Final = 0.5  # share of the files
# The budget is processor time. By the clock, a busy machine may take this many times as long; what takes longer than
# that waits for something else, such as an embedding service.
_SLOWDOWN: Final = 4.0
# How long a search waits for an update that was expected to fit: this many times the budget.
_PATIENCE: Final = 8.0
_LEAST_PATIENCE: Final = 0.05  # seconds
_REST_AFTER_FAILURE: Final = 10.0  # seconds
_ADVICE: Final = "run: aurora index (aurora watch keeps it current)"


class Freshness:
    """Compares a project with its index before a search, and updates the index if that is quick.

    Args:
        store: The store that is searched.
        root: The project's folder.
        state: The state of the index.
        mode: ``auto`` updates; ``notice`` only compares; ``off`` does nothing.
        budget: Seconds that a search may spend on indexing changes.
        mask_secrets: Whether credentials in changed files are masked.
        encodings: The encodings that the project sets for its files.
        history: The commits to store; ``None`` ignores the history.
        on_change: Awaited after files were updated.
    """

    def __init__(
        self,
        store: VectorStore,
        root: Path,
        state: IndexState,
        *,
        mode: FreshnessMode = "auto",
        budget: float = DEFAULT_BUDGET,
        mask_secrets: bool = True,
        encodings: FileEncodings | None = None,
        history: HistoryOptions | None = None,
        on_change: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._store = store
        self._root = root
        self._state = state
        self._mode = mode
        self._budget = budget
        self._mask = mask_secrets
        self._encodings = encodings
        self._history = history
        self._on_change = on_change
        self._lock = asyncio.Lock()
        self._durations: deque[float] = deque(maxlen=3)  # of the last checks, in seconds
        self._checked_at = self._resting_until = float("-inf")  # monotonic
        self._notices: tuple[Notice, ...] = ()
        self._unwritable = False
        self._background: asyncio.Future[Any] | None = None

    @cached_property
    def _chunk_version(self) -> str:
        return current_chunk_version(self._encodings.digest if self._encodings else "")  # imports the masking

    async def refresh_before_search(self) -> tuple[Notice, ...]:
        """Compare, update if that is quick, and return the notices for the search results; raises nothing."""
        if self._mode == "off":
            return ()
        requested_at = time.monotonic()
        async with self._lock:
            if self._background is not None and not self._background.done():
                return (Notice(STALE_INDEX, "stale: what changed is being indexed"),)
            await self._finish_background()
            if self._checked_at >= requested_at or time.monotonic() < self._resting_until:
                return self._notices
            self._checked_at = time.monotonic()
            try:
                self._notices = await self._refresh()
            except AuroraError as error:  # if the store is broken, the search itself reports it
                self._notices = (Notice(STALE_INDEX, f"the index may be older than the project: {error}"),)
                self._resting_until = time.monotonic() + _REST_AFTER_FAILURE
            except OSError as error:  # the project's folder cannot be read
                text = f"the index may be older than the project: {error.strerror or error}"
                self._notices = (Notice(STALE_INDEX, text),)
            except Exception as error:  # noqa: BLE001 - whatever the project or the state files hold, it must not fail the search
                _log.warning("index_not_refreshed", exc_info=True)
                text = f"the index may be older than the project ({type(error).__name__}: {error}); {_ADVICE}"
                self._notices = (Notice(STALE_INDEX, text),)
                self._resting_until = time.monotonic() + _REST_AFTER_FAILURE
            return self._notices

    async def close(self) -> None:
        """Wait for the running transaction, and cancel the rest of the update."""
        task, self._background = self._background, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def update(self) -> tuple[int, int, int] | None:
        """Bring the index up to date, however long that takes; for the watch.

        Returns:
            The number of files read, of files removed, and of new commits; ``None`` if a complete run is needed,
            because there is no snapshot of this version.

        Raises:
            IndexingError: The folder is missing, is not a folder, or cannot be listed.
            StoreError: The store cannot be read or written.
            EmbeddingError: The embedder failed.
        """
        async with self._lock:
            await self._finish_background()
            snapshot = await self._valid_snapshot()
            if snapshot is None or snapshot.chunk_version != self._chunk_version:
                return None
            changes = await self._find_changes(snapshot, seconds=60.0)
            with self._state.hold():
                await self._apply(snapshot, changes, changes.changed, changes.removed)
                commits = await self._update_history(snapshot, None)
            self._notices = ()
            return len(changes.changed), len(changes.removed), commits

    @property
    def seconds_per_check(self) -> float:
        """The duration of a check in seconds of processor time; 0 before the first."""
        return min(self._durations, default=0.0)

    async def count_stale(self) -> int | None:
        """Return the number of files that differ from the index; ``None`` if unknown."""
        async with self._lock:
            await self._finish_background()
            snapshot = await self._valid_snapshot()
            return None if snapshot is None else len(await self._find_changes(snapshot, seconds=self._budget))

    async def _refresh(self) -> tuple[Notice, ...]:
        meter = _Meter()
        snapshot = await self._valid_snapshot()
        if snapshot is None:
            return await self._notices_without_snapshot()
        changes = await self._find_changes(snapshot, seconds=self._budget / 2)
        stale = len(changes)
        if self._mode == "notice" or self._unwritable:
            return _stale(stale)
        gone, known = changes.removed, len(snapshot.files)
        if len(gone) > _MANY_GONE and len(gone) > _MOST_GONE * known:
            return (Notice(STALE_INDEX, f"stale: {len(gone):,} of {known:,} files are gone; {_ADVICE}"),)
        left = self._budget - meter.seconds()
        files = self._affordable(snapshot, changes, left)
        if len(files) < len(changes.changed) and self._budget:
            snapshot.costs.update *= _FORGETTING
            snapshot.costs.update_byte *= _FORGETTING
            changes.refreshed = True
        if files or (gone and snapshot.costs.update <= left):
            task = self._background = asyncio.ensure_future(self._apply_if_alone(snapshot, changes, files, gone))
            if not await self._finished_in_time():
                return _stale(stale, "; being indexed")
            if isinstance(obstacle := task.result(), str):
                return _stale(stale, obstacle)
            stale -= len(files) + len(gone)
        elif changes.refreshed:
            if not stale:
                snapshot.checked_at = changes.started_ns / 1e9
            await asyncio.to_thread(self._state.save, snapshot)
        if not stale:
            # A pull may bring thousands of commits: what takes longer continues in the background.
            self._background = asyncio.ensure_future(self._update_history(snapshot, left))
            if not await self._finished_in_time():
                return ()
        return _stale(stale)

    async def _valid_snapshot(self) -> ProjectSnapshot | None:
        return await asyncio.to_thread(self._read_snapshot)

    def _read_snapshot(self) -> ProjectSnapshot | None:
        snapshot = self._state.snapshot()
        # A remote store would be queried over the network before every search, and its counts lag behind.
        if snapshot is None or not self._store.backend.capabilities.local:
            return snapshot
        stats = self._store.backend.stats(self._store.namespace)
        # An older copy of the store, or another store in its place, does not match the snapshot.
        return snapshot if stats.sequence >= snapshot.sequence and stats.records >= snapshot.chunks else None

    async def _notices_without_snapshot(self) -> tuple[Notice, ...]:
        run = await asyncio.to_thread(self._state.last_run)
        if run is not None and run.outcome == "running":
            progress = f": {run.files_done:,} of {run.files_total:,} files are done" if run.files_total else ""
            return (Notice(STALE_INDEX, f"the project is being indexed{progress}"),)
        if run is not None and run.outcome != "complete":
            return (Notice(STALE_INDEX, f"the last index run was {_ENDED[run.outcome]}; {_ADVICE}"),)
        stats = await self._store.stats()
        if not stats.records or not await self._store.count(IS_CHUNK):
            return ()  # the project was never indexed
        return (Notice(STALE_INDEX, f"it is not known how old the index is; {_ADVICE}"),)

    async def _find_changes(self, snapshot: ProjectSnapshot, *, seconds: float) -> Changes:
        from aurora_dev.indexing.changes import find_changes

        def check() -> tuple[Changes, float]:
            started = time.thread_time()
            found = find_changes(self._root, snapshot, chunk_version=self._chunk_version, seconds=seconds)
            return found, time.thread_time() - started

        changes, duration = await asyncio.to_thread(check)
        self._durations.append(duration)
        usual = min(self._durations)
        self._resting_until = time.monotonic() + (usual * _REST_AFTER_CHECK if usual > _FREE_CHECK else 0.0)
        return changes

    def _affordable(self, snapshot: ProjectSnapshot, changes: Changes, seconds: float) -> list[SourceFile]:
        """Return the files that can be indexed in that time, the most recently changed first."""
        costs = snapshot.costs
        left = seconds - costs.update
        files = []
        for file in sorted(changes.changed, key=lambda file: (-file.mtime_ns, file.path)):
            cost = costs.update_byte * file.size
            if cost <= left:
                left -= cost
                files.append(file)
        return files

    async def _apply_if_alone(
        self, snapshot: ProjectSnapshot, changes: Changes, files: Sequence[SourceFile], removed: Sequence[str]
    ) -> str | None:
        """Apply changes; return the obstacle as the end of a notice, or ``None`` on success."""
        with self._state.hold() as alone:
            if not alone:
                return "; another process is indexing"
            try:
                await self._apply(snapshot, changes, files, removed)
            except StoreUnwritableError:
                self._unwritable = True
                return ""
        return None

    async def _finished_in_time(self) -> bool:
        """Wait for the background task; a slow one (an embedding service, a busy machine) continues by itself."""
        task = self._background
        if task is None:
            return True
        done, _ = await asyncio.wait({task}, timeout=max(_LEAST_PATIENCE, _PATIENCE * self._budget))
        if done:
            self._background = None
            task.result()  # raises the error of the task
        return bool(done)

    async def _finish_background(self) -> None:
        """Wait for the background task; after a failure, the next check rests."""
        task, self._background = self._background, None
        if task is not None:
            outcome: list[object] = await asyncio.gather(task, return_exceptions=True)
            if isinstance(failure := outcome[0], Exception):
                _log.warning("index_not_refreshed", error=str(failure))
                self._notices = (Notice(STALE_INDEX, f"the index may be older than the project: {failure}"),)
                self._resting_until = time.monotonic() + _REST_AFTER_FAILURE

    async def _apply(
        self, snapshot: ProjectSnapshot, changes: Changes, files: Sequence[SourceFile], removed: Sequence[str]
    ) -> None:
        if files or removed:
            from aurora_dev.indexing.indexer import Indexer, IndexOptions

            meter = _Meter()
            options = IndexOptions(mask_secrets=self._mask, encodings=self._encodings)
            indexer = Indexer(self._store, self._root, options=options, failures=self._state.failures)
            report = await indexer.update(files, removed)
            _learn(snapshot, sum(file.size for file in files), meter.seconds())
            for path in removed:
                snapshot.files.pop(path, None)
            snapshot.record_files(files, indexer.snapshot.versions, changes.started_ns)
            snapshot.chunks = max(0, snapshot.chunks + report.chunks_added - report.chunks_removed)
            if self._on_change is not None:
                await self._on_change()
            snapshot.sequence = (await self._store.stats()).sequence
            _log.info("index_refreshed", files=len(files), removed=len(removed), seconds=round(report.seconds, 4))
        if len(files) + len(removed) == len(changes):
            snapshot.checked_at = changes.started_ns / 1e9
        await asyncio.to_thread(self._state.save, snapshot)

    async def _update_history(self, snapshot: ProjectSnapshot, seconds: float | None) -> int:
        """Index new commits if ``HEAD`` changed and ``seconds`` (``None``: any time) suffice; return their number."""
        if self._history is None or self._unwritable:
            return 0
        head = await asyncio.to_thread(head_state, self._root)
        if head == snapshot.head or (seconds is not None and snapshot.costs.history > seconds):
            return 0
        from aurora_dev.history.commit_indexer import CommitIndexer

        meter = _Meter()
        report = await CommitIndexer(self._store, self._root, options=self._history).run()
        snapshot.costs.history += _LEARNING * (meter.seconds() - snapshot.costs.history)
        snapshot.head = head
        await asyncio.to_thread(self._state.save, snapshot)
        return report.commits_added


class _Meter:
    """Measures what a step costs, on a busy machine as on an idle one."""

    def __init__(self) -> None:
        self._clock = time.perf_counter()
        self._processor = time.process_time()

    def seconds(self) -> float:
        """Return the seconds of processor time, or a share of those by the clock if that is more."""
        by_clock = time.perf_counter() - self._clock
        # Other threads count as well, and cannot have taken longer than the clock says for this one.
        return max(min(time.process_time() - self._processor, by_clock), by_clock / _SLOWDOWN)


_ENDED: Final = {"failed": "ended by an error", "cancelled": "cancelled", "interrupted": "interrupted"}


def _stale(count: int, why: str = "") -> tuple[Notice, ...]:
    if not count:
        return ()
    return (Notice(STALE_INDEX, f"stale: {count:,} {'file' if count == 1 else 'files'}{why}; {_ADVICE}"),)


def _learn(snapshot: ProjectSnapshot, size: int, seconds: float) -> None:
    """Move the estimated costs towards a measurement (exponential moving average)."""
    costs = snapshot.costs
    if size < _SMALL_UPDATE:
        measured = min(max(0.0, seconds - size * costs.update_byte), _MOST_GROWTH * costs.update)
        costs.update += _LEARNING * (measured - costs.update)
    else:
        measured = min(max(0.0, seconds - costs.update) / size, _MOST_GROWTH * costs.update_byte)
        costs.update_byte += _LEARNING * (measured - costs.update_byte)
