"""The modules that a command loads: the usual ones start without the packages that they do not need."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from aurora_dev.interfaces.cli import app as application

# Slow to import; listing notes needs none of them.
PYDANTIC = {"pydantic", "pydantic_core", "pydantic_settings", "typer._adapters", "annotated_types"}
VECTORS = {"numpy", "faiss", "tokenizers", "safetensors"}
LARGE = {"faiss", "tokenizers"}  # few vectors, and words in ASCII, need neither
STAGES = {
    "aurora_dev.core.keyword.index",
    "aurora_dev.core.scope.resolve",
    "aurora_dev.core.search.candidates",
    "aurora_dev.core.search.signals",
    "aurora_dev.notes.markdown",
    "aurora_dev.notes.similarity.conflicts",
    "aurora_dev.syntax",
}
NEVER = {
    *PYDANTIC,
    "email.message",
    "huggingface_hub",
    "httpx",
    "importlib.metadata",
    "mcp",
    "onnxruntime",
    "rich",
    "structlog",
    "tiktoken",
    "torch",
    "tree_sitter",
    "tree_sitter_language_pack",
    "watchfiles",
}


# `-X importtime` does not list what `importlib.import_module` imports.
_LIST_MODULES = (
    "import atexit, sys; atexit.register(lambda: print(*sys.modules, sep='\\n', file=sys.stderr)); "
    "from aurora_dev.__main__ import main; main()"
)


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command, which prints the modules that it has loaded to standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AURORA_")}
    return subprocess.run(
        [sys.executable, "-c", _LIST_MODULES, *arguments],
        cwd=cwd,
        env={**environment, "AURORA_USER_STORE": "none"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def commands() -> Any:
    return get_command(application.app)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "clock.py").write_text("def now():\n    return 12\n", encoding="utf-8")
    for _ in range(2):  # a file as new as the index run is compared once more
        assert run("index", cwd=root).returncode == 0
    assert run("remember", "The clock is always twelve", cwd=root).returncode == 0
    return root


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["list", "-n", "1"], NEVER | VECTORS | STAGES | {"aurora_dev.core.text.secrets"}),
        (["status"], NEVER | VECTORS | STAGES),
        (["remember", "The clock is wound on Mondays", "--tag", "clock"], NEVER | LARGE),
        (["search", "--no-rerank", "-k", "1", "clock"], NEVER | LARGE),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_loads_no_package_that_it_does_not_need(
    project: Path, arguments: list[str], unwanted: set[str]
) -> None:
    done = run(*arguments, cwd=project)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.splitlines())
    assert "aurora_dev.interfaces.cli.app" in loaded
    assert sorted(loaded & unwanted) == []


def test_a_command_loads_the_declarations_of_no_other_command(project: Path) -> None:
    loaded = set(run("status", cwd=project).stderr.splitlines())
    assert "aurora_dev.interfaces.cli.status" in loaded
    others = {"context", "doctor", "evaluate", "index", "install", "mcp", "notes", "search", "transfer", "watch"}
    assert not loaded & {f"aurora_dev.interfaces.cli.{other}" for other in others}


def test_every_module_declares_the_commands_that_are_listed_for_it() -> None:
    group = commands()
    listed = [name for modules in application._SECTIONS.values() for names in modules.values() for name in names]
    with group.make_context("aurora", ["status"]) as context:
        assert group.list_commands(context) == listed
        assert group.get_command(context, "nothing") is None  # loads every module
        assert set(group.commands) == set(listed)


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "-n", "12", "--kind", "a", "--kind", "b", "--path", "."],
        ["list", "-n", "007"],
        ["list", "-n", " 7"],
        ["list", "-n", "-3"],
        ["list", "-n", "1234567890123"],
        ["list", "-n", "x"],
        ["list", "-n", ""],
        ["list", "--path", "missing", "--cursor", ""],
        ["remember", "two", "words", "--importance", "3"],
        ["remember"],
        ["search", "--mode", "keyword", "a query", "-k", "3"],
        ["search", "--mode", "psychic", "a query"],
        ["show", ""],
        ["mcp", "--port", "70000"],
        ["mcp", "--port", "8000"],
        ["export", "a.jsonl", "--force"],
        ["install", "cursor"],
    ],
    ids=" ".join,
)
def test_a_value_is_converted_as_typer_converts_it(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed() -> object:
        group = commands()
        name, *rest = arguments
        with group.make_context("aurora", [name]) as context:
            command = group.get_command(context, name)
            try:
                return command.make_context(name, list(rest), parent=context).params
            except Exception as error:  # noqa: BLE001 - the message is compared
                return type(error), str(error)

    ours = parsed()
    monkeypatch.setattr("aurora_dev.interfaces.cli.groups._converter", lambda parameter: parameter.process_value)
    assert ours == parsed()
