"""Errors of the HTTP client for services, and the text of error replies.

These errors never leave the package: each caller turns them into its own, such as `RerankError` or `EmbeddingError`.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

__all__ = ["ServiceClosedError", "ServiceError", "error_text", "names_size"]

# Some servers answer 500 to what is too large: llama.cpp says "input is too large to process. increase the physical
# batch size", others name the context or the longest sequence.
_SIZE: Final = re.compile(
    r"too (?:large|long|big|many (?:tokens|inputs|texts))|batch.?size|"
    r"(?:context|sequence|input) (?:length|size|window)|"
    r"max(?:imum)?[ _](?:batch|sequence|input|tokens?|context|position)|(?:longer|larger) than",
    re.IGNORECASE,
)


class ServiceError(Exception):
    """A service gave no usable answer.

    Attributes:
        what: What happened; completes a sentence that begins with "The service".
        advice: A sentence that says what to try.
        splits: Whether the service may accept a part of what it refused: it refused the size, or one item of many.
    """

    def __init__(self, what: str, advice: str, *, splits: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.splits = splits


class ServiceClosedError(Exception):
    """The client was closed before the answer came."""


def names_size(text: str) -> bool:
    """Return whether the message of an error reply says that the request was too large."""
    return _SIZE.search(text) is not None


def error_text(body: bytes, limit: int) -> str:
    """Return the message of an error reply: the text of a usual message field, else the start of the body.

    Args:
        body: The reply.
        limit: Most characters of the result.
    """
    text = body[: limit * 4].decode("utf-8", "replace")
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        value = text
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    text = " ".join((value if isinstance(value, str) else text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
