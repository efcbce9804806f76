"""Find a project whose settings are all defaults, without loading the settings.

The hook of an assistant may run for a few tenths of a second, and loading the settings takes a good part of that. Most
projects set nothing. Where anything is set, `Settings` has to read it.
"""

from __future__ import annotations

import os
import sys
from typing import Final

__all__ = ["DEFAULT_NAMESPACE", "find_plain_project", "plain_user_folder"]

DEFAULT_NAMESPACE: Final = "default"

_HARMLESS: Final = frozenset({"AURORA_LOG", "AURORA_LOG_FORMAT", "AURORA_USER_STORE"})  # read here, or of no effect


def find_plain_project(folder: str) -> str | None:
    """Return the indexed project around a folder, if neither the environment nor a file sets anything for it.

    Args:
        folder: An absolute path.

    Returns:
        The project's folder, which has a store in ``.aurora``; ``None`` if there is no such project, or if its
        settings have to be read to tell.
    """
    if any(name.upper().startswith("AURORA_") and name.upper() not in _HARMLESS for name in os.environ):
        return None
    while True:
        if os.path.exists(os.path.join(folder, "aurora.toml")) or _may_have_table(folder):  # noqa: PTH110, PTH118
            return None
        if os.path.isdir(os.path.join(folder, ".aurora")):  # noqa: PTH112, PTH118
            return None if _is_in_worktree(folder) else folder
        if os.path.isfile(os.path.join(folder, ".git")):  # noqa: PTH113, PTH118 - a linked worktree, or a submodule
            return None
        parent = os.path.dirname(folder)  # noqa: PTH120
        if parent == folder:
            return None
        folder = parent


def plain_user_folder() -> str | None:
    """Return the folder of the user's own notes, as ``Settings.user_store_path`` does; ``None`` if there is none."""
    chosen = os.environ.get("AURORA_USER_STORE")
    if chosen:
        return None if chosen == "none" else os.path.abspath(os.path.expanduser(chosen))  # noqa: PTH100, PTH111
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")  # noqa: PTH111
    elif (given := os.environ.get("XDG_DATA_HOME")) and os.path.isabs(given):  # noqa: PTH117
        base = given
    else:
        folder = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
        base = os.path.expanduser(f"~/{folder}")  # noqa: PTH111
    return os.path.join(base, "aurora") if os.path.isabs(base) else None  # noqa: PTH117, PTH118


def _is_in_worktree(folder: str) -> bool:
    """Return whether a folder may be in a linked worktree, whose memory is that of its repository."""
    while True:
        marker = os.path.join(folder, ".git")  # noqa: PTH118
        if os.path.exists(marker):  # noqa: PTH110
            return not os.path.isdir(marker)  # noqa: PTH112
        parent = os.path.dirname(folder)  # noqa: PTH120
        if parent == folder:
            return False
        folder = parent


def _may_have_table(folder: str) -> bool:
    """Return whether a ``pyproject.toml`` names Aurora at all; it may do so without setting anything."""
    try:
        with open(os.path.join(folder, "pyproject.toml"), "rb") as file:  # noqa: PTH118, PTH123
            return b"aurora" in file.read(4 * 1024 * 1024)
    except OSError:
        return False
