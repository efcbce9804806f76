"""Reads and checks the replies of OpenAI-compatible embeddings endpoints."""

from __future__ import annotations

import json
from typing import Any

from aurora_dev.lazy import np, npt

_LARGEST = 1e150  # the square of a larger number overflows float64, and no embedding is near it


class ReplyError(ValueError):
    """A reply cannot be used; the text completes a sentence that begins with "The service".

    Attributes:
        splits: Whether the vectors of the other texts can be used.
    """

    def __init__(self, what: str, *, splits: bool = False) -> None:
        super().__init__(what)
        self.splits = splits


def parse_vectors(body: bytes, count: int) -> npt.NDArray[np.float64]:
    """Read the vectors of a reply, and put them into the order of the inputs.

    Args:
        body: The reply: ``{"data": [{"index": 0, "embedding": [0.1, …]}, …]}``, in any order.
        count: The number of texts that were sent.

    Returns:
        Shape ``(count, dimension)``, float64, finite, as the service scaled them.

    Raises:
        ReplyError: The reply is anything else; nothing is guessed.
    """
    items = _items(body)
    if len(items) != count:
        raise ReplyError(f"answered {count} texts with {len(items)} vectors")
    rows: list[npt.NDArray[np.float64] | None] = [None] * count
    for item in items:
        index = item.get("index") if isinstance(item, dict) else None
        if isinstance(index, bool) or not isinstance(index, int):
            raise ReplyError("answered with a vector that has no index, so it belongs to no text")
        if not 0 <= index < count:
            raise ReplyError(f"answered with index {index}, of 0 to {count - 1}")
        if rows[index] is not None:
            raise ReplyError(f"answered with index {index} twice")
        rows[index] = _vector(item.get("embedding"), index)
    vectors = [row for row in rows if row is not None]
    lengths = sorted({len(vector) for vector in vectors})
    if len(lengths) > 1:
        raise ReplyError(f"answered with vectors of different lengths ({', '.join(map(str, lengths))})")
    return np.stack(vectors)


def _items(body: bytes) -> list[Any]:
    if body.lstrip()[:1] == b"<":
        raise ReplyError("answered with a web page instead of JSON; is this the address of its API?")
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        what = "nothing" if not body.strip() else "JSON that is cut off or damaged"
        raise ReplyError(f"answered with {what}") from None
    items = reply.get("data") if isinstance(reply, dict) else None
    if not isinstance(items, list):
        raise ReplyError('answered with JSON that has no "data" list; it must speak OpenAI\'s embeddings format')
    return items


def _vector(value: Any, index: int) -> npt.NDArray[np.float64]:
    if isinstance(value, str):
        raise ReplyError("answered with base64 text instead of numbers; set its encoding_format to float")
    if not isinstance(value, list) or not value:
        raise ReplyError(f"answered with no vector for index {index}", splits=True)
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in value):
        what = f"answered with a vector that holds something other than numbers (index {index})"
        raise ReplyError(what, splits=True)  # some servers write null for NaN
    try:
        vector = np.array(value, dtype=np.float64)
    except OverflowError:  # a whole number beyond float64
        vector = np.array([np.inf])
    if not np.abs(vector).max() <= _LARGEST:
        raise ReplyError(f"answered with numbers that are not finite (index {index})", splits=True)
    return vector
