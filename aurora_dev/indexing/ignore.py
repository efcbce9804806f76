"""Ignore rules: where they come from, how they are merged, and how one entry is decided.

`IgnoreRules` merges all rules of a folder. For one entry, the first of these that matches it decides:

1. ``.auroraignore`` of the folder, then of the folders above, up to the project's root (never beyond it);
2. ``.gitignore`` of the folder, then of the folders above, up to the root of the repository, which may lie above the
   project;
3. ``.git/info/exclude`` of the repository.

Within one file the last matching pattern decides, as in git. The tables of `filetypes` come after all of these, so that
``.auroraignore`` can bring back what they leave out; `walker` applies them.

`pathspec` translates each pattern. Deciding entry by entry during the walk, as git does, needs no code for the rule
that nothing below an excluded folder comes back.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aurora_dev.regular_files import change_time, read_regular

__all__ = ["IgnoreFile", "IgnoreRules", "Verdict", "read_ignore_file", "rules_above"]

GIT_IGNORE_FILE = ".gitignore"
OWN_IGNORE_FILE = ".auroraignore"
_GLOB = re.compile(r"[*?\[\\]")
_INHERITED = "ps_d"  # the group by which pathspec marks that a folder above matched, not the entry itself
_MOST_STARS = 3  # in a name; with more, an expression that backtracks takes seconds per file
_MAX_BYTES = 1_000_000  # nobody writes a longer ignore file
_MAX_LINE = 4_096  # bytes; longer than any path


class Verdict(NamedTuple):
    """The decision about one entry.

    Attributes:
        excluded: Whether it is ignored.
        wanted: Whether ``.auroraignore`` brings it back; the tables of `filetypes` then do not apply.
    """

    excluded: bool
    wanted: bool


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The merged rules of one folder.

    Attributes:
        git: The rules of git, outermost first.
        own: The rules of ``.auroraignore`` files, outermost first.
    """

    git: tuple[IgnoreFile, ...] = ()
    own: tuple[IgnoreFile, ...] = ()

    def with_file(self, name: str, file: IgnoreFile) -> IgnoreRules:
        """Return the rules with those of one more ignore file, which lies deeper than all others of its name."""
        if not file:
            return self
        if name == OWN_IGNORE_FILE:
            return IgnoreRules(self.git, (*self.own, file))
        return IgnoreRules((*self.git, file), self.own)

    def decide(self, path: str, name: str, *, is_dir: bool) -> Verdict:
        """Decide about an entry of the folder; for the arguments see `IgnoreFile.match`."""
        own = _innermost_match(self.own, path, name, is_dir=is_dir) if self.own else None
        if own is not None:
            return Verdict(excluded=own, wanted=not own)
        return Verdict(bool(self.git and _innermost_match(self.git, path, name, is_dir=is_dir)), wanted=False)


class IgnoreFile:
    """The compiled patterns of one file.

    Most patterns are a bare name or ``*.ext``, which are looked up in a dictionary; the rest are regular expressions.

    Args:
        lines: The patterns, one per line.
        prefix: Prepended to a walked path, for a file in a folder above the walk's root.
        strip: Number of characters of a walked path that name the folder of the file.
    """

    __slots__ = ("_globs", "_names", "_prefix", "_rules", "_strip", "_suffixes")

    def __init__(self, lines: Sequence[str], *, prefix: str = "", strip: int = 0) -> None:
        self._prefix = prefix
        self._strip = strip
        self._rules: list[tuple[bool, bool]] = []  # (excludes, only folders), in the order of the lines
        self._names: dict[str, list[int]] = {}
        self._suffixes: dict[str, list[int]] = {}
        self._globs: list[tuple[int, bool, re.Pattern[str]]] = []  # (rule, matches the whole path, expression)
        for line in lines:
            self._add(line)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def _add(self, line: str) -> None:
        pattern = line.rstrip("\r\n")
        if not pattern.endswith("\\ "):
            pattern = pattern.rstrip()
        if not pattern or pattern.startswith("#"):
            return
        excludes = not pattern.startswith("!")
        body = pattern if excludes else pattern[1:]
        folders = body.endswith("/")
        body = body.rstrip("/") if folders else body
        if not body:
            return
        rule = len(self._rules)
        whole_path = "/" in body
        if not whole_path and not _GLOB.search(body) and not body.startswith("#"):
            self._names.setdefault(body, []).append(rule)
        elif not whole_path and body.startswith("*.") and not _GLOB.search(body, 1) and "." not in body[2:]:
            self._suffixes.setdefault(body[2:], []).append(rule)
        else:
            expression = _compile(body)
            if expression is None:
                return
            self._globs.append((rule, whole_path, expression))
        self._rules.append((excludes, folders))

    def match(self, path: str, name: str, *, is_dir: bool) -> bool | None:
        """Return whether the entry is excluded, or ``None`` if no pattern matches it.

        Args:
            path: POSIX, relative to the walk's root.
            name: Its last part.
            is_dir: Whether it is a folder (a link to one is not).
        """
        rules = self._rules
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
        for rule, whole_path, expression in reversed(self._globs):
            if rule <= found:
                break
            if rules[rule][1] and not is_dir:
                continue
            match = expression.search(self._prefix + path[self._strip :] if whole_path else name)
            if match is not None and (_INHERITED not in expression.groupindex or match[_INHERITED] is None):
                found = rule
                break
        return None if found < 0 else rules[found][0]


