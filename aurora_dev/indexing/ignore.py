"""Ignore rules: where they come from, how they are merged, and how one entry is decided.

`IgnoreRules` merges all rules of a folder. For one entry, the first of these that matches it decides:

1. ``.auroraignore`` of the folder, then of the folders above, up to the project's root (never beyond it);
2. ``.gitignore`` of the folder, then of the folders above, up to the root of the repository, which may lie above the
   project;
3. ``.git/info/exclude`` of the repository;
4. the user's exclude file (``core.excludesFile``), in repositories only.

At a repository inside another one, such as a submodule, git's rules begin anew; those of ``.auroraignore`` do not.

Within one file the last matching pattern decides, as in git. The tables of `filetypes` come after all of these, so that
``.auroraignore`` can bring back what they leave out; `walker` applies them.

`wildmatch` translates each pattern. Deciding entry by entry during the walk, as git does, needs no code for the rule
that nothing below an excluded folder comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from aurora_dev.git_folders import GitFolders, find_git_folders
from aurora_dev.indexing.git.repository import IgnoreSettings, ignore_settings
from aurora_dev.indexing.git.wildmatch import byte_text, compile_pattern
from aurora_dev.lazy import lazy_pattern
from aurora_dev.regular_files import change_time, read_regular

__all__ = [
    "IgnoreFile",
    "IgnoreRules",
    "Verdict",
    "read_ignore_file",
    "repository_above",
    "repository_rules",
    "rules_above",
]

GIT_IGNORE_FILE = ".gitignore"
OWN_IGNORE_FILE = ".auroraignore"
_GLOB = lazy_pattern(r"[*?\[\\]")
_MAX_BYTES = 1_000_000  # nobody writes a longer ignore file; the complete lines up to here count


class Verdict(NamedTuple):
    """The decision about one entry.

    Attributes:
        excluded: Whether it is ignored.
        wanted: Whether ``.auroraignore`` brings it back; the tables of `filetypes` then do not apply.
        by_git: Whether git's rules exclude it, which do not concern tracked files.
    """

    excluded: bool
    wanted: bool
    by_git: bool = False


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The merged rules of one folder.

    Attributes:
        git: The rules of git, outermost first.
        own: The rules of ``.auroraignore`` files, outermost first.
        ignore_case: Whether rules of git match without regard to case.
    """

    git: tuple[IgnoreFile, ...] = ()
    own: tuple[IgnoreFile, ...] = ()
    ignore_case: bool = False

    def with_file(self, name: str, file: IgnoreFile) -> IgnoreRules:
        """Return the rules with those of one more ignore file, which lies deeper than all others of its name."""
        if not file:
            return self
        if name == OWN_IGNORE_FILE:
            return replace(self, own=(*self.own, file))
        return replace(self, git=(*self.git, file))

    def decide(self, path: str, name: str, *, is_dir: bool) -> Verdict:
        """Decide about an entry of the folder; for the arguments see `IgnoreFile.match`."""
        own = _innermost_match(self.own, path, name, is_dir=is_dir) if self.own else None
        if own is not None:
            return Verdict(excluded=own, wanted=not own)
        excluded = bool(self.git and _innermost_match(self.git, path, name, is_dir=is_dir))
        return Verdict(excluded, wanted=False, by_git=excluded)


class IgnoreFile:
    """The compiled patterns of one file.

    Most patterns are a bare name or ``*.ext``, which are looked up in a dictionary; the rest are regular expressions.

    Args:
        lines: The patterns, one per line.
        prefix: Prepended to a walked path, for a file in a folder above the walk's root.
        strip: Number of characters of a walked path that name the folder of the file.
        ignore_case: Whether ASCII letters match in either case.
    """

    __slots__ = ("_globs", "_ignore_case", "_names", "_prefix", "_rules", "_strip", "_suffixes")

    def __init__(self, lines: Sequence[str], *, prefix: str = "", strip: int = 0, ignore_case: bool = False) -> None:
        self._prefix = prefix
        self._strip = strip
        self._ignore_case = ignore_case
        self._rules: list[tuple[bool, bool]] = []  # (excludes, only folders), in the order of the lines
        self._names: dict[str, list[int]] = {}
        self._suffixes: dict[str, list[int]] = {}
        self._globs: list[tuple[int, bool, Callable[[str], object]]] = []  # (rule, matches the whole path, matches)
        for line in lines:
            self._add(line)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def _add(self, line: str) -> None:
        if line.startswith("#"):
            return
        pattern = _trimmed(line.removesuffix("\r").partition("\0")[0])
        excludes = not pattern.startswith("!")
        body = pattern if excludes else pattern[1:]
        folders = body.endswith("/")
        body = body.removesuffix("/")
        if not body:
            return
        rule = len(self._rules)
        whole_path = "/" in body
        literal = not whole_path and not _GLOB.search(body)
        if literal:
            self._names.setdefault(self._text(body), []).append(rule)
        elif not whole_path and body.startswith("*.") and not _GLOB.search(body, 1) and "." not in body[2:]:
            self._suffixes.setdefault(self._text(body[2:]), []).append(rule)
        else:
            matches = compile_pattern(body.removeprefix("/"), ignore_case=self._ignore_case)
            if matches is None:
                return
            self._globs.append((rule, whole_path, matches))
        self._rules.append((excludes, folders))

    def _text(self, text: str) -> str:
        return byte_text(text, ignore_case=self._ignore_case)

    def match(self, path: str, name: str, *, is_dir: bool) -> bool | None:
        """Return whether the entry is excluded, or ``None`` if no pattern matches it.

        Args:
            path: POSIX, relative to the walk's root.
            name: Its last part.
            is_dir: Whether it is a folder (a link to one is not).
        """
        rules = self._rules
        if self._ignore_case or not name.isascii():
            name = self._text(name)
        found = -1
        for rule in self._names.get(name, ()):
            if rule > found and (is_dir or not rules[rule][1]):
                found = rule
        if self._suffixes:
            _, dot, extension = name.rpartition(".")
            if dot:
                for rule in self._suffixes.get(extension, ()):
                    if rule > found and (is_dir or not rules[rule][1]):
                        found = rule
        whole = ""
        for rule, whole_path, matches in reversed(self._globs):
            if rule <= found:
                break
            if rules[rule][1] and not is_dir:
                continue
            if whole_path and not whole:
                whole = self._text(self._prefix + path[self._strip :])
            if matches(whole if whole_path else name):
                found = rule
                break
        return None if found < 0 else rules[found][0]


