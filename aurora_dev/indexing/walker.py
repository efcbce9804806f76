"""The walk over a project: lists the text files that people wrote, without those that git or the user excludes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from aurora_dev.errors import IndexingError
from aurora_dev.git_folders import GitFolders, find_git_folders
from aurora_dev.indexing import filetypes
from aurora_dev.indexing.chunking.notebooks import is_notebook
from aurora_dev.indexing.git.repository import Tracked, tracked_files
from aurora_dev.indexing.ignore import (
    GIT_IGNORE_FILE,
    OWN_IGNORE_FILE,
    IgnoreRules,
    read_ignore_file,
    repository_above,
    repository_rules,
    rules_above,
)
from aurora_dev.indexing.snapshot import index_stamp
from aurora_dev.regular_files import UNKNOWN_IDENTITY, change_time, file_identity, read_regular

__all__ = ["UNREADABLE", "Focus", "Skipped", "SourceFile", "Visited", "WalkOptions", "check_root", "read_text", "walk"]

IGNORED: Final = "ignored"
VENDORED: Final = "vendored, cache or build folder"
WORKTREE: Final = "linked worktree of this project"
TOO_LARGE: Final = "too large"
SPECIAL: Final = "not a regular file"
UNREADABLE: Final = "unreadable"
NOT_UTF8: Final = "name is not valid UTF-8"
LINK_TO_FOLDER: Final = "link to a folder"
LINK_BROKEN: Final = "broken link"
LINK_OUTSIDE: Final = "link out of the project"
LINK_TWICE: Final = "link to a file that is read itself"

_SNIFF_BYTES: Final = 8192  # git itself looks for a NUL in the first 8,000
_MAX_FILE_SIZE: Final = 1024 * 1024  # hand-written source is far smaller; data and bundles are not
_MAX_WANTED_SIZE: Final = 8 * _MAX_FILE_SIZE  # the largest hand-written sources are below 4 MiB; cutting takes seconds


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """The options of a walk; the defaults suit nearly every project.

    Attributes:
        max_file_size: Bytes; larger files are skipped.
        max_wanted_size: Bytes; the same for files that ``.auroraignore`` brings back, and for notebooks, most of whose
            bytes are pictures that are not indexed.
        sniff: Whether the first 8 KB of each file are read to recognise binary, generated and minified ones. A caller
            that reads every file anyway calls `filetypes.content_reason` itself.
        gitignore: Whether git's rules apply: ``.gitignore`` files, ``.git/info/exclude``, the user's exclude file.
    """

    max_file_size: int = _MAX_FILE_SIZE
    max_wanted_size: int = _MAX_WANTED_SIZE
    sniff: bool = True
    gitignore: bool = True

    def size_limit(self, path: str, *, wanted: bool) -> int:
        """Return the size in bytes up to which a file is read."""
        larger = wanted or is_notebook(path)
        return max(self.max_file_size, self.max_wanted_size) if larger else self.max_file_size


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read.

    Attributes:
        path: POSIX, relative to the root.
        absolute: Its absolute path.
        size: Bytes, when it was listed.
        mtime_ns: Time of its last change, in nanoseconds since the epoch.
        wanted: Whether ``.auroraignore`` brings it back; it is then read even if it is large, or looks generated or
            minified.
        identity: See `file_identity`.
        kept_by: What git has to track for this file to be listed: its own path where an ignore rule matches, or a
            folder of build output (ending with ``/``); empty for any other file.
    """

    path: str
    absolute: Path
    size: int
    mtime_ns: int
    wanted: bool = False
    identity: tuple[int, int] = field(default=UNKNOWN_IDENTITY, compare=False)
    kept_by: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is not read, with the reason; the path of a folder ends with ``/``."""

    path: str
    reason: str


def check_root(root: Path) -> Path:
    """Return the project's folder, absolute and with links resolved.

    Raises:
        IndexingError: It does not exist, is not a folder, or cannot be listed.
    """
    try:
        resolved = Path(os.path.realpath(root.expanduser()))
        if not resolved.exists():
            raise IndexingError(f"There is no folder {root}; nothing was changed. Name the folder of a project.")
        if not resolved.is_dir():
            raise IndexingError(
                f"{root} is a file, not a folder; nothing was changed. Name the folder of the project, such as "
                f"{resolved.parent}"
            )
        with os.scandir(resolved):
            pass
    except OSError as error:
        raise IndexingError(
            f"The folder {root} cannot be listed ({error.strerror or error}); nothing was changed. "
            "Check its permissions, or name another folder."
        ) from error
    return resolved


@dataclass(slots=True)
class Visited:
    """The folders and ignore files that a walk read, whose times show later whether another walk would differ.

    Attributes:
        folders: By path relative to the root, ending with ``/`` (``""`` is the root): the `change_time` of each listed
            folder, taken before it was listed.
        rules: The same for each ignore file, by absolute path; 0 for one outside the root that does not exist.
        links: Whether there were linked files, which depend on more than their own folder.
        repositories: For the folder of each repository, as in ``folders``: where git keeps it, and the `index_stamp`
            from before its listing.
    """

    folders: dict[str, int] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    links: bool = False
    repositories: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add_repository(self, prefix: str, folders: GitFolders) -> None:
        """Add a repository that is about to be listed."""
        self.repositories[prefix] = (str(folders.own), index_stamp(str(folders.own)))


@dataclass(frozen=True, slots=True)
class Focus:
    """The folders to which a walk is limited, because all others are unchanged. Paths as in `Visited.folders`.

    Attributes:
        changed: Folders that are listed again; new folders in them are walked completely.
        known: Folders that an earlier walk has listed.
        ways: The changed folders and all their parents.
    """

    changed: frozenset[str]
    known: Set[str]
    ways: frozenset[str]

    @classmethod
    def on(cls, changed: Iterable[str], known: Set[str]) -> Focus:
        """Return the focus on some changed folders."""
        changed = frozenset(changed)
        ways = {"", *changed}
        for folder in changed:
            while folder:
                folder = folder[:-1].rpartition("/")[0]
                folder += "/" if folder else ""
                ways.add(folder)
        return cls(changed, known, frozenset(ways))

    def lists(self, prefix: str) -> bool:
        """Return whether the files of a folder are listed."""
        return prefix in self.changed or prefix not in self.known

    def skips(self, prefix: str, *, listed: bool) -> bool:
        """Return whether an entry is skipped, because nothing changed below it.

        Args:
            prefix: The path of the entry, ending with ``/``.
            listed: Whether the files of its folder are listed; then only known folders are skipped.
        """
        return prefix not in self.ways and (not listed or prefix in self.known)


def walk(
    root: Path,
    options: WalkOptions | None = None,
    skipped: list[Skipped] | None = None,
    *,
    visited: Visited | None = None,
    focus: Focus | None = None,
) -> Iterator[SourceFile]:
    """List the files of a project that are worth indexing, sorted by path.

    ``.gitignore``, ``.git/info/exclude`` and the user's exclude file apply as in git, and as in git they do not concern
    tracked files. In a submodule, or another repository below the root, its own rules apply instead. A linked worktree
    of the project below the root is left out. ``.auroraignore`` has the same syntax and takes
    precedence: it also brings back (``!build/``) what ``.gitignore`` or the tables of `filetypes` leave out (see
    `ignore`). As in git, nothing comes back below an excluded folder. Files that hold secrets, and the folders of
    version control, never come back. Linked folders are not followed. A linked file is read if its target lies inside
    the root and is not listed itself.

    Args:
        root: A folder.
        options: See `WalkOptions`.
        skipped: Receives the files and folders that are left out, but not those that were deleted during the walk.
        visited: Receives the folders and ignore files that were read.
        focus: Limits the walk to some folders; ``None`` walks all.

    Raises:
        IndexingError: The root is missing, is not a folder, or cannot be listed. Anything below it that cannot be read
            is added to ``skipped`` and does not end the walk.
    """
    found = _Walk(
        check_root(root), options or WalkOptions(), [] if skipped is None else skipped, visited or Visited(), focus
    )
    return iter(found.run())


@dataclass(slots=True)
class _Repository:
    """A repository, with the files that git tracks; these are asked for when an entry needs them."""

    folder: str
    prefix: str  # of its folder in the walk: "" or "a/b/"
    folders: GitFolders
    _tracked: Tracked | None = None

    def tracks(self, path: str) -> bool:
        """Return whether git tracks a walked path; that of a folder ends with ``/``."""
        if self._tracked is None:
            self._tracked = tracked_files(Path(self.folder), self.folders.own)
        return self._tracked.has(path[len(self.prefix) :])


@dataclass(slots=True)
class _Folder:
    path: str
    prefix: str  # "" or "a/b/"
    rules: IgnoreRules
    wanted: bool = False  # .auroraignore brings it back
    repository: _Repository | None = None
    tracked_only: bool = False  # git ignores it, except for the tracked files in it
    kept_by: str = ""  # see `SourceFile`

    def tracks(self, path: str) -> bool:
        return self.repository is not None and self.repository.tracks(path)


@dataclass(slots=True)
class _Walk:
    root: Path
    options: WalkOptions
    skipped: list[Skipped]
    visited: Visited
    focus: Focus | None
    files: list[SourceFile] = field(default_factory=list)
    links: list[tuple[str, str, str]] = field(default_factory=list)  # path, absolute path, `SourceFile.kept_by`

    def run(self) -> list[SourceFile]:
        rules = rules_above(self.root, self.visited.rules) if self.options.gitignore else IgnoreRules()
        top = repository_above(self.root)
        folders = None if top is None else find_git_folders(top, checked=False)
        repository = None
        if folders is not None:
            self.visited.add_repository("", folders)
            repository = _Repository(str(self.root), "", folders)
        todo = [_Folder(str(self.root), "", rules, repository=repository)]
        while todo:
            todo += self._list(todo.pop())
        self.visited.links = bool(self.links)
        self._read_links()
        self.files.sort(key=lambda file: file.path)
        self.skipped.sort(key=lambda entry: entry.path)
        return self.files

    def _skip(self, path: str, reason: str) -> None:
        self.skipped.append(Skipped(path.encode("utf-8", "backslashreplace").decode(), reason))

    def _list(self, folder: _Folder) -> list[_Folder]:
        """List one folder, and return the subfolders to list."""
        try:
            self.visited.folders[folder.prefix] = change_time(os.stat(folder.path))  # noqa: PTH116  (faster by far)
            with os.scandir(folder.path) as listing:
                entries = {entry.name: entry for entry in listing}
        except (FileNotFoundError, NotADirectoryError):
            return []  # it was deleted
        except OSError:
            self._skip(folder.prefix, UNREADABLE)
            return []
        if folder.prefix and not folder.wanted and filetypes.is_tool_folder(folder.path, entries):
            self._skip(folder.prefix, VENDORED)
            return []
        if folder.prefix and ".git" in entries and not self._enter_repository(folder):
            self._skip(folder.prefix, WORKTREE)
            return []
        if self.options.gitignore:
            self._add_rules(folder, GIT_IGNORE_FILE, entries)
        self._add_rules(folder, OWN_IGNORE_FILE, entries)
        subfolders = []
        focus = self.focus
        lists = focus is None or focus.lists(folder.prefix)
        for name, entry in entries.items():
            path = folder.prefix + name
            if focus is not None and focus.skips(path + "/", listed=lists):
                continue
            if not name.isascii() and not _is_utf8(name):
                self._skip(path, NOT_UTF8)
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    found = self._folder(folder, name, path, entry)
                    if found is not None:
                        subfolders.append(found)
                elif lists:
                    self._file(folder, name, path, entry)
            except FileNotFoundError:
                continue  # it was deleted
            except OSError:
                self._skip(path, UNREADABLE)
        return subfolders

    def _enter_repository(self, folder: _Folder) -> bool:
        """Let the rules of a repository below the root apply in its folder; return whether it is to be listed."""
        found = find_git_folders(Path(folder.path))
        if found is None:
            return True
        if found.linked and not folder.wanted and self._has_main_copy(found, folder.repository):
            return False
        self.visited.add_repository(folder.prefix, found)
        folder.repository = _Repository(folder.path, folder.prefix, found)
        folder.tracked_only = False
        if self.options.gitignore:
            rules = repository_rules(Path(folder.path), found, strip=len(folder.prefix), times=self.visited.rules)
            folder.rules = replace(rules, own=folder.rules.own)
        return True

    def _has_main_copy(self, worktree: GitFolders, around: _Repository | None) -> bool:
        """Return whether a linked worktree repeats files of the project: its repository is one of the project's.

        A bare repository, which has no index, has no files except those in its worktrees.
        """
        common = Path(os.path.realpath(worktree.common))
        same = around is not None and common == Path(os.path.realpath(around.folders.common))
        if same and around is not None and around.folders.linked:
            return True
        return (same or common.is_relative_to(self.root)) and (common / "index").is_file()

    def _add_rules(self, folder: _Folder, name: str, entries: dict[str, os.DirEntry[str]]) -> None:
        """Add the rules of an ignore file in a folder, if there is one."""
        # Like git, do not follow a linked .gitignore: in a foreign repository it could read any file.
        if name not in entries or not entries[name].is_file(follow_symlinks=False):
            return
        try:
            path = Path(folder.path, name)
            self.visited.rules[str(path)] = change_time(path.stat())
            ignore_case = folder.rules.ignore_case and name == GIT_IGNORE_FILE
            file = read_ignore_file(path, strip=len(folder.prefix), ignore_case=ignore_case)
        except OSError:
            self._skip(folder.prefix + name, UNREADABLE)
            return
        folder.rules = folder.rules.with_file(name, file)

    def _folder(self, parent: _Folder, name: str, path: str, entry: os.DirEntry[str]) -> _Folder | None:
        """Return a subfolder to list, or ``None`` if it is skipped."""
        if name in filetypes.ALWAYS_SKIPPED_FOLDERS:
            return None  # not reported either
        excluded, wanted, by_git = parent.rules.decide(path, name, is_dir=True)
        tracked_only = not wanted and (by_git or parent.tracked_only)
        if (excluded and not by_git) or (tracked_only and not parent.tracks(path + "/")):
            self._skip(path + "/", IGNORED)
            return None
        kept_by = parent.kept_by
        if not wanted and self._is_output(name, entry):
            if not _is_kept_if_tracked(name) or not parent.tracks(path + "/"):
                self._skip(path + "/", VENDORED)
                return None
            kept_by = path + "/"
        return _Folder(entry.path, path + "/", parent.rules, wanted, parent.repository, tracked_only, kept_by)

    def _is_output(self, name: str, entry: os.DirEntry[str]) -> bool:
        """Return whether a folder holds other people's code or build output, by its name."""
        if filetypes.is_output_folder(name):
            return not Path(entry.path, "__init__.py").is_file()
        return filetypes.is_vendored_folder(name)

    def _file(self, folder: _Folder, name: str, path: str, entry: os.DirEntry[str]) -> None:
        if name in filetypes.ALWAYS_SKIPPED_FOLDERS:
            return  # in a linked worktree and in a submodule .git is a file
        if filetypes.is_secret_file(name):
            self._skip(path, filetypes.SECRET)
            return
        excluded, wanted, by_git = folder.rules.decide(path, name, is_dir=False)
        tracked_only = not wanted and (by_git or folder.tracked_only)
        if (excluded and not by_git) or (tracked_only and not folder.tracks(path)):
            self._skip(path, IGNORED)
            return
        reason = None if wanted else filetypes.name_reason(name)
        kept_by = path if tracked_only else folder.kept_by
        if reason is not None:
            self._skip(path, reason)
        elif entry.is_symlink():
            self.links.append((path, entry.path, kept_by))
        else:
            self._take(path, entry.path, entry.stat(follow_symlinks=False), kept_by, wanted=wanted)

    def _take(self, path: str, absolute: str, status: os.stat_result, kept_by: str, *, wanted: bool) -> None:
        reason: str | None = None
        if not stat.S_ISREG(status.st_mode):
            reason = SPECIAL
        elif status.st_size > self.options.size_limit(path, wanted=wanted):
            reason = TOO_LARGE
        elif self.options.sniff and status.st_size:
            reason = filetypes.content_reason(path, _head(absolute))
            if wanted and reason in (filetypes.GENERATED, filetypes.MINIFIED):
                reason = None
        if reason is not None:
            self._skip(path, reason)
        else:
            self.files.append(
                SourceFile(
                    path, Path(absolute), status.st_size, status.st_mtime_ns, wanted, file_identity(status), kept_by
                )
            )

    def _read_links(self) -> None:
        """Add the linked files whose targets are not listed themselves."""
        taken = {str(file.absolute) for file in self.files}
        for path, link, kept_by in sorted(self.links):
            try:
                target = os.path.realpath(link)
                status = os.stat(target)  # noqa: PTH116  (a Path for each would cost more than the call)
                if stat.S_ISDIR(status.st_mode):
                    self._skip(path, LINK_TO_FOLDER)
                elif not Path(target).is_relative_to(self.root):
                    self._skip(path, LINK_OUTSIDE)
                elif target in taken:
                    self._skip(path, LINK_TWICE)
                elif (reason := _target_reason(Path(target).relative_to(self.root))) is not None:
                    self._skip(path, reason)
                else:
                    taken.add(target)
                    self._take(path, target, status, kept_by, wanted=False)
            except (FileNotFoundError, NotADirectoryError):
                self._skip(path, LINK_BROKEN)
            except OSError as error:
                self._skip(path, LINK_BROKEN if error.errno == errno.ELOOP else UNREADABLE)


def _is_kept_if_tracked(name: str) -> bool:
    """Return whether a folder of other people's code or build output is listed if git tracks files in it."""
    return filetypes.is_output_folder(name) or filetypes.is_source_if_tracked(name)


def _target_reason(target: Path) -> str | None:
    """Return why the target of a link is skipped, whatever the link is called; ``None`` if it is not."""
    if filetypes.is_secret_file(target.name):
        return filetypes.SECRET
    if not filetypes.ALWAYS_SKIPPED_FOLDERS.isdisjoint(target.parts):
        return IGNORED
    return filetypes.name_reason(target.name)


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _head(path: str) -> bytes:
    return read_regular(path, _SNIFF_BYTES, cut=True)


def read_text(file: SourceFile) -> str | None:
    """Return a file's text with its line breaks unchanged, or ``None`` if it is binary.

    For the encodings see `filetypes.decode`; it accepts any bytes.

    Raises:
        OSError: The file cannot be read.
    """
    return filetypes.decode(file.absolute.read_bytes())
