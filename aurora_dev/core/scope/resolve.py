"""Turn a `SearchScope` into a filter on metadata, with the help of the paths that are stored.

Filters have no globs, and a remote store could not evaluate them. So globs, tests and prose are decided here, once for
each stored path, and the filter lists the paths.
"""

from __future__ import annotations

import difflib
import posixpath
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aurora_dev.core.contracts import Filter, VectorBackend
from aurora_dev.core.record_kinds import IS_CHUNK, IS_COMMIT, IS_NOTE, IS_SESSION, NOT_A_CHUNK, chunks_of
from aurora_dev.core.scope.scope import SOURCES, SearchScope, in_project
from aurora_dev.core.text.globs import compile_glob, is_glob
from aurora_dev.core.text.path_kinds import is_prose, is_test
from aurora_dev.core.types import Record
from aurora_dev.errors import InvalidRequestError

__all__ = ["Resolved", "ScopeResolver"]

_COMMIT_FILES: Final = "files"
_MOST_NEAR: Final = 4
_SHOWN: Final = 80  # characters of a wrong path in a message
_CLOSE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Resolved:
    """A scope as a store understands it.

    Attributes:
        filter: The filter; ``None`` if the scope does not narrow what is searched.
        similar_to: The chunk that results are compared with, with its vector if it has one.
    """

    filter: Filter | None = None
    similar_to: Record | None = None


class ScopeResolver:
    """Resolves scopes in one namespace of a backend. Thread-safe.

    The stored paths of a local store are read once and kept until the namespace changes.

    Args:
        backend: The backend.
        namespace: The part of the backend that is searched.
    """

    def __init__(self, backend: VectorBackend, namespace: str) -> None:
        self._backend = backend
        self._namespace = namespace
        self._lock = threading.Lock()
        self._known: tuple[int, dict[str, frozenset[str]]] | None = None

    def resolve(self, scope: SearchScope, root: Path | None = None) -> Resolved:
        """Return the filter of a scope, and the chunk that it compares with.

        Args:
            scope: The scope.
            root: The folder of the project, for messages about paths that exist and are not stored.

        Raises:
            InvalidRequestError: Nothing is stored at one of its paths, or no chunk covers its place.
            StoreError: The backend could not read.
        """
        similar_to = None
        if scope.place is not None:
            similar_to = self._chunk_at(*scope.place, scope.folder, root)
        return Resolved(self._filter(scope, root), similar_to)

    def _filter(self, scope: SearchScope, root: Path | None) -> Filter | None:
        sources = scope.sources or SOURCES
        inside = self._places(scope, root) if scope.paths else None
        parts: list[Filter] = []
        if "code" in sources or "docs" in sources:
            conditions: dict[str, Any] = dict(IS_CHUNK)
            if scope.languages:
                conditions["language"] = {"$in": list(scope.stored_languages)}
            paths = self._chunk_paths(scope, inside)
            if paths is not None:
                conditions["path"] = paths
            parts.append(conditions)
        if "notes" in sources and not scope.languages:
            parts.append(IS_NOTE if inside is None else {**IS_NOTE, "path": {"$in": self._matching("path", inside)}})
        if "commits" in sources and not scope.languages:
            files = None if inside is None else {_COMMIT_FILES: {"$in": self._matching(_COMMIT_FILES, inside)}}
            parts.append(IS_COMMIT if files is None else {**IS_COMMIT, **files})
        if "sessions" in sources and not scope.languages:
            files = None if inside is None else {_COMMIT_FILES: {"$in": self._matching(_COMMIT_FILES, inside)}}
            parts.append(IS_SESSION if files is None else {**IS_SESSION, **files})
        narrows = scope.languages or scope.paths or scope.sources or not scope.tests
        if not narrows:
            return None
        if not scope.languages and not scope.paths and not scope.sources:
            # Records of other kinds, which only applications store, are no tests either.
            return {"$or": [NOT_A_CHUNK, parts[0]]}
        return {"$or": parts} if len(parts) > 1 else parts[0]

    def _chunk_paths(self, scope: SearchScope, inside: Callable[[str], bool] | None) -> dict[str, list[str]] | None:
        """Return the condition on the paths of chunks; ``None`` if any will do."""
        wants = {source for source in scope.sources or SOURCES if source in ("code", "docs")}
        if inside is None and scope.tests and len(wants) == 2:
            return None
        known = self._stored("path")
        kept = {
            path
            for path in known
            if (inside is None or inside(path))
            and (scope.tests or not is_test(path))
            and ("docs" if is_prose(path) else "code") in wants
        }
        # The shorter list is the cheaper one.
        if 2 * len(kept) <= len(known):
            return {"$in": sorted(kept)}
        return {"$nin": sorted(known - kept)}

    def _matching(self, field: str, inside: Callable[[str], bool]) -> list[str]:
        return sorted(path for path in self._stored(field) if inside(path))

    def _places(self, scope: SearchScope, root: Path | None) -> Callable[[str], bool]:
        """Return a function that tells whether a stored path is in one of the paths of a scope.

        Raises:
            InvalidRequestError: Nothing is stored at one of them.
        """
        tests: list[Callable[[str], bool]] = []
        for path in scope.paths:
            tests.append(self._place(path, scope.folder, root))
        return tests[0] if len(tests) == 1 else lambda path: any(test(path) for test in tests)

    def _place(self, path: str, folder: str, root: Path | None) -> Callable[[str], bool]:
        spelled = [path] if "\\" not in path else [path, path.replace("\\", "/")]
        candidates = [(each, base) for each in spelled for base in dict.fromkeys((folder, ""))]
        refused: list[InvalidRequestError] = []
        names = self._names()
        for each, base in candidates:
            try:
                wanted = in_project(each, base)
            except InvalidRequestError as error:  # another folder or another spelling may still be inside
                refused.append(error)
                continue
            if wanted == ".":
                return lambda _: True
            literal = _below(wanted)
            if any(map(literal, names)):
                return literal
            if is_glob(each):
                test = _glob_test(each, wanted, base)
                if any(map(test, names)):
                    return test
        raise refused[0] if len(refused) == len(candidates) else self._unknown(path, folder, root)

    def _chunk_at(self, path: str, line: int, folder: str, root: Path | None) -> Record:
        """Return the smallest chunk that covers a line.

        Raises:
            InvalidRequestError: The file is not stored, or no chunk covers the line.
        """
        wanted = self._file(path, folder, root)
        spans: list[tuple[int, str]] = []
        last = 0
        for record in self._backend.scan(self._namespace, chunks_of([wanted]), content=False):
            start, end = record.metadata.get("start_line"), record.metadata.get("end_line")
            if isinstance(start, int) and isinstance(end, int):
                last = max(last, end)
                if start <= line <= end:
                    spans.append((end - start, record.id))
        if not spans:
            raise InvalidRequestError(
                f"no chunk of {wanted!r} covers line {line}; the last indexed line is {last}. Correct the line"
            )
        identifier = min(spans)[1]
        found = self._backend.fetch(self._namespace, [identifier], vectors=True).get(identifier)
        if found is None:  # another process removed it in between
            raise self._unknown(path, folder, root)
        return found

    def _file(self, path: str, folder: str, root: Path | None) -> str:
        refused: list[InvalidRequestError] = []
        bases = list(dict.fromkeys((folder, "")))
        for base in bases:
            try:
                wanted = in_project(path, base)
            except InvalidRequestError as error:
                refused.append(error)
            else:
                if wanted in self._stored("path"):
                    return wanted
        raise refused[0] if len(refused) == len(bases) else self._unknown(path, folder, root)

    def _names(self) -> frozenset[str]:
        return self._stored("path") | self._stored(_COMMIT_FILES)

    def _stored(self, field: str) -> frozenset[str]:
        """Return the strings that are stored in a field of the namespace."""
        if not self._backend.capabilities.local:
            return frozenset(self._backend.values(self._namespace, field))
        sequence = self._backend.stats(self._namespace).sequence
        with self._lock:
            known = self._known
        if known is None or known[0] != sequence:
            known = (sequence, {})
        if field not in known[1]:
            # The sequence was read first: these values are at least as new as it is.
            known = (sequence, {**known[1], field: frozenset(self._backend.values(self._namespace, field))})
            with self._lock:
                self._known = known
        return known[1][field]

    def _unknown(self, path: str, folder: str, root: Path | None) -> InvalidRequestError:
        shown = path[:_SHOWN]
        near = _near(path, self._stored("path"))
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Leave it out to search everywhere"
        if is_glob(path):
            return InvalidRequestError(f"no indexed file matches {shown!r}. {hint}")
        if root is not None and any(_exists(root / base / path) for base in (folder, "")):
            reason = (
                "is in the project but not in the index (ignored, empty or new; a new one is indexed by aurora index)"
            )
        else:
            reason = "does not exist in the project"
        return InvalidRequestError(f"the path {shown!r} {reason}. {hint}")


