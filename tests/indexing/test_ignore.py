"""How ignore rules are merged, and which of them decides."""

from __future__ import annotations

import time
from pathlib import Path

from aurora_dev.config import git_configuration_folder
from aurora_dev.indexing.ignore import IgnoreFile, IgnoreRules, Verdict, read_ignore_file, rules_above


def rules(git: list[list[str]], own: list[list[str]]) -> IgnoreRules:
    merged = IgnoreRules()
    for lines in git:
        merged = merged.with_file(".gitignore", IgnoreFile(lines))
    for lines in own:
        merged = merged.with_file(".auroraignore", IgnoreFile(lines))
    return merged


def decide(merged: IgnoreRules, name: str) -> Verdict:
    return merged.decide(name, name, is_dir=False)


def test_an_entry_that_no_rule_matches_is_neither_excluded_nor_wanted() -> None:
    assert decide(rules([["a"]], [["b"]]), "c") == Verdict(excluded=False, wanted=False)


def test_auroraignore_decides_before_gitignore_and_brings_back() -> None:
    merged = rules([["a", "!b"]], [["!a", "b"]])
    assert decide(merged, "a") == Verdict(excluded=False, wanted=True)
    assert decide(merged, "b") == Verdict(excluded=True, wanted=False)
    assert decide(rules([["a"]], []), "a") == Verdict(excluded=True, wanted=False, by_git=True)


def test_a_negated_gitignore_pattern_does_not_mark_an_entry_as_wanted() -> None:
    assert decide(rules([["*.js", "!a.js"]], []), "a.js") == Verdict(excluded=False, wanted=False)


def test_the_deeper_file_decides_first() -> None:
    merged = rules([["a"], ["!a"]], [])
    assert not decide(merged, "a").excluded
    assert decide(rules([["!a"], ["a"]], []), "a").excluded


def test_an_empty_file_adds_no_rules() -> None:
    assert rules([["# comment", ""]], [[]]) == IgnoreRules()


def test_rules_above_the_root_are_those_of_git_outermost_first(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    root.mkdir(parents=True)
    (tmp_path / ".git" / "info").mkdir(parents=True)
    (tmp_path / ".git" / "info" / "exclude").write_text("x\n")
    (tmp_path / ".gitignore").write_text("!x\n")
    (tmp_path / "a" / ".gitignore").write_text("x\n")
    (tmp_path / ".auroraignore").write_text("y\n")
    times: dict[str, int] = {}
    found = rules_above(root, times)
    assert (len(found.git), found.own) == (3, ())
    assert decide(found, "x").excluded
    assert not decide(found, "y").excluded
    users = git_configuration_folder()
    assert users is not None
    assert set(times) == {str(users / "ignore")} | {
        str(tmp_path / path) for path in (Path(".git/info/exclude"), Path(".gitignore"), Path("a/.gitignore"))
    }
    assert rules_above(tmp_path.parent) == IgnoreRules()


def test_a_pattern_of_many_stars_matches_like_one_of_few_and_takes_no_time() -> None:
    file = IgnoreFile(["*a*b*c*d*.log", "*a" * 60 + "*b", "[^x]*1*2*3*4"])
    for name, expected in [("xaxbxcxdx.log", True), ("abcd.log", True), ("abdc.log", None), ("y1234", True)]:
        assert file.match(name, name, is_dir=False) is expected
    assert file.match("x1234", "x1234", is_dir=False) is None
    start = time.process_time()
    assert file.match("a" * 250, "a" * 250, is_dir=False) is None
    assert time.process_time() - start < 1


def test_an_ignore_file_beyond_its_limit_counts_up_to_the_last_complete_line(tmp_path: Path) -> None:
    path = tmp_path / ".gitignore"
    path.write_text("first\n" + "#" * 999_000 + "\n" + "*" * 2_000 + "x\nlast\n")
    file = read_ignore_file(path)
    assert file.match("first", "first", is_dir=False)
    assert file.match("anything", "anything", is_dir=False) is None
    assert file.match("last", "last", is_dir=False) is None
