"""The report of a run over the git history."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HistoryReport"]


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """The result of a run over the history.

    Attributes:
        commits_added: Commits that are new in the store.
        commits_removed: Commits that were deleted: unreachable after a rebase or reset, or beyond the limit.
        commits_total: Commits in the store after the run.
        head: Hash of the commit that is checked out; ``None`` without one.
        skipped: Why the history was not read: no repository, no git, a damaged one, or a limit of 0; else ``None``.
        failed: Hashes of commits that could not be stored. The next run tries them again.
        unreadable: Hashes of commits that are missing or damaged in the repository. The commits behind them are only
            known if other commits lead there. The next run tries them again; what is stored stays meanwhile.
        incomplete: Hashes of commits whose changed files or symbols are not all known, because objects of the
            repository are missing or damaged. The next run tries them again.
        seconds: Duration of the run.
    """

    commits_added: int = 0
    commits_removed: int = 0
    commits_total: int = 0
    head: str | None = None
    skipped: str | None = None
    failed: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    seconds: float = 0.0