def _below(wanted: str) -> Callable[[str], bool]:
    prefix = f"{wanted}/"
    return lambda path: path == wanted or path.startswith(prefix)


def _glob_test(glob: str, wanted: str, base: str) -> Callable[[str], bool]:
    if "/" not in glob.rstrip("/"):  # a name in any folder below the base
        wanted = posixpath.join(base, "**", glob.rstrip("/"))
    try:
        return compile_glob(wanted)
    except ValueError as error:
        raise InvalidRequestError(f"the path {glob[:_SHOWN]!r} cannot be used: {error}. Give several paths") from None


def _near(path: str, known: Iterable[str]) -> list[str]:
    """Return stored files and folders with nearly the name that a path ends with."""
    parts = [part for part in posixpath.normpath(path.replace("\\", "/")).split("/") if not is_glob(part)]
    last = parts[-1].lower() if parts else ""
    if not last or last in (".", ".."):
        return []
    by_name: dict[str, set[str]] = {}
    for file in known:
        place = file
        while place:
            by_name.setdefault(posixpath.basename(place).lower(), set()).add(place)
            place = posixpath.dirname(place)
    names = [last] if last in by_name else difflib.get_close_matches(last[:_SHOWN], by_name, _MOST_NEAR, _CLOSE)
    names = names or sorted(name for name in by_name if last in name)[:_MOST_NEAR]
    wanted = "/".join(parts)
    found = [place for name in names for place in sorted(by_name[name], key=lambda place: _unlike(place, wanted))]
    return found[:_MOST_NEAR]


def _unlike(place: str, wanted: str) -> tuple[float, str]:
    return -difflib.SequenceMatcher(None, place, wanted).quick_ratio(), place


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or not a path on this system
        return False
