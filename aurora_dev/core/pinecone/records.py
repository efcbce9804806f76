"""Records as Pinecone stores them: everything but the vector is in the metadata.

Pinecone holds strings, booleans, lists of strings, and numbers as 64-bit floats; it strips null, and keys cannot begin
with ``$``. Keys of Aurora's own begin with ``aurora_``:

- ``aurora_content``: the text;
- ``aurora_rev``: a digest of text and metadata, for comparing two indexes, or the reads of two machines;
- ``aurora_vector``: the generation of the embedder whose vector the record has; absent without a vector;
- ``aurora_zero``: whether that vector is all zeros, which Pinecone cannot hold;
- ``aurora_types``: the types that Pinecone loses, as JSON: floats with whole values, whole numbers beyond 2^53, empty
  lists;
- ``aurora_id``: the id, if it is longer than Pinecone's limit.

A key that Pinecone cannot take, or that would look like one of these, becomes ``aurora_key_`` and its UTF-8 in
hexadecimal. NUL, which Pinecone may not keep in a text, becomes two characters of Unicode's private use area.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from aurora_dev.core.pinecone.names import decode_id, encode_id, is_digest
from aurora_dev.core.record_checks import encode_record
from aurora_dev.core.types import Record
from aurora_dev.errors import InvalidRequestError, StoreCorruptError

MAX_METADATA_BYTES = 40 * 1024  # Pinecone's limit for the metadata of one record, as JSON

CONTENT = "aurora_content"
REVISION = "aurora_rev"
VECTOR = "aurora_vector"
ZERO = "aurora_zero"
_TYPES = "aurora_types"
_ID = "aurora_id"
_OWN = "aurora_"
_ENCODED_KEY = "aurora_key_"

_LARGEST_EXACT = 2**53  # beyond, a 64-bit float rounds whole numbers
_ODD_KEY = re.compile(r"[\x00-\x1f\x7f]")
_MARK = "\uf8ff"  # the last character of the basic private use area
_GENERATION_ROOM = 48  # bytes that the generation of a vector adds to a record's metadata later


def encode_key(key: str) -> str:
    """Return the key under which Pinecone keeps a metadata value."""
    if key.startswith(("$", _OWN)) or _ODD_KEY.search(key):
        return _ENCODED_KEY + key.encode("utf-8", "surrogatepass").hex()
    return key


def encode_text(text: str) -> str:
    """Return a text without NUL; equal texts stay equal, different ones different."""
    if "\x00" not in text and _MARK not in text:
        return text
    return text.replace(_MARK, _MARK + "1").replace("\x00", _MARK + "0")


def encode_metadata(record: Record) -> dict[str, Any]:
    """Check a record, and return its metadata on Pinecone, without the keys of its vector.

    Raises:
        InvalidRequestError: No store takes it (see `aurora_dev.core.record_checks`), or it is larger than Pinecone
            allows; the text names the record.
    """
    identifier, content, text = encode_record(record)
    encoded: dict[str, Any] = {}
    floats: list[str] = []
    large: dict[str, str] = {}
    empty: list[str] = []
    for key, value in record.metadata.items():
        name = encode_key(key)
        if isinstance(value, bool):
            encoded[name] = value
        elif isinstance(value, int):
            encoded[name] = value
            if abs(value) > _LARGEST_EXACT:
                encoded[name] = float(value)
                large[name] = str(value)
        elif isinstance(value, float):
            encoded[name] = value
            if value.is_integer():
                floats.append(name)
        elif isinstance(value, str):
            encoded[name] = encode_text(value)
        else:
            encoded[name] = [encode_text(part) for part in value]
            if not value:
                empty.append(name)
    types = {name: kept for name, kept in (("f", floats), ("i", large), ("e", empty)) if kept}
    if types:
        encoded[_TYPES] = json.dumps(types, ensure_ascii=False, separators=(",", ":"))
    if is_digest(encode_id(identifier)):
        encoded[_ID] = encode_text(identifier)
    encoded[CONTENT] = encode_text(content)
    encoded[REVISION] = _revision(content, text)
    size = metadata_bytes(encoded) + _GENERATION_ROOM
    if size > MAX_METADATA_BYTES:
        raise InvalidRequestError(
            f"record {identifier!r} has {size:,} bytes of text and metadata, and Pinecone holds "
            f"{MAX_METADATA_BYTES:,} a record; nothing was written. Split its text"
        )
    return encoded


def decode_record(encoded_id: str, metadata: Mapping[str, Any] | None, *, content: bool = True) -> Record:
    """Return the record of an id and its metadata on Pinecone, without its vector.

    Args:
        encoded_id: Pinecone's id.
        metadata: The metadata that Pinecone returned.
        content: Whether to decode the text; else it is an empty string.

    Raises:
        StoreCorruptError: Aurora did not write the record.
    """
    if not metadata or CONTENT not in metadata:
        raise StoreCorruptError(
            f"the namespace holds the record {encoded_id!r}, which Aurora did not write; nothing was changed. Give "
            "Aurora a namespace or an index of its own"
        )
    identifier = decode_id(encoded_id)
    if identifier is None:
        identifier = _decode_text(str(metadata[_ID]))
    types = json.loads(metadata.get(_TYPES, "{}"))
    floats, large = types.get("f", ()), types.get("i", {})
    values: dict[str, Any] = {}
    for name, value in metadata.items():
        if name.startswith(_OWN) and not name.startswith(_ENCODED_KEY):
            continue
        key = _decode_key(name)
        if isinstance(value, str):
            values[key] = _decode_text(value)
        elif isinstance(value, list):
            values[key] = [_decode_text(part) for part in value]
        elif isinstance(value, bool):
            values[key] = value
        elif name in large:
            values[key] = int(large[name])
        else:
            values[key] = _number(value, is_float=name in floats)
    for name in types.get("e", ()):
        values.setdefault(_decode_key(name), [])
    return Record(identifier, _decode_text(metadata[CONTENT]) if content else "", values)


def metadata_bytes(metadata: Mapping[str, Any]) -> int:
    """Return the size of metadata as JSON in UTF-8."""
    return len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode())


def _number(value: float, *, is_float: bool) -> float | int:
    # Every number comes back as a 64-bit float; most of them (lines, counts) were whole numbers.
    if is_float:
        return float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decode_key(name: str) -> str:
    if name.startswith(_ENCODED_KEY):
        return bytes.fromhex(name[len(_ENCODED_KEY) :]).decode("utf-8", "surrogatepass")
    return name


def _decode_text(text: str) -> str:
    if _MARK not in text:
        return text
    return text.replace(_MARK + "0", "\x00").replace(_MARK + "1", _MARK)


def _revision(content: str, metadata_text: str) -> str:
    # Sorted, so that the order of the keys does not matter.
    canonical = json.dumps(json.loads(metadata_text), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256()
    for part in (content, canonical):
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:16]
