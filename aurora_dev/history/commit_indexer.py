"""The indexer of commits: adds new ones to the store and removes those that are no longer reachable."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from aurora_dev.core.contracts import DocumentStore
from aurora_dev.core.record_kinds import COMMIT_KEY, COMMIT_KIND, IS_COMMIT
from aurora_dev.core.text.secrets import MASKING_VERSION
from aurora_dev.core.types import Document, MetadataValue, document_id
from aurora_dev.history.commit import MOST_FILES, Commit
from aurora_dev.history.git_log import GitLog, GitUnavailableError, NotARepositoryError
from aurora_dev.history.options import HistoryOptions
from aurora_dev.history.report import HistoryReport
from aurora_dev.log import get_logger

__all__ = ["CommitIndexer", "HistoryOptions", "HistoryReport", "commit_document"]

_log = get_logger(__name__)

# Increase it whenever the document of a commit changes, so that stored ones are replaced.
HISTORY_VERSION: Final = 1
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

    async def run(self) -> HistoryReport:
        """Bring the store up to date with the history. Each batch is one transaction; the next run continues.

        Raises:
            StoreError: The store could not be read or written; earlier batches are kept.
            EmbeddingError: The embedder failed; earlier batches are kept.
        """
        started = time.perf_counter()
        stored = {
            str(record.metadata[COMMIT_KEY]): (record.id, record.metadata.get("history_version"))
            for record in await self._store.scan(IS_COMMIT)
        }
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
            return HistoryReport(0, 0, len(stored), None, str(error), time.perf_counter() - started)
        keep = set(wanted)
        gone = [identifier for name, (identifier, _) in stored.items() if name not in keep]
        missing = [name for name in wanted if name not in stored or stored[name][1] != _version()]
        added = await self._add(log, missing, gone) if log is not None and missing else 0
        if gone and not added:
            await self._store.write([], gone, masked=True)
        renewed = sum(name in stored for name in missing)
        report = HistoryReport(
            commits_added=added - min(renewed, added),
            commits_removed=len(gone),
            commits_total=len(stored) - len(gone) + added - min(renewed, added),
            head=head,
            skipped=skipped,
            seconds=time.perf_counter() - started,
        )
        _log.info("history_indexed", added=report.commits_added, removed=len(gone), seconds=round(report.seconds, 3))
        return report

    async def _add(self, log: GitLog, missing: Sequence[str], gone: Sequence[str]) -> int:
        """Read and write commits batch by batch; the ids in ``gone`` are deleted with the first batch."""
        added = 0
        deletes = list(gone)
        batches: Iterator[list[Commit]] = log.read(missing)
        while (batch := await self._next(batches, log)) is not None:
            documents = [
                commit_document(commit, self._store.namespace)
                for commit in batch
                if not commit.is_plain_merge and (commit.subject or commit.file_count)
            ]
            if documents or deletes:
                write = asyncio.ensure_future(self._store.write(documents, deletes))
                try:
                    await asyncio.shield(write)
                except asyncio.CancelledError:
                    # Let the transaction end, so that the store can be closed after the cancellation.
                    await asyncio.gather(write, return_exceptions=True)
                    raise
            deletes = []
            added += len(documents)
        return added

    @staticmethod
    async def _next(batches: Iterator[list[Commit]], log: GitLog) -> list[Commit] | None:
        read = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
        try:
            return await asyncio.shield(read)
        except asyncio.CancelledError:
            log.stop()
            await asyncio.gather(read, return_exceptions=True)
            raise


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
