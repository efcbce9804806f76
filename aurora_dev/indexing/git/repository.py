"""The repository of a folder: where git keeps it, which files it tracks, and the user's settings for ignored files.

Git itself answers the last two, through the hardened calls of `git_process`. Without git, or if it refuses the
repository, no file counts as tracked and the usual place of the user's exclude file is used.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aurora_dev.config import git_configuration_folder
from aurora_dev.git_folders import GitFolders
from aurora_dev.history.git_process import HARDENED, GitResult, GitUnavailableError, error_for, find_git, run_git
from aurora_dev.log import get_logger

__all__ = ["IgnoreSettings", "Tracked", "ignore_settings", "tracked_files"]

_log = get_logger(__name__)

_MAX_LISTING: Final = 256 * 1024 * 1024  # bytes of paths; the largest repositories have a few million files
_MAX_SETTINGS: Final = 64 * 1024
_SETTINGS_AGE: Final = 60.0  # seconds; an included configuration file may have changed since
_MAX_CACHED: Final = 32  # repositories


@dataclass(frozen=True, slots=True)
class Tracked:
    """The paths in git's index, relative to a folder; submodules are paths too."""

    paths: frozenset[str] = frozenset()
    _ordered: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, paths: Iterable[str]) -> Tracked:
        """Return the listing of some paths."""
        found = frozenset(paths)
        return cls(found, sorted(found))

    def has(self, path: str) -> bool:
        """Return whether git tracks a file, or any file in a folder (its path ends with ``/``)."""
        if not path.endswith("/"):
            return path in self.paths
        at = bisect_left(self._ordered, path)
        return path[:-1] in self.paths or (at < len(self._ordered) and self._ordered[at].startswith(path))


@dataclass(frozen=True, slots=True)
class IgnoreSettings:
    """The settings of git that concern ignored files.

    Attributes:
        excludes: The user's exclude file (``core.excludesFile``), which may not exist; ``None`` if there is none.
        ignore_case: Whether patterns match without regard to case (``core.ignoreCase``).
    """

    excludes: Path | None = None
    ignore_case: bool = False


_READ_BY_GIT: Final = ("HEAD", "config", "config.worktree", "commondir", "index", "packed-refs", "shallow")

_Stamp = tuple[object, ...]
_listings: dict[Path, tuple[_Stamp, Tracked]] = {}
_settings: dict[Path, tuple[_Stamp, float, IgnoreSettings]] = {}


def tracked_files(folder: Path, own: Path) -> Tracked:
    """Return the files below a folder that git tracks; asks git only if its index has changed since the last call.

    Args:
        folder: A folder of the working tree.
        own: See `GitFolders`.
    """
    stamp = _stamps([own / "index"])
    if stamp == (None,) or not _has_plain_files(own):
        return Tracked()
    known = _listings.get(folder)
    if known is not None and known[0] == stamp:
        return known[1]
    result = _ask(folder, ["ls-files", "-z", "--cached"], _MAX_LISTING)
    if result is None:
        return Tracked()
    found = Tracked.of(os.fsdecode(path) for path in result.output.split(b"\0") if path)
    _make_room(_listings)
    _listings[folder] = (stamp, found)
    return found


def ignore_settings(folder: Path, repository: GitFolders) -> IgnoreSettings:
    """Return the settings for ignored files in a working tree; a relative exclude file is relative to it.

    Args:
        folder: The top of the working tree.
        repository: Its repository.
    """
    user = git_configuration_folder()
    files = [repository.common / "config", repository.own / "config.worktree", Path("/etc/gitconfig")]
    files += [] if user is None else [user / "config"]
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  (Path.home() raises for an account without one)
    stamp = (home, user, *_stamps([*files, home / ".gitconfig"]))
    known = _settings.get(folder)
    if known is not None and known[0] == stamp and time.monotonic() - known[1] < _SETTINGS_AGE:
        return known[2]
    wanted = "^core\\.(excludesfile|ignorecase)$"
    result = None
    if _has_plain_files(repository.own) and _has_plain_files(repository.common):
        result = _ask(folder, ["config", "-z", "--type=path", "--get-regexp", wanted], _MAX_SETTINGS)
    values: dict[str, str] = {}
    for entry in () if result is None else result.output.split(b"\0"):
        name, _, value = os.fsdecode(entry).partition("\n")
        values[name] = value
    excludes = user / "ignore" if user is not None else None
    if "core.excludesfile" in values:
        excludes = folder / values["core.excludesfile"] if values["core.excludesfile"] else None
    ignore_case = values.get("core.ignorecase", "false").lower() in ("true", "yes", "on", "1", "")
    found = IgnoreSettings(excludes, ignore_case)
    _make_room(_settings)
    _settings[folder] = (stamp, time.monotonic(), found)
    return found


def _has_plain_files(own: Path) -> bool:
    """Return whether the files that git reads first are files: it would wait at a pipe until its time is up."""
    for name in _READ_BY_GIT:
        try:
            if not stat.S_ISREG((own / name).stat().st_mode):
                _log.info("git_not_asked", error=f"{own / name} is not a file")
                return False
        except OSError:
            continue
    return True


def _ask(folder: Path, command: list[str], max_output: int) -> GitResult | None:
    """Return what git prints, or ``None`` if it cannot answer; exit status 1 means that nothing is set."""
    try:
        executable = find_git(folder)
        result = run_git([executable, *HARDENED, "-C", str(folder), *command], b"", max_output, threading.Event())
    except (GitUnavailableError, OSError) as error:
        _log.info("git_not_asked", command=command[0], error=str(error))
        return None
    if result.code not in (0, 1) or len(result.output) > max_output:
        _log.info("git_not_asked", command=command[0], error=str(error_for(result.error, folder)))
        return None
    return result


def _stamps(files: Iterable[Path]) -> _Stamp:
    stamps: list[object] = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            stamps.append(None)
        else:
            stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(stamps)


def _make_room(cache: MutableMapping[Path, Any]) -> None:
    while len(cache) >= _MAX_CACHED:
        cache.pop(next(iter(cache)), None)
