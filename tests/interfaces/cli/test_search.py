"""``aurora search`` and the options that say where to search and what is shown, in this process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from aurora_dev.core.types import SearchResult
from aurora_dev.interfaces.cli.actions.surroundings import Around, lines_around

Run = Callable[..., Result]

FILES = {
    "src/auth/jwt.py": (
        '"""Signed tokens."""\n\nimport base64\n\n\ndef verify_token(token: str) -> dict:\n'
        '    """Check the signature of a token."""\n    return decode(token)\n\n\nclass TokenStore:\n'
        '    """Keeps tokens."""\n\n    def save_token(self, token: str) -> None:\n        self.rows.append(token)\n'
    ),
    "src/auth/view.ts": "export function showToken(token: string) {\n  return token;\n}\n",
    "src/billing/invoice.py": "def total(lines):\n    return sum(line.amount for line in lines)\n",
    "tests/test_jwt.py": "def test_verify_token():\n    assert verify_token('token')\n",
    "docs/guide.md": "# Guide\n\nTokens are verified in one place.\n",
}


@pytest.fixture
def project(tmp_path: Path, run: Run) -> Path:
    root = tmp_path / "project"
    for name, text in FILES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    assert run("index", cwd=root).exit_code == 0
    assert run("remember", "Tokens are signed with EdDSA.", "--kind", "decision", cwd=root).exit_code == 0
    return root


def files(done: Result) -> list[str]:
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    return sorted(done.stdout.splitlines())


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], sorted(FILES)),
        (["--lang", "py"], ["src/auth/jwt.py", "src/billing/invoice.py", "tests/test_jwt.py"]),
        (["--lang", "ts", "--lang", "Markdown"], ["docs/guide.md", "src/auth/view.ts"]),
        (["--in", "src/auth"], ["src/auth/jwt.py", "src/auth/view.ts"]),
        (["--in", "src/billing/invoice.py", "--in", "docs/"], ["docs/guide.md", "src/billing/invoice.py"]),
        (["--in", "**/*.py", "--no-tests"], ["src/auth/jwt.py", "src/billing/invoice.py"]),
        (["--only", "docs"], ["docs/guide.md"]),
        (["--only", "code", "--no-tests", "--lang", "py"], ["src/auth/jwt.py", "src/billing/invoice.py"]),
    ],
)
def test_paths_of_files_alone_are_printed_each_once(
    run: Run, project: Path, options: list[str], found: list[str]
) -> None:
    assert files(run("search", "token", "-k", "20", "--files", *options, cwd=project)) == found


def test_paths_are_those_of_the_current_folder_first(run: Run, project: Path) -> None:
    (project / "src" / "docs").mkdir()
    (project / "src" / "docs" / "token.md").write_text("# Token\n\nA token of the source.\n")
    inside = project / "src"
    assert files(run("search", "token", "--files", "--in", "docs", cwd=inside)) == ["docs/token.md"]
    assert files(run("search", "token", "--files", "--in", "../docs", cwd=inside)) == ["../docs/guide.md"]
    assert files(run("search", "token", "--files", "--in", "tests", cwd=inside)) == ["../tests/test_jwt.py"]
    assert files(run("search", "token", "--files", "--in", "*.ts", cwd=inside)) == ["auth/view.ts"]
    absolute = str(project / "docs")
    assert files(run("search", "token", "--files", "--in", absolute, cwd=inside)) == ["../docs/guide.md"]


def test_notes_are_found_alone(run: Run, project: Path) -> None:
    done = run("search", "token", "--only", "notes", cwd=project)
    assert done.exit_code == 0
    assert len(re.findall(r"^note ", done.stdout, re.MULTILINE)) == 1
    assert "EdDSA" in done.stdout
    assert ".py" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--lang", "pyhton"], "Did you mean python?"),
        (["x", "--lang", ""], "empty entry"),
        (["x", "--in", "src/auht"], "Did you mean 'src/auth'?"),
        (["x", "--in", "invoice.py"], "Did you mean 'src/billing/invoice.py'?"),
        (["x", "--in", "*.rb"], "no indexed file matches '*.rb'"),
        (["x", "--in", "../other"], "outside of the project"),
        (["x", "--in", "/etc"], "outside of the project"),
        (["x", "--in", ""], "empty entry"),
        (["x", "--only", "doc"], "Did you mean docs?"),
        (["x", "--only", "notes", "--lang", "py"], "notes have no language"),
        (["x", "--only", "notes", "--files"], "notes are in none"),
        (["x", "--files", "--json"], "leave out --files or --json"),
        (["x", "--files", "-C", "2"], "leave out --files or --context"),
        (["x", "--files", "--explain"], "leave out --files or --explain"),
        (["x", "-C", "-1"], "from 0 to 1,000"),
        (["x", "--min-score", "1.5"], "from 0 to 1"),
        (["x", "--min-score", "nan"], "from 0 to 1"),
        (["x", "--min-score", "high"], "--min-score"),
        (["--similar-to", "src/auth/jwt.py"], "PATH:LINE"),
        (["--similar-to", "src/auth/jwt.py:900"], "no chunk of 'src/auth/jwt.py' covers line 900"),
        (["--similar-to", "src/auth/jtw.py:1"], "Did you mean 'src/auth/jwt.py'?"),
        ([], "QUERY"),
    ],
)
def test_a_wrong_or_contradictory_option_is_explained(
    run: Run, project: Path, arguments: list[str], message: str
) -> None:
    done = run("search", *arguments, cwd=project)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_indexed_is_told_from_one_that_does_not_exist(run: Run, project: Path) -> None:
    (project / ".auroraignore").write_text("private/\n")
    (project / "private").mkdir()
    assert "is in the project but not in the index" in run("search", "x", "--in", "private", cwd=project).stderr
    assert "does not exist in the project" in run("search", "x", "--in", "nowhere", cwd=project).stderr


@pytest.mark.parametrize(
    ("options", "left_out", "line"),
    [
        (["--lang", "rust"], {"languages": 5}, "--lang left out 5 results"),
        (["--in", "docs", "--lang", "py"], {"languages": 1, "paths": 3}, "--lang left out 1 result; --in left out 3"),
        (["--filter", '{"kind": "none"}'], {"filter": 5}, "--filter left out 5 results"),
        (["--only", "commits"], {"sources": 5}, "--only left out 5 results"),
        (["--in", "tests", "--no-tests"], {"paths": 5, "tests": 1}, "--no-tests left out 1 result"),
    ],
)
def test_a_search_without_results_says_in_one_line_what_left_them_out(
    run: Run, project: Path, options: list[str], left_out: dict[str, int], line: str
) -> None:
    done = run("search", "token", *options, cwd=project)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "nothing was found for 'token'" in done.stderr
    assert line in done.stderr
    as_json = run("search", "token", *options, "--json", cwd=project)
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["left_out"] == left_out


def test_results_with_a_low_score_are_left_out_and_counted(run: Run, project: Path) -> None:
    every = json.loads(run("search", "verify_token", "--json", "--no-rerank", cwd=project).stdout)["results"]
    least = every[1]["score"]
    some = json.loads(
        run("search", "verify_token", "--json", "--no-rerank", "--min-score", str(least), cwd=project).stdout
    )
    assert [one["id"] for one in some["results"]] == [one["id"] for one in every if one["score"] >= least]
    assert some["left_out"] == {"min_score": len(every) - len(some["results"])}
    none = run("search", "tokens", "--lang", "md", "--no-rerank", "--mode", "vector", "--min-score", "1", cwd=project)
    assert (none.exit_code, none.stdout) == (1, "")
    assert "--min-score left out 1 result" in none.stderr


def test_a_place_stands_for_the_query_and_is_no_result(run: Run, project: Path) -> None:
    shown = json.loads(run("search", "--similar-to", "src/auth/jwt.py:6", "--json", cwd=project).stdout)["results"]
    assert shown
    assert not any(one["path"] == "src/auth/jwt.py" and one["start_line"] <= 6 <= one["end_line"] for one in shown)
    inside = run("search", "--similar-to", "jwt.py:6", "--files", cwd=project / "src" / "auth")
    assert inside.exit_code == 0


def test_whole_results_are_shown_with_the_lines_around_them(run: Run, project: Path) -> None:
    text = "\n".join([*(f"# line {number}" for number in range(1, 60)), "", ""])
    text += "\n".join(f"def alpha_{n}(value):\n    return [{n}] * value\n\n\n# after {n}\n\n" for n in range(40))
    (project / "long.py").write_text(text)
    lines = text.split("\n")
    found = json.loads(run("search", "alpha_30", "--in", "long.py", "-C", "3", "--json", cwd=project).stdout)["results"]
    assert found
    for one in found:
        assert one["before"] == lines[max(0, one["start_line"] - 4) : one["start_line"] - 1]
        assert one["after"] == lines[: len(lines) - 1][one["end_line"] : one["end_line"] + 3]
    first = found[0]
    shown = run("search", "alpha_30", "--in", "long.py", "-C", "3", "-k", "1", cwd=project).stdout.splitlines()
    numbers = [int(row.split()[0]) for row in shown[1:]]
    assert numbers == list(range(max(1, first["start_line"] - 3), min(len(lines) - 1, first["end_line"] + 3) + 1))


def test_without_the_file_as_indexed_no_lines_are_shown_around_a_result(run: Run, project: Path) -> None:
    invoice = project / "src" / "billing" / "invoice.py"
    for problem in ("has changed since it was indexed", "is gone"):
        if problem == "is gone":
            invoice.unlink()
        else:
            invoice.write_text("def total(): pass\n")
        done = run("search", "total invoice", "-C", "5", "-k", "9", cwd=project, AURORA_FRESHNESS="off")
        assert done.exit_code == 0
        assert f"no lines are shown around the results in 'src/billing/invoice.py': it {problem}" in done.stderr
        assert "return sum" in done.stdout
        data = json.loads(
            run("search", "total", "-C", "5", "-k", "9", "--json", cwd=project, AURORA_FRESHNESS="off").stdout
        )
        assert data["not_shown_around"] == {"src/billing/invoice.py": problem}
        assert {one["before"] is None for one in data["results"] if one["path"] == "src/billing/invoice.py"} == {True}


def test_credentials_around_a_result_are_masked(tmp_path: Path, run: Run) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    body = "".join(f"def step_{n}(value):\n    return value + {n}\n\n\n" for n in range(60))
    (tmp_path / "deploy.py").write_text(f'{body}KEY = "{secret}"\n\n\n{body.replace("step", "later")}')
    assert "1 credential masked" in run("index", cwd=tmp_path).stdout
    done = run("search", "step_59", "-C", "1000", "-k", "9", cwd=tmp_path)
    assert "KEY = " in done.stdout
    assert secret not in done.stdout


def test_lines_are_counted_as_in_the_file(tmp_path: Path) -> None:
    from aurora_dev.indexing.chunk_version import file_version

    data = b"one\r\ntwo\r\nthree\r\nfour\r\n"
    (tmp_path / "a.txt").write_bytes(data)
    metadata: dict[str, Any] = {"path": "a.txt", "start_line": 2, "end_line": 3}
    metadata["file_hash"] = file_version(data, mask=False)
    found = SearchResult("id", "two\nthree", 1.0, metadata)
    around, problems = lines_around([found], tmp_path, 5, mask=False)
    assert (around, problems) == ({"id": Around(("one",), ("four",))}, {})
    elsewhere = SearchResult("id", "other", 1.0, metadata)
    assert lines_around([elsewhere], tmp_path, 5, mask=False)[1] == {
        "a.txt": "is stored as other text than the file has"
    }


@pytest.mark.parametrize("columns", [60, 80])
def test_the_help_has_sections_and_fits_the_terminal(tmp_path: Path, columns: int) -> None:
    command = [sys.executable, "-m", "aurora_dev", "search", "--help"]  # the runner in this process forces 80 columns
    environment = {**os.environ, "COLUMNS": str(columns)}
    shown = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert [line for line in shown.splitlines() if len(line) > columns] == []
    assert re.findall(r"^(\w[\w ]+):$", shown, re.MULTILINE) == [
        *("Arguments", "Where to search", "What is shown", "Options")
    ]
    for option in ("--lang", "--in", "--only", "--no-tests", "--files", "-C,", "--min-score", "--similar-to"):
        assert option in shown


def test_a_search_that_nothing_matches_well_says_so_lists_the_results_and_exits_with_1(run: Run, project: Path) -> None:
    done = run("search", "banana bread with walnuts", cwd=project)
    assert done.exit_code == 1
    assert done.stderr == "note: nothing in this project matches the query well\n"
    assert ".py" in done.stdout
    listed = run("search", "banana bread with walnuts", "--files", cwd=project)
    assert listed.exit_code == 1
    assert listed.stdout.splitlines()
    found = run("search", "check the signature of a token", cwd=project)
    assert (found.exit_code, found.stderr) == (0, "")


def test_json_tells_how_relevant_a_search_is_and_keeps_the_exit_code(run: Run, project: Path) -> None:
    done = run("search", "banana bread with walnuts", "--json", cwd=project)
    data = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [notice["code"] for notice in data["notices"]] == ["no_match"]
    assert data["relevance"] < 0.2
    assert data["results"][0]["score"] == pytest.approx(data["relevance"])
    done = run("search", "check the signature of a token", "--json", cwd=project)
    data = json.loads(done.stdout)
    assert done.exit_code == 0
    assert data["notices"] == []
    assert data["relevance"] > 0.5
    done = run("search", "token", "--json", "--mode", "keyword", cwd=project)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["relevance"] is None


def test_a_search_without_results_does_not_judge_them(run: Run, project: Path) -> None:
    done = run("search", "token", "--filter", '{"kind": "nonesuch"}', cwd=project)
    assert done.exit_code == 1
    assert "matches the query well" not in done.stderr
    assert "nothing was found for 'token'" in done.stderr


def test_a_note_of_the_user_that_answers_is_an_answer(run: Run, project: Path, tmp_path: Path) -> None:
    own = {"AURORA_USER_STORE": str(tmp_path / "own")}
    assert run("remember", "--user", "Write commit messages in Portuguese.", cwd=project, **own).exit_code == 0
    done = run("search", "commit messages in portuguese", "--json", cwd=project, **own)
    data = json.loads(done.stdout)
    assert done.exit_code == 0
    assert data["notices"] == []
    assert data["results"][0]["content"] == "Write commit messages in Portuguese."
    assert data["results"][0]["score"] == pytest.approx(data["relevance"])
    # That the user's notes do not match a question about the code is no news.
    done = run("search", "check the signature of a token", cwd=project, **own)
    assert (done.exit_code, done.stderr) == (0, "")
