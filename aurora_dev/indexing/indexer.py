"""The indexer of files: writes the chunks of new and changed files to a store, and removes those of deleted ones."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from aurora_dev.core.contracts import DocumentStore
from aurora_dev.core.record_kinds import FILE_KEY, IS_CHUNK, chunks_of
from aurora_dev.core.text.file_encodings import FileEncodings
from aurora_dev.core.types import Document, Record
from aurora_dev.errors import InvalidRequestError
from aurora_dev.indexing.chunking.grammar_failures import GrammarFailures
from aurora_dev.indexing.file_reader import NOT_STORED, Batch, FileReader, FileResult, StoredFile
from aurora_dev.indexing.options import IndexOptions
from aurora_dev.indexing.report import IndexProgress, IndexReport
from aurora_dev.indexing.walker import UNREADABLE, Skipped, SourceFile, Visited, check_root, walk
from aurora_dev.log import get_logger

__all__ = ["IndexOptions", "IndexProgress", "IndexReport", "Indexer", "RunSnapshot"]

_log = get_logger(__name__)

# Another process may write at the same time; each pass repairs files that got chunks of both. Two passes are enough
# unless both processes keep finding changed files; the next run repairs the rest.
_MAX_PASSES: Final = 4
_DELETES_PER_WRITE: Final = 10_000
_FIELDS: Final = ("path", FILE_KEY, "file_chunks")  # of stored chunks, to see which files are up to date


class Indexer:
    """Indexes one project into one store, incrementally.

    Every chunk carries ``file_hash`` (see `file_version`) and ``file_chunks`` (the number of chunks of its file). A
    file is up to date if all records of its path in the store have its hash, and their number is right. With this rule
    runs are incremental, an interrupted run continues, and files mixed by two concurrent processes are noticed.

    Args:
        store: Receives the documents.
        root: The project's folder.
        options: See `IndexOptions`.
        failures: The files on which a grammar failed, which are not parsed again; by default none are known.

    Attributes:
        snapshot: The files and folders that the last run read.
    """

    def __init__(
        self,
        store: DocumentStore,
        root: str | Path,
        *,
        options: IndexOptions | None = None,
        failures: GrammarFailures | None = None,
    ) -> None:
        self._store = store
        self._root = Path(root)
        self._options = options or IndexOptions()
        self._failures = failures if failures is not None else GrammarFailures()
        self.snapshot = RunSnapshot()

    async def run(self, progress: Callable[[IndexProgress], None] | None = None, *, full: bool = False) -> IndexReport:
        """Bring the store up to date.

        The new chunks of a file and the removal of its old ones are one transaction. So a cancelled run leaves every
        file either in its old or in its new state, and the next run continues. Chunks of a file that cannot be read
        stay.

        Args:
            progress: Called on the event loop at the start and after each batch.
            full: Cut and store every file again, even if it is up to date (unchanged texts keep their vectors).

        Raises:
            IndexingError: The folder is missing, is not a folder, or cannot be listed.
            StoreError: The store could not be read or written; earlier batches are kept.
            EmbeddingError: The embedder failed; earlier batches are kept.
        """
        run = _Run(self._store, self._root, self._options, progress, self._failures)
        report = await run.finish(full=full)
        self._failures.keep({file.path for file in run.snapshot.files})
        self.snapshot = run.snapshot
        return report

    async def update(self, files: Sequence[SourceFile], removed: Collection[str] = ()) -> IndexReport:
        """Bring only some files up to date; the report counts only these.

        Args:
            files: New and changed files, as `walk` lists them; the chunks of one that is no longer text are removed.
            removed: Paths whose chunks are removed.

        Raises:
            StoreError: As `run`.
            EmbeddingError: As `run`.
        """
        run = _Run(self._store, self._root, self._options, None, self._failures)
        report = await run.update(files, removed)
        self.snapshot = run.snapshot
        return report


@dataclass(slots=True)
class RunSnapshot:
    """The files and folders that a run read, to find later changes.

    Attributes:
        started_ns: Time before the walk, nanoseconds since the epoch.
        files: The files as they were listed, before they were read.
        versions: The version of each file that was read and stored, by path.
        visited: The folders and ignore files of the walk.
    """

    started_ns: int = 0
    files: Sequence[SourceFile] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    visited: Visited = field(default_factory=Visited)


@dataclass(slots=True)
class _Run:
    store: DocumentStore
    root: Path
    options: IndexOptions
    progress: Callable[[IndexProgress], None] | None
    failures: GrammarFailures
    timings: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    chunks: Counter[str] = field(default_factory=Counter)
    outcome: dict[str, str] = field(default_factory=dict)  # path → added, updated, removed, unchanged
    skipped: list[Skipped] = field(default_factory=list)
    cut_by_lines: list[Skipped] = field(default_factory=list)
    not_utf8: dict[str, str] = field(default_factory=dict)  # codec by path
    known: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    snapshot: RunSnapshot = field(default_factory=RunSnapshot)
    secrets_masked: int = 0
    written: bool = False

    async def finish(self, *, full: bool) -> IndexReport:
        start = time.perf_counter()
        root = await asyncio.to_thread(check_root, self.root)
        stored = await self._stored()
        for number in range(_MAX_PASSES):
            self.written = False
            kept = await self._pass(root, stored, forced=full and number == 0)
            if not self.written:
                break
            stored = await self._stored()
            if self._is_settled(stored, kept):
                break
            _log.info("index_pass_repeated", reason="another process wrote to the same files")
        report = self._report(sum(len(file.ids) for file in stored.values()), start)
        _log.info("indexed", files=dict(Counter(self.outcome.values())), seconds=round(report.seconds, 3))
        return report

    async def update(self, files: Sequence[SourceFile], removed: Collection[str]) -> IndexReport:
        start = time.perf_counter()
        paths = [*(file.path for file in files), *removed]
        records = await self.store.select(_FIELDS, chunks_of(paths)) if paths else []
        stored = _by_path(records)
        self.timings["scan"] += time.perf_counter() - start
        await self._read(files, stored, _Kept(()), forced=False)
        return self._report(len(records) + self.chunks["added"] - self.chunks["removed"], start)

    def _report(self, chunks_total: int, start: float) -> IndexReport:
        files = Counter(self.outcome.values())
        return IndexReport(
            files_added=files["added"],
            files_updated=files["updated"],
            files_removed=files["removed"],
            files_unchanged=files["unchanged"],
            files_skipped=len(self.skipped),
            chunks_added=self.chunks["added"],
            chunks_updated=self.chunks["updated"],
            chunks_removed=self.chunks["removed"],
            chunks_unchanged=self.chunks["unchanged"],
            chunks_total=chunks_total,
            secrets_masked=self.secrets_masked,
            seconds=time.perf_counter() - start,
            timings=dict(self.timings),
            skipped=tuple(sorted(self.skipped, key=lambda entry: entry.path)),
            not_utf8=tuple(sorted(self.not_utf8)),
            encodings=dict(sorted(self.not_utf8.items())),
            cut_by_lines=tuple(sorted(self.cut_by_lines, key=lambda entry: entry.path)),
        )

    async def _stored(self) -> dict[str, StoredFile]:
        start = time.perf_counter()
        records = await self.store.select(_FIELDS, IS_CHUNK)
        # In a thread: a large store has a million records.
        stored = await asyncio.to_thread(_by_path, records)
        self.timings["scan"] += time.perf_counter() - start
        return stored

    def _is_settled(self, stored: Mapping[str, StoredFile], kept: Callable[[str], bool]) -> bool:
        """Return whether the store holds exactly what this run has read."""
        return all(
            path in stored and stored[path].version == version for path, (_, _, version) in self.known.items()
        ) and all(path in self.known or kept(path) for path in stored)

    async def _pass(self, root: Path, stored: dict[str, StoredFile], *, forced: bool) -> Callable[[str], bool]:
        """Read and write once; return a predicate for paths whose records stay although they were not read."""
        # The store was scanned before the walk, so that a file added meanwhile does not count as removed.
        start = time.perf_counter()
        skipped: list[Skipped] = []
        options = replace(self.options.walk, sniff=False)  # the reader checks the bytes of every file anyway
        self.snapshot = RunSnapshot(started_ns=time.time_ns())
        visited = self.snapshot.visited
        files = await asyncio.to_thread(lambda: list(walk(root, options, skipped, visited=visited)))
        self.timings["walk"] += time.perf_counter() - start
        kept = _Kept(skipped)
        await self._read(files, stored, kept, forced=forced)
        self.skipped += skipped
        return kept

    async def _read(
        self, files: Sequence[SourceFile], stored: dict[str, StoredFile], kept: _Kept, *, forced: bool
    ) -> None:
        """Read files, write the changed ones, and remove the stored chunks of all other paths."""
        reader = FileReader(
            files,
            self.store.namespace,
            stored,
            mask=self.options.mask_secrets,
            forced=forced,
            known=self.known,
            size_limit=lambda file: self.options.walk.size_limit(file.path, wanted=file.wanted),
            failures=self.failures,
            encodings=self.options.encodings or FileEncodings(),
        )
        self.known = {}
        await self._read_and_write(reader, files, stored, kept)
        gone = [path for path in stored if path not in self.known and not kept(path)]
        await self._remove(gone, stored)
        self.skipped = list(reader.skipped)
        # A later pass does not read again what this run has read.
        self.not_utf8.update(reader.not_utf8)
        by_path = {entry.path: entry for entry in (*self.cut_by_lines, *reader.cut_by_lines)}
        self.cut_by_lines = list(by_path.values())
        self.failures.save()
        self.snapshot.files = files
        self.snapshot.versions = {path: version for path, (_, _, version) in self.known.items()}
        self.secrets_masked += reader.secrets_masked
        for stage, seconds in reader.timings.items():
            self.timings[stage] += seconds

    async def _read_and_write(
        self, reader: FileReader, files: Sequence[SourceFile], stored: Mapping[str, StoredFile], kept: _Kept
    ) -> None:
        done = 0
        self._report_progress(0, len(files), "")
        limit = self.options.first_batch_chunks
        next_batch = asyncio.create_task(asyncio.to_thread(reader.next_batch, limit, self.options.batch_files))
        try:
            while (batch := await asyncio.shield(next_batch)) is not None:
                # One batch is read while the previous one is embedded and written: memory holds two.
                limit = self.options.batch_chunks
                next_batch = asyncio.create_task(asyncio.to_thread(reader.next_batch, limit, self.options.batch_files))
                await self._write(batch, stored, kept, reader.skipped)
                done += len(batch.files)
                self._report_progress(done, len(files), batch.files[-1].file.path)
        finally:
            reader.stop()
            # The thread cannot be cancelled; it ends after its current file, and must not outlive the run.
            await asyncio.gather(next_batch, return_exceptions=True)

    async def _write(self, batch: Batch, stored: Mapping[str, StoredFile], kept: _Kept, skipped: list[Skipped]) -> None:
        """Write the files of a batch in one transaction; if the store refuses one of them, the others one by one."""
        changes = []
        for result in batch.files:
            if result.keep:
                kept.add(result.file.path)
            if result.version is not None:
                changes.append(_Change.of(result, stored.get(result.file.path)))
        try:
            await self._commit([d for c in changes for d in c.upserts], [i for c in changes for i in c.deletes])
        except InvalidRequestError:
            for change in list(changes):
                try:
                    await self._commit(change.upserts, change.deletes)
                except InvalidRequestError as error:
                    path = change.result.file.path
                    _log.warning("file_not_stored", path=path, error=str(error))
                    skipped.append(Skipped(path, NOT_STORED))
                    kept.add(path)  # what is stored of it is older, and still better than nothing
                    changes.remove(change)
        for change in changes:
            path = change.result.file.path
            earlier = self.outcome.get(path)
            # A later pass sees the result of this run's own writes, which is not a new outcome.
            if change.outcome != "unchanged" or path not in self.outcome:
                self.chunks += change.counts
            if earlier in (None, "removed") or (change.outcome != "unchanged" and earlier != "added"):
                self.outcome[path] = change.outcome
        self._remember(change.result for change in changes)

    def _remember(self, results: Iterable[FileResult]) -> None:
        for result in results:
            if result.version is not None:
                file = result.file
                self.known[file.path] = (file.size, file.mtime_ns, result.version)

    async def _remove(self, paths: Sequence[str], stored: Mapping[str, StoredFile]) -> None:
        ids = [id_ for path in paths for id_ in stored[path].ids]
        for start in range(0, len(ids), _DELETES_PER_WRITE):
            await self._commit([], ids[start : start + _DELETES_PER_WRITE])
        self.chunks["removed"] += len(ids)
        self.outcome.update(dict.fromkeys(paths, "removed"))

    async def _commit(self, upserts: Sequence[Document], deletes: Sequence[str]) -> None:
        if not upserts and not deletes:
            return
        start = time.perf_counter()
        self.written = True
        # The reader has masked secrets, unless that is switched off.
        write = asyncio.ensure_future(self.store.write(upserts, deletes, masked=True))
        try:
            await asyncio.shield(write)
        except asyncio.CancelledError:
            # Let the transaction end, so that the store can be closed after the cancellation.
            await asyncio.gather(write, return_exceptions=True)
            raise
        self.timings["write"] += time.perf_counter() - start

    def _report_progress(self, done: int, total: int, path: str) -> None:
        if self.progress is not None:
            chunks = self.chunks["added"] + self.chunks["updated"]
            self.progress(IndexProgress(done, total, chunks, path))


@dataclass(frozen=True, slots=True)
class _Change:
    """The changes that reading a file makes to the store."""

    result: FileResult
    upserts: Sequence[Document]
    deletes: Sequence[str]
    counts: Counter[str]
    outcome: str

    @classmethod
    def of(cls, result: FileResult, old: StoredFile | None) -> _Change:
        """Compare a file that was read with its records."""
        if result.documents is None:
            unchanged = len(old.ids) if old is not None else 0
            return cls(result, (), (), Counter(unchanged=unchanged), "unchanged")
        before = set(old.ids) if old is not None else set()
        after = {str(document.id) for document in result.documents}
        counts = Counter(added=len(after - before), updated=len(after & before), removed=len(before - after))
        return cls(result, result.documents, sorted(before - after), counts, "added" if old is None else "updated")


class _Kept:
    """The paths whose records stay although their files could not be read."""

    def __init__(self, skipped: Iterable[Skipped]) -> None:
        unreadable = [entry.path for entry in skipped if entry.reason == UNREADABLE]
        self._folders = tuple(path for path in unreadable if path.endswith("/"))
        self._files = {path for path in unreadable if not path.endswith("/")}

    def add(self, path: str) -> None:
        self._files.add(path)

    def __call__(self, path: str) -> bool:
        return path in self._files or (bool(self._folders) and path.startswith(self._folders))


def _by_path(records: Iterable[Record]) -> dict[str, StoredFile]:
    stored: dict[str, StoredFile] = {}
    expected: dict[str, tuple[object, object]] = {}
    mixed: set[str] = set()
    for record in records:
        path = str(record.metadata.get("path", ""))
        mark = (record.metadata[FILE_KEY], record.metadata.get("file_chunks"))
        file = stored.get(path)
        if file is None:
            stored[path] = StoredFile([record.id], None)
            expected[path] = mark
            continue
        file.ids.append(record.id)
        if expected[path] != mark:
            mixed.add(path)
    for path, file in stored.items():
        version, chunks = expected[path]
        if path not in mixed and chunks == len(file.ids):
            file.version = str(version)
    return stored
