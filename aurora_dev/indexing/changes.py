"""A look at a project: which files have changed since it was last seen, told by their times and sizes alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.indexing.index_state import NOT_YET_READ, Seen, SeenFile
from aurora_dev.indexing.recipe import file_version

if TYPE_CHECKING:
    from aurora_dev.indexing.walker import SourceFile

__all__ = ["Changes", "look_at"]

# Times of folders and ignore files tell nearly all that a walk would; a walk makes up for the rest (a file that was too
# large and shrank, a link whose target moved).
_WALK_EVERY: Final = 300.0  # seconds
_MOST_COMPARED: Final = 4 * 1024 * 1024  # bytes; more than a walk ever lists by default
_BY_FOLDER: Final = os.stat in os.supports_dir_fd  # half the time of paths from the root of the disk


@dataclass(slots=True)
class Changes:
    """What a look found.

    Attributes:
        changed: New files, and those whose content may be another; as `walk` lists them.
        removed: Paths that are gone, or ignored now.
        started_ns: Nanoseconds since the epoch, before the look.
        refreshed: Whether times were taken over of files that turned out to be the same, so that they are worth saving.
    """

    changed: list[SourceFile] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    started_ns: int = 0
    refreshed: bool = False

    def __len__(self) -> int:
        return len(self.changed) + len(self.removed)


def look_at(root: Path, seen: Seen, *, recipe: str, seconds: float) -> Changes:
    """Compare a project with what was seen of it; times of files that are the same after all are noted in ``seen``.

    Args:
        root: The project's folder.
        seen: Brought up to date where that changes no file's version.
        recipe: The present one; where it is another than that of ``seen``, every file counts as changed.
        seconds: How long contents may be read to tell whether a file with another time is another file; beyond that it
            counts as changed.

    Raises:
        IndexingError: The folder is missing, is none, or cannot be listed.
        OSError: It went away meanwhile.
    """
    changes = Changes(started_ns=time.time_ns())
    root = Path(os.path.realpath(root))
    folders, lost, others, removed, walk_all = _stat_all(root, seen)
    now = changes.started_ns / 1e9
    walk_all = walk_all or not 0 <= now - seen.walked_at < _WALK_EVERY or (bool(folders) and seen.links)
    if not (folders or others or removed or walk_all or seen.recipe != recipe):
        return changes
    # Only now: a search in a project in which nothing has changed does not wait for these modules.
    from aurora_dev.indexing.walker import SourceFile

    doubtful = [
        SourceFile(path, root / path, status.st_size, status.st_mtime_ns, seen.files[path].wanted)
        for path, status in others.items()
    ]
    if walk_all:
        doubtful, removed = _walk_all(root, seen, changes.started_ns)
        seen.walked_at = now
        changes.refreshed = True
    elif folders:
        more, gone = _walk_some(root, seen, folders, lost, changes.started_ns)
        doubtful += [file for file in more if file.path not in others]
        removed = list(dict.fromkeys([*removed, *gone]))
        changes.refreshed = True
    deadline = time.perf_counter() + seconds
    for file in doubtful:
        before = seen.files.get(file.path)
        version = before.version if before is not None and seen.recipe == recipe else None
        in_time = version is not None and time.perf_counter() < deadline
        if version is not None and in_time and version in _versions(file):
            seen.note_files([file], {file.path: version}, changes.started_ns)
            changes.refreshed = True
        else:
            changes.changed.append(file)
            # Its folder is known now and will not be listed again; until it is read, every look finds it anew.
            seen.files.setdefault(file.path, NOT_YET_READ._replace(wanted=file.wanted))
    changes.removed = removed
    if (walk_all or folders) and any((root / path).exists() for path in removed):
        seen.walked_at = 0.0  # ignored now: only another walk tells so again
    if seen.recipe != recipe:
        listed = {file.path for file in changes.changed}.union(removed)
        changes.changed += [
            SourceFile(path, root / path, before.size, before.mtime_ns, before.wanted)
            for path, before in seen.files.items()
            if path not in listed
        ]
    return changes


def _stat_all(root: Path, seen: Seen) -> tuple[set[str], set[str], dict[str, os.stat_result], list[str], bool]:
    """Compare times and sizes.

    Returns:
        Folders with other entries, folders that are gone, files that may be others, files that are gone, and whether
        ignore files changed, so that only a walk can tell.
    """
    folders: set[str] = set()
    lost: set[str] = set()
    others: dict[str, os.stat_result] = {}
    removed: list[str] = []
    walk_all = False
    descriptor = os.open(root, os.O_RDONLY) if _BY_FOLDER else None
    start = "" if descriptor is not None else f"{root}{os.sep}"
    stat = os.stat
    try:
        for folder, mtime_ns in seen.folders.items():
            try:
                if stat(start + folder or ".", dir_fd=descriptor).st_mtime_ns != mtime_ns:
                    folders.add(folder)
            except OSError:
                lost.add(folder)
                folders.add(_parent(folder))  # what it was in has changed as well
        for path, (mtime_ns, size, _, _) in seen.files.items():
            try:
                status = stat(start + path, dir_fd=descriptor)
            except (FileNotFoundError, NotADirectoryError):
                removed.append(path)
                continue
            except OSError:
                continue  # it cannot be told: what is stored stays
            if status.st_mtime_ns != mtime_ns or status.st_size != size:
                others[path] = status
        for rule, mtime_ns in seen.rules.items():
            try:
                walk_all |= stat(rule).st_mtime_ns != mtime_ns
            except OSError:
                walk_all = True
    finally:
        if descriptor is not None:
            os.close(descriptor)
    return folders - lost, lost, others, removed, walk_all


def _walk_all(root: Path, seen: Seen, started_ns: int) -> tuple[list[SourceFile], list[str]]:
    from aurora_dev.indexing.walker import UNREADABLE, Skipped, Visited, WalkOptions, walk

    visited, skipped = Visited(), list[Skipped]()
    files = list(walk(root, WalkOptions(sniff=False), skipped, visited=visited))
    seen.folders, seen.rules, seen.links = {}, {}, False
    seen.note_walk(visited, started_ns)
    listed = {file.path for file in files}
    unreadable = tuple(entry.path for entry in skipped if entry.reason == UNREADABLE)
    removed = [path for path in seen.files if path not in listed and not path.startswith(unreadable)]
    return _doubtful(files, seen), removed


def _walk_some(
    root: Path, seen: Seen, folders: set[str], lost: set[str], started_ns: int
) -> tuple[list[SourceFile], list[str]]:
    from aurora_dev.indexing.walker import UNREADABLE, Focus, Skipped, Visited, WalkOptions, walk

    visited, skipped = Visited(), list[Skipped]()
    known = set(seen.folders)
    focus = Focus.on(folders, known)
    files = list(walk(root, WalkOptions(sniff=False), skipped, visited=visited, focus=focus))
    listed = {file.path for file in files}
    unreadable = tuple(entry.path for entry in skipped if entry.reason == UNREADABLE)
    removed = [
        path
        for path in seen.files
        if path not in listed and _parent(path) in focus.changed and not path.startswith(unreadable)
    ]
    # A changed folder that was not visited is ignored now, or gone since.
    gone = tuple(name for name in known if (name in lost or name in focus.ways) and name not in visited.folders)
    if gone:
        seen.folders = {name: mtime for name, mtime in seen.folders.items() if not name.startswith(gone)}
        removed += [path for path in seen.files if path.startswith(gone)]
    # On the way to a changed folder others are listed; what they hold was not looked at.
    visited.folders = {folder: mtime for folder, mtime in visited.folders.items() if focus.lists(folder)}
    seen.note_walk(visited, started_ns)
    return _doubtful(files, seen), list(dict.fromkeys(removed))


def _doubtful(files: Iterable[SourceFile], seen: Seen) -> list[SourceFile]:
    found = []
    for file in files:
        before: SeenFile | None = seen.files.get(file.path)
        if before is None or (before.mtime_ns, before.size) != (file.mtime_ns, file.size):
            found.append(file)
    return found


def _parent(path: str) -> str:
    """Return the folder that a file or folder is in, as `Visited.folders` names it."""
    head, slash, _ = path.rstrip("/").rpartition("/")
    return head + slash


def _versions(file: SourceFile) -> tuple[str, ...]:
    """Return what its content's version may be: an index without masking (``--no-mask``) is no old one."""
    if file.size > _MOST_COMPARED:
        return ()
    with suppress(OSError):
        data = file.absolute.read_bytes()
        return file_version(data, mask=True), file_version(data, mask=False)
    return ()
