"""The command line as a process: its exit codes and its two output streams."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aurora_dev.config import ENV_PREFIX, USUAL_NAMES

ESCAPE = "\x1b"


def environment(**extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ENV_PREFIX) and k not in USUAL_NAMES}
    return {**kept, "PYTHONIOENCODING": "utf-8", **extra}


def aurora(*arguments: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aurora_dev.interfaces.cli.app", *arguments],
        cwd=cwd,
        env=environment(**extra),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, write_two_files: Callable[[Path], None]) -> Path:
    root = tmp_path_factory.mktemp("cli") / "project"
    write_two_files(root)
    done = aurora("index", cwd=root)
    assert done.returncode == 0, done.stderr
    return root


def test_the_report_of_an_index_run_has_no_colours(project: Path) -> None:
    done = aurora("index", cwd=project)
    assert done.returncode == 0
    assert "2 files" in done.stdout
    assert "2 unchanged" in done.stdout
    assert ESCAPE not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [[], ["index"], ["eval"], ["notes"], ["notes", "export"]])
def test_the_help_fits_a_narrow_terminal(tmp_path: Path, command: list[str]) -> None:
    done = aurora(*command, "--help", cwd=tmp_path, COLUMNS="60")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 60


def test_a_search_in_a_subfolder_shows_paths_relative_to_it(project: Path) -> None:
    done = aurora("search", "verify_token", "-k", "1", cwd=project / "src")
    assert done.returncode == 0
    assert done.stdout.startswith("auth.py:1-7  verify_token (function)  ")
    assert '    3      return token == "ok"' in done.stdout
    assert done.stderr == ""


def test_standard_output_has_nothing_but_the_json(project: Path) -> None:
    done = aurora("search", "where are tokens verified", "--json", cwd=project, AURORA_LOG="debug")
    found = json.loads(done.stdout)
    assert found["search_method"] == "rrf_hybrid+rerank"
    assert found["results"][0]["path"] in {"README.md", "src/auth.py"}
    assert set(found["results"][0]) >= {"id", "path", "start_line", "end_line", "symbol", "score", "scores", "content"}
    assert "aurora_dev.core.vector_store search" in done.stderr
    assert "total_ms=" in done.stderr


def test_log_lines_can_be_json(project: Path) -> None:
    done = aurora("search", "token", cwd=project, AURORA_LOG="debug", AURORA_LOG_FORMAT="json")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert any(event["event"] == "search" and "vector_ms" in event for event in events)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", "zzqqxx", "--mode", "keyword"], 1, "nothing was found"),
        (["search", "x", "--filter", "{"], 2, "not JSON"),
    ],
)
def test_a_mistake_has_an_exit_code_and_a_sentence_but_no_traceback(
    project: Path, arguments: list[str], code: int, words: str
) -> None:
    done = aurora(*arguments, cwd=project)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_traceback_is_shown_only_with_debug_logging(project: Path) -> None:
    done = aurora("search", "x", "-k", "0", cwd=project, AURORA_LOG="debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_the_help_loads_nothing_heavy() -> None:
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "aurora_dev.interfaces.cli.app", "search", "--help"],
        capture_output=True,
        encoding="utf-8",
        env=environment(),
        check=True,
    ).stderr
    loaded = {line.rpartition("|")[2].strip() for line in listed.splitlines()}
    assert not loaded & {"numpy", "faiss", "structlog", "rich", "asyncio", "torch", "tokenizers"}


def test_a_reader_that_closes_its_pipe_is_not_a_failure(project: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "aurora_dev.interfaces.cli.app", "search", "token", "--json"],
            cwd=project,
            env=environment(),
            stdout=gone,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupted_run_reports_what_is_kept_and_the_next_run_continues(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"m{number}.py").write_text(
            "".join(f"def f{number}_{i}(x):\n    return x + {i}\n\n" for i in range(20))
        )
    process = subprocess.Popen(
        [sys.executable, "-m", "aurora_dev.interfaces.cli.app", "index"],
        cwd=tmp_path,
        env=environment(AURORA_LOG="debug"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stderr is not None
    line = process.stderr.readline()  # the imports are done and the run has started
    process.send_signal(signal.SIGINT)
    output, rest = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("it was done before the signal came")
    assert process.returncode == 130, line + rest
    assert "interrupted; what was indexed so far is kept" in rest
    assert output == ""
    assert "300 files" in aurora("index", cwd=tmp_path).stdout
