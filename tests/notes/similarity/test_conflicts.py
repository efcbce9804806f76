"""Conflicts: which earlier notes a new one may contradict, and how near they must be."""

from __future__ import annotations

import pytest

from aurora_dev.notes.model.types import Conflict, Note
from aurora_dev.notes.similarity.conflicts import conflicts_of, contradicts
from aurora_dev.notes.similarity.nearest import Similar

OLD = "Sessions expire after 30 minutes."
NEW = "Sessions expire after 60 minutes."
REASON = "says 60 where the earlier one says 30"


def note(content: str, kind: str = "decision", id: str = "new") -> Note:
    return Note(id, content, kind, (), 0.0)


@pytest.mark.parametrize(("cosine", "expected"), [(0.449, None), (0.45, REASON), (0.99, REASON)])
def test_a_conflict_needs_a_cosine_of_at_least_045_where_few_words_are_common(
    cosine: float, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_dev.notes.similarity.learned.likelihood", lambda _new, _old: 0.0)
    new = f"{NEW} Then user has to sign in."
    assert contradicts(new, f"{OLD} Then user has to sign in.", 0.1) == REASON
    assert contradicts("Limit: 60 s.", "The limit is 30 minutes.", cosine) == expected


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("always rotate signing keys", "says 'always' where the earlier one says 'never'"),  # 3 of 5 words are common
        ("always rotate keys", None),  # the earlier one is about signing keys
        ("always rotate signing certificates", None),
    ],
)
def test_without_vectors_a_conflict_needs_two_fifths_of_common_words(new: str, expected: str | None) -> None:
    assert contradicts(new, "never rotate signing keys", None) == expected


def test_duplicates_are_no_conflict() -> None:
    assert contradicts("Sessions expire after 30 minutes", OLD, 1.0) is None


@pytest.mark.parametrize(
    ("kind", "binding"),
    [("decision", True), ("convention", True), ("note", False), ("lesson", False), ("pattern", False)],
)
def test_only_earlier_decisions_and_conventions_are_binding(kind: str, binding: bool) -> None:
    found = conflicts_of(note(NEW, "note"), [Similar(note(OLD, kind, "old"), 0.9, 0.5)])
    assert [conflict.id for conflict in found] == (["old"] if binding else [])


def test_a_conflict_has_the_fields_of_the_earlier_note() -> None:
    near = [Similar(note(OLD, id="first"), 0.912345, 0.5), Similar(note(OLD, id="second"), None, 0.765432)]
    assert conflicts_of(note(NEW), near) == (
        Conflict("first", OLD, REASON, 0.9123, "decision", "project"),
        Conflict("second", OLD, REASON, 0.7654, "decision", "project"),
    )
