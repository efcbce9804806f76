"""A project full of hostile files, commits and notes: the run ends, says what it left out, and finds the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hostile_project import HostileProject, hostile_notes, make_hostile_project

from aurora_dev import IndexReport, Memory
from aurora_dev.errors import AuroraError
from aurora_dev.indexing.report import IndexProgress
from aurora_dev.syntax import guard

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, sockets, links and such names are of POSIX")

GRAMMAR_REASONS = {"its grammar failed", "its grammar took too long"}


def aurora(project: HostileProject, *command: str) -> str:
    """Run the program as a user does, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "aurora_dev", *command], cwd=project.root, capture_output=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    assert b"Traceback" not in done.stderr
    return done.stdout.decode("utf-8")


def check_report(project: HostileProject, report: dict[str, Any]) -> None:
    skipped = {entry["path"]: entry["reason"] for entry in report["skipped"]}
    assert skipped == project.skipped
    by_lines = {entry["path"]: entry["reason"] for entry in report["cut_by_lines"]}
    assert by_lines.items() >= project.by_lines.items()
    assert set(by_lines.values()) <= GRAMMAR_REASONS
    history = report["history"]
    assert list(history["unreadable"]) == project.lost
    assert sorted(history["incomplete"]) == sorted(project.incomplete)
    assert history["commits_total"] == len(project.messages) + project.silent
    assert not history["failed"]


def as_dict(report: IndexReport) -> dict[str, Any]:
    def entries(found: Any) -> list[dict[str, str]]:
        return [{"path": entry.path, "reason": entry.reason} for entry in found]

    history = report.history
    assert history is not None
    kept = ("unreadable", "incomplete", "commits_total", "failed")
    return {
        "skipped": entries(report.skipped),
        "cut_by_lines": entries(report.cut_by_lines),
        "history": {name: getattr(history, name) for name in kept},
    }


async def test_a_hostile_project_is_indexed_and_everything_readable_is_found(tmp_path: Path) -> None:
    project = make_hostile_project(tmp_path / "project")
    first = json.loads(aurora(project, "index", "--json"))
    check_report(project, first)
    shown = aurora(project, "index")
    for reason, count in Counter(project.skipped.values()).items():
        assert f"{reason} {count}" in " ".join(shown.split())
    assert f"1 commit cannot be read ({project.lost[0][:10]})" in " ".join(shown.split())
    assert "Evil.kt (its grammar failed)" in " ".join(shown.split())

    guard._guard.end()
    async with Memory.open(project.root, reranker="none") as memory:
        again = await memory.index(full=True)
        check_report(project, as_dict(again))
        assert again.files_updated == first["files_added"]
        for path, word in project.found.items():
            found = await memory.search(word, 1, filter={"path": path})
            assert word in found[0].content, path
            assert (await memory.search(word, 1))[0].score > 0
        for name, word in project.messages.items():
            found = await memory.search(word, 1, filter={"kind": "commit"})
            assert found[0].metadata["commit"] == name, word
        assert not await memory.search("outside_function", 1, filter={"symbol": "outside_function"})
        await keep_notes(memory)
    for path in ("line\nbreak.py", "-rf.py", "escape\x1b[31m.py"):
        answer = json.loads(aurora(project, "search", project.found[path], "--json"))
        assert path in [result["metadata"]["path"] for result in answer["results"]]
    assert not list(project.root.rglob("pwned"))


async def keep_notes(memory: Memory) -> None:
    """Hand in the notes: each is kept or refused, and keeps no other from being found."""
    kept = 0
    for content, options in hostile_notes():
        try:
            await memory.remember(content, **options)  # type: ignore[arg-type]
        except AuroraError as error:
            assert str(error)  # noqa: PT017
        else:
            kept += 1
    assert kept >= 2
    assert "quaggazebra" in (await memory.recall("quaggazebra"))[0].content


async def test_files_that_change_or_vanish_while_they_are_read_cost_only_themselves(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    names = ["grows", "pipe", "folder", "loop", "vanishes", "stays"]
    for name in names:
        (root / f"{name}.py").write_text(f"def {name}_function(): ...\n")
    seen = []

    def change(progress: IndexProgress) -> None:
        seen.append(progress)
        if len(seen) > 1:
            return
        with (root / "grows.py").open("wb") as file:
            file.truncate(1 << 40)
        for name in names[1:5]:
            (root / f"{name}.py").unlink()
        os.mkfifo(root / "pipe.py")
        (root / "folder.py").mkdir()
        (root / "loop.py").symlink_to("loop.py")

    async with Memory.open(root, reranker="none", history_limit=0) as memory:
        report = await memory.index(change)
        assert seen[0].files_total == len(names)
        assert {entry.path: entry.reason for entry in report.skipped} == {
            "grows.py": "too large",
            **dict.fromkeys(("pipe.py", "folder.py", "loop.py"), "unreadable"),
        }
        assert report.files_added == 1
        assert (await memory.search("stays_function", 1))[0].metadata["path"] == "stays.py"
