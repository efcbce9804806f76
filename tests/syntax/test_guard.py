"""Parsing in a worker process that a file may end: crashes, endless loops, exits, forks, threads."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_dev.syntax import (
    GrammarFailedError,
    GrammarUnavailableError,
    definitions,
    find_definitions,
    guard,
    remember_failures,
    worker,
)
from aurora_dev.syntax.definition_finder import parse_definitions
from aurora_dev.syntax.file_languages import language_of

LANGUAGES = Path(__file__).parents[1] / "data" / "languages"
PYTHON = b"def alpha(): ...\n"
# These end the process of the pinned grammars: by SIGABRT and by SIGSEGV.
KOTLIN_CRASH = b'val s = "${\n' + b'"${\n' * 1_100
PERL_CRASH = b'my $s = "${\n' + b'"${\n' * 150
RUBY_HANGS = b"<!--" * 1_300


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[guard._Guard]:
    """Run a test with a guard of its own, without a worker and without memory."""
    own = guard._Guard()
    monkeypatch.setattr(guard, "_guard", own)
    yield own
    own.end()


def pid_of(own: guard._Guard) -> int:
    assert own._worker is not None
    return own._worker._process.pid


@pytest.mark.parametrize("path", sorted(LANGUAGES.iterdir()), ids=lambda path: path.name)
def test_the_worker_finds_what_parsing_in_the_same_process_finds(path: Path) -> None:
    source, language = path.read_bytes(), language_of(path.name)
    assert language is not None
    found = find_definitions(source, language)
    assert found
    assert found == parse_definitions(source, language)


@pytest.mark.parametrize(("source", "language"), [(KOTLIN_CRASH, "kotlin"), (PERL_CRASH, "perl")])
def test_a_file_that_crashes_its_parser_costs_that_file_alone(
    fresh: guard._Guard, source: bytes, language: str
) -> None:
    assert definitions(PYTHON, "python")
    with pytest.raises(GrammarFailedError, match="its grammar failed"):
        find_definitions(source, language)
    assert definitions(source, language) == []
    assert definitions(PYTHON, "python")
    assert fresh._failed


def test_a_file_that_hangs_its_parser_is_given_up_after_bounded_processor_time(fresh: guard._Guard) -> None:
    started = os.times()
    with pytest.raises(GrammarFailedError, match="took too long"):
        find_definitions(RUBY_HANGS, "ruby")
    assert os.times().children_user - started.children_user < 5
    assert definitions(PYTHON, "python")
    assert fresh._worker is not None


def test_a_text_that_failed_is_not_parsed_again(fresh: guard._Guard) -> None:
    with pytest.raises(GrammarFailedError) as failure:
        find_definitions(PERL_CRASH, "perl")
    definitions(PYTHON, "python")
    before = pid_of(fresh)
    with pytest.raises(GrammarFailedError):
        find_definitions(PERL_CRASH, "perl")
    assert pid_of(fresh) == before  # no worker died
    fresh._failed.clear()
    remember_failures([failure.value.digest])  # as a later process does
    with pytest.raises(GrammarFailedError):
        find_definitions(PERL_CRASH, "perl")
    assert pid_of(fresh) == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_somebody_ends_is_replaced(fresh: guard._Guard) -> None:
    definitions(PYTHON, "python")
    first = pid_of(fresh)
    os.kill(first, signal.SIGKILL)
    assert definitions(PYTHON, "python")
    assert pid_of(fresh) != first
    assert not fresh._failed


def test_a_crash_after_other_files_is_blamed_on_the_file_only_if_a_new_worker_crashes_too(
    fresh: guard._Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier file may have damaged the memory of the worker."""
    definitions(PYTHON, "python")
    damaged, ask = fresh._worker, worker.Worker.ask

    def crashes_once(self: worker.Worker, language: str, source: bytes) -> tuple[int, bytes]:
        if self is damaged:
            self.kill()
            raise worker.WorkerDiedError(-11)
        return ask(self, language, source)

    monkeypatch.setattr(worker.Worker, "ask", crashes_once)
    assert definitions(PYTHON, "python")
    assert fresh._worker is not damaged


def test_without_a_process_nothing_is_parsed_and_nothing_is_remembered(
    fresh: guard._Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(LANGUAGES / "no-python"))
    with pytest.raises(GrammarUnavailableError, match="could be started"):
        find_definitions(PYTHON, "python")
    assert definitions(PYTHON, "python") == []
    monkeypatch.undo()
    assert not fresh._failed


def test_an_interpreter_that_ends_before_it_is_ready_counts_as_no_process(
    fresh: guard._Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_BOOT", "raise SystemExit(3)")
    with pytest.raises(GrammarUnavailableError):
        find_definitions(PYTHON, "python")
    assert not fresh._failed


def test_a_language_without_definitions_and_a_blank_file_start_no_worker(fresh: guard._Guard) -> None:
    assert find_definitions(b"{}", "json") == []
    assert find_definitions(b" \n", "python") == []
    assert fresh._worker is None


def test_threads_share_one_worker(fresh: guard._Guard) -> None:
    names: list[str] = []

    def work(number: int) -> None:
        for _ in range(20):
            names.append(definitions(b"def f%d(): ...\n" % number, "python")[0].name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == sorted(f"f{number}" for number in range(8) for _ in range(20))
    assert fresh._worker is not None
    assert fresh._worker.answered == 160


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return True


def ends_soon(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return not is_running(pid)


USE_AND_PRINT = """
import os, signal
from aurora_dev.syntax import definitions, guard
assert definitions(b"def f(): ...", "python")
print(guard._guard._worker._process.pid, flush=True)
"""


def test_the_worker_ends_with_the_interpreter_without_a_warning() -> None:
    done = run(USE_AND_PRINT)
    assert (done.returncode, done.stderr) == (0, "")
    assert sys.platform == "win32" or ends_soon(int(done.stdout))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_worker_ends_if_its_parent_is_killed() -> None:
    done = run(USE_AND_PRINT + "os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == -signal.SIGKILL
    assert ends_soon(int(done.stdout))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_forked_process_starts_a_worker_of_its_own() -> None:
    done = run(
        USE_AND_PRINT
        + """
child = os.fork()
assert definitions(b"def g(): ...", "python")[0].name == "g"
print(guard._guard._worker._process.pid, flush=True)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(set(done.stdout.split())) == 2


def test_parsing_neither_reads_nor_writes_the_standard_streams_of_this_process() -> None:
    """An MCP server speaks with its client over them."""
    code = """
import sys
from aurora_dev.syntax import definitions
definitions(b"def f(): ...", "python")
definitions(b'my $s = "${\\n' + b'"${\\n' * 150, "perl")
print(sys.stdin.read())
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input="mine", capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("mine\n", "")


def test_importing_the_package_starts_no_process() -> None:
    code = "import sys, aurora_dev.syntax as s; assert s.definitions; "
    done = run(code + "assert s.guard._guard._worker is None and 'subprocess' not in sys.modules")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_worker_loads_only_what_parsing_needs() -> None:
    code = (
        "import sys; sys.path[:] = sys.argv[1:]; import aurora_dev.syntax.worker_main; "
        "import aurora_dev.syntax.definition_finder; print(*sys.modules)"
    )
    command = [sys.executable, "-I", "-S", "-c", code, *filter(None, sys.path)]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split())
    assert "aurora_dev.syntax.definition_finder" in loaded
    assert not loaded & {"aurora_dev.syntax.guard", "dataclasses", "hashlib", "inspect", "logging", "subprocess"}
