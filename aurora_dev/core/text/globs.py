"""Globs over paths of a project: ``*``, ``?`` and ``[…]`` within a name, ``**`` over folders, ``{a,b}`` for choices.

A glob without a slash matches names in every folder, as in ``.gitignore``. A folder that matches stands for everything
in it. Matching takes time proportional to the lengths of glob and path, whatever is in them.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from aurora_dev.lazy import lazy_pattern

__all__ = ["MOST_CHOICES", "compile_glob", "is_glob"]

MOST_CHOICES: Final = 64  # globs that the braces of one glob may stand for
_GLOB: Final = lazy_pattern(r"[*?\[{]")
_CHOICE: Final = lazy_pattern(r"\{([^{},]*,[^{}]*)\}")
_NAMES_CACHED: Final = 65_536


def is_glob(path: str) -> bool:
    """Return whether a path has a character that is special in globs; names of files may have such characters too."""
    return _GLOB.search(path) is not None


def compile_glob(glob: str) -> Callable[[str], bool]:
    """Return a function that tells whether a path, or a folder above it, matches a glob.

    Args:
        glob: With ``/`` between names, relative to the same folder as the paths. Upper and lower case differ.

    Raises:
        ValueError: The braces stand for more than 64 globs.
    """
    alternatives = [_segments(choice) for choice in _choices(glob)]

    def matches(path: str) -> bool:
        names = path.split("/")
        return any(_match(segments, names) for segments in alternatives)

    return matches


_Segment = Callable[[str], bool] | None  # None is "**"


def _choices(glob: str) -> list[str]:
    """Return the globs that the braces of a glob stand for."""
    done: list[str] = []
    todo = [glob]
    while todo:
        text = todo.pop()
        found = _CHOICE.search(text)
        if found is None:
            done.append(text)
        else:
            before, after = text[: found.start()], text[found.end() :]
            todo += [f"{before}{choice}{after}" for choice in found[1].split(",")]
        if len(done) + len(todo) > MOST_CHOICES:
            raise ValueError(f"its braces stand for more than {MOST_CHOICES} globs")
    return done


def _segments(glob: str) -> list[_Segment]:
    names = [name for name in glob.split("/") if name]
    if len(names) == 1 and "/" not in glob:
        names.insert(0, "**")
    segments: list[_Segment] = []
    for name in names:
        if name != "**":
            segments.append(_name_test(name))
        elif not segments or segments[-1] is not None:
            segments.append(None)
    return segments


def _name_test(pattern: str) -> Callable[[str], bool]:
    # The expressions of fnmatch do not backtrack over more than one star.
    match = re.compile(fnmatch.translate(pattern)).match

    @lru_cache(maxsize=_NAMES_CACHED)  # names of folders come back with every file in them
    def matches(name: str) -> bool:
        return match(name) is not None

    return matches


def _match(segments: list[_Segment], names: list[str]) -> bool:
    """Return whether the segments match the first names of a path.

    Only the last ``**`` is tried further on: if the segments between two of them match anywhere, they match at the
    first such place.
    """
    at = name = 0
    stars = begin = -1
    while at < len(segments):
        segment = segments[at]
        if segment is None:
            stars, begin = at, name
            at += 1
            if at == len(segments):
                return name < len(names)
        elif name < len(names) and segment(names[name]):
            at += 1
            name += 1
        elif stars >= 0 and begin < len(names):
            begin += 1
            at, name = stars + 1, begin
        else:
            return False
    return True
