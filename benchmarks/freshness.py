"""Measure what the check for changed files costs a search, and how soon a saved file is found.

    python benchmarks/freshness.py [--files 2000] [--folders 200] [--searches 200] [--saves 30] [--processes 10]

A project of small Python files is indexed through `Memory`. Measured in milliseconds: warm searches with the setting
``freshness`` alternating between ``off`` and ``auto`` (the difference is the check); the check alone; the time from
saving a file to the results that contain it; and whole processes of ``aurora search``, alternating in the same way.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine

from aurora_dev.indexing.changes import find_changes
from aurora_dev.indexing.chunk_version import current_chunk_version
from aurora_dev.memory import Memory

QUERIES = ("where are totals computed", "function_17", "how is a value scaled", "the report of a module")


def make(root: Path, files: int, folders: int) -> None:
    for number in range(files):
        path = root / f"package_{number % folders:03}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            f'def function_{number}(value, factor={number % 7}):\n    """Scale a value for module {number}."""',
            f"    total = value * factor + {number}\n    return total\n\n",
            f'class Report{number}:\n    """The report of module {number}."""\n\n    def totals(self, rows):',
            f"        return sum(function_{number}(row) for row in rows)\n",
        ]
        path.write_text("\n".join(lines), "utf-8")


def describe(name: str, seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return f"{name:44} p50 {cuts[9] * 1e3:8.2f} ms   p95 {cuts[18] * 1e3:8.2f} ms   ({len(seconds)})"


async def measure(root: Path, searches: int, saves: int) -> None:
    async with Memory.open(root, reranker="none", user_store="none", freshness="off") as plain:
        await plain.index()
        async with Memory.open(root, reranker="none", user_store="none") as fresh:
            times: dict[str, list[float]] = {"off": [], "auto": []}
            for number in range(searches + 10):
                for name, memory in (("off", plain), ("auto", fresh)):
                    started = time.perf_counter()
                    await memory.search(QUERIES[number % len(QUERIES)], rerank=False)
                    if number >= 10:
                        times[name].append(time.perf_counter() - started)
            for name, seconds in times.items():
                print(describe(f"warm search, freshness {name}", seconds))
            seen = fresh.project_index.state.snapshot()
            assert seen is not None
            checks = []
            for _ in range(searches):
                started = time.perf_counter()
                find_changes(root, seen, chunk_version=current_chunk_version(), seconds=1.0)
                checks.append(time.perf_counter() - started)
            print(describe("a check that finds no change", checks))
            saved, missed = [], 0
            target = root / "package_000" / "module_0.py"
            for number in range(saves):
                target.write_text(f"def saved_{number}():\n    return 'kumquat{number}'\n", "utf-8")
                started = time.perf_counter()
                results = await fresh.search(f"kumquat{number}", rerank=False)
                saved.append(time.perf_counter() - started)
                missed += not any(f"kumquat{number}" in result.content for result in results)
            print(describe(f"a search right after a save ({missed} missed it)", saved))


def processes(root: Path, count: int) -> None:
    times: dict[str, list[float]] = {"off": [], "auto": []}
    for number in range(count + 1):
        for name, seconds in times.items():
            environment = {**os.environ, "AURORA_FRESHNESS": name, "AURORA_RERANKER": "none"}
            started = time.perf_counter()
            command = [sys.executable, "-m", "aurora_dev", "search", QUERIES[number % len(QUERIES)]]
            subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)
            if number:
                seconds.append(time.perf_counter() - started)
    for name, seconds in times.items():
        print(describe(f"aurora search as a process, freshness {name}", seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--folders", type=int, default=200)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--saves", type=int, default=30)
    parser.add_argument("--processes", type=int, default=10)
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        make(root, arguments.files, arguments.folders)
        asyncio.run(measure(root, arguments.searches, arguments.saves))
        processes(root, arguments.processes)


if __name__ == "__main__":
    main()
