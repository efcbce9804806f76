"""Files of exports: written beside their place and moved there when they are whole; gzip where the name ends in .gz.

A compressed file consists of one gzip member for each chunk (RFC 1952 allows any number), so that what an interrupted
export has written ends with a whole member and can be continued.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from aurora_dev.errors import StoreFullError, StoreUnwritableError
from aurora_dev.transfer.format import LONGEST_LINE, ExportFileError

PART_SUFFIX = ".part"
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_LEVEL = 6
_BLOCK = 1 << 18  # bytes read at once
_GZIP_WINDOW = 31  # zlib's way to say: with a gzip header


def is_compressed_name(file: Path) -> bool:
    """Whether an export of this name is compressed."""
    return file.suffix.lower() == ".gz"


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Raise the system's errors as ours.

    Raises:
        StoreFullError: The disk is full.
        StoreUnwritableError: The file cannot be written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | PermissionError):
            raise StoreUnwritableError(
                f"{file} cannot be written ({error.strerror}); the store is untouched. Choose another place"
            ) from error
        raise StoreFullError(
            f"{file} could not be written to its end ({error.strerror or error}); the store is untouched. Free disk "
            "space, then run the same command again"
        ) from error


class Part:
    """The unfinished file beside its place.

    Args:
        file: The place.
        keep: How many bytes of an earlier attempt are kept.
    """

    def __init__(self, file: Path, keep: int = 0) -> None:
        self._file = file
        self.path = part_of(file)
        self._compressed = is_compressed_name(file)
        # Project text, as private as the store is.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._stream: BinaryIO = os.fdopen(os.open(self.path, flags, 0o600), "r+b")
        try:
            self._stream.truncate(keep)
            self._stream.seek(keep)
        except BaseException:  # also when interrupted: the file must not stay open
            self._stream.close()
            raise
        self.size = keep

    def write(self, chunk: bytes) -> None:
        """Append a chunk of whole lines."""
        data = gzip.compress(chunk, _GZIP_LEVEL, mtime=0) if self._compressed else chunk
        self._stream.write(data)
        self._stream.flush()
        self.size += len(data)

    def finish(self) -> None:
        """Bring the file to the disk and to its place.

        Raises:
            ExportFileError: Another process wrote to it meanwhile.
        """
        os.fsync(self._stream.fileno())
        written = os.fstat(self._stream.fileno()).st_size
        self._stream.close()
        if written != self.size:
            raise ExportFileError(
                f"another process wrote to {self.path} at the same time; nothing was replaced. Run it again, alone"
            )
        self.path.replace(self._file)
        sync_folder(self._file.parent)

    def close(self) -> None:
        """Close the file and leave it where it is."""
        self._stream.close()


def part_of(file: Path) -> Path:
    """Return the name of the unfinished file."""
    return file.with_name(file.name + PART_SUFFIX)


def sync_folder(folder: Path) -> None:
    """Bring a renamed file's name to the disk, where the system can (Windows cannot open a folder)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def open_lines(file: Path) -> Iterator[Iterator[bytes]]:
    """Give the lines of a file, compressed or not, each with its end.

    Raises:
        ExportFileError: It cannot be read, is cut off, or has a line of more than `LONGEST_LINE`.
    """
    try:
        stream = file.open("rb")
    except OSError as error:
        raise ExportFileError(f"{file} cannot be read ({error.strerror}); nothing was written") from error
    with stream:
        compressed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        stream.seek(0)
        if compressed:
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
                f"line {number} has more than {LONGEST_LINE:,} bytes: the file is no export; nothing was written"
            )
        yield line


def whole_chunks(part: Path) -> Iterator[tuple[int, bytes]]:
    """Yield what an unfinished file holds for certain: where each whole chunk ends in it, and the lines.

    Of a plain file these are its whole lines, one by one; of a compressed one its whole members.
    """
    with part.open("rb") as stream:
        compressed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        stream.seek(0)
        if compressed:
            yield from _members(stream)
            return
        end = 0
        while line := stream.readline(LONGEST_LINE):
            if not line.endswith(b"\n"):
                return
            end += len(line)
            yield end, line


def _members(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    end, rest = 0, b""
    while True:
        unpacker = zlib.decompressobj(_GZIP_WINDOW)
        pieces: list[bytes] = []
        while not unpacker.eof:
            block = rest or stream.read(_BLOCK)
            if not block:
                return
            end += len(block)
            rest = b""
            try:
                pieces.append(unpacker.decompress(block))
            except zlib.error:
                return
        rest = unpacker.unused_data
        end -= len(rest)
        yield end, b"".join(pieces)
