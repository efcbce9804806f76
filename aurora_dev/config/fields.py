"""Declared settings: a field has a default, a check and a description; a group is a class of fields.

A model of pydantic would do the same. Importing pydantic and building the model took 0.2 s at every start, for forty
values of seven kinds.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from aurora_dev.errors import ConfigurationError
from aurora_dev.lazy import lazy_pattern

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "Field",
    "FieldError",
    "Secret",
    "SecretStr",
    "SettingsGroup",
    "encodings",
    "flag",
    "folder",
    "number",
    "one_of",
    "secret",
    "text",
    "whole_number",
]

_WHOLE = lazy_pattern(r"[+-]?[0-9]{1,400}(?:_[0-9]{1,400}){0,9}(?:\.0{0,400})?")
_N = TypeVar("_N", int, float)
_TRUE = frozenset(("true", "t", "yes", "y", "on", "1"))
_FALSE = frozenset(("false", "f", "no", "n", "off", "0"))


class FieldError(ValueError):
    """A value that a field does not take; the message says what it must be."""


@dataclass(frozen=True)
class Field:
    """A setting as it is declared.

    Attributes:
        default: The value where none is given; ``None`` also means that ``None`` may be given.
        convert: Returns a given value in the type of the setting, or raises `FieldError`.
        description: One sentence.
    """

    default: Any
    convert: Callable[[Any], Any]
    description: str

    def checked(self, value: Any) -> Any:
        """Return a given value in the type of the setting.

        Raises:
            FieldError: The setting does not take it.
        """
        return None if value is None and self.default is None else self.convert(value)


class Secret(Protocol):
    """A key that is not shown by accident: Aurora's `SecretStr`, or that of pydantic."""

    def get_secret_value(self) -> str:
        """Return the key."""
        ...


