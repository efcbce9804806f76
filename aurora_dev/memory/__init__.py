"""`Memory`: search, contexts and notes of one project, behind a handful of calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from aurora_dev.config import Settings
from aurora_dev.core.types import Document, Notice, SearchOptions, SearchResult, SearchResults
from aurora_dev.errors import InvalidRequestError, StoreClosedError
from aurora_dev.memory.notes import MemoryNotes
from aurora_dev.memory.opening import open_notes, open_project_index, open_sessions, open_store
from aurora_dev.memory.sessions import MemorySessions
from aurora_dev.memory.transfer import MemoryTransfer
from aurora_dev.memory.worktrees import forget_removed_worktrees, sharing_worktree
from aurora_dev.notes.model.types import Note

if TYPE_CHECKING:
    from typing_extensions import Self

    from aurora_dev.core.context.items import Context
    from aurora_dev.core.context_manager import ContextManager
    from aurora_dev.core.contracts import Filter
    from aurora_dev.core.scope.resolve import Resolved
    from aurora_dev.core.scope.scope import SearchScope
    from aurora_dev.core.scope.search import Question
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.indexing.indexer import IndexProgress, IndexReport
    from aurora_dev.indexing.project_index import ProjectIndex
    from aurora_dev.indexing.watch import WatchBatch
    from aurora_dev.memory.dense import DenseMaking
    from aurora_dev.memory.status import MemoryStatus, Problem, SettingValue
    from aurora_dev.notes.service import NoteService
    from aurora_dev.sessions.service import SessionService

__all__ = ["Memory", "MemoryStatus", "Note", "Problem", "SettingValue"]

_BUNDLED_PREFIX = "bundled/"


def __getattr__(name: str) -> Any:
    """Import what describes the status on first use; few commands show it."""
    if name in ("MemoryStatus", "Problem", "SettingValue"):
        from aurora_dev.memory import status

        return getattr(status, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Memory(MemoryNotes, MemorySessions, MemoryTransfer):
    """The memory of one project. Open it with `Memory.open`, as an async context manager."""

    def __init__(self, root: str | Path, settings: Settings, store: VectorStore | None = None) -> None:
        self.root = Path(root).absolute()
        self.settings = settings
        self._store = store
        self._owns_store = store is None
        self._shares = False  # a store with the other worktrees of its repository
        self._notes: NoteService | None = None
        self._project_index: ProjectIndex | None = None
        self._sessions: SessionService | None = None
        self._dense: DenseMaking | None = None
        # By model and encoding; each caches what it has read from the store between calls.
        self._managers: dict[tuple[str | None, str | None], ContextManager] = {}

    @classmethod
    def open(
        cls,
        path: str | Path = ".",
        *,
        settings: Settings | None = None,
        store: VectorStore | None = None,
        **arguments: Any,
    ) -> Memory:
        """Open the memory of a project: ``async with Memory.open("path/to/project") as memory: …``.

        Args:
            path: The project's folder.
            settings: The settings; ``None`` loads them from the environment, files and ``arguments``.
            store: A store to use instead of the one that the settings name. It stays open when the memory is closed.
            **arguments: Settings by name, for example ``embedder="bundled"`` or ``namespace="docs"``.

        Raises:
            InvalidRequestError: ``path`` is not a folder, or both ``settings`` and settings by name were given.
            ConfigurationError: A setting is wrong.
            StoreError: On entering: the store cannot be opened.
            ModelLoadError: On entering: the embedder cannot be loaded.
        """
        root = Path(path).expanduser()
        if not root.is_dir():
            what = "is a file; name the folder that it is in" if root.exists() else "does not exist"
            raise InvalidRequestError(f"the project '{root}' {what}: nothing was opened")
        if settings is not None and arguments:
            raise InvalidRequestError(f"give settings or {', '.join(sorted(arguments))}, not both: nothing was opened")
        return cls(root, settings or Settings.load(root, **arguments), store)

    async def __aenter__(self) -> Self:
        if self._store is None:
            self._store = await asyncio.to_thread(open_store, self.settings, self.root)
        try:
            self._notes = open_notes(self.settings, self.root, self._store)
            self._shares = self._owns_store and sharing_worktree(self.settings, self.root) is not None
            self._project_index = open_project_index(
                self.settings,
                self.root,
                self._store,
                own=self._owns_store,
                # The marks in a shared store are those of the main worktree, which has other versions of the code.
                on_change=None if self._shares else self._notes.mark_stale,
            )
        except BaseException:  # includes a cancelled task: __aexit__ is not called, and the store must not stay open
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the store that this memory opened, and the user's store; a second call does nothing."""
        store, self._store = self._store, None
        notes, self._notes = self._notes, None
        project_index, self._project_index = self._project_index, None
        self._sessions = None
        dense, self._dense = self._dense, None
        self._managers.clear()
        async with AsyncExitStack() as parts:  # closes the last part first, and every part even if one raises
            if store is not None and self._owns_store:
                parts.push_async_callback(store.close)
            if notes is not None:
                parts.push_async_callback(notes.close)
            if project_index is not None:
                parts.push_async_callback(project_index.close)
            if dense is not None:
                parts.push_async_callback(dense.close)

    @property
    def store(self) -> VectorStore:
        """The store of the project.

        Raises:
            StoreClosedError: The memory is not open.
        """
        if self._store is None:
            raise StoreClosedError("the memory is not open: use it inside 'async with Memory.open(…) as memory'")
        return self._store

    @property
    def notes(self) -> NoteService:
        """The notes of the project and of its user.

        Raises:
            StoreClosedError: The memory is not open.
        """
        if self._notes is None:
            raise StoreClosedError("the memory is not open: use it inside 'async with Memory.open(…) as memory'")
        return self._notes

    @property
    def project_index(self) -> ProjectIndex:
        """The index of the project, with what keeps it current.

        Raises:
            StoreClosedError: The memory is not open.
        """
        if self._project_index is None:
            raise StoreClosedError("the memory is not open: use it inside 'async with Memory.open(…) as memory'")
        return self._project_index

    @property
    def session_service(self) -> SessionService:
        """The sessions of the project.

        Raises:
            StoreClosedError: The memory is not open.
        """
        if self._sessions is None:
            self._sessions = open_sessions(self.settings, self.root, self.store, own=self._owns_store)
        return self._sessions

    @property
    def dense(self) -> DenseMaking:
        """The dense vectors of the project: how far they are, and making them.

        Raises:
            StoreClosedError: The memory is not open.
        """
        if self._dense is None:
            from aurora_dev.memory.dense import DenseMaking

            own = self.settings.store_path(self.root) if self._owns_store else None
            folder = self.store.backend.path or own
            self._dense = DenseMaking(self.store, self.settings.dense, None if folder is None else folder / "state")
        return self._dense

    # -- reading and learning ----------------------------------------------------------------------------------

    async def index(
        self,
        progress: Callable[[IndexProgress], None] | None = None,
        *,
        full: bool = False,
        reembed: bool = False,
        reembed_progress: Callable[[int, int], None] | None = None,
        stage_progress: Callable[[str, int, int], None] | None = None,
    ) -> IndexReport:
        """Index the project's files and commits; only files that have changed are read again.

        Args:
            progress: Called on the event loop at the start and after each batch of files.
            full: Whether to read every file again, even if its content hash has not changed.
            reembed: Whether to make new vectors, from the stored text, for records with vectors of another embedder.
                This happens automatically if only the version of the bundled model has changed.
            reembed_progress: Called with (records done, records to do) during that, from a worker thread.
            stage_progress: Called on the event loop with (stage, done, to do) after the files: ``commits``, then
                ``search index``, which is 1 step.

        Returns:
            A report of what was added, updated, removed and skipped. A new call continues an interrupted run.

        Raises:
            IndexingError: The project cannot be read.
            StoreError: The store cannot be written; earlier writes are kept.
        """
        from aurora_dev.memory.status import without_vectors

        store, began = self.store, time.perf_counter()
        if reembed or await self._only_the_bundled_model_changed():
            await store.reembed(reembed_progress)
        report = await self.project_index.index(progress, full=full, stage_progress=stage_progress)
        if stage_progress is not None:
            stage_progress("search index", 0, 1)
        await asyncio.to_thread(forget_removed_worktrees, store.backend, store.namespace, self.root)
        await store.refresh()
        if stage_progress is not None:
            stage_progress("search index", 1, 1)
        count, places = await without_vectors(store)
        seconds = time.perf_counter() - began
        return replace(report, seconds=seconds, without_vectors=places, without_vectors_count=count)

    def watch(self, *, stop: asyncio.Event | None = None, poll: bool = False) -> AsyncGenerator[WatchBatch, None]:
        """Keep the index current: ``async for batch in memory.watch(): …``; see `watch_project`.

        Args:
            stop: Set it to stop watching.
            poll: Whether to look for changes every second instead of waiting for events of the system, for drives that
                send none.
        """
        return self.project_index.watch(stop=stop, poll=poll)

    async def search(
        self,
        query: str = "",
        top_k: int = 5,
        *,
        rerank: bool = True,
        filter: Filter | None = None,
        options: SearchOptions | None = None,
        scope: SearchScope | None = None,
    ) -> SearchResults:
        """Search files, commits and notes; see `VectorStore.search`.

        Notes of the user join those of the project, with ``metadata["scope"] == "user"``. A note whose code has changed
        since is marked in ``metadata["stale"]``. Files that changed since they were indexed are indexed first if that
        is quick; otherwise the notice ``stale_index`` tells their number (see the setting ``freshness``).

        Paths of the scope may also be absolute, inside of the project.
        """
        notices = (*await self.project_index.before_search(), *await self._notices_of_worktree())
        store = self.store
        if scope is None:
            results = await store.search(query, top_k, rerank=rerank, filter=filter, options=options)
            results = await self.notes.blend(query, results, top_k, filter)
        else:
            from aurora_dev.core.scope.scope import check_scope
            from aurora_dev.core.scope.search import search_in_scope

            async def ask(question: Question, count: int, may_rerank: bool) -> SearchResults:
                found = await store.ask(question, count, rerank=rerank and may_rerank, options=options)
                return await self.notes.blend(question.query, found, count, question.filter)

            async def resolve(part: SearchScope) -> Resolved:
                return await store.resolve(part, self.root)

            scope = check_scope(scope).inside(self.root)
            results = await search_in_scope(resolve, ask, scope, query, top_k, filter)
        results.notices = (*notices, *results.notices)
        return results

    async def _notices_of_worktree(self) -> tuple[Notice, ...]:
        """Return a notice in a worktree whose own files were never indexed; it finds the shared notes already."""
        if not self._shares or await asyncio.to_thread(self.project_index.state.last_run) is not None:
            return ()
        return (Notice("worktree_not_indexed", "the files of this worktree are not indexed yet; run: aurora index"),)

    async def context(
        self,
        task: str,
        token_budget: int = 8_000,
        *,
        model: str | None = None,
        encoding: str | None = None,
        reserve: int = 0,
        history: Sequence[Mapping[str, Any]] = (),
        pinned: Sequence[str | Document | SearchResult] = (),
        map_budget: int = 0,
        rerank: bool = True,
        filter: Filter | None = None,
        options: SearchOptions | None = None,
    ) -> Context:
        """Build the context for a task within a token budget; see `ContextManager.build`.

        Args:
            task: The task of the model.
            token_budget: The greatest number of tokens, ``reserve`` included.
            model: The model whose tokens are counted: ``gpt-…``, or the path of a ``tokenizer.json``. For any other
                name, tokens are estimated on the safe side.
            encoding: ``o200k_base`` (the default) or ``cl100k_base``, instead of a model.
            reserve: Tokens to leave free.
            history: Chat messages so far, oldest first.
            pinned: Items that are always included.
            map_budget: Tokens for a map of the project's symbols.
            rerank: Whether the search reranks.
            filter: Conditions on the metadata of what is searched.
            options: Options of the search.

        Raises:
            InvalidRequestError: An argument is wrong, or the pinned items do not fit.
            ConfigurationError: The encoding is unknown.
            StoreError: The store cannot be read.
        """
        from aurora_dev.core.context_manager import ContextManager
        from aurora_dev.core.tokens import create_counter

        store = self.store
        notices = await self.project_index.before_search()
        manager = self._managers.get((model, encoding))
        if manager is None:
            notes = self.notes.about
            counter = create_counter(model=model, encoding=encoding)
            manager = ContextManager(store, token_counter=counter, mask_secrets=self.settings.mask_secrets, notes=notes)
            self._managers[model, encoding] = manager
        built = await manager.build(
            task,
            token_budget,
            reserve=reserve,
            history=history,
            pinned=pinned,
            map_budget=map_budget,
            rerank=rerank,
            filter=filter,
            options=options,
        )
        return replace(built, notices=(*notices, *built.notices)) if notices else built

    # -- status ------------------------------------------------------------------------------------------------

    async def status(self) -> MemoryStatus:
        """Return what is stored, with which models, and what could work better."""
        from aurora_dev.memory.status import memory_status

        status = await memory_status(self.store, self.settings, self.root, await self.project_index.age())
        status = replace(status, conflicts=len(await self.notes.conflicts()), dense=await self.dense.status())
        if (problem := await self.dense.problem()) is None:
            return status
        from aurora_dev.memory.status import dense_problem

        return replace(status, problems=(*status.problems, dense_problem(problem)))

    async def _only_the_bundled_model_changed(self) -> bool:
        store = self.store
        stored = await asyncio.to_thread(store.backend.embedder)
        if stored is None or await store.embedder_matches():
            return False
        return stored.name.startswith(_BUNDLED_PREFIX) and store.embedder.name.startswith(_BUNDLED_PREFIX)
