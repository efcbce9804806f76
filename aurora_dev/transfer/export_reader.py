"""Reading an export file, compressed or not, line by line, with a check that it is complete."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from aurora_dev.core.types import Record
from aurora_dev.transfer.export_lines import LONGEST_LINE, End, ExportFileError, parse_header, parse_line
from aurora_dev.transfer.part_file import is_gzip

__all__ = ["ExportReader", "open_lines"]


@contextmanager
def open_lines(file: Path) -> Iterator[Iterator[bytes]]:
    """Yield an iterator over the lines of a file, compressed or not, each with its line break.

    Raises:
        ExportFileError: The file cannot be read, is cut off, or has a line of more than `LONGEST_LINE` bytes.
    """
    if file.exists() and not file.is_file():  # a pipe cannot be read twice
        raise ExportFileError(f"{file} cannot be read (not a regular file); nothing was written")
    try:
        stream = file.open("rb")
    except OSError as error:
        raise ExportFileError(f"{file} cannot be read ({error.strerror}); nothing was written") from error
    with stream:
        if is_gzip(stream):
            with gzip.open(stream, "rb") as unpacked:
                yield _lines(unpacked)
        else:
            yield _lines(stream)


def _lines(stream: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        try:
            line = stream.readline(LONGEST_LINE + 1)
        except (EOFError, zlib.error, OSError) as error:
            raise ExportFileError(
                f"line {number}: the compressed file is cut off or damaged ({error}); nothing was written. Run the "
                "export again"
            ) from error
        if not line:
            return
        if len(line) > LONGEST_LINE:
            raise ExportFileError(
                f"line {number} has more than {LONGEST_LINE:,} bytes: the file is not an export; nothing was written"
            )
        yield line


class ExportReader:
    """Reads an export line by line and checks that it is complete.

    Args:
        lines: The lines of the file, each with its line break; read once.

    Attributes:
        header: The first line, read at once.

    Raises:
        ExportFileError: The file is empty, or its header is damaged.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._digest = hashlib.sha256()
        first = next(self._lines, None)
        if first is None:
            raise ExportFileError("the file is empty; nothing was written")
        self.header = parse_header(first)
        self._digest.update(first)

    def records(self) -> Iterator[Record]:
        """Yield the records.

        Raises:
            ExportFileError: A line is damaged, or the file is cut off, too long or changed.
        """
        after: str | None = None
        count, number = 0, 1
        end: End | None = None
        for number, line in enumerate(self._lines, 2):
            if end is not None:
                raise ExportFileError(f"line {number} follows the last line of the export; nothing was written")
            found = parse_line(line, number, self.header, after)
            if isinstance(found, End):
                end = found
                continue
            self._digest.update(line)
            after, count = found.id, count + 1
            yield found
        if end is None:
            raise ExportFileError(
                f"the file ends with line {number}, before the last line of an export: it was cut off; nothing was "
                "written. Run the export again"
            )
        if end.records != count:
            raise ExportFileError(
                f"the file holds {count:,} records, and its last line says {end.records:,}; nothing was written"
            )
        if end.sha256 is not None and end.sha256 != self._digest.hexdigest():
            raise ExportFileError(
                "the file was changed after the export (its SHA-256 differs); nothing was written. If you changed it "
                "on purpose, remove the sha256 from its last line"
            )
