"""Measure the processor time of short commands, from the start of the process to its end.

    python benchmarks/startup.py [--runs 5] [--against FOLDER] [--semble PROGRAM] [--json FILE]

The figure is user and system time of a process and its children, so that a busy machine matters less; the smallest of
the runs counts. Byte code is cached by a run that is not measured. The project is Aurora's own ``notes`` package, with
two notes. Linux and macOS only.

``--against`` names a folder with another ``aurora_dev``, which is measured in turns with this one. ``--semble`` names
semble's command, which searches the same files with Aurora's static model; its first run, which makes its index, is not
measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import machine

ROOT = Path(__file__).parent.parent
QUERY = "where is a note stored"
COMMANDS = {
    "list": ["list", "-n", "1"],
    "status": ["status"],
    "remember": ["remember", "The deployment needs a token"],
    "search": ["search", "--no-rerank", QUERY],
}


def processor_seconds(command: list[str], cwd: Path, environment: dict[str, str]) -> float:
    """Return the seconds of user and system time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=cwd, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(runs: int, against: Path | None, semble: str | None) -> dict[str, dict[str, float]]:
    """Return the least seconds of each command, by package."""
    packages = {"this": ROOT, **({} if against is None else {"other": against.resolve()})}
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home, project = Path(folder) / "home", Path(folder) / "project"
        home.mkdir()
        shutil.copytree(ROOT / "aurora_dev" / "notes", project, ignore=shutil.ignore_patterns("__pycache__"))
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("AURORA_", "PYTHON"))}
        plain |= {"HOME": str(home), "PYTHONPYCACHEPREFIX": str(Path(folder) / "bytecode")}
        aurora = [sys.executable, "-m", "aurora_dev"]
        here = {**plain, "PYTHONPATH": str(ROOT)}
        for words in (["index"], ["remember", "Releases are made on Mondays"]):
            subprocess.run([*aurora, *words], cwd=project, env=here, check=True, capture_output=True)
        for name, words in COMMANDS.items():
            seconds: dict[str, list[float]] = {package: [] for package in packages}
            for turn in range(runs + 1):  # the first writes the byte code
                for package, path in packages.items():
                    spent = processor_seconds([*aurora, *words], project, {**plain, "PYTHONPATH": str(path)})
                    if turn:
                        seconds[package].append(spent)
            found[name] = {package: min(values) for package, values in seconds.items()}
        if semble is not None:
            search = [semble, "search", QUERY, str(project)]
            model = {**plain, "SEMBLE_MODEL_NAME": str(ROOT / "aurora_dev" / "models" / "minilm-static-256")}
            spent_by_semble = [processor_seconds(search, project, model) for _ in range(runs + 1)]
            found["search"]["semble"] = min(spent_by_semble[1:])
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--semble", default=shutil.which("semble"))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = measure(arguments.runs, arguments.against, arguments.semble)
    print(machine())
    print("processor seconds, the least of", arguments.runs)
    for name, seconds in found.items():
        print(f"  {name:<9}", "  ".join(f"{package} {value:.2f}" for package, value in seconds.items()))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
