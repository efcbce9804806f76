"""Ignore files, as git reads them: patterns relative to their folder, the last one that matches decides.

`pathspec` translates each pattern; what it does not do is decide for one entry at a time while walking, which is what
git does and what makes "nothing below an excluded folder comes back" come out by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["IgnoreFile", "decide", "enclosing_rules", "read_ignore_file"]

_GLOB = re.compile(r"[*?\[\\]")
_INHERITED = "ps_d"  # the group by which pathspec tells that a folder above matched, not the entry itself
_MAX_BYTES = 1_000_000  # an ignore file beyond that is something else


class IgnoreFile:
    """The patterns of one file, compiled.

    Most patterns are a bare name or ``*.ext``: they are looked up; the rest are regular expressions.

    Args:
        lines: The patterns, one a line.
        prefix: What to put before a walked path, for patterns of a folder above the walk's root.
        strip: How many characters of a walked path belong to the folder of the patterns.
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
        """Return whether the entry is excluded, or ``None`` where no pattern says anything about it.

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
    """Translate one pattern, without its ``!`` and its trailing ``/``; ``None`` where git would discard it."""
    if body.startswith(("!", "#")):
        body = "\\" + body
    # Most ignore files need none of it, and it takes longer to import than a small project takes to walk.
    import pathspec

    try:
        patterns = list(pathspec.GitIgnoreSpec.from_lines([body]).patterns)
    except ValueError:
        return None
    expression = getattr(patterns[0], "regex", None) if patterns else None
    return expression if isinstance(expression, re.Pattern) else None


def decide(layers: Sequence[IgnoreFile], path: str, name: str, *, is_dir: bool) -> bool | None:
    """Ask the innermost file first: return whether the entry is excluded, ``None`` where none of them says."""
    for layer in reversed(layers):
        verdict = layer.match(path, name, is_dir=is_dir)
        if verdict is not None:
            return verdict
    return None


def read_ignore_file(path: Path, *, prefix: str = "", strip: int = 0) -> IgnoreFile:
    """Read an ignore file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES)
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return IgnoreFile(text.split("\n"), prefix=prefix, strip=strip)


def enclosing_rules(root: Path, times: dict[str, int] | None = None) -> list[IgnoreFile]:
    """Return what git would apply from outside of ``root``: the repository's exclude file and the folders above.

    Files that cannot be read count as empty: they are not the project's own. ``times`` receives when each was changed,
    in nanoseconds since the epoch, by path.
    """
    repository = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if repository is None:
        return []
    folders = [folder for folder in (root, *root.parents) if folder.is_relative_to(repository) and folder != root]
    sources = [(_git_folder(repository / ".git") / "info" / "exclude", repository)]
    sources += [(folder / ".gitignore", folder) for folder in reversed(folders)]
    layers = []
    for source, base in sources:
        relative = root.relative_to(base).as_posix()
        try:
            if times is not None:
                times[str(source)] = source.stat().st_mtime_ns
            layer = read_ignore_file(source, prefix="" if relative == "." else f"{relative}/")
        except OSError:
            continue
        if layer:
            layers.append(layer)
    return layers


def _git_folder(marker: Path) -> Path:
    """Return the folder that holds ``info/``; in a linked worktree ``.git`` is a file that leads there."""
    if marker.is_dir():
        return marker
    try:
        folder = marker.parent / marker.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        common = folder / "commondir"
        return folder / common.read_text(encoding="utf-8").strip() if common.is_file() else folder
    except (OSError, ValueError):
        return marker
