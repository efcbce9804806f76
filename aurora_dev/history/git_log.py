"""The commits of a repository with their changed files and symbols, read through ``git``.

Messages are read from the commit objects by their length, and paths up to a NUL byte. So text inside a commit cannot be
mistaken for a separator.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from aurora_dev.git_folders import worktree_names
from aurora_dev.history.changed_symbols import changed_symbols
from aurora_dev.history.commit import MOST_FILES, MOST_SYMBOLS, Commit, parents_and_time, parse_commit
from aurora_dev.history.git_process import (
    HARDENED,
    PLAIN_DIFF,
    GitResult,
    GitUnavailableError,
    NotARepositoryError,
    error_for,
    find_git,
    run_git,
)
from aurora_dev.history.object_reader import ObjectReader
from aurora_dev.lazy import lazy_pattern
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
# In a damaged repository: commits that are walked to find those that touch the folder, and calls that find out which
# commits of a batch cannot be compared.
_MOST_WALKED: Final = 50_000
_MOST_RETRIES: Final = 200

_HASH: Final = lazy_pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class GitLog:
    """The commits that are reachable from ``HEAD`` and touch a folder. Blocking: call it from a worker thread.

    Args:
        root: The project's folder: of a repository, below one, of a linked worktree or of a submodule.

    Raises:
        GitUnavailableError: Git is not installed, or refuses the repository.
        NotARepositoryError: The folder is not in a repository.

    Attributes:
        unreadable: Hashes of commits that are missing or damaged. Nothing leads to the commits behind them.
        incomplete: Hashes of commits that were read without their files, or without all symbols, because an object of
            their content is missing or damaged. In a partial clone, where that is usual, none is listed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unreadable: list[str] = []
        self.incomplete: list[str] = []
        self._retries = 0
        self._partial: bool | None = None
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
        """Return the hash of the commit that is checked out; ``None`` before the first commit.

        Raises:
            GitUnavailableError: ``HEAD`` or its branch is damaged.
        """
        # Without "^{commit}": the commit itself may be damaged.
        result = self._run("rev-parse", "--verify", "--quiet", "HEAD")
        found = result.output.decode("ascii", "replace").strip()
        if result.code == 0 and _HASH.fullmatch(found):
            return found
        if result.error:
            raise error_for(result.error, self.root)
        branch = self._run("symbolic-ref", "--quiet", "HEAD")
        if branch.code:
            raise GitUnavailableError("git failed: HEAD names no commit and no branch")
        path = self._text("rev-parse", "--git-path", branch.output.decode("utf-8", "surrogateescape").rstrip("\n"))
        if Path(self.root, path).is_file():
            raise GitUnavailableError("git failed: the checked out branch names no commit")
        return None

    def newest(self, limit: int, since: float | None = None) -> list[str]:
        """Return the hashes of the newest commits that touch the folder, newest first; of all worktrees together.

        If git cannot walk the history because a commit is damaged, these are the commits that parents lead to, without
        those in `unreadable` and behind them.

        Args:
            limit: The number of hashes at most.
            since: Seconds since the epoch; older commits are left out.
        """
        if limit <= 0:
            return []
        head = self.head()
        heads = list(dict.fromkeys([*([head] if head else ()), *self._heads_of_worktrees()]))
        if not heads:
            return []
        command = ["rev-list", f"--max-count={limit}"]
        if since is not None:
            command.append(f"--since={max(0, int(since))}")
        command += heads
        if self.prefix:
            command += ["--", "."]
        result = self._run(*command)
        if result.code == 0:
            return [line for line in result.output.decode("ascii", "replace").split("\n") if _HASH.fullmatch(line)]
        _log.warning("history_damaged", error=result.error[:200])
        return self._walk(heads, limit, since)

    def _heads_of_worktrees(self) -> list[str]:
        """Return the commits that are checked out in the worktrees of the repository, if it has several."""
        if not worktree_names(self.root):
            return []
        result = self._run("worktree", "list", "--porcelain")
        lines = result.output.decode("utf-8", "surrogateescape").split("\n") if result.code == 0 else []
        heads = [line.removeprefix("HEAD ") for line in lines if line.startswith("HEAD ")]
        return [head for head in heads if _HASH.fullmatch(head) and head.strip("0")]

    def _walk(self, heads: Sequence[str], limit: int, since: float | None) -> list[str]:
        """Return what `newest` does, by reading the commits themselves."""
        boundary = self._shallow_boundary()
        found: list[str] = []
        seen = set(heads)
        queue: list[tuple[int, int, str, list[str]]] = []  # the latest first; among equals, in the order of discovery
        with ObjectReader([self._git, *HARDENED, "-C", str(self.root)], self._stop) as reader:

            def add(name: str) -> None:
                data = reader.commit(name)
                if data is None:
                    self.unreadable.append(name)
                else:
                    parents, time = parents_and_time(data)
                    heapq.heappush(queue, (-time, len(seen), name, [] if name in boundary else parents))

            for name in heads:
                add(name)
            while queue and len(found) < (_MOST_WALKED if self.prefix else limit):
                time, _, name, parents = heapq.heappop(queue)
                if since is not None and -time < since:
                    continue
                found.append(name)
                for parent in parents:
                    if parent not in seen:
                        seen.add(parent)
                        add(parent)
        if not self.prefix:
            return found
        touching: list[str] = []
        for start in range(0, len(found), _COMMITS_PER_CALL):
            batch = found[start : start + _COMMITS_PER_CALL]
            files = self._files(batch)
            touching += [name for name in batch if files.get(name)]
            if len(touching) >= limit:
                break
        self.incomplete.clear()  # `read` tells of those that it reads
        return touching[:limit]

    def read(self, hashes: Iterable[str]) -> Iterator[list[Commit]]:
        """Yield the commits in batches of up to 200; one that cannot be read is left out, and in `unreadable`."""
        boundary = self._shallow_boundary()
        pending = iter(hashes)
        while batch := list(islice(pending, _COMMITS_PER_CALL)):
            commits = self._objects(batch)
            read = {commit.hash for commit in commits}
            self.unreadable += [name for name in batch if name not in read and not self._stop.is_set()]
            with_files = [commit.hash for commit in commits if commit.hash not in boundary]
            files = self._files(with_files)
            small = [name for name in with_files if 0 < len(files.get(name, ())) <= _MAX_FILES_FOR_SYMBOLS]
            symbols = self._symbols(small)
            yield [_complete(commit, files.get(commit.hash, []), symbols.get(commit.hash, ())) for commit in commits]

    def _objects(self, hashes: Sequence[str]) -> list[Commit]:
        data = self._run_over(["cat-file", "--batch"], hashes).output
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
        """Return the changed paths by commit; of a merge there are none."""
        found: dict[str, list[str]] = {}
        command = ["diff-tree", "--stdin", "-r", "-z", "--root", "--name-status", "--no-renames", "--relative"]
        for data in self._compared([*command, *PLAIN_DIFF], hashes, _MAX_OUTPUT):
            self._add_files(data, found)
        return found

    @staticmethod
    def _add_files(data: bytes, found: dict[str, list[str]]) -> None:
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

    def _symbols(self, hashes: Sequence[str]) -> dict[str, tuple[str, ...]]:
        command = ["diff-tree", "--stdin", "-r", "-p", "--root", "-U0", "--no-renames", "--relative", "--no-color"]
        found: dict[str, tuple[str, ...]] = {}
        for data in self._compared([*command, *PLAIN_DIFF], hashes, _MAX_DIFF):
            found |= changed_symbols(data, MOST_SYMBOLS)
        return found

    def _compared(self, command: Sequence[str], hashes: Sequence[str], max_output: int) -> Iterator[bytes]:
        """Yield what git prints about commits that it compares with their parents.

        Git ends at the first object that it cannot read. So a batch on which it fails is halved until the commits with
        damaged contents are alone.
        """
        todo = [list(hashes)] if hashes else []
        while todo and not self._stop.is_set():
            batch = todo.pop()
            result = self._run_over(command, batch, max_output)
            if result.code == 0 or self._is_partial():
                yield result.output
            elif len(batch) == 1 or self._retries >= _MOST_RETRIES:
                yield result.output
                self.incomplete += [name for name in batch if name not in self.incomplete]
            else:
                self._retries += 1
                middle = len(batch) // 2
                todo += [batch[middle:], batch[:middle]]

    def _is_partial(self) -> bool:
        """Return whether the repository is a partial clone, which lacks objects without being damaged."""
        if self._partial is None:
            wanted = r"^(extensions\.partialclone|remote\..*\.(promisor|partialclonefilter))$"
            self._partial = self._run("config", "--get-regexp", wanted).code == 0
        return self._partial

    def _shallow_boundary(self) -> frozenset[str]:
        """Return the commits whose parents a shallow clone lacks: they appear to add every file."""
        path = self._text("rev-parse", "--git-path", "shallow").strip()
        try:
            data = read_regular(Path(self.root, path), _MAX_OUTPUT) if path else b""
            return frozenset(data.decode("ascii").split())
        except (OSError, UnicodeDecodeError):
            return frozenset()

    def _run(self, *command: str) -> GitResult:
        return run_git([self._git, *HARDENED, "-C", str(self.root), *command], b"", _MAX_OUTPUT, self._stop)

    def _text(self, *command: str) -> str:
        result = self._run(*command)
        if result.code:
            raise error_for(result.error, self.root)
        return result.output.decode("utf-8", "surrogateescape").rstrip("\n")

    def _run_over(self, command: Sequence[str], hashes: Sequence[str], max_output: int = _MAX_OUTPUT) -> GitResult:
        """Run a command over commits; output before a failure is used too, because a partial clone lacks objects."""
        names = "".join(f"{name}\n" for name in hashes).encode("ascii")
        result = run_git([self._git, *HARDENED, "-C", str(self.root), *command], names, max_output, self._stop)
        if result.code:
            _log.info("git_incomplete", command=command[0], code=result.code, error=result.error[:200])
        return result


def _complete(commit: Commit, files: Sequence[str], symbols: Sequence[str]) -> Commit:
    return replace(commit, files=tuple(sorted(files)[:MOST_FILES]), file_count=len(files), symbols=tuple(symbols))
