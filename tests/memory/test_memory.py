"""`Memory`: notes, indexing, status, and errors of a memory that is not open."""

import asyncio
from pathlib import Path

import pytest

from aurora_dev import Document, Memory, SearchOptions, VectorStore
from aurora_dev.config import ENV_PREFIX, USUAL_NAMES, Settings
from aurora_dev.core.rerank import bundled as onnx_reranker
from aurora_dev.errors import ConfigurationError, InvalidRequestError, StoreClosedError
from aurora_dev.testing.hashing_embedder import HashingEmbedder


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*USUAL_NAMES, *(ENV_PREFIX + field.upper() for field in Settings.model_fields)):
        monkeypatch.delenv(name, raising=False)


async def test_a_note_is_found_by_a_later_process_with_its_kind_and_tags(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        note = await memory.remember("Tokens are signed with EdDSA.", kind="decision", tags=["auth", "auth", "crypto"])
        assert note.tags == ("auth", "crypto")
    async with Memory.open(tmp_path) as memory:
        await memory.remember("Lunch is at noon.")
        results = await memory.search("how are tokens signed", top_k=1, rerank=False)
        assert [result.id for result in results] == [note.id]
        assert results[0].metadata["kind"] == "decision"
        tagged = await memory.search("anything at all", filter={"tags": "auth"}, options=SearchOptions(mode="vector"))
        assert [result.id for result in tagged] == [note.id]


async def test_the_store_is_in_the_project(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        await memory.remember("x is y")
    assert (tmp_path / ".aurora").is_dir()


async def test_the_same_note_again_is_one_note(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        first = await memory.remember("Retry thrice.", kind="pattern")
        again = await memory.remember("Retry thrice.", kind="pattern")
        other = await memory.remember("Retry thrice.", kind="lesson")
        assert first.id == again.id != other.id
        assert (await memory.status()).notes == {"pattern": 1, "lesson": 1}


async def test_a_credential_in_a_note_is_masked_unless_that_is_switched_off(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    async with Memory.open(tmp_path) as memory:
        note = await memory.remember(f"The token is {secret}.")
        assert secret not in note.content
    async with Memory.open(tmp_path, mask_secrets=False) as memory:
        assert secret in (await memory.remember(f"The token is {secret}.")).content


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"content": " \n"}, "no text"),
        ({"content": "x", "kind": ""}, "kind"),
        ({"content": "x", "kind": "a\x1b[31m"}, "kind"),
        ({"content": "x", "tags": "auth"}, "list of names"),
        ({"content": "x", "tags": ["ok", "y" * 65]}, "tag"),
        ({"content": "x", "tags": None}, "list of names"),
        ({"content": "x", "metadata": 3}, "mapping"),
        ({"content": "x", "metadata": {"file_hash": "a"}}, "which the next index run would remove"),
    ],
)
async def test_a_note_that_cannot_be_kept_says_why_and_stores_nothing(
    tmp_path: Path, arguments: dict[str, object], words: str
) -> None:
    async with Memory.open(tmp_path) as memory:
        with pytest.raises(InvalidRequestError, match=words) as caught:
            await memory.remember(**arguments)  # type: ignore[arg-type]
        assert "nothing was stored" in str(caught.value)
        assert await memory.store.count() == 0


async def test_a_memory_that_is_not_open_says_how_to_open_it(tmp_path: Path) -> None:
    memory = Memory.open(tmp_path)
    with pytest.raises(StoreClosedError, match="async with"):
        await memory.search("x")
    async with memory:
        await memory.remember("x is y")
    with pytest.raises(StoreClosedError, match="async with"):
        await memory.status()
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("name", ["missing", "file.txt"])
def test_a_project_has_to_be_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(InvalidRequestError, match="nothing was opened"):
        Memory.open(tmp_path / name)


def test_wrong_settings_are_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'embedder'"):
        Memory.open(tmp_path, embeder="bundled")
    with pytest.raises(InvalidRequestError, match="not both"):
        Memory.open(tmp_path, settings=Settings(), namespace="x")
    assert list(tmp_path.iterdir()) == []


async def test_a_store_that_was_passed_in_is_used_and_stays_open(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path / "own", embedder=HashingEmbedder(), reranker="none") as store:
        async with Memory.open(tmp_path, store=store) as memory:
            await memory.remember("kept elsewhere")
        assert await store.count() == 1
    assert not (tmp_path / ".aurora").exists()


