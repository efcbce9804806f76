"""Checks of a file that the user names as the target of an export or a backup: nothing foreign is replaced."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aurora_dev.errors import InvalidRequestError

# https://sqlite.org/tempfiles.html: while these exist, the database beside them is in use or must be recovered.
_DATABASE_SUFFIXES: Final = ("-wal", "-shm", "-journal")


def check_target(file: Path, is_own: Callable[[Path], bool], *, kind: str, replace: bool = False) -> None:
    """Refuse to replace a file that Aurora did not write.

    A missing or empty regular file may be written. A path that cannot be looked at is left to the caller, whose attempt
    to write there fails.

    Args:
        file: The file that will be written or replaced.
        is_own: Returns whether an existing file was written by Aurora for this purpose; may raise `OSError`.
        kind: The name of such a file in the message, such as ``an export``.
        replace: Whether any regular file may be replaced.

    Raises:
        InvalidRequestError: The file would be lost, or is a folder, a link, a device or read-only.
    """
    if not file.name:
        raise InvalidRequestError(f"'{file}' is a folder; nothing was written. Name a file")
    try:
        found = file.lstat()
    except (OSError, ValueError):  # ValueError: a name with a null character
        return
    if stat.S_ISLNK(found.st_mode):
        raise InvalidRequestError(
            f"'{file}' is a link to '{os.path.realpath(file)}'; nothing was written. Name that file, or remove the link"
        )
    if stat.S_ISDIR(found.st_mode):
        raise InvalidRequestError(f"'{file}' is a folder; nothing was written. Name a file")
    if not stat.S_ISREG(found.st_mode):
        raise InvalidRequestError(f"'{file}' is not a regular file; nothing was written. Name another file")
    if not found.st_mode & 0o222:
        raise InvalidRequestError(f"'{file}' is read-only; nothing was written. Make it writable, or name another file")
    if _belongs_to_database(file):
        raise InvalidRequestError(f"'{file}' belongs to a database in use; nothing was written. Name another file")
    if replace or not found.st_size:
        return
    try:
        own = is_own(file)
    except OSError as error:
        raise InvalidRequestError(
            f"'{file}' exists and cannot be read ({error.strerror}); nothing was written. Name another file"
        ) from error
    if not own:
        raise InvalidRequestError(
            f"'{file}' exists and is not {kind} of Aurora; nothing was written. Name another file, or replace it with "
            "--force (replace=True in Python)"
        )


def _belongs_to_database(file: Path) -> bool:
    if any(file.with_name(file.name + suffix).exists() for suffix in _DATABASE_SUFFIXES):
        return True
    bases = [file.name.removesuffix(suffix) for suffix in _DATABASE_SUFFIXES if file.name.endswith(suffix)]
    return any(base and file.with_name(base).exists() for base in bases)