def _trimmed(line: str) -> str:
    """Return a line without trailing spaces (tabs stay, as in git); a backslash protects the character after it."""
    end = at = 0
    while at < len(line):
        if line[at] == "\\":
            at += 1
            if at == len(line):
                return line
            end = at + 1
        elif line[at] != " ":
            end = at + 1
        at += 1
    return line[:end]


def _innermost_match(files: Sequence[IgnoreFile], path: str, name: str, *, is_dir: bool) -> bool | None:
    for file in reversed(files):
        excluded = file.match(path, name, is_dir=is_dir)
        if excluded is not None:
            return excluded
    return None


def read_ignore_file(path: Path, *, prefix: str = "", strip: int = 0, ignore_case: bool = False) -> IgnoreFile:
    """Read an ignore file; for the arguments see `IgnoreFile`.

    Raises:
        OSError: It cannot be read, or is not a regular file.
    """
    data = read_regular(path, _MAX_BYTES + 1, cut=True)
    if len(data) > _MAX_BYTES:
        data = data[: data.rfind(b"\n", 0, _MAX_BYTES) + 1]  # half a pattern may match everything
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return IgnoreFile(text.split("\n"), prefix=prefix, strip=strip, ignore_case=ignore_case)


def repository_above(root: Path) -> Path | None:
    """Return the top of the working tree in which a folder lies, or ``None``."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)


def rules_above(root: Path, times: dict[str, int] | None = None) -> IgnoreRules:
    """Return git's rules from outside ``root``: the user's, those of the repository, and those of the folders above.

    Args:
        root: The walk's root, absolute.
        times: Receives the `change_time` of each file by path; 0 for one that does not exist.

    Returns:
        The rules; a file that cannot be read counts as empty, because it is not part of the project.
    """
    top = repository_above(root)
    repository = None if top is None else find_git_folders(top, checked=False)
    if top is None or repository is None:
        return IgnoreRules()
    relative = root.relative_to(top).as_posix()
    rules = repository_rules(top, repository, prefix="" if relative == "." else f"{relative}/", times=times)
    folders = [folder for folder in (root, *root.parents) if folder.is_relative_to(top) and folder != root]
    for folder in reversed(folders):
        prefix = root.relative_to(folder).as_posix() + "/"
        rules = _with_file(rules, folder / GIT_IGNORE_FILE, times, prefix=prefix)
    return rules


def repository_rules(
    top: Path, repository: GitFolders, *, prefix: str = "", strip: int = 0, times: dict[str, int] | None = None
) -> IgnoreRules:
    """Return the rules of a whole repository: the user's exclude file, then ``info/exclude``.

    Args:
        top: The top of its working tree.
        repository: Its folders.
        prefix: As `IgnoreFile`.
        strip: As `IgnoreFile`.
        times: As `rules_above`.
    """
    found: IgnoreSettings = ignore_settings(top, repository)
    rules = IgnoreRules(ignore_case=found.ignore_case)
    if found.excludes is not None:
        rules = _with_file(rules, found.excludes, times, prefix=prefix, strip=strip)
    return _with_file(rules, repository.common / "info" / "exclude", times, prefix=prefix, strip=strip)


def _with_file(
    rules: IgnoreRules, path: Path, times: dict[str, int] | None, *, prefix: str = "", strip: int = 0
) -> IgnoreRules:
    try:
        if times is not None:
            times[str(path)] = 0
            times[str(path)] = change_time(path.stat())
        file = read_ignore_file(path, prefix=prefix, strip=strip, ignore_case=rules.ignore_case)
    except OSError:
        return rules
    return rules.with_file(GIT_IGNORE_FILE, file)
