"""What is asked and what should be found: the query file, and which stored records a target means."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_dev.core.types import Record
from aurora_dev.errors import InvalidRequestError

_KEYS = ("query", "expected", "grades", "tags")
_TARGET_KEYS = ("path", "start_line", "end_line")
_EXAMPLE = '{"query": "where are tokens verified", "expected": ["src/auth.py"]}'
_SHOWN_MISTAKES = 5  # one wrong habit breaks every line: the first few say it all
# Far above any scale of grades in use; a slip such as a timestamp among the grades would drown every other target.
_LARGEST_GRADE = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Target:
    """Something that a query should find.

    Attributes:
        name: The id of a record, or a path.
        start_line: First line that is meant, 1-based; ``None`` for the whole file.
        end_line: Last line that is meant, inclusive; ``None`` exactly where ``start_line`` is.
        grade: How much it is worth against the query's other targets: finite, above 0.
    """

    name: str
    start_line: int | None = None
    end_line: int | None = None
    grade: float = 1.0

    @property
    def label(self) -> str:
        """What a person calls it, and what ``grades`` calls it: ``name``, or ``path:start-end``."""
        return self.name if self.start_line is None else f"{self.name}:{self.start_line}-{self.end_line}"


@dataclass(frozen=True, slots=True)
class Query:
    """One question with what should be found.

    Attributes:
        text: The question; never blank.
        targets: At least one.
        tags: Names of groups that are reported apart.
        line: 1-based line of the query file; 0 where there is none.
    """

    text: str
    targets: tuple[Target, ...]
    tags: tuple[str, ...] = ()
    line: int = 0


def load_queries(path: str | Path) -> list[Query]:
    """Read a query file: JSON Lines in UTF-8, one object a line; blank lines are left out.

    Keys: ``query``, a string. ``expected``, a list of targets, each an id, a path, or an object with ``path`` and
    perhaps ``start_line`` and ``end_line`` (1-based, inclusive). ``grades`` (optional), an object from targets to
    numbers above 0; targets with lines are named ``path:start-end`` there, and those that are absent have grade 1.
    ``tags`` (optional), a list of names.

    Raises:
        InvalidRequestError: The file cannot be read, is not text, holds no query, or has broken lines; the message
            names the file and the line of each mistake.
    """
    path = Path(path)
    queries: list[Query] = []
    mistakes: list[str] = []
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            queries.append(_query(line, number))
        except InvalidRequestError as error:
            mistakes.append(f"{path}:{number}: {error}")
    if mistakes:
        more = len(mistakes) - _SHOWN_MISTAKES
        shown = mistakes[:_SHOWN_MISTAKES] + ([f"… and {more} more broken lines"] if more > 0 else [])
        raise InvalidRequestError("nothing was measured:\n" + "\n".join(shown))
    if not queries:
        raise InvalidRequestError(f"'{path}' holds no queries. Write one on each line, such as: {_EXAMPLE}")
    return queries


def _read(path: Path) -> str:
    try:
        if path.is_dir():
            raise InvalidRequestError(f"'{path}' is a folder; name a file of queries: nothing was measured")
        data = path.read_bytes()
    except InvalidRequestError:  # which is a ValueError
        raise
    except FileNotFoundError:
        raise InvalidRequestError(f"'{path}' does not exist: nothing was measured") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise InvalidRequestError(f"'{path}' cannot be read ({reason}): nothing was measured") from None
    hint = f"nothing was measured. A query file has lines such as: {_EXAMPLE}"
    try:
        text = data.decode("utf-8-sig")  # some editors of Windows begin a file with a mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidRequestError(f"{path}:{line}: this is not text in UTF-8: {hint}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InvalidRequestError(f"{path}:{line}: this is binary data, not text: {hint}")
    return text


def _query(line: str, number: int) -> Query:
    try:
        value = json.loads(line, object_pairs_hook=_once)
    except InvalidRequestError:
        raise
    except RecursionError:
        raise InvalidRequestError("this is nested too deeply") from None
    except ValueError as error:
        raise InvalidRequestError(f"this is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(f"this is not an object such as {_EXAMPLE}")
    _check_keys(value, _KEYS, "a query")
    text = _text(value.get("query"), "query")
    targets = _targets(value.get("expected"))
    return Query(text, _graded(targets, value.get("grades", {})), _tags(value.get("tags", [])), number)


def _targets(value: Any) -> list[Target]:
    if not isinstance(value, list) or not value:
        raise InvalidRequestError("expected must be a list of at least one id, path or object with a path")
    targets = [_target(entry) for entry in value]
    label, times = Counter(target.label for target in targets).most_common(1)[0]
    if times > 1:
        raise InvalidRequestError(f"expected names '{label}' more than once")
    return targets


def _target(value: Any) -> Target:
    if isinstance(value, str):
        return Target(_path(value, "a target"))
    if not isinstance(value, dict):
        raise InvalidRequestError(f"a target must be an id, a path or an object with a path, not {json.dumps(value)}")
    _check_keys(value, _TARGET_KEYS, "a target")
    path = _path(value.get("path"), "a target's path")
    lines = [value[key] for key in ("start_line", "end_line") if key in value]
    if not lines:
        return Target(path)
    whole = all(isinstance(line, int) and not isinstance(line, bool) and line >= 1 for line in lines)
    if len(lines) != 2 or not whole or lines[0] > lines[1]:
        raise InvalidRequestError(
            f"'{path}' needs both start_line and end_line, whole numbers from 1, the first not above the second"
        )
    return Target(path, lines[0], lines[1])


def _graded(targets: Sequence[Target], grades: Any) -> tuple[Target, ...]:
    if not isinstance(grades, dict):
        raise InvalidRequestError('grades must be an object from targets to numbers, such as {"src/auth.py": 2}')
    known = {target.label for target in targets}
    named: dict[str, float] = {}
    for key, grade in grades.items():
        label = _path(key, "a target in grades")
        if label not in known:
            raise InvalidRequestError(f"grades names '{label}', which is not expected; there is: {_listed(known)}")
        number = isinstance(grade, int | float) and not isinstance(grade, bool)
        if not number or not 0 < grade <= _LARGEST_GRADE:
            raise InvalidRequestError(
                f"the grade of '{label}' must be a number above 0, up to {_LARGEST_GRADE:,.0f}, not {json.dumps(grade)}"
            )
        named[label] = float(grade)
    return tuple(
        Target(target.name, target.start_line, target.end_line, named.get(target.label, 1.0)) for target in targets
    )


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidRequestError("tags must be a list of names")
    return tuple(dict.fromkeys(_text(tag, "a tag") for tag in value))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise InvalidRequestError(f"the key '{twice}' stands twice in one object")
    return value


def _check_keys(value: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    unknown = [key for key in value if key not in known]
    if unknown:
        raise InvalidRequestError(f"{what} has no key '{unknown[0]}'; there is: {', '.join(known)}")


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequestError(f"{what} must be a string that is not blank, not {json.dumps(value)}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # JSON can write half of a character as an escape
        raise InvalidRequestError(f"{what} holds half of a surrogate pair, which is no text") from None
    return value


def _path(value: Any, what: str) -> str:
    text = _text(value, what)
    while text.startswith("./") and len(text) > 2:
        text = text[2:]
    return text


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


class StoredTargets:
    """What is stored, by id and by path, to tell which records a target means.

    A target means the record whose id it is. Else it means the records of the stored path that equals it; else, of all
    stored paths that end with it after a slash; else, of the stored path that is left when the project's own folder is
    taken off (``src/a.py`` or ``/srv/repo/src/a.py`` where ``/srv/repo/src`` is indexed). The first of these that
    finds anything counts alone: a target ``README.md`` never means ``docs/README.md`` where both are stored. Where the
    target has lines, records whose own lines overlap them count.

    Args:
        records: Everything that is stored; their content is not needed.
        root: The project's folder, absolute, with forward slashes; empty where it is not known.
    """

    def __init__(self, records: Iterable[Record], root: str = "") -> None:
        self._root = root.rstrip("/")
        self._ids: set[str] = set()
        self._spans: dict[str, list[tuple[str, Any, Any]]] = defaultdict(list)
        for record in records:
            self._ids.add(record.id)
            path = record.metadata.get("path")
            if isinstance(path, str) and path:
                span = (record.id, record.metadata.get("start_line"), record.metadata.get("end_line"))
                self._spans[path].append(span)
        self._same_name: dict[str, list[str]] = defaultdict(list)
        for path in self._spans:
            self._same_name[_last(path)].append(path)

    def ids_of(self, target: Target) -> frozenset[str]:
        """Return the ids of the records that count for a target; empty where nothing that is stored does."""
        if target.start_line is None and target.name in self._ids:
            return frozenset([target.name])
        spans = [span for path in self._paths(target.name) for span in self._spans[path]]
        return frozenset(identifier for identifier, start, end in spans if _overlap(target, start, end))

    def _paths(self, name: str) -> list[str]:
        if name in self._spans:
            return [name]
        same = self._same_name.get(_last(name), [])
        deeper = [path for path in same if path.endswith(f"/{name}")]
        if deeper:
            return deeper
        # Any path that the target ends with would do for no less than every README.md: what is before it must be us.
        inside = (path for path in same if name.endswith(f"/{path}") and self._is_root(name[: -len(path) - 1]))
        return list(inside)

    def _is_root(self, folder: str) -> bool:
        return bool(self._root) and (folder == self._root or self._root.endswith(f"/{folder}"))


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _overlap(target: Target, start: Any, end: Any) -> bool:
    if target.start_line is None or target.end_line is None:
        return True
    # A record without lines says nothing about which part of the file it is.
    if not isinstance(start, int) or not isinstance(end, int):
        return False
    return start <= target.end_line and end >= target.start_line
