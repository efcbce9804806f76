"""The export of a namespace of any store to a file."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.target_file import check_target
from aurora_dev.transfer.export_lines import End, ExportFileError, Header, parse_header, parse_line, record_line
from aurora_dev.transfer.loading import masked_record
from aurora_dev.transfer.part_file import (
    PartFile,
    begins_like_export,
    complete_blocks,
    is_compressed_name,
    part_of,
    writing_errors,
)

RECORDS_PER_BLOCK = 512  # the most that an interruption loses
Progress = Callable[[str, int, int], None]  # (stage, records done, records in total)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The result of an export.

    Attributes:
        path: The file.
        namespace: The exported namespace.
        records: Number of records in the file.
        vectors: Number of these with a vector.
        resumed: Number of these from an interrupted attempt.
        bytes: Size of the file.
        changed: Whether the store was written to during the export: the file may then mix the two states.
        seconds: Duration of the export.
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
    mask: bool = True,
    progress: Progress | None = None,
    replace: bool = False,
) -> ExportReport:
    """Write a namespace to a file, one record per line, in bounded memory.

    The file appears when it is complete, and replaces an earlier export. Until then the records are in ``FILE.part``.
    An interrupted export leaves that file, and the next one continues there if the store has not been written to since.

    Args:
        backend: The store.
        namespace: The namespace to export.
        file: The file to write; compressed if the name ends in ``.gz``.
        vectors: Whether to write vectors too, so that nothing has to be embedded again.
        mask: Whether credentials are masked: records may be older than a rule that knows theirs.
        progress: Called with the stage, the number of finished records and the total.
        replace: Whether to replace a file that is not an export.

    Raises:
        InvalidRequestError: ``file`` or ``FILE.part`` exists and is not an export, or is a folder, a link, a device or
            read-only.
        StoreUnwritableError: The file cannot be written.
        StoreFullError: The disk is full; the records so far are kept in ``FILE.part``.
        StoreError: The store cannot be read.
    """
    began = time.monotonic()
    file = Path(file).expanduser()
    _check_files(file, replace)
    stats = backend.stats(namespace)
    header = Header(namespace, backend.embedder(), vectors, stats.records, stats.sequence)
    with writing_errors(file):
        earlier = _earlier_attempt(file, header)
        part = PartFile(file, earlier.bytes)
        try:
            done = _append(part, backend, header, earlier, progress, mask=mask)
            _check_files(file, replace)  # it may have appeared since
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
class _Written:
    """The complete blocks of an unfinished file: their digest, size, counts and last id."""

    digest: Any  # a hash object: hashlib's type has no public name
    bytes: int = 0
    records: int = 0
    vectors: int = 0
    last: str | None = None


def _append(
    part: PartFile, backend: VectorBackend, header: Header, done: _Written, progress: Progress | None, *, mask: bool
) -> _Written:
    """Write the records that the unfinished file lacks, and the last line."""
    if done.bytes == 0:
        part.write(header.line())
        done.digest.update(header.line())
    lines: list[bytes] = []
    last, records, vectors = done.last, done.records, done.vectors

    def flush() -> None:
        if lines:
            block = b"".join(lines)
            lines.clear()
            part.write(block)
            done.digest.update(block)
        if progress is not None:
            progress("exporting", records, max(header.records, records))

    flush()
    for record in backend.scan(header.namespace, vectors=header.vectors):
        if done.last is not None and record.id <= done.last:
            continue
        if mask:
            record = masked_record(record)
        lines.append(record_line(record, vectors=header.vectors))
        last, records, vectors = record.id, records + 1, vectors + (record.vector is not None)
        if len(lines) == RECORDS_PER_BLOCK:
            flush()
    flush()
    part.write(End(records, done.digest.hexdigest()).line())
    return replace(done, records=records, vectors=vectors, last=last)


def _earlier_attempt(file: Path, header: Header) -> _Written:
    """Return the complete blocks of an interrupted export of the same state; empty if there is none."""
    nothing = _Written(hashlib.sha256())
    part = part_of(file)
    if not part.exists():
        return nothing
    done = nothing
    with suppress(ExportFileError):  # the rest is cut off, and written again
        for end, block in complete_blocks(part):
            lines = block.splitlines(keepends=True) if is_compressed_name(file) else [block]
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


def _check_files(file: Path, replace: bool) -> None:
    check_target(file, begins_like_export, kind="an export", replace=replace)
    check_target(part_of(file), begins_like_export, kind="an unfinished export", replace=replace)