class SecretStr:
    """A key, which ``repr`` and ``str`` hide."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """Return the key."""
        return self._value

    def __str__(self) -> str:
        return "**********" if self._value else ""

    def __repr__(self) -> str:
        return f"SecretStr('{self}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __len__(self) -> int:
        return len(self._value)


def text(*, default: str | None, description: str, min_length: int = 0) -> Any:
    """Declare a setting that is text."""

    def convert(value: Any) -> str:
        if not isinstance(value, str):
            raise FieldError("must be text")
        if len(value) < min_length:
            raise FieldError(f"must have at least {min_length} character{'' if min_length == 1 else 's'}")
        return str.__str__(value)  # of a member of an enumeration: its value

    return Field(default, convert, description)


def folder(*, default: Path | None, description: str) -> Any:
    """Declare a setting that is a path."""

    def convert(value: Any) -> Path:
        if not isinstance(value, str | os.PathLike):
            raise FieldError("must be text")
        return Path(value)

    return Field(default, convert, description)


def secret(*, default: None, description: str) -> Any:
    """Declare a setting that is a key."""

    def convert(value: Any) -> SecretStr:
        plain = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        if not isinstance(plain, str):
            raise FieldError("must be text")
        return SecretStr(plain)

    return Field(default, convert, description)


def flag(*, default: bool, description: str) -> Any:
    """Declare a setting that is true or false."""

    def convert(value: Any) -> bool:
        word = value.lower() if isinstance(value, str) else str(int(value)) if value in (0, 1) else ""
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise FieldError("must be true or false")

    return Field(default, convert, description)


def one_of(*, default: str, choices: Iterable[str], description: str) -> Any:
    """Declare a setting that is one of a few words."""
    *first, last = (f"'{choice}'" for choice in choices)
    allowed = frozenset(choices)

    def convert(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise FieldError(f"must be {', '.join(first)} or {last}")
        return str.__str__(value)

    return Field(default, convert, description)


def whole_number(
    *, default: int | None, description: str, at_least: int | None = None, at_most: int | None = None
) -> Any:
    """Declare a setting that is a whole number."""

    def convert(value: Any) -> int:
        if isinstance(value, float) and not math.isfinite(value):
            raise FieldError("must be a number")
        if isinstance(value, str):
            value = value.strip()
            whole = _WHOLE.fullmatch(value) is not None
            value = value.partition(".")[0]
        else:
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if not whole:
            raise FieldError("must be a whole number")
        return _in_range(int(value), at_least=at_least, at_most=at_most)

    return Field(default, convert, description)


def number(
    *,
    default: float | None,
    description: str,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Any:
    """Declare a setting that is a number."""

    def convert(value: Any) -> float:
        if not isinstance(value, str | int | float):
            raise FieldError("must be a number")
        try:
            found = float(value)
        except (ValueError, OverflowError):
            raise FieldError("must be a number") from None
        return _in_range(found, above=above, at_least=at_least, at_most=at_most)

    return Field(default, convert, description)


def _in_range(
    value: _N, *, above: float | None = None, at_least: float | None = None, at_most: float | None = None
) -> _N:
    # Written so that "not a number", which compares as neither, is refused.
    if at_most is not None and not value <= at_most:
        raise FieldError(f"must be at most {at_most}")
    if at_least is not None and not value >= at_least:
        raise FieldError(f"must be at least {at_least}")
    if above is not None and not value > above:
        raise FieldError(f"must be greater than {above}")
    return value


def encodings(*, default: None, description: str) -> Any:
    """Declare a setting that gives files encodings, by globs: a table, or text such as ``old/**=cp1251; *.csv=cp932``.

    Its value is a tuple of pairs.
    """

    def convert(value: Any) -> tuple[tuple[str, str], ...]:
        if isinstance(value, str):
            value = [part.rpartition("=")[::2] for part in value.replace("\n", ";").split(";") if part.strip()]
        elif isinstance(value, Mapping):
            value = list(value.items())
        if not isinstance(value, list | tuple) or not all(
            isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
            for pair in value
        ):
            raise FieldError("must be a table of globs and encodings, or text such as 'old/**=cp1251; *.csv=cp932'")
        pairs = tuple((glob.strip(), name.strip()) for glob, name in value)
        for glob, name in pairs:
            if not glob or not _is_text_encoding(name):
                raise FieldError(f"must have a glob and an encoding in every entry, not '{glob}' = '{name}'")
        return pairs

    return Field(default, convert, description)


def _is_text_encoding(name: str) -> bool:
    try:
        "x".encode(name)  # an empty text would not look the name up
    except (LookupError, ValueError):  # no encoding, or one of something else than text
        return False
    return bool(name)


class SettingsGroup:
    """Base of a group of settings: the fields of a class and of its bases, checked and then fixed.

    Raises:
        ConfigurationError: A value is wrong, or a name is no setting.
    """

    model_fields: ClassVar[Mapping[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the fields, those of the last base first."""
        super().__init_subclass__()
        cls.model_fields = {
            name: value
            for base in reversed(cls.__mro__)
            for name, value in vars(base).items()
            if isinstance(value, Field)
        }

    def __init__(self, **values: Any) -> None:
        wrong = [f"there is no setting '{name}'" for name in values if name not in self.model_fields]
        wrong += [f"{name} = {self.shown_value(name, values[name])}: {why}" for name, why in self._take(values)]
        if wrong:
            raise ConfigurationError("; ".join(wrong))

    @property
    def model_fields_set(self) -> set[str]:
        """Return the names of the settings that were given."""
        return set(vars(self)["_given"])

    @staticmethod
    def shown_value(name: str, value: Any) -> str:
        """Return a value for an error message; a key is hidden."""
        return "[hidden]" if name.endswith(SECRET_ENDINGS) else repr(value)

    def _take(self, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Check and take values, and return the name of each wrong one with what it must be."""
        wrong = []
        own = vars(self)
        own["_given"] = frozenset(values)
        for name, field in self.model_fields.items():
            own[name] = field.default
            if name in values:
                try:
                    own[name] = field.checked(values[name])
                except FieldError as error:
                    wrong.append((name, str(error)))
        return wrong

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """Return a copy with other values, which are not checked."""
        copied = object.__new__(type(self))
        vars(copied).update(vars(self), **(update or {}))
        vars(copied)["_given"] = vars(self)["_given"] | frozenset(update or ())
        return copied

    def model_dump(self) -> dict[str, Any]:
        """Return every value by name."""
        return {name: vars(self)[name] for name in self.model_fields}

    def model_dump_json(self) -> str:
        """Return every value as a JSON object; keys are hidden."""
        import json

        return json.dumps(self.model_dump(), default=str, ensure_ascii=False, separators=(",", ":"))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"settings are fixed: make a copy with model_copy(update={{'{name}': …}})")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"settings are fixed: '{name}' cannot be removed")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SettingsGroup) and type(other) is type(self) and other.model_dump() == self.model_dump()
        )

    def __hash__(self) -> int:
        return hash(tuple(self.model_dump().values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.model_dump().items())})"


SECRET_ENDINGS = ("_api_key", "_token")
"""Endings of the names of settings that are secret: hidden where values are shown, and never read from files."""
