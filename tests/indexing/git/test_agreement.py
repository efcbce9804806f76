"""The walk lists what git lists: its tracked files, and the others that no ignore rule excludes."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_dev.indexing.walker import WalkOptions, walk

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="compares with git itself")

NAMES = [
    "a",
    "b",
    "ab",
    "foo",
    "bar.py",
    "x.log",
    "X.LOG",
    "a b",
    "#c",
    "!d",
    "é",
    "日本",
    "1x",
    "Big.tmp",
    "q\\",
    "[x]",
]
FOLDERS = ["a", "b", "foo", "src", "é", "build", "dist", "target", "coverage", "vendor", "third_party", "docs"]
OUTPUT = {"build", "dist", "target", "coverage", "vendor", "third_party"}
PARTS = [
    *(
        "*",
        "**",
        "***",
        "?",
        "??",
        "a",
        "b",
        "foo",
        "x",
        ".log",
        ".LOG",
        ".py",
        ".tmp",
        "é",
        "\\#c",
        "\\!d",
        "\\ ",
        " ",
    ),
    *("q", "[a-f]", "[!a]", "[^a]*", "[[:alpha:]]", "[[:upper:]]", "[[:digit:]]*", "[[:space:]]", "[[:punct:]]"),
    *("[[:xdigit:]]", "[![:lower:]]", "[[:nope:]]", "[]a]", "[a-", "[b-a]", "[\\]]", "[[:alpha:][:digit:]]", "\\"),
    *("build", "src", "docs"),
]
LINES = [
    *("# comment", "", "*", "!*/", "/*", "*/", "!*.py", "***/x", "foo/**", "a/**/b", "**/a", "!/a", "*.log\t", "a "),
    *("b\\ ", "//", "/", "!", "a//", "a**/b", "**\\/b"),
]


def git(folder: Path, *command: str) -> bytes:
    return subprocess.run(["git", "-C", str(folder), *command], check=True, capture_output=True).stdout


class Generator:
    """Makes a repository with files, ignore rules, tracked files, and repositories inside."""

    def __init__(self, root: Path, home: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.home = home
        self.worktrees: set[Path] = set()
        self.make(root, depth=0)

    def line(self) -> str:
        pick = self.random
        if pick.random() < 0.25:
            return pick.choice(LINES)
        segments = [
            "".join(pick.choices(PARTS, k=pick.choice([1, 1, 2, 3]))) for _ in range(pick.choice([1, 1, 1, 2, 3]))
        ]
        if pick.random() < 0.4:
            segments[-1] = pick.choice(NAMES + FOLDERS)
        start, end = pick.choice(["", "", "", "!", "/", "!/"]), pick.choice(["", "", "/", " ", "\r"])
        return start + "/".join(segments) + end

    def rules(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [self.line() for _ in range(self.random.randint(1, 6))]
        path.write_bytes(self.random.choice([b"", b"\xef\xbb\xbf"]) + "\n".join(lines).encode())

    def make(self, root: Path, depth: int) -> None:
        pick = self.random
        root.mkdir(parents=True, exist_ok=True)
        git(root, "init", "-q")
        folders = [root]
        for _ in range(pick.randint(2, 6)):
            folder = pick.choice(folders) / pick.choice(FOLDERS)
            if not folder.exists():
                folder.mkdir()
                folders.append(folder)
        ignore_case = pick.random() < 0.15
        if ignore_case:
            git(root, "config", "core.ignoreCase", "true")
        names = [name for name in NAMES if not ignore_case or name != "X.LOG"]  # two names for one file
        for _ in range(pick.randint(4, 14)):
            file = pick.choice(folders) / pick.choice(names)
            if not file.exists():
                file.write_text("text\n")
        for folder in pick.sample(folders, k=pick.randint(0, min(3, len(folders)))):
            self.rules(folder / ".gitignore")
        if pick.random() < 0.4:
            self.rules(root / ".git/info/exclude")
        if depth == 0 and pick.random() < 0.5:
            self.rules(self.home / ".config/git/ignore")
        if depth == 0 and pick.random() < 0.3:
            self.rules(self.home / "own excludes")
            git(root, "config", "--global", "core.excludesFile", "~/own excludes")
        if depth == 0 and pick.random() < 0.4:
            inner = pick.choice(folders) / pick.choice(["lib", "a.repo"])
            self.make(inner, depth + 1)
            if pick.random() < 0.5:
                git(root, "add", "-f", str(inner.relative_to(root)))
        files = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
        tracked = pick.sample(files, k=pick.randint(0, len(files) // 2))
        if tracked:
            git(root, "--literal-pathspecs", "add", "-f", "--", *(str(path.relative_to(root)) for path in tracked))
        if depth or pick.random() < 0.2:
            author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
            git(root, *author, "commit", "-qm", "first", "--allow-empty")
            if pick.random() < 0.5:
                worktree = pick.choice(folders) / "copy"
                git(root, "worktree", "add", "-q", str(worktree))
                self.worktrees.add(worktree)


def listed_by_git(root: Path, worktrees: set[Path], prefix: str = "") -> Iterator[str]:
    """Yield the files that git lists, without output folders in which it tracks nothing."""
    cached = [os.fsdecode(path) for path in git(root, "ls-files", "-z", "--cached").split(b"\0") if path]
    others = git(root, "ls-files", "-z", "--others", "--exclude-standard").split(b"\0")
    for path in {*cached, *(os.fsdecode(path) for path in others if path)}:
        parts = path.rstrip("/").split("/")
        last = len(parts) if path.endswith("/") else len(parts) - 1
        folders = ["/".join(parts[: end + 1]) + "/" for end in range(last) if parts[end] in OUTPUT]
        if not all(any(each.startswith(folder) for each in cached) for folder in folders):
            continue
        if (root / path / ".git").exists():
            if root / path not in worktrees:
                yield from listed_by_git(root / path, worktrees, prefix + path.rstrip("/") + "/")
        elif (root / path).is_file():
            yield prefix + path


def differences(folder: Path, monkeypatch: pytest.MonkeyPatch, seeds: range) -> list[str]:
    found = []
    for seed in seeds:
        home, root = folder / "home", folder / "top" / "project"
        home.mkdir(parents=True)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
        generator = Generator(root, home, seed)
        expected = sorted(listed_by_git(root, generator.worktrees))
        actual = [file.path for file in walk(root, WalkOptions(sniff=False))]
        if actual != expected:
            found.append(f"{seed}: missing {set(expected) - set(actual)}, too many {set(actual) - set(expected)}")
        shutil.rmtree(folder)
    return found


def test_the_walk_agrees_with_git_in_generated_repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert differences(tmp_path / "repository", monkeypatch, range(60)) == []


@pytest.mark.slow
def test_the_walk_agrees_with_git_in_two_thousand_generated_repositories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert differences(tmp_path / "repository", monkeypatch, range(60, 2_060)) == []
