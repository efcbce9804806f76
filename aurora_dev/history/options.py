"""The options of a run over the git history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aurora_dev.errors import InvalidRequestError

__all__ = ["DEFAULT_LIMIT", "HistoryOptions"]

DEFAULT_LIMIT: Final = 2_000


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """The part of the history that is stored.

    Attributes:
        limit: Number of commits at most, the newest; 0 stores none.
        days: Maximum age of a commit in days, above 0; ``None`` for no limit.
    """

    limit: int = DEFAULT_LIMIT
    days: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.limit, bool) or not isinstance(self.limit, int) or self.limit < 0:
            raise InvalidRequestError(f"limit must be a whole number of at least 0, not {self.limit!r}")
        if self.days is not None and not (isinstance(self.days, int | float) and self.days > 0):
            raise InvalidRequestError(f"days must be above 0, or None, not {self.days!r}")
