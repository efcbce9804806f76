"""The retry policy that every remote service shares."""

from __future__ import annotations

import itertools

import pytest

from aurora_dev.core.services.retry import RETRIED_STATUS, RetryPolicy
from aurora_dev.errors import InvalidRequestError


def test_only_temporary_failures_are_tried_again() -> None:
    assert sorted(RETRIED_STATUS) == [408, 425, 429, 500, 502, 503, 504, 529]


def test_waits_double_up_to_the_longest() -> None:
    policy = RetryPolicy(9, longest_wait=8.0)
    assert [policy.pause(attempt, None, 1.0) for attempt in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]


def test_jitter_takes_up_to_half_of_a_wait() -> None:
    assert RetryPolicy(1).pause(2, None, 0.0) == 1.0
    assert RetryPolicy(1).pause(2, None, 1.0) == 2.0


def test_a_wait_is_never_shorter_than_the_service_asks_and_spread_beyond() -> None:
    policy = RetryPolicy(1)
    waits = [policy.pause(0, 7.0, jitter) for jitter in (0.0, 0.5, 1.0)]
    assert all(7.0 < wait <= 7.05 for wait in waits)
    assert all(first < second for first, second in itertools.pairwise(waits))


def test_a_policy_may_bound_the_wait_that_a_service_asks_for() -> None:
    assert RetryPolicy(1, longest_retry_after=60.0).pause(0, 86_400.0, 1.0) == pytest.approx(60.05)
    assert RetryPolicy(1).pause(0, 86_400.0, 1.0) == pytest.approx(86_400.05)


@pytest.mark.parametrize("retries", [-1, 1.5, True, None])
def test_a_number_of_retries_that_is_no_whole_number_is_refused(retries: object) -> None:
    with pytest.raises(InvalidRequestError, match="max_retries"):
        RetryPolicy(retries)  # type: ignore[arg-type]
