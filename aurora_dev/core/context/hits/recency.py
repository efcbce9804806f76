"""Recently changed files, read from the commits in the store: work tends to continue where it last happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.core.record_kinds import COMMIT_KEY, IS_COMMIT

if TYPE_CHECKING:
    from aurora_dev.core.contracts import SearchableStore

__all__ = ["RECENT_LIFT", "Recency", "lift_recent", "recency_of"]

# The share by which a hit's relevance grows if its file was in the newest commit, and the number of commits after which
# the gain is half as large. With 76 commits as tasks (benchmarks/history.py), contexts of 2,000 and 4,000 tokens show
# 0.013 and 0.015 more of the files that the commit changed; 0.1 brings nothing, 0.4 no more, and 1.6 less.
RECENT_LIFT: Final = 0.2
_HALF_LIFE: Final = 10.0
# A commit that touches more files says nothing about any one of them.
_MOST_FILES: Final = 20


class Recency:
    """The weight of each recently changed file, read again when the store has changed."""

    def __init__(self) -> None:
        self._sequence = -1
        self._weights: Mapping[str, float] = {}

    async def get(self, store: SearchableStore) -> Mapping[str, float]:
        """Return a weight for each path that a commit names: 1 for the newest commit, halved every 10 commits."""
        sequence = (await store.stats()).sequence
        if sequence != self._sequence:
            records = await store.scan(IS_COMMIT)
            self._weights = recency_of(record.metadata for record in records)
            self._sequence = sequence
        return self._weights


def recency_of(commits: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the weight of each path in the metadata of commits, 0..1. The order of the commits does not matter."""
    small = [
        (_time(fields.get("created_at")), str(fields.get(COMMIT_KEY)), fields["files"])
        for fields in commits
        if isinstance(fields.get("files"), list) and len(fields["files"]) <= _MOST_FILES
    ]
    small.sort(key=lambda commit: (-commit[0], commit[1]))
    weights: dict[str, float] = {}
    for age, (_, _, files) in enumerate(small):
        for path in files:
            weights.setdefault(str(path), 0.5 ** (age / _HALF_LIFE))
    return weights


def _time(value: object) -> float:
    """Return the time of a commit; 0 for a record that was written by something else and holds none."""
    return float(value) if isinstance(value, int | float) else 0.0


def lift_recent(hits: Iterable[tuple[str, float]], weights: Mapping[str, float], lift: float) -> list[float]:
    """Raise the relevance of recently changed files, and rescale so that the best is 1 again.

    Args:
        hits: Path and relevance, above 0.
        weights: From `Recency`.
        lift: The share by which the files of the newest commit gain.

    Returns:
        The new relevances, in the order of ``hits``.
    """
    raised = [relevance * (1.0 + lift * weights.get(path, 0.0)) for path, relevance in hits]
    best = max(raised, default=1.0)
    return [value / best for value in raised]
