"""A file into a namespace of any store."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.record_checks import check_name
from aurora_dev.transfer.exporting import Progress
from aurora_dev.transfer.files import open_lines
from aurora_dev.transfer.format import Header, Reader
from aurora_dev.transfer.loading import Loader, agree_on_embedder, batches

_SAID_EVERY = 1_000  # records between two calls of the progress, while a file is checked


@dataclass(frozen=True, slots=True)
class FileSummary:
    """What a whole, undamaged export holds.

    Attributes:
        vectors: Records that have one.
    """

    header: Header
    records: int
    vectors: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        records: In the file.
        written: Of these, new or different from what the store had; the others were there already.
        vectors: Vectors taken over.
        left_without: Records of the file that have a vector which was not taken over.
        seconds: That it took.
    """

    path: Path
    namespace: str
    records: int
    written: int
    vectors: int
    left_without: int
    seconds: float


def check_file(file: str | Path, *, progress: Progress | None = None) -> FileSummary:
    """Read an export from end to end; memory does not grow with its size.

    Raises:
        ExportFileError: It is damaged, cut off or no export; the text names the line.
    """
    file = Path(file).expanduser()
    with open_lines(file) as lines:
        reader = Reader(lines)
        records = vectors = 0
        for record in reader.records():
            records, vectors = records + 1, vectors + (record.vector is not None)
            if progress is not None and records % _SAID_EVERY == 0:
                progress("checking", records, max(reader.header.records, records))
    return FileSummary(reader.header, records, vectors)


def import_records(
    backend: VectorBackend,
    file: str | Path,
    *,
    namespace: str | None = None,
    vectors: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Write the records of an export to a store; those with the same ids are replaced, others stay.

    The whole file is checked before the first record is written. An import that was interrupted can be run again: what
    is in the store already is left as it is.

    Args:
        backend: The store.
        file: Made by `export_records`; compressed or not.
        namespace: Where to; ``None``: the one that was exported.
        vectors: Whether vectors are taken over.
        progress: Called with what goes on, and how many of how many records are done.

    Raises:
        ExportFileError: The file is damaged, cut off or no export; nothing was written.
        EmbedderMismatchError: Its vectors are of another embedder than the store's; nothing was written.
        StoreError: The store cannot be written; what was acknowledged before is kept.
    """
    began = time.monotonic()
    file = Path(file).expanduser()
    found = check_file(file, progress=progress)
    target = check_name(found.header.namespace if namespace is None else namespace, "namespace")
    embedder = found.header.embedder if found.vectors else None
    loader = Loader(backend, target, agree_on_embedder(backend, embedder, vectors=vectors, what=str(file)))
    with open_lines(file) as lines:
        for batch in batches(Reader(lines).records()):
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
