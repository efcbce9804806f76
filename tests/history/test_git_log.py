from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from git_repository import Repository

from aurora_dev.history import git_log
from aurora_dev.history.changed_symbols import changed_symbols
from aurora_dev.history.git_log import Commit, GitLog, GitUnavailableError, NotARepositoryError

SOURCE = "class Shop:\n    def open(self):\n        return 1\n\n    def close(self):\n        return 2\n"


def read(root: Path, limit: int = 100) -> list[Commit]:
    log = GitLog(root)
    return [commit for batch in log.read(log.newest(limit)) for commit in batch]


def test_a_commit_has_its_message_its_files_and_the_functions_that_changed(repository: Repository) -> None:
    repository.commit("Open the shop\n\nBecause it was closed.\n\nAnd cold.\n", shop__py=SOURCE, README__md="# Shop\n")
    changed = repository.commit("Close for less", shop__py=SOURCE.replace("return 2", "return 3"))
    second, first = read(repository.root)
    assert (first.subject, first.body) == ("Open the shop", "Because it was closed.\n\nAnd cold.")
    assert first.files == ("README.md", "shop.py")
    assert {"Shop", "open", "close"} <= set(first.symbols)
    assert (second.hash, second.subject, second.body, second.author) == (changed, "Close for less", "", "Ada Writer")
    assert (second.files, second.file_count, second.symbols) == (("shop.py",), 1, ("close",))
    assert second.time == first.time + 60


def test_newest_commits_come_first_and_no_more_than_asked_for(repository: Repository) -> None:
    hashes = [repository.commit(f"Number {n}", a__txt=str(n)) for n in range(5)]
    assert GitLog(repository.root).newest(3) == hashes[:1:-1]
    assert GitLog(repository.root).newest(0) == []


def test_commits_before_a_date_are_left_out(repository: Repository) -> None:
    repository.commit("Old", a__txt="1")
    newer = repository.commit("New", a__txt="2")
    assert GitLog(repository.root).newest(10, since=1_700_000_000 + 90) == [newer]


def test_a_repository_without_commits_has_no_head_and_no_history(repository: Repository) -> None:
    log = GitLog(repository.root)
    assert log.head() is None
    assert log.newest(10) == []


def test_a_folder_outside_of_any_repository_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match="no git repository"):
        GitLog(tmp_path)


def test_without_git_that_is_said(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.root))
    with pytest.raises(GitUnavailableError, match="not installed"):
        GitLog(repository.root)


