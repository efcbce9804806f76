"""The indexer of commits: adds new ones to the store and removes those that are no longer reachable."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from aurora_dev.core.contracts import DocumentStore
from aurora_dev.core.record_kinds import COMMIT_KEY, COMMIT_KIND, IS_COMMIT
from aurora_dev.core.text.secrets import MASKING_VERSION
from aurora_dev.core.types import Document, MetadataValue, document_id
from aurora_dev.errors import InvalidRequestError
from aurora_dev.history.commit import MOST_FILES, Commit
from aurora_dev.history.git_log import GitLog, GitUnavailableError, NotARepositoryError
from aurora_dev.history.options import HistoryOptions
from aurora_dev.history.report import HistoryReport
from aurora_dev.log import get_logger

__all__ = ["CommitIndexer", "HistoryOptions", "HistoryReport", "commit_document"]

_log = get_logger(__name__)

# Increase it whenever the document of a commit changes, so that stored ones are replaced.
HISTORY_VERSION: Final = 1
_INCOMPLETE: Final = 0  # no version: the commit is read again
_SECONDS_PER_DAY: Final = 86_400.0
_SHORT_HASH: Final = 10
# Limits of the searched text; the metadata hold up to `MOST_FILES`. A long list would outweigh the message.
_FILES_IN_TEXT: Final = 12
_SYMBOLS_IN_TEXT: Final = 8
_UNINFORMATIVE_SYMBOL: Final = re.compile(r"__\w+__$|test(?:_|[A-Z])|main$")
_NO_MESSAGE: Final = "(no message)"


class CommitIndexer:
    """Indexes the commits that are reachable from ``HEAD`` and touch the project's folder.

    Each becomes a document of kind ``commit``, whose metadata hold its full ``commit`` hash, ``author``,
    ``created_at`` (committer time), ``files`` and ``changed_symbols``. They have no ``path`` and no ``file_hash``, so
    the indexer of files ignores them.

    Args:
        store: Receives the documents, and masks secrets in messages as in everything it stores.
        root: The project's folder.
        options: See `HistoryOptions`.
    """

    def __init__(self, store: DocumentStore, root: str | Path, *, options: HistoryOptions | None = None) -> None:
        self._store = store
        self._root = Path(root)
        self._options = options or HistoryOptions()

    async def run(self, progress: Callable[[int, int], None] | None = None) -> HistoryReport:
        """Bring the store up to date with the history. Each batch is one transaction; the next run continues.

        Args:
            progress: Called on the event loop with (commits done, commits to read), if there are any.

        Raises:
            StoreError: The store could not be read or written; earlier batches are kept.
            EmbeddingError: The embedder failed; earlier batches are kept.
        """
        started = time.perf_counter()
        stored: dict[str, tuple[str, object]] = {}
        twice: list[str] = []  # such as after a copy from a namespace in which commits have other ids
        for record in await self._store.select((COMMIT_KEY, "history_version"), IS_COMMIT):
            name = str(record.metadata[COMMIT_KEY])
            found = (record.id, record.metadata.get("history_version"))
            if name in stored and stored[name][1] == _version():
                twice.append(record.id)
                continue
            if name in stored:
                twice.append(stored[name][0])
            stored[name] = found
        options, log = self._options, None
        wanted: list[str] = []
        skipped = head = None
        try:
            if options.limit:
                log = await asyncio.to_thread(GitLog, self._root)
                head = await asyncio.to_thread(log.head)
                since = None if options.days is None else time.time() - options.days * _SECONDS_PER_DAY
                wanted = await asyncio.to_thread(log.newest, options.limit, since)
            else:
                skipped = "the history limit is 0"
        except NotARepositoryError as error:
            skipped = str(error)
        except GitUnavailableError as error:
            # Stored commits are still true, so they stay.
            return HistoryReport(commits_total=len(stored), skipped=str(error), seconds=time.perf_counter() - started)
        keep = set(wanted)
        # Behind a commit that cannot be read, stored ones are still true, too.
        damaged = log is not None and bool(log.unreadable)
        gone = [] if damaged else [identifier for name, (identifier, _) in stored.items() if name not in keep]
        missing = [name for name in wanted if name not in stored or stored[name][1] != _version()]
        writer = _CommitWriter(self._store, [*gone, *twice])
        if log is not None and missing:
            try:
                await self._add(log, missing, writer, progress)
            except (GitUnavailableError, NotARepositoryError) as error:  # git failed meanwhile: the next run continues
                skipped = str(error)
        await writer.write([])
        renewed = sum(name in stored for name in writer.added)
        report = HistoryReport(
            commits_added=len(writer.added) - renewed,
            commits_removed=len(gone),
            commits_total=len(stored) - len(gone) + len(writer.added) - renewed,
            head=head,
            skipped=skipped,
            failed=tuple(writer.failed),
            unreadable=tuple(log.unreadable) if log is not None else (),
            incomplete=tuple(log.incomplete) if log is not None else (),
            seconds=time.perf_counter() - started,
        )
        _log.info("history_indexed", added=report.commits_added, removed=len(gone), seconds=round(report.seconds, 3))
        return report

    async def _add(
        self,
        log: GitLog,
        missing: Sequence[str],
        writer: _CommitWriter,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Read and write commits batch by batch."""
        read = 0
        if progress is not None:
            progress(0, len(missing))
        batches: Iterator[list[Commit]] = log.read(missing)
        while (batch := await self._next(batches, log)) is not None:
            worth = [c for c in batch if not c.is_plain_merge and (c.subject or c.file_count)]
            write = asyncio.ensure_future(writer.write(worth, set(log.incomplete)))
            try:
                await asyncio.shield(write)
            except asyncio.CancelledError:
                # Let the transaction end, so that the store can be closed after the cancellation.
                await asyncio.gather(write, return_exceptions=True)
                raise
            read += len(batch)
            if progress is not None:
                progress(read, len(missing))

    @staticmethod
    async def _next(batches: Iterator[list[Commit]], log: GitLog) -> list[Commit] | None:
        read = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
        try:
            return await asyncio.shield(read)
        except asyncio.CancelledError:
            log.stop()
            await asyncio.gather(read, return_exceptions=True)
            raise


