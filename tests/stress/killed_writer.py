"""Change a store at random until killed: announce every change before it, and acknowledge it after.

    python killed_writer.py FOLDER SEED

It waits for a line, then prints one JSON object before each change, and ``ok`` when it is acknowledged. Changes are
``{"put": [[id, version], …], "delete": [id, …]}``, ``{"group": n}`` (a deletion by filter) and ``{"do": "refresh"}``,
``"reopen"`` or ``"search"``, which change no record.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any

from aurora_dev.core.local import derived as derived_index
from aurora_dev.core.types import Document
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.testing.hashing_embedder import HashingEmbedder

GROUPS = 7
_LETTERS = "bcdfghjkmn"  # a letter for each digit: words that no tokenizer cuts and no stemmer shortens


def word(*numbers: int) -> str:
    return "q".join("".join(_LETTERS[int(digit)] for digit in str(number)) for number in numbers)


def document(number: int, version: int) -> Document:
    """Return a version of a record, with a word of the record, a word of the version, and a word that all share."""
    content = f"common {word(number)} {word(number, version)} {word(version % 50)} group {word(number % GROUPS)}"
    return Document(content, {"number": number, "version": version, "group": (number + version) % GROUPS}, word(number))


def say(value: Any) -> None:
    sys.stdout.write((value if isinstance(value, str) else json.dumps(value)) + "\n")
    sys.stdout.flush()


async def change(folder: str, seed: int) -> None:
    chance = random.Random(seed)
    derived_index.SAVE_AFTER_REFRESH = 0.0  # small stores are quick to index: their snapshots are written too

    def opened() -> VectorStore:
        return VectorStore(path=folder, embedder=HashingEmbedder(), reranker="none", namespace="n")

    say("ready")
    sys.stdin.readline()
    store = opened()
    newest = seed * 40  # the pool of ids grows from child to child
    version = seed * 10_000
    while True:
        kind = chance.choices(["put", "bulk", "group", "refresh", "reopen", "search"], [10, 2, 0.4, 3, 2, 4])[0]
        if kind in ("put", "bulk"):
            count = chance.randint(100, 300) if kind == "bulk" else chance.randint(1, 12)
            numbers = chance.sample(range(newest + 400), count)
            kept = numbers[: max(1, count * 3 // 4)]
            version += 1
            say({"put": [[number, version] for number in kept], "delete": [word(n) for n in numbers[len(kept) :]]})
            await store.write([document(n, version) for n in kept], [word(n) for n in numbers[len(kept) :]])
        elif kind == "group":
            group = chance.randrange(GROUPS)
            say({"group": group})
            await store.delete(filter={"group": group, "number": {"$lt": newest}})
        else:
            say({"do": kind})
            if kind == "refresh":
                await store.refresh()
            elif kind == "reopen":
                await store.close()
                store = opened()
            else:
                await store.search("common " + word(chance.randrange(newest + 400)), rerank=False)
        say("ok")


if __name__ == "__main__":
    asyncio.run(change(sys.argv[1], int(sys.argv[2])))
