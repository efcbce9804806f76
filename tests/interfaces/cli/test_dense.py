"""Dense vectors of a project: when they are made, by whom, and what the status and the command line say of it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import Result

from aurora_dev import Memory
from aurora_dev.core.contracts import DenseProgress, NamespaceStats
from aurora_dev.core.embed.dense import has_bundled_dense
from aurora_dev.core.types import Document
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.indexing.process_lock import try_lock
from aurora_dev.interfaces.cli.actions.watch import DenseLines
from aurora_dev.memory import dense as dense_module
from aurora_dev.notes.recall_scores import COSINE_SHARE
from aurora_dev.testing.hashing_embedder import HashingEmbedder

pytestmark = pytest.mark.skipif(not has_bundled_dense(), reason="an installation without the model")

PATIENCE = 60.0  # seconds; the machine may be busy


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(
        'def purge(store):\n    """Drop entries that are too old."""\n    store.clear()\n\n\n'
        "def connect(host, port):\n    return open_socket(host, port)\n"
    )
    (tmp_path / "mean.py").write_text("def mean(numbers):\n    return sum(numbers) / len(numbers)\n")
    (tmp_path / "README.md").write_text("# App\n\nA small program.\n")
    return tmp_path


def settings(**more: str) -> dict[str, Any]:
    return {"reranker": "none", "user_store": "none", **more}


async def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)


async def test_with_auto_nothing_is_made_until_somebody_asks_for_it(project: Path) -> None:
    async with Memory.open(project, **settings()) as memory:
        await memory.index()
        assert not await memory.dense.wanted()
        assert (await memory.status()).dense is None
        report = await memory.dense.make()
        assert report is not None
        assert report.progress == DenseProgress(report.embedded, report.embedded)
        results = await memory.search("remove what expired")
        assert results.search_method == "rrf_hybrid+dense"
        status = (await memory.status()).dense
        assert status is not None
        assert (status.made, status.running) == (status.total, False)
        await memory.remember("Sockets are pooled by host.")
        assert await memory.dense.wanted()  # what was begun is kept up


async def test_with_on_an_index_run_wants_them_and_with_off_nobody_does(project: Path) -> None:
    async with Memory.open(project, **settings(dense="on")) as memory:
        await memory.index()
        assert await memory.dense.wanted()
        await memory.dense.make(workers=1)
        assert not await memory.dense.wanted()
    async with Memory.open(project, **settings(dense="off")) as memory:
        assert (await memory.search("remove what expired")).search_method == "rrf_hybrid"
        assert await memory.dense.make() is None
        assert (await memory.status()).dense is None


async def test_an_open_memory_makes_the_vectors_of_what_is_written_meanwhile(project: Path) -> None:
    async with Memory.open(project, **settings(dense="on")) as memory:
        await memory.index()
        steps: list[DenseProgress] = []
        memory.dense.keep(steps.append)
        memory.dense.keep(steps.append)
        await until(lambda: steps and steps[-1].complete)
        before = steps[-1].total
        await memory.remember("Sockets are pooled by host.")
        await until(lambda: steps[-1] == DenseProgress(before + 1, before + 1))
    async with Memory.open(project, **settings()) as memory:
        status = await memory.dense.status()
        assert status is not None
        assert status.made == status.total == before + 1


async def test_the_status_says_why_vectors_that_are_asked_for_cannot_be_made(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("aurora_dev.core.embed.dense.BUNDLED_DENSE", tmp_path / "missing")
    async with Memory.open(project, **settings(dense="on")) as memory:
        await memory.index()
        (problem,) = [each for each in (await memory.status()).problems if each.code == "dense_unavailable"]
        assert "SHA256SUMS" in problem.text
        assert (await memory.search("remove what expired")).degraded is None  # there are none to search
    async with Memory.open(project, **settings()) as memory:
        assert "dense_unavailable" not in [each.code for each in (await memory.status()).problems]


async def test_recall_judges_a_note_by_the_nearer_of_its_vectors(project: Path) -> None:
    async with Memory.open(project, **settings(dense="on")) as memory:
        note = await memory.remember("The cashier closes the till at nine.")
        for number in range(8):
            await memory.remember(f"Module {number} parses the invoices of supplier {number}.")
        query = "what time does the shop shut"
        await memory.dense.make()
        best = (await memory.recall(query))[0]
        assert best.id == note.id
        assert best.scores["dense"] > best.scores["vector"]
        assert best.scores["relevance"] >= COSINE_SHARE * best.scores["dense"]


async def test_two_processes_do_not_make_the_same_vectors(project: Path) -> None:
    async with Memory.open(project, **settings(dense="on")) as memory:
        await memory.index()
        assert memory.dense.lock is not None
        memory.dense.lock.parent.mkdir(exist_ok=True)
        with try_lock(memory.dense.lock) as held:
            assert held
            assert await memory.dense.make() is None
            status = await memory.dense.status()
            assert status is not None
            assert status.running
        assert await memory.dense.make() is not None


def test_the_command_waits_for_the_vectors_and_the_status_counts_them(
    project: Path, run: Callable[..., Result]
) -> None:
    environment = {"AURORA_RERANKER": "none", "AURORA_USER_STORE": "none"}
    result = run("index", "--dense", "--wait", cwd=project, **environment)
    assert result.exit_code == 0, result.output
    assert "dense vectors: 2 of 2 records." in result.output
    status = run("status", cwd=project, **environment)
    assert "dense      2 of 2 records, of bundled/minilm-dense" in status.output
    again = json.loads(run("index", "--dense", "--wait", "--json", cwd=project, **environment).stdout)
    assert again["dense"] == {"model": "bundled/minilm-dense", "made": 2, "total": 2, "running": False}
    assert "dense" not in json.loads(run("index", "--json", cwd=project, **environment).stdout)


def test_the_command_leaves_the_vectors_to_a_process_that_outlives_it(
    project: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURORA_USER_STORE", "none")
    result = run("index", "--dense", cwd=project, AURORA_RERANKER="none")
    assert result.exit_code == 0, result.output
    assert "of 2 records. They are being made in the background" in result.output

    async def made() -> int:
        async with Memory.open(project, **settings()) as memory:
            status = await memory.dense.status()
            return 0 if status is None else status.made

    end = time.monotonic() + PATIENCE
    while asyncio.run(made()) < 2:
        assert time.monotonic() < end, "the process made no vectors"
    assert dense_module._started.pop().wait(PATIENCE) == 0


def test_switched_off_vectors_cannot_be_asked_for(project: Path, run: Callable[..., Result]) -> None:
    result = run("index", "--dense", cwd=project, AURORA_DENSE="off")
    assert result.exit_code != 0
    assert "switched off by the setting dense" in result.output
    assert not (project / ".aurora").exists()


async def test_a_running_mcp_server_makes_vectors_and_its_status_counts_them(
    project: Path, mcp_client: Callable[..., Any]
) -> None:
    async with mcp_client(project, reranker="none", user_store="none", dense="on") as client:
        await client.call_tool("index_project", {})
        await client.call_tool("remember", {"content": "Sockets are pooled by host."})
        end = time.monotonic() + PATIENCE
        while "dense vectors: 3 of 3 records" not in (text := await _status_text(client)):
            assert time.monotonic() < end, text
            await asyncio.sleep(0.1)
        await client.call_tool("search_memory", {"query": "how are connections reused"})


@pytest.mark.parametrize("as_json", [False, True])
def test_the_watch_prints_the_progress_now_and_then_and_its_end(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    lines = DenseLines(as_json=as_json)
    for made in range(0, 1_001, 100):
        lines.show(DenseProgress(made, 1_000))
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 2
    if as_json:
        assert json.loads(shown[-1]) == {"dense": {"made": 1_000, "total": 1_000}}
    else:
        assert shown[-1].endswith("  dense vectors: 1,000 of 1,000")


async def _status_text(client: Any) -> str:
    result = await client.call_tool("memory_status", {})
    return "".join(part.text for part in result.content)


async def test_what_was_begun_is_kept_up_when_every_record_is_replaced(project: Path) -> None:
    async with Memory.open(project, **settings()) as memory:
        await memory.index()
        await memory.dense.make()
        for file in project.glob("*.py"):
            file.write_text(file.read_text("utf-8").replace("def ", "def new_"), "utf-8")
        await memory.index()
        status = await memory.dense.status()
        assert status is not None
        assert status.made == 0
        assert await memory.dense.wanted()


class SlowModel(HashingEmbedder):
    """Embeds until it is told to stop, to the end of the test at most."""

    def __init__(self) -> None:
        super().__init__(48, salt="dense")
        self.begun = threading.Event()
        self.texts = 0

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.begun.set()
        self.texts += len(texts)
        threading.Event().wait(0.05)
        return super().embed_documents(texts)


@pytest.mark.parametrize("kept", [True, False])
async def test_cancelling_ends_the_making_of_vectors(tmp_path: Path, kept: bool) -> None:
    model = SlowModel()
    store = VectorStore(path=tmp_path / "store", embedder=HashingEmbedder(64), reranker="none", dense=model)
    async with store:
        await store.upsert([Document(f"text {number}", {}, f"n{number}") for number in range(2_000)])
        making = dense_module.DenseMaking(store, "on", tmp_path / "state")
        if kept:
            making.keep()
            task = next(task for task in asyncio.all_tasks() if task.get_name() == "aurora-dense")
        else:
            task = asyncio.create_task(making.make(workers=1), name="making")
        await until(model.begun.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not any(each.name.startswith("aurora-dense") for each in threading.enumerate()))
        done = model.texts
        assert done < 1_000
        await asyncio.to_thread(threading.Event().wait, 0.3)
        assert model.texts <= done + 16  # the batch that was in work


async def test_a_change_that_needs_no_vectors_is_looked_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_module, "_LOOK", 0.01)
    async with Memory.open(project, **settings()) as memory:
        await memory.index()
        await memory.dense.make()
        looks: list[bool] = []
        wanted, stats = memory.dense.wanted, memory.store.stats
        counted: list[int] = []

        async def counting_wanted() -> bool:
            looks.append(await wanted())
            return looks[-1]

        async def counting_stats() -> NamespaceStats:
            found = await stats()
            counted.append(found.sequence)
            return found

        monkeypatch.setattr(memory.dense, "wanted", counting_wanted)
        monkeypatch.setattr(memory.store, "stats", counting_stats)
        memory.dense.keep()
        await until(lambda: looks)
        (project / "README.md").write_text("# App\n\nA small program that grew.\n", "utf-8")
        await memory.index()
        after = len(counted)
        await until(lambda: len(counted) > after + 10)
        assert looks == [False, False]


async def test_what_another_process_left_half_done_is_continued(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_module, "_BUSY", 0.05)
    async with Memory.open(project, **settings(dense="on")) as memory:
        await memory.index()
        assert memory.dense.lock is not None
        refused = asyncio.Event()
        sleep = memory.dense._sleep

        async def sleeping(seconds: float) -> None:
            refused.set()
            await sleep(seconds)

        monkeypatch.setattr(memory.dense, "_sleep", sleeping)
        with try_lock(memory.dense.lock) as held:
            assert held
            steps: list[DenseProgress] = []
            memory.dense.keep(steps.append)
            await asyncio.wait_for(refused.wait(), PATIENCE)
            assert not steps
        await until(lambda: steps and steps[-1].complete)


async def test_the_process_makes_no_store_where_it_was_deleted_meanwhile(project: Path) -> None:
    await asyncio.to_thread(dense_module.main, str(project))
    assert not (project / ".aurora").exists()
