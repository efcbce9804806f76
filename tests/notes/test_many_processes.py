"""Several processes store notes at the same time: none is lost, and none is stored twice."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from aurora_dev import Memory

SCRIPT = Path(__file__).parent / "sharing_notes.py"
SHARED = "Every process remembers this very sentence."
PROCESSES = 3
COUNT = 5


async def test_processes_that_store_notes_at_once_lose_and_duplicate_none(project: Path) -> None:
    async with Memory.open(project, reranker="none") as memory:
        counter = await memory.remember("Counted by everybody.", kind="counter")
        earlier = await memory.remember("Sessions live in Postgres.", kind="earlier")
    names = [f"p{number}" for number in range(PROCESSES)]
    running = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(project), name, str(COUNT), SHARED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=120)
        assert process.returncode == 0
    async with Memory.open(project, reranker="none") as memory:
        notes = (await memory.list(limit=1000)).notes
        kinds = Counter(note.kind for note in notes)
        assert kinds == {"note": 1, "lesson": PROCESSES * COUNT, "counter": 1, "successor": PROCESSES}
        (shared,) = (note for note in notes if note.kind == "note")
        assert (shared.content, shared.said) == (SHARED, PROCESSES * COUNT)
        stored = await memory.get(counter.id)
        assert stored is not None
        assert sorted(stored.tags) == sorted(f"{name}-{number}" for name in names for number in range(COUNT))
        replaced = await memory.get(earlier.id)
        assert replaced is not None
        assert replaced.superseded_by in {note.id for note in notes if note.kind == "successor"}
