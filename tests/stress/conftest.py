"""Child processes that talk to a test line by line, and can be killed."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local import derived as derived_index

TIMEOUT = 60.0  # seconds; only reached where something hangs


class Child:
    """A script of this folder that runs in its own process."""

    def __init__(self, script: str, *arguments: object) -> None:
        command = [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},  # scripts import others of this folder
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            bufsize=1,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):  # a line that was cut off by the end of the process was never said
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def line(self) -> str:
        """Return the next line that the child says."""
        line = self._next(TIMEOUT)
        assert line is not None, f"the child ended with {self._process.wait(TIMEOUT)}"
        return line

    def lines_during(self, seconds: float) -> Iterator[str]:
        """Yield what the child says in this time, or until it ends by itself, without an error."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                line = self._next(left)
            except queue.Empty:
                return
            if line is None:
                assert self._process.wait(TIMEOUT) == 0
                return
            yield line

    def _next(self, timeout: float) -> str | None:
        """Return the next line, or None after the last one, however often it is asked for."""
        line = self._lines.get(timeout=timeout)
        if line is None:
            self._lines.put(None)
        return line

    def kill(self) -> list[str]:
        """Kill the child as the system would and return what it said before."""
        self._process.kill()
        return self._rest()

    def end(self) -> list[str]:
        """Wait until the child ends by itself, without an error, and return what it said."""
        rest = self._rest()
        assert self._process.returncode == 0
        return rest

    def _rest(self) -> list[str]:
        self._process.wait(TIMEOUT)
        rest = list(iter(lambda: self._next(TIMEOUT), None))
        self.close()
        return rest

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it was killed before it read everything
            self._process.stdin.close()
        self._process.stdout.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Child]]:
    """Start child processes; all of them are ended after the test."""
    children: list[Child] = []

    def start(script: str, *arguments: object) -> Child:
        children.append(Child(script, *arguments))
        return children[-1]

    yield start
    for child in children:
        child.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of some forty files of this package, which a test may change."""
    package = Path(derived_index.__file__).parents[2]
    root = tmp_path / "project"
    for folder in ("core", "indexing"):
        shutil.copytree(package / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture
def contents() -> Callable[[Path], dict[str, Any]]:
    """Return everything that a store holds: by id, the text, the metadata and the vector."""

    def contents(folder: Path) -> dict[str, Any]:
        store = FAISSLocalStore(folder)
        try:
            records = list(store.scan("default", vectors=True))
        finally:
            store.close()
        return {
            record.id: (
                record.content,
                dict(record.metadata),
                None if record.vector is None else record.vector.tolist(),
            )
            for record in records
        }

    return contents
