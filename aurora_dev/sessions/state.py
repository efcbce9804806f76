"""The place up to which each transcript was read: a small file for each, beside the store.

The state saves work and is not the truth: without it, transcripts are read again from the start, and the same records
come out. It is written after the records that it speaks of.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from aurora_dev.indexing.process_lock import try_lock
from aurora_dev.log import get_logger
from aurora_dev.regular_files import read_regular, write_new

__all__ = ["CaptureState", "transcript_key"]

_log = get_logger(__name__)

_MOST_BYTES: Final = 8 * 1024 * 1024  # of one state
_KEY_DIGITS: Final = 24
_PROJECT: Final = "project.json"
_MOST_FOREIGN: Final = 50_000
_MOST_FOLDERS: Final = 500
_PATIENCE: Final = 5.0  # seconds to wait for another process that writes what is known of the project
_LOCK_INTERVAL: Final = 0.02  # seconds


def transcript_key(path: str) -> str:
    """Return a short name for a transcript, which its records carry too."""
    return hashlib.sha256(os.path.normcase(path).encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_DIGITS]


class CaptureState:
    """The states of a project's transcripts.

    Args:
        folder: The folder of the states, made when it is needed; ``None`` keeps them in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._kept: dict[str, dict[str, Any]] = {}

    def read(self, key: str) -> dict[str, Any]:
        """Return a state; an unknown or damaged one is empty."""
        if self.folder is None:
            return dict(self._kept.get(key, {}))
        try:
            found = json.loads(read_regular(self.folder / f"{key}.json", _MOST_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            _log.info("session_state_unreadable", key=key, error=str(error))
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, key: str, state: dict[str, Any]) -> None:
        """Replace a state: a concurrent reader gets the old one or the new one. A failure costs time, not data."""
        if self.folder is None:
            self._kept[key] = json.loads(json.dumps(state))
            return
        text = json.dumps(state, ensure_ascii=True, separators=(",", ":"))
        path = self.folder / f"{key}.json"
        temporary = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
        try:
            self._make_folder()
            try:
                write_new(temporary, text.encode("utf-8"))
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            _log.info("session_state_not_saved", key=key, error=str(error))

    def keys(self) -> list[str]:
        """Return the names of all states."""
        if self.folder is None:
            return sorted(self._kept)
        try:
            names = [path.name for path in self.folder.iterdir()]
        except OSError:
            return []
        return sorted(name[:-5] for name in names if name.endswith(".json") and name != _PROJECT)

    @contextmanager
    def lock(self, key: str) -> Iterator[bool]:
        """Lock a transcript against other processes for the block, without waiting; yield whether that worked."""
        if self.folder is None:
            yield True
            return
        with suppress(OSError):
            self._make_folder()
        with try_lock(self.folder / f"{key}.lock") as held:
            yield held

    def read_project(self) -> tuple[dict[str, int], list[str], set[str]]:
        """Return what is known beyond single transcripts.

        Returns:
            The transcripts of other projects with the size at which they were looked at; the folders of the project
            and its worktrees; the ids of forgotten sessions.
        """
        state = self.read(_PROJECT.removesuffix(".json"))
        foreign, folders, forgotten = state.get("foreign"), state.get("folders"), state.get("forgotten")
        return (
            {k: v for k, v in foreign.items() if isinstance(v, int)} if isinstance(foreign, dict) else {},
            [f for f in folders if isinstance(f, str)] if isinstance(folders, list) else [],
            {f for f in forgotten if isinstance(f, str)} if isinstance(forgotten, list) else set(),
        )

    def write_project(self, foreign: dict[str, int], folders: list[str]) -> None:
        """Replace what `read_project` returns, but for the forgotten sessions, which another process may have added."""
        with self._project() as forgotten:
            self._write_project(foreign, folders, forgotten)

    def forget(self, session: str) -> None:
        """Remember that a session is never taken in again."""
        with self._project() as forgotten:
            foreign, folders, _ = self.read_project()
            self._write_project(foreign, folders, forgotten | {session})

    @contextmanager
    def _project(self) -> Iterator[set[str]]:
        """Lock what is known of the project for the block, and yield the ids of forgotten sessions."""
        waited = time.monotonic() + _PATIENCE
        while True:
            with self.lock("project") as held:
                if held or time.monotonic() > waited:
                    yield self.read_project()[2]
                    return
            time.sleep(_LOCK_INTERVAL)  # in a worker thread; a file lock has no way to wait for a limited time

    def _write_project(self, foreign: dict[str, int], folders: list[str], forgotten: set[str]) -> None:
        kept = dict(list(foreign.items())[-_MOST_FOREIGN:])
        state = {"foreign": kept, "folders": folders[-_MOST_FOLDERS:], "forgotten": sorted(forgotten)}
        self.write(_PROJECT.removesuffix(".json"), state)

    def _make_folder(self) -> None:
        assert self.folder is not None
        if not self.folder.is_dir():
            store = self.folder.parent.parent
            if not store.is_dir():
                store.mkdir(mode=0o700, parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    write_new(store / ".gitignore", b"*\n")
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
