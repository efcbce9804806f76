"""Conditions on notes as filters of a store."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aurora_dev.core.filters import all_of
from aurora_dev.core.record_kinds import IS_NOTE, NOT_A_CHUNK, NOT_A_SESSION
from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.model.filters import checked_filter
from aurora_dev.notes.model.types import NoteFilter


def test_all_of_joins_filters_and_leaves_empty_ones_out() -> None:
    assert all_of({"a": 1}, None, {"b": 2}, {}) == {"$and": [{"a": 1}, {"b": 2}]}
    assert all_of(None, {"a": 1}) == {"a": 1}


def test_conditions_that_are_not_set_match_every_note() -> None:
    assert checked_filter(NoteFilter(), 100.0) == IS_NOTE


def test_each_condition_becomes_a_part_of_the_filter() -> None:
    wanted = NoteFilter(iter(["lesson", "lesson"]), ["a", "b"], timedelta(seconds=40))
    assert checked_filter(wanted, 100.0) == {
        "$and": [IS_NOTE, {"kind": {"$in": ["lesson"]}, "tags": {"$in": ["a", "b"]}}, {"created_at": {"$gte": 60.0}}]
    }


def test_an_empty_list_matches_nothing() -> None:
    assert checked_filter(NoteFilter(kinds=[]), 0.0) == {"$and": [IS_NOTE, {"kind": {"$in": []}}]}


def test_commits_are_found_only_by_their_kind_and_where_they_are_allowed() -> None:
    wanted = NoteFilter(kinds=["commit"])
    notes_and_commits = {**NOT_A_CHUNK, **NOT_A_SESSION}
    assert checked_filter(wanted, 0.0, allow_commits=True) == {
        "$and": [notes_and_commits, {"kind": {"$in": ["commit"]}}]
    }
    assert checked_filter(wanted, 0.0) == {"$and": [IS_NOTE, {"kind": {"$in": ["commit"]}}]}
    assert checked_filter(NoteFilter(), 0.0, allow_commits=True) == IS_NOTE


@pytest.mark.parametrize("wanted", [NoteFilter(kinds="x"), NoteFilter(tags="x"), NoteFilter(since="x")])  # type: ignore[arg-type]
def test_malformed_conditions_are_refused(wanted: NoteFilter) -> None:
    with pytest.raises(InvalidRequestError):
        checked_filter(wanted, 0.0)
