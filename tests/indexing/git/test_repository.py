"""Walks in real repositories: the user's exclude file, tracked files, submodules, worktrees, and hostile ones."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from git_repository import Repository

from aurora_dev.git_folders import find_git_folders
from aurora_dev.indexing.git import repository as git_repository
from aurora_dev.indexing.git.repository import ignore_settings, tracked_files
from aurora_dev.indexing.walker import Skipped, Visited, WalkOptions, walk

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX file system")


def paths(root: Path, skipped: list[Skipped] | None = None) -> list[str]:
    found = [file.path for file in walk(root, None, skipped)]
    return [path for path in found if not path.rpartition("/")[2].startswith(".git")]


def reasons(root: Path) -> dict[str, str]:
    skipped: list[Skipped] = []
    list(walk(root, None, skipped))
    return {entry.path: entry.reason for entry in skipped}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "project")


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_exclude_file_in_the_users_configuration_folder_applies(repository: Repository, empty_home: Path) -> None:
    put(empty_home / ".config/git/ignore", "scratch/\n*.local.py\n")
    for name in ("scratch/plan.py", "x.local.py", "ok.py"):
        repository.put(name, "x = 1\n")
    assert paths(repository.root) == ["ok.py"]
    assert reasons(repository.root) == {"scratch/": "ignored", "x.local.py": "ignored"}


@pytest.mark.parametrize("value", ["~/own", "{home}/own"])
def test_the_exclude_file_that_the_users_settings_name_applies_instead(
    value: str, repository: Repository, empty_home: Path
) -> None:
    put(empty_home / ".config/git/ignore", "ok.py\n")
    put(empty_home / "own", "private.py\n")
    put(empty_home / ".gitconfig", f"[core]\n\texcludesFile = {value.format(home=empty_home)}\n")
    repository.put("private.py", "x = 1\n")
    repository.put("ok.py", "x = 1\n")
    assert paths(repository.root) == ["ok.py"]


def test_an_empty_setting_switches_the_users_exclude_file_off(repository: Repository, empty_home: Path) -> None:
    put(empty_home / ".config/git/ignore", "a.py\n")
    put(empty_home / ".gitconfig", "[core]\n\texcludesFile =\n")
    repository.put("a.py", "x = 1\n")
    assert paths(repository.root) == ["a.py"]


def test_the_rules_of_the_repository_come_before_those_of_the_user(repository: Repository, empty_home: Path) -> None:
    put(empty_home / ".config/git/ignore", "*.x\n*.y\n")
    put(repository.root / ".git/info/exclude", "!*.x\n")
    repository.put(".gitignore", "!*.y\n")
    for name in ("f.x", "f.y"):
        repository.put(name, "text\n")
    assert paths(repository.root) == ["f.x", "f.y"]


def test_a_changed_setting_is_seen_by_the_next_walk(repository: Repository, empty_home: Path) -> None:
    repository.put("a.py", "x = 1\n")
    put(empty_home / "own", "a.py\n")
    assert paths(repository.root) == ["a.py"]
    put(empty_home / ".gitconfig", "[core]\n\texcludesFile = ~/own\n")
    assert paths(repository.root) == []


def test_the_users_exclude_file_counts_among_the_files_whose_times_show_changes(
    repository: Repository, empty_home: Path
) -> None:
    put(empty_home / ".config/git/ignore", "a.py\n")
    visited = Visited()
    list(walk(repository.root, visited=visited))
    assert str(empty_home / ".config/git/ignore") in visited.rules


def test_without_git_the_usual_exclude_file_still_applies(
    repository: Repository, empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(empty_home / ".config/git/ignore", "a.py\n")
    repository.put("a.py", "x = 1\n")
    repository.put("b.py", "x = 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert paths(repository.root) == ["b.py"]


@posix_only
def test_an_exclude_file_that_is_a_pipe_does_not_stop_the_walk(repository: Repository, empty_home: Path) -> None:
    os.mkfifo(empty_home / "pipe")
    repository.git("config", "core.excludesFile", str(empty_home / "pipe"))
    repository.put("a.py", "x = 1\n")
    assert paths(repository.root) == ["a.py"]


def test_tracked_files_are_read_although_rules_match_them(repository: Repository) -> None:
    repository.put(".gitignore", "*.cfg\ngen/*\nout/\n")
    for name in ("app.cfg", "gen/kept.py", "out/deep/kept.py"):
        repository.put(name, "x = 1\n")
    repository.git("add", "-f", ".")
    for name in ("other.cfg", "gen/lost.py", "out/lost.py", "out/deep/lost.py", "out/more/lost.py"):
        repository.put(name, "x = 1\n")
    assert paths(repository.root) == ["app.cfg", "gen/kept.py", "out/deep/kept.py"]
    assert paths(repository.root / "out") == ["deep/kept.py", "deep/lost.py", "lost.py", "more/lost.py"]
    assert reasons(repository.root) == dict.fromkeys(
        ["other.cfg", "gen/lost.py", "out/lost.py", "out/deep/lost.py", "out/more/"], "ignored"
    )


def test_auroraignore_excludes_tracked_files_too(repository: Repository) -> None:
    repository.put(".auroraignore", "a.py\ndocs/\n")
    for name in ("a.py", "docs/b.py", "c.py"):
        repository.put(name, "x = 1\n")
    repository.git("add", ".")
    assert paths(repository.root) == [".auroraignore", "c.py"]


@pytest.mark.parametrize("name", ["build", "dist", "target", "coverage", "vendor", "third_party", "src/coverage"])
def test_a_folder_with_the_name_of_build_output_is_source_if_git_tracks_it(name: str, repository: Repository) -> None:
    repository.put(f"{name}/x.go", "package x\n")
    assert paths(repository.root) == []
    assert reasons(repository.root) == {f"{name}/": "vendored, cache or build folder"}
    repository.git("add", ".")
    assert paths(repository.root) == [f"{name}/x.go"]


@pytest.mark.parametrize("marker", ["modules.txt", "autoload.php"])
def test_a_tracked_vendor_folder_that_a_tool_filled_is_left_out(marker: str, repository: Repository) -> None:
    repository.put("vendor/x.go", "package x\n")
    repository.put(f"vendor/{marker}", "text\n")
    repository.put("node_modules/a/index.js", "x = 1\n")
    repository.git("add", ".")
    assert paths(repository.root) == []


def test_the_rules_of_a_repository_end_at_a_submodule(tmp_path: Path) -> None:
    library = Repository(tmp_path / "library")
    library.commit("first", docs___guide__txt="guide\n", __gitignore="*.tmp\n")
    top = Repository(tmp_path / "top")
    top.put(".gitignore", "docs/\n")
    top.git("submodule", "--quiet", "add", str(library.root), "lib")
    top.put("lib/x.tmp", "text\n")
    top.put("lib/docs/new.txt", "text\n")
    top.put("docs/lost.txt", "text\n")
    put(tmp_path / "top/.git/modules/lib/info/exclude", "private.txt\n")
    top.put("lib/private.txt", "text\n")
    assert paths(top.root) == ["lib/docs/guide.txt", "lib/docs/new.txt"]


def test_an_ignored_submodule_is_read_and_an_ignored_clone_is_not(tmp_path: Path) -> None:
    library = Repository(tmp_path / "library")
    library.commit("first", a__py="x = 1\n")
    top = Repository(tmp_path / "top")
    top.git("submodule", "--quiet", "add", str(library.root), "lib")
    top.git("clone", "-q", str(library.root), str(top.root / "clone"))
    top.put(".gitignore", "lib/\nclone/\n")
    assert paths(top.root) == ["lib/a.py"]


def test_auroraignore_reaches_into_a_submodule(tmp_path: Path) -> None:
    library = Repository(tmp_path / "library")
    library.commit("first", a__py="x = 1\n", b__py="x = 1\n")
    top = Repository(tmp_path / "top")
    top.git("submodule", "--quiet", "add", str(library.root), "lib")
    put(top.root / ".auroraignore", "a.py\n")
    assert paths(top.root) == [".auroraignore", "lib/b.py"]


def test_a_linked_worktree_inside_the_project_is_left_out_unless_auroraignore_wants_it(repository: Repository) -> None:
    repository.commit("first", a__py="x = 1\n")
    repository.git("worktree", "add", "-q", ".claude/worktrees/feat")
    assert paths(repository.root) == ["a.py"]
    assert reasons(repository.root) == {".claude/worktrees/feat/": "linked worktree of this project"}
    put(repository.root / ".auroraignore", "!.claude/worktrees/feat/\n")
    assert ".claude/worktrees/feat/a.py" in paths(repository.root)


def test_a_worktree_inside_a_linked_worktree_is_left_out(repository: Repository, tmp_path: Path) -> None:
    repository.commit("first", a__py="x = 1\n")
    repository.git("worktree", "add", "-q", str(tmp_path / "feat"))
    repository.git("worktree", "add", "-q", str(tmp_path / "feat/deep/other"))
    assert paths(tmp_path / "feat") == ["a.py"]


def test_a_worktree_of_a_submodule_is_left_out(tmp_path: Path) -> None:
    library = Repository(tmp_path / "library")
    library.commit("first", a__py="x = 1\n")
    top = Repository(tmp_path / "top")
    top.git("submodule", "--quiet", "add", str(library.root), "lib")
    Repository(top.root / "lib", init=False).git("worktree", "add", "-q", str(top.root / "copy"))
    assert paths(top.root) == ["lib/a.py"]


def test_the_worktrees_of_a_bare_repository_are_read(repository: Repository, tmp_path: Path) -> None:
    repository.commit("first", a__py="x = 1\n")
    repository.git("clone", "-q", "--bare", str(repository.root), str(tmp_path / "all/.git"))
    Repository(tmp_path / "all", init=False).git("worktree", "add", "-q", "main-copy")
    assert paths(tmp_path / "all") == ["main-copy/a.py"]


@posix_only
def test_a_walk_runs_no_program_that_a_repository_names(repository: Repository, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.editor", "diff.external", "core.sshCommand"):
        repository.git("config", name, str(program))
    put(repository.root / ".git/hooks/post-index-change", program.read_text())
    (repository.root / ".git/hooks/post-index-change").chmod(0o755)
    repository.put(".gitignore", "a.py\n")
    repository.put("a.py", "x = 1\n")
    repository.git("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "add", "-f", "a.py")
    assert paths(repository.root) == ["a.py"]
    assert not (tmp_path / "was-run").exists()


def test_git_is_asked_again_only_after_its_index_changed(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("first", a__py="x = 1\n", __gitignore="b.py\n")
    asked = []
    ask = git_repository._ask

    def count(folder: Path, command: list[str], max_output: int) -> object:
        asked.append(command[0])
        return ask(folder, command, max_output)

    monkeypatch.setattr(git_repository, "_ask", count)
    folders = find_git_folders(repository.root)
    assert folders is not None
    for _ in range(3):
        assert not tracked_files(repository.root, folders.own).has("b.py")
        ignore_settings(repository.root, folders)
    assert sorted(asked) == ["config", "ls-files"]
    repository.put("b.py", "x = 1\n")
    repository.git("add", "-f", "b.py")
    assert tracked_files(repository.root, folders.own).has("b.py")


def test_a_file_of_up_to_eight_mebibytes_is_brought_back(tmp_path: Path) -> None:
    put(tmp_path / ".auroraignore", "!*.ts\n")
    options = WalkOptions(sniff=False)
    for size, listed in ((1 << 20, True), ((1 << 20) + 1, True), (8 << 20, True), ((8 << 20) + 1, False)):
        (tmp_path / "checker.ts").write_bytes(b"x\n" * (size // 2) + b"x" * (size % 2))
        assert ("checker.ts" in [file.path for file in walk(tmp_path, options)]) == listed
    (tmp_path / "checker.js").write_bytes(b"x\n" * (1 << 20))
    assert reasons(tmp_path) == {"checker.ts": "too large", "checker.js": "too large"}
