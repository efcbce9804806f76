"""The progress of an index run after its files, and the duration that its report names."""

from __future__ import annotations

import subprocess
from pathlib import Path

from aurora_dev.memory import Memory


async def test_the_stages_after_the_files_report_progress_and_count_for_the_duration(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n", "utf-8")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "One"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    calls: list[tuple[str, int, int]] = []
    async with Memory.open(tmp_path, user_store="none") as memory:
        report = await memory.index(stage_progress=lambda *step: calls.append(step))
        assert calls == [("commits", 0, 1), ("commits", 1, 1), ("search index", 0, 1), ("search index", 1, 1)]
        assert report.history is not None
        # Scan, walk and read overlap with nothing here, so the history comes on top.
        assert report.seconds >= report.timings["scan"] + report.timings["walk"] + report.history.seconds
