"""The import of an export file into a namespace of any store."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.record_checks import check_name
from aurora_dev.transfer.export_lines import Header
from aurora_dev.transfer.export_reader import ExportReader, open_lines
from aurora_dev.transfer.exporting import Progress
from aurora_dev.transfer.loading import Loader, agree_on_embedder, batches

_PROGRESS_INTERVAL = 1_000  # records between two calls of the progress while a file is checked


@dataclass(frozen=True, slots=True)
class FileSummary:
    """The content of a complete export.

    Attributes:
        header: The first line.
        records: Number of records.
        vectors: Number of records with a vector.
    """

    header: Header
    records: int
    vectors: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of an import.

    Attributes:
        path: The file.
        namespace: The namespace of the store.
        records: Number of records in the file.
        written: Number of these that were new or different; the store had the others already.
        vectors: Number of imported vectors.
        left_without: Number of records whose vector was not imported.
        seconds: Duration of the import.
    """

    path: Path
    namespace: str
    records: int
    written: int
    vectors: int
    left_without: int
    seconds: float


def check_file(file: str | Path, *, progress: Progress | None = None) -> FileSummary:
    """Read an export completely, in bounded memory.

    Raises:
        ExportFileError: It is damaged, cut off or not an export; the message names the line.
    """
    file = Path(file).expanduser()
    with open_lines(file) as lines:
        reader = ExportReader(lines)
        records = vectors = 0
        for record in reader.records():
            records, vectors = records + 1, vectors + (record.vector is not None)
            if progress is not None and records % _PROGRESS_INTERVAL == 0:
                progress("checking", records, max(reader.header.records, records))
    return FileSummary(reader.header, records, vectors)


def import_records(
    backend: VectorBackend,
    file: str | Path,
    *,
    namespace: str | None = None,
    vectors: bool = True,
    mask: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Write the records of an export to a store; records with the same ids are replaced, others stay.

    The whole file is checked before the first record is written. An interrupted import can be run again: records that
    the store already has are not written again.

    Args:
        backend: The store.
        file: The file that `export_records` wrote; compressed or not.
        namespace: The namespace to write to; ``None`` for the exported one.
        vectors: Whether to import vectors.
        mask: Whether credentials are masked, as they are at indexing: another store may have kept them.
        progress: Called with the stage, the number of finished records and the total.

    Raises:
        ExportFileError: The file is damaged, cut off or not an export; nothing was written.
        EmbedderMismatchError: Its vectors are from a different embedder than the store's; nothing was written.
        StoreError: The store cannot be written; batches that were acknowledged are kept.
    """
    began = time.monotonic()
    file = Path(file).expanduser()
    found = check_file(file, progress=progress)
    target = check_name(found.header.namespace if namespace is None else namespace, "namespace")
    embedder = found.header.embedder if found.vectors else None
    loader = Loader(backend, target, agree_on_embedder(backend, embedder, vectors=vectors, what=str(file)))
    with open_lines(file) as lines:
        for batch in batches(ExportReader(lines).records(), mask=mask):
            loader.load(batch)
            if progress is not None:
                progress("importing", loader.done.records, found.records)
    loader.check_count()
    return ImportReport(
        path=file,
        namespace=target,
        records=loader.done.records,
        written=loader.done.written,
        vectors=loader.done.vectors,
        left_without=found.vectors - loader.done.vectors,
        seconds=time.monotonic() - began,
    )
