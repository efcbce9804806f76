"""Records that something else wrote into the store: whatever their metadata hold, they cost themselves only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from aurora_dev import Memory
from aurora_dev.core.types import Document, MetadataValue
from aurora_dev.notes.model.types import Note
from aurora_dev.notes.staleness import StalenessCheck

ODD: tuple[MetadataValue, ...] = (
    *(2**63 - 1, -1e308, 1e308, True, 0, -5, 1.5, "x", "\0", "a" * 300, "~nobody/x", "/etc/passwd", "../..", ""),
    *(["a", "b"], [], "2024-01-01", "a/\n/b", "con.py/", "\u202e"),
)
NOTE: dict[str, MetadataValue] = {
    "kind": "decision",
    "created_at": 1.0,
    "path": "a.py",
    "symbol": "alpha",
    "code_hash": "00",
    **dict.fromkeys(("importance", "said"), 2),
    **dict.fromkeys(("source", "stale", "superseded_by", "scope"), "x"),
    **dict.fromkeys(("updated_at", "expires_at"), 9e9),
    **{name: ["x"] for name in ("tags", "supersedes", "conflicts_with", "holds_with")},
}
CHUNK: dict[str, MetadataValue] = {
    "path": "a.py",
    "file_hash": "00",
    "file_chunks": 1,
    "start_line": 1,
    "end_line": 2,
    "kind": "function",
    "language": "python",
    "symbol": "alpha",
    "symbols": ["alpha"],
    "context": "alpha",
    "file_symbols": ["alpha"],
}
COMMIT: dict[str, MetadataValue] = {
    "kind": "commit",
    "commit": "0" * 40,
    "created_at": 1.0,
    "history_version": 1,
    "file_count": 1,
    "author": "A",
    "files": ["a.py"],
    "changed_symbols": ["alpha"],
}


def odd_records() -> list[Document]:
    """Return a record for each field of each kind and each odd value, and one for each missing field."""
    records = []
    for kind, usual in (("note", NOTE), ("chunk", CHUNK), ("commit", COMMIT)):
        for field in usual:
            rest = {name: value for name, value in usual.items() if name != field}
            for number, metadata in enumerate([rest, *({**rest, field: value} for value in ODD)]):
                name = f"odd-{kind}-{field}-{number}"
                records.append(Document(f"def alpha(): odd {kind} {field} {number}", metadata, name))
    return records


@pytest_asyncio.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.py").write_text("def alpha():\n    return 1\n\n\nclass Beta:\n    size = alpha()\n", "utf-8")
    async with Memory.open(project, reranker="none", user_store=str(tmp_path / "user")) as opened:
        yield opened


async def test_records_with_any_metadata_fail_no_call(memory: Memory, tmp_path: Path) -> None:
    await memory.index()
    await memory.store.write(odd_records())
    await memory.remember("Alpha returns one.", path="a.py", symbol="alpha", kind="decision")
    assert (await memory.search("size of Beta", 3))[0].metadata["path"] == "a.py"
    assert await memory.recall("alpha returns one", top_k=100)
    assert (await memory.list(limit=1_000)).notes
    assert (await memory.list(kinds=["decision"], tags=["x"])).notes
    assert await memory.remember("Beta has a size.", symbol="alpha")
    assert "a.py" in (await memory.context("change the size of Beta", 4_000, map_budget=500)).text
    assert isinstance(await memory.conflicts(), list)
    assert await memory.notes.mark_stale()
    assert (await memory.export_notes(tmp_path / "notes")).notes
    assert (await memory.status()).notes
    (memory.root / "a.py").write_text("def gamma():\n    return 2\n", "utf-8")
    assert (await memory.search("gamma", 3))[0].content == "def gamma():\n    return 2"
    assert (await memory.index(full=True)).files_updated == 1
    assert (await memory.prune(dry_run=False)).expired
    assert await memory.forget(filter={"kind": "decision"})


async def test_a_note_that_cannot_be_compared_is_shown_with_the_others(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [(await memory.remember(text, path="a.py")).id for text in ("Alpha is one.", "Beta has a size.")]
    why_stale = StalenessCheck.why_stale

    def failing(self: StalenessCheck, note: Note) -> str | None:
        if note.id == ids[0]:
            raise RuntimeError("broken")
        return why_stale(self, note)

    monkeypatch.setattr(StalenessCheck, "why_stale", failing)
    (memory.root / "a.py").write_text("\n", "utf-8")
    shown = {note.id: note.stale for note in (await memory.list()).notes}
    assert shown == {ids[0]: None, ids[1]: "a.py has changed since"}
    assert (await memory.recall("Alpha is one."))[0].id == ids[0]


async def test_notes_that_cannot_be_compared_with_others_are_stored_and_their_conflicts_stay(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await memory.remember("Indent with tabs.", kind="convention")
    second = await memory.remember("Do not indent with tabs.", kind="convention")
    assert [conflict.id for conflict in second.conflicts] == [first.id]

    def fail(_new: str, _old: str) -> str | None:
        raise RecursionError

    monkeypatch.setattr("aurora_dev.notes.similarity.conflicts.paraphrase", fail)
    monkeypatch.setattr("aurora_dev.notes.similarity.conflicts.contradiction", fail)
    (conflict,) = await memory.conflicts()
    assert {conflict.note.id, conflict.other.id} == {first.id, second.id}
    assert "cannot be compared" in conflict.reason
    assert (await memory.remember("Never indent with tabs here.", kind="convention")).is_new
