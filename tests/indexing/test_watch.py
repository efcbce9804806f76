"""The watch: batches after file changes, branch switches and commits; polling; errors."""

from __future__ import annotations

import asyncio
import errno
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from git_repository import Repository

from aurora_dev.config import Settings
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import StoreError
from aurora_dev.indexing import watch
from aurora_dev.indexing.watch import WatchBatch
from aurora_dev.memory import Memory
from aurora_dev.testing.hashing_embedder import HashingEmbedder

PATIENCE = 30.0  # seconds, for a busy machine


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    put(folder, "src/alpha.py", "def alpha():\n    return 'apple'\n")
    return folder


def put(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


class Watching:
    """A watch in a background task, with a queue of its batches."""

    def __init__(self, memory: Memory, **options: Any) -> None:
        self.memory = memory
        self.stop = asyncio.Event()
        self.batches: asyncio.Queue[WatchBatch | None] = asyncio.Queue()
        self.task = asyncio.create_task(self._run(options))

    async def _run(self, options: dict[str, Any]) -> None:
        async for batch in self.memory.watch(stop=self.stop, **options):
            await self.batches.put(batch)
        await self.batches.put(None)

    async def next(self) -> WatchBatch:
        waiting = asyncio.ensure_future(self.batches.get())
        await asyncio.wait({waiting, self.task}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done() and not waiting.done():
            await self.task  # raises its error
        assert waiting.done(), "no batch came"
        batch = waiting.result()
        assert batch is not None, "the watch ended"
        return batch

    async def until(self, path: str, count: int = 1) -> list[WatchBatch]:
        """Return the batches up to the one after which a path has ``count`` chunks."""
        batches: list[WatchBatch] = []
        while await self.memory.store.count({"path": path}) != count:
            batches.append(await self.next())
        return batches


@asynccontextmanager
async def watching(project: Path, **options: Any) -> AsyncIterator[Watching]:
    store = VectorStore(path=project / ".aurora", embedder=HashingEmbedder(), reranker="none")
    async with Memory.open(project, settings=Settings(reranker="none", user_store="none"), store=store) as memory:
        started = Watching(memory, **options)
        try:
            yield started
        finally:
            started.stop.set()
            await asyncio.wait_for(started.task, PATIENCE)
            await store.close()


async def test_a_watch_indexes_the_project_and_then_every_change(project: Path) -> None:
    async with watching(project) as started:
        first = await started.next()
        assert (first.first, first.files_updated, first.polling, first.error) == (True, 1, None, None)
        put(project, "src/alpha.py", "def alpha():\n    return 'avocado'\n")
        batch = await started.next()
        assert (batch.first, batch.files_updated, batch.files_removed) == (False, 1, 0)
        put(project, "src/new/deep/beta.py", "BETA = 1\n")
        await started.until("src/new/deep/beta.py")
        put(project, "src/new/deep/gamma.py", "GAMMA = 1\n")  # in a folder that was not there at first
        await started.until("src/new/deep/gamma.py")
        shutil.rmtree(project / "src/new")
        await started.until("src/new/deep/gamma.py", 0)
        assert await started.memory.store.count({"path": "src/new/deep/beta.py"}) == 0


async def test_files_that_no_walk_lists_cause_no_batch(project: Path) -> None:
    put(project, ".gitignore", "ignored/\n*.log\n")
    put(project, "ignored/a.py", "A = 1\n")
    put(project, "node_modules/b.py", "B = 1\n")
    async with watching(project) as started:
        assert (await started.next()).files_updated == 2
        put(project, "ignored/a.py", "A = 2\n")
        put(project, "node_modules/b.py", "B = 2\n")
        put(project, "trace.log", "line\n")
        put(project, ".aurora/other.txt", "x\n")
        put(project, "src/alpha.py", "ALPHA = 2\n")
        batch = await started.next()
        assert batch.files_updated == 1
        assert {record.metadata["path"] for record in await started.memory.store.scan()} == {
            ".gitignore",
            "src/alpha.py",
        }


async def test_a_branch_switch_is_one_batch(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "project")
    for number in range(60):
        repository.put(f"src/f{number}.py", f"VALUE = {number}\n")
    repository.put(".gitignore", ".aurora\n")
    repository.commit("Begin")
    main = repository.git("rev-parse", "--abbrev-ref", "HEAD")
    repository.git("checkout", "-q", "-b", "other")
    for number in range(50):
        repository.put(f"src/f{number}.py", f"OTHER = {number}\n")
    repository.commit("Another way")
    repository.git("checkout", "-q", main)
    async with watching(repository.root) as started:
        assert (await started.next()).first
        repository.git("checkout", "-q", "other")
        batch = await started.next()
        assert (batch.files_updated, batch.files_removed, batch.commits) == (50, 0, 1)


async def test_a_commit_without_changed_files_is_noticed(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "project")
    repository.commit("Begin", a__py="A = 1\n", __gitignore=".aurora\n")
    async with watching(repository.root) as started:
        assert (await started.next()).commits == 1
        repository.commit("Say more")
        assert (await started.next()).commits == 1


async def test_an_error_is_reported_once_and_the_watch_continues(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(project) as started:
        await started.next()
        store = started.memory.store
        write = store.write
        failures = 0

        async def fail(*arguments: Any, **named: Any) -> list[str]:
            nonlocal failures
            failures += 1
            if failures < 3:
                raise StoreError("no space left")
            return await write(*arguments, **named)

        monkeypatch.setattr(store, "write", fail)
        put(project, "src/alpha.py", "ALPHA = 3\n")
        failed = await started.next()
        assert failed.error == "no space left"
        recovered = await started.next()
        assert (recovered.error, recovered.files_updated) == (None, 1)
        assert failures >= 3


async def test_an_unexpected_error_of_an_update_does_not_end_the_watch(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(project) as started:
        await started.next()
        with monkeypatch.context() as broken:

            def fail(*_arguments: Any, **_named: Any) -> None:
                raise ValueError("embedded null byte")

            broken.setattr("aurora_dev.indexing.changes.find_changes", fail)
            put(project, "src/alpha.py", "ALPHA = 3\n")
            assert (await started.next()).error == "ValueError: embedded null byte"
        recovered = await started.next()
        assert (recovered.error, recovered.files_updated) == (None, 1)


async def test_a_project_that_cannot_be_watched_is_polled_and_the_batch_says_why(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import watchfiles

    def refuse(*_paths: Any, **_options: Any) -> Any:
        raise OSError(errno.ENOSPC, "OS file watch limit reached")

    monkeypatch.setattr(watchfiles, "awatch", refuse)
    monkeypatch.setattr(watch, "_POLL_INTERVAL", 0.05)
    async with watching(project) as started:
        assert (await started.next()).polling is None
        batch = await started.next()
        assert batch.polling is not None
        assert "watch limit" in batch.polling
        assert len(batch.polling) < 300
        assert ("fs.inotify.max_user_watches" in batch.polling) == (sys.platform == "linux")
        put(project, "src/alpha.py", "ALPHA = 4\n")
        batch = await started.next()
        assert batch.files_updated == 1


async def test_polling_can_be_requested(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_POLL_INTERVAL", 0.05)
    async with watching(project, poll=True) as started:
        assert (await started.next()).polling == "asked to"
        put(project, "src/beta.py", "BETA = 1\n")
        assert (await started.next()).files_updated == 1


async def test_a_watch_waits_until_wait_for_git(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "project")
    repository.commit("Begin", a__py="A = 1\n", __gitignore=".aurora\n")
    stop = asyncio.Event()
    lock = repository.root / ".git" / "index.lock"
    lock.touch()
    waiting = asyncio.create_task(watch._wait_for_git(repository.root, stop))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    lock.unlink()
    await asyncio.wait_for(waiting, PATIENCE)


async def test_closing_a_watch_ends_it(project: Path) -> None:
    store = VectorStore(path=project / ".aurora", embedder=HashingEmbedder(), reranker="none")
    async with Memory.open(project, settings=Settings(reranker="none", user_store="none"), store=store) as memory:
        batches = memory.watch()
        assert (await anext(batches)).first
        await asyncio.wait_for(batches.aclose(), PATIENCE)
        waiting = memory.watch()
        assert (await anext(waiting)).first
        task = asyncio.ensure_future(anext(waiting))
        await asyncio.wait({task}, timeout=0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE)
        await waiting.aclose()
    await store.close()
