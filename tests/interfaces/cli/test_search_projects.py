"""``aurora search --project``: several projects at once, by folder and by the name of a group."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def projects(tmp_path: Path, run: Run) -> Path:
    for name, code in (
        ("shop", "def refund_payment(order):\n    return order\n"),
        ("blog", "def publish():\n    ...\n"),
    ):
        root = tmp_path / name
        (root / "src").mkdir(parents=True)
        (root / "src" / f"{name}.py").write_text(code, "utf-8")
        assert run("index", cwd=root).exit_code == 0
    assert run("remember", "Payments are refunded within a day.", cwd=tmp_path / "blog").exit_code == 0
    return tmp_path


def settings_with(projects: Path, text: str) -> dict[str, str]:
    folder = projects / "config" / "aurora"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.toml").write_text(text, "utf-8")
    return {"XDG_CONFIG_HOME": str(projects / "config"), "APPDATA": str(projects / "config")}


def test_results_of_several_projects_are_shown_with_their_project(projects: Path, run: Run) -> None:
    done = run("search", "refund a payment", "--no-rerank", "--project", "shop", "--project", "blog", cwd=projects)
    assert done.exit_code == 0, done.stderr
    assert "shop/src/shop.py:1-2" in done.stdout
    assert "in blog" in done.stdout

    around = run("search", "publish", "-C", "1", "--no-rerank", "--project", "shop", "--project", "blog", cwd=projects)
    assert "blog/src/blog.py:1-2" in around.stdout
    assert around.stderr == ""
    files = run("search", "publish", "--files", "--no-rerank", "--project", "shop", "--project", "blog", cwd=projects)
    assert files.stdout.splitlines()[0] == "blog/src/blog.py"


def test_a_group_of_the_user_stands_for_its_projects(projects: Path, run: Run) -> None:
    settings = settings_with(projects, f'[groups]\nwork = ["{(projects / "shop").as_posix()}", "../../blog"]\n')
    done = run("search", "refund_payment", "--json", "--no-rerank", "--project", "work", cwd=projects, **settings)
    data = json.loads(done.stdout)
    assert [Path(each).resolve().name for each in data["projects"]] == ["shop", "blog"]
    assert data["results"][0]["metadata"]["project"] == str(projects / "shop")


def test_a_project_without_an_index_is_named_and_the_others_are_searched(projects: Path, run: Run) -> None:
    (projects / "empty").mkdir()
    done = run("search", "refund_payment", "--no-rerank", "--project", "shop", "--project", "empty", cwd=projects)
    assert "refund_payment" in done.stdout
    assert "was not searched: there is no index" in done.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("", "neither a folder nor a group of projects (no groups are defined)"),
        ('[groups]\nother = ["a"]\n', "the groups are: other"),
        ("[groups]\nwork = 3\n", "work must be a list of folders"),
        ("[group]\n", "'group' is not known"),
        ("groups = 1\n", "must be a table"),
        ("[groups", "line 1"),
    ],
)
def test_a_wrong_name_or_setting_is_explained(projects: Path, run: Run, settings: str, message: str) -> None:
    done = run("search", "x", "--project", "work", cwd=projects, **settings_with(projects, settings))
    assert done.exit_code != 0
    assert message in " ".join(done.stderr.split())


def test_a_folder_of_a_user_whom_this_machine_does_not_have_is_a_wrong_name(projects: Path, run: Run) -> None:
    asked = ("search", "refund_payment", "--no-rerank", "--project")
    done = run(*asked, "~nobody-of-this-name/shop", cwd=projects)
    assert done.exit_code != 0
    assert "neither a folder nor a group" in " ".join(done.stderr.split())
    settings = settings_with(projects, '[groups]\nwork = ["~nobody-of-this-name/shop", "../../shop"]\n')
    done = run(*asked, "work", cwd=projects, **settings)
    assert "refund_payment" in done.stdout


@pytest.mark.parametrize("option", [("--path", "shop"), ("--similar-to", "src/shop.py:1")])
def test_what_concerns_one_project_does_not_go_with_several(projects: Path, run: Run, option: tuple[str, str]) -> None:
    done = run("search", "x", "--project", "shop", *option, cwd=projects)
    assert done.exit_code != 0
    assert f"{option[0]} concerns one project" in done.stderr
