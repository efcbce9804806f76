"""Duplicates: the thresholds of cosine and common words, and the choice of the text to keep."""

from __future__ import annotations

import pytest

from aurora_dev.notes.similarity.duplicates import is_duplicate, is_same, richer

FIVE = "rotate signing keys monthly automatically"


def test_case_spaces_and_final_punctuation_make_no_difference() -> None:
    assert is_same("Retry  three\ttimes.", " retry THREE times ")
    assert is_duplicate("Retry three times.", "retry THREE times", cosine=0.0)
    assert not is_same("Retry three times.", "Retry two times.")


@pytest.mark.parametrize(("cosine", "expected"), [(0.849, False), (0.85, True), (1.0, True)])
def test_duplicates_need_a_cosine_of_at_least_085(cosine: float, expected: bool) -> None:
    assert is_duplicate(FIVE, "automatically rotate signing keys monthly please", cosine) is expected


@pytest.mark.parametrize(
    ("other", "with_vectors", "without"),
    [
        ("rotate signing keys monthly", True, True),  # 4 of 5 words are common
        ("rotate signing keys", True, False),  # 3 of 5
        ("rotate signing", False, False),  # 2 of 5
    ],
)
def test_duplicates_need_enough_common_words(other: str, with_vectors: bool, without: bool) -> None:
    assert is_duplicate(FIVE, other, 0.99) is with_vectors
    assert is_duplicate(FIVE, other, None) is without


def test_near_texts_that_differ_in_meaning_are_no_duplicates() -> None:
    first = "Sessions of the admin pages expire after 30 minutes of idle time."
    assert not is_duplicate(first, first.replace("30", "60"), 0.99)
    assert not is_duplicate(first, first.replace("expire", "never expire"), None)


def test_the_new_text_is_kept_only_if_it_has_all_words_of_the_old_one_and_more() -> None:
    old = "Tokens are signed with EdDSA."
    assert richer(old, "Access tokens are signed with EdDSA.") == "Access tokens are signed with EdDSA."
    assert richer(old, "Signed with EdDSA.") == old
    assert richer(old, "tokens are signed with eddsa") == old
    assert richer(old, "Access tokens use EdDSA.") == old
