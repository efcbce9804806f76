"""Trees of public repositories at given commits, and stores of these trees that are kept for later runs.

A store of a tree is made from a copy of the store of an earlier tree of the same project, and brought up to date, since
most files are the same. What is kept lies in a cache folder::

    clones/OWNER+NAME               a clone, whose files change from commit to commit
    stores/OWNER+NAME/COMMIT/files      a store of the files
    stores/OWNER+NAME/COMMIT/history    the same with the commits up to this one

A store is made anew when chunks or vectors are made in another way than when it was written. One run at a time may
write to a cache. A clone may lack large files: they are left out of its tree.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from aurora_dev.core.contracts import Embedder, Reranker
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.history.commit_indexer import CommitIndexer
from aurora_dev.indexing.chunk_version import file_version
from aurora_dev.indexing.indexer import Indexer

Kind: TypeAlias = Literal["files", "history"]
_MARK = "complete.json"


class MissingCommitError(Exception):
    """A repository, or a commit of it, cannot be had."""


@dataclass(frozen=True)
class Repositories:
    """Clones of public repositories.

    Attributes:
        cache: The folder that receives the clones.
        mirror: A folder of local clones, ``OWNER+NAME/repo``; without it, repositories are fetched from GitHub.
    """

    cache: Path
    mirror: Path | None = None

    def clone(self, name: str) -> Path:
        """Return the clone of a repository ``owner/name``; make it if it is missing.

        Raises:
            MissingCommitError: The folder of local clones does not have it.
        """
        folder = self.cache / "clones" / name.replace("/", "+")
        if folder.is_dir():
            return folder
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        if self.mirror is None:
            subprocess.run(["git", "init", "-q", part], check=True)
            _git(part, "remote", "add", "origin", f"https://github.com/{name}.git")
        else:
            source = self.mirror / name.replace("/", "+") / "repo"
            if not source.is_dir():
                raise MissingCommitError(f"{name} is not in {self.mirror}")
            subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", source, part], check=True)
        part.rename(folder)
        return folder

    def tree(self, name: str, commit: str, *, history: bool = False) -> Path:
        """Return the clone with the files of a commit, and HEAD at it, so that no later commit is reachable.

        Args:
            name: The repository, ``owner/name``.
            commit: Full hash.
            history: Whether earlier commits are needed too.

        Raises:
            MissingCommitError: The commit cannot be had.
        """
        folder = self.clone(name)
        self._fetch(folder, commit, history=history)
        # Not `git checkout`, which gives up where a clone without large files lacks one.
        _git(folder, "read-tree", "--reset", commit)
        _git(folder, "checkout-index", "-q", "-f", "-u", "-a", check=False)
        _git(folder, "update-ref", "--no-deref", "HEAD", commit)
        _git(folder, "clean", "-q", "-f", "-d", "-x")
        return folder

    def read(self, name: str, commit: str, path: str) -> str | None:
        """Return the text of a file at a commit; ``None`` if it has no such file."""
        folder = self.clone(name)
        self._fetch(folder, commit)
        command = ["git", "-C", str(folder), "cat-file", "blob", f"{commit}:{path}"]
        done = subprocess.run(command, capture_output=True, check=False)
        return None if done.returncode else done.stdout.decode("utf-8", "replace")

    def log(self, name: str, head: str, *options: str) -> str:
        """Return what ``git log`` says of the commits up to ``head``.

        Raises:
            MissingCommitError: The commit cannot be had.
        """
        folder = self.clone(name)
        self._fetch(folder, head, history=True)
        return _git(folder, "log", *options, head).stdout

    def changed_lines(self, name: str, commit: str, path: str) -> list[tuple[int, int]]:
        """Return the lines of the parent that a commit removes from a file, or after which it inserts.

        Returns:
            First and last lines, 1-based and inclusive.
        """
        diff = _git(self.clone(name), "diff", "-U0", "--no-color", "--no-ext-diff", f"{commit}^", commit, "--", path)
        spans = []
        for start, count in re.findall(r"(?m)^@@ -(\d+)(?:,(\d+))? ", diff.stdout):
            first = max(1, int(start))
            spans.append((first, first + max(1, int(count or 1)) - 1))
        return spans

    def time(self, name: str, commit: str) -> int:
        """Return the committer time of a commit, in seconds since the epoch.

        Raises:
            MissingCommitError: The commit cannot be had.
        """
        folder = self.clone(name)
        self._fetch(folder, commit)
        return int(_git(folder, "show", "-s", "--format=%ct", commit).stdout)

    def _fetch(self, folder: Path, commit: str, *, history: bool = False) -> None:
        if self.mirror is None and (history or not _has(folder, commit)):
            depth = [] if history else ["--depth", "1"]
            _git(folder, "fetch", "-q", *depth, "origin", commit, check=False)
        if not _has(folder, commit):
            raise MissingCommitError(f"{folder.name} has no commit {commit}")


@dataclass(frozen=True)
class KeptStores:
    """Stores of trees, kept in a cache.

    Attributes:
        repositories: Provides the trees.
        embedder: Makes the vectors of all stores.
        reranker: Reranks the searches of all stores.
    """

    repositories: Repositories
    embedder: Embedder
    reranker: Reranker | None = None

    def folder(self, name: str, commit: str) -> Path:
        """Return the folder of everything that is kept of a tree."""
        return self.repositories.cache / "stores" / name.replace("/", "+") / commit

    def is_kept(self, name: str, commit: str, kind: Kind = "files") -> bool:
        """Return whether the store of a tree is complete and up to date."""
        mark = self.folder(name, commit) / kind / _MARK
        return mark.is_file() and json.loads(mark.read_text("utf-8")) == self._version()

    async def make(self, name: str, commits: Iterable[str], kind: Kind = "files") -> dict[str, str]:
        """Make the stores of some trees of a project, in the order of time, unless they are kept.

        Returns:
            The reason for each commit whose store could not be made.
        """
        times: dict[str, int] = {}
        failed: dict[str, str] = {}
        for commit in set(commits):
            try:
                times[commit] = self.repositories.time(name, commit)
            except MissingCommitError as error:
                failed[commit] = str(error)
        previous: Path | None = None
        for commit in sorted(times, key=lambda commit: (times[commit], commit)):
            try:
                if not self.is_kept(name, commit, kind):
                    await self._make(name, commit, kind, previous)
                previous = self.folder(name, commit) / kind
            except MissingCommitError as error:
                failed[commit] = str(error)
        return failed

    def open(self, name: str, commit: str, kind: Kind = "files") -> VectorStore:
        """Open a kept store for searches."""
        return self._open(self.folder(name, commit) / kind)

    async def _make(self, name: str, commit: str, kind: Kind, previous: Path | None) -> None:
        tree = self.repositories.tree(name, commit, history=kind == "history")
        folder = self.folder(name, commit) / kind
        part = folder.with_name(f"{kind}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        if previous is not None:
            shutil.copytree(previous, part)
            (part / _MARK).unlink()
        async with self._open(part) as store:
            await Indexer(store, tree).run()
            if kind == "history":
                await CommitIndexer(store, tree).run()
            await store.refresh()
        (part / _MARK).write_text(json.dumps(self._version()), "utf-8")
        part.rename(folder)

    def _open(self, folder: Path) -> VectorStore:
        return VectorStore(path=folder, embedder=self.embedder, reranker=self.reranker or "none")

    def _version(self) -> list[str]:
        return [file_version(b"", mask=True), self.embedder.fingerprint]


def _has(folder: Path, commit: str) -> bool:
    return _git(folder, "cat-file", "-e", f"{commit}^{{tree}}", check=False).returncode == 0


def _git(folder: Path, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(folder), "-c", "core.hooksPath=/dev/null", *map(str, arguments)]
    return subprocess.run(command, check=check, capture_output=True, encoding="utf-8", errors="replace")
