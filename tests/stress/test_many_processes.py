"""Several processes write to and read from one store at the same time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aurora_dev.config import Settings
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.memory import Memory

PROCESSES = 4
CHANGES = 30  # by each
SHARED = 9_000  # numbers from here on are written by all


def test_four_processes_lose_nothing_and_see_each_other(tmp_path: Path, start: Callable[..., Any]) -> None:
    folder = tmp_path / "store"
    children = [start("sharing_writer.py", folder, who, CHANGES) for who in range(1, PROCESSES + 1)]
    together = threading.Barrier(PROCESSES)
    speaking = threading.Lock()

    def follow(child: Any) -> tuple[dict[int, int], dict[str, Any]]:
        """Pass a child's acknowledgements on; return its last version of each record, and what it finds at the end."""
        latest: dict[int, int] = {}
        assert child.line() == "ready"
        together.wait(60)
        child.say("go")
        while (line := child.line()) != "written":
            told = json.loads(line)
            latest.update((number, version) for number, version in told["put"])
            for number in told["gone"]:
                del latest[number]
            with speaking:
                for other in children:
                    if other is not child:
                        other.say(line)
        together.wait(60)
        child.say("settle")
        (last,) = child.end()
        return latest, json.loads(last)

    with ThreadPoolExecutor(PROCESSES) as pool:
        ends = list(pool.map(follow, children))

    store = FAISSLocalStore(folder)
    stored = {int(str(r.metadata["number"])): int(str(r.metadata["version"])) for r in store.scan("n")}
    stats = store.stats("n")
    store.close()
    assert stats.records == stats.vectors == len(stored)
    own = {number: version for latest, _ in ends for number, version in latest.items() if number < SHARED}
    assert {number: version for number, version in stored.items() if number < SHARED} == own
    assert len(own) > PROCESSES * CHANGES
    for number in {number for latest, _ in ends for number in latest} - set(own):
        # The last to commit was somebody's last.
        assert stored[number] in [latest.get(number) for latest, _ in ends]
    for _, found in ends:
        assert found["looked"] == (PROCESSES - 1) * CHANGES
        assert dict(found["vector"]) == stored
        assert dict(found["keyword"]) == stored
        assert len(found["vector"]) == len(found["keyword"]) == len(stored)


async def test_two_processes_that_index_one_project_at_once_store_what_one_does(
    tmp_path: Path, project: Path, start: Callable[..., Any], contents: Callable[[Path], dict[str, Any]]
) -> None:
    shared = tmp_path / "shared"
    children = [start("index_project.py", project, shared) for _ in range(2)]
    for child in children:
        assert child.line() == "ready"
    for child in children:
        child.say("go")
    for child in children:
        assert child.end()[-1] == "done"
    async with Memory.open(project, settings=Settings(store=tmp_path / "alone", reranker="none")) as memory:
        await memory.index()
    assert contents(shared) == contents(tmp_path / "alone")
