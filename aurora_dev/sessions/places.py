"""The folders of a project and its worktrees, and paths of transcripts as paths of the project."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from pathlib import Path

from aurora_dev.git_folders import repository_root, worktree_tops

__all__ = ["ProjectPlaces"]


class ProjectPlaces:
    """The folders whose sessions belong to a project: its own, and the same folder in each worktree.

    Args:
        root: The project's folder.
        remembered: Folders of worktrees; those that are gone count.
    """

    def __init__(self, root: Path, remembered: Sequence[str] = ()) -> None:
        self.folders = _folders(root, remembered)
        self._known = [os.path.normcase(folder) for folder in self.folders]
        self._inside: dict[str, bool] = {}

    @property
    def paths(self) -> list[Path]:
        """The folders as paths, as given and as resolved."""
        return [Path(folder) for folder in self.folders]

    def holds(self, cwd: str) -> bool:
        """Return whether a folder is one of the project's, or below one."""
        known = self._inside.get(cwd)
        if known is None:
            known = self._below(cwd) is not None
            if not known and cwd:
                try:
                    known = self._below(os.path.realpath(cwd)) is not None
                except (OSError, ValueError):
                    known = False
            if len(self._inside) < 10_000:
                self._inside[cwd] = known
        return known

    def relative(self, path: str, cwd: str) -> str | None:
        """Return a path relative to the project, POSIX; ``None`` if it is outside.

        Args:
            path: Absolute, or relative to ``cwd``.
            cwd: The folder that the session began in.
        """
        if not path or "\0" in path or len(path) > 1_000:
            return None
        path = str(Path(cwd, path))
        found = self._below(path)
        if found is None and Path(path).is_absolute():
            try:
                found = self._below(os.path.realpath(path))
            except (OSError, ValueError):
                return None
        return found if found and found != "." else None

    def _below(self, path: str) -> str | None:
        """Return an absolute path relative to the innermost folder that holds it."""
        if not Path(path).is_absolute():
            return None
        plain = os.path.normpath(path)
        compared = os.path.normcase(plain)
        holding = [folder for folder in self._known if _is_below(compared, folder)]
        if not holding:
            return None
        rest = plain[len(max(holding, key=len)) :].lstrip("\\/")
        return posixpath.normpath(rest.replace(os.sep, "/")) if rest else "."


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def _folders(root: Path, remembered: Sequence[str]) -> list[str]:
    given = os.path.normpath(root.absolute())
    resolved = os.path.realpath(given)
    found = [given, resolved]
    top = repository_root(Path(resolved))
    if top is not None:
        inner = os.path.relpath(resolved, top)
        for worktree in worktree_tops(top):
            found.append(os.path.normpath(worktree / inner))
            found.append(os.path.realpath(found[-1]))
    # A folder that exists says itself whether it is a worktree. The list may come with a copied or unpacked project.
    found += [folder for folder in remembered if Path(folder).is_absolute() and not os.path.lexists(folder)]
    return list(dict.fromkeys(found))
