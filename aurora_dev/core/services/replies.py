"""What a service says in an error reply."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["error_text"]


def error_text(body: bytes, limit: int) -> str:
    """Return what an error reply says, for a person: the usual message fields, else the start of the body."""
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
