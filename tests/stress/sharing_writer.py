"""Write to a store together with other processes, and look for the records that they report.

    python sharing_writer.py FOLDER WHO CHANGES

It prints each acknowledged write, ``{"put": [[number, version], …], "gone": [number, …]}``, and reads the same lines of
other processes: it looks for each of these records, by id and by a search, in its next round. The line ``settle`` means
that all processes have finished writing: it then prints everything that its searches find,
``{"looked": n, "vector": {number: version}, "keyword": …}``.
"""

from __future__ import annotations

import asyncio
import json
import queue
import random
import sys
import threading
from typing import Any

from stress.killed_writer import document, say, word

from aurora_dev.core.types import SearchMode, SearchOptions
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.testing.hashing_embedder import HashingEmbedder

MINE = 1_000  # numbers of one process
SHARED = tuple(range(9_000, 9_006))


async def read(store: VectorStore, number: int, mode: SearchMode) -> tuple[int, dict[str, int]]:
    """Return a record's version, and the versions that a search for the text of this version finds, by id."""
    (found,) = await store.fetch([word(number)])
    newest = int(str(found.metadata["version"]))
    options = SearchOptions(mode=mode)
    results = await store.search(document(number, newest).content, top_k=5, rerank=False, options=options)
    return newest, {result.id: result.metadata["version"] for result in results}


async def look(store: VectorStore, told: dict[str, Any]) -> None:
    """Look for the records that another process wrote or removed; only that process writes new versions of them."""
    for number, version in told["put"]:
        if number in SHARED or number % 2 == 0:
            continue  # replaced by another or deleted by its owner, perhaps, since this was said
        for mode in ("vector", "keyword"):
            newest, seen = await read(store, number, mode)
            while seen.get(word(number), 0) < version:
                before = newest
                newest, seen = await read(store, number, mode)
                # Its owner may have replaced it between the two reads, by what is further from the older text than
                # others are. It never went back.
                assert newest > before, (mode, number, version, newest, seen)
            assert newest >= version, (number, version, newest)
    assert not await store.fetch([word(number) for number in told["gone"]])


async def share(folder: str, who: int, changes: int) -> None:
    chance = random.Random(who)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    say("ready")
    sys.stdin.readline()
    threading.Thread(target=lambda: [lines.put(line.strip()) for line in sys.stdin], daemon=True).start()  # type: ignore[func-returns-value]
    store = VectorStore(path=folder, embedder=HashingEmbedder(), reranker="none", namespace="n")
    fresh = who * MINE
    alive: list[int] = []
    looked = 0
    for change in range(1, changes + 1):
        version = who * MINE + change
        numbers = [fresh, fresh + 1, chance.choice(SHARED)]
        fresh += 2
        if alive:
            numbers.append(chance.choice(alive))
        gone = [min(number for number in alive if number % 2 == 0)] if change > 6 else []
        alive = [number for number in alive if number not in gone]
        numbers = [number for number in numbers if number not in gone]
        await store.write([document(number, version) for number in numbers], [word(number) for number in gone])
        alive += [number for number in numbers if number // MINE == who and number not in alive]
        say({"put": [[number, version] for number in numbers], "gone": gone})
        while not lines.empty():
            await look(store, json.loads(lines.get()))
            looked += 1
    say("written")
    while (line := lines.get()) != "settle":
        # Everything may have been deleted or replaced by now, but not by going back.
        told = json.loads(line)
        assert not await store.fetch([word(number) for number in told["gone"]])
        looked += 1
    found: dict[str, Any] = {"looked": looked}
    for mode in ("vector", "keyword"):
        results = await store.search("common", top_k=9_000, rerank=False, options=SearchOptions(mode=mode))
        found[mode] = [[result.metadata["number"], result.metadata["version"]] for result in results]
    say(found)
    await store.close()


if __name__ == "__main__":
    asyncio.run(share(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
