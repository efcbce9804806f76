"""The next index run continues a killed one, with the same result."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aurora_dev.config import Settings
from aurora_dev.memory import Memory

KILLS = 8
LONGEST_DELAY = 0.15  # seconds from a batch to the kill: a batch takes less


def touch(root: Path, chance: random.Random) -> None:
    """Change a file, add one and remove one."""
    files = sorted(root.rglob("*.py"))
    changed, removed = chance.sample(files, 2)
    changed.write_text(changed.read_text("utf-8").replace("def ", "def renamed_", 3), "utf-8")
    (root / f"added_{chance.randrange(10**6)}.py").write_text(removed.read_text("utf-8") * 2, "utf-8")
    removed.unlink()


async def test_killed_index_runs_end_in_what_an_undisturbed_one_stores(
    tmp_path: Path, project: Path, start: Callable[..., Any], contents: Callable[[Path], dict[str, Any]]
) -> None:
    chance = random.Random(5)
    store = tmp_path / "killed"
    unfinished = 0
    following = start("index_project.py", project, store)
    for kill in range(KILLS):
        child = following
        assert child.line() == "ready"
        child.say("go")
        child.line()  # the run has begun
        lines = list(child.lines_during(chance.uniform(0.0, LONGEST_DELAY)))
        following = start("index_project.py", project, store)
        unfinished += "done" not in lines + child.kill()
        if kill % 2:
            touch(project, chance)
    assert following.line() == "ready"
    following.say("go")
    assert following.end()[-1] == "done"
    async with Memory.open(project, settings=Settings(store=tmp_path / "fresh", reranker="none")) as memory:
        report = await memory.index()
    fresh = contents(tmp_path / "fresh")
    assert len(fresh) == report.chunks_total > 100
    assert contents(store) == fresh
    assert unfinished >= 2
