"""An embedding service with limits: the texts that it refuses are found by keywords, and all others are complete."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.config import Settings
from aurora_dev.interfaces.cli.output.index_report import report_text
from aurora_dev.memory import Memory
from aurora_dev.testing.hashing_embedder import HashingEmbedder

HASHING = HashingEmbedder(16)


class Limits:
    """What the service takes: texts in a request, characters in a text."""

    texts = 10
    characters = 300


@pytest.fixture
def service() -> Iterator[tuple[str, Limits]]:
    limits = Limits()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
            if len(texts) > limits.texts:
                self.answer(400, {"error": {"message": "batch size is invalid"}})
            elif max(map(len, texts)) > limits.characters:
                self.answer(500, {"error": {"message": "input is too large to process"}})
            else:
                rows = HASHING.embed_documents(texts).tolist()
                self.answer(200, {"data": [{"index": n, "embedding": row} for n, row in enumerate(rows)]})

        def answer(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, _format: str, *args: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", limits
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for number in range(40):
        (folder / f"f{number}.py").write_text(f"def fn_{number}(x):\n    return x + {number}\n")
    lines = "".join(f"        '{n:04x}': ({n * 7919:#08x}, {n * 104729:#08x}),\n" for n in range(20))
    (folder / "dense.py").write_text(f"def dense():\n    return {{\n{lines}    }}\n")
    return folder


def opened(project: Path, url: str, **settings: Any) -> Memory:
    options = {"embedder": f"http:{url}", "embedder_model": "m", "reranker": "none", "user_store": "none", **settings}
    return Memory.open(project, settings=Settings.load(project, **options))


async def test_the_files_beside_a_text_that_is_refused_are_complete(project: Path, service: tuple[str, Limits]) -> None:
    url, limits = service
    async with opened(project, url) as memory:
        report = await memory.index()
        stats = await memory.store.stats()
        assert (report.files_added, stats.records - stats.vectors) == (41, 1)
        assert (report.without_vectors, report.without_vectors_count) == (("dense.py:1",), 1)
        assert "no vector for 1 record that the embedder refused (dense.py:1)" in report_text(project, report)
        (problem,) = [p for p in (await memory.status()).problems if p.code == "vectors_missing"]
        assert "dense.py:1" in problem.text
        found = await memory.search("dense", 1)
        assert (found[0].metadata["path"], found.degraded) == ("dense.py", None)
        # Making vectors again ends, although one cannot be made.
        report = await memory.index(reembed=True)
        assert report.without_vectors == ("dense.py:1",)
        limits.characters = 100_000
        report = await memory.index(reembed=True)
        assert report.without_vectors == ()
        stats = await memory.store.stats()
        assert stats.records == stats.vectors


async def test_a_text_that_was_refused_is_tried_again_when_it_changes(
    project: Path, service: tuple[str, Limits]
) -> None:
    async with opened(project, service[0]) as memory:
        await memory.index()
        (project / "dense.py").write_text("def dense():\n    return {}\n")
        report = await memory.index()
        assert (report.files_updated, report.without_vectors) == (1, ())


async def test_a_note_that_the_service_refuses_is_stored_and_found(project: Path, service: tuple[str, Limits]) -> None:
    async with opened(project, service[0]) as memory:
        await memory.remember("Walrus caches expire. " + "Because of that, and of this. " * 20)
        assert "Walrus" in (await memory.recall("walrus caches"))[0].content


async def test_the_batch_size_is_a_setting(project: Path, service: tuple[str, Limits]) -> None:
    service[1].texts = 5
    async with opened(project, service[0], embedder_batch_size=5) as memory:
        assert (await memory.index()).files_added == 41
        assert memory.store.embedder._most == 5  # type: ignore[attr-defined]
