"""Drafts: fields that callers give are checked and masked in one place."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.model.drafts import Draft, checked_changes, checked_draft
from aurora_dev.notes.model.masking import SecretMask
from aurora_dev.notes.model.types import NewNote, Note, NoteChanges

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
MASK = SecretMask(True)


def test_every_field_of_a_new_note_reaches_the_draft() -> None:
    new = NewNote(
        "x is y",
        kind="lesson",
        tags=iter(["a", "b", "a"]),
        importance=7,
        source=" review ",
        expires_in=timedelta(minutes=1),
        supersedes="old",
        path="src\\auth.py",
        symbol="send",
        metadata={"k": 1},
    )
    assert checked_draft(new, now=100.0, mask=MASK) == Draft(
        "x is y", "lesson", ("a", "b"), 7, "review", 160.0, ("old",), "src/auth.py", "send", None, {"k": 1}
    )


def test_the_defaults_of_a_new_note_set_nothing() -> None:
    expected = Draft("x", "note", (), 5, None, None, (), None, None)
    assert checked_draft(NewNote("x"), now=100.0, mask=MASK) == expected
    assert checked_draft(NewNote("x", expires_in=0, path="", symbol="", source=""), now=100.0, mask=MASK) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"content": " "}, {"kind": ""}, {"tags": "a"}, {"importance": 0}, {"source": "a\nb"}, {"expires_in": -1},
        {"supersedes": [3]}, {"path": "../x"}, {"symbol": " x"}, {"metadata": {"kind": "x"}},
    ],
)  # fmt: skip
def test_every_field_of_a_new_note_is_checked(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        checked_draft(NewNote(**{"content": "x", **changed}), now=0.0, mask=MASK)


def test_only_given_changes_are_returned() -> None:
    assert checked_changes(NoteChanges(), now=100.0, mask=MASK) == {}
    changes = NoteChanges("y", "lesson", ["a"], 9, "Ada", 60, "src", "send", {"k": 1})
    assert checked_changes(changes, now=100.0, mask=MASK) == {
        "content": "y", "kind": "lesson", "tags": ("a",), "importance": 9, "source": "Ada", "expires_at": 160.0,
        "path": "src", "symbol": "send", "metadata": {"k": 1},
    }  # fmt: skip


def test_empty_changes_remove_values() -> None:
    changes = NoteChanges(tags=[], source="", expires_in=0, path="", symbol="", metadata={})
    assert checked_changes(changes, now=100.0, mask=MASK) == {
        "tags": (), "source": None, "expires_at": None, "path": None, "symbol": None, "metadata": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        NoteChanges(content=""), NoteChanges(kind=""), NoteChanges(tags="a"), NoteChanges(importance=11),
        NoteChanges(source="a\nb"), NoteChanges(expires_in=-1), NoteChanges(path="/x"), NoteChanges(symbol=" x"),
        NoteChanges(metadata={"kind": "x"}),
    ],
)  # fmt: skip
def test_every_change_is_checked(changes: NoteChanges) -> None:
    with pytest.raises(InvalidRequestError):
        checked_changes(changes, now=0.0, mask=MASK)


def test_credentials_are_masked_in_new_notes_and_changes_unless_masking_is_off() -> None:
    texts: dict[str, Any] = {
        "content": f"x {SECRET}",
        "source": f"by {SECRET}",
        "metadata": {"a": SECRET, "b": [SECRET]},
    }
    assert SECRET not in str(checked_draft(NewNote(**texts), now=0.0, mask=MASK))
    assert SECRET not in str(checked_changes(NoteChanges(**texts), now=0.0, mask=MASK))
    assert str(checked_draft(NewNote(**texts), now=0.0, mask=SecretMask(False))).count(SECRET) == 4


def test_a_draft_becomes_a_note_and_back() -> None:
    draft = Draft("x", "lesson", ("a",), 7, "s", 5.0, ("short",), "p", "q", "h", {"k": 1})
    note = draft.to_note("id", now=3.0, scope="user", supersedes=["whole"])
    assert note == Note(
        "id",
        "x",
        "lesson",
        ("a",),
        3.0,
        7,
        "s",
        "p",
        "q",
        3.0,
        5.0,
        ("whole",),
        None,
        1,
        0,
        "h",
        None,
        "user",
        {"k": 1},
    )
    again = Draft.from_note(note)
    assert {each.name for each in fields(Draft) if getattr(again, each.name) != getattr(draft, each.name)} == {
        "supersedes"
    }
