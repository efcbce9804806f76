"""Cursors: order, text form, and what is refused."""

from __future__ import annotations

import base64

import pytest

from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.model.paging import Cursor


def test_the_text_of_a_cursor_gives_the_cursor_back() -> None:
    cursor = Cursor(1732206001.126215, "ü/3802d6")
    assert set(cursor.text()) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=")
    assert Cursor.parse(cursor.text()) == cursor


def test_newer_notes_come_first_and_equally_new_ones_by_id() -> None:
    cursors = [Cursor(1.0, "a"), Cursor(2.0, "b"), Cursor(2.0, "a")]
    assert sorted(cursors, key=Cursor.order) == [Cursor(2.0, "a"), Cursor(2.0, "b"), Cursor(1.0, "a")]


@pytest.mark.parametrize(("created_at", "expected"), [(5, 5.0), (5.5, 5.5), (True, 0.0), ("5", 0.0), (None, 0.0)])
def test_a_missing_or_malformed_time_counts_as_the_epoch(created_at: object, expected: float) -> None:
    assert Cursor.at({"created_at": created_at}, "a") == Cursor(expected, "a")
    assert Cursor.at({}, "a") == Cursor(0.0, "a")


def encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode("ascii")


@pytest.mark.parametrize(
    "text", ["", "zzz", "ü", None, encoded(b'["x", "a"]'), encoded(b"[1, 2]"), encoded(b"[1]"), encoded(b"[" * 100_000)]
)
def test_a_text_that_is_no_cursor_is_refused(text: object) -> None:
    with pytest.raises(InvalidRequestError, match="not a cursor of a list: nothing was read"):
        Cursor.parse(text)
