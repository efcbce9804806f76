"""What the last look at a project saw, and how its last run ended: small files beside the store, lost without harm.

They are about this machine's copy of the project (times of its files), so they are no part of the store, which may be
shared or remote. Where one is missing, damaged, or of another store, the project is only known to be of unknown age.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from aurora_dev.indexing.process_lock import is_held, try_lock
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from aurora_dev.indexing.walker import SourceFile, Visited

__all__ = ["NOT_YET_READ", "Costs", "IndexState", "RunRecord", "Seen", "SeenFile"]

_log = get_logger(__name__)

_FORMAT: Final = 1
_KEY_DIGITS: Final = 12
# A file system's clock ticks: what is written again within one tick keeps its time. A file that was read so soon after
# its last change is read again by the next look, as git does with its index. Linux ticks in up to 10 ms; a time of
# whole seconds comes from a file system that knows no finer ones (FAT: two).
_TICK: Final = 50_000_000
_COARSE_TICK: Final = 2_000_000_000
_UNSURE: Final = -1  # no file has this time


class SeenFile(NamedTuple):
    """A file as it was read.

    Attributes:
        mtime_ns: Of its last change, in nanoseconds since the epoch; -1 where it may have changed again in that tick.
        size: Bytes.
        version: As `file_version` gives it; ``None`` where it was not made into documents.
        wanted: As in `SourceFile`.
    """

    mtime_ns: int
    size: int
    version: str | None
    wanted: bool = False


NOT_YET_READ: Final = SeenFile(_UNSURE, -1, None)
"""A file that was listed and not read."""


@dataclass(slots=True)
class Costs:
    """What looking and indexing took on this machine, in seconds; the starting values are on the safe side.

    Attributes:
        look: Of the last look at all known files and folders.
        update: Of an update whatever its size.
        update_byte: Of an update for each byte of its files.
        history: Of reading the history after a new commit.
    """

    look: float = 0.0
    update: float = 0.03
    update_byte: float = 2e-6
    history: float = 0.08


@dataclass(slots=True)
class Seen:
    """A project as it was last seen.

    Attributes:
        recipe: How files are made into documents; another one makes every file a changed one.
        sequence: The store's, at most: a smaller one is another store, or an older copy of it.
        chunks: Documents of files that the store held.
        files: By path.
        folders: As in `Visited.folders`.
        rules: As in `Visited.rules`.
        links: Whether there are linked files.
        walked_at: Seconds since the epoch, of the last complete walk.
        checked_at: The same, of the last time at which the index was as the project.
        head: What told which commit was the present one when the history was last read.
    """

    recipe: str
    sequence: int = 0
    chunks: int = 0
    files: dict[str, SeenFile] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    links: bool = False
    walked_at: float = 0.0
    checked_at: float = 0.0
    head: str = ""
    costs: Costs = field(default_factory=Costs)

    def note_walk(self, visited: Visited, started_ns: int) -> None:
        """Take over what a walk has visited; a folder that changed just then is looked at again."""
        for folder, mtime_ns in visited.folders.items():
            self.folders[folder] = _sure(mtime_ns, started_ns)
        for rule, mtime_ns in visited.rules.items():
            self.rules[rule] = _sure(mtime_ns, started_ns)
        self.links = self.links or visited.links

    def note_files(self, files: Iterable[SourceFile], versions: Mapping[str, str], started_ns: int) -> None:
        """Take over files as they were listed before they were read."""
        for file in files:
            mtime_ns = _sure(file.mtime_ns, started_ns)
            self.files[file.path] = SeenFile(mtime_ns, file.size, versions.get(file.path), file.wanted)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A complete index run, of which this process or another one made a note.

    Attributes:
        started_at: Seconds since the epoch.
        ended_at: The same; ``None`` while it goes on, and where it was ended by force.
        outcome: ``running``; ``complete``; ``failed`` and ``cancelled`` by what it said itself; ``interrupted`` where
            nobody is at work and no end was noted.
        files_done: Files that it had done when it last said so.
        files_total: Of so many.
        error: What it failed with.
    """

    started_at: float
    ended_at: float | None = None
    outcome: Literal["running", "complete", "failed", "cancelled", "interrupted"] = "running"
    files_done: int = 0
    files_total: int = 0
    error: str | None = None


