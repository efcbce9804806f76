"""``aurora watch`` as a process: its lines, its errors, and how it ends."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aurora_dev.indexing.watch import WatchBatch
from aurora_dev.interfaces.cli.output.index_report import batch_text

PATIENCE = 60.0  # seconds; the machine may be busy
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the process is stopped by signals")


class Process:
    """A command whose lines can be waited for."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AURORA_")}
        environment |= {"AURORA_RERANKER": "none", "AURORA_USER_STORE": "none"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aurora_dev", "watch", *arguments],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.errors: list[str] = []
        self.readers = [
            threading.Thread(target=lambda: [self.lines.put(line) for line in self.process.stdout or ()]),  # type: ignore[func-returns-value]
            threading.Thread(target=lambda: self.errors.extend(self.process.stderr or ())),
        ]
        for reader in self.readers:
            reader.start()

    def line(self) -> str:
        try:
            return self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError("no line came; on standard error: " + "".join(self.errors)) from None

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join()
        return code, "".join(self.errors)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(*arguments: str) -> Process:
        started.append(Process(*arguments, cwd=tmp_path))
        return started[-1]

    yield begin
    for process in started:
        process.kill()


def test_each_batch_is_one_line_and_ctrl_c_ends_it_cleanly(tmp_path: Path, start: Callable[..., Process]) -> None:
    (tmp_path / "a.py").write_text("A = 1\n")
    process = start()
    assert "1 file updated (" in process.line()
    (tmp_path / "b.py").write_text("B = 1\n")
    assert "1 file updated (" in process.line()
    (tmp_path / "b.py").unlink()
    assert "1 file removed (" in process.line()
    code, errors = process.end(signal.SIGINT)
    assert code == 130
    assert "Traceback" not in errors
    assert "aurora: interrupted; the index has every batch so far" in errors
    assert "watching; stop with Ctrl-C" in errors


def test_as_json_each_batch_is_one_object_and_a_terminated_watch_ends_well(
    tmp_path: Path, start: Callable[..., Process]
) -> None:
    (tmp_path / "a.py").write_text("A = 1\n")
    process = start("--json")
    first = json.loads(process.line())
    assert (first["first"], first["files_updated"], first["error"]) == (True, 1, None)
    (tmp_path / "a.py").write_text("A = 2\n")
    assert json.loads(process.line())["files_updated"] == 1
    code, errors = process.end(signal.SIGTERM)
    assert (code, errors) == (0, "")


def test_a_missing_folder_is_an_error(start: Callable[..., Process]) -> None:
    process = start("nowhere")
    assert process.process.wait(PATIENCE) == 2


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        (WatchBatch(2, 1, 0, 0.12, 0.0), "2 files updated, 1 file removed (0.1 s)"),
        (WatchBatch(0, 0, 3, 0.0, 0.0), "3 new commits (0.0 s)"),
        (WatchBatch(0, 0, 0, 0.0, 0.0), "up to date (0.0 s)"),
        (WatchBatch(0, 0, 0, 0.0, 0.0, error="no \x1b space"), "failed, will be tried again: no "),
    ],
)
def test_a_batch_is_printed_as_one_line(batch: WatchBatch, text: str) -> None:
    line = batch_text(batch)
    assert text in line
    assert "\x1b" not in line
    assert "\n" not in line
