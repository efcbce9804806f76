"""`SearchScope`: the part of a project that a search looks in, as a checked value. No I/O."""

from __future__ import annotations

import difflib
import os
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

from aurora_dev.errors import InvalidRequestError
from aurora_dev.syntax.file_languages import language_named, prose_languages, usual_language_names

__all__ = ["SOURCES", "Scoped", "SearchScope", "SearchSource", "check_scope", "in_project", "split_place"]

SearchSource: TypeAlias = Literal["code", "docs", "notes", "commits", "sessions"]
"""Where a search looks: code and data in files, prose in files, notes, commits, sessions of assistants."""
SOURCES: Final[tuple[SearchSource, ...]] = ("code", "docs", "notes", "commits", "sessions")
_FILES: Final = frozenset(("code", "docs"))
Scoped: TypeAlias = Literal["languages", "paths", "sources", "tests", "min_score", "similar_to"]
"""The name of a field of `SearchScope` that narrows a search."""

_MOST_ENTRIES: Final = 100  # languages or paths; a filter of more is not typed by anyone
_LONGEST_ENTRY: Final = 1_000  # characters
_SHOWN: Final = 80  # characters of a wrong value in a message
_MOST_NEAR: Final = 3
_CLOSE: Final = 0.7  # similarity of names: "pyhton" is near, "klingon" is not a misspelt "kotlin"
# Files of a language that have a parser of their own.
_DIALECTS: Final = {"typescript": ("typescript", "tsx")}


@dataclass(frozen=True, slots=True)
class SearchScope:
    """The part of a project that a search looks in. Every field narrows it further.

    Attributes:
        languages: Only chunks of files in one of these languages: by name, suffix or usual name (``python``, ``ts``,
            ``c++``). TypeScript includes TSX.
        paths: Only what is in one of these: a folder, a file or a glob, relative to the project. A note is where the
            code is that it is about, a commit or a session wherever it changed a file. See
            `aurora_dev.core.text.globs`.
        sources: Only these: ``code`` (files but prose), ``docs`` (files of prose), ``notes``, ``commits``,
            ``sessions``.
        tests: Whether chunks of tests and their fixtures are searched.
        min_score: Results with a lower score are left out, 0..1.
        similar_to: ``PATH:LINE``; the chunk that covers the line is the query, and is no result itself.
        folder: The folder of the project that paths are tried against before the project itself, as a command line does
            with its current folder. Empty is the project.

    Raises:
        InvalidRequestError: A value is wrong, or two contradict each other.
    """

    languages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    sources: tuple[SearchSource, ...] = ()
    tests: bool = True
    min_score: float = 0.0
    similar_to: str | None = None
    folder: str = ""

    def __post_init__(self) -> None:
        languages = dict.fromkeys(_checked_language(name) for name in _checked_list(self.languages, "languages"))
        object.__setattr__(self, "languages", tuple(languages))
        object.__setattr__(self, "paths", tuple(dict.fromkeys(_checked_list(self.paths, "paths"))))
        sources = dict.fromkeys(_checked_source(name) for name in _checked_list(self.sources, "sources"))
        object.__setattr__(self, "sources", tuple(sources))
        if not isinstance(self.tests, bool):
            raise InvalidRequestError(f"tests must be true or false, not {self.tests!r:.80}")
        score = self.min_score
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0.0 <= score <= 1.0:
            raise InvalidRequestError(f"the least score must be a number from 0 to 1, not {score!r:.80}")
        if self.similar_to is not None:
            split_place(self.similar_to)
        self._check_languages_of_sources()

    def _check_languages_of_sources(self) -> None:
        if not self.sources or not self.languages:
            return
        if _FILES.isdisjoint(self.sources):
            raise InvalidRequestError(
                f"{_listed(self.sources)} have no language: leave out the language, or search code or docs too"
            )
        prose = prose_languages().intersection(self.languages)
        if "docs" not in self.sources and len(prose) == len(self.languages):
            raise InvalidRequestError(
                f"{_listed(self.languages)} is prose, not code: leave one out, or search docs too"
            )
        if "code" not in self.sources and not prose:
            raise InvalidRequestError(f"{_listed(self.languages)} is code, not docs: leave one out, or search code too")

    @property
    def stored_languages(self) -> tuple[str, ...]:
        """The languages as the metadata of chunks name them."""
        return tuple(dict.fromkeys(each for name in self.languages for each in _DIALECTS.get(name, (name,))))

    @property
    def place(self) -> tuple[str, int] | None:
        """The path and the 1-based line of ``similar_to``."""
        return None if self.similar_to is None else split_place(self.similar_to)

    def given(self) -> tuple[Scoped, ...]:
        """Return the names of the fields that narrow the search."""
        nothing = SearchScope()
        names = [each.name for each in fields(self) if each.name != "folder"]
        return tuple(cast(Scoped, name) for name in names if getattr(self, name) != getattr(nothing, name))

    def without(self, *names: Scoped) -> SearchScope:
        """Return this scope without some of its conditions."""
        nothing = SearchScope()
        return replace(self, **{name: getattr(nothing, name) for name in names})

    def inside(self, root: Path) -> SearchScope:
        """Return this scope with absolute paths as paths relative to a project.

        Raises:
            InvalidRequestError: An absolute path is outside of the project.
        """
        paths = tuple(_relative(path, root, self.folder) for path in self.paths)
        place = self.place
        similar_to = None if place is None else f"{_relative(place[0], root, self.folder)}:{place[1]}"
        return replace(self, paths=paths, similar_to=similar_to)


