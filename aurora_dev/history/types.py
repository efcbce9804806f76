"""What reading the history takes and reports: small frozen types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aurora_dev.errors import InvalidRequestError

__all__ = ["DEFAULT_LIMIT", "HistoryOptions", "HistoryReport"]

DEFAULT_LIMIT: Final = 2_000


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """How much of the history is kept.

    Attributes:
        limit: At most so many commits, the newest; 0 keeps none.
        days: Only commits of the last so many days; ``None``: of any age.
    """

    limit: int = DEFAULT_LIMIT
    days: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.limit, bool) or not isinstance(self.limit, int) or self.limit < 0:
            raise InvalidRequestError(f"limit must be a whole number of at least 0, not {self.limit!r}")
        if self.days is not None and not (isinstance(self.days, int | float) and self.days > 0):
            raise InvalidRequestError(f"days must be above 0, or None, not {self.days!r}")


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """What a run did with the history.

    Attributes:
        commits_added: Commits that the store did not hold.
        commits_removed: Commits that left it: no longer reachable after a rebase or reset, or beyond the limit.
        commits_total: Commits that the store holds now.
        head: The present commit's hash; ``None`` without one.
        skipped: Why the history was not read: no repository, no git, or a limit of 0; else ``None``.
        seconds: How long it took.
    """

    commits_added: int = 0
    commits_removed: int = 0
    commits_total: int = 0
    head: str | None = None
    skipped: str | None = None
    seconds: float = 0.0
