"""The faults that tests can switch on."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Action = Literal["status", "reset", "hang", "truncate", "slow", "reorder"]


@dataclass
class Fault:
    """One kind of failure, and the requests that meet it.

    Attributes:
        operations: Names of the operations that fail (see ``server.OPERATIONS``); empty for all.
        status: The status of the answer (with ``action="status"``).
        retry_after: Seconds in the header Retry-After.
        first: Whether the request fails before it is carried out; else it is carried out, and the answer is lost.
        times: How many requests fail; ``None`` for all.
        skip: How many requests that match pass first.
        every: Every n-th of the matching requests fails.
        probability: The probability that a matching request fails.
        seconds: How long a slow answer takes, or the longest wait of an answer that is out of order.
        group: How many answers are reversed together.
    """

    action: Action = "status"
    operations: Sequence[str] = ()
    status: int = 503
    retry_after: float | None = None
    first: bool = True
    times: int | None = None
    skip: int = 0
    every: int = 1
    probability: float = 1.0
    seed: int = 0
    seconds: float = 0.2
    group: int = 4
    struck: int = 0
    _met: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def strikes(self, operation: str) -> bool:
        """Return whether this request fails; called once for each request, under a lock."""
        if (self.operations and operation not in self.operations) or (
            self.times is not None and self.struck >= self.times
        ):
            return False
        self._met += 1
        past = self._met - self.skip
        if past <= 0 or past % self.every or self._random.random() >= self.probability:
            return False
        self.struck += 1
        return True


class Turnstile:
    """Releases waiting answers in groups, each in the reverse order of arrival."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: list[int] = []
        self._arrived = 0

    def wait(self, group: int, seconds: float) -> None:
        with self._condition:
            number = self._arrived
            self._arrived += 1
            self._waiting.append(number)
            last_of_group = (number // group + 1) * group
            self._condition.notify_all()

            def my_turn() -> bool:
                return self._arrived >= last_of_group and max(self._mine(number, group)) == number

            self._condition.wait_for(my_turn, timeout=seconds)
            self._waiting.remove(number)
            self._condition.notify_all()

    def _mine(self, number: int, group: int) -> list[int]:
        return [other for other in self._waiting if other // group == number // group]
