"""Globs over the paths of a project."""

from __future__ import annotations

import time

import pytest

from aurora_dev.core.text.globs import compile_glob, is_glob


@pytest.mark.parametrize(
    ("glob", "inside", "outside"),
    [
        ("*.py", ["a.py", "src/deep/b.py"], ["a.pyi", "py"]),
        ("src/*.py", ["src/a.py"], ["src/deep/b.py", "a.py", "lib/src/a.py"]),
        ("src/**/*.py", ["src/a.py", "src/x/y/b.py"], ["lib/a.py", "src/a.md"]),
        ("**/tests/**", ["tests/a.py", "x/tests/y/b.py"], ["tests", "test/a.py"]),
        ("packages/*/src", ["packages/core/src/a.ts"], ["packages/core/lib/a.ts", "packages/src"]),
        ("src/**", ["src/a", "src/b/c"], ["src", "lib/src/a"]),
        ("a?c/[xy].[!p]*", ["abc/x.md"], ["abc/z.md", "abc/x.py", "ac/x.md"]),
        ("*.{ts,tsx}", ["a.ts", "b/c.tsx"], ["a.js"]),
        ("{src,lib}/{a,b}.py", ["src/b.py", "lib/a.py"], ["src/c.py"]),
        ("**/a/**/b", ["a/b", "x/a/y/a/z/b/c"], ["b/a", "a/c"]),
        ("odd[name", ["odd[name", "x/odd[name"], ["oddn"]),
        ("CaSe*", ["CaSe.py"], ["case.py"]),
    ],
)
def test_a_glob_matches_files_and_everything_in_folders(glob: str, inside: list[str], outside: list[str]) -> None:
    matches = compile_glob(glob)
    assert [path for path in inside if not matches(path)] == []
    assert [path for path in outside if matches(path)] == []


def test_only_paths_with_special_characters_are_globs() -> None:
    assert [path for path in ("src/a.py", "a b", "a*", "a?", "[id]", "{a,b}") if is_glob(path)] == [
        *("a*", "a?", "[id]", "{a,b}")
    ]


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*a" * 60 + "b", "a" * 4_000),
        ("**/a/" * 60 + "b", "a/" * 500 + "c"),
        ("[" * 900, "[" * 899),
        ("**/" * 300 + "x", "y/" * 500),
        ("{" + "a," * 50_000, "b"),
    ],
)
def test_no_glob_takes_long(glob: str, path: str) -> None:
    started = time.process_time()
    assert not compile_glob(glob)(path)
    assert time.process_time() - started < 2


def test_braces_that_stand_for_too_many_globs_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 64"):
        compile_glob("{a,b}" * 20)
