"""A circuit breaker: after repeated failures a service is left alone for a while (Nygard, "Release It!", 2007)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Counts failures in a row and says whether the next call may go out; thread-safe.

    Closed: every call goes out. Open, after ``threshold`` failures in a row: none does, for ``cooldown`` seconds.
    Half-open, after that: one call goes out as a trial, and its outcome closes the circuit or opens it again.

    Args:
        threshold: Failures in a row that open the circuit, at least 1.
        cooldown: Seconds for which it stays open, and after which a trial that nobody ended is given up.
        clock: Monotonic seconds; for tests.
    """

    def __init__(self, threshold: int, cooldown: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._threshold, self._cooldown, self._clock = threshold, cooldown, clock
        self._lock = threading.Lock()
        self._failures = 0
        self._reason = ""
        self._closed_until: float | None = None  # no call before this moment; None: the circuit is closed
        self._trial_since: float | None = None

    @property
    def allows(self) -> bool:
        """Whether a call may go out now; changes nothing."""
        with self._lock:
            return self._allows()

    @property
    def seconds_left(self) -> float:
        """Seconds until a call may go out; 0.0 where one may now."""
        with self._lock:
            if self._allows() or self._closed_until is None:
                return 0.0
            moment = self._closed_until if self._trial_since is None else self._trial_since + self._cooldown
            return max(0.0, moment - self._clock())

    @property
    def failures(self) -> int:
        """Failures in a row."""
        with self._lock:
            return self._failures

    @property
    def reason(self) -> str:
        """What the last failure was; empty after a success."""
        with self._lock:
            return self._reason

    def begin(self) -> bool:
        """Return whether a call may go out, and where the circuit is half-open make it the trial."""
        with self._lock:
            if not self._allows():
                return False
            if self._closed_until is not None:
                self._trial_since = self._clock()
            return True

    def succeeded(self) -> None:
        """Note a success: the circuit is closed."""
        with self._lock:
            self._failures, self._reason = 0, ""
            self._closed_until = self._trial_since = None

    def failed(self, reason: str, *, at_once: bool = False) -> bool:
        """Note a failure.

        Args:
            reason: What happened, for people.
            at_once: Open the circuit however few failures there were.

        Returns:
            Whether this failure opened the circuit.
        """
        with self._lock:
            self._failures += 1
            self._reason = reason
            was_trial, self._trial_since = self._trial_since is not None, None
            if not (at_once or was_trial or self._failures >= self._threshold):
                return False
            was_open = self._closed_until is not None and self._clock() < self._closed_until
            self._closed_until = self._clock() + self._cooldown
            return not was_open

    def withdrawn(self) -> None:
        """Note that a call ended without an outcome: a trial may be made again."""
        with self._lock:
            self._trial_since = None

    def _allows(self) -> bool:
        if self._closed_until is None:
            return True
        if self._clock() < self._closed_until:
            return False
        return self._trial_since is None or self._clock() >= self._trial_since + self._cooldown
