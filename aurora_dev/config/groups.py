"""Named groups of projects, in the user's own settings: ``settings.toml`` in the user's configuration folder.

::

    [groups]
    shop = ["~/src/shop", "~/src/billing"]

A project's own files cannot name a group, because a search over it reads other projects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from aurora_dev.config.environment import user_settings_folder
from aurora_dev.config.files import parse_toml, read_text
from aurora_dev.errors import ConfigurationError

__all__ = ["USER_SETTINGS", "project_groups", "projects_named"]

USER_SETTINGS: Final = "settings.toml"
_TABLE: Final = "groups"


def project_groups() -> Mapping[str, tuple[Path, ...]]:
    """Return the folders of each group that the user has named.

    Raises:
        ConfigurationError: The file cannot be read, is not TOML, or holds something else.
    """
    folder = user_settings_folder()
    file = None if folder is None else folder / USER_SETTINGS
    text = None if file is None else read_text(file)
    if file is None or text is None:
        return {}
    data = parse_toml(text, file)
    if unknown := sorted(set(data) - {_TABLE}):
        raise ConfigurationError(f"{file}: '{unknown[0]}' is not known; there is: [{_TABLE}]")
    table = data.get(_TABLE, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"{file}: [{_TABLE}] must be a table of names, each with a list of folders")
    groups = {}
    for name, folders in table.items():
        if not isinstance(folders, list) or not folders or not all(isinstance(each, str) and each for each in folders):
            raise ConfigurationError(f'{file}: {name} must be a list of folders, such as {name} = ["~/src/shop"]')
        groups[name] = tuple(file.parent / _expanded(each) for each in folders)
    return groups


def projects_named(names: Sequence[str], *, folders: bool = True) -> list[Path]:
    """Return the folders that names stand for: each a group, or else the folder of a project.

    Args:
        names: The names, each at most once counted.
        folders: Whether a name may be a folder.

    Raises:
        ConfigurationError: A name is neither, or the user's settings are wrong.
    """
    groups = project_groups()
    found: dict[Path, None] = {}
    for name in names:
        if name in groups:
            found.update(dict.fromkeys(groups[name]))
        elif folders and _expanded(name).is_dir():
            found[_expanded(name).absolute()] = None
        else:
            place = user_settings_folder()
            known = f"the groups are: {', '.join(groups)}" if groups else "no groups are defined"
            what = "neither a folder nor a group" if folders else "not a group"
            where = "your settings" if place is None else place / USER_SETTINGS
            raise ConfigurationError(
                f"'{name}' is {what} of projects ({known}). Groups are named in {where}, under [{_TABLE}]"
            )
    return list(found)


def _expanded(folder: str) -> Path:
    """Return a path with ``~`` replaced; as it is, if it names a user whom this machine does not have."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        return Path(folder)
