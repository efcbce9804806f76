"""Which candidates go in, and how much of each: the most relevance for the tokens that there are.

A greedy choice by gain per token over levels of detail, each step of which is counted exactly: the knapsack with
diminishing returns of budgeted submodular maximisation (Lin and Bilmes, 2010), where what one file has already given
lowers what the next piece of it is worth. Pure functions over candidates and a counting function; no I/O.
"""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from aurora_dev.core.context.items import Candidate, Level
from aurora_dev.core.context.render import Block, pointer_block, render_file

__all__ = ["Selection", "near_duplicates", "without_repeats"]

# What a level is worth, as a share of a candidate's relevance: a signature says most of what a model needs to call
# something, a pointer that it exists. Set on the tuning packages, by the share of targets that are covered.
_WORTH: Final = {Level.NONE: 0.0, Level.POINTER: 0.05, Level.INTERFACE: 0.75, Level.FULL: 1.0}
# Per token, many short and weak hits would gain what a long and strong one does: so, beside the best hit, one of half
# its score is worth about a third. Set as the levels are: at 2 more is shown in full, but targets are lost.
_RELEVANCE_POWER: Final = 1.5
# The best hit is what the task is about, and is worth reading whole even where that costs two others' interfaces.
_BEST_HIT_WORTH: Final = 2.0
# What each piece of a file that is already in lowers the worth of the next one by. The search has lowered its scores
# likewise, for another reason: there a file would fill the page, here what it has given already is known.
_REPEAT_DECAY: Final = 0.5
# What each file of tests, examples, copies or shims that is already in lowers the worth of another such file by: they
# say much the same of what is used how, and are many. From 0.9 to 0.6 measured alike on the tuning packages.
_ASIDE_DECAY: Final = 0.8
# No file takes more than this share of the budget before every other file had its turn.
_FILE_SHARE: Final = 0.6
# A gap of more lines is never filled, however short they are: it is text that nobody asked for.
MOST_FILL: Final = 10
# Two pieces are near-duplicates where this share of the smaller one's lines stands in the other …
_SAME_SHARE: Final = 0.9
_WORDY: Final = re.compile(r"[^\W_]")
_LEAST_LINES: Final = 3  # … and it has so many lines: short ones are alike by chance


class Selection:
    """A choice that grows step by step and always fits its limit.

    Args:
        limit: Tokens for all blocks together.
        count: Counts tokens of a block.
        fill: By source: text by line number of lines that no candidate has, to close small gaps with.
    """

    def __init__(self, limit: int, count: Callable[[str], int], fill: Mapping[str, Mapping[int, str]]) -> None:
        self.limit = limit
        self.count = count
        self.fill = fill
        self.levels: dict[str, dict[Candidate, Level]] = defaultdict(dict)
        self.blocks: dict[str, list[Block]] = {}
        self.pointers: list[Candidate] = []
        self._aside: set[str] = set()
        self._cost: dict[str, int] = {}
        self._pointer_cost = 0
        self._prices: dict[tuple[Candidate, Level], int] = {}
        self.used = 0

    def level(self, candidate: Candidate) -> Level:
        """Return how much of a candidate is chosen."""
        if candidate in self.pointers:
            return Level.POINTER
        return self.levels[candidate.source].get(candidate, Level.NONE)

    def raise_to(self, candidate: Candidate, level: Level, most: int | None = None) -> bool:
        """Show more of a candidate, if that fits.

        Args:
            candidate: It was at a lower level, and not a pointer.
            level: Interface or full.
            most: Tokens that its source may then take in all.

        Returns:
            Whether it was done.
        """
        source = candidate.source
        # Where nothing of its source is in that it could merge with, its own price decides: most that do not fit are
        # found out by that.
        if not self.levels[source] and self.used + self._price(candidate, level) > self.limit:
            return False
        levels = {**self.levels[source], candidate: level}
        blocks = render_file(levels, self.fill.get(source, {}), MOST_FILL)
        cost = sum(self.count(block.text) for block in blocks)
        before = self._cost.get(source, 0)
        if self.used + cost - before > self.limit or (most is not None and cost > most):
            return False
        self.levels[source] = levels
        self.blocks[source] = blocks
        self._cost[source] = cost
        self.used += cost - before
        if candidate.aside:
            self._aside.add(source)
        return True

    def point_at(self, candidate: Candidate) -> bool:
        """Add a pointer, if that fits; return whether it was done."""
        pointers = sorted([*self.pointers, candidate], key=_pointer_order)
        cost = self.count(pointer_block(pointers))
        if self.used + cost - self._pointer_cost > self.limit:
            return False
        self.used += cost - self._pointer_cost
        self._pointer_cost = cost
        self.pointers = pointers
        return True

    def fill_up(self, candidates: Sequence[Candidate], best: Candidate | None = None) -> None:
        """Choose as much as fits, by gain per token; what fits no more in full steps down a level.

        Args:
            candidates: Best first; those that are already in are raised where that pays.
            best: The one whose full text comes first.
        """
        rest = candidates
        if best is not None:
            self._put_first(best)
        # What a file could not get while others waited, it may get afterwards; and blocks that were merged meanwhile
        # have made room.
        for most in (int(self.limit * _FILE_SHARE), None):
            rest = self._round(rest, best, most)
        for candidate in candidates:
            if self.level(candidate) is Level.NONE:
                self.point_at(candidate)

    def _put_first(self, best: Candidate) -> None:
        """Choose the best before anything else can take its place: as much of it as fits, a pointer at least."""
        if self.level(best) is not Level.NONE or self.raise_to(best, Level.FULL, int(self.limit * _FILE_SHARE)):
            return
        if best.head and self.raise_to(best, Level.INTERFACE):
            return
        if not self.raise_to(best, Level.FULL):
            self.point_at(best)

    def _round(self, candidates: Sequence[Candidate], best: Candidate | None, most: int | None) -> list[Candidate]:
        heap: list[tuple[float, int, Candidate, Level]] = []
        for rank, candidate in enumerate(candidates):
            self._offer(heap, rank, candidate, best)
        failed: list[Candidate] = []
        while heap:
            gain, rank, candidate, level = heapq.heappop(heap)
            current = -self._rate(candidate, level, best)
            if current > gain:  # its file has got more meanwhile: it is worth less than it was when it was offered
                heapq.heappush(heap, (current, rank, candidate, level))
                continue
            if self.raise_to(candidate, level, most):
                if level is not Level.FULL:
                    self._offer(heap, rank, candidate, best)
            else:
                failed.append(candidate)
                if level is Level.FULL and self.level(candidate) is Level.NONE and candidate.head:
                    rate = self._rate(candidate, Level.INTERFACE, best)
                    heapq.heappush(heap, (-rate, rank, candidate, Level.INTERFACE))
        return list(dict.fromkeys(failed))

    def _offer(
        self,
        heap: list[tuple[float, int, Candidate, Level]],
        rank: int,
        candidate: Candidate,
        best: Candidate | None,
    ) -> None:
        """Put the next step of a candidate that pays best on the heap."""
        now = self.level(candidate)
        steps = [] if candidate.repeats else [Level.FULL]
        if candidate.head and now is Level.NONE and candidate is not best:
            steps.append(Level.INTERFACE)
        if not steps or now in (Level.FULL, Level.POINTER):
            return
        level = max(steps, key=lambda step: self._rate(candidate, step, best))
        heapq.heappush(heap, (-self._rate(candidate, level, best), rank, candidate, level))

    def _price(self, candidate: Candidate, level: Level) -> int:
        """Return what a level of a candidate takes by itself."""
        price = self._prices.get((candidate, level))
        if price is None:
            (block,) = render_file({candidate: level}, {}, 0)
            price = self._prices[candidate, level] = self.count(block.text)
        return price

    def _rate(self, candidate: Candidate, level: Level, best: Candidate | None) -> float:
        """Return what a step gains per token."""
        now = self.level(candidate)
        others = sum(1 for other in self.levels[candidate.source] if other is not candidate)
        worth: float = candidate.relevance**_RELEVANCE_POWER * _REPEAT_DECAY**others
        if candidate is best:
            worth *= _BEST_HIT_WORTH
        if candidate.aside:
            worth *= _ASIDE_DECAY ** len(self._aside - {candidate.source})
        gain = worth * (_WORTH[level] - _WORTH[now])
        price = self._price(candidate, level) - (self._price(candidate, now) if now is not Level.NONE else 0)
        return gain / max(1, price)


