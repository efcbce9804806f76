"""Keeps searches honest about the age of what they search: what changed is indexed first where that is quick.

Before a search the known files and folders are looked at by their times and sizes, which is a matter of microseconds
each. What changed is read again where that fits into a budget, as measured on this machine; otherwise the search gets a
notice that says how much is stale. A search never fails because of any of this.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from aurora_dev.core.record_kinds import IS_CHUNK
from aurora_dev.core.types import Notice
from aurora_dev.errors import AuroraError, StoreUnwritableError
from aurora_dev.history.head_state import head_state
from aurora_dev.indexing.changes import Changes, look_at
from aurora_dev.indexing.index_state import IndexState, Seen
from aurora_dev.indexing.recipe import recipe_name
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.history.options import HistoryOptions
    from aurora_dev.indexing.walker import SourceFile

__all__ = ["STALE_INDEX", "Freshness", "FreshnessMode"]

_log = get_logger(__name__)

FreshnessMode = Literal["auto", "notice", "off"]

STALE_INDEX: Final = "stale_index"
"""The code of the notice of a search over an index that is older than the project."""

DEFAULT_BUDGET: Final = 0.2
# A look this quick precedes every search; a slower one takes at most a fifth of the time between searches. In seconds
# of the processor, about those of 10,000 files: a busy machine must not make searches miss what was saved.
_FREE_LOOK: Final = 0.02
_REST_AFTER_LOOK: Final = 4.0
# New measurements count for so much; the first one after a pause is often the slowest.
_LEARNING: Final = 0.3
# What was measured while the machine was busy must not keep every later search from updating: each time that an update
# is declined, the next one is thought to be so much cheaper. One that is not goes on behind its search.
_FORGETTING: Final = 0.8
_SMALL_UPDATE: Final = 20_000  # bytes; the time of a smaller one is mostly that of any
# A drive that is not mounted, or a folder that somebody is moving, looks like a project without files: what they held
# is not thrown away by a search.
_MANY_GONE: Final = 20
_MOST_GONE: Final = 0.5
# How much longer than the budget a search waits for an update that was expected to be quick.
_PATIENCE: Final = 4.0
_LEAST_PATIENCE: Final = 0.05  # seconds
_REST_AFTER_FAILURE: Final = 10.0
_ADVICE: Final = "run: aurora index (aurora watch keeps it current)"


class Freshness:
    """Looks at a project before a search, and brings its index up to date where that is quick.

    Args:
        store: What is searched.
        root: The project's folder.
        state: What was seen of it.
        mode: ``auto``; ``notice`` changes nothing; ``off`` does not look.
        budget: Seconds that a search may spend on reading what changed.
        mask_secrets: As at indexing; of files that have changed.
        history: Which commits are kept; ``None``: the history is not looked at.
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
        history: HistoryOptions | None = None,
        on_change: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._store = store
        self._root = root
        self._state = state
        self._mode = mode
        self._budget = budget
        self._mask = mask_secrets
        self._history = history
        self._on_change = on_change
        self._recipe = recipe_name()
        self._lock = asyncio.Lock()
        self._looks: deque[float] = deque(maxlen=3)  # seconds of the last ones
        self._looked_at = self._rested_at = float("-inf")
        self._notices: tuple[Notice, ...] = ()
        self._unwritable = False
        self._work: asyncio.Future[Any] | None = None

    async def ensure(self) -> tuple[Notice, ...]:
        """Look, update where that is quick, and return what a search should say about it; it raises nothing."""
        if self._mode == "off":
            return ()
        asked = time.monotonic()
        async with self._lock:
            if self._work is not None and not self._work.done():
                return (Notice(STALE_INDEX, "stale: what changed is being indexed"),)
            await self._settle()
            if self._looked_at >= asked or time.monotonic() < self._rested_at:
                return self._notices
            self._looked_at = time.monotonic()
            try:
                self._notices = await self._ensure()
            except AuroraError as error:  # the search itself says what is wrong with the store, if it is
                self._notices = (Notice(STALE_INDEX, f"the index may be older than the project: {error}"),)
                self._rested_at = time.monotonic() + _REST_AFTER_FAILURE
            except OSError as error:  # the project's folder, in any of the ways in which disks and networks fail
                text = f"the index may be older than the project: {error.strerror or error}"
                self._notices = (Notice(STALE_INDEX, text),)
            return self._notices

    async def close(self) -> None:
        """Wait for the transaction that is under way, and leave the rest undone."""
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def update(self) -> tuple[int, int, int] | None:
        """Bring the index up to date, however long that takes; for who follows a project's changes.

        Returns:
            How many files were read and removed, and how many commits are new; ``None`` where a complete run is needed:
            nothing was seen yet.

        Raises:
            IndexingError: The folder is missing, is none, or cannot be listed.
            StoreError: The store cannot be read or written.
            EmbeddingError: The embedder failed.
        """
        async with self._lock:
            await self._settle()
            seen = await self._valid()
            if seen is None or seen.recipe != self._recipe:
                return None
            changes = await self._look(seen, seconds=60.0)
            with self._state.hold():
                await self._apply(seen, changes, changes.changed, changes.removed)
                commits = await self._update_history(seen, None)
            self._notices = ()
            return len(changes.changed), len(changes.removed), commits

    @property
    def last_look(self) -> float:
        """Seconds that a look takes; 0 before the first."""
        return min(self._looks, default=0.0)

    async def count_stale(self) -> int | None:
        """Return how many files differ from the index; ``None`` where that is not known."""
        async with self._lock:
            await self._settle()
            seen = await self._valid()
            return None if seen is None else len(await self._look(seen, seconds=self._budget))

    async def _ensure(self) -> tuple[Notice, ...]:
        started = time.perf_counter()
        seen = await self._valid()
        if seen is None:
            return await self._of_unknown_age()
        changes = await self._look(seen, seconds=self._budget / 2)
        stale = len(changes)
        if self._mode == "notice" or self._unwritable:
            return _stale(stale)
        gone = changes.removed
        if len(gone) > _MANY_GONE and len(gone) > _MOST_GONE * len(seen.files):
            return (Notice(STALE_INDEX, f"stale: {len(gone):,} of {len(seen.files):,} files are gone; {_ADVICE}"),)
        left = self._budget - (time.perf_counter() - started)
        files = self._affordable(seen, changes, left)
        if len(files) < len(changes.changed) and self._budget:
            seen.costs.update *= _FORGETTING
            seen.costs.update_byte *= _FORGETTING
            changes.refreshed = True
        if files or (gone and seen.costs.update <= left):
            self._work = asyncio.ensure_future(self._apply_alone(seen, changes, files, gone))
            work = self._work
            if not await self._in_time():
                return _stale(stale, "; being indexed")
            if isinstance(obstacle := work.result(), str):
                return _stale(stale, obstacle)
            stale -= len(files) + len(gone)
        elif changes.refreshed:
            if not stale:
                seen.checked_at = changes.started_ns / 1e9
            await asyncio.to_thread(self._state.save, seen)
        if not stale:
            # A pull may bring thousands of commits: those that take longer come behind the search.
            self._work = asyncio.ensure_future(self._update_history(seen, left))
            if not await self._in_time():
                return ()
        return _stale(stale)

    async def _valid(self) -> Seen | None:
        return await asyncio.to_thread(self._read_seen)

    def _read_seen(self) -> Seen | None:
        seen = self._state.seen()
        # A remote store would be asked over the network before every search, and counts with a delay.
        if seen is None or not self._store.backend.capabilities.local:
            return seen
        stats = self._store.backend.stats(self._store.namespace)
        # An older copy of the store, or another one in its place, holds something else than what was seen.
        return seen if stats.sequence >= seen.sequence and stats.records >= seen.chunks else None

    async def _of_unknown_age(self) -> tuple[Notice, ...]:
        run = await asyncio.to_thread(self._state.last_run)
        if run is not None and run.outcome == "running":
            far = f": {run.files_done:,} of {run.files_total:,} files are done" if run.files_total else ""
            return (Notice(STALE_INDEX, f"the project is being indexed{far}"),)
        if run is not None and run.outcome != "complete":
            return (Notice(STALE_INDEX, f"the last index run was {_ENDED[run.outcome]}; {_ADVICE}"),)
        stats = await self._store.stats()
        if not stats.records or not await self._store.count(IS_CHUNK):
            return ()  # nothing was indexed: that is no old index
        return (Notice(STALE_INDEX, f"it is not known how old the index is; {_ADVICE}"),)

    async def _look(self, seen: Seen, *, seconds: float) -> Changes:
        def look() -> tuple[Changes, float]:
            started = time.thread_time()
            found = look_at(self._root, seen, recipe=self._recipe, seconds=seconds)
            return found, time.thread_time() - started

        changes, took = await asyncio.to_thread(look)
        self._looks.append(took)
        usual = min(self._looks)
        self._rested_at = time.monotonic() + (usual * _REST_AFTER_LOOK if usual > _FREE_LOOK else 0.0)
        return changes

    def _affordable(self, seen: Seen, changes: Changes, seconds: float) -> list[SourceFile]:
        """Return the files that can be read in that time, those that were changed last first."""
        costs = seen.costs
        left = seconds - costs.update
        files = []
        for file in sorted(changes.changed, key=lambda file: (-file.mtime_ns, file.path)):
            cost = costs.update_byte * file.size
            if cost <= left:
                left -= cost
                files.append(file)
        return files

    async def _apply_alone(
        self, seen: Seen, changes: Changes, files: Sequence[SourceFile], removed: Sequence[str]
    ) -> str | None:
        """Return what stood in the way, as the end of a notice; ``None`` where it was done."""
        with self._state.hold() as alone:
            if not alone:
                return "; another process is indexing"
            try:
                await self._apply(seen, changes, files, removed)
            except StoreUnwritableError:
                self._unwritable = True
                return ""
        return None

    async def _in_time(self) -> bool:
        """Wait for the work; what takes unexpectedly long (a service that embeds, a busy machine) goes on by itself."""
        work = self._work
        if work is None:
            return True
        done, _ = await asyncio.wait({work}, timeout=max(_LEAST_PATIENCE, _PATIENCE * self._budget))
        if done:
            self._work = None
            work.result()  # raises what it raised
        return bool(done)

    async def _settle(self) -> None:
        """Wait for what goes on behind searches; where it failed, the next try has time."""
        work, self._work = self._work, None
        if work is not None:
            outcome: list[object] = await asyncio.gather(work, return_exceptions=True)
            if isinstance(failure := outcome[0], Exception):
                _log.warning("index_not_refreshed", error=str(failure))
                self._notices = (Notice(STALE_INDEX, f"the index may be older than the project: {failure}"),)
                self._rested_at = time.monotonic() + _REST_AFTER_FAILURE

    async def _apply(self, seen: Seen, changes: Changes, files: Sequence[SourceFile], removed: Sequence[str]) -> None:
        if files or removed:
            from aurora_dev.indexing.indexer import Indexer, IndexOptions

            started = time.perf_counter()
            indexer = Indexer(self._store, self._root, options=IndexOptions(mask_secrets=self._mask))
            report = await indexer.update(files, removed)
            _learn(seen, sum(file.size for file in files), time.perf_counter() - started)
            for path in removed:
                seen.files.pop(path, None)
            seen.note_files(files, indexer.seen.versions, changes.started_ns)
            seen.chunks = max(0, seen.chunks + report.chunks_added - report.chunks_removed)
            if self._on_change is not None:
                await self._on_change()
            seen.sequence = (await self._store.stats()).sequence
            _log.info("index_refreshed", files=len(files), removed=len(removed), seconds=round(report.seconds, 4))
        if len(files) + len(removed) == len(changes):
            seen.checked_at = changes.started_ns / 1e9
        await asyncio.to_thread(self._state.save, seen)

    async def _update_history(self, seen: Seen, seconds: float | None) -> int:
        """Read new commits where the present one is another than before and that is quick enough; return how many."""
        if self._history is None or self._unwritable:
            return 0
        mark = await asyncio.to_thread(head_state, self._root)
        if mark == seen.head or (seconds is not None and seen.costs.history > seconds):
            return 0
        from aurora_dev.history.commit_indexer import CommitIndexer

        report = await CommitIndexer(self._store, self._root, options=self._history).run()
        seen.costs.history += _LEARNING * (report.seconds - seen.costs.history)
        seen.head = mark
        await asyncio.to_thread(self._state.save, seen)
        return report.commits_added


_ENDED: Final = {"failed": "ended by an error", "cancelled": "cancelled", "interrupted": "interrupted"}


def _stale(count: int, why: str = "") -> tuple[Notice, ...]:
    if not count:
        return ()
    return (Notice(STALE_INDEX, f"stale: {count:,} {'file' if count == 1 else 'files'}{why}; {_ADVICE}"),)


def _learn(seen: Seen, size: int, seconds: float) -> None:
    costs = seen.costs
    if size < _SMALL_UPDATE:
        costs.update += _LEARNING * (max(0.0, seconds - size * costs.update_byte) - costs.update)
    else:
        costs.update_byte += _LEARNING * (max(0.0, seconds - costs.update) / size - costs.update_byte)
