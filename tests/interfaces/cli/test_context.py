"""``aurora context``: the context on standard output, the table of its items on standard error."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aurora_dev.config import ENV_PREFIX, USUAL_NAMES
from aurora_dev.core.tokens import TiktokenCounter
from aurora_dev.interfaces.cli.app import app
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_NOTHING_FOUND, EXIT_USAGE

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("context") / "project"
    root.mkdir()
    (root / "auth.py").write_text('def verify(token):\n    """Verify a token."""\n    return sign(token)\n', "utf-8")
    (root / "paint.py").write_text("def paint():\n    return verify('red')\n", "utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ENV_PREFIX) and k not in USUAL_NAMES}
    command = [sys.executable, "-m", "aurora_dev.interfaces.cli.app", "index"]
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    return root


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, indexed: Path) -> Iterator[Run]:
    logger = logging.getLogger("aurora_dev")
    handlers, level = list(logger.handlers), logger.level
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX) or name in USUAL_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.chdir(indexed)
    yield lambda *arguments: CliRunner().invoke(app, ["context", *arguments])
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_the_prompt_goes_to_stdout_and_the_table_to_stderr(run: Run) -> None:
    done = run("verify", "tokens", "--budget", "300")
    assert done.exit_code == 0
    assert "def verify(token):" in done.stdout
    assert done.stdout.endswith("Task:\nverify tokens\n")
    count = TiktokenCounter().count(done.stdout)
    assert count <= 300
    assert f"{count}  of 300 as text" in done.stderr
    assert "auth.py:1-3" in done.stderr
    assert "def verify" not in done.stderr


def test_messages_and_json_are_json(run: Run) -> None:
    messages = json.loads(run("verify tokens", "--format", "messages").stdout)
    assert [message["role"] for message in messages] == ["system", "user"]
    whole = json.loads(run("verify tokens", "--format", "json", "--model", "gpt-4").stdout)
    assert whole["counter"] == "cl100k_base"
    assert whole["tokens"] <= 8_000
    assert whole["messages"] == messages
    assert {item["source"] for item in whole["items"]} >= {"auth.py", "task"}


def test_a_map_comes_first(run: Run) -> None:
    done = run("verify tokens", "--map")
    assert done.stdout.index("symbol map") < done.stdout.index("data auth.py")
    assert "1: def verify(token):" in done.stdout


def test_explain_shows_the_reasons(run: Run) -> None:
    done = run("verify tokens", "--explain", "--budget", "45")
    assert "hit 1" in done.stderr
    assert "ms assemble" in done.stderr
    assert "did not fit" in done.stderr


def test_a_mistake_is_reported_in_one_line(run: Run) -> None:
    for arguments, words in (
        (("x", "--budget", "-1"), "token_budget"),
        (("x", "--encoding", "p50k"), "o200k_base"),
        (("x", "--encoding", "o200k_base", "--model", "gpt-4"), "not both"),
        ((" ",), "task is empty"),
    ):
        done = run(*arguments)
        assert done.exit_code == EXIT_USAGE, done.stderr
        assert words in done.stderr
        assert done.stdout == ""


def test_a_budget_that_is_too_small_for_any_item_is_reported(run: Run) -> None:
    done = run("verify tokens", "--budget", "0")
    assert (done.exit_code, done.stdout) == (EXIT_NOTHING_FOUND, "")
    assert "larger --budget" in done.stderr