def _pointer_order(candidate: Candidate) -> tuple[str, int, int, str]:
    return candidate.source, candidate.start, candidate.end, candidate.id


def near_duplicates(candidates: Sequence[Candidate]) -> dict[Candidate, Candidate]:
    """Find candidates that say what a better one says.

    Args:
        candidates: Best first.

    Returns:
        Each that is to go, with the one that stays in its place.
    """
    by_line: dict[str, list[int]] = defaultdict(list)
    sizes: list[int] = []
    gone: dict[Candidate, Candidate] = {}
    for place, candidate in enumerate(candidates):
        lines = {row.strip() for row in candidate.rows if _WORDY.search(row)}
        shared: dict[int, int] = defaultdict(int)
        for line in lines:
            for other in by_line.get(line, ()):
                shared[other] += 1
        sizes.append(len(lines))
        for other, number in sorted(shared.items()):
            smaller = min(len(lines), sizes[other])
            whole = len(lines) == sizes[other] == number
            # A better one that is only a small part of this one does not say what this one says.
            covered = len(lines) <= sizes[other] * 2 and number >= _SAME_SHARE * len(lines) and smaller >= _LEAST_LINES
            if whole or covered:
                gone[candidate] = candidates[other]
                break
        else:
            for line in lines:
                by_line[line].append(place)
    return gone


def without_repeats(candidates: Sequence[Candidate]) -> tuple[list[Candidate], dict[Candidate, Candidate]]:
    """Leave out what says what a better candidate says; of a file that has nothing else, one stays to be named.

    That the same stands in another file too is worth a few lines, for whoever changes one of the two. Its text is not
    worth being read twice: what stays so is marked, and goes in as an interface or a pointer.

    Args:
        candidates: Best first.

    Returns:
        Those that stay, best first, and each that goes with the one that says the same.
    """
    repeats = near_duplicates(candidates)
    shown = {candidate.source for candidate in candidates if candidate not in repeats}
    kept: list[Candidate] = []
    gone: dict[Candidate, Candidate] = {}
    for candidate in candidates:
        original = repeats.get(candidate)
        if original is None:
            kept.append(candidate)
        elif candidate.source in shown or candidate.is_note:
            gone[candidate] = original
        else:
            shown.add(candidate.source)
            why = f"{candidate.why}, says the same as {original.source}"
            kept.append(replace(candidate, repeats=True, why=why))
    return kept, gone
