"""Index a project and print the progress: ``at FILES`` for each batch, ``done`` at the end.

    python index_project.py PROJECT STORE

It prints ``ready`` when everything is imported, and waits for a line before it begins.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aurora_dev.config import Settings
from aurora_dev.core.factory import create_embedder
from aurora_dev.indexing.indexer import IndexProgress
from aurora_dev.memory import Memory


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(progress: IndexProgress) -> None:
    say(f"at {progress.files_done}")


async def index(project: str, store: str) -> None:
    create_embedder("bundled").embed_query("loads the model")
    say("ready")
    sys.stdin.readline()
    async with Memory.open(project, settings=Settings(store=Path(store), reranker="none")) as memory:
        await memory.index(tell)
    say("done")


if __name__ == "__main__":
    asyncio.run(index(sys.argv[1], sys.argv[2]))
