"""Texts that are the same, and texts that are nearly the same."""

from __future__ import annotations

import pytest

from aurora_dev.notes.model.types import NearNote, Note
from aurora_dev.notes.similarity.duplicates import is_near, is_same, near_notes
from aurora_dev.notes.similarity.nearest import Similar

FIVE = "rotate signing keys monthly automatically"


def test_the_first_capital_letter_blanks_and_the_final_stop_make_no_difference() -> None:
    assert is_same("Retry  three\ttimes.", " retry three times ")
    assert not is_same("Retry three times.", "Retry two times.")
    assert not is_same("Retry three times.", "Retry THREE times.")


@pytest.mark.parametrize(("cosine", "expected"), [(0.849, False), (0.85, True), (1.0, True)])
def test_near_texts_need_a_cosine_of_at_least_085(cosine: float, expected: bool) -> None:
    assert is_near(FIVE, "automatically rotate signing keys monthly please", cosine) is expected


@pytest.mark.parametrize(
    ("other", "with_vectors", "without"),
    [
        ("rotate signing keys monthly", True, True),  # 4 of 5 words are common
        ("rotate signing keys", True, False),  # 3 of 5
        ("rotate signing", False, False),  # 2 of 5
    ],
)
def test_near_texts_need_enough_common_words(other: str, with_vectors: bool, without: bool) -> None:
    assert is_near(FIVE, other, 0.99) is with_vectors
    assert is_near(FIVE, other, None) is without


def test_near_notes_keep_their_order_and_leave_out_what_is_to_be_skipped() -> None:
    def similar(id: str, content: str) -> Similar:
        return Similar(Note(id, content, "lesson", (), 0.0, scope="user"), 0.91234, 0.9)

    near = [similar("b", FIVE), similar("a", f"{FIVE} please"), similar("c", "paint bridges"), similar("d", FIVE)]
    assert near_notes(FIVE, near, skip={"d"}) == (
        NearNote("b", FIVE, 0.9123, "lesson", "user"),
        NearNote("a", f"{FIVE} please", 0.9123, "lesson", "user"),
    )