async def test_status_counts_files_chunks_and_notes_and_names_the_sources_of_settings(tmp_path: Path) -> None:
    (tmp_path / "aurora.toml").write_text('namespace = "mine"\n')
    async with Memory.open(tmp_path, mask_secrets=False) as memory:
        await memory.store.upsert(
            [
                Document("def a(): pass", {"path": "a.py", "file_hash": "1", "language": "python", "kind": "function"}),
                Document("def b(): pass", {"path": "a.py", "file_hash": "1", "language": "python", "kind": "function"}),
                Document("# Title", {"path": "b.md", "file_hash": "1", "language": "markdown", "kind": "section"}),
            ]
        )
        await memory.remember("x is y", kind="lesson")
        status = await memory.status()
    assert (status.records, status.vectors, status.files, status.chunks) == (4, 4, 2, 3)
    assert (status.notes, status.languages) == ({"lesson": 1}, {"python": 1, "markdown": 1})
    assert status.store_bytes > 0
    settings = {setting.name: (setting.value, setting.source) for setting in status.settings}
    assert settings["namespace"] == ("mine", str(tmp_path / "aurora.toml"))
    assert settings["mask_secrets"] == (False, "argument")
    assert settings["backend"] == ("faiss", "default")


async def test_status_says_what_is_degraded_and_how_to_fix_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_EMBEDER", "bundled")
    monkeypatch.setattr(onnx_reranker, "BUNDLED_RERANKER", tmp_path)  # as if it were not in this installation
    async with Memory.open(tmp_path) as memory:
        problems = {problem.code: problem for problem in (await memory.status()).problems}
        assert set(problems) == {"empty", "no_reranker", "unknown_variable"}
        assert "AURORA_EMBEDER" in problems["unknown_variable"].text
        assert "aurora index" in problems["empty"].fix
        await memory.remember("x is y")
    other = VectorStore(path=tmp_path / ".aurora", embedder=HashingEmbedder(), reranker="none")
    async with other as store, Memory.open(tmp_path, store=store) as memory:
        status = await memory.status()
        assert "vectors_missing" in {problem.code for problem in status.problems}
        assert status.stored_embedder is not None
        assert status.stored_embedder.startswith("bundled/")


async def test_reembedding_replaces_vectors_of_another_embedder(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path / ".aurora", embedder=HashingEmbedder(), reranker="none") as store:
        await store.upsert([Document("x is y", {"kind": "note"})])
    async with Memory.open(tmp_path) as memory:
        await memory.index()
        assert not await memory.store.embedder_matches()
        await memory.index(reembed=True)
        assert await memory.store.embedder_matches()
        status = await memory.status()
        assert (status.vectors, status.records) == (1, 1)


async def test_indexing_reembeds_after_a_change_of_the_bundled_model(tmp_path: Path) -> None:
    class EarlierBundled(HashingEmbedder):
        @property
        def name(self) -> str:
            return "bundled/earlier"

    async with VectorStore(path=tmp_path / ".aurora", embedder=EarlierBundled(), reranker="none") as store:
        await store.upsert([Document("x is y", {"kind": "note"})])
    async with Memory.open(tmp_path) as memory:
        assert not await memory.store.embedder_matches()
        await memory.index()
        assert await memory.store.embedder_matches()
        assert (await memory.status()).vectors == 1


async def test_indexing_finds_files_and_follows_their_changes_and_keeps_notes(tmp_path: Path) -> None:
    (tmp_path / "auth.py").write_text("def verify_token(token):\n    return token == 1\n")
    (tmp_path / "old.py").write_text("def forgotten():\n    return 0\n")
    async with Memory.open(tmp_path) as memory:
        note = await memory.remember("Tokens are verified in one place.", kind="decision")
        await memory.index()
        found = await memory.search("verify_token", rerank=False)
        assert found[0].metadata["path"] == "auth.py"
        assert (found[0].metadata["start_line"], found[0].metadata["end_line"]) == (1, 2)
        (tmp_path / "old.py").unlink()
        await memory.index()
        paths = {record.metadata.get("path") for record in await memory.store.scan()}
        assert paths == {"auth.py", None}
        assert [document.id for document in await memory.store.fetch([note.id])] == [note.id]


async def test_several_tasks_share_a_memory(tmp_path: Path) -> None:
    async with Memory.open(tmp_path) as memory:
        notes = await asyncio.gather(*(memory.remember(f"fact number {number}") for number in range(12)))
        assert len({note.id for note in notes}) == 12
        searches = await asyncio.gather(*(memory.search(f"fact number {number}", top_k=3) for number in range(6)))
        assert all(len(results) == 3 for results in searches)
