"""The unfinished file of an export, ``NAME.part``: written next to its final name and renamed when complete.

A name that ends in ``.gz`` is compressed, with one gzip member per block of lines (RFC 1952 allows any number). So the
file of an interrupted export ends with a complete member, and the export can continue there.
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
from aurora_dev.transfer.export_lines import EXPORT_START, LONGEST_LINE, ExportFileError

PART_SUFFIX = ".part"
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_LEVEL = 6
_BLOCK = 1 << 18  # bytes per read
_START_BYTES = 4096  # enough of a compressed file to see how its first line begins
_GZIP_WINDOW = 31  # tells zlib to expect a gzip header


def is_compressed_name(file: Path) -> bool:
    """Return whether an export to this name is compressed."""
    return file.suffix.lower() == ".gz"


def is_gzip(stream: BinaryIO) -> bool:
    """Return whether a file is compressed, by its first bytes; the position is then its beginning."""
    compressed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    stream.seek(0)
    return compressed


@contextmanager
def writing_errors(file: Path) -> Iterator[None]:
    """Translate errors of the operating system.

    Raises:
        StoreFullError: The disk is full.
        StoreUnwritableError: The file cannot be written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | PermissionError):
            raise StoreUnwritableError(
                f"{file} cannot be written ({error.strerror}); the store is unchanged. Choose another file"
            ) from error
        raise StoreFullError(
            f"{file} could not be written completely ({error.strerror or error}); the store is unchanged. Free disk "
            "space, then run the same command again"
        ) from error


class PartFile:
    """The unfinished file of an export.

    Args:
        file: The final name.
        keep: The number of bytes to keep of an earlier attempt.
    """

    def __init__(self, file: Path, keep: int = 0) -> None:
        self._file = file
        self.path = part_of(file)
        self._compressed = is_compressed_name(file)
        # It holds project text, so it is as private as the store.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._stream: BinaryIO = os.fdopen(os.open(self.path, flags, 0o600), "r+b")
        try:
            self._stream.truncate(keep)
            self._stream.seek(keep)
        except BaseException:  # even Ctrl-C: the file must not stay open
            self._stream.close()
            raise
        self.size = keep

    def write(self, block: bytes) -> None:
        """Append a block of whole lines."""
        data = gzip.compress(block, _GZIP_LEVEL, mtime=0) if self._compressed else block
        self._stream.write(data)
        self._stream.flush()
        self.size += len(data)

    def finish(self) -> None:
        """Sync the file to disk and rename it to its final name.

        Raises:
            ExportFileError: Another process wrote to it at the same time.
        """
        os.fsync(self._stream.fileno())
        written = os.fstat(self._stream.fileno()).st_size
        self._stream.close()
        if written != self.size:
            raise ExportFileError(
                f"another process wrote to {self.path} at the same time; nothing was replaced. Wait until it has "
                "ended, then run the command again"
            )
        self.path.replace(self._file)
        sync_folder(self._file.parent)

    def close(self) -> None:
        """Close the file and keep it."""
        self._stream.close()


def begins_like_export(file: Path) -> bool:
    """Return whether a file begins with the first line of an export, compressed or not."""
    with file.open("rb") as stream:
        start = stream.read(_START_BYTES)
    if start.startswith(_GZIP_MAGIC):
        try:
            start = zlib.decompressobj(_GZIP_WINDOW).decompress(start, _START_BYTES)
        except zlib.error:
            return False
    return EXPORT_START.match(start) is not None


def part_of(file: Path) -> Path:
    """Return the name of the unfinished file."""
    return file.with_name(file.name + PART_SUFFIX)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that a renamed file survives a power failure; not on Windows, which cannot open a folder."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def complete_blocks(part: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the complete blocks of an unfinished file: the offset at which each ends, and its lines.

    The blocks of a plain file are its whole lines, one by one; those of a compressed file are its whole members.
    """
    with part.open("rb") as stream:
        if is_gzip(stream):
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
