"""The reader of files: reads, masks and cuts them into batches of documents, in a worker thread, without the store."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from aurora_dev.core.record_kinds import ENCODING_KEY, FILE_KEY
from aurora_dev.core.text.file_encodings import FileEncodings
from aurora_dev.core.text.secrets import mask_secrets
from aurora_dev.core.types import Document, document_id
from aurora_dev.indexing.chunk_version import file_version
from aurora_dev.indexing.chunking.chunker import chunk_text
from aurora_dev.indexing.chunking.grammar_failures import GrammarFailures
from aurora_dev.indexing.filetypes import BINARY, UTF8, content_reason, read_as_text
from aurora_dev.indexing.walker import TOO_LARGE, UNREADABLE, Skipped, SourceFile
from aurora_dev.log import get_logger
from aurora_dev.regular_files import read_regular
from aurora_dev.syntax import GrammarError, GrammarFailedError

__all__ = ["NOT_CUT", "NOT_STORED", "NO_TEXT", "Batch", "FileReader", "FileResult", "StoredFile"]

NO_TEXT: Final = "no text"
NOT_CUT: Final = "could not be cut into documents"
NOT_STORED: Final = "could not be stored"

_log = get_logger(__name__)

# A hanging grammar costs seconds per file. After this many in one run, further files of the kind are cut by lines
# without being tried; the next run tries some more of them.
_MOST_SECONDS_LOST: Final = 10.0  # per suffix
_UNTRIED: Final = "-lines"  # after the version: it differs from that of the file, so that the next run tries again
_FAILS_OFTEN: Final = "its grammar failed on too many files"

_T = TypeVar("_T")


@dataclass(slots=True)
class StoredFile:
    """The records of one path in the store.

    Attributes:
        ids: The ids of all chunks.
        version: The version of the file, if all chunks have the same one and none is missing; else ``None``: a run was
            interrupted, or another one is writing.
    """

    ids: list[str]
    version: str | None


@dataclass(slots=True)
class FileResult:
    """The documents of one file, or the reason why there are none.

    Attributes:
        version: The version of the content; ``None`` if it was not read.
        documents: The documents to store; ``None`` if the store already has them.
        keep: Whether the stored chunks stay although the file was not read.
    """

    file: SourceFile
    version: str | None = None
    documents: list[Document] | None = None
    reason: str | None = None
    keep: bool = False


@dataclass(slots=True)
class Batch:
    """Consecutive whole files."""

    files: list[FileResult] = field(default_factory=list)
    chunks: int = 0


@dataclass(slots=True)
class FileReader:
    """Reads files in order and returns them in batches.

    `next_batch` is called from one worker thread at a time; `stop` from any thread.

    Args:
        files: The files to read, in order.
        namespace: Part of the ids.
        stored: The records in the store, by path.
        mask: Whether secrets are masked.
        forced: Whether files that are up to date are read and stored too.
        known: Size, time and version of files that an earlier pass of this run has read, by path.
        size_limit: Bytes, for a file that ``.auroraignore`` brings back or not; files may have grown since they were
            listed.
        failures: The files on which a grammar failed before; new ones are added.
        encodings: The encodings that the project sets for its files.

    Attributes:
        skipped: The files that were not read, with the reasons.
        cut_by_lines: The files of which only lines are known, because their grammar failed, with the reasons.
        not_utf8: The codecs of the files of text in another encoding than UTF-8, by path.
    """

    files: Iterable[SourceFile]
    namespace: str
    stored: Mapping[str, StoredFile]
    mask: bool
    forced: bool
    known: Mapping[str, tuple[int, int, str]]
    size_limit: Callable[[SourceFile], int]
    failures: GrammarFailures = field(default_factory=GrammarFailures)
    encodings: FileEncodings = field(default_factory=FileEncodings)
    skipped: list[Skipped] = field(default_factory=list)
    cut_by_lines: list[Skipped] = field(default_factory=list)
    not_utf8: dict[str, str] = field(default_factory=dict)
    secrets_masked: int = 0
    timings: dict[str, float] = field(default_factory=lambda: {"read": 0.0, "mask": 0.0, "chunk": 0.0})
    _queue: deque[SourceFile] = field(init=False)
    _next: FileResult | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)
    _seconds_lost: dict[str, float] = field(default_factory=dict)  # by suffix

    def __post_init__(self) -> None:
        self._queue = deque(self.files)

    def stop(self) -> None:
        """Make `next_batch` return after its current file."""
        self._stopped.set()

    def next_batch(self, max_chunks: int, max_files: int) -> Batch | None:
        """Return the next files, or ``None`` after the last.

        Args:
            max_chunks: Documents per batch at most, unless a single file has more.
            max_files: Files per batch at most.
        """
        batch = Batch()
        while len(batch.files) < max_files and not self._stopped.is_set():
            result = self._next or (self._read(self._queue.popleft()) if self._queue else None)
            self._next = None
            if result is None:
                break
            size = len(result.documents or ())
            if batch.files and batch.chunks + size > max_chunks:
                self._next = result
                break
            batch.files.append(result)
            batch.chunks += size
        return batch if batch.files else None

    def _read(self, file: SourceFile) -> FileResult:
        stored = self.stored.get(file.path)
        known = self.known.get(file.path)
        version = stored.version if stored is not None else None
        if known is not None and known == (file.size, file.mtime_ns, version):
            return FileResult(file, version)
        try:
            return self._read_and_cut(file, version)
        except Exception:  # noqa: BLE001 - a grammar or a pattern that fails on one file must not fail the run
            _log.warning("file_not_cut", path=file.path, exc_info=True)
            return self._skip(file, NOT_CUT, keep=True)

    def _read_and_cut(self, file: SourceFile, version: str | None) -> FileResult:
        try:
            data = self._timed("read", lambda: self._read_bytes(file))
        except FileNotFoundError:
            return FileResult(file)  # it was deleted since it was listed
        except OSError:
            return self._skip(file, UNREADABLE, keep=True)
        found = file_version(data, mask=self.mask, encoding=self.encodings.of(file.path))
        if version == found and not self.forced:
            self._decode(file, data)
            failed = self.failures.reason(file.path, found)
            if failed is not None:
                self.cut_by_lines.append(Skipped(file.path, failed))
            return FileResult(file, found)
        if len(data) > self.size_limit(file):
            return self._skip(file, TOO_LARGE)
        text, encoding = self._decode(file, data)
        reason = None if file.wanted else content_reason(file.path, data)
        if reason == BINARY and text is not None:
            reason = None  # UTF-16 that only the project's settings recognise
        if reason is not None or text is None:
            self.not_utf8.pop(file.path, None)
            return self._skip(file, reason or BINARY)
        clean, count = self._timed("mask", lambda: mask_secrets(text)) if self.mask else (text, 0)
        self.secrets_masked += count
        documents, found = self._timed("chunk", lambda: self._cut(clean, file.path, found))
        documents = [document for document in documents if document.content.strip()]  # stores refuse blank ones
        if not documents:
            self.not_utf8.pop(file.path, None)
            return self._skip(file, NO_TEXT)
        return FileResult(file, found, self._with_ids(documents, found, encoding))

    def _decode(self, file: SourceFile, data: bytes) -> tuple[str | None, str]:
        """Return the text of a file, ``None`` if it is binary, and its codec; note one that is not UTF-8."""
        decoded = self.encodings.decode(file.path, data) or read_as_text(data)
        if decoded is None:
            return None, ""
        # ASCII is the same in nearly every encoding that a project may set.
        if decoded[1] != UTF8 and decoded[0].encode("utf-8", "surrogatepass") != data:
            self.not_utf8[file.path] = decoded[1]
            return decoded
        return decoded[0], UTF8

    def _cut(self, text: str, path: str, version: str) -> tuple[list[Document], str]:
        """Return the documents of a file, by lines if its grammar fails, and the version to store with them."""
        suffix = path.rpartition(".")[2]
        reason = self.failures.reason(path, version)
        lost = self._seconds_lost.get(suffix, 0.0)
        started = time.perf_counter()
        if reason is None and lost < _MOST_SECONDS_LOST:
            try:
                documents = chunk_text(text, path)
            except GrammarFailedError as error:
                reason = str(error)
                self._seconds_lost[suffix] = lost + time.perf_counter() - started
                self.failures.add(path, version, reason, error.digest)
                _log.warning("grammar_failed", path=path, reason=reason)
            except GrammarError as error:
                reason = str(error)
                version += _UNTRIED
            else:
                self.failures.discard(path)
                return documents, version
        elif reason is None:
            reason = _FAILS_OFTEN
            version += _UNTRIED
        self.cut_by_lines.append(Skipped(path, reason))
        return chunk_text(text, path, use_grammar=False), version

    def _read_bytes(self, file: SourceFile) -> bytes:
        return read_regular(file.absolute, self.size_limit(file) + 1, cut=True)

    def _skip(self, file: SourceFile, reason: str, *, keep: bool = False) -> FileResult:
        self.skipped.append(Skipped(file.path, reason))
        return FileResult(file, reason=reason, keep=keep)

    def _with_ids(self, documents: Sequence[Document], version: str, encoding: str) -> list[Document]:
        """Add ids, and the metadata that show later whether the file is complete and up to date."""
        repeats: Counter[tuple[object, ...]] = Counter()
        result = []
        for document in documents:
            metadata = document.metadata
            identity = (str(metadata.get("symbol", "")), str(metadata.get("kind", "")), document.content)
            id_ = document_id(self.namespace, document, repeats[identity])
            repeats[identity] += 1
            extended = {**metadata, FILE_KEY: version, "file_chunks": len(documents)}
            if encoding != UTF8:
                extended[ENCODING_KEY] = encoding
            result.append(Document(document.content, extended, id_))
        return result

    def _timed(self, stage: str, work: Callable[[], _T]) -> _T:
        start = time.perf_counter()
        try:
            return work()
        finally:
            self.timings[stage] += time.perf_counter() - start
