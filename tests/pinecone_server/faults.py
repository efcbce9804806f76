"""What the server can be told to do wrong."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Action = Literal["status", "reset", "hang", "truncate", "slow", "reorder"]


@dataclass
class Fault:
    """One thing that goes wrong, and when.

    Attributes:
        operations: Names of the operations that it strikes (see ``server.OPERATIONS``); empty: all.
        status: What is answered (with ``action="status"``).
        retry_after: Seconds in the header Retry-After.
        first: Whether it strikes before the request is carried out; otherwise it is carried out and the answer is lost.
        times: How often it strikes; ``None``: for ever.
        skip: How many requests that match pass first.
        every: Of the requests that match, every n-th is struck.
        probability: How likely each request that matches is struck.
        seconds: How long a slow answer takes, or the longest that one that is out of order waits.
        group: How many answers come in the opposite order.
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
        """Say whether this request is struck; called once for each, under a lock."""
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
    """Lets waiting answers go in the opposite order of their arrival, in groups."""

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
