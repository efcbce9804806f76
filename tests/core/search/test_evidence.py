"""Exact evidence: names, messages, paths and frames that candidates contain."""

from __future__ import annotations

from typing import Any

import pytest

from aurora_dev.core.search.evidence import (
    definition_evidence,
    frame_evidence,
    has_name,
    name_evidence,
    path_evidence,
    phrase_evidence,
    rarity,
)
from aurora_dev.core.search.reading import Frame


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = get_user(1)", True),
        ("forget_user()", False),
        ("get_user_id", False),
        ("$get_user", False),
        ("(get_user)", True),
        ("forget_user; get_user", True),
    ],
)
def test_a_name_counts_only_as_a_whole_word(text: str, expected: bool) -> None:
    assert has_name(text, "get_user") is expected


def test_a_rare_name_counts_and_a_common_one_does_not() -> None:
    assert rarity("get_user", 3) == 1.0
    assert rarity("get_user", 1000) == 0.0
    assert 0.0 < rarity("get_user", 20) < 1.0
    assert rarity("user", 8) < rarity("get_user", 8)


def test_a_name_in_another_style_counts_only_where_it_is_nowhere_as_written() -> None:
    assert name_evidence({"getUser": 1.0}, ["get_user()", "nothing"]).tolist() == [0.6, 0.0]
    assert name_evidence({"getUser": 1.0}, ["get_user()", "getUser()"]).tolist() == [0.0, 1.0]


def test_names_count_by_their_weight() -> None:
    assert name_evidence({"a_b": 3.0, "c_d": 1.0}, ["a_b", "c_d", "a_b c_d"]).tolist() == [0.75, 0.25, 1.0]


def test_the_whole_literal_counts_most_and_a_filled_message_in_part() -> None:
    contents = ['raise Error(f"user {name} is not known here")', "user 7 is not known here", "known users are here"]
    found = phrase_evidence(["user 7 is not known here"], contents)
    assert found[1] == 1.0
    assert 0.4 < found[0] < 0.85
    assert found[2] < 0.1


def test_a_definition_counts_in_any_style_but_most_as_written() -> None:
    metadata: list[dict[str, Any]] = [{"symbols": ["get_user"]}, {"symbols": ["getUser"]}, {"symbols": 3}, {}]
    assert definition_evidence(["get_user"], metadata).tolist() == [1.0, 0.7, 0.0, 0.0]
    assert definition_evidence(["--get-user"], metadata).tolist() == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("query", "path", "expected"),
    [
        ("cart.py", "src/shop/cart.py", 1.0),
        ("shop/cart.py", "src/shop/cart.py", 1.0),
        ("/venv/site-packages/shop/cart.py", "shop/cart.py", 1.0),
        ("other/cart.py", "src/shop/cart.py", 0.5),
        ("smart_cart.py", "src/shop/cart.py", 0.0),
    ],
)
def test_paths_agree_from_their_ends(query: str, path: str, expected: float) -> None:
    assert path_evidence([query], [path, None]).tolist() == [expected, 0.0]


def test_a_frame_names_its_function_even_if_lines_have_moved() -> None:
    frame = Frame("/x/shop/cart.py", 12, "add")
    metadata: list[dict[str, Any]] = [
        {"path": "shop/cart.py", "start_line": 1, "end_line": 5, "symbols": ["add"]},
        {"path": "shop/cart.py", "start_line": 10, "end_line": 20, "symbols": ["remove"]},
        {"path": "shop/cart.py", "start_line": 30, "end_line": 40, "symbols": []},
        {"path": "shop/till.py", "start_line": 10, "end_line": 20},
        {"note": "no path"},
    ]
    found = frame_evidence([frame], metadata).tolist()
    assert found[0] > found[1] > found[2] > found[3] == found[4] == 0.0
