"""The user's own notes: found in every project, marked as such, and never a reason for a search to fail."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from aurora_dev import Document, Memory, VectorStore
from aurora_dev.config import Settings, user_data_folder
from aurora_dev.core.types import NAME_NOT_FOUND, NO_MATCH
from aurora_dev.errors import ConfigurationError, StoreError
from aurora_dev.notes.user_store import USER_NAMESPACE, UserNotes
from aurora_dev.testing.hashing_embedder import HashingEmbedder

ABSENCES = (NAME_NOT_FOUND, NO_MATCH)


async def test_a_note_of_the_user_is_found_in_another_project_and_marked(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with Memory.open(tmp_path / "one") as memory:
        own = await memory.remember("I prefer tabs to spaces.", kind="convention", scope="user")
        assert own.scope == "user"
        assert (await memory.list()).total == 0
    async with Memory.open(tmp_path / "two") as memory:
        project = await memory.remember("This project indents with spaces.", kind="convention")
        for results in (await memory.search("tabs or spaces", rerank=False), await memory.recall("tabs or spaces")):
            scopes = {result.id: result.metadata.get("scope", "project") for result in results}
            assert scopes == {own.id: "user", project.id: "project"}
        assert [r.id for r in await memory.recall("tabs or spaces", scope="user")] == [own.id]
        assert [r.id for r in await memory.recall("tabs or spaces", scope="project")] == [project.id]
        context = str(await memory.context("may I indent with tabs or spaces", 800))
        assert "the user's own" in context
        assert "I prefer tabs to spaces." in context
        changed = await memory.update(own.id, content="I prefer spaces.")
        assert (changed.scope, changed.id) == ("user", own.id)
        assert [note.content for note in await memory.history(own.id)] == ["I prefer tabs to spaces."]
        assert await memory.forget([own.id, project.id]) == 2


async def test_irrelevant_notes_of_the_user_are_left_out_of_a_search(memory: Memory) -> None:
    await memory.remember("I prefer tabs to spaces.", scope="user")
    await memory.store.upsert([Document("def parse_invoice(): pass", {"path": "a.py", "file_hash": "x"})])
    results = await memory.search("parse_invoice", top_k=5, rerank=False)
    assert [result.metadata.get("scope") for result in results] == [None]


async def test_what_a_note_of_the_user_answers_is_not_said_to_be_missing(memory: Memory) -> None:
    await memory.store.upsert([Document("def parse_invoice(): pass", {"path": "a.py", "file_hash": "x"})])
    alone = await memory.search("how do I run deploy_nightly on Kubernetes", rerank=False)
    assert [notice.code for notice in alone.notices if notice.code in ABSENCES] == ["name_not_found", "no_match"]
    await memory.remember("I run deploy_nightly on Kubernetes with helm upgrade.", scope="user")
    joined = await memory.search("how do I run deploy_nightly on Kubernetes", rerank=False)
    assert not any(notice.code in ABSENCES for notice in joined.notices)
    assert joined.relevance is not None
    assert alone.relevance is not None
    assert joined.relevance > 0.5 > alone.relevance


async def test_what_the_users_notes_lack_is_not_said(memory: Memory) -> None:
    await memory.remember("I prefer tabs to spaces.", scope="user")
    await memory.store.upsert([Document("def parse_invoice(text): return text.split()", {"path": "a.py"})])
    results = await memory.search("parse_invoice", rerank=False)
    assert not [notice for notice in results.notices if notice.code.startswith("user_store") or notice.code in ABSENCES]


async def test_results_with_notes_of_the_user_are_ordered_by_score(memory: Memory) -> None:
    for number in range(6):
        await memory.remember(f"Deploy number {number} needs a green build.")
    await memory.remember("I never deploy without a green build.", scope="user")
    results = await memory.search("deploy with a green build", top_k=4, rerank=False)
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)
    assert len(results) == 4
    assert all(0.0 <= score <= 1.0 for score in scores)


async def test_a_search_does_not_create_the_users_store(memory: Memory, own_user_store: Path) -> None:
    await memory.remember("x is y")
    await memory.search("x", rerank=False)
    await memory.recall("x")
    assert not own_user_store.exists()


async def test_a_damaged_store_of_the_user_becomes_a_notice(memory: Memory, own_user_store: Path) -> None:
    await memory.remember("x is y")
    own_user_store.mkdir(parents=True)
    (own_user_store / "memory.db").write_bytes(b"this is not a database" * 1000)
    for results in (await memory.search("x", rerank=False), await memory.recall("x"), await memory.recall("y")):
        assert [result.content for result in results] == ["x is y"]
        assert [notice.code for notice in results.notices if notice.code != "no_match"] == ["user_store_failed"]
        assert results.degraded is None
    assert await memory.get("missing-id") is None
    with pytest.raises(StoreError):
        await memory.remember("mine", scope="user")


async def test_searches_wait_only_once_for_a_users_store_that_does_not_answer() -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hanging() -> object:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        raise OSError("released")

    user = UserNotes(Path(__file__).parent, hanging, patience=0.05)  # type: ignore[arg-type]
    user.exists = lambda: True  # type: ignore[method-assign]

    async def call(_: object) -> int:
        return 1

    notices: list[object] = []
    started = time.perf_counter()
    assert await user.read_or_skip(call, notices) is None  # type: ignore[arg-type]
    for _ in range(50):
        assert await user.read_or_skip(call, notices) is None  # type: ignore[arg-type]
    assert time.perf_counter() - started < 2.0
    assert len(notices) == 51
    release.set()
    await user.close()


async def test_a_decision_that_contradicts_a_note_of_the_user_is_a_conflict(memory: Memory) -> None:
    own = await memory.remember("Indent with tabs.", kind="convention", scope="user")
    new = await memory.remember("Indent with spaces.", kind="convention")
    (conflict,) = new.conflicts
    assert (conflict.id, conflict.scope) == (own.id, "user")
    assert "says 'spaces' where the earlier one says 'tabs'" in conflict.reason


async def test_reading_a_missing_users_store_does_not_create_it(
    memory: Memory, own_user_store: Path, tmp_path: Path
) -> None:
    assert (await memory.list(scope="user")).total == 0
    assert (await memory.prune(scope="user")).count == 0
    assert await memory.forget(filter={"kind": "x"}, scope="user") == 0
    assert await memory.forget(["x"], scope="user") == 0
    assert (await memory.export_notes(tmp_path / "out", scope="user")).notes == 0
    assert not own_user_store.exists()


async def test_a_users_store_of_an_earlier_bundled_model_gets_new_vectors(memory: Memory, own_user_store: Path) -> None:
    class EarlierBundled(HashingEmbedder):
        @property
        def name(self) -> str:
            return "bundled/earlier"

    async with VectorStore(
        path=own_user_store, namespace=USER_NAMESPACE, embedder=EarlierBundled(), reranker="none"
    ) as store:
        await store.upsert([Document("I prefer tabs to spaces.", {"kind": "note"})])
    results = await memory.recall("tabs or spaces", scope="user")
    assert len(results) == 1
    assert "vector" in results[0].scores
    assert results.notices == ()


async def test_the_users_store_can_be_switched_off(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_USER_STORE", "none")
    async with Memory.open(project) as memory:
        await memory.remember("x is y")
        assert len(await memory.search("x", rerank=False)) == 1
        with pytest.raises(ConfigurationError, match="AURORA_USER_STORE"):
            await memory.remember("mine", scope="user")


def test_a_settings_file_of_a_project_cannot_move_the_users_store(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AURORA_USER_STORE")
    (project / "aurora.toml").write_text('user_store = "elsewhere"\n')
    with pytest.raises(ConfigurationError, match="would decide where your own notes are"):
        Settings.load(project)


def test_the_users_data_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert user_data_folder() == tmp_path / "xdg" / "aurora"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # to be ignored
    assert user_data_folder() == tmp_path / ".local" / "share" / "aurora"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert user_data_folder() == tmp_path / "Library" / "Application Support" / "aurora"
    monkeypatch.setattr(sys, "platform", "win32")
    assert user_data_folder() == tmp_path / "local" / "aurora"
    monkeypatch.setenv("AURORA_USER_STORE", str(tmp_path / "mine"))
    assert Settings.load().user_store_path() == tmp_path / "mine"
