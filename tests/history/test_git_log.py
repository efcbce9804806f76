from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from git_repository import Repository

from aurora_dev.history import git_log, git_process
from aurora_dev.history.changed_symbols import changed_symbols
from aurora_dev.history.commit import MOST_FILES, parse_commit
from aurora_dev.history.git_log import Commit, GitLog, GitUnavailableError, NotARepositoryError

posix_only = pytest.mark.skipif(os.name != "posix", reason="the fake git is a shell script")

SOURCE = "class Shop:\n    def open(self):\n        return 1\n\n    def close(self):\n        return 2\n"


def read(root: Path, limit: int = 100) -> list[Commit]:
    log = GitLog(root)
    return [commit for batch in log.read(log.newest(limit)) for commit in batch]


def test_a_commit_has_its_message_files_and_changed_functions(repository: Repository) -> None:
    repository.commit("Open the shop\n\nBecause it was closed.\n\nAnd cold.\n", shop__py=SOURCE, README__md="# Shop\n")
    changed = repository.commit("Close for less", shop__py=SOURCE.replace("return 2", "return 3"))
    second, first = read(repository.root)
    assert (first.subject, first.body) == ("Open the shop", "Because it was closed.\n\nAnd cold.")
    assert first.files == ("README.md", "shop.py")
    assert {"Shop", "open", "close"} <= set(first.symbols)
    assert (second.hash, second.subject, second.body, second.author) == (changed, "Close for less", "", "Ada Writer")
    assert (second.files, second.file_count, second.symbols) == (("shop.py",), 1, ("close",))
    assert second.time == first.time + 60


def test_newest_returns_the_requested_number_newest_first(repository: Repository) -> None:
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


def test_a_folder_outside_any_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match="no git repository"):
        GitLog(tmp_path)


def test_a_missing_git_is_an_error(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.root))
    with pytest.raises(GitUnavailableError, match="not installed"):
        GitLog(repository.root)


