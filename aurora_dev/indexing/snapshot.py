"""The snapshot of a project: its files and folders with their times and sizes, as they were when last indexed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aurora_dev.log import get_logger
from aurora_dev.regular_files import UNKNOWN_IDENTITY, read_regular

if TYPE_CHECKING:
    from aurora_dev.indexing.walker import SourceFile, Visited

__all__ = [
    "NOT_YET_READ",
    "Costs",
    "FileSnapshot",
    "ProjectSnapshot",
    "TrackedSnapshot",
    "index_stamp",
    "pack_snapshot",
    "read_snapshot",
]

_log = get_logger(__name__)

_FORMAT: Final = 1
_MOST_BYTES: Final = 512 * 1024 * 1024  # a million files take about 150 MB
# The clock of a file system ticks: a file that is written again within one tick keeps its time. So a file that was read
# this soon after its last change is read again by the next check, as git does with its index. Linux ticks in up to
# 10 ms; a time in whole seconds comes from a file system without finer ones (FAT: two seconds).
_TICK: Final = 50_000_000  # nanoseconds
_COARSE_TICK: Final = 2_000_000_000
_UNCERTAIN: Final = -1  # no file has this time


class FileSnapshot(NamedTuple):
    """A file as it was read.

    Attributes:
        mtime_ns: Time of its last change, in nanoseconds since the epoch; -1 if it may have changed again in that tick.
        size: Bytes.
        version: See `file_version`; ``None`` if the file has no chunks.
        wanted: See `SourceFile`.
        ctime_ns: Time at which the system changed its entry; 0 if unknown.
        inode: Number of its entry; 0 if unknown.
        kept_by: See `SourceFile`.
    """

    mtime_ns: int
    size: int
    version: str | None
    wanted: bool = False
    ctime_ns: int = 0
    inode: int = 0
    kept_by: str = ""

    def differs(self, mtime_ns: int, size: int, identity: tuple[int, int]) -> bool:
        """Return whether the content may be another one now."""
        if self.mtime_ns != mtime_ns or self.size != size:
            return True
        return UNKNOWN_IDENTITY not in ((self.ctime_ns, self.inode), identity) and identity != (
            self.ctime_ns,
            self.inode,
        )


class TrackedSnapshot(NamedTuple):
    """The index of a git repository as it was last looked at.

    Attributes:
        own: The folder in which git keeps it.
        stamp: See `index_stamp`.
        digest: Of the paths that git tracks and that have no place in the snapshot: of ignored files, they are the ones
            that a walk would list once git tracks them. Empty if unknown.
    """

    own: str
    stamp: str
    digest: str = ""


NOT_YET_READ: Final = FileSnapshot(_UNCERTAIN, -1, None)
"""A file that was listed but not read."""


@dataclass(slots=True)
class Costs:
    """Measured durations on this machine, in seconds; the initial values err on the slow side.

    Attributes:
        look: Duration of the last check of all known files and folders.
        update: Fixed cost of an update.
        update_byte: Cost of an update per byte of its files.
        history: Cost of reading the history after a new commit.
    """

    look: float = 0.0
    update: float = 0.03
    update_byte: float = 2e-6
    history: float = 0.08


@dataclass(slots=True)
class ProjectSnapshot:
    """A project as it was last indexed or checked.

    Attributes:
        chunk_version: See `current_chunk_version`; if it differs from the present one, every file counts as changed.
        sequence: A lower bound of the store's sequence; a store with a smaller one is another one or an older copy.
        chunks: Number of chunks in the store.
        files: By path.
        folders: See `Visited.folders`.
        rules: See `Visited.rules`.
        links: Whether there are linked files.
        tracked: The indexes of git repositories, by the folder of their working tree as in `Visited.folders`.
        walked_at: Time of the last complete walk, seconds since the epoch.
        checked_at: Time at which the index was last known to match the project, seconds since the epoch.
        head: The `head_state` when the history was last read.
        costs: See `Costs`.
    """

    chunk_version: str
    sequence: int = 0
    chunks: int = 0
    files: dict[str, FileSnapshot] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    links: bool = False
    tracked: dict[str, TrackedSnapshot] = field(default_factory=dict)
    walked_at: float = 0.0
    checked_at: float = 0.0
    head: str = ""
    costs: Costs = field(default_factory=Costs)

    def record_walk(self, visited: Visited, started_ns: int) -> None:
        """Record the folders and ignore files of a walk; one that changed just then will be checked again."""
        for folder, mtime_ns in visited.folders.items():
            self.folders[folder] = _certain_time(mtime_ns, started_ns)
        for rule, mtime_ns in visited.rules.items():
            self.rules[rule] = _certain_time(mtime_ns, started_ns)
        self.links = self.links or visited.links
        for folder, (own, stamp) in visited.repositories.items():
            before = self.tracked.get(folder)
            if before is None or before.own != own:
                self.tracked[folder] = TrackedSnapshot(own, stamp)

    def record_files(self, files: Iterable[SourceFile], versions: Mapping[str, str], started_ns: int) -> None:
        """Record files as they were listed before they were read."""
        for file in files:
            mtime_ns = _certain_time(file.mtime_ns, started_ns)
            if file.identity != UNKNOWN_IDENTITY and _certain_time(file.identity[0], started_ns) == _UNCERTAIN:
                mtime_ns = _UNCERTAIN
            version = versions.get(file.path)
            entry = FileSnapshot(mtime_ns, file.size, version, file.wanted, *file.identity, kept_by=file.kept_by)
            self.files[file.path] = entry


def index_stamp(own: str) -> str:
    """Return a text that changes whenever git writes the index of a repository; empty if it has none.

    Args:
        own: The folder in which git keeps the repository.
    """
    try:
        status = os.stat(os.path.join(own, "index"))  # noqa: PTH116, PTH118  (before every search)
    except (OSError, ValueError):
        return ""
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"


def _certain_time(mtime_ns: int, now_ns: int) -> int:
    tick = _COARSE_TICK if mtime_ns % 1_000_000_000 == 0 else _TICK
    return _UNCERTAIN if mtime_ns > now_ns - tick else mtime_ns


def _check(snapshot: ProjectSnapshot) -> None:
    """Refuse values that no snapshot has.

    Raises:
        ValueError, TypeError, AttributeError: One is of another type, or a path is none.
    """
    times = [*snapshot.folders.items(), *snapshot.rules.items()]
    numbers = (
        snapshot.sequence,
        snapshot.chunks,
        snapshot.walked_at,
        snapshot.checked_at,
        *asdict(snapshot.costs).values(),
    )
    usable = (
        all("\0" not in path and type(time) is int for path, time in times)
        and all("\0" not in path for path in snapshot.files)
        and all(
            type(file[0]) is type(file[1]) is type(file[4]) is type(file[5]) is int for file in snapshot.files.values()
        )
        and all(file.version is None or isinstance(file.version, str) for file in snapshot.files.values())
        and all(isinstance(file.kept_by, str) for file in snapshot.files.values())
        and all(isinstance(text, str) and "\0" not in text for entry in snapshot.tracked.values() for text in entry)
        and all(isinstance(number, int | float) for number in numbers)
        and isinstance(snapshot.chunk_version, str)
        and isinstance(snapshot.head, str)
    )
    if not usable:
        raise ValueError("not the snapshot of a project")


def pack_snapshot(snapshot: ProjectSnapshot) -> str:
    """Return a snapshot as JSON."""
    values = {each.name: getattr(snapshot, each.name) for each in fields(snapshot)}
    values["recipe"] = values.pop("chunk_version")  # the key in the stored format
    values |= {"format": _FORMAT, "costs": asdict(snapshot.costs)}
    return json.dumps(values, separators=(",", ":"), ensure_ascii=True)


def read_snapshot(path: Path) -> ProjectSnapshot | None:
    """Read a file with a snapshot; ``None`` if it is missing, damaged or of another format."""
    try:
        values: dict[str, Any] = json.loads(read_regular(path, _MOST_BYTES))
        if values.pop("format") != _FORMAT:
            return None
        values["chunk_version"] = values.pop("recipe")
        values["files"] = {name: FileSnapshot(*file) for name, file in values["files"].items()}
        values["tracked"] = {name: TrackedSnapshot(*entry) for name, entry in values.get("tracked", {}).items()}
        values["costs"] = Costs(**values["costs"])
        snapshot = ProjectSnapshot(**values)
        _check(snapshot)
        return snapshot
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # Written by another version, or cut short by a full disk: the same as a missing one.
        _log.info("index_state_unreadable", path=str(path), error=str(error))
        return None