class IndexState:
    """Reads and writes the state of one project in one namespace of one store.

    Args:
        folder: Where it is kept; made when it is first written. ``None`` keeps it in this process alone.
        namespace: Of the store.
        root: The project's folder.
    """

    def __init__(self, folder: Path | None, namespace: str, root: Path) -> None:
        self.folder = folder
        key = hashlib.sha256(f"{namespace}\0{_place(root, folder)}".encode("utf-8", "surrogatepass")).hexdigest()
        self._key = key[:_KEY_DIGITS]
        self._seen: Seen | None = None
        self._stamp: tuple[int, int] | None = None
        self._run: RunRecord | None = None

    @property
    def lock(self) -> Path | None:
        """The file whose lock an indexing process holds."""
        return self._file("lock")

    @contextmanager
    def hold(self) -> Iterator[bool]:
        """Hold that lock for the block; yield whether it is held: another process may be at work."""
        if self.folder is not None:
            with suppress(OSError):  # where nothing can be written, there is nothing to do at the same time either
                _make(self.folder)
        with try_lock(self.lock) as held:
            yield held

    def seen(self) -> Seen | None:
        """Return what was last seen, by this process or another; ``None`` where that is not known."""
        path = self._file("files.json")
        if path is None:
            return self._seen
        try:
            status = path.stat()
        except OSError:
            if self._stamp is not None:  # somebody has removed it
                self._seen = self._stamp = None
            return self._seen
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._seen = _read_seen(path)
            self._stamp = stamp
        return self._seen

    def save(self, seen: Seen | None) -> None:
        """Keep what was seen; ``None`` forgets it. Where the folder cannot be written, this process alone knows it."""
        self._seen, self._stamp = seen, None
        path = self._file("files.json")
        if path is None:
            return
        try:
            if seen is None:
                path.unlink(missing_ok=True)
            else:
                _write(path, _packed(seen))
                status = path.stat()
                self._stamp = (status.st_mtime_ns, status.st_size)
        except OSError as error:
            _log.info("index_state_not_saved", error=str(error))

    def begin(self) -> None:
        """Note that a complete run has begun."""
        self._note(RunRecord(time.time()))

    def progress(self, done: int, total: int) -> None:
        """Note how far it is."""
        if self._run is not None:
            self._note(replace(self._run, files_done=done, files_total=total))

    def end(self, outcome: Literal["complete", "failed", "cancelled"], error: str | None = None) -> None:
        """Note how it ended."""
        if self._run is not None:
            self._note(replace(self._run, ended_at=time.time(), outcome=outcome, error=error))

    def last_run(self) -> RunRecord | None:
        """Return the last run that anybody made a note of; one that nobody goes on with was interrupted."""
        run = self._noted_run()
        if run is None or run.ended_at is not None or self.folder is None or is_held(self.lock):
            return run
        # It may have ended, or another one begun, since its note was read; the end is noted before the lock is let go.
        again = self._noted_run()
        return replace(run, outcome="interrupted") if again == run else again

    def _noted_run(self) -> RunRecord | None:
        path = self._file("run.json")
        if path is None:
            return self._run
        try:
            return RunRecord(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):  # nobody has made one, or it cannot be read
            return None

    def _note(self, run: RunRecord) -> None:
        self._run = run
        path = self._file("run.json")
        if path is not None:
            try:
                _write(path, json.dumps(asdict(run)))
            except OSError as error:
                _log.info("index_state_not_saved", error=str(error))

    def _file(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{self._key}.{name}"


def _place(root: Path, folder: Path | None) -> str:
    """Return what tells projects of one store apart, and stays when a project is moved with its store."""
    if folder is not None and folder.is_relative_to(root):
        return "."
    return os.path.realpath(root)


def _sure(mtime_ns: int, now_ns: int) -> int:
    tick = _COARSE_TICK if mtime_ns % 1_000_000_000 == 0 else _TICK
    return _UNSURE if mtime_ns > now_ns - tick else mtime_ns


def _packed(seen: Seen) -> str:
    values = asdict(replace(seen, files={}, costs=Costs()))
    values |= {"format": _FORMAT, "files": seen.files, "costs": asdict(seen.costs)}
    return json.dumps(values, separators=(",", ":"), ensure_ascii=True)


def _read_seen(path: Path) -> Seen | None:
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if values.pop("format") != _FORMAT:
            return None
        values["files"] = {name: SeenFile(*file) for name, file in values["files"].items()}
        values["costs"] = Costs(**values["costs"])
        return Seen(**values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # Written by another version, or cut short by a full disk: as if it were not there.
        _log.info("index_state_unreadable", path=str(path))
        return None


def _write(path: Path, text: str) -> None:
    """Write a file as a whole: who reads it meanwhile gets the old one."""
    _make(path.parent)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    """Make the folder; one for the store as well where that is elsewhere, which ignores itself in git."""
    if not folder.parent.is_dir():
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder.parent / ".gitignore").write_text("*\n", "utf-8")
    folder.mkdir(mode=0o700, exist_ok=True)