@pytest.mark.skipif(sys.platform == "win32", reason="a script without an extension is no program there")
def test_a_git_inside_the_project_is_not_run(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    script = repository.root / "git"
    script.write_text(f"#!/bin/sh\necho run > {repository.root}/marker\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(repository.root))
    with pytest.raises(GitUnavailableError, match="is inside the project"):
        GitLog(repository.root)
    assert not (repository.root / "marker").exists()


def test_a_project_below_a_repository_sees_only_commits_that_touch_it(repository: Repository) -> None:
    repository.commit("Outside", a__txt="1")
    inside = repository.commit("Inside", pkg___b__py="x = 1\n", a__txt="2")
    (commit,) = read(repository.root / "pkg")
    assert (commit.hash, commit.files) == (inside, ("b.py",))


def test_every_worktree_has_the_history_of_all(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Shared", a__txt="1")
    repository.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repository(tmp_path / "side", init=False)
    side.minute = 5
    side.commit("On the side", b__txt="1")
    repository.commit("On the main line", c__txt="1")
    for root in (side.root, repository.root):
        assert {commit.subject for commit in read(root)} == {"On the side", "On the main line", "Shared"}
    repository.git("checkout", "-q", "--orphan", "empty")
    assert {commit.subject for commit in read(repository.root)} == {"On the side", "Shared"}


def test_the_last_commit_of_a_shallow_clone_has_no_files(repository: Repository, tmp_path: Path) -> None:
    for n in range(4):
        repository.commit(f"Number {n}", **{f"f{n}__txt": str(n)})
    repository.git("clone", "-q", "--depth", "2", repository.root.as_uri(), str(tmp_path / "shallow"))
    newest, last = read(tmp_path / "shallow")
    assert (newest.subject, newest.files) == ("Number 3", ("f3.txt",))
    assert (last.subject, last.files) == ("Number 2", ())


def test_a_submodule_has_its_own_history_and_is_one_path_in_its_parent(repository: Repository, tmp_path: Path) -> None:
    library = Repository(tmp_path / "library")
    library.commit("In the library", lib__py="x = 1\n")
    repository.commit("First", a__txt="1")
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library.root), "libs/it")
    repository.commit("Use the library")
    assert [commit.subject for commit in read(repository.root / "libs" / "it")] == ["In the library"]
    assert read(repository.root)[0].files == (".gitmodules", "libs/it")


def test_merges_without_a_message_of_their_own_are_plain(repository: Repository) -> None:
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


def test_a_message_cannot_imitate_another_commit(repository: Repository) -> None:
    fake = "Real\n\n" + "\n".join(
        ["b" * 40 + " commit 3", "", "M\0evil.py", "diff --git a/x b/x", "@@ -1 +1 @@ def evil"]
    )
    repository.commit(fake.replace("\0", " "), a__txt="1")
    (commit,) = read(repository.root)
    assert commit.subject == "Real"
    assert commit.files == ("a.txt",)


def test_file_content_cannot_imitate_a_patch_header(repository: Repository) -> None:
    repository.commit("First", a__py="x = 1\n")
    evil = "a" * 40 + "\n@@ -1,9 +1,9 @@ def evil():\n-- a/evil\n++ b/evil\n"
    repository.commit("Second", a__py=evil)
    assert read(repository.root)[0].symbols == ()


def test_a_huge_commit_counts_all_files_and_names_the_first(repository: Repository) -> None:
    for n in range(200):
        repository.put(f"data/f{n:03}.txt", f"{n}\n")
    repository.commit("Import")
    (commit,) = read(repository.root)
    assert commit.file_count == 200
    assert commit.files == tuple(f"data/f{n:03}.txt" for n in range(MOST_FILES))
    assert commit.symbols == ()


@pytest.mark.skipif(os.name != "posix", reason="file names of any bytes are a matter of POSIX systems")
def test_file_names_with_special_characters_are_complete(repository: Repository) -> None:
    for name in ("with space.txt", "line\nbreak.txt", "ünï.txt", "-n"):
        repository.put(name, "x")
    repository.commit("Odd names")
    (commit,) = read(repository.root)
    assert set(commit.files) == {"with space.txt", "line\nbreak.txt", "ünï.txt", "-n"}


@pytest.mark.skipif(os.name != "posix", reason="the traps are shell scripts")
def test_no_program_that_a_repository_configures_is_run(repository: Repository, tmp_path: Path) -> None:
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


def test_variables_of_a_git_hook_do_not_select_another_repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository(tmp_path / "other")
    other.commit("Another one", b__txt="1")
    repository.commit("This one", a__txt="1")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    assert [commit.subject for commit in read(repository.root)] == ["This one"]


def test_a_folder_that_only_looks_like_a_repository_is_not_one(tmp_path: Path) -> None:
    trap = Repository(tmp_path / "trap")
    trap.commit("Hidden", a__txt="1")
    folder = tmp_path / "bare"
    (trap.root / ".git").rename(folder)
    with pytest.raises(NotARepositoryError):
        GitLog(folder)


def test_a_damaged_object_loses_only_its_own_commit(repository: Repository) -> None:
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
def test_a_changed_definition_line_gives_its_name(line: bytes, name: str) -> None:
    commit = b"c" * 40
    patch = commit + b"\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n" + line + b"\n"
    assert changed_symbols(patch, 5) == {commit.decode(): (name,)}


def test_a_hunk_header_gives_the_name_of_the_function() -> None:
    commit = b"d" * 40
    patch = commit + b"\n--- a/x.c\n+++ b/x.c\n@@ -5 +5 @@ static int parse_line(char *line)\n-a\n+b\n"
    assert changed_symbols(patch, 5) == {commit.decode(): ("parse_line",)}


# -- what git is told, and the limits -------------------------------------------------------------------------------


def test_a_replace_ref_does_not_replace_the_original_commit(repository: Repository) -> None:
    original = repository.commit("Original message", a__txt="1")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    raw = f"tree {tree}\nauthor Eve <e> 1700000060 +0000\ncommitter Eve <e> 1700000060 +0000\n\nForged message\n"
    forged = repository.git("hash-object", "-t", "commit", "-w", "--stdin", given=raw.encode())
    repository.git("replace", original, forged)
    assert repository.git("log", "-1", "--format=%s") == "Forged message"  # the default of git
    (commit,) = read(repository.root)
    assert (commit.hash, commit.subject, commit.author) == (original, "Original message", "Ada Writer")


@pytest.fixture
def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a shell script in the place of git."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def install(script: str) -> None:
        (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return install


def run(*command: str, max_output: int = 1_000_000, stop: threading.Event | None = None) -> git_process.GitResult:
    git = git_process.find_git(Path("/nowhere"))
    return git_process.run_git([git, *command], b"", max_output, stop or threading.Event())


@posix_only
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GIT_OPTIONAL_LOCKS", "0"),  # reading never writes to the repository
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_ALLOW_PROTOCOL", "none"),
        ("GIT_PAGER", "cat"),
        ("LC_ALL", "C"),  # error messages are compared in English
    ],
)
def test_git_runs_in_a_safe_environment(
    fake_git: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, "from outside")
    fake_git("env")
    assert f"{variable}={value}" in run().output.decode().split("\n")


@posix_only
def test_git_that_does_not_answer_is_killed(
    fake_git: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, repository: Repository
) -> None:
    fake_git("exec sleep 600")
    monkeypatch.setattr(git_process, "_TIMEOUT", 0.1)
    with pytest.raises(GitUnavailableError, match="it was killed"):
        GitLog(repository.root)


