"""Reads the files of a model, and verifies their checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

CHECKSUMS = "SHA256SUMS"


class DamagedModelError(Exception):
    """The folder of a model is incomplete, or a file is not the published one; the text names it."""


def read_verified(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Read files of a folder, and compare each with its line in ``SHA256SUMS``.

    Args:
        folder: Holds the files, and ``SHA256SUMS`` in the format of sha256sum.
        names: The names of the files.

    Returns:
        The bytes of each file by its name, and those of ``SHA256SUMS``.

    Raises:
        DamagedModelError: A file or its line is missing, cannot be read, or has another checksum.
    """
    files = {CHECKSUMS: _read(folder, CHECKSUMS)}
    expected = {}
    for line in files[CHECKSUMS].decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition(" ")
        expected[name.lstrip(" *")] = digest.lower()
    for name in names:
        files[name] = _read(folder, name)
        if hashlib.sha256(files[name]).hexdigest() != expected.get(name):
            raise DamagedModelError(f"{name} is damaged (its SHA-256 is not the one in {CHECKSUMS})")
    return files


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        if not folder.is_dir():
            raise DamagedModelError(f"there is no folder {folder}") from error
        raise DamagedModelError(f"it has no readable {name} ({error.strerror or error})") from error
