"""Run the examples of the documentation, and compare its tables with the code."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib
import inspect
import io
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docs_examples as docs
import pytest

import aurora_dev
from aurora_dev import errors
from aurora_dev.config import ENV_PREFIX, USUAL_NAMES, Settings, project_groups
from aurora_dev.core import filters
from aurora_dev.core.text import secrets
from aurora_dev.core.types import SearchOptions
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import AuroraError, ConfigurationError
from aurora_dev.indexing import file_reader, filetypes, walker
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_CODES
from aurora_dev.memory import Memory
from aurora_dev.syntax import supported_languages

ROOT: Path = docs.ROOT
DOCS = ROOT / "docs"
PAGES: list[Path] = docs.PAGES
PROGRAMS = [program for page in PAGES for program in docs.programs(page)]
CONSOLE_PAGES = [page for page in PAGES if docs.blocks(page, "console")]
_SERVICE = re.compile(r"localhost:(?:11434|808\d)")
_PRINTS = re.compile(r"# prints: (.*)$", re.MULTILINE)
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*", re.DOTALL)


def name_of(page: Path) -> str:
    return page.name


# --- examples -------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse network connections, and remove the settings of the machine that runs the tests."""
    for variable in list(os.environ):
        if variable.startswith(ENV_PREFIX) or variable in USUAL_NAMES:
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    connect = socket.socket.connect

    def connect_to_loopback(self: socket.socket, address: Any) -> None:
        is_loopback = address[0] == "::1" or str(address[0]).startswith("127.")
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback:
            raise OSError(f"an example of the documentation connects to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_to_loopback)


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    with docs.model_service() as address:
        yield address


@contextlib.contextmanager
def pinecone(page: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve a fake Pinecone for the pages about Pinecone."""
    if page.name not in ("pinecone.md", "moving.md"):
        yield
        return
    pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")
    from pinecone_server import PineconeServer

    with PineconeServer(api_key="pcsk_example") as server:
        monkeypatch.setenv("PINECONE_CONTROLLER_HOST", server.url)
        yield
        assert server.violations == []


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program[0].label)
def test_python_examples_run_and_print_what_the_page_shows(
    program: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.chdir(tmp_path)
    docs.make_project(tmp_path / "path/to/project")
    if any("path/to/damaged" in block.body for block in program):
        docs.make_damaged_store(tmp_path / "path/to/damaged")
    names: dict[str, Any] = {"__name__": "__main__"}
    with pinecone(program[0].page, monkeypatch):
        if program[0].page.name == "pinecone.md":
            monkeypatch.setenv("PINECONE_API_KEY", "pcsk_example")
            monkeypatch.setenv("AURORA_PINECONE_CREATE", "true")
        _run_program(program, names, service)


def _run_program(program: list[Any], names: dict[str, Any], service: str) -> None:
    for block in program:
        source = _SERVICE.sub(service, block.body)
        # Empty lines make the line numbers of a traceback those of the page.
        code = compile("\n" * (block.line - 1) + source, str(block.page), "exec", dont_inherit=True)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(code, names)
        printed = output.getvalue().splitlines()
        for promised in _PRINTS.findall(source):
            assert promised in printed, f"{block.label} prints {printed}"
            del printed[: printed.index(promised) + 1]


@pytest.mark.parametrize("page", CONSOLE_PAGES, ids=name_of)
def test_commands_run_and_show_what_the_page_shows(
    page: Path, tmp_path: Path, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pinecone(page, monkeypatch):
        _run_commands(page, tmp_path, service)


def _run_commands(page: Path, tmp_path: Path, service: str) -> None:
    project = docs.make_project(tmp_path / "project")
    if "./models/own-model" in page.read_text("utf-8"):
        docs.make_model(project / "models/own-model")
    if "../queries.jsonl" in page.read_text("utf-8"):
        questions = next(block.body for block in docs.blocks(page, "text") if '"expected"' in block.body)
        (tmp_path / "queries.jsonl").write_text(questions, "utf-8")
    for block in docs.blocks(page, "console"):
        environment = dict(os.environ)
        code = 0
        commands = docs.commands(block)
        for number, command in enumerate(commands):
            where = f"{page.name}:{command.line}: $ {command.text}"
            words = shlex.split(_SERVICE.sub(service, command.text))
            is_export = words[0] == "export"
            assigned: dict[str, str] = {}
            while len(words) > is_export and _ASSIGNMENT.fullmatch(words[is_export]):
                variable, _, value = words.pop(is_export).partition("=")
                assigned[variable] = value
            if is_export:
                environment |= assigned
            elif words == ["echo", "$?"]:
                assert command.shown == [str(code)], f"{where}: the exit code was {code}"
            elif words[0] == "aurora":
                run = subprocess.run(
                    [sys.executable, "-m", "aurora_dev.interfaces.cli.app", *words[1:]],
                    cwd=project,
                    env={**environment, **assigned},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    timeout=60,
                )
                code = run.returncode
                shows_code = number + 1 < len(commands) and commands[number + 1].text == "echo $?"
                assert code == 0 or shows_code, f"{where}: exit code {code}\n{run.stdout}"
                if command.shown:
                    assert _looks_like(command.shown, run.stdout), f"{where} shows:\n{run.stdout}"
            else:
                known = words[0] in docs.NOT_RUN_HERE or words[0].startswith(docs.NOT_RUN_SCRIPTS)
                assert known, f"{where} is neither run nor listed in NOT_RUN_HERE"
                scripts = [word for word in words if word.startswith(("./scripts/", "benchmarks/", "requirements/"))]
                files, folders = [s for s in scripts if Path(s).suffix], [s for s in scripts if not Path(s).suffix]
                assert all((ROOT / file).is_file() for file in files), f"{where} names a file that does not exist"
                assert all((ROOT / folder).is_dir() for folder in folders), (
                    f"{where} names a folder that does not exist"
                )
                for option in (word for word in words if scripts and word.startswith("--")):
                    assert option in (ROOT / scripts[0]).read_text("utf-8"), f"{where}: the script has no such option"


def test_every_command_that_is_not_run_is_on_a_page() -> None:
    shown = [
        command for page in CONSOLE_PAGES for block in docs.blocks(page, "console") for command in docs.commands(block)
    ]
    assert {command.text.split()[0] for command in shown} >= docs.NOT_RUN_HERE


def _looks_like(shown: list[str], output: str) -> bool:
    """Compare lines. Digits may differ in value and number; ``...`` matches anything, several lines included.

    Lines of progress, which are only printed on a slow machine, are left out.
    """
    output = re.sub(r"(?m)^(?:[\d,]+ of [\d,]+ files?, .* stored|copying: .*)\n", "", output)
    pattern = ""
    for line in shown:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
            continue
        parts = [re.escape(re.sub(r"\d+", "0", part)) for part in line.rstrip().split("...")]
        pattern += ".*".join(parts) + r"[ ]*\n"
    return re.fullmatch(pattern, re.sub(r"\d+", "0", output)) is not None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_fence_names_its_language(page: Path) -> None:
    assert docs.languages(page) <= {"python", "console", "toml", "json", "text", "gitignore"}


def test_the_example_settings_files_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, own = docs.blocks(DOCS / "settings.md", "toml")
    for name, block in (("aurora.toml", first), ("pyproject.toml", second)):
        project = tmp_path / name.partition(".")[0]
        project.mkdir()
        (project / name).write_text(block.body, "utf-8")
        settings = Settings.load(project)
        assert (settings.namespace, settings.busy_timeout) == ("docs", 10)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    (tmp_path / "aurora" / "settings.toml").write_text(own.body, "utf-8")
    assert [folder.name for folder in project_groups()["shop"]] == ["shop", "billing"]


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=name_of)
def test_links_point_to_existing_files_and_headings(page: Path) -> None:
    for link in docs.links(page):
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in docs.anchors(path), f"{page.name} links to {link}: no such heading"


def test_the_readme_links_to_every_page() -> None:
    linked = {link.partition("#")[0] for link in docs.links(ROOT / "README.md")}
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} <= linked


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_file_paths_on_a_page_exist(page: Path) -> None:
    for path in re.findall(r"`((?:aurora_dev|benchmarks|scripts|tests)/[\w/.-]+\.\w+)`", page.read_text("utf-8")):
        assert (ROOT / path).is_file(), f"{page.name} names {path}"


def test_the_folders_of_the_architecture_page_are_those_of_the_package() -> None:
    package = ROOT / "aurora_dev"
    listed = {docs.bare(row["folder"]) for row in docs.table(DOCS / "architecture.md", "folder", "contents")}
    found = {path.parent.relative_to(package).as_posix() for path in package.rglob("__init__.py")}
    # These are described in the text or inside the row of the folder above them.
    assert listed == found - {".", "core", "interfaces", "interfaces/cli/actions", "interfaces/cli/output"}


# --- tables -----------------------------------------------------------------------------------------------------------

_SETTINGS = docs.table(DOCS / "settings.md", "setting", "environment", "in a file", "default", "meaning")


def test_every_setting_is_listed_with_its_default_and_variables() -> None:
    assert [docs.bare(row["setting"]) for row in _SETTINGS] == list(Settings.model_fields)
    for row in _SETTINGS:
        name = docs.bare(row["setting"])
        usual = [variable for variable, own in USUAL_NAMES.items() if own == name]
        assert re.findall(r"`(\w+)`", row["environment"]) == [ENV_PREFIX + name.upper(), *usual]
        default = Settings.model_fields[name].default
        assert docs.bare(row["default"]) == ("not set" if default is None else str(default)), name


@pytest.mark.parametrize("row", _SETTINGS, ids=lambda row: docs.bare(row["setting"]))
def test_a_project_file_may_set_what_the_table_says(row: dict[str, str], tmp_path: Path) -> None:
    name = docs.bare(row["setting"])
    harmless = {"store": '"notes"', "log": '"debug"', "log_format": '"json"', "busy_timeout": "5.0"}
    harmless |= {"mask_secrets": "false", "reranker": '"none"', "embedder": '"bundled"'}
    harmless |= {"reranker_url": '"http://localhost:8080"'}
    harmless |= {"pinecone_keyword": "false", "pinecone_timeout": "5.0", "pinecone_concurrency": "4"}
    harmless |= {"pinecone_create": "true", "embedder_batch_size": "8"}
    harmless |= {"history_limit": "50", "history_days": "30", "freshness": '"notice"', "freshness_budget": "0.1"}
    harmless |= {"sessions": '"off"', "session_limit": "50", "session_days": "30"}
    harmless |= {"max_store_bytes": "2000000", "reranker_threads": "2", "cross_encoder_backend": '"int8"'}
    harmless |= {"file_encodings": '{"*.pas" = "cp1251"}'}
    harmful = {
        "store": '"../elsewhere"',
        "embedder": '"https://example.org/v1"',
        "reranker_url": '"https://example.org/v1"',
        "reranker": '"cross-encoder:./model"',
        "backend": '"pinecone"',
        "cross_encoder_model": '"./model"',
    }

    def accepted(value: str) -> bool:
        (tmp_path / "aurora.toml").write_text(f"{name} = {value}\n", "utf-8")
        try:
            Settings.load(tmp_path)
        except ConfigurationError:
            return False
        return True

    allowed = accepted(harmless.get(name, '"owner"'))
    in_part = name in harmful and not accepted(harmful[name])
    assert row["in a file"] == ("no" if not allowed else "limited" if in_part else "yes")


def test_every_search_option_is_listed_with_its_default() -> None:
    rows = docs.table(DOCS / "hybrid-search.md", "option", "default", "range", "meaning")
    found = {docs.bare(row["option"]): ast.literal_eval(docs.bare(row["default"])) for row in rows}
    assert found == {field.name: field.default for field in dataclasses.fields(SearchOptions)}


def test_the_ranking_constants_have_the_values_of_the_code() -> None:
    rows = docs.table(DOCS / "hybrid-search.md", "constant", "value", "why")
    for row in rows:
        module, _, name = docs.bare(row["constant"]).rpartition(".")
        assert float(row["value"]) == getattr(importlib.import_module(f"aurora_dev.core.{module}"), name), name
    named = {docs.bare(row["constant"]) for row in rows}
    of_commits = vars(importlib.import_module("aurora_dev.core.search.history"))
    for module in ("search.signals", "text.path_kinds", "search.history"):
        code = vars(importlib.import_module(f"aurora_dev.core.{module}"))
        own = set(code) if module == "search.history" else set(code) - set(of_commits)
        numbers = {f"{module}.{name}" for name in own if isinstance(code[name], float)}
        assert numbers <= named, f"{numbers - named} is not in the table"


def test_the_filter_operators_are_those_of_the_grammar() -> None:
    rows = docs.table(DOCS / "hybrid-search.md", "operator", "operand", "matches where the field")
    assert [docs.bare(row["operator"]) for row in rows] == list(filters._OPERATORS)


def _error_classes() -> list[str]:
    found = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, AuroraError)]
    assert len(found) > 10
    return found


def test_troubleshooting_has_a_section_for_every_error() -> None:
    text = (DOCS / "troubleshooting.md").read_text("utf-8")
    sections = [heading for heading in docs.headings(text) if heading.endswith("Error")]
    assert sections == _error_classes()


def _codes(module: str, *functions: str) -> set[str]:
    """Return the first string argument of every call of these functions in a module."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / "aurora_dev" / module).read_text("utf-8"))):
        if (
            isinstance(node, ast.Call)
            and (getattr(node.func, "attr", None) or getattr(node.func, "id", "")) in functions
        ):
            strings = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            found.update(strings[:1])
    return found


def test_every_notice_of_a_search_is_on_both_pages() -> None:
    codes = _codes("core/search/candidates.py", "degrade") | _codes("core/search/rerank.py", "degrade", "_unchanged")
    assert len(codes) > 4
    explained = docs.table(DOCS / "troubleshooting.md", "notice", "what happened", "what to do")
    assert {docs.bare(row["notice"]) for row in explained} == codes
    listed = docs.table(DOCS / "hybrid-search.md", "code", "what happened")
    assert {docs.bare(row["code"]) for row in listed} == codes


def test_every_problem_of_status_is_described() -> None:
    rows = docs.table(DOCS / "troubleshooting.md", "code", "what it means", "what to do")
    assert {docs.bare(row["code"]) for row in rows} == _codes("memory/status.py", "Problem")


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    rows = docs.table(DOCS / "troubleshooting.md", "code", "meaning")
    assert [(int(docs.bare(row["code"])), row["meaning"]) for row in rows] == list(EXIT_CODES)


def test_every_reason_for_skipping_a_file_is_described() -> None:
    rows = docs.table(DOCS / "indexing.md", "reason", "what it is")
    reasons = {walker.IGNORED, walker.VENDORED, walker.TOO_LARGE, walker.SPECIAL, walker.UNREADABLE, walker.NOT_UTF8}
    reasons |= {walker.LINK_TO_FOLDER, walker.LINK_BROKEN, walker.LINK_OUTSIDE, walker.LINK_TWICE, walker.WORKTREE}
    reasons |= {filetypes.SECRET, filetypes.BINARY, filetypes.GENERATED, filetypes.MINIFIED, filetypes.LOCK_FILE}
    assert {docs.bare(row["reason"]) for row in rows} == reasons | {
        file_reader.NO_TEXT,
        file_reader.NOT_CUT,
        file_reader.NOT_STORED,
    }


def test_every_marker_of_a_masked_credential_is_described() -> None:
    rows = docs.table(DOCS / "indexing.md", "marker", "what is masked")
    found = {marker for row in rows for marker in re.findall(r"`([\w-]+)`", row["marker"])}
    assert found == secrets.LABELS


def test_every_supported_language_is_listed() -> None:
    text = (DOCS / "indexing.md").read_text("utf-8")
    listed = re.search(r"The languages: ([^.]+)\.", text)
    assert listed is not None
    assert sorted(re.split(r",\s+", listed[1])) == sorted(supported_languages())
    assert f"**Code** in {len(supported_languages())} languages" in text


# --- the page about the Python API ------------------------------------------------------------------------------------


def _section(name: str) -> str:
    """Return the section about a public name."""
    text = (DOCS / "python-api.md").read_text("utf-8")
    found = re.search(rf"^### `{name}`\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/python-api.md has no section about {name}"
    return found[1]


_TYPES = [name for name in aurora_dev.__all__ if dataclasses.is_dataclass(getattr(aurora_dev, name))]


@pytest.mark.parametrize("name", [name for name in _TYPES if name != "SearchOptions"])
def test_every_field_of_a_public_type_is_described(name: str) -> None:
    section = _section(name)
    for field in dataclasses.fields(getattr(aurora_dev, name)):
        assert f"`{field.name}`" in section, f"{name}.{field.name}"


@pytest.mark.parametrize("owner", [Memory, VectorStore], ids=lambda owner: owner.__name__)
def test_every_method_is_described_with_its_keyword_arguments(owner: type) -> None:
    rows = docs.table(DOCS / "python-api.md", "call", "what it does", "raises")
    described = " ".join(row["call"] for row in rows)
    for name, value in vars(owner).items():
        if name.startswith("_") or not callable(getattr(owner, name)) or "; internal, " in (value.__doc__ or ""):
            continue
        assert re.search(rf"\b{name}\(", described), f"{owner.__name__}.{name} is in no table"
        function = value.__func__ if isinstance(value, classmethod) else value
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                assert re.search(rf"\b{name}\([^`]*\b{parameter.name}=", described), f"{name}({parameter.name}=)"