@posix_only
def test_output_beyond_the_limit_is_cut_and_git_is_killed(fake_git: Callable[[str], None]) -> None:
    fake_git("exec yes")
    result = run(max_output=100_000)
    assert result.code == 0
    assert len(result.output) > 100_000


@posix_only
def test_a_stopped_call_ends_at_its_next_output(fake_git: Callable[[str], None]) -> None:
    fake_git("exec yes")
    stop = threading.Event()
    stop.set()
    assert run(max_output=1 << 40, stop=stop).code == 0


def test_commits_beyond_the_output_limit_are_left_out(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        repository.commit(f"Number {n}\n\n" + "word " * 1_000, a__txt=str(n))
    log = GitLog(repository.root)
    hashes = log.newest(10)
    calls: list[tuple[str, int]] = []

    def record(command: Sequence[str], stdin: bytes, max_output: int, stop: threading.Event) -> git_process.GitResult:
        result = git_process.run_git(command, stdin, max_output, stop)
        calls.append((next(word for word in command if word in ("cat-file", "diff-tree", "rev-parse")), max_output))
        return git_process.GitResult(result.code, result.output[:8_000] if "cat-file" in command else result.output, "")

    monkeypatch.setattr(git_log, "run_git", record)
    assert [commit.subject for batch in log.read(hashes) for commit in batch] == ["Number 2"]
    mebibyte = 1 << 20
    assert [limit for name, limit in calls if name == "cat-file"] == [64 * mebibyte]
    assert [limit for name, limit in calls if name == "diff-tree"] == [64 * mebibyte, 16 * mebibyte]


def test_commits_are_read_in_batches(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        repository.commit(f"Number {n}", a__txt=str(n))
    monkeypatch.setattr(git_log, "_COMMITS_PER_CALL", 2)
    log = GitLog(repository.root)
    assert [len(batch) for batch in log.read(log.newest(10))] == [2, 2, 1]


@pytest.mark.parametrize(("files", "has_symbols"), [(60, True), (61, False)])
def test_symbols_are_read_of_commits_with_up_to_sixty_files(
    repository: Repository, files: int, has_symbols: bool
) -> None:
    for n in range(files):
        repository.put(f"f{n:02}.py", f"def f{n}():\n    pass\n")
    repository.commit("Many files")
    (commit,) = read(repository.root)
    assert commit.file_count == files
    assert len(commit.files) == 30
    assert len(commit.symbols) == (20 if has_symbols else 0)


def test_a_message_is_cut_at_six_thousand_characters(repository: Repository) -> None:
    repository.commit("Long\n\n" + "ü" * 7_000, a__txt="1")
    (commit,) = read(repository.root)
    assert commit.body == "ü" * 6_000


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (b"+def " + b"f" * 100 + b"():", ("f" * 100,)),
        (b"+def " + b"f" * 101 + b"():", ()),
        (b"+def f():" + b" " * 292, ("f",)),
        (b"+def f():" + b" " * 293, ()),
    ],
)
def test_long_lines_and_long_names_are_not_symbols(line: bytes, names: tuple[str, ...]) -> None:
    commit = b"e" * 40
    patch = commit + b"\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n" + line + b"\n"
    assert changed_symbols(patch, 5) == {commit.decode(): names}


@pytest.mark.parametrize("header", [b"if (x) {", b"    return (send)", b"while (true)"])
def test_a_control_statement_in_a_hunk_header_is_not_a_symbol(header: bytes) -> None:
    commit = b"f" * 40
    patch = commit + b"\n--- a/x\n+++ b/x\n@@ -5 +5 @@ " + header + b"\n-a\n+b\n"
    assert changed_symbols(patch, 5) == {commit.decode(): ()}


@pytest.mark.parametrize(
    "encoding", ["utf-7", "unicode_escape", "raw-unicode-escape", "undefined", "rot13", "x" * 5000]
)
def test_no_encoding_of_a_message_gives_text_that_cannot_be_stored(encoding: str) -> None:
    data = f"author A <a> 1 +0\ncommitter A <a> 1 +0\nencoding {encoding}\n\nhalf +2AA- \\ud800".encode()
    assert parse_commit("0" * 40, data).subject.encode("utf-8").startswith(b"half ")


@pytest.mark.parametrize("time", ["", "x", "-5", "9" * 5000, "1e9"])
def test_a_time_that_is_no_number_is_the_beginning_of_the_epoch(time: str) -> None:
    assert parse_commit("0" * 40, f"committer A <a> {time} +0000\n\nx".encode()).time == 0
