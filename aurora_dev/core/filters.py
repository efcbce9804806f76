"""The grammar of metadata filters, which is Pinecone's, and its reference evaluator.

::

    filter    := {}                                     matches every record
               | { entry, … }                           every entry must match
    entry     := field: value                           the same as field: {"$eq": value}
               | field: { operator: operand, … }        every operator must match
               | "$and": [ filter, … ] | "$or": [ filter, … ]      at least one filter
    operator  := "$eq" | "$ne"                          a string, a finite number or a boolean
               | "$gt" | "$gte" | "$lt" | "$lte"        a finite number
               | "$in" | "$nin"                         a list of strings, numbers and booleans
               | "$exists"                              a boolean

- Types never mix: ``1`` equals ``1.0``, a boolean is not a number, and ``"1"`` does not equal ``1``.
- A list field matches ``$eq`` and ``$in`` when any of its elements does, ``$ne`` and ``$nin`` when none does, and no
  range operator.
- A missing field matches ``$ne``, ``$nin`` and ``{"$exists": False}``, and nothing else.

`matches` defines the meaning; every faster evaluator of a backend must agree with it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, overload

from aurora_dev.errors import InvalidFilterError

Operator: TypeAlias = Literal["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists"]
Scalar: TypeAlias = str | int | float | bool

MAX_DEPTH = 32  # far more than a person or a model writes, and far below Python's recursion limit
MAX_CONDITIONS = 1_000  # and filters in "$and" and "$or", together; each is compared with every record
MAX_VALUES = 1_000_000  # of all "$in" and "$nin" together; a folder of a large project has that many paths
MAX_TEXT = 40_000  # characters of a value; a record has no longer one that is worth comparing
MAX_FIELD = 1_000  # characters of a field name
MAX_INTEGER = 2**63 - 1  # metadata holds no larger numbers
_RANGES: dict[str, Callable[[float, float], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_OPERATORS = ("$eq", "$ne", *_RANGES, "$in", "$nin", "$exists")


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one field; ``operand`` is a tuple for ``$in`` and ``$nin``."""

    field: str
    operator: Operator
    operand: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Matches if every part does; without parts, always."""

    parts: tuple[FilterNode, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Matches if at least one part does."""

    parts: tuple[FilterNode, ...]


FilterNode: TypeAlias = Condition | AllOf | AnyOf


def parse_filter(filter: Mapping[str, Any]) -> FilterNode:
    """Check a filter against the grammar.

    Returns:
        The tree of the filter. It is hashable, but ``1``, ``1.0`` and ``True`` are equal in Python: use ``repr`` of the
        tree as a cache key.

    Raises:
        InvalidFilterError: It is not in the grammar; the message names the place, as in ``$.$or[1].year.$gt``.
    """
    return _Parser().parse(filter, "$", 0)


def matches(node: FilterNode, metadata: Mapping[str, Any]) -> bool:
    """Return whether metadata match a filter; the reference for every other evaluator."""
    if isinstance(node, AllOf):
        return all(matches(part, metadata) for part in node.parts)
    if isinstance(node, AnyOf):
        return any(matches(part, metadata) for part in node.parts)
    value = metadata.get(node.field)
    operand = node.operand
    if node.operator == "$exists":
        return (value is not None) == operand
    if node.operator in _RANGES:
        return _is_number(value) and _RANGES[node.operator](value, operand)  # type: ignore[arg-type]
    wanted = operand if isinstance(operand, tuple) else (operand,)
    found = value is not None and any(
        _same(element, choice) for element in (value if isinstance(value, list) else (value,)) for choice in wanted
    )
    return found == (node.operator in ("$eq", "$in"))


def compile_filter(node: FilterNode, names: Sequence[str] | None = None) -> Callable[[Any], bool]:
    """Return a faster `matches` for metadata that were decoded from JSON.

    Args:
        node: The filter.
        names: The fields of the values that the function takes, as a list in this order with ``None`` for a missing
            field. Without names, the function takes the whole metadata as a dictionary.
    """
    if isinstance(node, Condition):
        holds = _compile_condition(node)
        if names is None:
            field = node.field
            return lambda metadata: holds(metadata.get(field))
        place = names.index(node.field)
        return lambda values: holds(values[place])
    tests = [compile_filter(part, names) for part in node.parts]
    if isinstance(node, AllOf):
        return lambda values: all(test(values) for test in tests)
    return lambda values: any(test(values) for test in tests)


def _compile_condition(condition: Condition) -> Callable[[Any], bool]:
    name, operand = condition.operator, condition.operand
    if name == "$exists":
        return lambda value: (value is not None) == operand
    if name in _RANGES:
        compare = _RANGES[name]
        # JSON decodes to exactly these types; a boolean is neither.
        return lambda value: (type(value) is int or type(value) is float) and compare(value, operand)  # type: ignore[arg-type]
    wanted = operand if isinstance(operand, tuple) else (operand,)
    booleans = frozenset(value for value in wanted if isinstance(value, bool))
    others = frozenset(value for value in wanted if not isinstance(value, bool))
    expected = name in ("$eq", "$in")

    def holds(value: Any) -> bool:
        if type(value) is list:
            return (not others.isdisjoint(value)) == expected
        return (value in (booleans if type(value) is bool else others)) == expected

    return holds


