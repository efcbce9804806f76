"""The window of a long document."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dev.core.rerank.window import GAP, WINDOWS, Window, best_span, head, query_terms, select_window

FILLER = [f"filler line {number} of padding" for number in range(200)]
NEEDLE = "def verify_jwt(token): return check_signature(token)"
LONG = "\n".join([*FILLER[:150], NEEDLE, *FILLER[150:]])


@pytest.mark.parametrize("window", WINDOWS)
def test_a_text_within_the_limit_comes_back_whole(window: Window) -> None:
    assert select_window("jwt", "where jwt is\nverified", 21, window) == "where jwt is\nverified"


def test_the_head_window_is_the_beginning_cut_at_a_line() -> None:
    passage = select_window("verify jwt", LONG, 100, "head")
    assert LONG.startswith(passage + "\n")
    assert 75 <= len(passage) <= 100


def test_the_best_window_holds_the_match_wherever_it_stands() -> None:
    passage = select_window("how are JWTs verified", LONG, 200, "best")
    assert NEEDLE in passage
    assert "filler line 0 " not in passage


def test_the_head_and_best_window_holds_both() -> None:
    passage = select_window("how are JWTs verified", LONG, 300, "head+best")
    assert passage.startswith("filler line 0 ")
    assert NEEDLE in passage
    assert passage.count(GAP) == 1


def test_a_match_within_the_head_leaves_no_gap() -> None:
    text = "\n".join([FILLER[0], NEEDLE, *FILLER])
    passage = select_window("verify jwt", text, 300, "head+best")
    assert text.startswith(passage)
    assert NEEDLE in passage


def test_a_match_near_the_head_is_read_without_a_gap() -> None:
    text = "\n".join([*FILLER[:6], NEEDLE, *FILLER])  # the match begins beyond the head's share of 300, and ends within
    assert 100 + len(GAP) < text.index(NEEDLE) < 300 - len(NEEDLE)
    assert select_window("verify jwt", text, 300, "head+best") == head(text, 300)


@pytest.mark.parametrize("window", WINDOWS)
def test_without_a_word_of_the_query_every_window_is_the_head(window: Window) -> None:
    assert select_window("kubernetes", LONG, 100, window) == head(LONG, 100)


def test_two_words_of_the_query_beat_many_repeats_of_one() -> None:
    text = "\n".join(["token " * 30, *FILLER, "the token expires here", *FILLER])
    assert "expires" in select_window("when does a token expire", text, 120, "best")


def test_a_rare_word_of_the_document_outweighs_a_frequent_one() -> None:
    text = "\n".join([*(f"config value {number}" for number in range(300)), "retry here", *FILLER])
    assert "retry" in select_window("config retry", text, 60, "best")


def test_of_equal_windows_the_earliest_is_taken() -> None:
    text = "\n".join([*FILLER[:20], "jwt one", *FILLER[20:60], "jwt two", *FILLER[60:]])
    passage = select_window("jwt", text, 100, "best")
    assert "jwt one" in passage


def test_a_passage_begins_at_a_line() -> None:
    passage = select_window("verify jwt", LONG, 200, "best")
    assert LONG[LONG.index(passage) - 1] == "\n"


def test_words_are_matched_across_naming_styles_and_endings() -> None:
    assert query_terms("verifiesTokens") == query_terms("VERIFY_TOKEN") == query_terms("verified token")


def test_a_question_of_stop_words_alone_keeps_them() -> None:
    assert query_terms("how to do it") != frozenset()
    assert "how" not in query_terms("how to retry")


def test_chinese_text_is_matched_by_its_characters() -> None:
    text = "无关" * 400 + "令牌验证" + "无关" * 400
    assert "令牌验证" in select_window("令牌", text, 100, "best")


def test_a_text_without_any_boundary_is_cut_hard() -> None:
    assert len(select_window("jwt", "x" * 5000, 300, "head")) == 300
    assert "jwt" in select_window("jwt", "9" * 5000 + "jwt" + "9" * 5000, 300, "best")


def test_a_huge_document_takes_milliseconds() -> None:
    text = "some words of a log line 12345\n" * 500_000
    begun = time.perf_counter()
    select_window("log words", text, 2000, "head+best")
    assert time.perf_counter() - begun < 2.0  # 0.1 s here; the whole text would take 5 s


@given(
    query=st.text(max_size=40),
    text=st.text(alphabet="ab \n_Jwt令é", max_size=400),
    max_chars=st.integers(1, 120),
    window=st.sampled_from(WINDOWS),
)
@settings(max_examples=300, deadline=None)
def test_any_passage_is_within_the_limit_and_made_of_the_text(
    query: str, text: str, max_chars: int, window: Window
) -> None:
    passage = select_window(query, text, max_chars, window)
    assert len(passage) <= max_chars or passage == text
    assert bool(passage) == bool(text)
    assert passage in text or all(part in text for part in passage.split(GAP))


@given(query=st.text(alphabet="bxJwt _", max_size=20), text=st.text(alphabet="bxJwt \n_", max_size=300))
@settings(max_examples=200, deadline=None)
def test_a_best_span_holds_a_word_of_the_query(query: str, text: str) -> None:
    span = best_span(query, text, 50)
    if span is not None:
        start, end = span
        assert 0 <= start < end <= len(text)
        assert end - start <= 50
        assert query_terms(text[start:end]) & query_terms(query)