class _CommitWriter:
    """Writes commits in batches; one that cannot be stored is left out, and does not keep the others from it.

    Args:
        store: Receives the documents.
        gone: Ids that are deleted with the first write.

    Attributes:
        added: Hashes of the commits that were stored.
        failed: Hashes of those that could not be.
    """

    def __init__(self, store: DocumentStore, gone: Sequence[str]) -> None:
        self._store = store
        self._deletes = list(gone)
        self.added: list[str] = []
        self.failed: list[str] = []

    async def write(self, commits: Sequence[Commit], incomplete: Set[str] = frozenset()) -> None:
        """Write a batch, in one transaction unless the store refuses one of its commits.

        Args:
            commits: The batch.
            incomplete: Hashes of commits that the next run reads again.
        """
        documents: dict[str, Document] = {}
        for commit in commits:
            try:
                document = commit_document(commit, self._store.namespace)
                if commit.hash in incomplete:
                    document = replace(document, metadata={**document.metadata, "history_version": _INCOMPLETE})
                documents[commit.hash] = document
            except Exception as error:  # noqa: BLE001 - whatever a commit holds, it must not end the run
                self._fail(commit.hash, error)
        if not documents and not self._deletes:
            return
        try:
            await self._store.write(list(documents.values()), self._deletes)
        except InvalidRequestError:
            for name, document in documents.items():
                try:
                    await self._store.write([document])
                except InvalidRequestError as error:
                    self._fail(name, error)
                else:
                    self.added.append(name)
        else:
            self._deletes = []
            self.added += documents

    def _fail(self, name: str, error: Exception) -> None:
        _log.warning("commit_not_stored", commit=name, error=f"{type(error).__name__}: {error}")
        self.failed.append(name)


def _version() -> int:
    """Return the version of stored commits; it changes with the rules of masking, too."""
    return HISTORY_VERSION * 1_000 + MASKING_VERSION


def commit_document(commit: Commit, namespace: str) -> Document:
    """Return the document of a commit; its id is derived from the namespace and the hash."""
    day = datetime.fromtimestamp(commit.time, timezone.utc).date().isoformat()
    shown = list(commit.files[:_FILES_IN_TEXT])
    more = commit.file_count - len(shown)
    lines = [commit.subject or _NO_MESSAGE]
    if commit.body:
        lines += ["", commit.body]
    by = f" by {commit.author}" if commit.author else ""
    lines += ["", f"Commit {commit.hash[:_SHORT_HASH]} of {day}{by}"]
    if shown:
        lines.append(f"Changed: {', '.join(shown)}" + (f" and {more:,} more" if more else ""))
    if named := [name for name in commit.symbols if not _UNINFORMATIVE_SYMBOL.match(name)][:_SYMBOLS_IN_TEXT]:
        lines.append(f"In: {', '.join(named)}")
    metadata: dict[str, MetadataValue] = {
        "kind": COMMIT_KIND,
        COMMIT_KEY: commit.hash,
        "created_at": float(commit.time),
        "history_version": _version(),
        "file_count": commit.file_count,
    }
    if commit.author:
        metadata["author"] = commit.author
    if commit.files:
        metadata["files"] = list(commit.files[:MOST_FILES])
    if commit.symbols:
        metadata["changed_symbols"] = list(commit.symbols)
    identity = Document(commit.hash, {"kind": COMMIT_KIND})
    return Document("\n".join(lines), metadata, document_id(namespace, identity))
