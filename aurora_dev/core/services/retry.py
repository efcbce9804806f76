"""The retry policy of every remote service: which status codes are tried again, how often, and after which wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aurora_dev.core.arguments import check_whole

__all__ = ["RETRIED_STATUS", "RetryPolicy", "Timing"]

# The status codes that a later attempt of the same request may not meet: 408 request timeout, 425 too early, 429 rate
# limit, 500 of a server that is starting or out of memory, 502, 503 and 504 of proxies, 529 overloaded. Every request
# that is sent here may be repeated safely. The other codes are answers, and the same request gets them again: 409 names
# a conflict that waiting does not solve, 501 a method that the server does not have, 505 an HTTP version.
RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 529})

_FIRST_WAIT = 0.5  # seconds
# Of the wait that would come without Retry-After: added to what the service asks for, so that clients that it turned
# away together do not come back together.
_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock of a client; tests replace it.

    Attributes:
        wait: Waits so many seconds.
        clock: Returns monotonic seconds.
        jitter: Returns random numbers in 0..1.
    """

    wait: Callable[[float], Awaitable[Any]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).

    Attributes:
        max_retries: Further attempts after the first, at least 0.
        longest_wait: Most seconds between two attempts where the service asks for none.
        longest_retry_after: Most seconds that are waited where the service asks for more; ``None`` waits as long as it
            asks.

    Raises:
        InvalidRequestError: ``max_retries`` is not a whole number, or below 0.
    """

    max_retries: int
    longest_wait: float = 8.0
    longest_retry_after: float | None = None

    def __post_init__(self) -> None:
        check_whole(least=0, max_retries=self.max_retries)

    def pause(self, attempt: int, retry_after: float | None, jitter: float) -> float:
        """Return the seconds to wait before the next attempt.

        Args:
            attempt: How many retries there were, from 0.
            retry_after: Seconds that the service asked for, if it did.
            jitter: A random number in 0..1.
        """
        backoff = min(_FIRST_WAIT * 2.0**attempt, self.longest_wait) * (0.5 + 0.5 * jitter)
        if retry_after is None:
            return backoff
        if self.longest_retry_after is not None:
            retry_after = min(retry_after, self.longest_retry_after)
        return retry_after + _SPREAD * backoff
