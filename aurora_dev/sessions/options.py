"""The options of taking in sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aurora_dev.errors import InvalidRequestError

__all__ = ["DEFAULT_DAYS", "DEFAULT_LIMIT", "SessionOptions"]

DEFAULT_LIMIT: Final = 1_000
DEFAULT_DAYS: Final = 365.0


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The sessions that are kept.

    Attributes:
        enabled: Whether transcripts are read at all.
        limit: Number of sessions at most, the newest; above 0.
        days: Maximum age of a session in days, above 0; ``None`` for no limit.
    """

    enabled: bool = True
    limit: int = DEFAULT_LIMIT
    days: float | None = DEFAULT_DAYS

    def __post_init__(self) -> None:
        if isinstance(self.limit, bool) or not isinstance(self.limit, int) or self.limit < 1:
            raise InvalidRequestError(f"limit must be a whole number of at least 1, not {self.limit!r}")
        if self.days is not None and not (isinstance(self.days, int | float) and self.days > 0):
            raise InvalidRequestError(f"days must be above 0, or None, not {self.days!r}")
