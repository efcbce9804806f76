"""Which files were changed lately, as the commits in the store tell: work goes on where it went on before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from aurora_dev.core.record_kinds import COMMIT_KEY, IS_COMMIT

if TYPE_CHECKING:
    from aurora_dev.core.contracts import SearchableStore

__all__ = ["RECENT_LIFT", "Recency", "lifted", "recency_of"]

# How much more a hit counts for in a context where its file was part of the newest commit, and after how many commits
# it is half as much. Over 76 commits as tasks (benchmarks/history.py), contexts of 2,000 and 4,000 tokens show 0.013
# and 0.015 more of the files that were changed then; 0.1 brings nothing, 0.4 no more, and 1.6 less.
RECENT_LIFT: Final = 0.2
_HALF_LIFE: Final = 10.0
# Of a commit that touches more, none of its files is in particular what was worked on.
_MOST_FILES: Final = 20


class Recency:
    """How recently each file was changed, read again when the store has changed."""

    def __init__(self) -> None:
        self._sequence = -1
        self._weights: Mapping[str, float] = {}

    async def get(self, store: SearchableStore) -> Mapping[str, float]:
        """Return a weight for each path that a commit names: 1 for the newest commit's, halved with distance."""
        sequence = (await store.stats()).sequence
        if sequence != self._sequence:
            records = await store.scan(IS_COMMIT)
            self._weights = recency_of(record.metadata for record in records)
            self._sequence = sequence
        return self._weights


def recency_of(commits: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the weight of each path in the metadata of commits, 0..1; their order does not matter."""
    small = [
        (float(fields.get("created_at") or 0.0), str(fields.get(COMMIT_KEY)), fields["files"])
        for fields in commits
        if isinstance(fields.get("files"), list) and len(fields["files"]) <= _MOST_FILES
    ]
    small.sort(key=lambda commit: (-commit[0], commit[1]))
    weights: dict[str, float] = {}
    for place, (_, _, files) in enumerate(small):
        for path in files:
            weights.setdefault(str(path), 0.5 ** (place / _HALF_LIFE))
    return weights


def lifted(hits: Iterable[tuple[str, float]], weights: Mapping[str, float], lift: float) -> list[float]:
    """Return relevances with the lift of recently changed files, again with 1 for the best.

    Args:
        hits: Path and relevance, above 0.
        weights: From `Recency`.
        lift: What the newest commit's files gain, as a share.
    """
    raised = [relevance * (1.0 + lift * weights.get(path, 0.0)) for path, relevance in hits]
    best = max(raised, default=1.0)
    return [value / best for value in raised]
