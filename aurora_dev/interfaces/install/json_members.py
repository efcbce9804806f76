"""Set or remove one member of a JSON file, or items of a list in it, and leave every other byte as it is.

Editors accept comments and trailing commas in their JSON files (JSONC), which ``json`` neither reads nor keeps. So this
module edits the text: it parses the file for the positions of its members and changes only one of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_REST_OF_LINE = re.compile(r"[ \t]*//[^\r\n]*")
_MOST_LOOKED_AT = 10  # members, for their indentation
_DEEPEST = 100  # levels; settings have a handful, and deeper nesting would exhaust the interpreter's stack
_decode = json.JSONDecoder(strict=False).raw_decode


class JSONTextError(ValueError):
    """Raised when a text is not JSON, or lacks the structure that an edit needs. The message names the position."""


@dataclass(slots=True)
class _Member:
    start: int  # position of its key
    value: _Node


@dataclass(slots=True)
class _Node:
    start: int
    end: int  # exclusive
    data: Any
    members: dict[str, _Member] = field(default_factory=dict)
    items: list[_Node] = field(default_factory=list)


def read(text: str) -> Any:
    """Return the data of a JSON text that may hold comments and trailing commas.

    Raises:
        JSONTextError: The text is not JSON.
    """
    return _parse(text).data


def set_member(text: str, path: Sequence[str], value: Any) -> str:
    """Return the text with the member at ``path`` set. Missing objects on the path are created.

    Args:
        text: A JSON object, or only whitespace.
        path: Keys from the outermost object inwards; at least one.
        value: The new value of the member.

    Raises:
        JSONTextError: The text is not JSON, or a value on the path is not an object.
    """
    if not text.strip():
        text = "{}\n"
    node, depth = _walk(_parse(text), path[:-1])
    newline = "\r\n" if "\r\n" in text else "\n"
    unit = "\t" if re.search(r"^\t", text, re.MULTILINE) else _unit(text)
    key = path[depth]
    wanted: Any = value
    for outer in reversed(path[depth + 1 :]):
        wanted = {outer: wanted}
    existing = node.members.get(key) if depth == len(path) - 1 else None
    indent = _indent(text, node, unit)
    rendered = json.dumps(wanted, indent=unit, ensure_ascii=False).replace("\n", newline + indent)
    if existing is not None:
        return text[: existing.value.start] + rendered + text[existing.value.end :]
    line = f"{newline}{indent}{json.dumps(key, ensure_ascii=False)}: {rendered}"
    if not node.members:
        closing = text[node.start + 1 : node.end - 1]
        tail = "" if "\n" in closing else newline + indent[: len(indent) - len(unit)]
        return text[: node.start + 1] + line + tail + text[node.start + 1 :]
    last = max(node.members.values(), key=lambda member: member.value.end).value.end
    comma = _skip(text, last)
    has_comma = text[comma] == ","
    start = comma + 1 if has_comma else last
    # A comment on the same line belongs to the member before it.
    comment = _REST_OF_LINE.match(text, start)
    at = comment.end() if comment else start
    # If the last member had a trailing comma, the new last member gets one too.
    first, second = ("", ",") if has_comma else (",", "")
    return text[:start] + first + text[start:at] + line + second + text[at:]


def remove_member(text: str, path: Sequence[str]) -> str:
    """Return the text without the member at ``path``, and without objects on the path that become empty.

    A text without that member is returned unchanged.

    Raises:
        JSONTextError: The text is not JSON, or a value on the path is not an object.
    """
    if not text.strip():
        return text
    node, depth = _walk(_parse(text), path[:-1])
    if depth < len(path) - 1 or path[-1] not in node.members:
        return text
    members = sorted(node.members.items(), key=lambda item: item[1].start)
    position = [key for key, _ in members].index(path[-1])
    removed = members[position][1]
    comma = _skip(text, removed.value.end)
    has_comma = text[comma] == ","
    rest = comma + 1 if has_comma else removed.value.end
    if position:
        before = members[position - 1][1].value.end
        between = text[_skip(text, before) + 1 : removed.start].rstrip()
        return text[:before] + ("," if has_comma else "") + between + text[rest:]
    if len(members) > 1:
        return text[: removed.start] + text[rest:].lstrip()
    inner = text[node.start + 1 : removed.start] + text[rest : node.end - 1]
    if inner.strip():  # comments
        return text[: node.start + 1] + inner + text[node.end - 1 :]
    return remove_member(text, path[:-1]) if len(path) > 1 else text[: node.start] + "{}" + text[node.end :]


def append_item(text: str, path: Sequence[str], item: Any) -> str:
    """Return the text with an item added to the end of the list at ``path``, which is created if it is missing.

    Args:
        text: A JSON object, or only whitespace.
        path: Keys from the outermost object inwards; at least one.
        item: The new item.

    Raises:
        JSONTextError: The text is not JSON, or a value on the path is not an object, or the last one not a list.
    """
    node = _list_at(text, path)
    if node is None or not node.items:
        return set_member(text, path, [item])
    newline = "\r\n" if "\r\n" in text else "\n"
    unit = "\t" if re.search(r"^\t", text, re.MULTILINE) else _unit(text)
    last = node.items[-1]
    between = text[node.start + 1 : node.items[0].start]
    indent = between.rpartition("\n")[2] if "\n" in between else ""
    broken = "\n" in between and not indent.strip()
    rendered = json.dumps(item, indent=unit if broken else None, ensure_ascii=False)
    start = f"{newline}{indent}" if broken else " "
    return text[: last.end] + "," + start + rendered.replace("\n", newline + indent) + text[last.end :]


def remove_items(text: str, path: Sequence[str], unwanted: Callable[[Any], bool]) -> str:
    """Return the text without some items of the list at ``path``, and without the list if it becomes empty.

    A text without that list is returned unchanged.

    Raises:
        JSONTextError: The text is not JSON, or a value on the path is not an object, or the last one not a list.
    """
    node = _list_at(text, path)
    if node is None or not any(unwanted(item.data) for item in node.items):
        return text
    if all(unwanted(item.data) for item in node.items):
        return remove_member(text, path)
    for position in range(len(node.items) - 1, -1, -1):
        item = node.items[position]
        if not unwanted(item.data):
            continue
        if position:
            text = text[: node.items[position - 1].end] + text[item.end :]
        else:
            text = text[: item.start] + text[_skip(text, _skip(text, item.end) + 1) :]
    return text


def _list_at(text: str, path: Sequence[str]) -> _Node | None:
    """Return the list at ``path``; ``None`` if there is nothing."""
    if not text.strip():
        return None
    node, depth = _walk(_parse(text), path[:-1])
    if depth < len(path) - 1 or path[-1] not in node.members:
        return None
    found = node.members[path[-1]].value
    if not isinstance(found.data, list):
        raise JSONTextError(f"'{'.'.join(path)}' is not a list")
    return found


def _walk(node: _Node, path: Sequence[str]) -> tuple[_Node, int]:
    """Follow ``path`` as far as it exists; return the last node and the number of keys that were followed."""
    for depth, key in enumerate((*path, None)):
        if not isinstance(node.data, dict):
            where = f"'{'.'.join(path[:depth])}'" if depth else "its outermost value"
            raise JSONTextError(f"{where} is not an object")
        if key is None or key not in node.members:
            return node, depth
        node = node.members[key].value
    return node, len(path)


def _parse(text: str) -> _Node:
    position = _skip(text, 1 if text.startswith("\ufeff") else 0)
    node = _value(text, position, 0)
    if _skip(text, node.end) != len(text):
        raise _error_at(text, _skip(text, node.end), "there is text after the JSON")
    return node


def _value(text: str, position: int, depth: int) -> _Node:
    opening = text[position : position + 1]
    if depth > _DEEPEST:
        raise _error_at(text, position, "it is nested too deeply")
    if opening not in ("{", "["):
        try:
            data, end = _decode(text, position)
        except ValueError as error:
            raise _error_at(text, position, "expected a value") from error
        return _Node(position, end, data)
    closing = "}" if opening == "{" else "]"
    node = _Node(position, position, {} if opening == "{" else [])
    at = _skip(text, position + 1)
    while text[at : at + 1] != closing:
        start = at
        key = ""
        if opening == "{":
            key, at = _key(text, at)
        value = _value(text, at, depth + 1)
        if opening == "{":
            node.data[key] = value.data
            node.members[key] = _Member(start, value)
        else:
            node.data.append(value.data)
            node.items.append(value)
        at = _skip(text, value.end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != closing:
            raise _error_at(text, at, f"expected a comma or '{closing}'")
    node.end = at + 1
    return node


def _key(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != '"':
        raise _error_at(text, at, 'expected a name in "quotes"')
    try:
        key, end = _decode(text, at)
    except ValueError as error:
        raise _error_at(text, at, "a name does not end") from error
    colon = _skip(text, end)
    if text[colon : colon + 1] != ":":
        raise _error_at(text, colon, "expected a colon")
    return str(key), _skip(text, colon + 1)


def _skip(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return found.end() if found else position


def _error_at(text: str, position: int, problem: str) -> JSONTextError:
    return JSONTextError(f"line {text.count(chr(10), 0, position) + 1}: {problem}")


def _unit(text: str) -> str:
    found = re.search(r"^( +)\S", text, re.MULTILINE)
    return found[1] if found else "  "


def _indent(text: str, node: _Node, unit: str) -> str:
    """Return the indentation of a node's members; without members, one step more than the node's own line."""
    # All members of a file in one line share that line: without a limit, the time would be quadratic.
    for member in islice(node.members.values(), _MOST_LOOKED_AT):
        line = text[text.rfind("\n", 0, member.start) + 1 : member.start]
        if not line.strip():
            return line
    line = text[text.rfind("\n", 0, node.start) + 1 : node.start]
    return line[: len(line) - len(line.lstrip())] + unit
