"""Front matter that editors have rewritten: what is read of it, and what is passed over."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest

from aurora_dev.memory import Memory
from aurora_dev.notes.markdown import MarkdownError, MarkdownNote, parse_markdown


def parse(front_matter: str) -> MarkdownNote:
    (note,) = parse_markdown(f"---\n{front_matter}\n---\nThe text.\n")
    return note


@pytest.mark.parametrize(
    ("front_matter", "field", "value"),
    [
        ("tags:\n  - auth\n  - web", "tags", ("auth", "web")),
        ("tags:\n- auth\n- web\nkind: note", "tags", ("auth", "web")),
        (
            "tags:\n  - 'it''s'\n  - \"a, b\"\n  - plain # why\n\n  # a remark\n  - 2024",
            "tags",
            ("it's", "a, b", "plain", "2024"),
        ),
        ("tags: [\n  auth,\n  web\n]", "tags", ("auth", "web")),
        ("tags: [\"auth\", 'web', plain]", "tags", ("auth", "web", "plain")),
        ("tags: ['a, b', c] # both", "tags", ("a, b", "c")),
        ('tags: ["a # b", c#d]', "tags", ("a # b", "c#d")),
        ("tags: 'auth'", "tags", ("auth",)),
        ("kind: lesson # a comment", "kind", "lesson"),
        ('kind: "lesson" # a comment', "kind", "lesson"),
        ("source: issue #12", "source", "issue"),
        ("source: 'issue #12'", "source", "issue #12"),
        ("source: C#", "source", "C#"),
        ("source: 'say ''no'''", "source", "say 'no'"),
        ("source: >-\n  a long\n  source", "source", "a long source"),
        ("source: a long\n  source", "source", "a long source"),
        ('"source": quoted name', "source", "quoted name"),
        ("importance: '7' # of ten", "importance", 7),
        ('metadata: {"ticket": "A-1"} # from the tracker', "metadata", {"ticket": "A-1"}),
    ],
)
def test_a_field_is_read_in_every_form_that_editors_write(front_matter: str, field: str, value: object) -> None:
    note = parse(front_matter)
    assert note.values[field] == value
    assert note.notices == ()


@pytest.mark.parametrize("value", ["", " ", " []", " null", " ~", " # nothing", "\n\n  # nothing"])
@pytest.mark.parametrize("name", ["source", "tags", "path", "aliases"])
def test_an_empty_field_is_the_same_as_none(name: str, value: str) -> None:
    note = parse(f"kind: lesson\n{name}:{value}\nimportance: 7")
    assert {key: found for key, found in note.values.items() if found != ()} == {"kind": "lesson", "importance": 7}
    assert note.notices == ()


@pytest.mark.parametrize(
    ("front_matter", "metadata"),
    [
        ("title: My note", {"title": "My note"}),
        ("aliases:\n  - One\n  - '[[Two]]'", {"aliases": ["One", "[[Two]]"]}),
        (
            "publish: true\nrank: 3\nshare: 0.5\nversion: 1.2.3",
            {"publish": True, "rank": 3, "share": 0.5, "version": "1.2.3"},
        ),
        ("date: 2026-11-21\nmodified: 2026-11-21T10:00", {"date": "2026-11-21", "modified": "2026-11-21T10:00"}),
        ("größe: 3\nread by: Ann", {"größe": 3, "read by": "Ann"}),
        ("zip: 01234\nyes: no", {"zip": "01234", "yes": "no"}),
        ("summary: |\n  one\n    two\n\n  three", {"summary": "one\n  two\n\nthree"}),
        ("summary: >\n  one\n  two\n\n  three", {"summary": "one two\nthree"}),
        ('title: new\nmetadata: {"ticket": "A-1"}', {"title": "new", "ticket": "A-1"}),
    ],
)
def test_an_unknown_field_becomes_metadata(front_matter: str, metadata: dict[str, object]) -> None:
    note = parse(front_matter)
    assert note.values["metadata"] == metadata
    assert note.notices == ()


@pytest.mark.parametrize(
    ("front_matter", "notice"),
    [
        ("author:\n  name: Ann", "'author' was passed over: it is no text, number or list"),
        ("links:\n  - a: b", "'links' was passed over: it is no text, number or list"),
        ("links:\n  - a\n  nested: b", "'links' was passed over"),
        ("related: [[Note]]", "'related' was passed over: write it as"),
        ("base: &base [1]", "'base' was passed over: it is no text, number or list"),
        ("more: *base", "'more' was passed over"),
        ("made: !!python/object/apply:os.system ['x']", "'made' was passed over"),
        ('broken: "a', "'broken' was passed over: it is not valid YAML"),
        ("long: " + "x" * 5_000, "'long' was passed over: it has more than 4,096 characters"),
        ("code_hash: abc", "'code_hash' was passed over: the name is reserved"),
        ('title: new\nmetadata: {"title": "old"}', "'title' was passed over: it is also in 'metadata'"),
        ("tag: auth", "'tag' was kept as metadata; did you mean 'tags'?"),
        ("Importance: 7", "'Importance' was kept as metadata; did you mean 'importance'?"),
    ],
)
def test_what_is_not_read_is_reported_with_its_line_and_the_note_is_kept(front_matter: str, notice: str) -> None:
    note = parse(f"kind: lesson\n{front_matter}")
    assert note.content == "The text."
    (problem,) = note.notices
    assert problem.line == 3
    assert notice in problem.text


def test_front_matter_of_any_size_is_read_in_linear_time() -> None:
    began = time.process_time()
    for text in (
        "a" * 2_000_000,
        "a:" + " " * 2_000_000 + "b",
        "a" + " " * 2_000_000,
        "a: [" + "]" * 1_000_000,
        "a: [" + "['\"" * 300_000,
        "a: '" + "''" * 1_000_000,
        "a: " + "#" * 2_000_000,
        "a:\n" + "  - b\n" * 200_000,
        "\n".join(f"a{number}: b" for number in range(100_000)),
    ):
        with suppress(MarkdownError):
            parse(text)
    assert time.process_time() - began < 20


async def test_a_note_that_an_editor_has_rewritten_keeps_what_it_says(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    vault.mkdir()
    (vault / "note.md").write_text(
        "---\ntitle: My note\nkind: decision\ntags:\n  - auth\nsource:\ntag: web\n---\nTokens are rotated.\n", "utf-8"
    )
    (tmp_path / "project").mkdir()
    async with Memory.open(tmp_path / "project") as memory:
        done = await memory.import_notes(vault)
        assert done.notices == (
            f"{vault / 'note.md'}, line 7: the field 'tag' was kept as metadata; did you mean 'tags'?",
        )
        note = await memory.get(done.added[0])
        assert note is not None
        assert (note.kind, note.tags, note.source) == ("decision", ("auth",), None)
        assert note.metadata == {"title": "My note", "tag": "web"}
        await memory.export_notes(tmp_path / "out")
        assert (await memory.import_notes(tmp_path / "out")).unchanged == (note.id,)
