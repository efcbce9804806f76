"""Where git keeps a repository, read from its files without running git; and the linked worktrees of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aurora_dev.regular_files import read_regular

__all__ = [
    "GitFolders",
    "LinkedWorktree",
    "find_git_folders",
    "linked_worktree",
    "repository_root",
    "worktree_names",
    "worktree_tops",
]

_MAX_LINE: Final = 4_096  # bytes of a file that holds one path
_WORKTREES: Final = "worktrees"
_MOST_WORKTREES: Final = 200


@dataclass(frozen=True, slots=True)
class GitFolders:
    """The folders in which git keeps a repository.

    Attributes:
        own: The folder of this working tree, with ``HEAD`` and ``index``.
        common: The folder that all working trees share, with ``config`` and ``info``; usually the same.
    """

    own: Path
    common: Path

    @property
    def linked(self) -> bool:
        """True for a linked working tree (``git worktree add``)."""
        return self.own != self.common


@dataclass(frozen=True, slots=True)
class LinkedWorktree:
    """A linked worktree of a repository, and the folder whose memory it shares.

    Attributes:
        name: The name of git's entry for it, unique in the repository.
        shared: The folder that holds the shared memory: the main worktree's copy of the project, or git's own folder
            for a repository without a main worktree.
        main: Whether ``shared`` is in a main worktree.
    """

    name: str
    shared: Path
    main: bool


def find_git_folders(folder: Path, *, checked: bool = True) -> GitFolders | None:
    """Return the repository whose working tree begins at a folder, or ``None``.

    Args:
        folder: A folder with ``.git``: a folder, or a file that names one.
        checked: Whether that folder must have ``HEAD``, ``objects`` and ``refs``, as for git.
    """
    marker = folder / ".git"
    try:
        if marker.is_dir():
            own = marker
        elif marker.is_file():
            line = _first_line(marker)
            if not line.startswith("gitdir:"):
                return None
            named = Path(line.removeprefix("gitdir:").strip())
            # A relative path starts at the folder itself, not at a link to it: ".." is its parent, as for the system.
            own = Path(os.path.normpath(named if named.is_absolute() else Path(os.path.realpath(folder)) / named))
        else:
            return None
        common = own
        if (own / "commondir").is_file():
            common = Path(os.path.normpath(own / _first_line(own / "commondir")))
        valid = not checked or (
            (own / "HEAD").is_file() and (common / "objects").is_dir() and (common / "refs").is_dir()
        )
    except (OSError, ValueError):
        return None
    return GitFolders(own, common) if valid else None


def repository_root(folder: Path) -> Path | None:
    """Return the top of the git working tree that a folder is in, or ``None``."""
    folder = folder.absolute()
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


def linked_worktree(project: Path) -> LinkedWorktree | None:
    """Return what the linked worktree around a project shares with its repository.

    Returns:
        ``None`` outside of linked worktrees, and where the other worktrees have no such folder.
    """
    project = project.absolute()
    top = repository_root(project)
    if top is None or not (top / ".git").is_file():
        return None
    folders = find_git_folders(top)
    if folders is None or not folders.linked or not _is_known(folders, top):
        return None
    below = project.relative_to(top)
    above = folders.common.parent
    around = find_git_folders(above)  # also a bare repository in a folder of its own, with a .git file beside it
    if around is not None and os.path.realpath(around.common) == os.path.realpath(folders.common):
        shared = above / below
        return LinkedWorktree(folders.own.name, shared, True) if shared.is_dir() else None
    return LinkedWorktree(folders.own.name, folders.common / "aurora" / below, False)


def worktree_names(project: Path) -> frozenset[str] | None:
    """Return the names of the linked worktrees that a project's repository knows; ``None`` if that cannot be told."""
    top = repository_root(project)
    folders = find_git_folders(top) if top is not None else None
    if folders is None:
        return None
    try:
        return frozenset(_names(folders.common / _WORKTREES))
    except OSError:
        return None


def worktree_tops(top: Path) -> list[Path]:
    """Return the tops of the other working trees of the repository whose working tree begins at a folder.

    Files from elsewhere can hold a ``.git`` that names any folder of this machine. So a folder that exists counts only
    if its own ``.git`` belongs to the same repository; one that is gone counts as git's files name it.
    """
    top = Path(os.path.realpath(top))
    folders = find_git_folders(top)
    if folders is None or (top / ".git").is_symlink():
        return []
    if folders.linked:
        if not _is_known(folders, top):
            return []
    elif (top / ".git").is_file():  # a submodule, or a folder of git's that knows nothing of this one
        return []
    common = os.path.realpath(folders.common)
    found = [Path(common).parent] if folders.linked and _shares(Path(common).parent, common) else []
    try:
        entries = sorted((Path(common) / _WORKTREES).iterdir())[:_MOST_WORKTREES]
    except OSError:
        return found
    for entry in entries:
        try:
            place = entry / _first_line(entry / "gitdir")
            if place.name == ".git" and (not place.parent.exists() or _shares(place.parent, common)):
                found.append(Path(os.path.normpath(place.parent)))
        except (OSError, ValueError):
            continue
    return found


def _shares(top: Path, common: str) -> bool:
    """Return whether the working tree at a folder is one of the repository in a resolved folder of git's."""
    around = find_git_folders(top)
    return around is not None and os.path.realpath(around.common) == common


def _names(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        yield from (entry.name for entry in folder.iterdir() if (entry / "gitdir").is_file())


def _is_known(folders: GitFolders, top: Path) -> bool:
    """Return whether the repository lists the worktree, and at this place.

    A ``.git`` file in files from elsewhere can name any repository of this machine. Only git writes into that one.
    """
    try:
        own = Path(os.path.realpath(folders.own))
        if own.parent != Path(os.path.realpath(folders.common)) / _WORKTREES:
            return False
        back = os.path.realpath(own / _first_line(own / "gitdir"))
        return back == os.path.join(os.path.realpath(top), ".git")  # noqa: PTH118 - a link is not followed
    except (OSError, ValueError):
        return False


def _first_line(path: Path) -> str:
    return os.fsdecode(read_regular(path, _MAX_LINE, cut=True)).strip("\r\n")
