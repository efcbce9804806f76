"""The checks of `SearchScope`, and how paths and places are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.scope.scope import SearchScope, in_project, split_place
from aurora_dev.errors import InvalidRequestError


def test_languages_may_be_named_by_suffix_and_usual_name() -> None:
    assert SearchScope(languages=("py", ".PY", "Python", "c++", "golang")).languages == ("python", "cpp", "go")
    assert SearchScope(languages=("ts",)).stored_languages == ("typescript", "tsx")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"languages": ("pyhton",)}, "Did you mean python?"),
        ({"languages": ("klingon",)}, "no language is known as 'klingon'"),
        ({"languages": ("",)}, "empty entry"),
        ({"languages": 3}, "list of strings"),
        ({"languages": (3,)}, "list of strings"),
        ({"paths": ("src", " ")}, "empty entry"),
        ({"paths": ("a\0b",)}, "null character"),
        ({"paths": ("x" * 1_001,)}, "at most 1,000"),
        ({"paths": tuple(map(str, range(101)))}, "at most 100"),
        ({"sources": ("doc",)}, "Did you mean docs?"),
        ({"sources": ("web",)}, "one of code, docs, notes, commits"),
        ({"tests": 1}, "true or false"),
        ({"min_score": 1.1}, "from 0 to 1"),
        ({"min_score": float("nan")}, "from 0 to 1"),
        ({"min_score": True}, "from 0 to 1"),
        ({"similar_to": "src/a.py"}, "PATH:LINE"),
        ({"similar_to": "src/a.py:0"}, "PATH:LINE"),
        ({"similar_to": ":3"}, "PATH:LINE"),
        ({"similar_to": "a.py:9999999999999999999999"}, "PATH:LINE"),
        ({"similar_to": 3}, "PATH:LINE"),
        ({"languages": ("py",), "sources": ("notes", "commits")}, "notes and commits have no language"),
        ({"languages": ("markdown",), "sources": ("code",)}, "markdown is prose"),
        ({"languages": ("py", "go"), "sources": ("docs",)}, "python and go is code"),
    ],
)
def test_wrong_and_contradictory_conditions_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        SearchScope(**arguments)
    assert message in str(raised.value)


def test_a_place_may_be_written_as_results_print_it() -> None:
    assert split_place("src/a.py:12") == split_place("src/a.py:12-40") == ("src/a.py", 12)
    assert split_place("odd:name.py:7") == ("odd:name.py", 7)


def test_paths_are_relative_to_a_folder_and_stay_in_the_project(tmp_path: Path) -> None:
    assert in_project("./a//b/", "src") == "src/a/b"
    assert in_project("../lib/a.py", "src") == "lib/a.py"
    for outside in ("..", "../x", "src/../../x"):
        with pytest.raises(InvalidRequestError, match="outside of the project"):
            in_project(outside)
    scope = SearchScope(paths=(str(tmp_path / "src"), "lib"), similar_to=f"{tmp_path / 'a.py'}:3").inside(tmp_path)
    assert scope.paths == ("src", "lib")
    assert scope.place == ("a.py", 3)
    assert SearchScope(paths=(str(tmp_path / "docs"),), folder="src").inside(tmp_path).paths == ("../docs",)
    with pytest.raises(InvalidRequestError, match="outside of the project"):
        SearchScope(paths=(str(tmp_path.parent),)).inside(tmp_path)


def test_what_is_given_and_what_is_left_without_it() -> None:
    scope = SearchScope(languages=("py",), tests=False, min_score=0.5, folder="src")
    assert scope.given() == ("languages", "tests", "min_score")
    assert scope.without("languages", "tests").given() == ("min_score",)