def fields(node: FilterNode) -> tuple[str, ...]:
    """Return the names of the fields that a filter reads, each once, in the order in which they first appear."""
    if isinstance(node, Condition):
        return (node.field,)
    return tuple(dict.fromkeys(name for part in node.parts for name in fields(part)))


@overload
def all_of(first: Mapping[str, Any], /, *others: Mapping[str, Any] | None) -> Mapping[str, Any]: ...
@overload
def all_of(*filters: Mapping[str, Any] | None) -> Mapping[str, Any] | None: ...
def all_of(*filters: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Join filters that must all match; ``None`` stands for no condition."""
    given = [filter for filter in filters if filter]
    if len(given) > 1:
        return {"$and": given}
    return given[0] if given else next((filter for filter in filters if filter is not None), None)


def is_everything(node: FilterNode) -> bool:
    """Return whether a filter has no condition, as ``{}`` and every combination of ``{}``."""
    if isinstance(node, Condition):
        return False
    return (all if isinstance(node, AllOf) else any)(is_everything(part) for part in node.parts)


class _Parser:
    """Reads one filter, and counts its conditions and values."""

    def __init__(self) -> None:
        self._conditions = 0
        self._values = 0

    def parse(self, filter: object, place: str, depth: int) -> FilterNode:
        if not isinstance(filter, Mapping):
            raise InvalidFilterError(f"the filter at {place} must be a mapping of field names, not {filter!r:.200}")
        self._count(len(filter))
        if depth > MAX_DEPTH:
            raise InvalidFilterError(f"the filter at {place} is nested deeper than {MAX_DEPTH} levels; flatten it")
        parts: list[FilterNode] = []
        for key, value in filter.items():
            if not isinstance(key, str) or not key:
                raise InvalidFilterError(
                    f"the filter at {place} has the key {key!r:.200}; keys are non-empty field names"
                )
            if len(key) > MAX_FIELD:
                raise InvalidFilterError(
                    f"the filter at {place} has a key of {len(key):,} characters; a field name has at most "
                    f"{MAX_FIELD:,}"
                )
            here = f"{place}.{key}"
            if key in ("$and", "$or"):
                if not isinstance(value, list | tuple) or not value:
                    raise InvalidFilterError(f"{here} needs a list of at least one filter, not {value!r:.200}")
                self._count(len(value))
                inner = tuple(self.parse(part, f"{here}[{i}]", depth + 1) for i, part in enumerate(value))
                parts.append(AllOf(inner) if key == "$and" else AnyOf(inner))
            elif key.startswith("$"):
                raise InvalidFilterError(
                    f"{here}: there is no such operator here. Use names of fields, $and or $or; within a field use "
                    + ", ".join(_OPERATORS)
                )
            elif isinstance(value, Mapping):
                if not value:
                    raise InvalidFilterError(f"{here} has no operator; write a value or one of {', '.join(_OPERATORS)}")
                self._count(len(value) - 1)
                parts.extend(self._condition(key, name, operand, here) for name, operand in value.items())
            else:
                parts.append(self._condition(key, "$eq", value, here))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _condition(self, field: str, name: object, operand: object, place: str) -> Condition:
        here = f"{place}.{name}"
        if name in ("$eq", "$ne"):
            return Condition(field, name, _scalar(operand, here))
        if name in ("$in", "$nin"):
            if not isinstance(operand, list | tuple | set | frozenset):
                raise InvalidFilterError(f"{here} needs a list of values, not {operand!r:.200}")
            self._values += len(operand)
            if self._values > MAX_VALUES:
                raise InvalidFilterError(
                    f"{here} brings the values to compare to {self._values:,}; at most {MAX_VALUES:,} are possible"
                )
            values = tuple(_scalar(value, f"{here}[{i}]") for i, value in enumerate(operand))
            return Condition(field, name, values)
        if name == "$exists":
            if not isinstance(operand, bool):
                raise InvalidFilterError(f"{here} needs true or false, not {operand!r:.200}")
            return Condition(field, "$exists", operand)
        if isinstance(name, str) and name in _RANGES:
            value = _scalar(operand, here)
            if not _is_number(value):
                raise InvalidFilterError(
                    f"{here} compares numbers, not {operand!r:.200}; store times as seconds to compare them"
                )
            return Condition(field, name, value)  # type: ignore[arg-type]
        raise InvalidFilterError(f"{here}: {name!r:.200} is not an operator; use one of {', '.join(_OPERATORS)}")

    def _count(self, more: int) -> None:
        self._conditions += more
        if self._conditions > MAX_CONDITIONS:
            raise InvalidFilterError(
                f"the filter has more than {MAX_CONDITIONS:,} conditions. Give fewer; several values of one field are "
                "one condition with $in"
            )


def _scalar(value: object, place: str) -> Scalar:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise InvalidFilterError(f"{place} holds {len(value):,} characters; at most {MAX_TEXT:,} can be compared")
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
            raise InvalidFilterError(f"{place} holds {value}, which is beyond 64 bits")
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise InvalidFilterError(f"{place} must be a string, a finite number or a boolean, not {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(value: object, wanted: object) -> bool:
    # True == 1 in Python, but not in the grammar.
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
