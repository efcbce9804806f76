"""Find the project that a command works on, and load its settings."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from aurora_dev.config import Settings, find_project
from aurora_dev.errors import IndexingError, InvalidRequestError
from aurora_dev.interfaces.cli.output.render import shown_path
from aurora_dev.log import configure_logging


def indexed_project(path: Path | None) -> tuple[Path, Settings]:
    """Return the nearest project with an index, upwards from a folder, and its settings.

    Args:
        path: Where to start; ``None`` starts from the current folder.

    Raises:
        IndexingError: There is no index; the message names the command that makes one.
    """
    start = _folder(path) if path is not None else _current_folder()
    root = find_project(start)
    settings = _settings(root) if root is not None else None
    if root is None or settings is None or not settings.store_path(root).is_dir():
        where = f"in '{shown_path(root or start)}'" + ("" if root else " or above it")
        raise IndexingError(f"there is no index {where}. Make one with: {index_command(path)}")
    return root, settings


def project_to_index(path: Path | None, **arguments: Any) -> tuple[Path, Settings]:
    """Return the folder to index, which need not have an index yet, and its settings.

    Args:
        path: The folder; ``None`` takes the indexed project around the current folder, or else that folder.
        **arguments: Settings by name.
    """
    here = _folder(path) if path else _current_folder()
    root = here if path else find_project(here, within_repository=True) or here
    return root, _settings(root, **arguments)


def named_project(path: Path) -> tuple[Path, Settings]:
    """Return a folder that the user named, which need not have an index yet, and its settings."""
    return _folder(path), _settings(_folder(path))


def index_command(path: Path | None) -> str:
    """Return the command that indexes a project."""
    return "aurora index" if path is None else f"aurora index {shlex.quote(str(path))}"


def _folder(path: Path) -> Path:
    if not path.is_dir():
        problem = "is a file; name its folder" if path.exists() else "does not exist"
        raise InvalidRequestError(f"'{path}' {problem}: nothing was done")
    return path


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError as error:  # it was removed, or is not readable
        raise InvalidRequestError(f"the current folder cannot be read ({error.strerror}): nothing was done") from None


def _settings(root: Path, **arguments: Any) -> Settings:
    settings = Settings.load(root, **arguments)
    configure_logging(settings.log, settings.log_format)
    return settings
