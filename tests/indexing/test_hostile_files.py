"""Files that are written to hurt their parser: the run ends, names them, and finds everything else."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_dev import IndexReport, Memory
from aurora_dev.indexing import file_reader
from aurora_dev.indexing.chunking.chunker import chunk_text
from aurora_dev.syntax import GrammarFailedError, guard, supported_languages
from aurora_dev.syntax.languages import LANGUAGES

KOTLIN_CRASH = 'val s = "${\n' + '"${\n' * 1_100
PERL_CRASH = 'my $s = "${\n' + '"${\n' * 150
CALM = "def calm_function():\n    return 'calm'\n"
LINES_ONLY = {"Evil.kt": "its grammar failed", "evil.pl": "its grammar failed"}


@pytest.fixture(autouse=True)
def own_guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start each test without memory of failures."""
    forget(monkeypatch)
    yield
    guard._guard.end()


def forget(monkeypatch: pytest.MonkeyPatch) -> guard._Guard:
    """Forget what failed, as a new process does."""
    guard._guard.end()
    own = guard._Guard()
    monkeypatch.setattr(guard, "_guard", own)
    return own


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "Evil.kt").write_text(KOTLIN_CRASH)
    (root / "evil.pl").write_text(PERL_CRASH)
    (root / "calm.py").write_text(CALM)
    return root


def reasons(report: IndexReport) -> dict[str, str]:
    return {entry.path: entry.reason for entry in report.cut_by_lines}


async def test_a_file_that_crashes_its_grammar_is_indexed_by_lines_and_everything_else_as_usual(root: Path) -> None:
    async with Memory.open(root, reranker="none") as memory:
        report = await memory.index()
        assert (report.files_added, report.files_skipped) == (3, 0)
        assert reasons(report) == LINES_ONLY
        assert (await memory.search("calm_function", 1))[0].metadata["symbol"] == "calm_function"
        found = await memory.search("val s", 1, filter={"path": "Evil.kt"})
        assert (found[0].metadata["kind"], found[0].metadata["language"]) == ("module", "kotlin")


async def test_a_grammar_that_failed_is_not_tried_again_until_the_file_changes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Memory.open(root, reranker="none") as memory:
        await memory.index()
    for full in (False, True):
        own = forget(monkeypatch)
        async with Memory.open(root, reranker="none") as memory:
            report = await memory.index(full=full)
        assert reasons(report) == LINES_ONLY
        assert own._worker is None or own._worker.answered == 1  # for calm.py alone, and it never died
    (root / "evil.pl").write_text("sub mended { 1 }\n")
    forget(monkeypatch)
    async with Memory.open(root, reranker="none") as memory:
        report = await memory.index()
        assert reasons(report) == {"Evil.kt": "its grammar failed"}
        assert (await memory.search("mended", 1))[0].metadata["symbol"] == "mended"
    [kept] = root.glob(".aurora/state/*.grammars.json")
    assert list(json.loads(kept.read_text())["failed"]) == ["Evil.kt"]


async def test_the_update_before_a_search_survives_such_a_file(root: Path) -> None:
    (root / "evil.pl").unlink()
    async with Memory.open(root, reranker="none", freshness_budget=30) as memory:
        await memory.index()
        (root / "evil.pl").write_text(PERL_CRASH)
        (root / "new.py").write_text("def new_function(): ...\n")
        assert (await memory.search("new_function", 1))[0].metadata["symbol"] == "new_function"


async def test_without_a_process_all_files_are_indexed_by_lines_and_parsed_by_the_next_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(root / "no-python"))
        async with Memory.open(root, reranker="none") as memory:
            report = await memory.index()
            assert reasons(report) == dict.fromkeys(
                ("Evil.kt", "calm.py", "evil.pl"), "no process for its grammar could be started"
            )
            assert (await memory.search("calm_function", 1))[0].metadata["path"] == "calm.py"
    forget(monkeypatch)
    async with Memory.open(root, reranker="none") as memory:
        report = await memory.index()
        assert (report.files_updated, reasons(report)) == (3, LINES_ONLY)
        assert (await memory.search("calm_function", 1))[0].metadata["symbol"] == "calm_function"


async def test_a_language_that_has_cost_too_much_time_is_left_for_the_next_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    real = chunk_text

    def fails(text: str, path: str, *, use_grammar: bool = True) -> object:
        if use_grammar and path.endswith(".pl"):
            tried.append(path)
            raise GrammarFailedError("its grammar took too long", path)
        return real(text, path, use_grammar=use_grammar)

    (root / "other.pl").write_text("sub other { 1 }\n")
    (root / "third.pl").write_text("sub third { 1 }\n")
    monkeypatch.setattr(file_reader, "chunk_text", fails)
    monkeypatch.setattr(file_reader, "_MOST_SECONDS_LOST", 1e-9)
    for number in range(1, 4):
        async with Memory.open(root, reranker="none") as memory:
            report = await memory.index()
        assert len(tried) == number
        assert set(reasons(report)) == {"Evil.kt", "evil.pl", "other.pl", "third.pl"}


def hostile_texts(language: str) -> dict[str, str]:
    lines, blocks = LANGUAGES[language].comments
    comment = blocks[0][0].decode() if blocks else lines[0].decode()
    return {
        "brackets": "(" * 50_000,
        "braces": "{" * 50_000,
        "mixed": "f({[" * 15_000,
        "strings": 'x = "' * 1_300,
        "comments": comment * 1_300,
        "html": "<!--" * 1_300,
        "raw": 'r#"' * 1_300,
        "interpolation": '"${\n' * 1_300,
        "heredocs": "<<A " * 1_300,
    }


async def test_hostile_files_of_every_grammar_leave_all_other_files_findable(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    for number, language in enumerate(supported_languages()):
        suffixes = LANGUAGES[language].suffixes.split()
        kinds = list(hostile_texts(language).items())
        name, text = kinds[number % len(kinds)]  # all kinds for each language would take minutes
        if suffixes:
            (root / f"{language}_{name}.{suffixes[0]}").write_text(text)
    (root / ".auroraignore").write_text("!*\n")
    (root / "line.go").write_text("a b " * 250_000)
    (root / "surrogates.py").write_bytes(b"def before(): ...\n# \xed\xa0\x80\xed\xb0\x80\n" + CALM.encode())
    (root / "nul.py").write_bytes(b"x = 1\n\0\n" + CALM.encode())
    (root / "calm.py").write_text(CALM)
    async with Memory.open(root, reranker="none") as memory:
        report = await memory.index()
        found = await memory.search("calm_function", 3, filter={"path": "calm.py"})
    assert found[0].metadata["symbol"] == "calm_function"
    assert report.files_added + report.files_skipped >= len(list(root.iterdir())) - 1
    assert 0 < len(reasons(report)) < report.files_added
    assert set(reasons(report).values()) <= {"its grammar failed", "its grammar took too long"}
