"""Files of notes: names, folders, and what is never overwritten."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes.files import read_notes, says_the_same, write_notes
from aurora_dev.notes.markdown import MarkdownNote, parse_markdown, to_markdown
from aurora_dev.notes.model.types import Note

NOTE = Note("3802d6fbb524", "Tokens are signed with EdDSA.", "decision", ("auth",), 1.5, updated_at=1.5)
OLD = replace(NOTE, id="aaaa11112222", content="Tokens are signed with HS256.", superseded_by=NOTE.id)


def names(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_a_folder_gets_one_file_per_note_and_superseded_notes_a_subfolder(tmp_path: Path) -> None:
    target = tmp_path / "notes"
    report = write_notes(target, [NOTE, OLD])
    assert names(target) == [
        "decision-tokens-are-signed-with-eddsa-3802d6fb.md",
        "history/decision-tokens-are-signed-with-hs256-aaaa1111.md",
    ]
    assert (report.target, report.notes, report.left) == (str(target), 2, ())
    assert report.files == tuple(str(target / name) for name in names(target))
    assert [each.id for each in read_notes(target)] == [NOTE.id, OLD.id]


@pytest.mark.parametrize(
    ("id", "kind", "content", "name"),
    [
        (
            "ABC-12345678",
            "a note",
            "Über allem: one two three four five",
            "a-note-u-ber-allem-one-two-three-abc-1234.md",
        ),
        ("é", "!", "…", "note-memory.md"),  # nothing to make a name of
        ("abcdef123", "note", "x" * 60, f"note-{'x' * 43}-abcdef12.md"),
    ],
)
def test_a_file_name_holds_the_kind_the_first_words_and_the_beginning_of_the_id(
    tmp_path: Path, id: str, kind: str, content: str, name: str
) -> None:
    write_notes(tmp_path, [Note(id, content, kind, (), 0.0)])
    assert names(tmp_path) == [name]


def test_a_note_keeps_its_file_when_its_text_changes_and_moves_when_it_is_superseded(tmp_path: Path) -> None:
    write_notes(tmp_path, [NOTE])
    (tmp_path / names(tmp_path)[0]).rename(tmp_path / "mine.md")
    write_notes(tmp_path, [replace(NOTE, content="Tokens are signed with Ed448.")])
    assert names(tmp_path) == ["mine.md"]
    assert "Ed448" in (tmp_path / "mine.md").read_text("utf-8")
    write_notes(tmp_path, [replace(NOTE, superseded_by="other")])
    assert names(tmp_path) == ["history/decision-tokens-are-signed-with-eddsa-3802d6fb.md"]


def test_a_file_that_says_the_same_is_not_written_again(tmp_path: Path) -> None:
    write_notes(tmp_path, [NOTE])
    (file,) = tmp_path.iterdir()
    os.utime(file, (1, 1))
    write_notes(tmp_path, [NOTE])
    assert file.stat().st_mtime == 1


def test_an_edited_file_is_neither_overwritten_nor_forgotten(tmp_path: Path) -> None:
    write_notes(tmp_path, [NOTE, OLD])
    (file,) = tmp_path.glob("*.md")
    edited = file.read_text("utf-8").replace("EdDSA", "Ed448")
    file.write_text(edited, "utf-8")
    with pytest.raises(InvalidRequestError, match=r"eddsa-3802d6fb\.md, line 1: was edited, and not imported"):
        write_notes(tmp_path, [replace(NOTE, importance=9), OLD])
    assert file.read_text("utf-8") == edited
    # Once the store says the same, the file may be replaced.
    write_notes(tmp_path, [replace(NOTE, content="Tokens are signed with Ed448."), OLD])
    assert parse_markdown(file.read_text("utf-8"))[0].intact


def test_files_of_other_notes_are_left_and_reported(tmp_path: Path) -> None:
    write_notes(tmp_path, [NOTE])
    (tmp_path / "README.md").write_text("About these notes.\n", "utf-8")
    (tmp_path / ".hidden.md").write_text("---\n", "utf-8")
    (tmp_path / "other.txt").write_text("---\n", "utf-8")
    report = write_notes(tmp_path, [replace(OLD, superseded_by=None)])
    assert report.left == (str(tmp_path / "decision-tokens-are-signed-with-eddsa-3802d6fb.md"),)
    assert len(names(tmp_path)) == 5


def test_a_single_file_holds_all_notes_and_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "all.md"
    report = write_notes(target, [NOTE, OLD])
    assert (report.files, report.notes) == ((str(target),), 2)
    assert [each.id for each in read_notes(target)] == [NOTE.id, OLD.id]
    with pytest.raises(InvalidRequestError, match="holds 2 notes that are not in the store and would be lost"):
        write_notes(target, [])
    assert len(read_notes(target)) == 2


def test_a_target_that_is_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x", "utf-8")
    with pytest.raises(InvalidRequestError, match=r"does not end in \.md: nothing was written"):
        write_notes(tmp_path / "notes.txt", [NOTE])
    assert (tmp_path / "notes.txt").read_text("utf-8") == "x"


@pytest.mark.parametrize(
    "text",
    ["# Read me\n", "text\n---\n", "---\ntitle: A page\nlayout: post\n---\nhello\n", "---\nno front matter\n", "\xff"],
)
@pytest.mark.parametrize("notes", [[], [NOTE]])
def test_a_file_that_holds_no_notes_of_the_store_is_replaced_only_if_told_to(
    tmp_path: Path, text: str, notes: list[Note]
) -> None:
    target = tmp_path / "README.md"
    target.write_text(text, "latin-1")
    with pytest.raises(InvalidRequestError, match="nothing was written"):
        write_notes(target, notes)
    assert target.read_text("latin-1") == text
    assert write_notes(target, notes, force=True).notes == len(notes)
    assert names(tmp_path) == ["README.md"]


def test_a_file_of_a_folder_is_replaced_only_if_it_holds_that_note(tmp_path: Path) -> None:
    (file,) = write_notes(tmp_path, [NOTE]).files
    Path(file).write_text("mine", "utf-8")
    with pytest.raises(InvalidRequestError, match="is not one of these notes of Aurora; nothing was written"):
        write_notes(tmp_path, [OLD, NOTE])
    assert (names(tmp_path), Path(file).read_text("utf-8")) == ([Path(file).name], "mine")
    write_notes(tmp_path, [OLD, NOTE], force=True)
    assert {each.id for each in read_notes(tmp_path)} == {NOTE.id, OLD.id}


def test_a_file_of_several_notes_in_a_folder_stops_the_export_to_the_folder(tmp_path: Path) -> None:
    write_notes(tmp_path / "all.md", [NOTE, OLD])
    before = (tmp_path / "all.md").read_bytes()
    with pytest.raises(InvalidRequestError, match=r"all\.md holds 2 notes"):
        write_notes(tmp_path, [NOTE, OLD])
    assert (names(tmp_path), (tmp_path / "all.md").read_bytes()) == (["all.md"], before)


def test_a_file_keeps_its_permissions_and_a_link_to_a_note_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    (name,) = write_notes(folder, [NOTE]).files
    file = Path(name)
    file.chmod(0o600)
    changed = replace(NOTE, importance=9)
    write_notes(folder, [changed])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.rename(tmp_path / "elsewhere.md")
    file.symlink_to(tmp_path / "elsewhere.md")
    before = (tmp_path / "elsewhere.md").read_bytes()
    with pytest.raises(InvalidRequestError, match="is a link to"):
        write_notes(folder, [NOTE])
    assert file.is_symlink()
    assert (tmp_path / "elsewhere.md").read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_in_a_folder_of_notes_is_passed_over(tmp_path: Path) -> None:
    write_notes(tmp_path, [NOTE])
    os.mkfifo(tmp_path / "pipe.md")
    assert [each.id for each in read_notes(tmp_path)] == [NOTE.id]
    with pytest.raises(InvalidRequestError, match="is not a regular file; nothing was written"):
        write_notes(tmp_path / "pipe.md", [NOTE])


def test_a_folder_that_cannot_be_written_is_an_error_without_leftovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(InvalidRequestError, match=r"cannot be written \(Permission denied\)"):
        write_notes(tmp_path, [NOTE])
    assert names(tmp_path) == []


def test_problems_of_several_files_are_reported_together_up_to_five(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"{number}.md").write_text("---\nkind: note\nimportance: 0\n---\nx\n", "utf-8")
    with pytest.raises(InvalidRequestError, match=r"nothing was imported and nothing is lost; correct: ") as caught:
        read_notes(tmp_path)
    assert str(caught.value).count("line 3: importance") == 5
    assert str(caught.value).endswith("(and 2 more)")


def test_a_readme_is_skipped_in_a_folder_unless_it_holds_a_note(tmp_path: Path) -> None:
    (tmp_path / "ReadMe.md").write_text("About these notes.\n", "utf-8")
    assert read_notes(tmp_path) == []
    (tmp_path / "ReadMe.md").write_text("---\nkind: note\n---\nx\n", "utf-8")
    assert [(each.id, each.markdown.content) for each in read_notes(tmp_path)] == [(None, "x")]


def test_reading_a_missing_source_or_a_duplicate_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"there is no .*: nothing was imported"):
        read_notes(tmp_path / "missing")
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text(to_markdown(NOTE), "utf-8")
    with pytest.raises(InvalidRequestError, match=rf"b\.md, line 1: the id {NOTE.id} is also in .*a\.md, line 1"):
        read_notes(tmp_path)


def test_counts_staleness_hash_and_update_time_do_not_make_a_file_another_note() -> None:
    (markdown,) = parse_markdown(to_markdown(NOTE))
    stored = replace(NOTE, stale="gone", uses=3, scope="user", updated_at=9.5, said=4, code_hash="0" * 32)
    assert says_the_same(stored, markdown)
    for change in ({"content": "x"}, {"kind": "note"}, {"tags": ()}, {"importance": 9}, {"source": "x"}, {"path": "x"}):
        assert not says_the_same(replace(NOTE, **change), markdown)
    assert not says_the_same(NOTE, MarkdownNote(1, NOTE.content))
