"""The fields of front matter: the part of YAML that people and their editors write there.

Read are plain, quoted, folded and literal texts, lists in brackets or one item per line, and comments. Anchors, aliases
and tags of YAML have no meaning here, so a file cannot make objects or grow while it is read. Every step takes time
linear in the text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aurora_dev.core.types import MetadataValue
from aurora_dev.lazy import lazy_pattern

_NAME: Final = r"""\"[^"]{1,100}\"|'[^']{1,100}'|\w[^:#"'\[\]{}]{0,99}?"""
_FIELD: Final = lazy_pattern(rf"({_NAME})[ \t]{{0,9}}:(?:\s+(.*))?")
_ITEM: Final = lazy_pattern(r"\s*-(?:\s+(.*))?")
_BLOCK: Final = lazy_pattern(r"([|>])[-+0-9]*\s*(?:#.*)?")
_SINGLE_QUOTED: Final = lazy_pattern(r"'([^']*(?:''[^']*)*)'")
_COMMENT: Final = lazy_pattern(r"\s*(?:#.*)?", re.DOTALL)
_PLAIN_COMMENT: Final = lazy_pattern(r"(?:^|\s)#")
_WHOLE: Final = lazy_pattern(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL: Final = lazy_pattern(r"[-+]?[0-9]{1,30}\.[0-9]{0,30}(?:[eE][-+]?[0-9]{1,3})?")
_BOOLEANS: Final = {"true": True, "false": False}
_GOES_ON: Final = ("- ", "]", "}")  # starts of lines that continue a field without being indented
_NULLS: Final = ("null", "~")
_MOST_VALUE: Final = 4_096  # characters of an unknown value
_JSON: Final = json.JSONDecoder()


class FieldError(ValueError):
    """Raised where a line is not front matter; ``line`` is its 0-based index."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class Field:
    """A field of front matter.

    Attributes:
        line: 0-based index of its first line.
        name: The name, without quotes.
        value: The value on one line, without a comment: plain or quoted text, or a list in brackets. Empty if there is
            none, and ``None`` where the value is nested.
        source: Its lines, without blank lines and comments.
    """

    line: int
    name: str
    value: str | None
    source: tuple[str, ...]


def read_fields(lines: Sequence[str]) -> Iterator[Field]:
    """Yield the fields in the lines of front matter.

    Raises:
        FieldError: A line is not part of a field.
    """
    start, more = 0, list[str]()
    found: re.Match[str] | None = None
    for number, line in enumerate(lines):
        if found is not None and (line[:1].isspace() or line.startswith(_GOES_ON) or line in ("", "-")):
            more.append(line)
            continue
        if not line.strip() or line.startswith("#"):
            continue
        if found is not None:
            yield _field(start, lines[start], found, more)
        found, start, more = _FIELD.fullmatch(line.rstrip()), number, []
        if found is None:
            raise FieldError(number, f"'{line:.80}' is not a field; write it as 'name: value'")
    if found is not None:
        yield _field(start, lines[start], found, more)


def _field(start: int, line: str, found: re.Match[str], more: list[str]) -> Field:
    value = (found[2] or "").strip()
    name = found[1].strip("\"'") if found[1][0] in "\"'" else found[1]
    if block := _BLOCK.fullmatch(value):
        source = tuple(each for each in more if each.strip())
        return Field(start, name, _json(_block_text(more, folded=block[1] == ">")), (line, *source))
    source = tuple(each for each in more if each.strip() and not each.lstrip().startswith("#"))
    if not source:
        return Field(start, name, without_comment(value), (line,))
    return Field(start, name, _joined(without_comment(value), source), (line, *source))


def _joined(value: str, more: Sequence[str]) -> str | None:
    """Return a value of several lines on one line; ``None`` where it is nested."""
    if not value and _ITEM.fullmatch(more[0]):
        items = [_ITEM.fullmatch(line) for line in more]
        texts = [without_comment((item[1] or "").strip()) if item else "" for item in items]
        try:
            plain = [plain_text(text) for text in texts if text]
        except ValueError:
            return None
        return None if None in items or any(map(_is_nested, texts)) else _json(plain)
    parts = [part.strip() for part in more]
    if not value and any(_FIELD.fullmatch(part) or _ITEM.fullmatch(part) for part in parts):
        return None
    # A text, or a list in brackets, that was wrapped.
    return without_comment(" ".join([value, *parts]).strip())


def _is_nested(text: str) -> bool:
    return text.startswith(("[", "{", "- ", "&", "*", "!")) or _FIELD.fullmatch(text) is not None


def _block_text(lines: Sequence[str], *, folded: bool) -> str:
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    texts = [line[indent:].rstrip() for line in lines]
    if not folded:
        return "\n".join(texts).strip("\n")
    paragraphs = "\n".join(texts).strip("\n").split("\n\n")
    return "\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def without_comment(value: str) -> str:
    """Return a value without the comment after it."""
    if value.startswith(('"', "[", "{")):
        try:
            end = _JSON.raw_decode(value)[1]
        except (ValueError, RecursionError):
            return value if value[0] != "[" else value[: _end_of_list(value)]
        return value[:end] if _COMMENT.fullmatch(value, end) else value
    if value.startswith("'") and (quoted := _SINGLE_QUOTED.match(value)):
        return quoted[0] if _COMMENT.fullmatch(value, quoted.end()) else value
    comment = _PLAIN_COMMENT.search(value)
    return value if comment is None else value[: comment.start()].rstrip()


def _end_of_list(value: str) -> int:
    """Return where a list in brackets ends, if only a comment follows it, else the length of the text."""
    quote = ""
    for position, sign in enumerate(value):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and value[position - 1] in "[, ":
            quote = sign
        elif sign == "]" and _COMMENT.fullmatch(value, position + 1):
            return position + 1
    return len(value)


def plain_text(value: str) -> str:
    """Return a text without its quotes.

    Raises:
        ValueError: It is empty, or not one text.
    """
    if value.startswith('"'):
        found = json.loads(value)
        if not isinstance(found, str):
            raise ValueError("must be one string")
        return found
    if quoted := _SINGLE_QUOTED.fullmatch(value):
        return quoted[1].replace("''", "'")
    if not value:
        raise ValueError("the value is missing; give one or remove the line")
    return value


def list_items(value: str) -> list[str]:
    """Return the items of a list in brackets.

    Raises:
        ValueError: The list is nested or does not end.
    """
    try:
        found = json.loads(value)
    except ValueError:
        return [plain_text(item) for item in _split_list(value)]
    if not isinstance(found, list) or not all(isinstance(part, str | int | float) for part in found):
        raise ValueError('must be a list of names, as in [one, two] or ["1", "2"]')
    return [part if isinstance(part, str) else _json(part) for part in found]


def _split_list(value: str) -> list[str]:
    problem = ValueError('write it as [one, two] or as ["one", "two"]')
    if not value.endswith("]"):
        raise problem
    items, start, quote, inner = list[str](), 0, "", value[1:-1]
    for position, sign in enumerate(inner):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and not inner[start:position].strip():
            quote = sign
        elif sign in "[]{}":
            raise problem
        elif sign == ",":
            items.append(inner[start:position].strip())
            start = position + 1
    if quote:
        raise problem
    items.append(inner[start:].strip())
    return [item for item in items if item]


def metadata_value(value: str) -> MetadataValue:
    """Return the value of a field that notes do not have: a text, number, boolean or list of texts.

    Raises:
        ValueError: It is of another kind, or has more than `_MOST_VALUE` characters.
    """
    if len(value) > _MOST_VALUE:
        raise ValueError(f"it has more than {_MOST_VALUE:,} characters")
    if value.startswith("["):
        return list_items(value)
    if value.startswith(("{", "&", "*", "!", "|", ">", "@", "`", "%")):
        raise ValueError("it is no text, number or list")
    if value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    if _WHOLE.fullmatch(value):
        return int(value)
    if _DECIMAL.fullmatch(value) and math.isfinite(float(value)):
        return float(value)
    return plain_text(value)


def is_empty(value: str) -> bool:
    """Return whether a value says nothing."""
    return value in ("", "[]", '""', "''") or value.lower() in _NULLS
