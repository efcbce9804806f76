"""Cursors of note lists. A cursor names the last note of a page, so that added or removed notes shift no page."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aurora_dev.errors import InvalidRequestError

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position after a note in a list that is sorted by time, newest first, then by id."""

    created_at: float
    id: str

    @classmethod
    def at(cls, metadata: Mapping[str, Any], id: str) -> Self:
        """Return the position of a note from its stored metadata."""
        created = metadata.get("created_at")
        known = isinstance(created, int | float) and not isinstance(created, bool)
        return cls(float(created) if known and created is not None else 0.0, id)

    def order(self) -> tuple[float, str]:
        """Return the sort key of lists."""
        return -self.created_at, self.id

    @classmethod
    def parse(cls, text: object) -> Self:
        """Return the cursor of a string that `text` made.

        Raises:
            InvalidRequestError: The string is not a cursor.
        """
        try:
            created_at, id = json.loads(base64.urlsafe_b64decode(str(text).encode("ascii")))
            if isinstance(created_at, int | float) and isinstance(id, str):
                return cls(float(created_at), id)
        except (ValueError, TypeError, binascii.Error, RecursionError):
            pass
        raise InvalidRequestError(
            f"{str(text)!r:.80} is not a cursor of a list: nothing was read. Use the next_cursor of the page before"
        )

    def text(self) -> str:
        """Return the cursor as a string of letters, digits, ``-``, ``_`` and ``=``."""
        return base64.urlsafe_b64encode(json.dumps([self.created_at, self.id]).encode("utf-8")).decode("ascii")
