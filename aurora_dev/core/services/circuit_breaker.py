"""A circuit breaker: after repeated failures, a service is not asked for a while (Nygard, "Release It!", 2007)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from aurora_dev.core.arguments import check_seconds, check_whole

__all__ = ["Circuit", "CircuitBreaker"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """When a circuit opens, and for how long.

    Attributes:
        failure_threshold: Failures in a row that open it, at least 1. Three in a row mean down rather than busy.
        cooldown: Seconds for which it stays open, above 0. Half a minute is about what a restart takes.

    Raises:
        InvalidRequestError: A value is out of range.
    """

    failure_threshold: int = 3
    cooldown: float = 30.0

    def __post_init__(self) -> None:
        check_whole(failure_threshold=self.failure_threshold)
        check_seconds(cooldown=self.cooldown)


class CircuitBreaker:
    """Counts failures in a row and decides whether the next call goes out; thread-safe.

    Closed: every call goes out. Open, after ``failure_threshold`` failures in a row: no call goes out for ``cooldown``
    seconds. Half-open, after that: one call goes out as a trial; its success closes the circuit, its failure opens it
    again.

    Args:
        circuit: When the circuit opens. A trial without an outcome is given up after ``cooldown`` seconds.
        clock: Returns monotonic seconds; for tests.
    """

    def __init__(self, circuit: Circuit, clock: Callable[[], float] = time.monotonic) -> None:
        self._threshold, self._cooldown, self._clock = circuit.failure_threshold, float(circuit.cooldown), clock
        self._lock = threading.Lock()
        self._failures = 0
        self._reason = ""
        self._open_until: float | None = None  # None: the circuit is closed
        self._trial_since: float | None = None

    @property
    def allows(self) -> bool:
        """True if a call may go out now; changes nothing."""
        with self._lock:
            return self._allows()

    @property
    def seconds_left(self) -> float:
        """Seconds until a call may go out; 0.0 if one may go out now."""
        with self._lock:
            if self._allows() or self._open_until is None:
                return 0.0
            moment = self._open_until if self._trial_since is None else self._trial_since + self._cooldown
            return max(0.0, moment - self._clock())

    @property
    def failures(self) -> int:
        """Failures in a row."""
        with self._lock:
            return self._failures

    @property
    def reason(self) -> str:
        """The reason of the last failure; empty after a success."""
        with self._lock:
            return self._reason

    def begin(self) -> bool:
        """Return whether a call may go out; in a half-open circuit this call becomes the trial."""
        with self._lock:
            if not self._allows():
                return False
            if self._open_until is not None:
                self._trial_since = self._clock()
            return True

    def succeeded(self) -> None:
        """Count a success, which closes the circuit."""
        with self._lock:
            self._failures, self._reason = 0, ""
            self._open_until = self._trial_since = None

    def failed(self, reason: str, *, at_once: bool = False) -> bool:
        """Count a failure.

        Args:
            reason: What happened, for people.
            at_once: Open the circuit, however few failures there were.

        Returns:
            Whether this failure opened the circuit.
        """
        with self._lock:
            self._failures += 1
            self._reason = reason
            was_trial, self._trial_since = self._trial_since is not None, None
            if not (at_once or was_trial or self._failures >= self._threshold):
                return False
            was_open = self._open_until is not None and self._clock() < self._open_until
            self._open_until = self._clock() + self._cooldown
            return not was_open

    def withdrawn(self) -> None:
        """End a call that says nothing about the service; the next call may be the trial."""
        with self._lock:
            self._trial_since = None

    def _allows(self) -> bool:
        if self._open_until is None:
            return True
        if self._clock() < self._open_until:
            return False
        return self._trial_since is None or self._clock() >= self._trial_since + self._cooldown