@pytest.mark.skipif(sys.platform == "win32", reason="a script without an extension is no program there")
def test_a_git_that_comes_with_the_project_is_not_run(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    script = repository.root / "git"
    script.write_text(f"#!/bin/sh\necho run > {repository.root}/marker\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(repository.root))
    with pytest.raises(GitUnavailableError, match="lies in the project itself"):
        GitLog(repository.root)
    assert not (repository.root / "marker").exists()


def test_a_project_below_a_repository_sees_only_what_touches_it(repository: Repository) -> None:
    repository.commit("Outside", a__txt="1")
    inside = repository.commit("Inside", pkg___b__py="x = 1\n", a__txt="2")
    (commit,) = read(repository.root / "pkg")
    assert (commit.hash, commit.files) == (inside, ("b.py",))


def test_a_linked_worktree_has_the_history_of_its_own_branch(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Shared", a__txt="1")
    repository.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repository(tmp_path / "side", init=False)
    side.minute = 5
    side.commit("On the side", b__txt="1")
    repository.commit("On the main line", c__txt="1")
    assert [commit.subject for commit in read(side.root)] == ["On the side", "Shared"]
    assert [commit.subject for commit in read(repository.root)] == ["On the main line", "Shared"]


def test_a_shallow_clone_ends_without_claiming_that_its_last_commit_added_everything(
    repository: Repository, tmp_path: Path
) -> None:
    for n in range(4):
        repository.commit(f"Number {n}", **{f"f{n}__txt": str(n)})
    repository.git("clone", "-q", "--depth", "2", repository.root.as_uri(), str(tmp_path / "shallow"))
    newest, last = read(tmp_path / "shallow")
    assert (newest.subject, newest.files) == ("Number 3", ("f3.txt",))
    assert (last.subject, last.files) == ("Number 2", ())


def test_a_submodule_has_its_own_history_and_its_parent_records_it_as_one_path(
    repository: Repository, tmp_path: Path
) -> None:
    library = Repository(tmp_path / "library")
    library.commit("In the library", lib__py="x = 1\n")
    repository.commit("First", a__txt="1")
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library.root), "libs/it")
    repository.commit("Use the library")
    assert [commit.subject for commit in read(repository.root / "libs" / "it")] == ["In the library"]
    assert read(repository.root)[0].files == (".gitmodules", "libs/it")


def test_merges_that_say_nothing_are_known_as_such(repository: Repository) -> None:
    repository.commit("Base", a__txt="1")
    main = repository.git("rev-parse", "--abbrev-ref", "HEAD")
    for branch, message in (("one", "Merge branch 'one'"), ("two", "Merge branch 'two'\n\nIt makes searches faster.")):
        repository.git("checkout", "-q", "-b", branch, main)
        repository.commit(f"Work on {branch}", **{f"{branch}__txt": branch})
        repository.git("checkout", "-q", main)
        repository.git("merge", "-q", "--no-ff", "-m", message, branch)
    merges = [commit for commit in read(repository.root) if commit.parents == 2]
    assert {commit.body: commit.is_plain_merge for commit in merges} == {"": True, "It makes searches faster.": False}
    assert all(commit.files == () for commit in merges)


def test_a_message_may_be_empty_long_or_in_another_encoding(repository: Repository) -> None:
    repository.commit("", a__txt="1")
    repository.git("config", "i18n.commitEncoding", "ISO-8859-1")
    repository.commit("Größe ändern".encode("latin-1"), a__txt="2")
    repository.git("config", "--unset", "i18n.commitEncoding")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    parent = repository.git("rev-parse", "HEAD")
    raw = (
        f"tree {tree}\nparent {parent}\nauthor A <a> 1700000500 +0000\ncommitter A <a> 1700000500 +0000\n\n".encode()
        + b"Broken \xff\xfe text\n"
    )
    broken = repository.git("hash-object", "-t", "commit", "-w", "--stdin", given=raw)
    repository.git("reset", "-q", "--hard", broken)
    repository.minute = 20
    repository.commit("Long\n\n" + "word " * 10_000, a__txt="3")
    long, undecodable, latin, empty = read(repository.root)
    assert (empty.subject, empty.body, empty.files) == ("", "", ("a.txt",))
    assert latin.subject == "Größe ändern"
    assert undecodable.subject.startswith("Broken ")
    assert len(long.body) <= 6_000


def test_a_message_cannot_pass_for_another_commit(repository: Repository) -> None:
    fake = "Real\n\n" + "\n".join(
        ["b" * 40 + " commit 3", "", "M\0evil.py", "diff --git a/x b/x", "@@ -1 +1 @@ def evil"]
    )
    repository.commit(fake.replace("\0", " "), a__txt="1")
    (commit,) = read(repository.root)
    assert commit.subject == "Real"
    assert commit.files == ("a.txt",)


def test_content_cannot_pass_for_a_patch_header(repository: Repository) -> None:
    repository.commit("First", a__py="x = 1\n")
    evil = "a" * 40 + "\n@@ -1,9 +1,9 @@ def evil():\n-- a/evil\n++ b/evil\n"
    repository.commit("Second", a__py=evil)
    assert read(repository.root)[0].symbols == ()


def test_of_a_huge_commit_the_files_are_counted_and_the_first_are_named(repository: Repository) -> None:
    for n in range(200):
        repository.put(f"data/f{n:03}.txt", f"{n}\n")
    repository.commit("Import")
    (commit,) = read(repository.root)
    assert commit.file_count == 200
    assert commit.files == tuple(f"data/f{n:03}.txt" for n in range(git_log.MOST_FILES))
    assert commit.symbols == ()


@pytest.mark.skipif(os.name != "posix", reason="file names of any bytes are a matter of POSIX systems")
def test_odd_file_names_are_whole(repository: Repository) -> None:
    for name in ("with space.txt", "line\nbreak.txt", "ünï.txt", "-n"):
        repository.put(name, "x")
    repository.commit("Odd names")
    (commit,) = read(repository.root)
    assert set(commit.files) == {"with space.txt", "line\nbreak.txt", "ünï.txt", "-n"}


@pytest.mark.skipif(os.name != "posix", reason="the traps are shell scripts")
def test_nothing_that_a_repository_configures_is_run(repository: Repository, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    trap = tmp_path / "trap.sh"
    trap.write_text(f'#!/bin/sh\necho "$0 $*" >> {marker}\ncat\n')
    trap.chmod(0o755)
    repository.commit("First", a__py="x = 1\n", __gitattributes="*.py diff=trap filter=trap\n")
    repository.commit("Second", a__py="x = 2\n")
    hook = repository.root / ".git" / "hooks"
    hook.mkdir(exist_ok=True)
    for name in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        (hook / name).write_text(trap.read_text())
        (hook / name).chmod(0o755)
    for key, value in {
        "core.fsmonitor": str(trap),
        "core.hooksPath": str(hook),
        "core.pager": str(trap),
        "core.sshCommand": str(trap),
        "diff.external": str(trap),
        "diff.trap.textconv": str(trap),
        "diff.trap.command": str(trap),
        "filter.trap.clean": str(trap),
        "filter.trap.smudge": str(trap),
        "gpg.program": str(trap),
        "log.showSignature": "true",
        "pager.log": str(trap),
        "extensions.partialClone": "origin",
        "remote.origin.url": f"ext::{trap}",
        "remote.origin.promisor": "true",
        "protocol.ext.allow": "always",
    }.items():
        repository.git("config", key, value)
    lost = repository.git("rev-parse", "HEAD~1:a.py")
    (repository.root / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    marker.unlink(missing_ok=True)
    assert [commit.subject for commit in read(repository.root)] == ["Second", "First"]
    assert not marker.exists(), marker.read_text()


def test_variables_that_git_sets_for_hooks_do_not_lead_to_another_repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository(tmp_path / "other")
    other.commit("Another one", b__txt="1")
    repository.commit("This one", a__txt="1")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    assert [commit.subject for commit in read(repository.root)] == ["This one"]


def test_a_folder_that_only_looks_like_a_repository_is_none(tmp_path: Path) -> None:
    trap = Repository(tmp_path / "trap")
    trap.commit("Hidden", a__txt="1")
    folder = tmp_path / "bare"
    (trap.root / ".git").rename(folder)
    with pytest.raises(NotARepositoryError):
        GitLog(folder)


def test_a_damaged_object_costs_its_commit_alone(repository: Repository) -> None:
    hashes = [repository.commit(f"Number {n}", a__txt=str(n)) for n in range(3)]
    damaged = repository.root / ".git" / "objects" / hashes[1][:2] / hashes[1][2:]
    log = GitLog(repository.root)
    wanted = log.newest(10)
    damaged.chmod(0o644)
    damaged.write_bytes(b"")
    subjects = [commit.subject for batch in log.read(wanted) for commit in batch]
    assert "Number 2" in subjects
    assert "Number 1" not in subjects


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b"+    async def send(self):", "send"),
        (b"+export default class Client {", "Client"),
        (b"+pub(crate) fn parse<T>(x: T) {", "parse"),
        (b"+func (s *Server) Handle(w http.ResponseWriter) {", "Handle"),
        (b"-interface Shape {", "Shape"),
    ],
)
def test_a_changed_line_that_defines_something_names_it(line: bytes, name: str) -> None:
    commit = b"c" * 40
    patch = commit + b"\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n" + line + b"\n"
    assert changed_symbols(patch, 5) == {commit.decode(): (name,)}


def test_the_function_around_a_change_is_named_by_its_header() -> None:
    commit = b"d" * 40
    patch = commit + b"\n--- a/x.c\n+++ b/x.c\n@@ -5 +5 @@ static int parse_line(char *line)\n-a\n+b\n"
    assert changed_symbols(patch, 5) == {commit.decode(): ("parse_line",)}
