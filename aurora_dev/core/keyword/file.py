"""The file format of a keyword index: a JSON header and raw arrays, protected by a digest.

Layout, all numbers little-endian: 8 bytes magic; 32 bytes BLAKE2b digest of the rest; 8 bytes length of the JSON; the
JSON (versions, the caller's header, the length of each array), padded with spaces to a multiple of 8 bytes; then the
arrays, each padded with zeros to a multiple of 8 bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aurora_dev.core.keyword.segments import Segment
from aurora_dev.core.text.terms import terms_fingerprint
from aurora_dev.lazy import np, npt
from aurora_dev.regular_files import read_regular

FORMAT_VERSION = 1  # raise it whenever term keys or the layout change; older files are then rebuilt

_MAGIC = b"AURORAKW"
_DIGEST_BYTES = 32
_ALIGNMENT = 8  # bytes; arrays are used in place, without copying
_PREFIX = len(_MAGIC) + _DIGEST_BYTES
_FIELDS = (
    ("rows", "<i8"),
    ("lengths", "<f4"),
    ("keys", "<u8"),
    ("starts", "<i8"),
    ("documents", "<i4"),
    ("frequencies", "<f4"),
)


def write_segment(path: Path, segment: Segment, header: Mapping[str, int | str | list[int]]) -> None:
    """Write a segment and a header, replacing the file atomically.

    The file is not synced to disk: the digest detects an incomplete one, and the index can be rebuilt.

    Raises:
        OSError: The file could not be written; the earlier one is unchanged.
    """
    arrays = [np.ascontiguousarray(getattr(segment, name), dtype) for name, dtype in _FIELDS]
    sizes = {name: len(array) for (name, _), array in zip(_FIELDS, arrays, strict=True)}
    about = json.dumps(
        {"version": FORMAT_VERSION, "terms": terms_fingerprint(), "header": dict(header), "sizes": sizes}
    ).encode()
    about += b" " * (-len(about) % _ALIGNMENT)
    parts: list[Any] = [len(about).to_bytes(8, "little"), about]
    for array in arrays:
        parts += [array.data.cast("B") if len(array) else b"", b"\0" * (-array.nbytes % _ALIGNMENT)]
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        digest.update(part)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MAGIC + digest.digest())
            for part in parts:
                file.write(part)
        Path(name).replace(path)
    except BaseException:  # an interrupt must not leave a half-written file either
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def snapshot_digest(path: Path) -> str:
    """Return the digest that a file of `write_segment` begins with, in hexadecimal; empty if it has none."""
    try:
        with path.open("rb") as file:
            start = file.read(_PREFIX)
    except OSError:
        return ""
    return start[len(_MAGIC) :].hex() if start.startswith(_MAGIC) and len(start) == _PREFIX else ""


def read_segment(path: Path, most: int) -> tuple[Segment, dict[str, Any]]:
    """Read a file of `write_segment`.

    Args:
        path: The file.
        most: Bytes; a larger file is not read.

    Returns:
        The segment and the header.

    Raises:
        ValueError: The file is not a keyword index, is damaged, or has another format or other terms.
        OSError: The file cannot be read, is not a regular file, or is larger than ``most``.
    """
    data = read_regular(path, most)
    body = memoryview(data)[_PREFIX:]
    if data[: len(_MAGIC)] != _MAGIC or len(body) < 8:
        raise ValueError(f"{path} is not a keyword index")
    if hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() != data[len(_MAGIC) : _PREFIX]:
        raise ValueError(f"{path} is damaged: its digest does not match")
    # The digest matches, so some version of Aurora wrote these bytes.
    end = 8 + int.from_bytes(body[:8], "little")
    about = json.loads(bytes(body[8:end]))
    if about.get("version") != FORMAT_VERSION:
        raise ValueError(f"{path} has format {about.get('version')}, but only {FORMAT_VERSION} can be read")
    if about.get("terms") != terms_fingerprint():
        raise ValueError(f"{path} holds terms of another version")
    arrays: dict[str, npt.NDArray[Any]] = {}
    offset = _PREFIX + end
    for name, dtype in _FIELDS:
        arrays[name] = np.frombuffer(data, dtype, about["sizes"][name], offset)
        offset += arrays[name].nbytes + -arrays[name].nbytes % _ALIGNMENT
    return Segment(**arrays), about["header"]
