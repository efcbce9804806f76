"""Requests within the limits of a service."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aurora_dev.core.services.batching import batches


@given(st.lists(st.integers(0, 1200), max_size=200), st.integers(1, 50), st.none() | st.integers(1, 1000))
def test_batches_cover_everything_once_and_keep_both_limits(sizes: list[int], most: int, most_size: int | None) -> None:
    parts = [list(range(len(sizes))[part]) for part in batches(sizes, most, most_size)]
    assert [position for part in parts for position in part] == list(range(len(sizes)))
    for part in parts:
        assert 0 < len(part) <= most
        assert most_size is None or sum(sizes[position] for position in part) <= most_size or len(part) == 1


def test_a_batch_is_as_large_as_the_limits_allow() -> None:
    assert list(batches([1] * 5, 2)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert list(batches([40, 40, 40, 500, 1, 1], 10, 100)) == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 6)]
    assert list(batches([], 10, 100)) == []
