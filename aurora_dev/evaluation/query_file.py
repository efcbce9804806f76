"""The query file of an evaluation: queries in JSON Lines, each with the targets that it should find."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_dev.errors import InvalidRequestError

_KEYS = ("query", "expected", "grades", "tags")
_TARGET_KEYS = ("path", "start_line", "end_line")
_EXAMPLE = '{"query": "where are tokens verified", "expected": ["src/auth.py"]}'
_SHOWN_MISTAKES = 5  # one misunderstanding breaks every line: the first few explain it
# Far above any scale of grades in use. A slip such as a timestamp among the grades would outweigh every other target.
_LARGEST_GRADE = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Target:
    """Something that a query should find.

    Attributes:
        name: The id of a record, or a path.
        start_line: First line of the target, 1-based; ``None`` for the whole file.
        end_line: Last line, inclusive; ``None`` exactly when ``start_line`` is.
        grade: Its weight relative to the query's other targets: finite, above 0.
    """

    name: str
    start_line: int | None = None
    end_line: int | None = None
    grade: float = 1.0

    @property
    def label(self) -> str:
        """The name used in reports and in ``grades``: ``name``, or ``path:start-end``."""
        return self.name if self.start_line is None else f"{self.name}:{self.start_line}-{self.end_line}"


@dataclass(frozen=True, slots=True)
class Query:
    """One query with its targets.

    Attributes:
        text: The query text; never blank.
        targets: At least one.
        tags: Names of groups that are reported separately.
        line: 1-based line in the query file; 0 if it came from elsewhere.
    """

    text: str
    targets: tuple[Target, ...]
    tags: tuple[str, ...] = ()
    line: int = 0


def load_queries(path: str | Path) -> list[Query]:
    """Read a query file: JSON Lines in UTF-8, one object a line; blank lines are skipped.

    Keys: ``query``, a string. ``expected``, a list of targets, each an id, a path, or an object with ``path`` and
    optionally ``start_line`` and ``end_line`` (1-based, inclusive). ``grades`` (optional), an object that maps targets
    to numbers above 0; targets with lines are named ``path:start-end`` there, and targets that are absent have grade 1.
    ``tags`` (optional), a list of names.

    Raises:
        InvalidRequestError: The file cannot be read, is not text, holds no query, or has broken lines. The message
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
        raise InvalidRequestError(f"'{path}' holds no queries. Write one per line, such as: {_EXAMPLE}")
    return queries


def _read(path: Path) -> str:
    try:
        if path.is_dir():
            raise InvalidRequestError(f"'{path}' is a folder: nothing was measured. Name a query file")
        data = path.read_bytes()
    except InvalidRequestError:  # which is a ValueError
        raise
    except FileNotFoundError:
        raise InvalidRequestError(f"'{path}' does not exist: nothing was measured") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise InvalidRequestError(f"'{path}' cannot be read ({reason}): nothing was measured") from None
    hint = f"nothing was measured. A line of a query file looks like: {_EXAMPLE}"
    try:
        text = data.decode("utf-8-sig")  # some Windows editors write a byte order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidRequestError(f"{path}:{line}: this is not text in UTF-8: {hint}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InvalidRequestError(f"{path}:{line}: this is binary data, not text: {hint}")
    return text


def _query(line: str, number: int) -> Query:
    try:
        value = json.loads(line, object_pairs_hook=_dict_of_unique_keys)
    except InvalidRequestError:
        raise
    except RecursionError:
        raise InvalidRequestError("the JSON is nested too deeply") from None
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
    valid = all(isinstance(line, int) and not isinstance(line, bool) and line >= 1 for line in lines)
    if len(lines) != 2 or not valid or lines[0] > lines[1]:
        raise InvalidRequestError(
            f"'{path}' needs both start_line and end_line: whole numbers from 1, start_line not above end_line"
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
            raise InvalidRequestError(
                f"'grades' names '{label}', which is missing from 'expected'. The targets are: {_listed(known)}"
            )
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


def _dict_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise InvalidRequestError(f"the key '{repeated}' appears twice in one object")
    return value


def _check_keys(value: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    unknown = [key for key in value if key not in known]
    if unknown:
        raise InvalidRequestError(f"{what} has no key '{unknown[0]}'; the keys are: {', '.join(known)}")


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequestError(f"{what} must be a string that is not blank, not {json.dumps(value)}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # JSON can escape half of a surrogate pair
        raise InvalidRequestError(f"{what} contains half of a surrogate pair, which is not valid text") from None
    return value


def _path(value: Any, what: str) -> str:
    text = _text(value, what)
    while text.startswith("./") and len(text) > 2:
        text = text[2:]
    return text


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))
