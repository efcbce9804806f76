"""Pinecone's metadata filters, evaluated as its guide says; deliberately independent of Aurora's own evaluator.

A record without the field matches ``$ne``, ``$nin`` and ``{"$exists": false}``. A list of strings matches ``$eq`` and
``$in`` when one of its elements does. ``$in`` and ``$nin`` take strings and numbers, and no booleans: the guide lists
exactly those.
"""

from __future__ import annotations

from typing import Any

MOST_VALUES = 10_000  # of one $in or $nin, as the operation limits say
_LISTED = {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists"}


class FilterError(ValueError):
    """A filter that the service answers with 400."""


def check(node: Any, place: str = "filter") -> None:
    if not isinstance(node, dict):
        raise FilterError(f"{place} must be an object")
    for key, value in node.items():
        here = f"{place}.{key}"
        if key in ("$and", "$or"):
            if not isinstance(value, list) or not value:
                raise FilterError(f"{here} must be a list that is not empty")
            for number, part in enumerate(value):
                if not part:
                    raise FilterError(f"{here}[{number}] must not be empty")
                check(part, f"{here}[{number}]")
        elif key.startswith("$"):
            raise FilterError(f"{here} cannot stand here")
        elif isinstance(value, dict):
            if not value:
                raise FilterError(f"{here} has no operator")
            for name, operand in value.items():
                _check_operand(name, operand, here)
        else:
            _check_operand("$eq", value, here)


def _check_operand(name: str, operand: Any, place: str) -> None:
    if name not in _LISTED:
        raise FilterError(f"{place}: {name} is no operator")
    if name in ("$in", "$nin"):
        if not isinstance(operand, list) or not operand or len(operand) > MOST_VALUES:
            raise FilterError(f"{place}.{name} must be a list of 1 to {MOST_VALUES} values")
        if not all(isinstance(one, str) or _number(one) for one in operand):
            raise FilterError(f"{place}.{name} takes strings and numbers")
    elif name == "$exists":
        if not isinstance(operand, bool):
            raise FilterError(f"{place}.{name} takes a boolean")
    elif name in ("$eq", "$ne"):
        if not (isinstance(operand, str | bool) or _number(operand)):
            raise FilterError(f"{place}.{name} takes a string, a number or a boolean")
    elif not _number(operand):
        raise FilterError(f"{place}.{name} takes a number")


def matches(node: dict[str, Any], metadata: dict[str, Any]) -> bool:
    return all(_entry(key, value, metadata) for key, value in node.items())


def _entry(key: str, value: Any, metadata: dict[str, Any]) -> bool:
    if key == "$and":
        return all(matches(part, metadata) for part in value)
    if key == "$or":
        return any(matches(part, metadata) for part in value)
    held = metadata.get(key)
    if not isinstance(value, dict):
        return _equal(held, value)
    return all(_holds(name, held, operand) for name, operand in value.items())


def _holds(name: str, held: Any, operand: Any) -> bool:
    if name == "$exists":
        return (held is not None) is operand
    if name == "$eq":
        return _equal(held, operand)
    if name == "$ne":
        return not _equal(held, operand)
    if name == "$in":
        return any(_equal(held, one) for one in operand)
    if name == "$nin":
        return not any(_equal(held, one) for one in operand)
    if not _number(held):
        return False
    return bool({"$gt": held > operand, "$gte": held >= operand, "$lt": held < operand, "$lte": held <= operand}[name])


def _equal(held: Any, wanted: Any) -> bool:
    if isinstance(held, list):
        return isinstance(wanted, str) and wanted in held
    if isinstance(held, bool) or isinstance(wanted, bool):
        return held is wanted
    return held is not None and held == wanted


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
