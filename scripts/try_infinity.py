"""Serve a model with infinity and rerank through it. Run it with try_infinity.sh, which sets everything up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from aurora_dev.core.http_reranker import HTTPReranker
from aurora_dev.core.types import Document
from aurora_dev.core.vector_store import VectorStore

QUERY = "good a"
# Best first: the model scores the share of the word "good".
TEXTS = ["good good good", "good good b", "good b c d", "bad", "b c d e f g h i j k"]
# The most that infinity's probabilities may differ from the sigmoid of its logits.
TOLERANCE = 1e-4
START_SECONDS = 180.0
MODEL = "tiny"


@contextlib.contextmanager
def serving(program: str, model: str) -> Iterator[str]:
    """Run infinity on a free port of the loopback interface, and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "v2", "--model-id", model, "--served-model-name", MODEL, "--engine", "torch", "--device", "cpu"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-bettertransformer", "--no-model-warmup"]
    # No usage statistics and no model hub: the folder has everything.
    quiet = {"INFINITY_ANONYMOUS_USAGE_STATS": "0", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, env={**os.environ, **quiet}, stdout=log, stderr=subprocess.STDOUT)
        try:
            if not answers(f"http://127.0.0.1:{port}/health", server):
                log.seek(0)
                print(log.read().decode("utf-8", "replace")[-4_000:], file=sys.stderr)
                raise SystemExit("infinity did not start; its last lines are above")
            yield f"http://127.0.0.1:{port}/rerank"
        finally:
            server.terminate()
            server.wait(30)


def answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=1.0).status_code == 200:
                return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(0.5)
    return False


async def scores_of(url: str) -> bool:
    shuffled = [TEXTS[position] for position in (3, 0, 4, 2, 1)]
    probabilities = HTTPReranker(url, model=MODEL, api_format="infinity")
    logits = HTTPReranker(url, model=MODEL, api_format="infinity", scores="logit")
    automatic = HTTPReranker(url, model=MODEL)  # chooses the format, although the address does not name a service
    try:
        print("check:", await probabilities.check())
        best = await probabilities.rerank_async(QUERY, shuffled)
        for found in best:
            print(f"{found['score']:.6f}  {found['content']}")
        in_order = [found["content"] for found in best] == TEXTS
        expected = await probabilities.score(QUERY, TEXTS)
        differences = [
            float(abs(await reranker.score(QUERY, TEXTS) - expected).max()) for reranker in (logits, automatic)
        ]
        print("order as expected:", in_order)
        print(f"largest difference: {differences[0]:.2g} for logits, {differences[1]:.2g} for api_format auto")
        many = [f"good {'w1 ' * (number % 40)}" for number in range(600)]
        started = time.perf_counter()
        count = int((await probabilities.score(QUERY, many) > 0).sum())
        seconds = time.perf_counter() - started
        print(f"scored {count} of {len(many)} texts in {seconds:.2f} s, in requests of at most 256")
        searched = await in_a_search(probabilities)
        return in_order and max(differences) < TOLERANCE and count == len(many) and searched
    finally:
        for reranker in (probabilities, logits, automatic):
            await reranker.aclose()


async def in_a_search(reranker: HTTPReranker) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        store = VectorStore(path=folder, reranker=reranker)
        try:
            await store.upsert([Document(text, {"path": f"{n}.md"}) for n, text in enumerate(TEXTS)])
            results = await store.search(QUERY, top_k=3)
            print(f"search: {results.search_method}, {results.message}, degraded: {results.degraded}")
            for result in results:
                print(f"{result.score:.6f}  {result.content}")
            return results.degraded is None and [result.content for result in results] == TEXTS[:3]
        finally:
            await store.close()


def main() -> int:
    program, model = sys.argv[1:]
    with serving(str(Path(program).absolute()), model) as url:
        print("infinity serves", url)
        passed = asyncio.run(scores_of(url))
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
