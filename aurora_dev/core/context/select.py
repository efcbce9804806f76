"""The selection of candidates and of their level of detail: the most relevance within a token limit.

A greedy choice by gain per token: budgeted submodular maximisation (Lin and Bilmes, 2010), a knapsack with diminishing
returns, where each further chunk of a file is worth less. Every step counts the rendered blocks, so the limit given to
`Selection` holds for them; the limit of the whole context is enforced in `aurora_dev.core.context.budget`. Pure
functions over candidates and a counting function; no I/O.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aurora_dev.core.context.items import Candidate, Level
from aurora_dev.core.context.render import Block, pointer_block, render_file

__all__ = ["MOST_FILL", "Selection"]

# The worth of a level as a share of the candidate's relevance: a signature says most of what a model needs to call
# something, a pointer only that it exists. Tuned on the tuning packages, by the share of targets that are covered.
_WORTH: Final = {Level.NONE: 0.0, Level.POINTER: 0.05, Level.INTERFACE: 0.75, Level.FULL: 1.0}
# Per token, many short weak hits would gain as much as a long strong one. With this exponent a hit of half the best
# score is worth about a third. Tuned like the levels: with 2 more is shown in full, but targets are lost.
_RELEVANCE_POWER: Final = 1.5
# The best hit is what the task is about, and is worth reading whole even if that costs two others' interfaces.
_BEST_HIT_WORTH: Final = 2.0
# Each chunk of a file that is already in multiplies the worth of the next one by this. The search lowers scores in the
# same way for another reason: there one file would fill the page, here its content is partly known.
_REPEAT_DECAY: Final = 0.5
# Each secondary file (test, example, copy, shim) that is already in multiplies the worth of another one by this: they
# are many, and show the same usage. Values from 0.9 to 0.6 measured alike on the tuning packages.
_SECONDARY_DECAY: Final = 0.8
# No file takes more than this share of the budget before every other file has had its turn.
_FILE_SHARE: Final = 0.6
# A gap of more lines is never filled, however short they are: the search did not find that text.
MOST_FILL: Final = 10


class Selection:
    """A choice that grows step by step and never exceeds its limit.

    Args:
        limit: Most tokens of all blocks together.
        count: Counts the tokens of a block.
        fill: By source, lines of text by line number that no candidate holds, to close small gaps with.

    Attributes:
        levels: By source, the chosen candidates and their levels; pointers are not among them.
        blocks: By source, the rendered blocks.
        pointers: The candidates that are only pointed at, in the order in which they are shown.
        used: Tokens of all blocks and pointers together.
    """

    def __init__(self, limit: int, count: Callable[[str], int], fill: Mapping[str, Mapping[int, str]]) -> None:
        self.limit = limit
        self.count = count
        self.fill = fill
        self.levels: dict[str, dict[Candidate, Level]] = defaultdict(dict)
        self.blocks: dict[str, list[Block]] = {}
        self.pointers: list[Candidate] = []
        self._secondary: set[str] = set()
        self._cost: dict[str, int] = {}
        self._pointer_cost = 0
        self._own_costs: dict[tuple[Candidate, Level], int] = {}
        self.used = 0

    def level(self, candidate: Candidate) -> Level:
        """Return the level at which a candidate is chosen, `Level.NONE` if it is not."""
        if candidate in self.pointers:
            return Level.POINTER
        return self.levels[candidate.source].get(candidate, Level.NONE)

    def raise_to(self, candidate: Candidate, level: Level, most_tokens: int | None = None) -> bool:
        """Show more of a candidate, if that fits.

        Args:
            candidate: Not a pointer, and at a lower level so far.
            level: Interface or full.
            most_tokens: Most tokens that all blocks of its source may take together.

        Returns:
            Whether the level was raised.
        """
        source = candidate.source
        # A candidate with nothing to merge with costs its own block. This cached check rejects most that do not fit.
        if not self.levels[source] and self.used + self._own_cost(candidate, level) > self.limit:
            return False
        levels = {**self.levels[source], candidate: level}
        blocks = render_file(levels, self.fill.get(source, {}), MOST_FILL)
        cost = sum(self.count(block.text) for block in blocks)
        before = self._cost.get(source, 0)
        if self.used + cost - before > self.limit or (most_tokens is not None and cost > most_tokens):
            return False
        self.levels[source] = levels
        self.blocks[source] = blocks
        self._cost[source] = cost
        self.used += cost - before
        if candidate.is_secondary:
            self._secondary.add(source)
        return True

    def point_at(self, candidate: Candidate) -> bool:
        """Add a pointer if it fits, and return whether it did."""
        pointers = sorted([*self.pointers, candidate], key=_pointer_order)
        cost = self.count(pointer_block(pointers))
        if self.used + cost - self._pointer_cost > self.limit:
            return False
        self.used += cost - self._pointer_cost
        self._pointer_cost = cost
        self.pointers = pointers
        return True

    def fill_up(self, candidates: Sequence[Candidate], best: Candidate | None = None) -> None:
        """Choose as much as fits: first what may have to be edited, in full and best first, then by gain per token.

        A candidate that does not fit in full goes in at a lower level.

        Args:
            candidates: Best first. Those that are already chosen may be raised.
            best: The candidate whose full text is chosen before anything else.
        """
        rest = candidates
        if best is not None:
            self._choose_best(best)
        for candidate in candidates:
            if (
                candidate.goes_whole
                and not candidate.repeats
                and self.level(candidate) in (Level.NONE, Level.INTERFACE)
            ):
                self.raise_to(candidate, Level.FULL)
        # The second round lifts the limit per file, and uses the room that merged blocks have made.
        for most_tokens in (int(self.limit * _FILE_SHARE), None):
            rest = self._round(rest, best, most_tokens)
        for candidate in candidates:
            if self.level(candidate) is Level.NONE:
                self.point_at(candidate)

    def _choose_best(self, best: Candidate) -> None:
        """Choose as much of the best hit as fits, at least a pointer, before anything else takes its room."""
        if self.level(best) is not Level.NONE or self.raise_to(best, Level.FULL, int(self.limit * _FILE_SHARE)):
            return
        if best.head and self.raise_to(best, Level.INTERFACE):
            return
        if not self.raise_to(best, Level.FULL):
            self.point_at(best)

    def _round(
        self, candidates: Sequence[Candidate], best: Candidate | None, most_tokens: int | None
    ) -> list[Candidate]:
        """Take steps by their gain per token while they fit, and return the candidates that did not fit."""
        heap: list[tuple[float, int, Candidate, Level]] = []
        for rank, candidate in enumerate(candidates):
            self._offer(heap, rank, candidate, best)
        failed: list[Candidate] = []
        while heap:
            gain, rank, candidate, level = heapq.heappop(heap)
            current = -self._gain_per_token(candidate, level, best)
            if current > gain:  # its file has got more since it was offered, so it is worth less now
                heapq.heappush(heap, (current, rank, candidate, level))
                continue
            if self.raise_to(candidate, level, most_tokens):
                if level is not Level.FULL:
                    self._offer(heap, rank, candidate, best)
            else:
                failed.append(candidate)
                if level is Level.FULL and self.level(candidate) is Level.NONE and candidate.head:
                    gain = self._gain_per_token(candidate, Level.INTERFACE, best)
                    heapq.heappush(heap, (-gain, rank, candidate, Level.INTERFACE))
        return list(dict.fromkeys(failed))

    def _offer(
        self,
        heap: list[tuple[float, int, Candidate, Level]],
        rank: int,
        candidate: Candidate,
        best: Candidate | None,
    ) -> None:
        """Put the next step of a candidate that gains most per token on the heap."""
        now = self.level(candidate)
        steps = [] if candidate.repeats else [Level.FULL]
        if candidate.head and now is Level.NONE and candidate is not best:
            steps.append(Level.INTERFACE)
        if not steps or now in (Level.FULL, Level.POINTER):
            return
        level = max(steps, key=lambda step: self._gain_per_token(candidate, step, best))
        heapq.heappush(heap, (-self._gain_per_token(candidate, level, best), rank, candidate, level))

    def _own_cost(self, candidate: Candidate, level: Level) -> int:
        """Return the tokens of a candidate at a level in a block of its own."""
        cost = self._own_costs.get((candidate, level))
        if cost is None:
            (block,) = render_file({candidate: level}, {}, 0)
            cost = self._own_costs[candidate, level] = self.count(block.text)
        return cost

    def _gain_per_token(self, candidate: Candidate, level: Level, best: Candidate | None) -> float:
        now = self.level(candidate)
        others = sum(1 for other in self.levels[candidate.source] if other is not candidate)
        worth: float = candidate.relevance**_RELEVANCE_POWER * _REPEAT_DECAY**others
        if candidate is best:
            worth *= _BEST_HIT_WORTH
        if candidate.is_secondary:
            worth *= _SECONDARY_DECAY ** len(self._secondary - {candidate.source})
        gain = worth * (_WORTH[level] - _WORTH[now])
        cost = self._own_cost(candidate, level) - (self._own_cost(candidate, now) if now is not Level.NONE else 0)
        return gain / max(1, cost)


def _pointer_order(candidate: Candidate) -> tuple[str, int, int, str]:
    return candidate.source, candidate.start, candidate.end, candidate.id
