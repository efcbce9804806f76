"""Cursors for lists of memories: they point behind a memory, so that what is added or removed moves no page."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from aurora_dev.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place behind a memory in a list that is sorted by time, newest first, then by id."""

    created_at: float
    id: str

    @classmethod
    def at(cls, metadata: Mapping[str, Any], id: str) -> Self:
        """Return the place of a memory that is stored with these metadata."""
        created = metadata.get("created_at")
        known = isinstance(created, int | float) and not isinstance(created, bool)
        return cls(float(created) if known and created is not None else 0.0, id)

    def order(self) -> tuple[float, str]:
        """Return what lists are sorted by."""
        return -self.created_at, self.id

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read what `text` gave.

        Raises:
            InvalidRequestError: It is something else.
        """
        try:
            created_at, id = json.loads(base64.urlsafe_b64decode(str(text).encode("ascii")))
            if isinstance(created_at, int | float) and isinstance(id, str):
                return cls(float(created_at), id)
        except (ValueError, TypeError, binascii.Error, RecursionError):
            pass
        raise InvalidRequestError(
            f"the cursor {str(text)!r:.80} is none that a list has given; take the next_cursor of the page before"
        )

    def text(self) -> str:
        """Return it as a string of letters, digits, ``-``, ``_`` and ``=``."""
        return base64.urlsafe_b64encode(json.dumps([self.created_at, self.id]).encode("utf-8")).decode("ascii")
