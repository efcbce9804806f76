"""The circuit breaker that every remote service shares."""

from __future__ import annotations

import pytest

from aurora_dev.core.services.circuit_breaker import Circuit, CircuitBreaker
from aurora_dev.errors import InvalidRequestError


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_failures_in_a_row_open_it_and_a_success_starts_the_count_again(clock: Clock) -> None:
    breaker = CircuitBreaker(Circuit(2, 30.0), clock)
    assert not breaker.failed("down")
    breaker.succeeded()
    assert not breaker.failed("down")
    assert breaker.failed("still down")
    assert (breaker.allows, breaker.reason, breaker.failures, breaker.seconds_left) == (False, "still down", 2, 30.0)
    assert not breaker.begin()


def test_one_failure_can_open_it_at_once(clock: Clock) -> None:
    breaker = CircuitBreaker(Circuit(9, 30.0), clock)
    assert breaker.failed("refused key", at_once=True)
    assert not breaker.allows


def test_half_open_lets_one_trial_through_whose_outcome_counts(clock: Clock) -> None:
    breaker = CircuitBreaker(Circuit(1, 30.0), clock)
    breaker.failed("down")
    clock.now += 30
    assert breaker.begin()
    assert not breaker.begin()
    assert breaker.failed("down again")
    clock.now += 30
    assert breaker.begin()
    breaker.succeeded()
    assert breaker.begin()
    assert breaker.begin()


def test_a_trial_without_an_outcome_is_given_up_after_the_cooldown(clock: Clock) -> None:
    breaker = CircuitBreaker(Circuit(1, 30.0), clock)
    breaker.failed("down")
    clock.now += 30
    assert breaker.begin()
    assert breaker.seconds_left == 30.0
    clock.now += 30
    assert breaker.begin()


def test_a_withdrawn_trial_lets_the_next_call_be_the_trial(clock: Clock) -> None:
    breaker = CircuitBreaker(Circuit(1, 30.0), clock)
    breaker.failed("down")
    clock.now += 30
    assert breaker.begin()
    breaker.withdrawn()
    assert breaker.begin()


@pytest.mark.parametrize("values", [{"failure_threshold": 0}, {"failure_threshold": True}, {"cooldown": 0.0}])
def test_a_circuit_that_could_never_open_or_close_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(values))):
        Circuit(**values)  # type: ignore[arg-type]
