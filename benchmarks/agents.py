"""Measure the speed and memory of the MCP server, the freshness of its answers, and losses with many agents at once.

    python benchmarks/agents.py [--chunks 10000] [--starts 5] [--saves 20] [--agents 8] [--rounds 25]
        [--hooks 100] [--only-hooks] [--json FILE]

The project is a copy of Python's standard library, extended until about ``--chunks`` chunks are indexed, with default
settings (``AURORA_…`` variables are removed). All figures are measured from outside of the server, by a client that
speaks JSON-RPC over its standard input and output.

- handshake: from the start of the process to the answer of ``initialize``. Cold: the files of the store and of the
  bundled models were dropped from the system's cache before (Linux only).
- first search: from the request right after the handshake to the answer; meanwhile the server opens the store and loads
  its models. First search after a pause: the same after the server had time to load.
- steady: queries one after another, in a process that has answered each of them before.
- resident memory: of the server process (Linux, macOS); the peak is the system's own figure (Linux).
- freshness: from the end of writing a file to the answer of a search for its new name.
- hooks: from the start of the process of ``aurora hook`` to its end, as an assistant waits for it, in a project with
  some notes. Cold as above. The load of the machine (the processes that want to run, Linux and macOS) is printed.
- agents: several client processes, each with its own server process, on one project. In each round an agent remembers a
  note, searches, recalls the note, and saves a file that it then searches for. Lost means acknowledged but missing at
  the end. A search re-indexes saved files itself if that is quick, and otherwise says that the index is stale.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine import machine

from aurora_dev.interfaces.hooks.journal import read_log

PACKAGE = Path(__file__).parent.parent / "aurora_dev"
QUERIES = (
    "parse command line arguments with subcommands",
    "read a zip archive",
    "how are regular expressions compiled",
    "thread pool executor",
    "decode json from a string",
    "temporary directory that is removed afterwards",
    "parse an e-mail header",
    "where is the path of the home folder computed",
    "retry a socket connection",
    "ordered dictionary",
    "walk a directory tree",
    "escape html entities",
    "format a date as ISO 8601",
    "compute a sha256 digest",
    "base64 encoding",
    "copy a file with its permissions",
    "priority queue",
    "asyncio.gather",
    "configure logging handlers",
    "open a url with a proxy",
)
TASK = "add an option to the argument parser that reads defaults from a configuration file"
PAUSE = 6.0  # seconds after the handshake; enough to load the models, even on two slow cores
LIMIT_MB = 350  # most resident memory, at 10,000 chunks and with the bundled models


class Client:
    """A client with a server process of its own."""

    def __init__(self, project: Path) -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aurora_dev", "mcp", str(project)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.number = 0
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
        self.ask("initialize", params)
        self.handshake = time.perf_counter() - self.started
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, message: dict[str, Any]) -> None:
        """Write a message."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the result of a request. An error ends the benchmark."""
        self.number += 1
        self.send({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        assert self.process.stdout is not None
        answer = json.loads(self.process.stdout.readline())
        if answer.get("id") != self.number or "result" not in answer:
            raise RuntimeError(f"{method} was answered with {answer}")
        result: dict[str, Any] = answer["result"]
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return the data of a tool's answer."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            raise RuntimeError(f"{tool}: {result['content'][0]['text']}")
        data: dict[str, Any] = result["structuredContent"]
        return data

    def timed(self, tool: str, **arguments: Any) -> tuple[float, dict[str, Any]]:
        """Return the seconds that a call took, and its data."""
        started = time.perf_counter()
        data = self.call(tool, **arguments)
        return time.perf_counter() - started, data

    def resident(self) -> tuple[float, float]:
        """Return resident memory and its peak, in MB of 10^6 bytes; NaN if the system does not report it."""
        try:
            text = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
            rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
            return tuple(int(rows[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]
        except OSError:
            done = subprocess.run(["ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, text=True)
            return (int(done.stdout) * 1024 / 1e6 if done.stdout.strip() else float("nan")), float("nan")

    def close(self) -> None:
        """Close the server's input, and wait for the server to exit."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        if self.process.wait(60) != 0:
            raise RuntimeError(f"the server ended with {self.process.returncode}")
        self.process.stdout.close()


async def make_project(folder: Path, chunks: int) -> int:
    """Copy and index modules of the standard library until there are ``chunks`` chunks; return their number."""
    from aurora_dev import Memory

    library = Path(sysconfig.get_path("stdlib"))
    modules = [path for path in sorted(library.rglob("*.py")) if "site-packages" not in path.parts]
    total = 0
    async with Memory.open(folder) as memory:
        step = 60
        for start in range(0, len(modules), step):
            for path in modules[start : start + step]:
                copy = folder / path.relative_to(library)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            total = (await memory.index()).chunks_total
            if total >= chunks:
                break
    return total


def drop_from_cache(*folders: Path) -> bool:
    """Drop files from the system's page cache; return whether the system supports that."""
    if not hasattr(os, "posix_fadvise"):
        return False
    os.sync()
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
    return True


@dataclass
class Starts:
    """Start times of new servers in seconds, and their idle memory in MB."""

    handshake: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    after_pause: list[float] = field(default_factory=list)
    idle: float = 0.0


def measure_starts(project: Path, count: int, *, cold: bool) -> Starts:
    starts = Starts()
    for _ in range(count):
        for pause in (False, True):
            if cold:
                drop_from_cache(project / ".aurora", PACKAGE)
            client = Client(project)
            starts.handshake.append(client.handshake)
            if pause:
                wait(PAUSE)
                starts.idle = max(starts.idle, client.resident()[0])
            took, data = client.timed("search_memory", query=QUERIES[0])
            assert data["results"]
            (starts.after_pause if pause else starts.first).append(took)
            client.close()
    return starts


NOTES = (
    "Archives are read with zipfile, never with external programs, because the image has none",
    "Dates are written as ISO 8601 in UTC; local times confused two customers",
    "Sockets are retried three times, since the proxy drops the first connection",
    "Temporary folders are made below the cache, as /tmp is too small on the build machines",
    "Digests are SHA-256 throughout; MD5 failed an audit",
)


def add_notes(project: Path) -> None:
    async def remember() -> None:
        from aurora_dev import Memory

        async with Memory.open(project) as memory:
            for note in NOTES:
                await memory.remember(note, kind="decision")

    asyncio.run(remember())


def measure_hook(project: Path, event: str, count: int, *, cold: bool) -> list[float]:
    """Return the seconds that a hook takes."""
    seconds = []
    before = processor_seconds()
    for number in range(count):
        if cold:
            drop_from_cache(project / ".aurora", PACKAGE)
        prompt = QUERIES[number % len(QUERIES)]
        call = {"session_id": f"{event}{cold}{number}", "cwd": str(project), "prompt": prompt, "source": "startup"}
        command = [sys.executable, "-m", "aurora_dev", "hook", event, "--client", "claude-code"]
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
        started = time.perf_counter()
        done = subprocess.run(command, input=json.dumps(call).encode(), capture_output=True, env=environment)
        seconds.append(time.perf_counter() - started)
        if done.returncode or done.stderr:
            raise RuntimeError(f"the hook failed: {done.stderr.decode()}")
    spent = (processor_seconds() - before) / count
    print(row(f"processor time of aurora hook {event}, {'cold' if cold else 'warm'}, ms each", f"{1e3 * spent:,.0f}"))
    return seconds


def processor_seconds() -> float:
    """Return the user and system time of the processes that ended; 0 where the system does not tell (Windows)."""
    times = os.times()
    return times.children_user + times.children_system


def measure_hooks(project: Path, count: int) -> dict[str, list[float]]:
    """Return the seconds of each hook, warm and cold; the start's last, since it leaves a capture running."""
    states = ["warm", *(["cold"] if hasattr(os, "posix_fadvise") else [])]
    return {
        f"{event}, {state}": measure_hook(
            project, event, count if state == "warm" else max(1, count // 5), cold=state == "cold"
        )
        for event in ("prompt", "session-start")
        for state in states
    }


def wait_for_captures(project: Path) -> None:
    """Wait until the captures have ended that the hooks started: they would slow what is measured next."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        runs = read_log(str(project / ".aurora" / "state"))
        started = sum(run.outcome.endswith("capture started") for run in runs)
        if sum(run.event == "capture" for run in runs) >= started:
            return
        wait(0.2)


def load() -> str:
    """Return the machine's load of the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def report_hooks(chunks: int, hooks: dict[str, list[float]], before: str) -> str:
    lines = [row(f"{chunks:,} chunks, load {before} to {load()}", "p50 / p95 / max, ms"), f"|{'-' * 60}|{'-' * 23}:|"]
    lines += [row(f"aurora hook {name}", milliseconds(values)) for name, values in hooks.items()]
    return "\n".join(lines)


def wait(seconds: float) -> None:
    """Give the server time for its background work."""
    threading.Event().wait(seconds)


def measure_steady(project: Path) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return the seconds of each call by tool, and the resident MB after each stage."""
    client = Client(project)
    seconds: dict[str, list[float]] = defaultdict(list)
    memory = {"after the handshake": client.resident()[0]}
    for query in QUERIES:
        client.call("search_memory", query=query)
    memory["after searches"] = client.resident()[0]
    for _ in range(5):
        for query in QUERIES:
            seconds["search_memory"].append(client.timed("search_memory", query=query)[0])
    client.call("build_context", task=TASK)
    for _ in range(10):
        seconds["build_context"].append(client.timed("build_context", task=TASK)[0])
    memory["after contexts"] = client.resident()[0]
    for number in range(20):
        text = f"Benchmark {number}: the {QUERIES[number]} part belongs to team {number}."
        seconds["remember"].append(client.timed("remember", content=text, kind="decision")[0])
        seconds["recall"].append(client.timed("recall", query=QUERIES[number])[0])
    for _ in range(3):
        seconds["memory_status"].append(client.timed("memory_status")[0])
        seconds["index_project"].append(client.timed("index_project")[0])
    memory["after every tool"], memory["peak"] = client.resident()
    client.call("forget", ids=[note["id"] for note in client.call("recall", top_k=20)["results"]])
    client.close()
    return seconds, memory


def measure_freshness(project: Path, count: int) -> tuple[dict[str, list[float]], int, int]:
    """Return the seconds from a save to the answer, the number of stale answers, and how many did not say so."""
    client = Client(project)
    client.call("search_memory", query=QUERIES[0])
    seconds: dict[str, list[float]] = defaultdict(list)
    missed = silent = 0
    for number in range(count):
        file = project / f"saved_{number}.py"
        for change in ("new file", "edited file", "deleted file"):
            name = f"quetzal{number}{change.split()[0]}zephyr"
            if change == "deleted file":
                file.unlink()
                name = f"quetzal{number}editedzephyr"
            else:
                file.write_text(f"def {name}(value):\n    return value * {number}\n", "utf-8")
            took, data = client.timed("search_memory", query=name, sources=["files"])
            found = any(hit["path"] == file.name and name in hit["content"] for hit in data["results"])
            seconds[change].append(took)
            if found == (change == "deleted file"):
                missed += 1
                silent += not says_stale(data)
    client.close()
    return seconds, missed, silent


def says_stale(data: dict[str, Any]) -> bool:
    """Return whether an answer says that the index is older than the project."""
    return any("stale" in notice for notice in data.get("notices", ()))


def agent(project: Path, number: int, rounds: int) -> None:
    """Run one of several agents, and print what was acknowledged and the seconds of each call as JSON."""
    chance = random.Random(number)
    client = Client(project)
    seconds: dict[str, list[float]] = defaultdict(list)
    ids, files = [], []
    seen = {"memories": 0, "files": 0, "announced": 0}
    client.call("search_memory", query=QUERIES[0])  # waits until the server has loaded its models
    for turn in range(rounds):
        words = " ".join(chance.choice(QUERIES).split()[:3] + [f"{chance.getrandbits(40):x}" for _ in range(6)])
        took, stored = client.timed("remember", content=f"Agent {number}, round {turn}: {words}", tags=[f"a{number}"])
        seconds["remember"].append(took)
        ids.append(stored["id"])
        took, _ = client.timed("search_memory", query=chance.choice(QUERIES))
        seconds["search_memory"].append(took)
        took, data = client.timed("recall", query=words, top_k=5)
        seconds["recall"].append(took)
        seen["memories"] += stored["id"] in {note["id"] for note in data["results"]}
        name = f"agent{number}round{turn}marker"
        file = project / f"agent_{number}_{turn}.py"
        file.write_text(f"def {name}():\n    return {turn}\n", "utf-8")
        files.append(file.name)
        took, data = client.timed("search_memory", query=name, sources=["files"])
        seconds["search after a save"].append(took)
        if file.name in {hit.get("path") for hit in data["results"]}:
            seen["files"] += 1
        else:
            seen["announced"] += says_stale(data)
    client.close()
    print(json.dumps({"seconds": seconds, "ids": ids, "files": files, "seen": seen}))


def measure_agents(project: Path, count: int, rounds: int) -> dict[str, Any]:
    """Run agents at the same time, and compare what was acknowledged with what is stored afterwards."""
    command = [sys.executable, __file__, "--agent-of", str(project), "--rounds", str(rounds)]
    started = time.perf_counter()
    processes = [
        subprocess.Popen([*command, "--agent", str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(count)
    ]
    reports = [json.loads(process.communicate()[0]) for process in processes]
    took = time.perf_counter() - started
    assert all(process.returncode == 0 for process in processes)
    seconds: dict[str, list[float]] = defaultdict(list)
    for report in reports:
        for name, values in report["seconds"].items():
            seconds[name] += values
    client = Client(project)
    ids = [identifier for report in reports for identifier in report["ids"]]
    kept = set()
    for start in range(0, len(ids), 30):
        page = client.call("recall", ids=ids[start : start + 30], max_tokens=20_000)
        kept |= {note["id"] for note in page["results"]}
    client.call("index_project")
    lost_files = 0
    for file in (file for report in reports for file in report["files"]):
        marker = file.replace("agent_", "agent").replace("_", "round").replace(".py", "marker")
        data = client.call("search_memory", query=marker, sources=["files"])
        lost_files += file not in {hit.get("path") for hit in data["results"]}
    client.close()
    return {
        "seconds": seconds,
        "took": took,
        "memories": len(ids),
        "lost_memories": len(set(ids) - kept),
        "files": sum(len(report["files"]) for report in reports),
        "lost_files": lost_files,
        "seen_at_once": {name: sum(report["seen"][name] for report in reports) for name in reports[0]["seen"]},
    }


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that is at least as large as the given share of all values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values: list[float]) -> str:
    return f"{statistics.median(values) * 1e3:,.0f} / {percentile(values, 0.95) * 1e3:,.0f} / {max(values) * 1e3:,.0f}"


def row(name: str, value: str) -> str:
    return f"| {name:<58} | {value:>22} |"


def report(
    chunks: int,
    starts: dict[str, Starts],
    steady: tuple[dict[str, list[float]], dict[str, float]],
    freshness: tuple[dict[str, list[float]], int, int],
    agents: dict[str, Any],
    count: int,
) -> str:
    lines = [row(f"{chunks:,} chunks", "p50 / p95 / max, ms"), f"|{'-' * 60}|{'-' * 23}:|"]
    for name, figures in starts.items():
        lines.append(row(f"handshake, {name}", milliseconds(figures.handshake)))
        lines.append(row(f"first search right after the handshake, {name}", milliseconds(figures.first)))
        lines.append(row(f"first search {PAUSE:.0f} s after the handshake, {name}", milliseconds(figures.after_pause)))
    seconds, memory = steady
    lines += [row(f"{name}, steady", milliseconds(values)) for name, values in seconds.items()]
    lines += [row(f"search after a save: {name}", milliseconds(values)) for name, values in freshness[0].items()]
    lines += [
        row(f"{count} agents at once: {name}", milliseconds(values)) for name, values in agents["seconds"].items()
    ]
    lines.append("")
    lines += [row(f"resident memory {name}, MB", f"{value:,.0f}") for name, value in memory.items()]
    lines.append(
        row(f"limit at 10,000 chunks, MB: {'kept' if memory['peak'] <= LIMIT_MB else 'EXCEEDED'}", str(LIMIT_MB))
    )
    saves = sum(len(values) for values in freshness[0].values())
    lines.append(row(f"saves not seen by the next search, of {saves}", str(freshness[1])))
    lines.append(row("of these, the answer did not say that the index is stale", str(freshness[2])))
    lines.append(row(f"notes lost by {count} agents, of {agents['memories']:,}", str(agents["lost_memories"])))
    lines.append(row(f"saved files lost by {count} agents, of {agents['files']:,}", str(agents["lost_files"])))
    seen = agents["seen_at_once"]
    lines.append(row("notes that the agent's next recall did not find", str(agents["memories"] - seen["memories"])))
    late = agents["files"] - seen["files"]
    lines.append(row("saved files that the agent's next search did not find", str(late)))
    lines.append(row("of these, the answer did not say that the index is stale", str(late - seen["announced"])))
    lines.append(row(f"seconds that {count} agents took in all", f"{agents['took']:.1f}"))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=10_000, help="size of the project")
    parser.add_argument("--starts", type=int, default=5, help="servers started for each kind of start")
    parser.add_argument("--saves", type=int, default=20, help="files saved, edited and deleted for freshness")
    parser.add_argument("--agents", type=int, default=8, help="client processes at once")
    parser.add_argument("--rounds", type=int, default=25, help="rounds of each agent")
    parser.add_argument("--hooks", type=int, default=100, help="runs of each hook; a fifth of them cold")
    parser.add_argument("--only-hooks", action="store_true", help="measure the hooks alone")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--agent", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--agent-of", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("AURORA_")]:
        del os.environ[name]
    if arguments.agent_of:
        agent(arguments.agent_of, arguments.agent, arguments.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        # A data folder of its own, so that the user's notes are neither read nor added to.
        os.environ["XDG_DATA_HOME"] = os.environ["LOCALAPPDATA"] = str(Path(folder) / "data")
        project = Path(folder) / "project"
        project.mkdir()
        chunks = asyncio.run(make_project(project, arguments.chunks))
        add_notes(project)
        before = load()
        hooks = measure_hooks(project, arguments.hooks)
        print(report_hooks(chunks, hooks, before))
        wait_for_captures(project)
        if arguments.only_hooks:
            print(machine())
            return
        starts = {"warm": measure_starts(project, arguments.starts, cold=False)}
        if hasattr(os, "posix_fadvise"):
            starts["cold"] = measure_starts(project, arguments.starts, cold=True)
        steady = measure_steady(project)
        freshness = measure_freshness(project, arguments.saves)
        agents = measure_agents(project, arguments.agents, arguments.rounds)
    print(machine())
    print(report(chunks, starts, steady, freshness, agents, arguments.agents))
    if arguments.json:
        figures = {
            "machine": machine(),
            "chunks": chunks,
            "starts": {name: vars(measured) for name, measured in starts.items()},
            "hooks": hooks,
            "steady": steady[0],
            "resident_mb": steady[1],
            "freshness": freshness[0],
            "freshness_missed": freshness[1],
            "freshness_silent": freshness[2],
            "agents": agents,
        }
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