def _compile(body: str) -> re.Pattern[str] | None:
    """Translate one pattern, without its ``!`` and its trailing ``/``; ``None`` if git would discard it."""
    if body.count("*") > _MOST_STARS and "/" not in body and "\\" not in body:
        # The expression of pathspec tries every combination of places; that of fnmatch takes the first for each star.
        return re.compile(r"\A" + fnmatch.translate(body.replace("[^", "[!")))
    if body.startswith(("!", "#")):
        body = "\\" + body
    # Imported late: most ignore files do not need it, and importing it takes longer than walking a small project.
    import pathspec

    try:
        patterns = list(pathspec.GitIgnoreSpec.from_lines([body]).patterns)
    except ValueError:
        return None
    expression = getattr(patterns[0], "regex", None) if patterns else None
    return expression if isinstance(expression, re.Pattern) else None


def _innermost_match(files: Sequence[IgnoreFile], path: str, name: str, *, is_dir: bool) -> bool | None:
    for file in reversed(files):
        excluded = file.match(path, name, is_dir=is_dir)
        if excluded is not None:
            return excluded
    return None


def read_ignore_file(path: Path, *, prefix: str = "", strip: int = 0) -> IgnoreFile:
    """Read an ignore file; for ``prefix`` and ``strip`` see `IgnoreFile`.

    Raises:
        OSError: It cannot be read, or is not a regular file.
    """
    data = read_regular(path, _MAX_BYTES, cut=True)
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return IgnoreFile(text.split("\n"), prefix=prefix, strip=strip)


def rules_above(root: Path, times: dict[str, int] | None = None) -> IgnoreRules:
    """Return git's rules from outside ``root``: the repository's exclude file and the folders above.

    Args:
        root: The walk's root, absolute.
        times: Receives the `change_time` of each file by path; 0 for one that does not exist.

    Returns:
        The rules; a file that cannot be read counts as empty, because it is not part of the project.
    """
    rules = IgnoreRules()
    repository = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if repository is None:
        return rules
    folders = [folder for folder in (root, *root.parents) if folder.is_relative_to(repository) and folder != root]
    sources = [(_git_folder(repository / ".git") / "info" / "exclude", repository)]
    sources += [(folder / GIT_IGNORE_FILE, folder) for folder in reversed(folders)]
    for source, base in sources:
        relative = root.relative_to(base).as_posix()
        try:
            if times is not None:
                times[str(source)] = 0
                times[str(source)] = change_time(source.stat())
            file = read_ignore_file(source, prefix="" if relative == "." else f"{relative}/")
        except OSError:
            continue
        rules = rules.with_file(GIT_IGNORE_FILE, file)
    return rules


def _git_folder(marker: Path) -> Path:
    """Return the folder that contains ``info/``; in a linked worktree ``.git`` is a file that names it."""
    if marker.is_dir():
        return marker
    try:
        folder = marker.parent / _read_line(marker).removeprefix("gitdir:").strip()
        common = folder / "commondir"
        return folder / _read_line(common) if common.is_file() else folder
    except (OSError, ValueError):
        return marker


def _read_line(path: Path) -> str:
    return read_regular(path, _MAX_LINE).decode("utf-8", "surrogateescape").strip()
