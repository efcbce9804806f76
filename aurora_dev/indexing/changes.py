"""The files of a project that changed since its last snapshot, found by their times and sizes."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.indexing.chunk_version import file_version
from aurora_dev.indexing.ignore import GIT_IGNORE_FILE, OWN_IGNORE_FILE
from aurora_dev.indexing.snapshot import NOT_YET_READ, FileSnapshot, ProjectSnapshot, TrackedSnapshot, index_stamp
from aurora_dev.regular_files import change_time, file_identity, read_regular

if TYPE_CHECKING:
    from aurora_dev.indexing.walker import SourceFile

__all__ = ["Changes", "find_changes", "record_tracked"]

# The times of folders and ignore files show nearly every change of the file list. A periodic walk finds the others (a
# file that was too large and shrank, a link whose target moved).
_WALK_INTERVAL: Final = 300.0  # seconds
_MAX_COMPARED: Final = 8 * 1024 * 1024  # bytes; no walk lists a larger file by default
_NO_FILE: Final = 0  # the time of an ignore file that did not exist
_STAT_IN_FOLDER: Final = os.stat in os.supports_dir_fd  # takes half the time of absolute paths


@dataclass(slots=True)
class Changes:
    """The differences between a project and its snapshot.

    Attributes:
        changed: New files, and files whose content may have changed; as `walk` lists them.
        removed: Paths of files that were deleted or are now ignored.
        started_ns: Time before the comparison, nanoseconds since the epoch.
        refreshed: Whether the snapshot got new times of files with unchanged content, and should be saved.
    """

    changed: list[SourceFile] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    started_ns: int = 0
    refreshed: bool = False

    def __len__(self) -> int:
        return len(self.changed) + len(self.removed)


def find_changes(root: Path, snapshot: ProjectSnapshot, *, chunk_version: str, seconds: float) -> Changes:
    """Compare a project with its snapshot.

    Args:
        root: The project's folder.
        snapshot: Updated in place with the new times of files whose content is unchanged.
        chunk_version: The present one; if it differs from that of ``snapshot``, every file counts as changed.
        seconds: Time limit for reading files with a new time, to see whether their content changed. Files beyond it
            count as changed.

    Raises:
        IndexingError: The folder is missing, is not a folder, or cannot be listed.
        OSError: The folder disappeared during the comparison.
    """
    changes = Changes(started_ns=time.time_ns())
    root = Path(os.path.realpath(root))
    times = _compare_times(root, snapshot)
    times.rules_changed = times.rules_changed or _has_new_rules(root, times.folders, snapshot.rules)
    removed = times.missing_files
    now = changes.started_ns / 1e9
    same_version = snapshot.chunk_version == chunk_version
    walk_all = (
        times.rules_changed
        or not 0 <= now - snapshot.walked_at < _WALK_INTERVAL
        or (bool(times.folders) and snapshot.links)
    )
    if not (times.folders or times.files or removed or walk_all or times.repositories) and same_version:
        return changes
    # Imported late: a search in an unchanged project must not wait for it.
    from aurora_dev.indexing.walker import SourceFile

    candidates = [
        SourceFile(
            path,
            root / path,
            status.st_size,
            status.st_mtime_ns,
            snapshot.files[path].wanted,
            file_identity(status),
            snapshot.files[path].kept_by,
        )
        for path, status in times.files.items()
    ]
    if walk_all:
        candidates, removed = _walk_all(root, snapshot, changes.started_ns)
        snapshot.walked_at = now
        changes.refreshed = True
    elif times.folders:
        more, gone = _walk_changed_folders(root, snapshot, times, changes.started_ns)
        candidates += [file for file in more if file.path not in times.files]
        removed = list(dict.fromkeys([*removed, *gone]))
        changes.refreshed = True
    deadline = time.perf_counter() + seconds
    _take(candidates, snapshot, changes, deadline, same_version=same_version)
    repositories = [folder for folder in times.repositories if folder in snapshot.tracked]
    if repositories and record_tracked(root, snapshot, repositories) and not walk_all:
        # Git tracks a file that was ignored until now, or no longer tracks one that an ignore rule matches.
        more, gone = _walk_all(root, snapshot, changes.started_ns)
        known = {file.path for file in changes.changed}
        more = [file for file in more if file.path not in known]
        _take(more, snapshot, changes, deadline, same_version=same_version)
        removed = list(dict.fromkeys([*removed, *gone]))
        walk_all, snapshot.walked_at = True, now
        record_tracked(root, snapshot, snapshot.tracked)
    changes.refreshed |= bool(times.repositories)
    changes.removed = removed
    if (walk_all or times.folders) and any((root / path).exists() for path in removed):
        snapshot.walked_at = 0.0  # a file that is now ignored: only another walk finds that again
    if not same_version:
        listed = {file.path for file in changes.changed}.union(removed)
        changes.changed += [
            SourceFile(
                path,
                root / path,
                before.size,
                before.mtime_ns,
                before.wanted,
                (before.ctime_ns, before.inode),
                before.kept_by,
            )
            for path, before in snapshot.files.items()
            if path not in listed
        ]
    return changes


def _take(
    candidates: Iterable[SourceFile],
    snapshot: ProjectSnapshot,
    changes: Changes,
    deadline: float,
    *,
    same_version: bool,
) -> None:
    """Add the files with another content to the changes, and the new times of the others to the snapshot."""
    for file in candidates:
        before = snapshot.files.get(file.path)
        version = before.version if before is not None and same_version else None
        in_time = version is not None and time.perf_counter() < deadline
        if version is not None and in_time and version in _possible_versions(file):
            snapshot.record_files([file], {file.path: version}, changes.started_ns)
            changes.refreshed = True
        else:
            changes.changed.append(file)
            # Its folder is now recorded and will not be listed again. With this entry, every check finds the file
            # until it is read.
            snapshot.files.setdefault(file.path, NOT_YET_READ._replace(wanted=file.wanted, kept_by=file.kept_by))


def record_tracked(root: Path, snapshot: ProjectSnapshot, repositories: Iterable[str]) -> bool:
    """Record what git tracks in some repositories; return whether a walk may list other files now.

    A path that git tracks and that has no place in the snapshot belongs to a file that is not text, or that was ignored
    when the project was last walked. So a change of these paths calls for another walk, and any other ``git add`` does
    not. A file that was listed only because git tracks it calls for one when git no longer does.

    Args:
        root: The project's folder.
        snapshot: Updated in place.
        repositories: Keys of `ProjectSnapshot.tracked`.
    """
    from aurora_dev.indexing.git.repository import tracked_files

    differs = False
    kept = _kept_by_repository(snapshot)
    for folder in list(repositories):
        before = snapshot.tracked[folder]
        stamp = index_stamp(before.own)
        listing = tracked_files(root / folder, Path(before.own))
        if index_stamp(before.own) != stamp or (not before.digest and before.stamp != stamp):
            differs = True  # git has written it since the walk: only another walk knows what to list now
            continue
        digest = hashlib.sha256()
        for path in sorted(path for path in listing.paths if folder + path not in snapshot.files):
            digest.update(path.encode("utf-8", "surrogateescape") + b"\0")
        found = TrackedSnapshot(before.own, stamp, digest.hexdigest())
        differs |= before.digest not in ("", found.digest)
        differs |= not all(listing.has(path[len(folder) :]) for path in kept.get(folder, ()))
        snapshot.tracked[folder] = found
    return differs


def _kept_by_repository(snapshot: ProjectSnapshot) -> dict[str, set[str]]:
    """Return what git has to track for files to be listed (`SourceFile.kept_by`), by the folder of its repository."""
    kept: dict[str, set[str]] = {}
    for path in {file.kept_by for file in snapshot.files.values() if file.kept_by}:
        folder = _parent(path)
        while folder and folder not in snapshot.tracked:
            folder = _parent(folder)
        kept.setdefault(folder, set()).add(path)
    return kept


@dataclass(slots=True)
class _TimeDifferences:
    """Entries whose time or size differs from the snapshot.

    Attributes:
        folders: Existing folders with changed entries.
        missing_folders: Folders that do not exist.
        files: Files that may have changed.
        missing_files: Files that do not exist.
        rules_changed: Whether ignore files changed, so that a complete walk is needed.
        repositories: Repositories whose index git has written; see `ProjectSnapshot.tracked`.
    """

    folders: set[str] = field(default_factory=set)
    missing_folders: set[str] = field(default_factory=set)
    files: dict[str, os.stat_result] = field(default_factory=dict)
    missing_files: list[str] = field(default_factory=list)
    rules_changed: bool = False
    repositories: list[str] = field(default_factory=list)


def _compare_times(root: Path, snapshot: ProjectSnapshot) -> _TimeDifferences:
    result = _TimeDifferences()
    descriptor = os.open(root, os.O_RDONLY) if _STAT_IN_FOLDER else None
    start = "" if descriptor is not None else f"{root}{os.sep}"
    stat_of = os.stat
    try:
        for folder, mtime_ns in snapshot.folders.items():
            try:
                if change_time(stat_of(start + folder or ".", dir_fd=descriptor)) != mtime_ns:
                    result.folders.add(folder)
            except OSError:
                result.missing_folders.add(folder)
                result.folders.add(_parent(folder))  # its parent has changed as well
        for path, before in snapshot.files.items():
            try:
                status = stat_of(start + path, dir_fd=descriptor)
            except (FileNotFoundError, NotADirectoryError):
                result.missing_files.append(path)
                continue
            except OSError:
                continue  # unknown: its chunks stay
            if before.differs(status.st_mtime_ns, status.st_size, file_identity(status)):
                result.files[path] = status
        for rule, mtime_ns in snapshot.rules.items():
            try:
                result.rules_changed |= change_time(stat_of(rule)) != mtime_ns
            except OSError:
                result.rules_changed |= mtime_ns != _NO_FILE
    finally:
        if descriptor is not None:
            os.close(descriptor)
    for folder, tracked in snapshot.tracked.items():
        if not tracked.digest or index_stamp(tracked.own) != tracked.stamp:
            result.repositories.append(folder)
    result.folders -= result.missing_folders
    return result


def _has_new_rules(root: Path, folders: Iterable[str], rules: Mapping[str, int]) -> bool:
    """Return whether a changed folder has an ignore file that it did not have; it may exclude known folders."""
    for folder in folders:
        for name in (GIT_IGNORE_FILE, OWN_IGNORE_FILE):
            path = root / folder / name
            if str(path) in rules:
                continue
            with suppress(OSError):
                if stat.S_ISREG(path.lstat().st_mode):  # the walk does not follow links either
                    return True
    return False


def _walk_all(root: Path, snapshot: ProjectSnapshot, started_ns: int) -> tuple[list[SourceFile], list[str]]:
    """Walk the project; return files with a new time or size, and removed paths."""
    from aurora_dev.indexing.walker import UNREADABLE, Skipped, Visited, WalkOptions, walk

    visited, skipped = Visited(), list[Skipped]()
    files = list(walk(root, WalkOptions(sniff=False), skipped, visited=visited))
    snapshot.folders, snapshot.rules, snapshot.links = {}, {}, False
    snapshot.tracked = {}
    snapshot.record_walk(visited, started_ns)
    listed = {file.path for file in files}
    unreadable = tuple(entry.path for entry in skipped if entry.reason == UNREADABLE)
    removed = [path for path in snapshot.files if path not in listed and not path.startswith(unreadable)]
    return _with_new_times(files, snapshot), removed


def _walk_changed_folders(
    root: Path, snapshot: ProjectSnapshot, times: _TimeDifferences, started_ns: int
) -> tuple[list[SourceFile], list[str]]:
    """Walk the changed folders; return files with a new time or size, and removed paths."""
    from aurora_dev.indexing.walker import UNREADABLE, Focus, Skipped, Visited, WalkOptions, walk

    visited, skipped = Visited(), list[Skipped]()
    known = set(snapshot.folders)
    focus = Focus.on(times.folders, known)
    files = list(walk(root, WalkOptions(sniff=False), skipped, visited=visited, focus=focus))
    listed = {file.path for file in files}
    unreadable = tuple(entry.path for entry in skipped if entry.reason == UNREADABLE)
    removed = [
        path
        for path in snapshot.files
        if path not in listed and _parent(path) in focus.changed and not path.startswith(unreadable)
    ]
    # A changed folder that was not visited is now ignored, or was deleted meanwhile. One that was left out after a look
    # into it holds the mark of a tool.
    left_out = {entry.path for entry in skipped if entry.path.endswith("/") and entry.reason != UNREADABLE}
    gone = tuple(
        name
        for name in known
        if name in left_out or ((name in times.missing_folders or name in focus.ways) and name not in visited.folders)
    )
    if gone:
        snapshot.folders = {name: mtime for name, mtime in snapshot.folders.items() if not name.startswith(gone)}
        snapshot.tracked = {name: entry for name, entry in snapshot.tracked.items() if not name.startswith(gone)}
        removed += [path for path in snapshot.files if path.startswith(gone)]
    # Folders on the way to a changed one were visited, but their files were not listed.
    visited.folders = {folder: mtime for folder, mtime in visited.folders.items() if focus.lists(folder)}
    snapshot.record_walk(visited, started_ns)
    return _with_new_times(files, snapshot), list(dict.fromkeys(removed))


def _with_new_times(files: Iterable[SourceFile], snapshot: ProjectSnapshot) -> list[SourceFile]:
    found = []
    for file in files:
        before: FileSnapshot | None = snapshot.files.get(file.path)
        if before is None or before.differs(file.mtime_ns, file.size, file.identity):
            found.append(file)
        elif before.kept_by != file.kept_by:  # the rules have changed, the file has not
            snapshot.files[file.path] = before._replace(kept_by=file.kept_by)
    return found


def _parent(path: str) -> str:
    """Return the folder of a file or folder, in the form of `Visited.folders`."""
    head, slash, _ = path.rstrip("/").rpartition("/")
    return head + slash


def _possible_versions(file: SourceFile) -> tuple[str, ...]:
    """Return the versions of the content with and without masking: an index made with ``--no-mask`` is not stale."""
    if file.size > _MAX_COMPARED:
        return ()
    with suppress(OSError):
        data = read_regular(file.absolute, _MAX_COMPARED)
        return file_version(data, mask=True), file_version(data, mask=False)
    return ()
