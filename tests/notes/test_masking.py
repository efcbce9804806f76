"""Every text of a note is masked before it is stored. The credentials are assembled from parts."""

from __future__ import annotations

from pathlib import Path

from aurora_dev import Memory
from aurora_dev.notes.model.types import NoteChanges

TOKEN = "glpat-" + "Ab3dEf6hIj9kLm2nOp5q"
MASKED = "[masked: gitlab-token]"
PASSWORD = "kQ7v" + "X2mNpL"


async def test_no_field_of_a_new_note_keeps_a_credential(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        stored = await memory.remember(
            f"The deploy bot uses {TOKEN}.",
            tags=[TOKEN, "deploy"],
            source=f"chat {TOKEN}",
            metadata={"link": f"https://x?t={TOKEN}", "password": PASSWORD},
        )
        note = await memory.get(stored.id)
        assert note is not None
        assert note.tags == (MASKED, "deploy")
        assert TOKEN not in repr(note)
        assert PASSWORD not in repr(note)
        export = tmp_path / "notes.md"
        await memory.export_notes(export)
        assert TOKEN not in export.read_text("utf-8")


async def test_no_field_of_a_corrected_note_keeps_a_credential(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        stored = await memory.remember("The deploy bot has its own account.")
        note = await memory.update_note(stored.id, NoteChanges(tags=[TOKEN], source=TOKEN))
        assert (note.tags, note.source) == ((MASKED,), MASKED)


async def test_an_imported_note_keeps_no_credential_and_can_be_exported_again(tmp_path: Path) -> None:
    source = tmp_path / "in.md"
    source.write_text(f"---\ntags: [{TOKEN}, deploy]\nsource: {TOKEN}\n---\n\nThe bot pushes images.\n", "utf-8")
    project = tmp_path / "project"
    project.mkdir()
    async with Memory.open(project) as memory:
        await memory.import_notes(source)
        (note,) = (await memory.list()).notes
        assert (note.tags, note.source) == ((MASKED, "deploy"), MASKED)
        await memory.export_notes(tmp_path / "out.md")
        again = await memory.import_notes(tmp_path / "out.md")
        assert (again.added, again.updated) == ((), ())
