"""Checks of constructor arguments, and keyword options that are kept in frozen dataclasses.

A constructor with many options takes them as ``**options``, typed by a `TypedDict`. Each group of options is a frozen
dataclass with the defaults: `option_groups` fills the groups, and `shows_options` lists their fields in the
constructor's signature, so that ``help()`` shows every keyword with its default.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from aurora_dev.errors import InvalidRequestError

if sys.version_info >= (3, 11):
    from typing import TypeVarTuple, Unpack
else:
    from typing_extensions import TypeVarTuple, Unpack

__all__ = ["check_seconds", "check_whole", "option_groups", "shows_options"]

_Groups = TypeVarTuple("_Groups")
_Function = TypeVar("_Function", bound=Callable[..., None])


def check_whole(*, least: int = 1, **arguments: object) -> None:
    """Check that arguments are whole numbers of at least ``least``.

    Raises:
        InvalidRequestError: An argument is not; the text names it.
    """
    for argument, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidRequestError(f"{argument} must be a whole number of at least {least}, not {value!r}")


def check_seconds(**arguments: object) -> None:
    """Check that arguments are finite numbers of seconds above 0.

    Raises:
        InvalidRequestError: An argument is not; the text names it.
    """
    for argument, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise InvalidRequestError(f"{argument} must be seconds above 0, not {value!r}")


def option_groups(owner: str, options: Mapping[str, object], *defaults: Unpack[_Groups]) -> tuple[Unpack[_Groups]]:
    """Sort keyword options into groups.

    Args:
        owner: The class that takes the options, for the error.
        options: The options that were given, by name.
        *defaults: One instance of a frozen dataclass for each group, with the values of options that were not given.

    Returns:
        The groups in the order of ``defaults``, with the given options in them.

    Raises:
        TypeError: No group has an option of that name.
    """
    left = dict(options)
    groups: list[Any] = []
    for default in defaults:
        group: Any = default
        given = {field.name: left.pop(field.name) for field in fields(group) if field.name in left}
        groups.append(replace(group, **given) if given else group)
    if left:
        raise TypeError(f"{owner}() got an unexpected keyword argument {next(iter(left))!r}")
    return tuple(groups)


def shows_options(*defaults: Any) -> Callable[[_Function], _Function]:
    """Return a decorator that lists the fields of option groups in the signature in place of ``**options``.

    Args:
        *defaults: The instances that the function hands to `option_groups`.
    """

    def decorate(function: _Function) -> _Function:
        own = inspect.signature(function)
        shown = [each for each in own.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        for default in defaults:
            for field in fields(default):
                kind, value = inspect.Parameter.KEYWORD_ONLY, getattr(default, field.name)
                shown.append(inspect.Parameter(field.name, kind, default=value, annotation=field.type))
        function.__signature__ = own.replace(parameters=shown)  # type: ignore[attr-defined]
        return function

    return decorate
