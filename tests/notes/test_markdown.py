"""Notes as Markdown: reading gives back exactly what was written, and errors name the file and the line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dev import Memory, Note
from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.markdown import MarkdownError, join_markdown, note_from_markdown, parse_markdown, to_markdown
from aurora_dev.notes.model.types import Scope

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300).filter(lambda text: text.strip())
LINES = st.lists(
    st.sampled_from(
        ["---", "<!-- next memory -->", "\\<!-- next memory -->", "id: x", "", "  text", "\ttab", "<<<<<<<"]
    ),
    min_size=1,
).map("\n".join)
NAME = st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable() and text == text.strip())
MOMENT = st.one_of(st.floats(0, 4e9), st.integers(0, 4 * 10**15).map(lambda micros: micros / 1e6))
VALUE = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.text(st.characters(codec="utf-8"), max_size=10), max_size=3),
)


@st.composite
def notes(draw: st.DrawFn) -> Note:
    created = draw(MOMENT)
    path = draw(st.none() | st.sampled_from(["src/auth.py", "a b/c: d.md", "docs"]))
    return Note(
        id=draw(st.text("0123456789abcdef", min_size=6, max_size=32) | NAME),
        content=draw(TEXT | LINES.filter(lambda text: text.strip())),
        kind=draw(NAME),
        tags=tuple(dict.fromkeys(draw(st.lists(NAME, max_size=4)))),
        created_at=created,
        importance=draw(st.integers(1, 10)),
        source=draw(st.none() | NAME),
        path=path,
        symbol=draw(st.none() | NAME) if path else None,
        updated_at=draw(st.just(created) | MOMENT),
        expires_at=draw(st.none() | MOMENT),
        supersedes=tuple(draw(st.lists(NAME, max_size=2))),
        superseded_by=draw(st.none() | NAME),
        said=draw(st.integers(1, 9)),
        code_hash=draw(st.none() | st.just("folder") | st.just("0" * 32)),
        metadata=draw(st.dictionaries(st.sampled_from(["ticket", "a b", "ü", "nested.key"]), VALUE, max_size=3)),
    )


def read_back(text: str, notes: list[Note]) -> list[Note]:
    written = parse_markdown(text)
    assert len(written) == len(notes)
    assert all(one.intact for one in written)
    return [note_from_markdown(one, None, id=note.id, now=0.0) for one, note in zip(written, notes, strict=True)]


@settings(max_examples=100, deadline=None)
@given(st.lists(notes(), min_size=1, max_size=3))
def test_written_notes_are_read_back_exactly(several: list[Note]) -> None:
    assert read_back(join_markdown([to_markdown(note) for note in several]), several) == several
    for note in several:
        assert read_back(to_markdown(note), [note]) == [note]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400) | LINES.map(lambda text: f"---\n{text}"))
def test_any_text_is_parsed_or_refused_with_an_existing_line(text: str) -> None:
    problem = None
    try:
        assert parse_markdown(text)
    except MarkdownError as error:
        problem = error.problem
    if problem is not None:
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.text


def test_windows_line_ends_are_read_as_the_same_note() -> None:
    note = Note("abcdef", "One.\n\nTwo.", "note", ("a",), 1.5)
    assert read_back(to_markdown(note).replace("\n", "\r\n"), [note]) == [note]


def test_texts_that_yaml_would_read_as_other_types_are_quoted() -> None:
    note = Note("1234", "x", "no", ("true", "1.5"), 0.0, source="- a: b")
    text = to_markdown(note)
    assert 'id: "1234"' in text
    assert 'kind: "no"' in text
    assert 'tags: ["true", "1.5"]' in text
    assert 'source: "- a: b"' in text


def test_a_note_written_by_hand_needs_only_a_kind_and_a_text() -> None:
    (written,) = parse_markdown(
        "---\nkind: lesson\ntags: one, two\n# a remark\ncreated: 2026-11-21\n---\nMind the gap.\n"
    )
    assert (written.content, written.values["tags"], written.intact) == ("Mind the gap.", ("one", "two"), False)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("Just a text.\n", 1, "begins with a line"),
        ("---\nkind: note\nThe text.\n", 1, "does not end"),
        ("---\nkind: note\nkind: lesson\n---\nx\n", 3, "twice"),
        ("---\nkind: note\nwhatever\n---\nx\n", 3, "name: value"),
        ("---\nkind: note\nimportance: high\n---\nx\n", 3, "whole number"),
        ("---\nkind: note\nimportance: 11\n---\nx\n", 3, "from 1"),
        ("---\nkind: note\ncreated: yesterday\n---\nx\n", 3, "must be a time"),
        ("---\nkind: note\nsource:\n  a: b\n---\nx\n", 3, "nested"),
        ("---\nkind: note\ntags:\n  - [a]\n---\nx\n", 3, "nested"),
        ("---\nkind: note\ntags: [a, [b]]\n---\nx\n", 3, "write it as"),
        ("---\n  - auth\n---\nx\n", 2, "name: value"),
        ('---\nkind: note\ntags: ["a"\n---\nx\n', 3, "write it as"),
        ('---\nkind: note\nmetadata: {"a": null}\n---\nx\n', 3, "'a' must be"),
        ('---\nkind: note\nmetadata: {"a": NaN}\n---\nx\n', 3, "NaN"),
        ("---\nkind: note\npath: ../x\n---\nx\n", 3, "stay inside"),
        ("---\nkind: note\n---\n\n", 4, "no text"),
        ("---\nkind: note\n---\n<<<<<<< HEAD\nx\n", 4, "merge conflict"),
        ("---\nkind: note\n---\nx\n<!-- next memory -->\nkind: note\n", 6, "begins with a line"),
        ("---\nkind: note\n---\nx\n<!-- next memory -->", 5, "no note follows"),
        ("---\nkind: note\n---\nx\n<!-- next memory -->\n", 5, "no note follows"),
    ],
)
def test_a_malformed_note_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(MarkdownError, match=words) as caught:
        parse_markdown(text)
    assert caught.value.problem.line == line


# -- through `Memory` ------------------------------------------------------------------------------------------------


async def add_notes(memory: Memory) -> list[Note]:
    first = await memory.remember("Tokens are signed with HS256.", kind="decision", tags=["auth"], importance=8)
    await memory.remember("Tokens are signed with EdDSA.", kind="decision", source="review", supersedes=first.id)
    other = await memory.remember("Mind the\n---\ngap.\r\n", metadata={"ticket": "A-1"}, expires_in=86_400)
    await memory.update(other.id, content="Mind the step.")
    return await all_notes(memory)


async def all_notes(memory: Memory, scope: Scope = "project") -> list[Note]:
    store = memory.notes.project if scope == "project" else await memory.notes.user.writable()
    return [stored.note for stored in await store.scan()]


@pytest.mark.parametrize("target", ["folder", "all.md"])
async def test_an_exported_store_is_imported_into_another_one_without_loss(tmp_path: Path, target: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with Memory.open(tmp_path / "one") as memory:
        before = await add_notes(memory)
        report = await memory.export_notes(tmp_path / target)
        assert report.notes == len(before) == 4
        again = await memory.import_notes(tmp_path / target)
        assert (len(again.unchanged), again.added, again.updated) == (4, (), ())
    async with Memory.open(tmp_path / "two") as memory:
        done = await memory.import_notes(tmp_path / target)
        assert sorted(done.added) == sorted(note.id for note in before)
        assert await all_notes(memory) == before
        current = [note.content for note in (await memory.list()).notes]
        assert sorted(current) == ["Mind the step.", "Tokens are signed with EdDSA."]
        assert len((await memory.import_notes(tmp_path / target)).unchanged) == 4


async def test_an_edited_file_updates_the_note_and_keeps_the_earlier_version(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        note = await memory.remember("Tests run on Python 3.10.", kind="convention", tags=["ci"])
        (file,) = (await memory.export_notes(tmp_path / "memories")).files
        path = Path(file)
        path.write_text(path.read_text("utf-8").replace("3.10.", "3.13.").replace("tags: [ci]\n", ""), "utf-8")
        done = await memory.import_notes(tmp_path / "memories")
        assert done.updated == (note.id,)
        stored = await memory.get(note.id)
        assert stored is not None
        assert (stored.content, stored.tags) == ("Tests run on Python 3.13.", ())
        assert [one.content for one in await memory.history(note.id)] == ["Tests run on Python 3.10."]
        results = await memory.search("Python version of tests", rerank=False)
        assert [result.content for result in results] == ["Tests run on Python 3.13."]


async def test_an_export_never_overwrites_an_edit_that_was_not_imported(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        await memory.remember("Tests run on Python 3.10.")
        (file,) = (await memory.export_notes(tmp_path / "memories")).files
        edited = Path(file).read_text("utf-8").replace("3.10.", "3.13.")
        Path(file).write_text(edited, "utf-8")
        with pytest.raises(InvalidRequestError, match="was edited, and not imported"):
            await memory.export_notes(tmp_path / "memories")
        assert Path(file).read_text("utf-8") == edited
        await memory.import_notes(tmp_path / "memories")
        assert file in (await memory.export_notes(tmp_path / "memories")).files


async def test_importing_an_old_export_does_not_undo_later_changes(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        note = await memory.remember("Tests run on Python 3.10.")
        await memory.export_notes(tmp_path / "memories")
        await memory.update(note.id, content="Tests run on Python 3.13.")
        assert (await memory.import_notes(tmp_path / "memories")).unchanged == (note.id,)
        stored = await memory.get(note.id)
        assert stored is not None
        assert stored.content == "Tests run on Python 3.13."


async def test_a_malformed_file_stops_the_import_and_changes_nothing(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        await memory.remember("Tests run on Python 3.10.")
        (file,) = (await memory.export_notes(tmp_path / "memories")).files
        Path(file).write_text(Path(file).read_text("utf-8").replace("3.10.", "3.13."), "utf-8")
        (tmp_path / "memories" / "broken.md").write_text("---\nkind: note\nimportance: 99\n---\nx\n", "utf-8")
        (tmp_path / "memories" / "latin.md").write_bytes("---\nkind: note\n---\n\xfc\n".encode("latin-1"))
        (tmp_path / "memories" / "README.md").write_text("What this folder is.\n", "utf-8")
        with pytest.raises(InvalidRequestError, match=r"broken\.md, line 3: importance") as caught:
            await memory.import_notes(tmp_path / "memories")
        assert "latin.md, line 4: is not UTF-8" in str(caught.value)
        assert "README" not in str(caught.value)
        assert [note.content for note in (await memory.list()).notes] == ["Tests run on Python 3.10."]


async def test_a_file_without_an_id_is_remembered_once(tmp_path: Path) -> None:
    folder = tmp_path / "memories"
    folder.mkdir()
    (folder / "gap.md").write_text("---\nkind: lesson\ntags: [trains]\n---\nMind the gap.\n", "utf-8")
    async with Memory.open(tmp_path) as memory:
        done = await memory.import_notes(folder)
        assert len(done.added) == 1
        assert (await memory.import_notes(folder)).unchanged == done.added
        (note,) = (await memory.list()).notes
        assert (note.content, note.kind, note.tags) == ("Mind the gap.", "lesson", ("trains",))


async def test_a_file_with_notes_that_are_not_in_the_store_is_not_overwritten(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with Memory.open(tmp_path / "one") as memory:
        await memory.remember("Mine.")
        await memory.export_notes(tmp_path / "all.md")
        await memory.export_notes(tmp_path / "folder")
    async with Memory.open(tmp_path / "two") as memory:
        await memory.remember("Yours.")
        with pytest.raises(InvalidRequestError, match="1 note that is not in the store and would be lost"):
            await memory.export_notes(tmp_path / "all.md")
        assert len((await memory.export_notes(tmp_path / "folder")).left) == 1
        assert len(list((tmp_path / "folder").glob("*.md"))) == 2


async def test_the_same_id_in_two_files_is_refused(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        await memory.remember("Mind the gap.")
        (file,) = (await memory.export_notes(tmp_path / "memories")).files
        (tmp_path / "memories" / "copy.md").write_bytes(Path(file).read_bytes())
        with pytest.raises(InvalidRequestError, match="remove the id of the copy"):
            await memory.import_notes(tmp_path / "memories")
