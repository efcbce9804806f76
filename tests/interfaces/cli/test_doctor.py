"""``aurora doctor``: every part is tried, and each problem is reported with its fix."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

import aurora_dev

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the assistants of the person who runs the tests."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")


@pytest.fixture
def project(tmp_path: Path, run: Run) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "auth.py").write_text("def verify(token):\n    return token\n")
    assert run("index", cwd=root).exit_code == 0
    return root


def checks(done: Result) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_a_healthy_project_has_no_problems(run: Run, project: Path) -> None:
    done = run("doctor", cwd=project)
    assert done.exit_code == 0, done.stdout
    assert "0 problems" in done.stdout
    found = checks(run("doctor", "--json", cwd=project))
    assert {"python", "settings", "token counts", "languages", "search", "project", "disk", "git"} <= set(found)
    assert found["aurora"]["text"].endswith(str(Path(aurora_dev.__file__).parent))
    assert all(check["state"] == "ok" for check in found.values()), found
    assert "1 file," in found["project"]["text"]


def test_a_folder_without_an_index_is_a_warning_with_the_command_to_run(run: Run, tmp_path: Path) -> None:
    done = run("doctor", "--json", cwd=tmp_path)
    assert done.exit_code == 0
    assert checks(done)["project"] == {
        "name": "project",
        "state": "warning",
        "text": "there is no index in '.' or above it",
        "fix": "run: aurora index",
    }
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_wrong_setting_is_a_problem_with_its_source_and_the_other_checks_still_run(run: Run, project: Path) -> None:
    (project / "aurora.toml").write_text("embeder = 1\n")
    done = run("doctor", "--json", cwd=project)
    assert done.exit_code == 6
    found = checks(done)
    assert found["settings"]["state"] == "problem"
    assert "aurora.toml, line 1" in found["settings"]["text"]
    assert found["search"]["state"] == "ok"


def test_a_misspelt_variable_is_a_warning(run: Run, project: Path) -> None:
    done = run("doctor", cwd=project, AURORA_EMBEDER="x")
    assert done.exit_code == 0
    assert "AURORA_EMBEDER" in done.stdout


def test_a_model_that_does_not_load_is_a_problem(run: Run, project: Path) -> None:
    broken = project.parent / "model"
    broken.mkdir()
    done = run("doctor", "--json", cwd=project, AURORA_EMBEDDER=str(broken))
    assert done.exit_code == 6
    assert checks(done)["search"]["state"] == "problem"
    assert str(broken) in checks(done)["search"]["text"]


def test_a_reranker_that_cannot_run_is_a_problem_with_its_cause(run: Run, project: Path) -> None:
    done = run("doctor", "--json", cwd=project, AURORA_RERANKER="http", AURORA_RERANKER_URL="http://127.0.0.1:9/rerank")
    assert done.exit_code == 6
    assert checks(done)["reranker"]["state"] == "problem"
    assert "127.0.0.1:9" in checks(done)["reranker"]["text"]


def test_a_damaged_store_is_a_problem_and_is_not_changed(run: Run, project: Path) -> None:
    database = project / ".aurora" / "memory.db"
    database.write_bytes(b"this is no database" * 100)
    done = run("doctor", "--json", cwd=project)
    assert done.exit_code == 6
    assert checks(done)["project"]["state"] == "problem"
    assert database.read_bytes().startswith(b"this is no database")


def test_connected_assistants_are_named(run: Run, project: Path) -> None:
    run("install", "claude-code", cwd=project)
    assert "Claude Code (project)" in run("doctor", cwd=project).stdout
