"""The dense vectors of a project: made while its memory is open, or by a process of their own behind an index run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from aurora_dev.errors import AuroraError
from aurora_dev.indexing.process_lock import is_held, try_lock
from aurora_dev.log import get_logger

if TYPE_CHECKING:
    from subprocess import Popen

    from aurora_dev.core.contracts import DenseProgress
    from aurora_dev.core.dense.maker import DenseReport
    from aurora_dev.core.vector_store import VectorStore

__all__ = ["DenseMaking", "DenseStatus", "main", "start_process"]

_log = get_logger(__name__)

DenseMode = Literal["auto", "on", "off"]

_LOCK: Final = "dense.lock"
_NICENESS: Final = 15
# Seconds between two looks at whether records have changed: one read of a number.
_LOOK: Final = 1.0
# Seconds after a failed run, which may have needed room on the disk or another process to end.
_RETRY: Final = 60.0
# Seconds between two looks at whether another process still makes the vectors; it may be killed before it is done.
_BUSY: Final = 10.0
_BOOT: Final = "import sys; sys.path[:] = sys.argv[2:]; from aurora_dev.memory.dense import main; main(sys.argv[1])"

# Processes that were started and have not been seen to end: Python warns of one that is forgotten while it runs.
_started: list[Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class DenseStatus:
    """The progress of a project's dense vectors.

    Attributes:
        model: The name of the model that makes them.
        made: Records that have one.
        total: Records that get one.
        running: Whether some process is making them now.
    """

    model: str
    made: int
    total: int
    running: bool


class DenseMaking:
    """Makes the dense vectors of one store, in this process.

    Args:
        store: The store.
        mode: The setting ``dense``.
        folder: A folder for the lock that keeps two processes from making the same vectors; ``None`` does without.
    """

    def __init__(self, store: VectorStore, mode: DenseMode, folder: Path | None) -> None:
        self._store = store
        self._mode = mode
        self._folder = folder
        self._stop = threading.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def lock(self) -> Path | None:
        """The file that a process locks while it makes vectors."""
        return None if self._folder is None else self._folder / _LOCK

    async def status(self, *, begun: bool = False) -> DenseStatus | None:
        """Return how far the vectors are.

        Args:
            begun: Whether somebody has asked for them, so that none is a number too.

        Returns:
            ``None`` if the store keeps none, if its model is missing, or if nobody has asked for any.
        """
        if self._mode == "off" or (self._mode == "auto" and not begun and self._nothing_made()):
            return None
        tier = self._store.dense
        if tier is None:
            return None
        try:
            progress = await self._store.dense_progress()
        except AuroraError as error:
            _log.info("dense.status_unknown", error=str(error))
            return None
        if progress is None:
            return None
        running = await asyncio.to_thread(is_held, self.lock)
        return DenseStatus(tier.embedder.name, progress.made, progress.total, running)

    async def problem(self) -> str | None:
        """Return why the vectors that the settings ask for cannot be made; ``None`` if they can."""
        tier = self._store.dense if self._mode == "on" else None
        try:
            if tier is not None:
                await asyncio.to_thread(lambda: tier.embedder.fingerprint)
        except AuroraError as error:
            return str(error)
        if self._mode == "on" and tier is None:
            return "this store keeps no dense vectors"
        return None

    async def wanted(self) -> bool:
        """Return whether vectors are missing that should be made without being asked for."""
        if self._mode == "off" or (self._mode == "auto" and self._nothing_made()):
            return False
        tier, progress = self._store.dense, await self._store.dense_progress()
        if tier is None or progress is None or progress.complete:
            return False
        # None is left where every record was replaced, as by a run with --full.
        return self._mode == "on" or progress.made > 0 or await asyncio.to_thread(tier.begun)

    def _nothing_made(self) -> bool:
        vectors = self._store.backend.dense
        return vectors is None or vectors.empty

    async def missing(self) -> bool:
        """Return whether any record that gets a dense vector has none."""
        progress = await self._store.dense_progress()
        return progress is not None and not progress.complete

    async def make(
        self,
        report: Callable[[DenseProgress], None] | None = None,
        *,
        workers: int | None = None,
        stop: threading.Event | None = None,
    ) -> DenseReport | None:
        """Make the vectors that are missing, and return what was done.

        Args:
            report: Called after every few vectors, from a worker thread.
            workers: How many texts are embedded at once; ``None`` is one for each core, at most 4.
            stop: Ends the run within half a second when set.

        Returns:
            ``None`` if the store keeps no dense vectors, or another process is making them.
        """
        if self._store.dense is None:
            return None
        if workers is None:
            workers = max(1, min(4, os.cpu_count() or 1))
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with try_lock(self.lock) as held:
            return await self._store.make_dense(report, stop=stop, workers=workers) if held else None

    def keep(self, report: Callable[[DenseProgress], None] | None = None) -> None:
        """Make what is missing in the background from now on, at low priority; a second call does nothing.

        Args:
            report: As in `make`, called from a worker thread.
        """
        if self._task is None and self._mode != "off":
            self._task = asyncio.create_task(self._keep(report), name="aurora-dense")

    async def close(self) -> None:
        """Stop the background work; what was made is kept."""
        task, self._task = self._task, None
        self._stop.set()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    async def _keep(self, report: Callable[[DenseProgress], None] | None) -> None:
        seen: int | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="aurora-dense", initializer=lower_priority) as thread:
            try:
                while not self._stop.is_set():
                    pause = _LOOK
                    try:
                        sequence = (await self._store.stats()).sequence
                        if sequence != seen:
                            if not await self.wanted():
                                # Whether another process has begun is looked up without reading records.
                                seen = None if self._mode == "auto" and self._nothing_made() else sequence
                            elif await asyncio.get_running_loop().run_in_executor(thread, self._locked, report):
                                seen = sequence
                            else:
                                pause = _BUSY
                    except AuroraError as error:
                        _log.warning("dense.not_made", error=str(error))
                        pause = _RETRY
                    await self._sleep(pause)
            finally:
                self._stop.set()  # a cancelled task would wait for the thread until nothing is missing

    def _locked(self, report: Callable[[DenseProgress], None] | None) -> bool:
        """Make what is missing, unless another process does; return whether this one did."""
        tier = self._store.dense
        with try_lock(self.lock) as held:
            if held and tier is not None:
                tier.maker.run(report, self._stop)
            return held

    async def _sleep(self, seconds: float) -> None:
        step = 0.1
        while seconds > 0 and not self._stop.is_set():
            await asyncio.sleep(min(step, seconds))
            seconds -= step


def lower_priority() -> None:
    """Give this thread less of a busy machine, where the system has a priority for a single thread."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def start_process(root: Path) -> bool:
    """Begin to make the dense vectors of a project in a process of their own, which outlives this one.

    The process reads the same settings, has a low priority, uses half of the cores, and ends when nothing is missing.

    Returns:
        Whether it was started; some programs have no interpreter that could run it.
    """
    from subprocess import DEVNULL, Popen

    if not sys.executable or getattr(sys, "frozen", False):
        return False
    package = Path(__file__).parents[2]
    # As for the parsing process: the entry '' of the path would let the project's folder shadow modules.
    command = [sys.executable, "-I", "-S", "-c", _BOOT, str(root.absolute()), *filter(None, sys.path), str(package)]
    # CREATE_NO_WINDOW, CREATE_NEW_PROCESS_GROUP and BELOW_NORMAL_PRIORITY_CLASS
    flags = 0x08000000 | 0x00000200 | 0x00004000 if sys.platform == "win32" else 0
    _started[:] = [process for process in _started if process.poll() is None]
    try:
        process = Popen(
            command,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            cwd=package,  # not the project's folder, which could then not be deleted on Windows
            creationflags=flags,
            start_new_session=True,  # Ctrl-C in the terminal is not meant for it
        )
    except OSError as error:
        _log.info("dense.process_not_started", error=str(error))
        return False
    _started.append(process)
    return True


def main(root: str) -> None:
    """Make the dense vectors of a project; the body of the process that `start_process` starts."""
    from aurora_dev.config import Settings
    from aurora_dev.core.factory import backend_kind
    from aurora_dev.memory import Memory

    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.nice(_NICENESS)

    async def work() -> None:
        settings = Settings.load(Path(root))
        if not backend_kind(settings.backend).exists(settings.store_path(Path(root))):
            return  # deleted since; opening it would make an empty one
        async with Memory.open(root, settings=settings) as memory:
            await memory.dense.make(workers=max(1, min(4, os.cpu_count() or 1) // 2))

    try:
        asyncio.run(work())
    except AuroraError as error:
        _log.warning("dense.not_made", error=str(error))
