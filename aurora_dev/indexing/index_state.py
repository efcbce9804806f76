"""The state of a project's index: its snapshot and the record of its last run, in small files beside the store.

The files describe this machine's copy of the project (times of its files), so they are not part of the store, which may
be shared or remote. They can be deleted without harm: without them the age of the index is unknown.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal, get_args

from aurora_dev.indexing.chunking.grammar_failures import GrammarFailures
from aurora_dev.indexing.process_lock import is_held, try_lock
from aurora_dev.indexing.snapshot import ProjectSnapshot, pack_snapshot, read_snapshot
from aurora_dev.log import get_logger
from aurora_dev.regular_files import read_regular, write_new

__all__ = ["IndexState", "RunRecord"]

_log = get_logger(__name__)

_KEY_DIGITS: Final = 12
_MOST_RUN: Final = 1024 * 1024  # bytes of the record of a run, which holds one error message

Outcome = Literal["running", "complete", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The record of a complete index run, by this process or another one.

    Attributes:
        started_at: Seconds since the epoch.
        ended_at: Seconds since the epoch; ``None`` while it runs, or if it was killed.
        outcome: ``running``; ``complete``; ``failed`` and ``cancelled`` as recorded by the run itself; ``interrupted``
            if it recorded no end and no process is indexing.
        files_done: Number of finished files, as last recorded.
        files_total: Number of files.
        error: The error of a failed run.
    """

    started_at: float
    ended_at: float | None = None
    outcome: Outcome = "running"
    files_done: int = 0
    files_total: int = 0
    error: str | None = None


class IndexState:
    """Reads and writes the state of one project in one namespace of one store.

    Args:
        folder: The folder of the files; created by the first write. ``None`` keeps the state in memory.
        namespace: The namespace of the store.
        root: The project's folder.

    Attributes:
        failures: The files on which a grammar failed.
    """

    def __init__(self, folder: Path | None, namespace: str, root: Path) -> None:
        self.folder = folder
        key = hashlib.sha256(f"{namespace}\0{_project_key(root, folder)}".encode("utf-8", "surrogatepass")).hexdigest()
        self._key = key[:_KEY_DIGITS]
        self._snapshot: ProjectSnapshot | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._run: RunRecord | None = None
        self.failures = GrammarFailures(self._file("grammars.json"))

    @property
    def lock(self) -> Path | None:
        """The file that an indexing process locks."""
        return self._file("lock")

    @contextmanager
    def hold(self) -> Iterator[bool]:
        """Lock `lock` for the block, and yield whether that succeeded: another process may be indexing."""
        if self.folder is not None:
            with suppress(OSError):  # without a writable folder there is nothing to protect
                _make_folder(self.folder)
        with try_lock(self.lock) as held:
            yield held

    def snapshot(self) -> ProjectSnapshot | None:
        """Return the snapshot that this process or another one saved last; ``None`` if there is none."""
        path = self._file("files.json")
        if path is None:
            return self._snapshot
        try:
            status = path.stat()
        except OSError:
            if self._stamp is not None:  # the file was deleted
                self._snapshot = self._stamp = None
            return self._snapshot
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp != self._stamp:
            self._snapshot = read_snapshot(path)
            self._stamp = stamp
        return self._snapshot

    def save(self, snapshot: ProjectSnapshot | None) -> None:
        """Save a snapshot; ``None`` deletes it. If the folder cannot be written, only this process knows it."""
        self._snapshot, self._stamp = snapshot, None
        path = self._file("files.json")
        if path is None:
            return
        try:
            if snapshot is None:
                path.unlink(missing_ok=True)
            else:
                _write(path, pack_snapshot(snapshot))
                status = path.stat()
                self._stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError as error:
            _log.info("index_state_not_saved", error=str(error))

    def begin(self) -> None:
        """Record the start of a complete run."""
        self._save_run(RunRecord(time.time()))

    def progress(self, done: int, total: int) -> None:
        """Record the progress of the run."""
        if self._run is not None:
            self._save_run(replace(self._run, files_done=done, files_total=total))

    def end(self, outcome: Literal["complete", "failed", "cancelled"], error: str | None = None) -> None:
        """Record the end of the run."""
        if self._run is not None:
            self._save_run(replace(self._run, ended_at=time.time(), outcome=outcome, error=error))

    def last_run(self) -> RunRecord | None:
        """Return the record of the last run of any process; ``None`` if there is none."""
        run = self._read_run()
        if run is None or run.ended_at is not None or self.folder is None or is_held(self.lock):
            return run
        # It may have ended, or another one begun, since the record was read: a run records its end before it unlocks.
        again = self._read_run()
        return replace(run, outcome="interrupted") if again == run else again

    def _read_run(self) -> RunRecord | None:
        path = self._file("run.json")
        if path is None:
            return self._run
        try:
            return _run_of(json.loads(read_regular(path, _MOST_RUN)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, RecursionError) as error:
            _log.info("index_state_unreadable", path=str(path), error=str(error))
            return None

    def _save_run(self, run: RunRecord) -> None:
        self._run = run
        path = self._file("run.json")
        if path is not None:
            try:
                _write(path, json.dumps(asdict(run)))
            except OSError as error:
                _log.info("index_state_not_saved", error=str(error))

    def _file(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{self._key}.{name}"


def _run_of(values: object) -> RunRecord:
    """Return the record with these values.

    Raises:
        TypeError, ValueError: They are not those of a record.
    """
    if not isinstance(values, dict):
        raise TypeError("not an object")
    run = RunRecord(**values)
    numbers = (run.started_at, run.ended_at or 0.0, run.files_done, run.files_total)
    if not all(isinstance(number, int | float) for number in numbers) or run.outcome not in get_args(Outcome):
        raise ValueError("not the record of a run")
    return run


def _project_key(root: Path, folder: Path | None) -> str:
    """Return a text that tells the projects of one store apart and survives moving a project with its store."""
    if folder is not None and folder.is_relative_to(root):
        return "."
    return os.path.realpath(root)


def _write(path: Path, text: str) -> None:
    """Replace a file atomically: a concurrent reader gets the old content or the new one."""
    _make_folder(path.parent)
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        write_new(temporary, text.encode("utf-8"))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Create the folder, and the store's folder above it if the store is elsewhere; git ignores the latter."""
    if not folder.parent.is_dir():
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            write_new(folder.parent / ".gitignore", b"*\n")
    folder.mkdir(mode=0o700, exist_ok=True)