def check_scope(scope: object) -> SearchScope:
    """Return a scope that an application passed.

    Raises:
        InvalidRequestError: It is something else.
    """
    if not isinstance(scope, SearchScope):
        raise InvalidRequestError(f"scope must be a SearchScope, not {type(scope).__name__}")
    return scope


def split_place(place: object) -> tuple[str, int]:
    """Return the path and the line of ``PATH:LINE``; of ``PATH:FIRST-LAST``, as results print it, the first line.

    Raises:
        InvalidRequestError: It has another form.
    """
    text = place if isinstance(place, str) else ""
    path, _, lines = text.rpartition(":")
    line = lines.partition("-")[0]
    if not path.strip() or not line.isascii() or not line.isdigit() or not 0 < len(line) < 10 or int(line) < 1:
        raise InvalidRequestError(
            f"a place to compare with is PATH:LINE, for example src/auth.py:42, not {place!r:.80}. Lines count from 1"
        )
    return _checked_list((path,), "the path")[0], int(line)


def in_project(path: str, folder: str = "") -> str:
    """Return a relative path as records store it: POSIX, relative to the project.

    Args:
        path: Relative to ``folder``, a file, a folder or a glob.
        folder: A folder of the project, relative to it.

    Raises:
        InvalidRequestError: It leads out of the project.
    """
    if os.name == "nt":
        path = path.replace("\\", "/")
    if posixpath.isabs(path):
        raise InvalidRequestError(f"the path {path[:_SHOWN]!r} is absolute. Name a file or folder of the project")
    joined = posixpath.normpath(posixpath.join(folder, path))
    if joined == ".." or joined.startswith("../"):
        raise InvalidRequestError(f"the path {path[:_SHOWN]!r} is outside of the project. Leave it out, or correct it")
    return joined


def _listed(names: Iterable[str]) -> str:
    return " and ".join(names)


def _relative(path: str, root: Path, folder: str) -> str:
    """Return an absolute path relative to a folder of the project, and any other path as it is."""
    if not Path(path).is_absolute():
        return path
    for base, wanted in ((root, Path(os.path.normpath(path))), (root.resolve(), Path(path).resolve())):
        if wanted.is_relative_to(base):
            return posixpath.relpath(wanted.relative_to(base).as_posix(), folder or ".")
    raise InvalidRequestError(
        f"the path {path[:_SHOWN]!r} is outside of the project {root}. Leave it out, or correct it"
    )


def _checked_list(values: object, what: str) -> tuple[str, ...]:
    if isinstance(values, str):
        values = (values,)  # one name where a list is expected
    if not isinstance(values, Iterable) or isinstance(values, bytes):
        raise InvalidRequestError(f"{what} must be a list of strings, not {values!r:.80}")
    listed = tuple(values)
    if len(listed) > _MOST_ENTRIES:
        raise InvalidRequestError(f"{what} has {len(listed):,} entries; at most {_MOST_ENTRIES} are possible")
    for value in listed:
        if not isinstance(value, str):
            raise InvalidRequestError(f"{what} must be a list of strings, but has {value!r:.80}")
        if not value.strip():
            raise InvalidRequestError(f"{what} has an empty entry: name one, or leave it out")
        if len(value) > _LONGEST_ENTRY:
            raise InvalidRequestError(f"{what} has an entry of {len(value):,} characters; at most {_LONGEST_ENTRY:,}")
        if "\0" in value:
            raise InvalidRequestError(f"{what} has an entry with a null character: correct it")
    return listed


def _checked_language(name: str) -> str:
    known = language_named(name)
    if known is not None:
        return known
    names = usual_language_names()
    near = difflib.get_close_matches(name.strip().lower().removeprefix(".")[:_SHOWN], names, _MOST_NEAR, _CLOSE)
    languages = list(dict.fromkeys(language_named(each) or each for each in near))
    hint = f"Did you mean {' or '.join(languages)}?" if languages else "Leave it out, or name a suffix such as py or ts"
    raise InvalidRequestError(f"no language is known as {name[:_SHOWN]!r}. {hint}")


def _checked_source(name: str) -> SearchSource:
    plain = name.strip().lower()
    for source in SOURCES:
        if plain == source:
            return source
    near = difflib.get_close_matches(plain[:_SHOWN], SOURCES, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise InvalidRequestError(f"there is no source {name[:_SHOWN]!r}. {hint}Correct it to one of {', '.join(SOURCES)}")
