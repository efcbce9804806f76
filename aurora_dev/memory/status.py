"""The status of a memory: its contents, its models, and its problems."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.config import Settings, unknown_environment
from aurora_dev.core.record_kinds import (
    COMMIT_KEY,
    ENCODING_KEY,
    IS_CHUNK,
    IS_COMMIT,
    IS_NOTE,
    IS_SESSION,
    SESSION_KEY,
    SESSION_WHOLE,
    is_chunk,
    is_commit,
    is_session,
)
from aurora_dev.core.search.hidden import SUPERSEDED
from aurora_dev.errors import EmbeddingError, MissingDependencyError, ModelLoadError
from aurora_dev.indexing.project_index import IndexAge

if TYPE_CHECKING:
    from aurora_dev.core.types import Record
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.memory.dense import DenseStatus


_MOST_PLACES: Final = 20
_MOST_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that works less well than it could: a stable code, a description, and what to do about it."""

    code: str
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class SettingValue:
    """One setting for display, with secrets hidden; ``source`` is where its value came from."""

    name: str
    value: str | float | bool | None
    source: str


@dataclass(frozen=True, slots=True)
class MemoryStatus:
    """The contents and models of a memory.

    Attributes:
        store_bytes: The size of the local store on disk, derived indexes included.
        records: The number of records.
        vectors: The number of records that have a vector of the current embedder.
        files: The number of indexed files of the project.
        chunks: The number of chunks of these files.
        notes: The number of notes by kind, superseded ones excluded.
        commits: The number of commits of the git history.
        languages: The number of files by language.
        encodings: The number of files that are not UTF-8, by the encoding in which they were read.
        dimension: The length of the embedder's vectors; 0 if the embedder fails (see ``problems``).
        stored_embedder: The name of the embedder whose vectors are stored; ``None`` in an empty store.
        reranker: The name of the reranker; ``None`` if there is none.
        backend: The facts that the backend reports.
        problems: What is degraded, and how to fix it.
        index: The age of the index, and how its last run ended.
        conflicts: The number of conflicts between notes that are not settled; see `Memory.conflicts`.
        sessions: The number of sessions of assistants; see `Memory.sessions`.
        dense: How far the dense vectors are; ``None`` if the store keeps none, or the setting ``dense`` is off.
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
    commits: int = 0
    index: IndexAge = field(default_factory=IndexAge)
    conflicts: int = 0
    encodings: Mapping[str, int] = field(default_factory=dict)
    sessions: int = 0
    dense: DenseStatus | None = None


async def memory_status(store: VectorStore, settings: Settings, root: Path, age: IndexAge) -> MemoryStatus:
    """Return the status of a project's memory.

    Args:
        store: The project's store.
        settings: The settings of the project.
        root: The project's folder.
        age: The age of the index.
    """
    stats = await store.stats()
    # Told by kind, as the indexer does: a note may have a path too.
    chunks = await store.tally(("path", "language", ENCODING_KEY), IS_CHUNK)
    files = {path: language or "text" for path, language, _ in chunks}
    encodings = {path: encoding for path, _, encoding in chunks if encoding}
    notes: Counter[str] = Counter()
    for (kind,), count in (await store.tally(("kind",), {**IS_NOTE, SUPERSEDED: {"$exists": False}})).items():
        notes[kind or "note"] += count
    commits = await store.tally(("kind",), IS_COMMIT)
    stored = await asyncio.to_thread(store.backend.embedder)
    dimension = 0
    problems: list[Problem] = []
    try:
        dimension = await asyncio.to_thread(lambda: store.embedder.dimension)
        problems += await _vector_problems(store, stats.records, stats.vectors)
    except (EmbeddingError, ModelLoadError, MissingDependencyError) as error:
        fix = "correct what it names, or take the bundled one: AURORA_EMBEDDER=bundled"
        problems.append(Problem("embedder_failed", str(error), fix))
    sources, shown = settings.sources(), settings.shown()
    folder = settings.store_path(root)
    return MemoryStatus(
        project=root,
        store=folder,
        store_bytes=await asyncio.to_thread(_size, folder),
        namespace=store.namespace,
        records=stats.records,
        vectors=stats.vectors,
        files=len(files),
        chunks=sum(chunks.values()),
        commits=sum(commits.values()),
        sessions=(await store.tally((SESSION_KEY,), IS_SESSION)).get((SESSION_WHOLE,), 0),
        notes=dict(notes.most_common()),
        languages=dict(Counter(files.values()).most_common()),
        embedder=store.embedder.name,
        dimension=dimension,
        stored_embedder=stored.name if stored else None,
        reranker=store.reranker.name if store.reranker else None,
        backend=dict(await asyncio.to_thread(store.backend.describe)),
        settings=tuple(SettingValue(name, shown[name], str(sources[name])) for name in shown),
        problems=(*problems, *_age_problems(age), *_other_problems(store, settings)),
        index=age,
        encodings=dict(Counter(encodings.values()).most_common()),
    )


async def without_vectors(store: VectorStore) -> tuple[int, tuple[str, ...]]:
    """Return the number of records whose text the embedder refused, and the places of up to 20 of them.

    Returns:
        0 and nothing where all vectors are of another embedder: these wait to be made.
    """
    stats = await store.stats()
    missing = stats.records - stats.vectors
    if missing <= 0 or not stats.vectors or not await store.embedder_matches():
        return 0, ()
    records = await asyncio.to_thread(store.backend.missing_vectors, store.namespace, _MOST_PLACES)
    return missing, tuple(sorted(_place(record) for record in records))


def dense_problem(text: str) -> Problem:
    """Return the problem that dense vectors are asked for and cannot be made."""
    return Problem("dense_unavailable", f"no dense vectors are made: {text}", "or do without: AURORA_DENSE=auto")


def _place(record: Record) -> str:
    metadata = record.metadata
    if is_commit(metadata):
        return f"commit {str(metadata[COMMIT_KEY])[:10]}"
    if is_session(metadata):
        return f"session {str(metadata.get('session'))[:10]}"
    return f"{metadata.get('path')}:{metadata.get('start_line', 1)}" if is_chunk(metadata) else record.id


async def _vector_problems(store: VectorStore, records: int, vectors: int) -> list[Problem]:
    if not records:
        return [Problem("empty", "nothing is stored", "run: aurora index")]
    if await store.embedder_matches() and vectors == records:
        return []
    name = store.embedder.name
    missing, places = await without_vectors(store)
    text = f"{missing or records:,} of {records:,} records have no vector of {name}: keywords alone find them"
    if places:
        text += f" ({', '.join(places[:_MOST_SHOWN])}{', …' if missing > _MOST_SHOWN else ''})"
    return [Problem("vectors_missing", text, "run: aurora index --reembed")]


def _age_problems(age: IndexAge) -> list[Problem]:
    problems = []
    run = age.last_run
    if run is not None and run.outcome not in ("complete", "running"):
        how = {"failed": f"failed: {run.error}", "cancelled": "was cancelled"}.get(run.outcome, "was interrupted")
        progress = f" after {run.files_done:,} of {run.files_total:,} files" if run.files_total else ""
        problems.append(Problem("run_incomplete", f"the last index run {how}{progress}", "run: aurora index"))
    if age.stale_files:
        text = f"{age.stale_files:,} {'file differs' if age.stale_files == 1 else 'files differ'} from the index"
        problems.append(Problem("stale_index", text, "run: aurora index, or leave aurora watch running"))
    return problems


def _other_problems(store: VectorStore, settings: Settings) -> list[Problem]:
    problems = []
    if store.reranker is None:
        if settings.reranker == "auto":
            fix = (
                "install Aurora again, since this installation lacks the bundled model; or set AURORA_RERANKER_URL to "
                "a service, or CROSS_ENCODER_MODEL; or leave it: search works without"
            )
            problems.append(Problem("no_reranker", "results are not reranked: no reranker is configured", fix))
    elif not store.reranker.is_available:
        reason = store.reranker.unavailable_reason or "no reason given"
        text = f"{store.reranker.name} is not available: {reason}"
        problems.append(Problem("reranker_unavailable", text, "or switch it off with AURORA_RERANKER=none"))
    for variable in unknown_environment():
        text = f"the environment variable {variable} is not a setting of Aurora"
        problems.append(Problem("unknown_variable", text, "correct its name, or remove it"))
    return problems


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # removed by another process since it was listed
            continue
    return total
