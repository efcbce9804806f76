"""The index of a project: complete runs, quick updates before a search, and the watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.core.types import Notice
from aurora_dev.history.head_state import head_state
from aurora_dev.indexing.changes import record_tracked
from aurora_dev.indexing.chunk_version import current_chunk_version
from aurora_dev.indexing.freshness import DEFAULT_BUDGET, Freshness, FreshnessMode
from aurora_dev.indexing.index_state import IndexState, RunRecord
from aurora_dev.indexing.snapshot import ProjectSnapshot

if TYPE_CHECKING:
    from aurora_dev.core.text.file_encodings import FileEncodings
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.history.options import HistoryOptions
    from aurora_dev.indexing.indexer import RunSnapshot
    from aurora_dev.indexing.report import IndexProgress, IndexReport
    from aurora_dev.indexing.watch import WatchBatch

__all__ = ["IndexAge", "ProjectIndex"]

# How often a run records its progress for the status of other processes.
_PROGRESS_INTERVAL: Final = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class IndexAge:
    """The age of an index.

    Attributes:
        last_run: The last complete run of any process; ``None`` if none is known.
        current_at: Time at which the index was last known to match the project, seconds since the epoch; ``None`` if
            unknown.
        stale_files: Number of files that differ from the index now; ``None`` if unknown.
    """

    last_run: RunRecord | None = None
    current_at: float | None = None
    stale_files: int | None = None


class ProjectIndex:
    """Keeps the index of one project up to date.

    Args:
        store: Receives the documents.
        root: The project's folder.
        folder: The folder of the index state; ``None`` keeps it in memory.
        mode: What a search does about changes; see `Freshness`.
        budget: Seconds that a search may spend on changes.
        mask_secrets: See `IndexOptions`.
        encodings: The encodings that the project sets for its files.
        history: The commits to store; a limit of 0 stores none.
        on_change: Awaited after files were indexed.
    """

    def __init__(
        self,
        store: VectorStore,
        root: Path,
        folder: Path | None,
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
        self._mask = mask_secrets
        self._encodings = encodings
        self._history = history
        self._on_change = on_change
        self.state = IndexState(folder, store.namespace, root)
        self.state.failures.load()  # one small file, missing in nearly every project; notes and contexts parse too
        self.freshness = Freshness(
            store,
            root,
            self.state,
            mode=mode,
            budget=budget,
            mask_secrets=mask_secrets,
            encodings=self._encodings,
            history=history if history is not None and history.limit else None,
            on_change=on_change,
        )

    async def before_search(self) -> tuple[Notice, ...]:
        """Update the index if that is quick; return the notices for the search results."""
        return await self.freshness.refresh_before_search()

    async def index(
        self,
        progress: Callable[[IndexProgress], None] | None = None,
        *,
        full: bool = False,
        stage_progress: Callable[[str, int, int], None] | None = None,
    ) -> IndexReport:
        """Index files, then commits, and record the run and its outcome.

        Raises:
            IndexingError: The project cannot be read.
            StoreError: The store cannot be written.
            EmbeddingError: The embedder failed.
        """
        with self.state.hold():
            self.state.begin()
            try:
                report = await self._index(progress, full=full, stage_progress=stage_progress)
            except asyncio.CancelledError:
                self.state.end("cancelled")
                raise
            except BaseException as error:  # recorded, then raised again
                self.state.end("failed", f"{type(error).__name__}: {error}")
                raise
            self.state.end("complete")
            return report

    async def _index(
        self,
        progress: Callable[[IndexProgress], None] | None,
        *,
        full: bool,
        stage_progress: Callable[[str, int, int], None] | None,
    ) -> IndexReport:
        from aurora_dev.history.commit_indexer import CommitIndexer
        from aurora_dev.indexing.indexer import Indexer, IndexOptions

        recorded_at = 0.0

        def record_progress(step: IndexProgress) -> None:
            nonlocal recorded_at
            if time.monotonic() - recorded_at >= _PROGRESS_INTERVAL:
                recorded_at = time.monotonic()
                self.state.progress(step.files_done, step.files_total)
            if progress is not None:
                progress(step)

        options = IndexOptions(mask_secrets=self._mask, encodings=self._encodings)
        indexer = Indexer(self._store, self._root, options=options, failures=self.state.failures)
        report = await indexer.run(record_progress, full=full)
        self.state.progress(len(indexer.snapshot.files), len(indexer.snapshot.files))
        head = await asyncio.to_thread(head_state, self._root)
        if self._history is not None:
            of_commits = None if stage_progress is None else partial(stage_progress, "commits")
            history = await CommitIndexer(self._store, self._root, options=self._history).run(of_commits)
            report = replace(report, history=history)
        if self._on_change is not None:
            await self._on_change()
        await self._save_snapshot(indexer.snapshot, report.chunks_total, head)
        return report

    async def _save_snapshot(self, run: RunSnapshot, chunks: int, head: str) -> None:
        previous = await asyncio.to_thread(self.state.snapshot)
        snapshot = ProjectSnapshot(
            current_chunk_version(self._encodings.digest if self._encodings else ""), chunks=chunks, head=head
        )
        if previous is not None:
            snapshot.costs = previous.costs
        snapshot.record_walk(run.visited, run.started_ns)
        snapshot.record_files(run.files, run.versions, run.started_ns)
        await asyncio.to_thread(record_tracked, self._root, snapshot, snapshot.tracked)
        snapshot.walked_at = snapshot.checked_at = run.started_ns / 1e9
        snapshot.sequence = (await self._store.stats()).sequence
        await asyncio.to_thread(self.state.save, snapshot)

    async def age(self) -> IndexAge:
        """Return the age of the index, by comparing it with the project; nothing is updated.

        Raises:
            StoreError: The store cannot be read.
        """
        run = await asyncio.to_thread(self.state.last_run)
        try:
            stale = await self.freshness.count_stale()
        except OSError:  # the project's folder is missing or unreadable
            stale = None
        snapshot = await asyncio.to_thread(self.state.snapshot)
        return IndexAge(run, (snapshot.checked_at or None) if snapshot is not None else None, stale)

    def watch(self, *, stop: asyncio.Event | None = None, poll: bool = False) -> AsyncGenerator[WatchBatch, None]:
        """Index changes of the project as they happen; see `watch_project`."""
        from aurora_dev.indexing.watch import watch_project

        return watch_project(self, self._root, stop=stop, poll=poll)

    async def bring_up_to_date(self) -> tuple[int, int, int]:
        """Index all changes, or the whole project if there is no snapshot; for the watch.

        Returns:
            The number of files read, of files removed, and of new commits.

        Raises:
            IndexingError: The project cannot be read.
            StoreError: The store cannot be written.
            EmbeddingError: The embedder failed.
        """
        done = await self.freshness.update()
        if done is not None:
            return done
        report = await self.index()
        commits = report.history.commits_added if report.history is not None else 0
        return report.files_added + report.files_updated, report.files_removed, commits

    async def close(self) -> None:
        """End the update that runs in the background, if any."""
        await self.freshness.close()
