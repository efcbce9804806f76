"""The commits of a repository with their changed files and symbols, read through ``git``.

Messages are read from the commit objects by their length, and paths up to a NUL byte. So text inside a commit cannot be
mistaken for a separator.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from aurora_dev.history.changed_symbols import changed_symbols
from aurora_dev.history.commit import MOST_FILES, MOST_SYMBOLS, Commit, parse_commit
from aurora_dev.history.git_process import (
    HARDENED,
    PLAIN_DIFF,
    GitUnavailableError,
    NotARepositoryError,
    error_for,
    find_git,
    run_git,
)
from aurora_dev.log import get_logger
from aurora_dev.regular_files import read_regular

__all__ = ["Commit", "GitLog", "GitUnavailableError", "NotARepositoryError"]

_log = get_logger(__name__)

# Bytes that one call may print: 200 commits of 1,000 files each are 10 MB.
_MAX_OUTPUT: Final = 64 * 1024 * 1024
_MAX_DIFF: Final = 16 * 1024 * 1024
_COMMITS_PER_CALL: Final = 200
# Diffs of larger commits are not read: they change too many symbols to say anything.
_MAX_FILES_FOR_SYMBOLS: Final = 60

_HASH: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class GitLog:
    """The commits that are reachable from ``HEAD`` and touch a folder. Blocking: call it from a worker thread.

    Args:
        root: The project's folder: of a repository, below one, of a linked worktree or of a submodule.

    Raises:
        GitUnavailableError: Git is not installed, or refuses the repository.
        NotARepositoryError: The folder is not in a repository.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._git = find_git(root)
        self._stop = threading.Event()
        inside = self._text("rev-parse", "--is-inside-work-tree", "--show-prefix").split("\n")
        if inside[0] != "true":
            raise NotARepositoryError(f"{root} is in no git repository")
        self.prefix = inside[1] if len(inside) > 1 else ""

    def stop(self) -> None:
        """End the running call."""
        self._stop.set()

    def head(self) -> str | None:
        """Return the hash of the commit that is checked out; ``None`` before the first commit."""
        found = self._text("rev-parse", "--verify", "--quiet", "HEAD^{commit}", missing_ok=True).strip()
        return found if _HASH.fullmatch(found) else None

    def newest(self, limit: int, since: float | None = None) -> list[str]:
        """Return the hashes of the newest commits that touch the folder, newest first.

        Args:
            limit: The number of hashes at most.
            since: Seconds since the epoch; older commits are left out.
        """
        if limit < 1 or self.head() is None:
            return []
        command = ["rev-list", f"--max-count={limit}"]
        if since is not None:
            command.append(f"--since={max(0, int(since))}")
        command.append("HEAD")
        if self.prefix:
            command += ["--", "."]
        return [line for line in self._text(*command).split("\n") if _HASH.fullmatch(line)]

    def read(self, hashes: Iterable[str]) -> Iterator[list[Commit]]:
        """Yield the commits in batches of up to 200; a commit that cannot be read (a damaged object) is left out."""
        boundary = self._shallow_boundary()
        pending = iter(hashes)
        while batch := list(islice(pending, _COMMITS_PER_CALL)):
            commits = self._objects(batch)
            with_files = [commit.hash for commit in commits if commit.hash not in boundary]
            files = self._files(with_files)
            small = [name for name in with_files if 0 < len(files.get(name, ())) <= _MAX_FILES_FOR_SYMBOLS]
            symbols = self._symbols(small)
            yield [_complete(commit, files.get(commit.hash, []), symbols.get(commit.hash, ())) for commit in commits]

    def _objects(self, hashes: Sequence[str]) -> list[Commit]:
        data = self._output(["cat-file", "--batch"], hashes)
        commits = []
        position = 0
        while position < len(data):
            end = data.find(b"\n", position)
            if end < 0:
                break
            header = data[position:end].split(b" ")
            position = end + 1
            if len(header) != 3 or not header[2].isdigit():
                continue  # "… missing"
            size = int(header[2])
            if header[1] == b"commit" and position + size <= len(data):
                commits.append(parse_commit(header[0].decode("ascii", "replace"), data[position : position + size]))
            position += size + 1
        return commits

    def _files(self, hashes: Sequence[str]) -> dict[str, list[str]]:
        command = ["diff-tree", "--stdin", "-r", "-z", "--root", "--name-status", "--no-renames", "--relative"]
        data = self._output([*command, *PLAIN_DIFF], hashes)
        found: dict[str, list[str]] = {}
        current: list[str] | None = None
        tokens = iter(data.split(b"\0"))
        for token in tokens:
            if len(token) >= 40:  # a status is one letter
                # The hash ends with a line break, not with a NUL, before the first status.
                name, _, status = token.decode("ascii", "replace").partition("\n")
                current = found.setdefault(name, []) if _HASH.fullmatch(name) else None
                token = status.encode("ascii", "replace")
            if not token:
                continue
            path = next(tokens, b"")
            if current is not None and path:
                current.append(path.decode("utf-8", "replace"))
        return found

    def _symbols(self, hashes: Sequence[str]) -> dict[str, tuple[str, ...]]:
        command = ["diff-tree", "--stdin", "-r", "-p", "--root", "-U0", "--no-renames", "--relative", "--no-color"]
        data = self._output([*command, *PLAIN_DIFF], hashes, max_output=_MAX_DIFF)
        return changed_symbols(data, MOST_SYMBOLS)

    def _shallow_boundary(self) -> frozenset[str]:
        """Return the commits whose parents a shallow clone lacks: they appear to add every file."""
        path = self._text("rev-parse", "--git-path", "shallow").strip()
        try:
            data = read_regular(Path(self.root, path), _MAX_OUTPUT) if path else b""
            return frozenset(data.decode("ascii").split())
        except (OSError, UnicodeDecodeError):
            return frozenset()

    def _text(self, *command: str, missing_ok: bool = False) -> str:
        result = run_git([self._git, *HARDENED, "-C", str(self.root), *command], b"", _MAX_OUTPUT, self._stop)
        if result.code and not missing_ok:
            raise error_for(result.error, self.root)
        return result.output.decode("utf-8", "surrogateescape").rstrip("\n") if not result.code else ""

    def _output(self, command: Sequence[str], hashes: Sequence[str], max_output: int = _MAX_OUTPUT) -> bytes:
        """Run a command over commits; output before a failure is used too, because a partial clone lacks objects."""
        if not hashes:
            return b""
        names = "".join(f"{name}\n" for name in hashes).encode("ascii")
        result = run_git([self._git, *HARDENED, "-C", str(self.root), *command], names, max_output, self._stop)
        if result.code:
            _log.info("git_incomplete", command=command[0], code=result.code, error=result.error[:200])
        return result.output


def _complete(commit: Commit, files: Sequence[str], symbols: Sequence[str]) -> Commit:
    return replace(commit, files=tuple(sorted(files)[:MOST_FILES]), file_count=len(files), symbols=tuple(symbols))
