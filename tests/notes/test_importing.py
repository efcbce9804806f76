"""Import of notes from files: which side wins, and what is kept of the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from aurora_dev import Memory
from aurora_dev.notes.files import FileNote
from aurora_dev.notes.importing import import_files
from aurora_dev.notes.markdown import parse_markdown, to_markdown
from aurora_dev.notes.model.types import Note, NotesImported

NOTE = Note("abcdef", "Tokens are signed with EdDSA.", "decision", (), 1.5, updated_at=1.5)


def in_file(*texts: str) -> list[FileNote]:
    return [FileNote(Path("notes.md"), markdown) for text in texts for markdown in parse_markdown(text)]


async def code_hash(note: Note) -> str | None:
    return note.code_hash or (f"hash of {note.path}" if note.path else None)


async def imported(memory: Memory, notes: Iterable[FileNote]) -> NotesImported:
    return await import_files(memory.notes.project, list(notes), code_hash)


async def stored(memory: Memory, id: str = NOTE.id) -> Note:
    return (await memory.notes.project.require(id)).note


async def test_an_unknown_id_is_added_with_all_its_fields(memory: Memory) -> None:
    other = await memory.remember("Tokens are signed with Ed448.")
    note = replace(NOTE, path="src/auth.py", said=3, superseded_by=other.id, expires_at=5.0, metadata={"k": 1})
    assert await imported(memory, in_file(to_markdown(note))) == NotesImported(added=(NOTE.id,))
    assert await stored(memory) == replace(note, code_hash="hash of src/auth.py")


async def test_an_unedited_file_loses_against_a_later_change_of_the_store(memory: Memory) -> None:
    await imported(memory, in_file(to_markdown(NOTE)))
    await memory.update(NOTE.id, importance=9)
    assert await imported(memory, in_file(to_markdown(NOTE))) == NotesImported(unchanged=(NOTE.id,))
    assert (await stored(memory)).importance == 9


async def test_an_edited_file_wins_and_the_store_keeps_the_earlier_version(memory: Memory) -> None:
    await imported(memory, in_file(to_markdown(replace(NOTE, code_hash="0" * 32, path="src/auth.py"))))
    edited = to_markdown(replace(NOTE, path="src/auth.py")).replace("EdDSA", "Ed448")
    assert await imported(memory, in_file(edited)) == NotesImported(updated=(NOTE.id,))
    note = await stored(memory)
    assert (note.content, note.code_hash, note.updated_at > 1_000.0) == (
        "Tokens are signed with Ed448.",
        "0" * 32,
        True,
    )
    assert [version.content for version in await memory.history(NOTE.id)] == [NOTE.content]


async def test_a_newer_export_of_another_store_wins_with_its_own_time(memory: Memory) -> None:
    await imported(memory, in_file(to_markdown(NOTE)))
    newer = replace(NOTE, importance=8, updated_at=2.5)
    assert await imported(memory, in_file(to_markdown(newer))) == NotesImported(updated=(NOTE.id,))
    assert await stored(memory) == newer
    assert await memory.history(NOTE.id) == []  # the text is the same


async def test_notes_without_an_id_are_remembered_with_all_their_fields(memory: Memory) -> None:
    await imported(memory, in_file(to_markdown(NOTE)))
    text = (
        "---\nkind: lesson\ntags: [a]\nimportance: 7\nsource: review\npath: src/auth.py\nsymbol: send\n"
        f'expires: 4000000000.0\nsupersedes: [{NOTE.id}]\nmetadata: {{"k": 1}}\n---\nTokens are signed with Ed448.\n'
    )
    (id,) = (await imported(memory, in_file(text))).added
    note = await stored(memory, id)
    assert (note.kind, note.tags, note.importance, note.source) == ("lesson", ("a",), 7, "review")
    assert (note.path, note.symbol, note.code_hash) == ("src/auth.py", "send", "hash of src/auth.py")
    assert (note.expires_at, note.supersedes, note.metadata) == (4e9, (NOTE.id,), {"k": 1})
    assert (await stored(memory)).superseded_by == id
    assert await imported(memory, in_file("---\nkind: lesson\n---\nTokens are signed with Ed448.\n")) == NotesImported(
        unchanged=(id,)
    )


async def test_an_import_of_nothing_changes_nothing(memory: Memory) -> None:
    assert await imported(memory, []) == NotesImported()


def chain(**successors: str) -> list[FileNote]:
    """Return notes in files: the name of each is its id and its text, and the value replaced it."""
    return in_file(
        *(to_markdown(replace(NOTE, id=id * 6, content=f"Text {id}.", superseded_by=by * 6 or None))
          for id, by in successors.items())
    )  # fmt: skip


@pytest.mark.parametrize(
    ("successors", "current", "told"),
    [
        ({"a": "x"}, {"a"}, ["a"]),  # nobody has x
        ({"a": "b", "b": "x"}, {"b"}, ["b"]),
        ({"b": "x", "a": "b"}, {"b"}, ["b"]),
        ({"a": "a"}, {"a"}, ["a"]),
        ({"a": "b", "b": "a"}, {"a"}, ["a"]),
        ({"a": "b", "b": "c", "c": "b"}, {"b"}, ["b"]),
        ({"a": "b", "b": ""}, {"b"}, []),
    ],
)
async def test_a_note_whose_successor_is_not_there_is_imported_as_a_current_note_and_named(
    memory: Memory, successors: dict[str, str], current: set[str], told: list[str]
) -> None:
    done = await imported(memory, chain(**successors))
    assert set(done.added) == {id * 6 for id in successors}
    assert {note.content for note in (await memory.list()).notes} == {f"Text {id}." for id in current}
    expected = [
        f"notes.md, line 1: the note that replaces this one ('{successors[id] * 6}') is not there, so it was "
        "imported as a current note"
        for id in told
    ]
    assert list(done.notices) == expected
    assert {result.id for result in await memory.recall("text")} == {id * 6 for id in current}
    again = await imported(memory, chain(**successors))
    assert (again.added, again.updated) == ((), ())


async def test_a_note_whose_successor_is_stored_already_is_imported_as_superseded(memory: Memory) -> None:
    await imported(memory, chain(b=""))
    assert (await imported(memory, chain(a="b"))).notices == ()
    assert [note.content for note in (await memory.list()).notes] == ["Text b."]
    assert [note.content for note in await memory.history("bbbbbb")] == ["Text a."]


async def test_a_note_without_an_id_that_cannot_be_stored_is_named_and_stops_no_other(memory: Memory) -> None:
    fields = ("kind: note", "kind: decision\nsupersedes: [missing]", "kind: note")
    contents = ("Tokens live for an hour.", "Tokens are signed with RSA.", "Keys rotate every month.")
    texts = [f"---\n{head}\n---\n{content}\n" for head, content in zip(fields, contents, strict=True)]
    done = await imported(memory, in_file(*texts))
    assert len(done.added) == 2
    (failure,) = done.failed
    assert failure.startswith("notes.md, line 1: ")
    assert "there is no note 'missing'" in failure
    assert {note.content for note in (await memory.list()).notes} == {contents[0], contents[2]}
