"""Errors of the HTTP client for services, and the text of error replies.

These errors never leave the package: each caller turns them into its own, such as `RerankError` or `EmbeddingError`.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["ServiceClosedError", "ServiceError", "error_text"]


class ServiceError(Exception):
    """A service gave no usable answer.

    Attributes:
        what: What happened; completes a sentence that begins with "The service".
        advice: A sentence that says what to try.
    """

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


class ServiceClosedError(Exception):
    """The client was closed before the answer came."""


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
