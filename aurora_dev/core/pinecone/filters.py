"""Translates our filters to Pinecone's, never narrower than they are: `matches` checks every record again.

The grammars look alike, but Pinecone's documentation does not say how ``$ne`` and ``$nin`` treat missing fields, it
takes no empty list and no booleans in ``$in``, and it rounds whole numbers beyond 2^53. Conditions are therefore
written so that these cases do not arise, and every record that comes back is checked on this machine.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from aurora_dev.core.filters import AnyOf, Condition, FilterNode, Scalar
from aurora_dev.core.pinecone.records import encode_key, encode_text

_LARGEST_EXACT = 2**53
_MOST_VALUES = 10_000  # Pinecone's limit for the values of an $in


class _Everything:
    """A filter that every record may match."""


class _Nothing:
    """A filter that no record can match."""


EVERYTHING: Final = _Everything()
NOTHING: Final = _Nothing()
Translated: TypeAlias = "dict[str, Any] | _Everything | _Nothing"


def translate(node: FilterNode | None) -> Translated:
    """Return a filter of Pinecone that every matching record passes, and few others do.

    Args:
        node: A checked filter; ``None`` matches everything.

    Returns:
        The filter, `EVERYTHING` or `NOTHING`.
    """
    if node is None:
        return EVERYTHING
    if isinstance(node, Condition):
        return _condition(node)
    parts = [translate(part) for part in node.parts]
    return any_of(parts) if isinstance(node, AnyOf) else all_of(parts)


def all_of(parts: list[Translated]) -> Translated:
    """Join filters that must all match."""
    if any(part is NOTHING for part in parts):
        return NOTHING
    conditions = [part for part in parts if isinstance(part, dict)]
    if not conditions:
        return EVERYTHING
    return conditions[0] if len(conditions) == 1 else {"$and": conditions}


def any_of(parts: list[Translated]) -> Translated:
    """Join filters of which at least one must match."""
    if any(part is EVERYTHING for part in parts):
        return EVERYTHING
    conditions = [part for part in parts if isinstance(part, dict)]
    if not conditions:
        return NOTHING
    return conditions[0] if len(conditions) == 1 else {"$or": conditions}


def _condition(condition: Condition) -> Translated:
    name, operand = condition.operator, condition.operand
    field = encode_key(condition.field)
    if name == "$exists":
        return {field: {"$exists": operand}}
    if isinstance(operand, tuple):
        return _among(field, operand) if name == "$in" else _not_among(field, operand)
    if name == "$eq":
        return _among(field, (operand,))
    if name == "$ne":
        return _not_among(field, (operand,))
    assert not isinstance(operand, str)  # the grammar gives ranges numbers only
    if abs(operand) >= _LARGEST_EXACT:
        # The stored number may have been rounded to the very bound.
        name = "$gte" if name in ("$gt", "$gte") else "$lte"
        operand = float(operand)
    return {field: {name: operand}}


def _among(field: str, operand: tuple[Scalar, ...]) -> Translated:
    parts: list[Translated] = [{field: {"$eq": value}} for value in _booleans(operand)]
    # One list for each type: Pinecone's documentation shows no mixed lists.
    for values in (_texts(operand), _numbers(operand)):
        for start in range(0, len(values), _MOST_VALUES):
            some = values[start : start + _MOST_VALUES]
            parts.append({field: {"$eq": some[0]}} if len(some) == 1 else {field: {"$in": some}})
    return any_of(parts)


def _not_among(field: str, operand: tuple[Scalar, ...]) -> Translated:
    parts: list[Translated] = [{field: {"$ne": value}} for value in _booleans(operand)]
    # A rounded number may equal another one, so large operands are left to the check on this machine.
    numbers = [value for value in _numbers(operand) if abs(value) < _LARGEST_EXACT]
    for values in (_texts(operand), numbers):
        if 0 < len(values) <= _MOST_VALUES:
            parts.append({field: {"$ne": values[0]}} if len(values) == 1 else {field: {"$nin": values}})
    inside = all_of(parts)
    return any_of([{field: {"$exists": False}}, inside]) if isinstance(inside, dict) else inside


def _booleans(operand: tuple[Scalar, ...]) -> list[bool]:
    return sorted({value for value in operand if isinstance(value, bool)})


def _texts(operand: tuple[Scalar, ...]) -> list[Any]:
    return list(dict.fromkeys(encode_text(value) for value in operand if isinstance(value, str)))


def _numbers(operand: tuple[Scalar, ...]) -> list[Any]:
    numbers = [value for value in operand if isinstance(value, int | float) and not isinstance(value, bool)]
    return list(dict.fromkeys(float(value) if abs(value) > _LARGEST_EXACT else value for value in numbers))
