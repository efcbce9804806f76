"""`Memory`: what a project's files and its agents' notes say, behind a handful of calls."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from aurora_dev import factory
from aurora_dev.config import Settings, unknown_environment
from aurora_dev.core.types import Document, MetadataValue, SearchOptions, SearchResult, SearchResults
from aurora_dev.errors import (
    EmbeddingError,
    InvalidRequestError,
    MissingDependencyError,
    ModelLoadError,
    StoreClosedError,
)

if TYPE_CHECKING:
    from aurora_dev.core.backend import Filter
    from aurora_dev.core.context_items import Context
    from aurora_dev.core.context_manager import ContextManager
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.indexing.indexer import IndexProgress, IndexReport

# Kinds and tags are names to filter by, not prose; longer ones are mistakes.
_LONGEST_NAME = 64
_BUNDLED_PREFIX = "bundled/"
_OF_THE_INDEXER = frozenset(("file_hash", "file_chunks"))


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was learned, as it is stored.

    Attributes:
        content: The text, with credentials masked.
        kind: What sort of thing it is: ``note``, ``decision``, ``pattern``, ``lesson``, or any other name.
        tags: Names to find it by.
        created_at: Seconds since the epoch.
    """

    id: str
    content: str
    kind: str
    tags: tuple[str, ...]
    created_at: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that works less well than it could: a stable code, what it is, and what to do about it."""

    code: str
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class SettingValue:
    """One setting as it may be shown: keys are hidden; ``source`` says where it came from."""

    name: str
    value: str | float | bool | None
    source: str


@dataclass(frozen=True, slots=True)
class MemoryStatus:
    """What a memory holds and how it works.

    Attributes:
        store_bytes: Size of the local store on disk, its derived indexes included.
        records: Everything that is stored; ``vectors`` of these have a vector of the present embedder.
        files: Files of the project that are indexed, as ``chunks`` records.
        notes: Number of notes by kind.
        languages: Number of files by language.
        dimension: Length of the embedder's vectors; 0 where it does not answer (see ``problems``).
        stored_embedder: Whose vectors are stored; ``None`` in an empty store.
        reranker: The reranker's name; ``None`` where there is none.
        backend: What the backend says of itself.
        problems: What is degraded, and how to fix it.
    """

    project: Path
    store: Path
    store_bytes: int
    namespace: str
    records: int
    vectors: int
    files: int
    chunks: int
    notes: Mapping[str, int]
    languages: Mapping[str, int]
    embedder: str
    dimension: int
    stored_embedder: str | None
    reranker: str | None
    backend: Mapping[str, Any]
    settings: tuple[SettingValue, ...]
    problems: tuple[Problem, ...] = field(default=())


class Memory:
    """The memory of one project. Open it with `Memory.open`, as an async context manager."""

    def __init__(self, root: str | Path, settings: Settings, store: VectorStore | None = None) -> None:
        self.root = Path(root).absolute()
        self.settings = settings
        self._store = store
        self._owns_store = store is None
        # By model and encoding; each keeps what it has learned of the store from call to call.
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
            settings: Used as they are; ``None`` loads them from environment, files and ``arguments``.
            store: A store to use instead of the one that the settings name; it stays open when the memory closes.
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
            self._store = await asyncio.to_thread(factory.open_store, self.settings, self.root)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Release the store, if this memory opened it; a second call does nothing."""
        store, self._store = self._store, None
        self._managers.clear()
        if store is not None and self._owns_store:
            await store.close()

    @property
    def store(self) -> VectorStore:
        """The store underneath.

        Raises:
            StoreClosedError: The memory is not open.
        """
        if self._store is None:
            raise StoreClosedError("the memory is not open: use it inside 'async with Memory.open(…) as memory'")
        return self._store

    # -- reading and learning ----------------------------------------------------------------------------------

    async def index(
        self,
        progress: Callable[[IndexProgress], None] | None = None,
        *,
        full: bool = False,
        reembed: bool = False,
        reembed_progress: Callable[[int, int], None] | None = None,
    ) -> IndexReport:
        """Bring the memory up to date with the project's files; only what changed is read again.

        Args:
            progress: Called on the event loop at the start and after each batch of files.
            full: Read every file again, also where its content hash has not changed.
            reembed: Bring back, from the stored text, vectors that were made by another embedder. That happens by
                itself when only the bundled model has changed.
            reembed_progress: Called with (done, to do) while that goes on, from a worker thread.

        Returns:
            What was added, updated, removed and skipped. An interrupted run continues where it was.

        Raises:
            IndexingError: The project cannot be read.
            StoreError: The store cannot be written; what was acknowledged before is kept.
        """
        from aurora_dev.indexing.indexer import Indexer, IndexOptions

        store = self.store
        if reembed or await self._only_the_bundled_model_changed():
            await store.reembed(reembed_progress)
        options = IndexOptions(mask_secrets=self.settings.mask_secrets)
        report = await Indexer(store, self.root, options=options).run(progress, full=full)
        await store.refresh()
        return report

    async def search(
        self,
        query: str,
        top_k: int = 5,
        *,
        rerank: bool = True,
        filter: Filter | None = None,
        options: SearchOptions | None = None,
    ) -> SearchResults:
        """Find what answers a question, in files and notes; see `VectorStore.search`."""
        return await self.store.search(query, top_k, rerank=rerank, filter=filter, options=options)

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
        """Assemble what a model should see for a task, within a token budget; see `ContextManager.build`.

        Args:
            task: What the model is to do.
            token_budget: No more tokens than this less ``reserve`` are used.
            model: Whose tokens are counted: ``gpt-…``, or the path of a ``tokenizer.json``; any other name is counted
                by an estimate that is on the safe side.
            encoding: ``o200k_base`` (the default) or ``cl100k_base``, instead of a model.
            reserve: Tokens to leave free.
            history: Chat messages so far, oldest first.
            pinned: What is always there.
            map_budget: Tokens for a map of the project's symbols.
            rerank: Whether the search reranks.
            filter: Conditions on what is searched.
            options: For the search.

        Raises:
            InvalidRequestError: An argument is wrong, or the pinned items do not fit.
            ConfigurationError: The encoding is not known.
            StoreError: The store cannot be read.
        """
        from aurora_dev.core.context_manager import ContextManager
        from aurora_dev.core.tokens import create_counter

        store = self.store
        manager = self._managers.get((model, encoding))
        if manager is None:
            counter = create_counter(model=model, encoding=encoding)
            manager = ContextManager(store, token_counter=counter, mask_secrets=self.settings.mask_secrets)
            self._managers[model, encoding] = manager
        return await manager.build(
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

    async def remember(
        self,
        content: str,
        *,
        kind: str = "note",
        tags: Iterable[str] = (),
        metadata: Mapping[str, MetadataValue] | None = None,
    ) -> Note:
        """Store something that was learned; the same content and kind again replaces what was there.

        Args:
            content: The text; credentials in it are masked.
            kind: ``note``, ``decision``, ``pattern``, ``lesson``, or any other name of at most 64 characters.
            tags: Names to filter by, as in ``filter={"tags": "auth"}``.
            metadata: More that is stored with it.

        Raises:
            InvalidRequestError: The content is empty, or a name or the metadata is not usable; nothing was stored.
            StoreError: The store cannot be written; nothing was stored.
        """
        if isinstance(tags, str) or not isinstance(tags, Iterable):
            raise InvalidRequestError(f"tags must be a list of names, not {tags!r}: nothing was stored")
        if metadata is not None and not isinstance(metadata, Mapping):
            raise InvalidRequestError(f"metadata must be a mapping, not {metadata!r}: nothing was stored")
        if taken := _OF_THE_INDEXER.intersection(metadata or ()):
            raise InvalidRequestError(
                f"the metadata {', '.join(sorted(taken))} marks what was read from files, and would go with the next "
                f"index: nothing was stored"
            )
        names = tuple(dict.fromkeys(_name(tag, "tag") for tag in tags))
        created_at = time.time()
        stored: dict[str, MetadataValue] = {**(metadata or {}), "kind": _name(kind, "kind"), "created_at": created_at}
        if names:
            stored["tags"] = list(names)
        (identifier,) = await self.store.upsert([Document(content, stored)])
        # What the store kept, since it masks credentials.
        kept = await self.store.fetch([identifier])
        return Note(identifier, kept[0].content if kept else content, kind, names, created_at)

    # -- looking after itself ----------------------------------------------------------------------------------

    async def status(self) -> MemoryStatus:
        """Return what is stored, with which models, and what could work better."""
        store = self.store
        stats = await store.stats()
        records = await store.scan()
        files: dict[str, str] = {}
        notes: Counter[str] = Counter()
        for record in records:
            # As the indexer sees it: a note that merely names a path is its author's.
            if "file_hash" in record.metadata:
                files[str(record.metadata.get("path"))] = str(record.metadata.get("language", "")) or "text"
            else:
                notes[str(record.metadata.get("kind", "note"))] += 1
        stored = await asyncio.to_thread(store.backend.embedder)
        dimension = 0
        problems: list[Problem] = []
        try:
            dimension = await asyncio.to_thread(lambda: store.embedder.dimension)
            problems += await self._vector_problems(stats.records, stats.vectors)
        except (EmbeddingError, ModelLoadError, MissingDependencyError) as error:
            fix = "correct what it names, or take the bundled one: AURORA_EMBEDDER=bundled"
            problems.append(Problem("embedder_failed", str(error), fix))
        sources, shown = self.settings.sources(), self.settings.shown()
        folder = self.settings.store_path(self.root)
        return MemoryStatus(
            project=self.root,
            store=folder,
            store_bytes=await asyncio.to_thread(_size, folder),
            namespace=store.namespace,
            records=stats.records,
            vectors=stats.vectors,
            files=len(files),
            chunks=stats.records - sum(notes.values()),
            notes=dict(notes.most_common()),
            languages=dict(Counter(files.values()).most_common()),
            embedder=store.embedder.name,
            dimension=dimension,
            stored_embedder=stored.name if stored else None,
            reranker=store.reranker.name if store.reranker else None,
            backend=dict(await asyncio.to_thread(store.backend.describe)),
            settings=tuple(SettingValue(name, shown[name], str(sources[name])) for name in shown),
            problems=(*problems, *self._other_problems()),
        )

    async def _vector_problems(self, records: int, vectors: int) -> list[Problem]:
        if not records:
            return [Problem("empty", "nothing is stored", "run: aurora index")]
        if await self.store.embedder_matches() and vectors == records:
            return []
        name = self.store.embedder.name
        missing = records - vectors if await self.store.embedder_matches() else records
        text = f"{missing:,} of {records:,} records have no vector of {name}: keywords alone find them"
        return [Problem("vectors_missing", text, "run: aurora index --reembed")]

    def _other_problems(self) -> list[Problem]:
        store = self.store
        problems = []
        if store.reranker is None:
            if self.settings.reranker == "auto":
                fix = (
                    "set AURORA_RERANKER_URL to a service, or install aurora-dev[rerank] and set CROSS_ENCODER_MODEL, "
                    "or leave it: search works without"
                )
                problems.append(Problem("no_reranker", "results are not reranked: no reranker is configured", fix))
        elif not store.reranker.is_available:
            reason = store.reranker.unavailable_reason or "no reason given"
            text = f"{store.reranker.name} is not available: {reason}"
            problems.append(Problem("reranker_unavailable", text, "or switch it off with AURORA_RERANKER=none"))
        for variable in unknown_environment():
            text = f"the environment variable {variable} is no setting of Aurora"
            problems.append(Problem("unknown_variable", text, "correct its name, or remove it"))
        return problems

    async def _only_the_bundled_model_changed(self) -> bool:
        store = self.store
        stored = await asyncio.to_thread(store.backend.embedder)
        if stored is None or await store.embedder_matches():
            return False
        return stored.name.startswith(_BUNDLED_PREFIX) and store.embedder.name.startswith(_BUNDLED_PREFIX)


def _name(value: object, what: str) -> str:
    usable = (
        isinstance(value, str) and value.strip() == value and 0 < len(value) <= _LONGEST_NAME and value.isprintable()
    )
    if not usable:
        raise InvalidRequestError(
            f"a {what} must be a name of 1 to {_LONGEST_NAME} printable characters, not {value!r}: nothing was stored"
        )
    return str(value)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # removed by another process since it was listed
            continue
    return total
