"""Run all yardsticks of search quality, one after another, and print one table.

    python benchmarks/run_all.py [--only NAME ...] [--packages PATH ...] [--issues PATH] [--pairs DATA] [--rerank]
        [--semble] [--cache DIR] [--with "NAME=OPTIONS"] [--output FOLDER] [--json FILE]

PATH of ``--packages`` is a folder that ``codesearch.py`` reads, in addition to ``benchmarks/repositories`` and
``benchmarks/written``; PATH of ``--issues`` is one that ``issues.py`` reads; DATA is one that ``mined_pairs.py`` reads.
A yardstick whose data is not named is left out. ``--with "issues=--kept --half reporting"`` passes more options to one
script, and can be repeated. ``--output`` keeps the JSON and the printed text of each script.

Each script writes ``{"rows": [{"yardstick", "set", "measure", "method", "value", "queries"}]}``. One that fails is
named at the end, the others still run, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from machine import machine
from projects import HERE, KEPT, PATHS
from yardstick import Row, table, write_json

Arguments = argparse.Namespace
# The command of each yardstick; None if its data is not named. Most have one, those of packages one for each folder.
Command = list[str] | None


def _names(arguments: Arguments) -> Iterator[Command]:
    paths = [str(path) for path in (*arguments.packages, *PATHS)]
    yield ["names.py", *paths, "--cache", str(arguments.cache), *_on(arguments, "rerank", "semble")]


def _issues(script: str) -> Callable[[Arguments], Iterator[Command]]:
    def commands(arguments: Arguments) -> Iterator[Command]:
        yield [script, str(arguments.issues), *_off(arguments, "rerank", "semble")] if arguments.issues else None

    return commands


def _commits(arguments: Arguments) -> Iterator[Command]:
    yield ["commits.py", *_off(arguments, "rerank")]


def _pairs(arguments: Arguments) -> Iterator[Command]:
    reranker = ["--reranker", "bundled"] if arguments.rerank else []
    yield ["mined_pairs.py", str(arguments.pairs), *reranker] if arguments.pairs else None


def _conversations(arguments: Arguments) -> Iterator[Command]:
    yield ["conversations.py", *_on(arguments, "rerank")]


def _unanswerable(arguments: Arguments) -> Iterator[Command]:
    yield ["unanswerable.py", "--cache", str(arguments.cache), *_on(arguments, "rerank")]


def _codesearch(arguments: Arguments) -> Iterator[Command]:
    for path in (*arguments.packages, *PATHS):
        yield ["codesearch.py", str(path), "--repeats", "1", "--chunks", "0", *_on(arguments, "rerank")]


def _context(arguments: Arguments) -> Iterator[Command]:
    for path in (*arguments.packages, *PATHS):
        yield ["context.py", str(path), "--repeats", "1", *_off(arguments, "rerank")]


YARDSTICKS: dict[str, Callable[[Arguments], Iterator[Command]]] = {
    "names": _names,
    "issues": _issues("issues.py"),
    "edits": _issues("edits.py"),
    "commits": _commits,
    "pairs": _pairs,
    "conversations": _conversations,
    "unanswerable": _unanswerable,
    "codesearch": _codesearch,
    "context": _context,
}


def _on(arguments: Arguments, *names: str) -> list[str]:
    return [f"--{name}" for name in names if getattr(arguments, name)]


def _off(arguments: Arguments, *names: str) -> list[str]:
    return [f"--no-{name}" for name in names if not getattr(arguments, name)]


def _options(text: str) -> tuple[str, list[str]]:
    """Return the name and the options of ``NAME=OPTIONS``."""
    name, equals, options = text.partition("=")
    if not equals or name not in YARDSTICKS:
        raise argparse.ArgumentTypeError(f"{text!r} does not begin with one of {', '.join(YARDSTICKS)} and =")
    return name, shlex.split(options)


def run(command: list[str], file: Path) -> list[Row]:
    """Run one script, keep what it prints beside ``file``, and return the rows of its JSON.

    Raises:
        RuntimeError: The script failed or wrote no rows; the message ends with what it printed last.
    """
    script, *options = command
    python = [sys.executable, str(HERE / script), *options, "--json", str(file)]
    done = subprocess.run(python, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    file.with_suffix(".txt").write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}\n" + "\n".join(done.stdout.splitlines()[-5:]))
    content = json.loads(file.read_text("utf-8"))
    if "rows" not in content:
        raise RuntimeError(f"its JSON has no rows. It printed:\n{done.stdout}")
    return [Row(**row) for row in content["rows"]]


def run_all(arguments: Arguments, folder: Path) -> tuple[list[Row], list[str]]:
    """Return the rows of all yardsticks, and a line for each that was left out or failed."""
    rows: list[Row] = []
    missing: list[str] = []
    more = dict(arguments.options)
    for name in arguments.only or YARDSTICKS:
        for number, command in enumerate(YARDSTICKS[name](arguments)):
            if command is None:
                missing.append(f"{name} is left out: its data is not named")
                continue
            if not (HERE / command[0]).is_file():
                missing.append(f"{name} is left out: there is no benchmarks/{command[0]}")
                continue
            started = time.perf_counter()
            try:
                rows += run([*command, *more.get(name, [])], folder / f"{name}-{number}.json")
            except (RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
                missing.append(f"{name} failed: {error}")
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return rows, missing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(YARDSTICKS), help="only these yardsticks")
    parser.add_argument("--packages", type=Path, nargs="+", default=[], help="further folders with manifest.json")
    parser.add_argument("--issues", type=Path, help="folder with issues.jsonl.gz")
    parser.add_argument("--pairs", type=Path, help="folder with heldout.jsonl.gz")
    parser.add_argument("--cache", type=Path, default=KEPT, help="folder of the kept stores of names and unanswerable")
    parser.add_argument("--rerank", action="store_true", help="also measure the bundled reranker")
    parser.add_argument("--semble", action="store_true", help="also measure semble where that is optional")
    parser.add_argument("--with", dest="options", type=_options, action="append", default=[], metavar="NAME=OPTIONS")
    parser.add_argument("--output", type=Path, help="folder that keeps the output of each script")
    parser.add_argument("--json", type=Path, help="also write all rows to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.output or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows, missing = run_all(arguments, folder)
    print(machine())
    print(table([row._replace(set=f"{row.yardstick}, {row.set}") for row in rows]))
    print("\n".join(["", *missing]) if missing else "")
    if arguments.json:
        write_json(arguments.json, rows, {"missing": missing})
    return int(any(" failed: " in line for line in missing))


if __name__ == "__main__":
    sys.exit(main())
