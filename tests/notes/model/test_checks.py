"""Checks of a note's fields: what they return, and where their limits are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from itertools import count, repeat
from typing import Any

import pytest

from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.model import checks
from aurora_dev.notes.model.types import Note

DAY = 86_400.0


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (checks.checked_content, "é" * 16_384, "é" * 16_384),  # bytes count, not characters
        (checks.checked_content, " x\n", " x\n"),
        (checks.checked_importance, 1, 1),
        (checks.checked_importance, 10, 10),
        (checks.checked_source, None, None),
        (checks.checked_source, "", None),
        (checks.checked_source, " review ", "review"),
        (checks.checked_source, "x" * 500, "x" * 500),
        (checks.checked_expiry, 0, 0.0),
        (checks.checked_expiry, 100 * 365 * DAY, 100 * 365 * DAY),
        (checks.checked_expiry, timedelta(hours=1), 3_600.0),
        (checks.checked_scope, "project", "project"),
        (checks.checked_scope, "user", "user"),
        (checks.checked_metadata, None, {}),
        (checks.checked_metadata, {"ticket": "A-1"}, {"ticket": "A-1"}),
        (checks.checked_symbol, None, None),
        (checks.checked_symbol, "", None),
        (checks.checked_symbol, "x" * 500, "x" * 500),
        (checks.checked_path, "src\\auth.py", "src/auth.py"),
        (checks.checked_path, "./src//auth.py", "src/auth.py"),
        (checks.checked_limit, 1, 1),
        (checks.checked_limit, 1_000, 1_000),
        (checks.checked_top_k, 1, 1),
    ],
)
def test_a_valid_value_is_returned_in_its_stored_form(
    check: Callable[[Any], object], value: Any, expected: Any
) -> None:
    assert check(value) == expected


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (checks.checked_content, b"x", "must be a string, not bytes"),
        (checks.checked_content, " \n", "the note has no text"),
        (checks.checked_content, "é" * 16_385, "the note has 32,770 bytes, and 32,768 are possible"),
        (checks.checked_importance, 0, "from 1 "),
        (checks.checked_importance, 11, "to 10 "),
        (checks.checked_importance, True, "importance"),
        (checks.checked_importance, 5.0, "importance"),
        (checks.checked_source, "x" * 501, "at most 500"),
        (checks.checked_source, "a\nb", "one line"),
        (checks.checked_source, " ", "one line"),
        (checks.checked_expiry, -1, "from 0"),
        (checks.checked_expiry, 100 * 365 * DAY + 1, "100 years"),
        (checks.checked_expiry, math.nan, "expires_in"),
        (checks.checked_expiry, True, "expires_in"),
        (checks.checked_expiry, "1d", "expires_in"),
        (checks.checked_scope, "team", "'project' or 'user'"),
        (checks.checked_metadata, [1], "mapping"),
        (checks.checked_metadata, {"file_hash": "x"}, "the next index run would remove"),
        (checks.checked_metadata, {"file_chunks": 1}, "the next index run would remove"),
        (checks.checked_metadata, {"commit": "x"}, "the next index run would remove"),
        (checks.checked_symbol, " send", "symbol must be"),
        (checks.checked_symbol, "a\nb", "symbol must be"),
        (checks.checked_symbol, "x" * 501, "symbol must be"),
        (checks.checked_path, " ", "path must be"),
        (checks.checked_path, "a\0b", "path must be"),
        (checks.checked_path, "x" * 4_097, "path must be"),
        (checks.checked_path, "/etc/passwd", "stay inside"),
        (checks.checked_path, "\\\\host\\share", "stay inside"),
        (checks.checked_path, "C:secret", "stay inside"),
        (checks.checked_path, "a/../../b", "stay inside"),
        (checks.checked_limit, 0, "from 1 to 1000"),
        (checks.checked_limit, 1_001, "from 1 to 1000"),
        (checks.checked_limit, True, "from 1 to 1000"),
        (checks.checked_top_k, 0, "at least 1"),
        (checks.checked_top_k, True, "at least 1"),
        (checks.checked_top_k, 1.0, "at least 1"),
    ],
)
def test_a_malformed_value_is_refused(check: Callable[[Any], object], value: Any, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        check(value)


@pytest.mark.parametrize("key", sorted(checks.OWN_KEYS))
def test_metadata_may_not_hide_a_field_of_the_note(key: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"the metadata {key} would hide a field of the note"):
        checks.checked_metadata({key: "x"})


def test_every_stored_field_of_a_note_is_an_own_key() -> None:
    stored_elsewhere = {"id", "content", "uses", "scope", "metadata"}
    assert {each.name for each in fields(Note)} - stored_elsewhere == checks.OWN_KEYS


@pytest.mark.parametrize("name", ["", " auth", "auth ", "a\x1b[31m", "x" * 65, 3, None])
def test_a_kind_or_tag_is_a_short_printable_name(name: object) -> None:
    assert checks.checked_name("x" * 64, "kind") == "x" * 64
    with pytest.raises(InvalidRequestError, match="a kind must be a name of 1 to 64 printable characters"):
        checks.checked_name(name, "kind")


def test_names_are_at_most_32_without_repetitions() -> None:
    names = [str(number) for number in range(32)]
    assert checks.checked_names([*names, "0"], "tag") == tuple(names)
    for too_many in ([*names, "32"], map(str, count()), repeat("0"), ["0"] * 1_001):
        with pytest.raises(InvalidRequestError, match="too many tags, at most 32 are possible: nothing was stored"):
            checks.checked_names(too_many, "tag")
    for values in ("auth", 3, None):
        with pytest.raises(InvalidRequestError, match="tags must be a list of names"):
            checks.checked_names(values, "tag")  # type: ignore[arg-type]


def test_ids_are_one_or_several_without_repetitions() -> None:
    assert checks.checked_ids(None, "ids") == ()
    assert checks.checked_ids("a", "ids") == ("a",)
    assert checks.checked_ids(["b", "a", "b"], "ids") == ("b", "a")
    for value in (3, b"a", {"a": 1}, [3], [""], ""):
        with pytest.raises(InvalidRequestError, match="ids must be an id or a list of ids"):
            checks.checked_ids(value, "ids")


def test_the_number_of_ids_is_limited() -> None:
    assert len(checks.checked_ids(list(map(str, range(10))), "supersedes", 10)) == 10
    with pytest.raises(InvalidRequestError, match="supersedes has 11 ids, and 10 are possible: nothing was done"):
        checks.checked_ids(list(map(str, range(11))), "supersedes", 10)


def test_metadata_have_a_limited_number_of_keys_and_characters() -> None:
    most = {f"key{number}": number for number in range(256)}
    assert checks.checked_metadata(most) == most
    with pytest.raises(InvalidRequestError, match="have 257 keys, and 256 are possible: nothing was stored"):
        checks.checked_metadata({**most, "more": 1})
    assert checks.checked_metadata({"k": "x" * 262_143})
    for value in ("x" * 262_144, ["x" * 262_143, "x"]):
        with pytest.raises(InvalidRequestError, match="262,145 characters, and 262,144 are possible: nothing was"):
            checks.checked_metadata({"k": value})


def test_since_is_a_moment_or_a_time_span_before_now() -> None:
    assert checks.checked_since(5, 100.0) == 5.0
    assert checks.checked_since(timedelta(minutes=1), 100.0) == 40.0
    assert checks.checked_since(datetime(1970, 1, 1, 0, 1, tzinfo=timezone.utc), 0.0) == 60.0
    assert checks.checked_since(datetime(2020, 1, 1), 0.0) == datetime(2020, 1, 1).timestamp()
    assert checks.checked_since(datetime(1, 1, 1), 0.0) == pytest.approx(-62_135_596_800.0, abs=DAY)
    for value in (math.inf, math.nan, True, "2020-01-01", None):
        with pytest.raises(InvalidRequestError, match="since must be"):
            checks.checked_since(value, 0.0)
