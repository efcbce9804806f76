"""A namespace of any store into a file."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.errors import InvalidRequestError
from aurora_dev.transfer.files import Part, is_compressed_name, part_of, whole_chunks, writing
from aurora_dev.transfer.format import End, ExportFileError, Header, parse_header, parse_line, record_line

CHUNK = 512  # records written at once: what an interruption can cost
Progress = Callable[[str, int, int], None]  # (what goes on, done, to do)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export did.

    Attributes:
        records: In the file.
        vectors: Of these, with a vector.
        resumed: Of these, from an interrupted attempt.
        bytes: Size of the file.
        changed: Whether the store was written to meanwhile: then the file may mix the two states.
        seconds: That it took.
    """

    path: Path
    namespace: str
    records: int
    vectors: int
    resumed: int
    bytes: int
    changed: bool
    seconds: float


def export_records(
    backend: VectorBackend,
    namespace: str,
    file: str | Path,
    *,
    vectors: bool = True,
    progress: Progress | None = None,
) -> ExportReport:
    """Write a namespace to a file, a record a line; memory does not grow with the number of records.

    The file appears when it is whole, and replaces one of that name. Until then the records are in ``FILE.part``: an
    attempt that was interrupted leaves it, and the next one goes on there, if the store has not been written to since.

    Args:
        backend: The store.
        namespace: Which part of it.
        file: Where to; compressed where the name ends in ``.gz``.
        vectors: Whether to write vectors too, so that nothing has to be embedded again.
        progress: Called with what goes on, and how many of how many records are done.

    Raises:
        InvalidRequestError: ``file`` is a folder.
        StoreUnwritableError: The file cannot be written.
        StoreFullError: The disk is full; what was written is kept in ``FILE.part``.
        StoreError: The store cannot be read.
    """
    began = time.monotonic()
    file = _checked(file)
    stats = backend.stats(namespace)
    header = Header(namespace, backend.embedder(), vectors, stats.records, stats.sequence)
    with writing(file):
        earlier = _earlier(file, header)
        part = Part(file, earlier.bytes)
        try:
            done = _append(part, backend, header, earlier, progress)
            part.finish()
        finally:
            part.close()
    return ExportReport(
        path=file,
        namespace=namespace,
        records=done.records,
        vectors=done.vectors,
        resumed=earlier.records,
        bytes=part.size,
        changed=backend.stats(namespace).sequence != header.sequence or done.records != header.records,
        seconds=time.monotonic() - began,
    )


@dataclass(frozen=True, slots=True)
class _Done:
    """What an unfinished file holds: whole chunks of one export."""

    digest: Any  # a hash object: hashlib's type has no public name
    bytes: int = 0
    records: int = 0
    vectors: int = 0
    last: str | None = None


def _append(part: Part, backend: VectorBackend, header: Header, done: _Done, progress: Progress | None) -> _Done:
    if done.bytes == 0:
        part.write(header.line())
        done.digest.update(header.line())
    lines: list[bytes] = []
    last, records, vectors = done.last, done.records, done.vectors

    def flush() -> None:
        if lines:
            chunk = b"".join(lines)
            lines.clear()
            part.write(chunk)
            done.digest.update(chunk)
        if progress is not None:
            progress("exporting", records, max(header.records, records))

    flush()
    for record in backend.scan(header.namespace, vectors=header.vectors):
        if done.last is not None and record.id <= done.last:
            continue
        lines.append(record_line(record, vectors=header.vectors))
        last, records, vectors = record.id, records + 1, vectors + (record.vector is not None)
        if len(lines) == CHUNK:
            flush()
    flush()
    part.write(End(records, done.digest.hexdigest()).line())
    return replace(done, records=records, vectors=vectors, last=last)


def _earlier(file: Path, header: Header) -> _Done:
    """Return what an interrupted export of the same state has left; nothing where there is none."""
    nothing = _Done(hashlib.sha256())
    part = part_of(file)
    if not part.exists():
        return nothing
    done = nothing
    with suppress(ExportFileError):  # what follows is cut off, and written again
        for end, chunk in whole_chunks(part):
            lines = chunk.splitlines(keepends=True) if is_compressed_name(file) else [chunk]
            if done.bytes == 0:
                if parse_header(lines.pop(0)) != header:
                    return nothing
                done.digest.update(header.line())
                done = replace(done, bytes=end)
            records, vectors, last = done.records, done.vectors, done.last
            for line in lines:
                found = parse_line(line, 0, header, last)
                if isinstance(found, End):
                    return done
                records, vectors, last = records + 1, vectors + (found.vector is not None), found.id
            for line in lines:
                done.digest.update(line)
            done = replace(done, bytes=end, records=records, vectors=vectors, last=last)
    return done


def _checked(file: str | Path) -> Path:
    path = Path(file).expanduser()
    if path.is_dir() or not path.name:
        raise InvalidRequestError(f"'{file}' is a folder; name the file to write. Nothing was done")
    return path
