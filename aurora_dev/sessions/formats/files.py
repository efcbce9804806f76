"""The search for transcripts in an assistant's folder, which may hold anything."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

__all__ = ["regular_files", "stamp_of"]

_DEEPEST: Final = 8  # folders below an assistant's
_MOST_FILES: Final = 200_000  # entries that are looked at


def regular_files(folder: Path | None, wanted: Callable[[str], bool], deepest: int = _DEEPEST) -> Iterator[Path]:
    """Yield the regular files below a folder, in the order of their names; links to folders are not followed.

    Args:
        folder: The folder; a missing or unreadable one has no files.
        wanted: Tells by its name whether a file is wanted.
        deepest: How many folders below it are looked into.
    """
    if folder is None:
        return
    left = _MOST_FILES
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        try:
            with os.scandir(place) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        below = []
        for entry in listed:
            left -= 1
            if left < 0:
                return
            try:
                if entry.is_dir(follow_symlinks=False):
                    if depth < deepest:
                        below.append((Path(entry.path), depth + 1))
                elif wanted(entry.name) and stat.S_ISREG(entry.stat().st_mode):
                    yield Path(entry.path)
            except OSError:  # removed since it was listed, or a broken link
                continue
        waiting += reversed(below)


def stamp_of(path: Path) -> tuple[float, int]:
    """Return the time of a file's last change, in seconds since the epoch, and its size.

    Raises:
        OSError: It cannot be read.
    """
    status = path.stat()
    return status.st_mtime, status.st_size
