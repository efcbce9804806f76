"""Write under a file-size limit, as on a full disk, and print what happened. POSIX only.

    python limited_writer.py FOLDER

A file-size limit simulates a full disk: a write of SQLite fails in the middle of a transaction. Each line is the
outcome of one step; the test reads them in order.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stress.killed_writer import document, say, word

from aurora_dev.core.local import derived as derived_index
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import StoreFullError
from aurora_dev.testing.hashing_embedder import HashingEmbedder

NUMBERS = range(200)


@contextmanager
def limited(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def found(store: VectorStore) -> dict[str, Any]:
    """Return the records that a scan, a vector search and a keyword search find, as number → version."""
    everything = {record.metadata["number"]: record.metadata["version"] for record in await store.scan()}
    results = await store.search("common", top_k=5_000, rerank=False)
    searched = {result.metadata["number"]: result.metadata["version"] for result in results}
    return {"records": everything, "search": searched}


async def work(folder: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    derived_index.SAVE_AFTER_REFRESH = 0.0
    store = VectorStore(path=folder, embedder=HashingEmbedder(), reranker="none", namespace="n")
    await store.write([document(number, 1) for number in NUMBERS])
    largest = max(path.stat().st_size for path in Path(folder).glob("memory.db*"))
    errors = []
    with limited(largest + 20_000):
        for version in range(2, 6):  # replacements, each a transaction that does not fit
            try:
                await store.write([document(number, version) for number in NUMBERS], [word(0)])
            except StoreFullError as error:
                errors.append(str(error))
    say(json.dumps({"errors": errors, **await found(store)}))

    # Too little for any snapshot, and nothing that a user should hear of.
    with limited(4_096):
        await store.refresh()
        say(json.dumps({"snapshots": [path.name for path in Path(folder, "index").glob("*")], **await found(store)}))

    await store.write([document(number, 9) for number in range(50, 250)], [word(0)])
    await store.close()
    snapshots = sorted(path.suffix for path in Path(folder, "index").glob("*"))
    store = VectorStore(path=folder, embedder=HashingEmbedder(), reranker="none", namespace="n")
    say(json.dumps({"snapshots": snapshots, **await found(store)}))
    await store.close()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
