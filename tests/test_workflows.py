"""What continuous integration runs: every supported Python on three systems, through scripts that exist."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCRIPT = re.compile(r"(?<![\w/])\./(scripts/[\w.-]+)")


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))["jobs"]
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(path).values() for step in job["steps"]]


def test_tests_run_on_every_system_with_every_python() -> None:
    job = jobs(ROOT / ".github" / "workflows" / "tests.yml")["tests"]
    matrix = job["strategy"]["matrix"]
    assert set(matrix) == {"os", "python"}  # neither include nor exclude
    combinations = list(itertools.product(matrix["os"], matrix["python"]))
    assert combinations == list(
        itertools.product(
            ["ubuntu-latest", "macos-latest", "windows-latest"],
            ["3.10", "3.11", "3.12", "3.13"],
        )
    )
    assert job["runs-on"] == "${{ matrix.os }}"
    assert job["strategy"]["fail-fast"] is False
    runs = {step["if"]: step["run"] for step in job["steps"] if "run" in step}
    assert runs == {"runner.os != 'Windows'": "./scripts/test.sh", "runner.os == 'Windows'": "./scripts/test.ps1"}


def test_the_matrix_begins_with_the_oldest_supported_python() -> None:
    job = jobs(ROOT / ".github" / "workflows" / "tests.yml")["tests"]
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'requires-python = ">={job["strategy"]["matrix"]["python"][0]}"' in pyproject


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_scripts_of_a_workflow_exist_and_may_be_run(path: Path) -> None:
    scripts = {ROOT / name for step in steps(path) for name in SCRIPT.findall(step.get("run", ""))}
    assert scripts
    for script in scripts:
        assert script.is_file(), script
        if os.name == "posix" and script.suffix == ".sh":
            assert os.access(script, os.X_OK), script


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_may_only_read(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"actions/[\w-]+@v\d+", name)] == []
