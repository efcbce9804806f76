"""Near-duplicate candidates: found by shared lines, and dropped or marked before anything is selected."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from aurora_dev.core.context.items import Candidate

__all__ = ["drop_near_duplicates", "near_duplicates"]

# Two candidates are near-duplicates if this share of the smaller one's lines is also in the other …
_SAME_SHARE: Final = 0.9
_WORDY: Final = re.compile(r"[^\W_]")
_LEAST_LINES: Final = 3  # … and it has at least this many lines: short ones are alike by chance


def near_duplicates(candidates: Sequence[Candidate]) -> dict[Candidate, Candidate]:
    """Find candidates whose text a better candidate already has.

    Args:
        candidates: Best first.

    Returns:
        Each near-duplicate, with the better candidate that it repeats.
    """
    by_line: dict[str, list[int]] = defaultdict(list)
    sizes: list[int] = []
    repeats: dict[Candidate, Candidate] = {}
    for position, candidate in enumerate(candidates):
        lines = {row.strip() for row in candidate.rows if _WORDY.search(row)}
        shared: dict[int, int] = defaultdict(int)
        for line in lines:
            for other in by_line.get(line, ()):
                shared[other] += 1
        sizes.append(len(lines))
        for other, number in sorted(shared.items()):
            smaller = min(len(lines), sizes[other])
            equal = len(lines) == sizes[other] == number
            # A better candidate that holds only a small part of this one does not replace it.
            covered = len(lines) <= sizes[other] * 2 and number >= _SAME_SHARE * len(lines) and smaller >= _LEAST_LINES
            if equal or covered:
                repeats[candidate] = candidates[other]
                break
        else:
            for line in lines:
                by_line[line].append(position)
    return repeats


def drop_near_duplicates(candidates: Sequence[Candidate]) -> tuple[list[Candidate], dict[Candidate, Candidate]]:
    """Drop near-duplicates, but keep one per file that has nothing else to show.

    That a copy exists in another file is worth a few lines to someone who changes one of the two, but not worth reading
    twice. So the kept copy is marked with ``repeats``, and goes in as an interface or a pointer only.

    Args:
        candidates: Best first.

    Returns:
        The candidates that stay, best first, and each dropped one with the candidate that it repeats.
    """
    repeats = near_duplicates(candidates)
    shown = {candidate.source for candidate in candidates if candidate not in repeats}
    kept: list[Candidate] = []
    dropped: dict[Candidate, Candidate] = {}
    for candidate in candidates:
        original = repeats.get(candidate)
        if original is None:
            kept.append(candidate)
        elif candidate.source in shown or candidate.is_note:
            dropped[candidate] = original
        else:
            shown.add(candidate.source)
            why = f"{candidate.why}, says the same as {original.source}"
            kept.append(replace(candidate, repeats=True, why=why))
    return kept, dropped
