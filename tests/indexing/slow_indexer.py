"""Index a project and stop at the first write: print ``writing`` and wait for input or the end of the process.

python slow_indexer.py PROJECT
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from aurora_dev.config import Settings
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.memory import Memory
from aurora_dev.testing.hashing_embedder import HashingEmbedder


class Stopping(VectorStore):
    async def write(self, *arguments: Any, **named: Any) -> list[str]:
        sys.stdout.write("writing\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        return await super().write(*arguments, **named)


async def index(project: str) -> None:
    store = Stopping(FAISSLocalStore(Path(project) / ".aurora"), embedder=HashingEmbedder(), reranker="none")
    settings = Settings(reranker="none", user_store="none")
    async with Memory.open(project, settings=settings, store=store) as memory:
        await memory.index()


if __name__ == "__main__":
    asyncio.run(index(sys.argv[1]))
