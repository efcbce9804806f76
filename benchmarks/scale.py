"""Measure how indexing, searches, saves and notes scale with the size of a project, in seconds of processor time.

    python benchmarks/scale.py [--files 1000,5000] [--notes 100000] [--saves 30] [--switch 900]
        [--parts tree,notes,switch] [--tree FOLDER] [--folder PARENT]

- tree: a project of each number of files is made, of about 12 chunks per file, and indexed. Shown are the stages of the
  run, the peak of memory and the bytes of the store. Then, in new processes: the first use of filters with the indexes
  on metadata and without, first and warm searches, searches right after a save (with the number of those that missed
  it), a context right after a write, and the commands ``search``, ``remember``, ``list`` and ``status`` from start to
  end. The last column is the slope between the smallest and the largest tree: the exponent with which a figure grows
  with the number of files; 1 is linear. With ``--tree``, the files of an existing folder are copied and measured
  instead.
- notes: the calls on notes in a store of so many, beyond the start of the process.
- switch: a git project in which so many of 1,200 files change at once, as by a branch switch: updating the store, and
  the first search after it. Grammars run in a worker process, whose time is shown by itself.

Processor time is that of the process with its threads. Each part runs in processes of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import multiprocessing
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from machine import machine

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.filters import parse_filter
from aurora_dev.core.local import records as sql
from aurora_dev.core.record_kinds import IS_CHUNK, IS_NOTE, chunks_of
from aurora_dev.core.text.secrets import mask_secrets
from aurora_dev.core.types import Document
from aurora_dev.memory import Memory

Figures = dict[str, float]
_VOCABULARY = (
    "get set user token cache index parse node path row score batch load save merge split state queue "
    "retry lock page view form field cell tree leaf edge graph walk scan read write send recv open close "
    "begin end commit"
)
WORDS = tuple(_VOCABULARY.split())
QUERIES = ("how is a queue parsed", "merge the pages of a cache", "retry_lock", "where are rows scored", "scan tree")
_SWITCHED = 1_200  # files of the project of a branch switch
_NOTES_AT_ONCE = 2_000


def source(random_: random.Random, number: int, files: int, functions: int) -> str:
    """Return a Python file with an import of another one."""
    lines = [f"from p{number * 7 % 97}.m{number * 11 % files} import run\n"]
    for place in range(functions):
        verb, noun, other = (random_.choice(WORDS) for _ in range(3))
        lines += [f"def {verb}_{noun}_{number}_{place}(value, other):", f'    """{verb} the {noun} of a {other}."""']
        for line in range(16):
            first, second = random_.choice(WORDS), random_.choice(WORDS)
            lines.append(f"    {first}_{line} = {second}_{first}(value, {random_.randrange(999)}) + other.{second}()")
        lines.append("    return value\n\n")
    return "\n".join(lines)


def make_tree(root: Path, files: int) -> None:
    random_ = random.Random(5)
    for number in range(files):
        path = root / f"p{number % 97}" / f"m{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source(random_, number, files, 12), "utf-8")


def opened(root: Path) -> Memory:
    return Memory.open(root, reranker="none", user_store="none")


class Clock:
    """Seconds of processor time of this process, and of its children that have ended."""

    def __init__(self) -> None:
        self._own, self._children = self._read()

    @staticmethod
    def _read() -> tuple[float, float]:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return used[0].ru_utime + used[0].ru_stime, used[1].ru_utime + used[1].ru_stime

    def seconds(self) -> float:
        """Return the seconds of this process since the clock was made."""
        return self._read()[0] - self._own

    def children(self) -> float:
        """Return the seconds of children that ended since."""
        return self._read()[1] - self._children


async def timed(call: Callable[[], Awaitable[Any]]) -> float:
    clock = Clock()
    await call()
    return clock.seconds()


async def index(root: Path) -> Figures:
    figures: Figures = {}
    started = time.perf_counter()
    clock = Clock()
    async with opened(root) as memory:
        refresh = memory.store.refresh

        async def measured() -> None:
            figures["  keyword and vector index, s"] = await timed(refresh)

        memory.store.refresh = measured  # type: ignore[method-assign]
        report = await memory.index()
        figures["chunks"] = report.chunks_total
    figures["index, CPU s"] = clock.seconds()
    figures["index, wall s"] = time.perf_counter() - started
    figures |= {f"  {stage}, wall s": seconds for stage, seconds in report.timings.items()}
    figures["index, worker CPU s"] = clock.children()
    unit = 1 if sys.platform == "darwin" else 1024
    figures["peak memory, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    figures["store, MiB"] = sum(file.stat().st_size for file in (root / ".aurora").rglob("*") if file.is_file()) / 2**20
    async with opened(root) as memory:
        figures["index without changes, CPU s"] = await timed(memory.index)
    return figures


async def searches(root: Path, saves: int) -> Figures:
    mask_secrets("x = get_value(1)\n" * 20_000)  # compiles its rules, once in a process
    figures: Figures = {}
    async with opened(root) as memory:
        figures["first search, CPU s"] = await timed(lambda: memory.search(QUERIES[0], rerank=False))
        warm = [await timed(lambda query=query: memory.search(query, rerank=False)) for query in QUERIES * 4]  # type: ignore[misc]
        figures["warm search, CPU ms p50"] = statistics.median(warm) * 1e3
        for name, filter in (("language", {"language": "python"}), ("line", {"start_line": {"$lt": 40}})):
            seconds = await timed(lambda filter=filter: memory.search(QUERIES[1], rerank=False, filter=filter))  # type: ignore[misc]
            figures[f"first filter on a {name}, CPU s"] = seconds
        target = next(
            path for path in sorted(root.rglob("*")) if path.suffix in (".py", ".c", ".rst") and path.is_file()
        )
        before = target.read_bytes()
        after, missed = [], 0
        for number in range(saves):
            target.write_bytes(before + f"\n\nkumquat{number} = {number}\n".encode())
            clock = Clock()
            found = await memory.search(f"kumquat{number}", rerank=False)
            after.append(clock.seconds())
            missed += not any(f"kumquat{number}" in result.content for result in found)
        figures["search after a save, CPU ms p50"] = statistics.median(after) * 1e3
        figures["search after a save, CPU ms max"] = max(after) * 1e3
        figures["saves that the search missed"] = missed
        figures["first context, CPU s"] = await timed(lambda: memory.context("retry the parser", 2_000))
        target.write_bytes(before)
        figures["context after a write, CPU s"] = await timed(lambda: memory.context("retry the parser", 2_000))
    return figures


def filters(root: Path) -> Figures:
    """Evaluate filters for the first time, with the indexes on metadata and by reading every record."""
    store = FAISSLocalStore(root / ".aurora")
    (namespace,) = store.namespaces()
    figures: Figures = {}
    with store._connections.reader(snapshot=True) as connection:
        state = sql.read_state(connection, namespace)
        assert state is not None
        paths = sorted(store.values(namespace, "path"))[:1_000]
        sql.matching_rows(connection, state, parse_filter(chunks_of(paths[:1])))  # loads NumPy
        for name, filter in (
            ("one file", chunks_of(paths[-1:])),
            ("notes", IS_NOTE),
            ("superseded records", {"superseded_by": {"$exists": True}}),
            ("a language", {**IS_CHUNK, "language": "python"}),
            ("up to a thousand paths", chunks_of(paths)),
            ("a field without an index", {"start_line": {"$lt": 40}}),
        ):
            for label, rows in (("indexed", sql.matching_rows), ("read", sql.scanned_rows)):
                clock = Clock()
                rows(connection, state, parse_filter(filter))
                figures[f"filter, {name}, {label}, CPU s"] = clock.seconds()
    store.close()
    return figures


def commands(root: Path) -> Figures:
    environment = {**os.environ, "AURORA_RERANKER": "none", "HOME": str(root.parent)}
    figures: Figures = {}
    note = ["remember", "Deploys wait for the ledger.", "--kind", "lesson"]
    for arguments in (["search", QUERIES[0]], note, ["list"], ["status"]):
        taken = []
        for _ in range(3):
            clock = Clock()
            command = [sys.executable, "-m", "aurora_dev", *arguments]
            subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)
            taken.append(clock.children())
        figures[f"aurora {arguments[0]}, CPU s"] = min(taken)
    return figures


async def notes(root: Path, count: int) -> Figures:
    random_ = random.Random(4)
    now = time.time()
    async with opened(root) as memory:
        for start in range(0, count, _NOTES_AT_ONCE):
            documents = []
            for number in range(start, min(count, start + _NOTES_AT_ONCE)):
                one, two, three, four = (random_.choice(WORDS) for _ in range(4))
                metadata: dict[str, Any] = {"kind": random_.choice(("decision", "lesson")), "created_at": now - number}
                if number % 200 == 0:
                    metadata |= {"superseded_by": "none", "updated_at": now - number}
                if number % 1_000 == 1:
                    metadata["expires_at"] = now + (-60 if number % 2_000 == 1 else 86_400)
                text = f"The {one} of the {two} uses {three} {number}, since the {four} failed."
                documents.append(Document(text, metadata, f"{random_.getrandbits(96):024x}"))
            await memory.store.write(documents, masked=True)
        await memory.store.refresh()
    mask_secrets("x = get_value(1)\n" * 20_000)
    figures: Figures = {}
    async with opened(root) as memory:
        figures["list of 20"] = await timed(lambda: memory.list(limit=20))
        figures["status"] = await timed(memory.status)
        figures["first remember"] = await timed(lambda: memory.remember("The first one loads the index.", kind="fact"))
        taken, ids = [], []
        for number in range(5):
            clock = Clock()
            ids.append((await memory.remember(f"Deploys to region {number} wait for the ledger.", kind="fact")).id)
            taken.append(clock.seconds())
        figures["remember"] = statistics.median(taken)
        figures["forget by id"] = await timed(lambda: memory.forget(ids[0]))
        figures["forget by the beginning of an id"] = await timed(lambda: memory.get(ids[1][:10]))
        figures["prune"] = await timed(memory.prune)
    return figures


async def switch(root: Path, changed: int) -> Figures:
    def git(*arguments: str) -> None:
        command = ["git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org", *arguments]
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    make_tree(root, _SWITCHED)
    (root / ".gitignore").write_text(".aurora/\n", "utf-8")
    for arguments in (("init", "-b", "main"), ("add", "-A"), ("commit", "-m", "Begin"), ("checkout", "-b", "other")):
        git(*arguments)
    random_ = random.Random(6)
    for number in range(changed):
        (root / f"p{number % 97}" / f"m{number}.py").write_text(source(random_, number, _SWITCHED, 12), "utf-8")
    git("commit", "-am", "Change")
    git("checkout", "main")
    clock = Clock()
    async with opened(root) as memory:
        await memory.index()
        await memory.search(QUERIES[0], rerank=False)
        git("checkout", "other")
        figures = {"update of the store": await timed(memory.project_index.bring_up_to_date)}
        figures["first search after it"] = await timed(lambda: memory.search(QUERIES[0], rerank=False))
    figures["worker, for both branches"] = clock.children()
    return figures


def run(step: Callable[..., Any], *arguments: Any) -> Figures:
    found = step(*arguments)
    figures: Figures = asyncio.run(found) if asyncio.iscoroutine(found) else found
    return figures


def in_new_process(step: Callable[..., Any], *arguments: Any) -> Figures:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, step, *arguments).result()


def measure_tree(root: Path, saves: int) -> Figures:
    steps = ((index, root), (filters, root), (searches, root, saves), (commands, root))
    found: Figures = {}
    for step, *given in steps:
        found |= in_new_process(step, *given)
    return found


def slope(sizes: Sequence[int], values: Sequence[float]) -> str:
    if len(sizes) < 2 or min(values[0], values[-1]) <= 0:
        return ""
    return f"{math.log(values[-1] / values[0]) / math.log(sizes[-1] / sizes[0]):.2f}"


def print_trees(found: dict[int, Figures]) -> None:
    sizes = list(found)
    print(f"| {'files':46} |" + "".join(f" {size:>10,} |" for size in sizes) + "  slope |")
    print(f"|{'-' * 48}|" + f"{'-' * 11}:|" * len(sizes) + "-------:|")
    for name in found[sizes[-1]]:
        values = [figures.get(name, 0.0) for figures in found.values()]
        shown = "".join(f" {value:>10,.0f} |" if value >= 100 else f" {value:>10.3f} |" for value in values)
        print(f"| {name:46} |{shown} {slope(sizes, values):>6} |", flush=True)


def print_part(title: str, figures: Figures) -> None:
    print(f"\n| {title:36} | CPU s |\n|{'-' * 38}|------:|")
    for name, value in figures.items():
        print(f"| {name:36} | {value:5.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", default="1000,5000", help="numbers of files, separated by commas, ascending")
    parser.add_argument("--notes", type=int, default=100_000)
    parser.add_argument("--saves", type=int, default=30)
    parser.add_argument("--switch", type=int, default=900, help=f"files that the switch changes, of {_SWITCHED:,}")
    parser.add_argument("--parts", default="tree,notes,switch")
    parser.add_argument("--tree", type=Path, help="an existing folder to copy and measure instead")
    parser.add_argument("--folder", type=Path, help="parent folder of the projects; default: the temporary folder")
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    print(machine() + "\n", flush=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = Path(temporary)
        if "tree" in parts:
            found: dict[int, Figures] = {}
            for size in (0,) if arguments.tree else map(int, arguments.files.split(",")):
                root = folder / f"tree{size}" / "project"
                if arguments.tree:
                    shutil.copytree(
                        arguments.tree, root, ignore=shutil.ignore_patterns(".git", ".aurora"), symlinks=True
                    )
                    size = sum(path.is_file() for path in root.rglob("*"))
                else:
                    make_tree(root, size)
                found[size] = measure_tree(root, arguments.saves)
                print(f"  {size:,} files done", file=sys.stderr)
            print_trees(found)
        if "notes" in parts:
            root = folder / "notes"
            root.mkdir()
            print_part(f"{arguments.notes:,} notes", in_new_process(notes, root, arguments.notes))
        if "switch" in parts:
            figures = in_new_process(switch, folder / "switch", arguments.switch)
            print_part(f"{arguments.switch:,} files change at once", figures)


if __name__ == "__main__":
    main()
