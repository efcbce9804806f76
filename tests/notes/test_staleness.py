"""Notes about code: stale as soon as the code changes, wherever they are shown."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from aurora_dev import Document, Memory, SearchResults
from aurora_dev.core.types import MetadataValue
from aurora_dev.errors import InvalidRequestError
from aurora_dev.notes import staleness
from aurora_dev.notes.model.types import Note
from aurora_dev.notes.staleness import StalenessCheck, mark_stale

SOURCE = '''"""Tokens."""

import hmac


def verify(token):
    return hmac.compare_digest(token, "x")


class Client:
    def send(self, body):
        return body
'''


@pytest.fixture
def source(project: Path) -> Path:
    file = project / "src" / "auth.py"
    file.parent.mkdir()
    file.write_text(SOURCE, "utf-8")
    return file


def stale_of(results: SearchResults) -> list[str | None]:
    return [result.metadata.get("stale") for result in results if "file_hash" not in result.metadata]


async def test_a_note_is_stale_wherever_it_is_shown_once_its_file_changes(memory: Memory, source: Path) -> None:
    note = await memory.remember("verify compares in constant time.", kind="decision", path="src/auth.py")
    assert note.stale is None
    await memory.index()
    assert stale_of(await memory.search("constant time", rerank=False)) == [None]
    source.write_text(SOURCE.replace("hmac.compare_digest(token, 'x')", "token == 'x'") + "\nx = 1\n", "utf-8")
    why = "src/auth.py has changed since"
    assert stale_of(await memory.search("constant time", rerank=False)) == [why]
    assert stale_of(await memory.recall("constant time")) == [why]
    assert [one.stale for one in (await memory.list()).notes] == [why]
    found = await memory.get(note.id)
    assert found is not None
    assert found.stale == why
    assert f"decision, stale: {why}" in str(await memory.context("compare in constant time", 800))
    source.write_text(SOURCE, "utf-8")
    assert stale_of(await memory.recall("constant time")) == [None]


async def test_indexing_marks_stale_notes_in_the_store_and_unmarks_them(memory: Memory, source: Path) -> None:
    note = await memory.remember("verify compares in constant time.", path="src/auth.py", symbol="verify")
    await memory.remember("send returns the body.", path="src/auth.py", symbol="Client.send")
    source.write_text(SOURCE.replace('"x"', '"y"'), "utf-8")
    await memory.index()
    marked = await memory.store.scan({"stale": {"$exists": True}})
    assert [record.id for record in marked] == [note.id]
    source.write_text(SOURCE, "utf-8")
    await memory.index()
    assert await memory.store.count({"stale": {"$exists": True}}) == 0
    stored = await memory.get(note.id)
    assert stored is not None
    assert stored.updated_at == note.updated_at


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: f"import os\n\n{text}", None),
        (lambda text: text.replace("\n", "\r\n"), None),
        (lambda text: text.replace("return body", "return None"), None),
        (lambda text: text.replace('"x"', '"y"'), "verify in src/auth.py has changed since"),
        (lambda text: text.replace("def verify", "def check"), "verify is no longer in src/auth.py"),
    ],
)
async def test_a_note_about_a_definition_is_stale_only_if_that_definition_changes(
    memory: Memory, source: Path, change: object, why: str | None
) -> None:
    note = await memory.remember("It compares in constant time.", path="src/auth.py", symbol="verify")
    source.write_bytes(change(SOURCE).encode())  # type: ignore[operator]
    stored = await memory.get(note.id)
    assert stored is not None
    assert stored.stale == why


async def test_other_line_ends_of_a_file_make_no_note_stale(memory: Memory, source: Path) -> None:
    note = await memory.remember("It compares in constant time.", path="src/auth.py")
    source.write_bytes(SOURCE.replace("\n", "\r\n").encode())
    stored = await memory.get(note.id)
    assert stored is not None
    assert stored.stale is None


async def test_a_removed_file_or_folder_makes_its_notes_stale(memory: Memory, source: Path) -> None:
    one = await memory.remember("Tokens are compared in constant time.", path="src/auth.py")
    other = await memory.remember("Everything about users is in there.", path="src")
    (source.parent / "more.py").write_text("x = 1\n")
    assert [note.stale for note in (await memory.list()).notes] == [None, None]
    source.rename(source.parent.parent / "auth.py")
    (source.parent / "more.py").unlink()
    source.parent.rmdir()
    assert {note.id: note.stale for note in (await memory.list()).notes} == {
        one.id: "src/auth.py is gone", other.id: "src is gone",
    }  # fmt: skip


async def test_naming_the_same_path_again_makes_a_stale_note_current(memory: Memory, source: Path) -> None:
    note = await memory.remember("It compares in constant time.", path="src/auth.py", symbol="verify")
    source.write_text(SOURCE.replace('"x"', '"y"'), "utf-8")
    assert (await memory.update(note.id, path="src/auth.py")).stale is None
    stored = await memory.get(note.id)
    assert stored is not None
    assert (stored.stale, stored.symbol) == (None, "verify")
    untied = await memory.update(note.id, path="")
    assert (untied.path, untied.symbol, untied.code_hash) == (None, None, None)


@pytest.mark.usefixtures("source")
async def test_a_symbol_alone_is_looked_up_in_the_index(memory: Memory) -> None:
    await memory.index()
    note = await memory.remember("It compares in constant time.", symbol="verify")
    assert (note.path, note.symbol) == ("src/auth.py", "verify")
    unknown = await memory.remember("It paints.", symbol="paint")
    assert (unknown.path, unknown.symbol, unknown.stale) == (None, "paint", None)


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "src/nothing.py"}, "there is no 'src/nothing.py'"),
        ({"path": "src/auth.py", "symbol": "paint"}, "no definition named 'paint'"),
        ({"path": "src/../../secret"}, "stay inside"),
        ({"path": "C:/secret"}, "stay inside"),
        ({"symbol": " verify"}, "symbol must be"),
        ({"path": "src/auth.py", "scope": "user"}, "across projects"),
    ],
)
@pytest.mark.usefixtures("source")
async def test_a_note_about_missing_code_is_refused(memory: Memory, arguments: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        await memory.remember("x is y", **arguments)  # type: ignore[arg-type]
    assert await memory.store.count() == 0


@pytest.mark.skipif(not hasattr(Path, "symlink_to"), reason="no symbolic links")
def test_a_link_that_leads_out_of_the_project_is_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    try:
        (project / "link.txt").symlink_to(tmp_path / "secret.txt")
    except OSError:
        pytest.skip("this system does not allow symbolic links")
    with pytest.raises(InvalidRequestError, match="leads out of the project"):
        StalenessCheck(project).capture("link.txt", None)


def test_a_language_without_a_grammar_is_compared_as_a_whole(project: Path) -> None:
    (project / "notes.txt").write_text("one\ntwo\n")
    check = StalenessCheck(project)
    hashed = check.capture("notes.txt", "two")
    assert check.why_changed("notes.txt", "two", hashed) is None
    (project / "notes.txt").write_text("one\ntwo\nthree\n")
    assert check.why_changed("notes.txt", "two", hashed) == "two in notes.txt has changed since"
    (project / "notes.txt").write_text("one\n")
    assert check.why_changed("notes.txt", "two", hashed) == "two is no longer in notes.txt"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_or_a_device_is_refused_at_once_and_makes_no_note_stale(project: Path) -> None:
    (project / "queue").write_text("x")
    check = StalenessCheck(project)
    hashed = check.capture("queue", None)
    (project / "queue").unlink()
    os.mkfifo(project / "queue")
    with pytest.raises(InvalidRequestError, match=r"queue cannot be read \(it is not a regular file\)"):
        check.capture("queue", None)
    assert check.why_changed("queue", None, hashed) is None
    os.mkfifo(project / "other.py")
    with pytest.raises(InvalidRequestError, match="not a regular file"):
        check.capture("other.py", "verify")


def test_a_file_too_large_to_read_is_compared_by_its_beginning_and_its_size(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staleness, "_MOST_READ", 10)
    file = project / "data.bin"
    file.write_bytes(b"0123456789 and more")
    check = StalenessCheck(project)
    hashed = check.capture("data.bin", None)
    assert check.why_changed("data.bin", None, hashed) is None
    for other in (b"0123456789 and", b"x123456789 and more"):
        file.write_bytes(other)
        assert check.why_changed("data.bin", None, hashed) == "data.bin has changed since"


@pytest.mark.parametrize("path", ["a" * 300, "nul\0nul", "x/" * 2_000])
async def test_a_note_with_an_impossible_path_is_shown_as_stale_and_stops_no_other(memory: Memory, path: str) -> None:
    values: dict[str, MetadataValue] = {"kind": "decision", "created_at": 1.0, "code_hash": "0" * 32, "path": path}
    await memory.store.upsert([Document("Pears are green.", values, "bad")])
    await memory.remember("Apples are red.")
    stale = {note.content: note.stale for note in (await memory.list()).notes}
    assert stale == {"Pears are green.": f"{path} is gone", "Apples are red.": None}
    assert len(await memory.recall("green pears, red apples")) == 2


async def test_a_note_that_cannot_be_compared_costs_itself_only_and_is_named(
    memory: Memory, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("verify", "Client.send", "Client")
    first, bad, last = [
        await memory.remember(f"{symbol} is fast.", path="src/auth.py", symbol=symbol) for symbol in names
    ]
    source.write_text("x = 1\n", "utf-8")

    class Failing(StalenessCheck):
        def why_stale(self, note: Note) -> str | None:
            if note.id == bad.id:
                raise RuntimeError("broken")
            return super().why_stale(note)

    with caplog.at_level(logging.WARNING, "aurora_dev"):
        assert await mark_stale(memory.notes.project, Failing(memory.root)) == 2
    (line,) = [record.getMessage() for record in caplog.records]
    assert "count=1" in line
    assert bad.id in line
    marked = {record.id for record in await memory.store.scan({"stale": {"$exists": True}})}
    assert marked == {first.id, last.id}
    assert await mark_stale(memory.notes.project, StalenessCheck(memory.root)) == 1  # tried again
