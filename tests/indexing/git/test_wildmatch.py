"""Wildcards of ignore patterns; `test_agreement` compares whole walks with git."""

from __future__ import annotations

import time

import pytest

from aurora_dev.indexing.git.wildmatch import byte_text, compile_pattern


def matches(pattern: str, path: str, *, ignore_case: bool = False) -> bool:
    found = compile_pattern(pattern, ignore_case=ignore_case)
    return found is not None and bool(found(byte_text(path, ignore_case=ignore_case)))


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("[[:digit:]]*.log", "1run.log", True),
        ("[[:digit:]]*.log", "run.log", False),
        ("[[:upper:]]*.tmp", "Big.tmp", True),
        ("[![:upper:]]", "A", False),
        ("[[:alpha:][:digit:]_]", "_", True),
        ("[[:nope:]]", "n", False),
        ("[]-]", "]", True),
        ("[a-", "a", False),
        ("***/x", "a/b/x", True),
        ("***/x", "x", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/x**/b", "a/x/y/b", True),  # "**" is the first wildcard: git treats it as the beginning
        ("?x**/b", "ax/y/b", False),
        ("*", "a/b", False),
        ("a\\", "a\\", False),
        ("\\*", "*", True),
        ("\\\\?", "\\x", True),
        ("?", "é", False),  # two bytes
        ("??", "é", True),
    ],
)
def test_wildcards_match_as_in_git(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) == expected


def test_letters_match_in_either_case_on_request() -> None:
    assert matches("*.LOG", "x.log", ignore_case=True)
    assert matches("[a-c]x", "BX", ignore_case=True)
    assert not matches("[!a]", "A", ignore_case=True)
    assert not matches("*.LOG", "x.log")


def test_a_pattern_of_many_stars_takes_no_exponential_time() -> None:
    start = time.perf_counter()
    assert not matches("*a" * 40 + "b", "a" * 250)
    assert matches("*a" * 40 + "b", "a" * 249 + "b")
    assert not matches("**/a/" * 40 + "b", "a/" * 100)
    assert time.perf_counter() - start < 1
