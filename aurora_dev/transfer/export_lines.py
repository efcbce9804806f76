"""The lines of an export file: a header, one record per line sorted by id, and a last line that marks it as complete.

::

    {"aurora_export": 1, "namespace": "default", "embedder": {…} | null, "vectors": true, "records": 2, …}
    {"id": "…", "content": "…", "metadata": {…}, "vector": "base64 of little-endian float32" | [0.1, …] | null}
    …
    {"end": true, "records": 2, "sha256": "…"}

Ids ascend strictly by code point, so that a reader with bounded memory notices duplicates. ``sha256`` is the digest of
all bytes before its line, uncompressed; a file that was written by hand may omit it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aurora_dev.core.record_checks import check_name, check_vector, encode_record
from aurora_dev.core.types import EmbedderInfo, Record, Vector
from aurora_dev.errors import InvalidRequestError

VERSION = 1
EXPORT_START = re.compile(rb'\s*\{\s*"aurora_export"\s*:')
LONGEST_LINE = 64 * 1024 * 1024  # bytes; a record has kilobytes, and a file of another kind may have no line breaks


class ExportFileError(InvalidRequestError):
    """Raised when a file is not a complete export; the message names the line."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line.

    Attributes:
        namespace: The exported namespace.
        embedder: The embedder of the vectors; ``None`` if the store had none.
        vectors: Whether vectors were written.
        records: The number of records when the export began.
        sequence: The namespace's sequence when the export began; an interrupted export continues only at the same one.
    """

    namespace: str
    embedder: EmbedderInfo | None
    vectors: bool
    records: int
    sequence: int = 0

    def line(self) -> bytes:
        """Return the line, with its end."""
        return _line(
            {
                "aurora_export": VERSION,
                "namespace": self.namespace,
                "embedder": asdict(self.embedder) if self.embedder else None,
                "vectors": self.vectors,
                "records": self.records,
                "sequence": self.sequence,
            }
        )


@dataclass(frozen=True, slots=True)
class End:
    """The last line."""

    records: int
    sha256: str | None

    def line(self) -> bytes:
        """Return the line, with its end."""
        return _line({"end": True, "records": self.records, "sha256": self.sha256})


def record_line(record: Record, *, vectors: bool) -> bytes:
    """Return the line of a record, with its line break."""
    vector = record.vector if vectors else None
    encoded = None if vector is None else base64.b64encode(vector.astype("<f4", copy=False).tobytes()).decode("ascii")
    return _line({"id": record.id, "content": record.content, "metadata": dict(record.metadata), "vector": encoded})


def parse_header(line: bytes) -> Header:
    """Read the first line.

    Raises:
        ExportFileError: It is not a header, or one of a newer version.
    """
    value = parse_object(line, 1)
    version = value.get("aurora_export")
    if isinstance(version, int) and version > VERSION:
        raise ExportFileError(
            f"the file has the format version {version}, and this version of Aurora reads up to {VERSION}; nothing was "
            "written. Upgrade with: pip install -U aurora-dev"
        )
    if version != VERSION:
        raise ExportFileError('line 1 is not the header of an export ({"aurora_export": 1, …}); nothing was written')
    try:
        embedder = value.get("embedder")
        header = Header(
            namespace=check_name(value.get("namespace"), "namespace"),
            embedder=None if embedder is None else _embedder(embedder),
            vectors=bool(value.get("vectors", True)),
            records=_count(value.get("records", 0)),
            sequence=_count(value.get("sequence", 0)),
        )
    except (TypeError, ValueError) as error:
        raise ExportFileError(f"line 1: the header is damaged: {_one_line(error)}; nothing was written") from error
    return header


def parse_line(line: bytes, number: int, header: Header, after: str | None) -> Record | End:
    """Read a line after the header.

    Args:
        line: The line, with its line break.
        number: 1-based, for error messages.
        header: The header of the file, which gives the dimension of vectors.
        after: The id of the previous record; ``None`` for the first.

    Raises:
        ExportFileError: It is neither a valid record nor the last line.
    """
    value = parse_object(line, number)
    if value.get("end") is True:
        digest = value.get("sha256")
        try:
            return End(_count(value.get("records")), digest if isinstance(digest, str) else None)
        except ValueError as error:
            raise ExportFileError(f"line {number}: the last line is damaged: {error}; nothing was written") from None
    try:
        record = Record(
            value.get("id"),  # type: ignore[arg-type]  # anything but a string is refused below
            value.get("content"),  # type: ignore[arg-type]
            value.get("metadata", {}),
            _vector(value.get("vector"), header),
        )
        encode_record(record)
    except (TypeError, ValueError) as error:
        raise ExportFileError(f"line {number}: {_one_line(error)}") from error
    if after is not None and record.id <= after:
        raise ExportFileError(
            f"line {number}: the id {record.id!r} does not come after {after!r}: records must be sorted by id, without "
            "duplicates; nothing was written"
        )
    return record


def parse_object(line: bytes, number: int) -> dict[str, Any]:
    """Return the JSON object of a line.

    Raises:
        ExportFileError: The line is not a JSON object.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ExportFileError(
            f"line {number} is damaged ({_one_line(error)}); nothing was written. Export again, or repair the line"
        ) from None
    if not isinstance(value, dict):
        raise ExportFileError(f"line {number} is not a JSON object; nothing was written")
    return value


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8") + b"\n"


def _embedder(value: Any) -> EmbedderInfo:
    if not isinstance(value, dict):
        raise ValueError("embedder is not an object")
    name, fingerprint, dimension = value.get("name"), value.get("fingerprint"), value.get("dimension")
    if not isinstance(name, str) or not isinstance(fingerprint, str) or value.get("metric", "cosine") != "cosine":
        raise ValueError("embedder needs name, fingerprint and the metric cosine")
    if isinstance(dimension, bool) or not isinstance(dimension, int) or dimension < 1:
        raise ValueError("embedder needs a dimension of at least 1")
    return EmbedderInfo(name, dimension, fingerprint)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def _vector(value: Any, header: Header) -> Vector | None:
    if value is None:
        return None
    if header.embedder is None:
        raise ValueError("a record has a vector, but the header names no embedder; nothing was written")
    if isinstance(value, str):
        try:
            value = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float32)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"the vector is damaged ({error}); nothing was written") from None
    vector = check_vector(value, header.embedder.dimension, "the record")
    if not np.isfinite(vector).all():
        raise ValueError("the vector holds NaN or infinity; nothing was written")
    return vector


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
