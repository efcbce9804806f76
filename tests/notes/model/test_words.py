"""Words of notes: normalised texts, tokens, content words and their overlap."""

from __future__ import annotations

import pytest

from aurora_dev.notes.model.words import content_words, identity, normalised, overlap, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Retry\tTHREE \n times.  ", "retry three times"),
        ("Really?!", "really?"),
        ("one, two;!. ", "one, two"),
        ("Straße", "strasse"),
        ("cafe\u0301", "caf\u00e9"),
        ("...", "..."),
    ],
)
def test_case_spaces_unicode_form_and_final_punctuation_are_evened_out(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Retry three times.", "  retry\tthree\n times "),
        ("Сборка запускается.", "сборка запускается"),
        ("密码以明文保存。", "密码以明文保存"),
        ("cafe\u0301 au lait", "caf\u00e9 au lait"),
        ("It runs (daily).", "it runs (daily)"),
        ("`a  b` is  code.", "`a  b` is code"),
    ],
)
def test_blanks_a_final_stop_and_the_first_capital_letter_do_not_count(first: str, second: str) -> None:
    assert identity(first) == identity(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Retry three times.", "Retry THREE times."),
        ("Call Retry.", "Call retry."),
        ("Foo calls it.", "foo calls it."),
        ("userId is set.", "userid is set."),
        ("UserId is set.", "userId is set."),
        ("A must load.", "a must load."),
        ("URL is set.", "url is set."),
        ("X-Token is sent.", "x-token is sent."),
        ("Sizes are in MB.", "Sizes are in Mb."),
        ("Retry three times!", "Retry three times."),
        ("Import from .", "Import from"),
        ("Wait...", "Wait.."),
        ("Use `a  b`.", "Use `a b`."),
        ("def f():\n    a\n    b", "def f():\n    a\n  b"),
        ("Approved 👍", "Approved 👎"),
        ("x < y", "x > y"),
    ],
)
def test_all_else_is_content(first: str, second: str) -> None:
    assert identity(first) != identity(second)


def test_tokens_keep_identifiers_numbers_and_units_whole() -> None:
    assert tokens("Don't call Client.send_all-now() 1.5 times, 20 % or C++!") == [
        "don't", "call", "client.send_all-now", "1.5", "times", "20", "%", "or", "c", "++",
    ]  # fmt: skip


def test_content_words_are_folded_and_without_stop_words() -> None:
    assert content_words("The tokens are signed with the key") == {"token", "sign", "key"}
    assert content_words("it is") == {"it", "is"}  # nothing else is left


def test_overlap_is_the_jaccard_index() -> None:
    assert overlap(frozenset("abc"), frozenset("bcd")) == 0.5
    assert overlap(frozenset("ab"), frozenset("ab")) == 1.0
    assert overlap(frozenset(), frozenset()) == 0.0
