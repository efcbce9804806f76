"""What keeps an index true: complete runs with their record, quick updates before searches, and the watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.core.types import Notice
from aurora_dev.history.head_state import head_state
from aurora_dev.indexing.freshness import DEFAULT_BUDGET, Freshness, FreshnessMode
from aurora_dev.indexing.index_state import IndexState, RunRecord, Seen
from aurora_dev.indexing.recipe import recipe_name

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.history.options import HistoryOptions
    from aurora_dev.indexing.report import IndexProgress, IndexReport
    from aurora_dev.indexing.watch import WatchBatch

__all__ = ["IndexAge", "ProjectIndex"]

# A run says how far it is so often; who asks for the status meanwhile is told.
_PROGRESS_EVERY: Final = 0.5


@dataclass(frozen=True, slots=True)
class IndexAge:
    """How old an index is.

    Attributes:
        last_run: The last complete run that was begun, by whatever process; ``None`` where none is known.
        current_at: Seconds since the epoch at which the index was last known to be as the project; ``None``: unknown.
        stale_files: Files that differ from the index now; ``None`` where that is not known.
    """

    last_run: RunRecord | None = None
    current_at: float | None = None
    stale_files: int | None = None


class ProjectIndex:
    """Keeps the index of one project.

    Args:
        store: Takes the documents.
        root: The project's folder.
        folder: Where the state is kept; ``None`` keeps it in this process alone.
        mode: What a search does about changes; see `Freshness`.
        budget: Seconds that a search may spend on them.
        mask_secrets: As for `IndexOptions`.
        history: Which commits are kept; a limit of 0 keeps none.
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
        history: HistoryOptions | None = None,
        on_change: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._store = store
        self._root = root
        self._mask = mask_secrets
        self._history = history
        self._on_change = on_change
        self.state = IndexState(folder, store.namespace, root)
        self.freshness = Freshness(
            store,
            root,
            self.state,
            mode=mode,
            budget=budget,
            mask_secrets=mask_secrets,
            history=history if history is not None and history.limit else None,
            on_change=on_change,
        )

    async def before_search(self) -> tuple[Notice, ...]:
        """Bring the index up to date where that is quick; return what a search should say about its age."""
        return await self.freshness.ensure()

    async def index(
        self, progress: Callable[[IndexProgress], None] | None = None, *, full: bool = False
    ) -> IndexReport:
        """Index files, then commits; a run that does not come to its end is on record as such.

        Raises:
            IndexingError: The project cannot be read.
            StoreError: The store cannot be written.
            EmbeddingError: The embedder failed.
        """
        with self.state.hold():
            self.state.begin()
            try:
                report = await self._index(progress, full=full)
            except asyncio.CancelledError:
                self.state.end("cancelled")
                raise
            except BaseException as error:  # whatever ended it, the record says so, and the error goes on
                self.state.end("failed", f"{type(error).__name__}: {error}")
                raise
            self.state.end("complete")
            return report

    async def _index(self, progress: Callable[[IndexProgress], None] | None, *, full: bool) -> IndexReport:
        from aurora_dev.history.commit_indexer import CommitIndexer
        from aurora_dev.indexing.indexer import Indexer, IndexOptions

        said = 0.0

        def tell(step: IndexProgress) -> None:
            nonlocal said
            if time.monotonic() - said >= _PROGRESS_EVERY:
                said = time.monotonic()
                self.state.progress(step.files_done, step.files_total)
            if progress is not None:
                progress(step)

        indexer = Indexer(self._store, self._root, options=IndexOptions(mask_secrets=self._mask))
        report = await indexer.run(tell, full=full)
        self.state.progress(len(indexer.seen.files), len(indexer.seen.files))
        mark = await asyncio.to_thread(head_state, self._root)
        if self._history is not None:
            report = replace(report, history=await CommitIndexer(self._store, self._root, options=self._history).run())
        if self._on_change is not None:
            await self._on_change()
        before = await asyncio.to_thread(self.state.seen)
        seen = Seen(recipe_name(), chunks=report.chunks_total, head=mark)
        if before is not None:
            seen.costs = before.costs
        run = indexer.seen
        seen.note_walk(run.visited, run.started_ns)
        seen.note_files(run.files, run.versions, run.started_ns)
        seen.walked_at = seen.checked_at = run.started_ns / 1e9
        seen.sequence = (await self._store.stats()).sequence
        await asyncio.to_thread(self.state.save, seen)
        return report

    async def age(self) -> IndexAge:
        """Return how old the index is, by a look at the project; it changes nothing.

        Raises:
            StoreError: The store cannot be read.
        """
        run = await asyncio.to_thread(self.state.last_run)
        try:
            stale = await self.freshness.count_stale()
        except OSError:  # the project's folder is gone, or cannot be read
            stale = None
        seen = await asyncio.to_thread(self.state.seen)
        return IndexAge(run, (seen.checked_at or None) if seen is not None else None, stale)

    def watch(self, *, stop: asyncio.Event | None = None, poll: bool = False) -> AsyncGenerator[WatchBatch, None]:
        """Follow the project's changes; see `watch_project`."""
        from aurora_dev.indexing.watch import watch_project

        return watch_project(self, self._root, stop=stop, poll=poll)

    async def bring_up_to_date(self) -> tuple[int, int, int]:
        """Index what changed, or everything where nothing was seen yet; for who follows a project's changes.

        Returns:
            How many files were read, how many were removed, and how many commits are new.

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
        """End what goes on behind a search."""
        await self.freshness.close()
