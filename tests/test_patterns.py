"""Every regular expression of the package takes linear time on hard texts, or sees only texts of a stated length.

The texts are made from each pattern itself: all but matching, again and again. Python cannot count the steps of a
match, so they are long enough that quadratic time shows, and linear time is far below the limit.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from patterns import Place, find_places, hard_texts, may_be_slow

from aurora_dev.core.text.secrets import mask_secrets
from aurora_dev.core.text.secrets.placeholders import is_camel_case
from aurora_dev.indexing.ignore import IgnoreFile

SIZES = (24, 32, 40, 300, 4_000)  # characters
# A quadratic pattern takes 50 ms and more for such a text, a linear one less than 1 ms.
MOST_SECONDS = 0.02

# Patterns that see a bounded text only: its most characters, and what bounds it.
BOUNDED = {
    "core/text/secrets/assignments.py:_NAMED": (48, "a name of _NAME_REACH"),
    "core/text/secrets/assignments.py:_NO_KEY": (48, "a name of _NAME_REACH"),
    "core/text/secrets/assignments.py:_QUALIFIED": (48, "a name of _NAME_REACH"),
    "core/text/secrets/assignments.py:_SETTING": (200, "a line is cut there"),
    "core/text/secrets/assignments.py:_BLANK_PASSWORD": (200, "a line is cut there"),
    "core/text/secrets/assignments.py:_KNOWN_FLAG": (200, "a line is cut there"),
    "history/changed_symbols.py:_CALLABLE": (300, "_MAX_LINE"),
    "indexing/chunking/markup.py:_LINK": (1_000, "_MOST_TITLE_CHARS"),
    "indexing/chunking/markup.py:_DECORATION": (1_000, "_MOST_TITLE_CHARS"),
    "notes/similarity/claims.py:_NAME": (1_000, "MOST_CHARS"),
}
# Patterns that see only what a parser has accepted, where nothing is left open.
PARSED = {"indexing/chunking/notebooks.py:_TOKEN": "tokens of valid JSON"}
# Patterns that are made while the program runs, with what one of them looks like.
MADE_LATE = {
    "config/sources.py:location": [r"\s*[\"']?store_path[\"']?\s*[=.]"],
    "core/context/neighbours.py:_add_users": [r"\bname\b"],
    "interfaces/cli/output/search_snippet.py:defining_row": [r"(?<!\w)name(?!\w)"],
    "notes/similarity/differences.py:_is_name": [r"(?<!\w)name(?!\w)"],
    # test_growth reads hard texts with them.
    "interfaces/cli/output/search_snippet.py:query_pattern": [],
    "syntax/languages/declaration.py:find": [],
    # What they compile is declared elsewhere, and found there.
    "core/text/secrets/edits.py:match": [],
    "lazy.py:__getattr__": [],
    # See the tests of globs and of ignore patterns below.
    "core/text/globs.py:_name_test": [],
    "indexing/git/wildmatch.py:compile_pattern": [],
}


def seconds(work: Callable[[], object]) -> float:
    """Return the shortest of three measurements, or the first one that is below the limit."""
    best = float("inf")
    for _ in range(3):
        start = time.thread_time()
        work()
        best = min(best, time.thread_time() - start)
        if best <= MOST_SECONDS:
            break
    return best


def apply(compiled: re.Pattern[Any], method: str, text: Any) -> None:
    if method in ("sub", "subn"):
        getattr(compiled, method)(text[:0], text)
    elif method == "finditer":
        for _ in compiled.finditer(text):
            pass
    else:
        getattr(compiled, method)(text)


def slow_text(place: Place) -> str | None:
    if place.key in PARSED:
        return None
    most = BOUNDED.get(place.key, (SIZES[-1], ""))[0]
    given = [(text, 0) for text in MADE_LATE.get(place.key, ())]
    for pattern, flags in place.patterns or given:
        if not may_be_slow(pattern, flags):
            continue
        compiled = re.compile(pattern, flags)
        # The short texts first: exponential or cubic time would not end on the long ones.
        for size in sorted({min(size, most) for size in SIZES}):
            for text in hard_texts(pattern, flags, size):
                subject = text.encode() if isinstance(pattern, bytes) else text
                for method in place.methods:
                    taken = seconds(lambda: apply(compiled, method, subject[:most]))  # noqa: B023 - called at once
                    if taken > MOST_SECONDS:
                        return f"{place.key}, line {place.line}: {method} of {text[:60]!r}… takes {taken:.3f} s"
    return None


@pytest.fixture(scope="module")
def places() -> list[Place]:
    return find_places()


def test_every_pattern_that_is_made_late_is_known(places: list[Place]) -> None:
    assert len(places) > 200
    assert {place.key for place in places if not place.patterns} == MADE_LATE.keys()
    assert BOUNDED.keys() | PARSED.keys() <= {place.key for place in places}


def test_no_pattern_takes_more_than_linear_time(places: list[Place]) -> None:
    assert [found for place in places if (found := slow_text(place)) is not None] == []


def test_a_quadratic_and_an_exponential_pattern_are_noticed() -> None:
    for pattern in (r"\w+\s*\(", r"x*x*$", r"(?:a|aa)*b"):
        assert slow_text(Place("made up", 1, 1, "", {"search"}, [(pattern, 0)])) is not None


@pytest.mark.parametrize(
    ("pattern", "unit"),
    [("*a*a*a", "a"), ("**/a/**/a/**/b", "a/"), ("a*/**/*a", "a/a"), ("*" * 50 + "b", "a"), ("**/" * 50 + "b", "a/")],
)
def test_ignore_patterns_take_little_time_on_the_longest_paths(pattern: str, unit: str) -> None:
    rules = IgnoreFile([pattern])
    path = unit * (4_096 // len(unit))
    assert rules.match("a/b", "b", is_dir=False) in (None, True)
    start = time.thread_time()
    rules.match(path, path, is_dir=False)
    assert time.thread_time() - start < 0.5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("getHTTPResponse2", True),
        ("HTTPServer", True),
        ("ABCDEFGH12", True),
        ("a" * 20 + "Bcd", True),
        ("a" * 21 + "Bcd", False),
        ("Ab", False),  # a word has two letters after its capital one
        ("ABcde", False),  # an acronym has two letters
        ("1abc", False),
        ("A1", False),
        ("AB-12", False),
        ("1" * 36, True),
        ("1" * 37, False),
        ("A" * 72, True),
        ("A" * 73, False),
    ],
)
def test_names_in_camel_case_are_told_from_random_values(value: str, expected: bool) -> None:
    assert is_camel_case(value) is expected


def test_a_value_of_capital_letters_is_masked_without_delay() -> None:
    value = "QWZRTYPLKJHGFDSMNBVCX" * 4 + "-7"
    mask_secrets(f'api_key = "{value[:21]}-7"')  # compiles the rules
    start = time.thread_time()
    mask_secrets(f'api_key = "{value}"\n' * 20)
    assert time.thread_time() - start < 0.5
