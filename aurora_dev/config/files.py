"""A project's configuration files: finding the project, and reading ``aurora.toml`` and ``pyproject.toml``."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from aurora_dev.config.environment import usual_names, variable_of
from aurora_dev.config.fields import SECRET_ENDINGS
from aurora_dev.config.sources import Source, check_names, location
from aurora_dev.errors import ConfigurationError
from aurora_dev.git_folders import LinkedWorktree, linked_worktree
from aurora_dev.lazy import lazy_pattern
from aurora_dev.regular_files import read_regular

PROJECT_FILE = "aurora.toml"
PYPROJECT_FILE = "pyproject.toml"
STORE_FOLDER = ".aurora"

_MOST_BYTES = 4 * 1024 * 1024  # of a file that people write
_OWN_TABLE = lazy_pattern(r"\btool\s*\.\s*[\"']?aurora[\"']?\s*[\].=]")
_TOML_LINE = lazy_pattern(r"\(at line (\d+), column \d+\)")


def find_project(start: Path, *, within_repository: bool = False) -> Path | None:
    """Return the nearest folder from ``start`` upwards with a ``.aurora`` folder or Aurora's settings, as git does.

    Args:
        start: Where to begin.
        within_repository: Whether to look no further up than the git repository that ``start`` is in.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / STORE_FOLDER).is_dir() or (folder / PROJECT_FILE).is_file():
            return folder
        if _shares_a_store(folder):
            return folder
        if _has_own_table(folder / PYPROJECT_FILE):
            return folder
        if within_repository and (folder / ".git").exists():
            return None
    return None


def default_store(project: Path) -> Path:
    """Return the folder of a project's local store: its own, or that of the main worktree for a linked worktree.

    A worktree whose repository cannot be written, as in a sandbox, has a store of its own.
    """
    linked = shared_worktree(project)
    return project / STORE_FOLDER if linked is None else _shared_store(linked)


def shared_worktree(project: Path) -> LinkedWorktree | None:
    """Return the linked worktree that a project is in, if it shares the store of its repository."""
    linked = linked_worktree(project)
    if linked is None:
        return None
    place = _shared_store(linked)
    while not place.exists() and place.parent != place:
        place = place.parent
    return linked if os.access(place, os.W_OK) else None


def _shared_store(linked: LinkedWorktree) -> Path:
    return linked.shared / STORE_FOLDER if linked.main else linked.shared


def read_project_file(path: Path, known: Collection[str]) -> tuple[dict[str, Any], dict[str, Source]]:
    """Return the settings in an ``aurora.toml``, and their source; nothing where there is no such file.

    Args:
        path: The file.
        known: The names of all settings.

    Raises:
        ConfigurationError: The file cannot be read, is not TOML, or holds an unknown name or a secret.
    """
    text = read_text(path)
    return ({}, {}) if text is None else _checked_table(parse_toml(text, path), path, text, known)


def read_pyproject(path: Path, known: Collection[str]) -> tuple[dict[str, Any], dict[str, Source]]:
    """Return the settings under ``[tool.aurora]`` in a ``pyproject.toml``; see `read_project_file`."""
    text = read_text(path) if _has_own_table(path) else None
    if text is None:
        return {}, {}
    tool = parse_toml(text, path).get("tool", {})
    return _checked_table(tool.get("aurora", {}) if isinstance(tool, dict) else {}, path, text, known)


def read_text(path: Path) -> str | None:
    """Return the text of a configuration file, ``None`` where it does not exist.

    Raises:
        ConfigurationError: It is not UTF-8, or cannot be read.
    """
    try:
        data = read_regular(path, _MOST_BYTES)
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            f"{path}, line {line}: not UTF-8, which TOML has to be; save the file as UTF-8"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}); make it readable or remove it") from None


def _shares_a_store(folder: Path) -> bool:
    """Return whether a folder is the top of a linked worktree whose repository has a store."""
    return (folder / ".git").is_file() and default_store(folder).is_dir()


def _has_own_table(path: Path) -> bool:
    # A pyproject.toml without a table of Aurora is not parsed, so that errors elsewhere in it do not matter.
    try:
        return bool(_OWN_TABLE.search(read_regular(path, _MOST_BYTES).decode("utf-8", "replace")))
    except OSError:
        return False


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Args:
        text: The content.
        path: The file, for the message.

    Raises:
        ConfigurationError: The text is not TOML; the message names the line.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _TOML_LINE.search(message)
        line = int(found[1]) if found else text.count("\n") + 1
        what = _TOML_LINE.sub("", message).strip() or "not valid TOML"
        raise ConfigurationError(f"{path}, line {line}: {what}; correct the line (strings need quotes)") from None


def _checked_table(
    table: Any, path: Path, text: str, known: Collection[str]
) -> tuple[dict[str, Any], dict[str, Source]]:
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: [tool.aurora] must be a table of settings")
    source = Source("file", str(path))
    check_names(table, known, source, text)
    for name in table:
        if name.endswith(SECRET_ENDINGS):
            variable = next((usual for usual, own in usual_names().items() if own == name), variable_of(name))
            raise ConfigurationError(
                f"{location(source, name, text)}: '{name}' is not read from files, which are shared and committed; "
                f"remove it, and set the environment variable {variable}"
            )
    return table, dict.fromkeys(table, source)
