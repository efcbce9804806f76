"""Set or remove one table of a TOML file; tomlkit keeps the comments and the order of the rest."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from aurora_dev.errors import ConfigurationError


def set_table(text: str, path: Sequence[str], values: Mapping[str, Any]) -> str:
    """Return the text with ``values`` set in the table at ``path``. Other keys of the table stay.

    Raises:
        ConfigurationError: The text is not TOML, or a value on the path is not a table.
    """
    document = _parse(text)
    parent: MutableMapping[str, Any] = document
    for name in path[:-1]:
        if name not in parent:
            parent[name] = tomlkit.table(is_super_table=True)
        parent = _table(parent[name], name)
    table = parent.get(path[-1])
    if table is None:
        table = tomlkit.table()
        for key, value in values.items():
            table.add(key, value)
        if text.strip() and not text.endswith("\n\n"):
            document = _parse(text.rstrip("\n") + "\n\n")
            parent = document
            for name in path[:-1]:
                parent = parent.setdefault(name, tomlkit.table(is_super_table=True))
        parent[path[-1]] = table
        return tomlkit.dumps(document)
    table = _table(table, path[-1])
    if all(table.get(key) == value for key, value in values.items()):
        return text
    for key, value in values.items():
        table[key] = value
    return tomlkit.dumps(document)


def remove_table(text: str, path: Sequence[str]) -> str:
    """Return the text without the table at ``path``, and without tables on the path that become empty.

    Raises:
        ConfigurationError: The text is not TOML.
    """
    document = _parse(text)
    tables: list[MutableMapping[str, Any]] = [document]
    for name in path[:-1]:
        if not isinstance(inner := tables[-1].get(name), MutableMapping):
            return text
        tables.append(inner)
    if path[-1] not in tables[-1]:
        return text
    del tables[-1][path[-1]]
    for table, name in zip(reversed(tables[:-1]), reversed(path[:-1]), strict=True):
        if not table[name]:
            del table[name]
    left = tomlkit.dumps(document)
    return left.rstrip("\n") + "\n" if left.strip() else ""


def _parse(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigurationError(f"the file is not TOML ({error}): nothing was changed. Correct it first") from None


def _table(value: Any, name: str) -> MutableMapping[str, Any]:
    if not isinstance(value, MutableMapping):
        raise ConfigurationError(f"'{name}' is not a table in that file: nothing was changed")
    return value
