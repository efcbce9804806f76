"""Notes as records: ids, earlier versions, and metadata."""

from __future__ import annotations

from dataclasses import replace

from aurora_dev.core.types import Document, document_id
from aurora_dev.notes.model.records import (
    document_of,
    earlier_version,
    folded_note_id,
    is_earlier_version,
    legacy_note_id,
    note_id,
    note_of,
)
from aurora_dev.notes.model.types import Note

FULL = Note(
    id="abcdef",
    content="Tokens are signed with EdDSA.",
    kind="decision",
    tags=("auth", "crypto"),
    created_at=1.5,
    importance=8,
    source="review",
    path="src/auth.py",
    symbol="Client.send",
    updated_at=2.5,
    expires_at=3.5,
    supersedes=("one", "two"),
    superseded_by="three",
    said=4,
    code_hash="0" * 32,
    stale="src/auth.py is gone",
    scope="user",
    metadata={"ticket": "A-1"},
)


def test_a_record_gives_back_the_note_that_it_was_made_from() -> None:
    document = document_of(FULL)
    assert (document.id, document.content) == (FULL.id, FULL.content)
    assert note_of("abcdef", document.content, document.metadata, "user") == FULL


def test_a_record_holds_no_fields_that_are_not_set() -> None:
    note = Note("abcdef", "x", "note", (), 1.5, updated_at=1.5)
    assert document_of(note).metadata == {"kind": "note", "created_at": 1.5, "importance": 5}
    assert note_of("abcdef", "x", document_of(note).metadata) == note


def test_malformed_metadata_are_read_as_defaults() -> None:
    malformed = {
        "kind": "", "tags": "auth", "created_at": "now", "importance": 11, "source": 3, "path": None,
        "updated_at": True, "expires_at": "never", "supersedes": ["one", 2], "said": -1, "k": "v",
    }  # fmt: skip
    expected = Note("a", "x", "note", (), 0.0, supersedes=("one",), metadata={"k": "v"})
    assert note_of("a", "x", malformed) == expected
    assert note_of("a", "x", {"importance": 0}).importance == 5
    assert note_of("a", "x", {"importance": 1}).importance == 1
    assert note_of("a", "x", {"importance": 10}).importance == 10


def test_the_id_of_a_note_follows_its_words_kind_and_namespace() -> None:
    first = note_id("ns", "Retry three times.", "note")
    assert note_id("ns", "  retry  three times", "note") == first
    others = [
        note_id("ns", "Retry two times.", "note"), note_id("ns", "Retry three times.", "lesson"),
        note_id("other", "Retry three times.", "note"), note_id("ns", "Retry three times.", "note", 1),
        note_id("ns", "Retry THREE times.", "note"),
    ]  # fmt: skip
    assert len({first, *others}) == 6


def test_the_folded_id_is_that_of_releases_which_ignored_case() -> None:
    folded = document_id("ns", Document("sessions live in redis", {"kind": "note"}))
    assert folded_note_id("ns", "Sessions live  in Redis.", "note") == folded
    assert note_id("ns", "Sessions live  in Redis.", "note") != folded
    assert note_id("ns", "Sessions end.", "note") == folded_note_id("ns", "Sessions end.", "note")


def test_the_legacy_id_takes_the_words_unchanged() -> None:
    text = "Retry  THREE times."
    assert legacy_note_id("ns", text, "note") == document_id("ns", Document(text, {"kind": "note"}))
    assert legacy_note_id("ns", text, "note") != legacy_note_id("ns", text.lower(), "note")


def test_an_earlier_version_is_superseded_by_its_own_note() -> None:
    note = replace(FULL, superseded_by=None)
    version = earlier_version(note, 9.5)
    assert (version.superseded_by, version.supersedes, version.updated_at) == ("abcdef", (), 9.5)
    assert (version.content, version.kind, version.created_at) == (note.content, note.kind, note.created_at)
    assert is_earlier_version(version)
    assert not is_earlier_version(note)
    assert not is_earlier_version(replace(note, superseded_by="other"))
    assert earlier_version(replace(note, content="x"), 9.5).id != version.id
    assert earlier_version(replace(note, kind="lesson"), 9.5).id != version.id


def test_the_id_of_an_earlier_version_is_stable_across_releases() -> None:
    assert earlier_version(replace(FULL, superseded_by=None), 9.5).id == "3f17c919d1f2b71abdc32f3f01003d76"
