"""A process that stores notes: ``sharing_notes.py PROJECT NAME COUNT SENTENCE``. It begins at a line on its input."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from aurora_dev import Memory, Note


async def main(project: str, name: str, count: int, shared: str) -> None:
    async with Memory.open(project, reranker="none") as memory:
        await memory.search("warm up", rerank=False)
        print("ready", flush=True)
        sys.stdin.readline()
        (counter,) = (await memory.list(kinds=["counter"])).notes
        (earlier,) = (await memory.list(kinds=["earlier"])).notes
        for number in range(count):
            await memory.remember(shared)
            await memory.remember(f"Worker {name} has seen item {number}.", kind="lesson")

            def tagged(note: Note, tag: str = f"{name}-{number}") -> Note:
                return replace(note, tags=(*note.tags, tag))

            # Each correction adds a tag: if one overwrites another, tags are missing in the end.
            await memory.notes.project.change(counter.id, tagged)
        await memory.remember(f"Sessions live with {name}.", kind="successor", supersedes=earlier.id)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
