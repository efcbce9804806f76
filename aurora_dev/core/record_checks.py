"""Checks of ids, names, contents, metadata and vectors, which run before anything is written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from aurora_dev.core.types import Record
from aurora_dev.errors import DimensionMismatchError, InvalidRequestError
from aurora_dev.lazy import np, npt

MAX_ID_BYTES = 512  # the limit of Pinecone, so that every store can be copied there
MAX_INTEGER = 2**63 - 1


def check_name(name: object, what: str) -> str:
    """Return an id or a namespace if it is a string of 1 to 512 bytes of UTF-8.

    Args:
        name: The value to check.
        what: The word for it in the error message, such as ``id``.

    Raises:
        InvalidRequestError: It is something else.
    """
    if not isinstance(name, str):
        raise InvalidRequestError(f"the {what} must be a string, not {name!r}; nothing was written")
    size = len(_utf8(name, f"the {what} {name!r}"))
    if not 1 <= size <= MAX_ID_BYTES:
        raise InvalidRequestError(
            f"the {what} {name[:40]!r} has {size} bytes; the limit is 1 to {MAX_ID_BYTES}; nothing was written"
        )
    return name


def check_top_k(top_k: object) -> int:
    """Return a number of results if it is a whole number of at least 1.

    Raises:
        InvalidRequestError: It is something else.
    """
    if isinstance(top_k, bool) or not isinstance(top_k, int | np.integer) or top_k < 1:
        raise InvalidRequestError(f"top_k must be a whole number of at least 1, not {top_k!r}")
    return int(top_k)


def encode_record(record: Record) -> tuple[str, str, str]:
    """Check a record, except for its vector.

    Returns:
        The id, the content, and the metadata as JSON text. NUL characters are kept in all three.

    Raises:
        InvalidRequestError: The record cannot be stored: the content is empty, a value has a type that the filter
            grammar does not have, or a text holds a lone surrogate, which UTF-8 cannot encode.
    """
    identifier = check_name(record.id, "id")
    content = record.content
    if not isinstance(content, str) or not content:
        raise InvalidRequestError(
            f"record {identifier!r} needs content that is a non-empty string; nothing was written"
        )
    _utf8(content, f"the content of record {identifier!r}")
    if not isinstance(record.metadata, Mapping):
        raise InvalidRequestError(f"record {identifier!r} has metadata that are not a mapping; nothing was written")
    for key, value in record.metadata.items():
        _check_value(identifier, key, value)
    text = json.dumps(dict(record.metadata), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    _utf8(text, f"the metadata of record {identifier!r}")
    return identifier, content, text


def check_write(
    namespace: str, upserts: Sequence[Record], deletes: Sequence[str]
) -> tuple[list[tuple[str, str, str]], list[Record]]:
    """Check a write, except for its vectors.

    Returns:
        The encoded records, as of `encode_record`, and the records themselves; of several with one id, the last.

    Raises:
        InvalidRequestError: The namespace, an id or a record cannot be stored.
    """
    check_name(namespace, "namespace")
    for identifier in deletes:
        check_name(identifier, "id")
    by_id = {parts[0]: (parts, record) for parts, record in ((encode_record(record), record) for record in upserts)}
    return [parts for parts, _ in by_id.values()], [record for _, record in by_id.values()]


def encode_vectors(records: Sequence[Record], dimension: int | None) -> npt.NDArray[np.float32]:
    """Check the vectors of records that have one.

    Returns:
        Shape ``(len(records), dimension)``, float32, contiguous.

    Raises:
        DimensionMismatchError: A vector has a different length than the store's embedder gives.
        InvalidRequestError: The store has no embedder yet, or a vector is not finite.
    """
    if not records:
        return np.empty((0, dimension or 0), dtype=np.float32)
    if dimension is None:
        raise InvalidRequestError(
            f"record {records[0].id!r} has a vector, but the store has no embedder; nothing was written. "
            "Call set_embedder() first"
        )
    matrix = np.empty((len(records), dimension), dtype=np.float32)
    for i, record in enumerate(records):
        matrix[i] = check_vector(record.vector, dimension, f"record {record.id!r}")
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        bad = records[int(np.argmin(finite))].id
        raise InvalidRequestError(f"record {bad!r} has a vector with NaN or infinity; nothing was written")
    return matrix


def check_vector(vector: Any, dimension: int, whose: str) -> npt.NDArray[np.float32]:
    """Return a vector as float32 of shape ``(dimension,)``; its values may be infinite or NaN.

    Args:
        vector: Anything that NumPy makes an array of.
        dimension: The length that it must have.
        whose: The owner of the vector in error messages, such as ``the query``.

    Raises:
        DimensionMismatchError: It has a different shape.
        InvalidRequestError: It does not hold numbers.
    """
    try:
        with np.errstate(over="ignore"):  # an overflow becomes infinite, and is refused as such
            array = np.asarray(vector, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"{whose} has a vector that does not hold numbers: {error}; nothing was written"
        ) from error
    if array.shape != (dimension,):
        raise DimensionMismatchError(
            f"{whose} has a vector of shape {array.shape}, but the store's embedder gives ({dimension},); nothing was "
            "written. Embed with the store's embedder, or call set_embedder() to change it"
        )
    return array


def _check_value(identifier: str, key: object, value: object) -> None:
    if not isinstance(key, str) or not key:
        raise InvalidRequestError(
            f"record {identifier!r} has the metadata key {key!r}; keys are non-empty strings; nothing was written"
        )
    if isinstance(value, str | bool):
        return
    if isinstance(value, int) and -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        return
    if isinstance(value, float) and math.isfinite(value):
        return
    if isinstance(value, list) and all(isinstance(element, str) for element in value):
        return
    raise InvalidRequestError(
        f"record {identifier!r} has the value {value!r:.80} under {key!r}; metadata values are strings, booleans, "
        "whole numbers of 64 bits, finite floats and lists of strings (leave a key out instead of None); nothing was "
        "written"
    )


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidRequestError(
            f"{what} holds a lone surrogate at character {error.start}, which has no UTF-8; nothing was written. "
            'Decode its source with errors="replace"'
        ) from error
