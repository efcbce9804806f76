"""Models that are loaded once per process, and used from one thread."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from aurora_dev.errors import ModelLoadError

Model = TypeVar("Model")
Result = TypeVar("Result")


class Cancelled(Exception):
    """The caller of a job went away, so the rest of the job is dropped."""


class SharedModel(Generic[Model]):
    """One model, loaded on first use under a lock, and one thread that all of its users queue for.

    A model uses every core by itself: two threads in it at once are slower than one after the other, and most
    tokenizers forbid it. The thread is not a daemon: a process that ends lets a load or a batch finish, since stopping
    native code half-way crashes the interpreter. Queued jobs of callers that went away are dropped.

    Args:
        load: Builds the model; called again only if an earlier call failed.
        name: The name of the thread.

    Attributes:
        attempts: Finished attempts to load.
        failure: The text of the error of the last attempt, ``None`` after a success. Only the text: an exception would
            keep the frames of the load alive.
        load_seconds: The seconds that loading took; ``None`` while the model is not loaded.
    """

    def __init__(self, load: Callable[[], Model], name: str) -> None:
        self._load = load
        self._name = name
        self._model: Model | None = None
        self.attempts = 0
        self.failure: str | None = None
        self.load_seconds: float | None = None
        self._prefetched = False
        self._renew()
        _renewed_after_fork.add(self)

    def _renew(self) -> None:
        # The child of a fork has no threads of its parent, and may have inherited a lock that one of them held.
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._name)

    @property
    def loaded(self) -> Model | None:
        """The model if it is loaded, else ``None``; never loads it."""
        return self._model

    def get(self, seen: int | None = None) -> Model:
        """Return the model, and load it first if it is not loaded.

        Args:
            seen: `attempts` when the caller began to wait. A caller that waited for an attempt gets its error, so that
                fifty searches do not try a server that cannot be reached one after the other.

        Raises:
            ModelLoadError: An attempt failed while the caller waited.
            Exception: The error of ``load``; its text is kept in ``failure`` until an attempt succeeds.
        """
        if self._model is not None:
            return self._model
        seen = self.attempts if seen is None else seen
        with self._lock:
            if self._model is not None:
                return self._model
            if self.failure is not None and self.attempts != seen:
                raise ModelLoadError(self.failure)
            begun = time.perf_counter()
            try:
                self._model = self._load()
            except Exception as error:  # raised again: only the text is kept
                self.failure = str(error)
                raise
            finally:
                self.attempts += 1
            self.failure = None
            self.load_seconds = time.perf_counter() - begun
            return self._model

    def prefetch(self) -> None:
        """Begin to load the model in its thread, once; errors reach the callers of `get`."""
        if not self._prefetched and self._model is None:
            self._prefetched = True
            self._executor.submit(self.get)

    def run(self, job: Callable[[threading.Event], Result]) -> Result:
        """Run a job in the model's thread and wait for it; the job's event is set when the caller stops waiting."""
        abandoned = threading.Event()
        try:
            return self._executor.submit(job, abandoned).result()
        except BaseException:  # an interrupt, too, has to stop the job
            abandoned.set()
            raise

    async def run_async(self, job: Callable[[threading.Event], Result]) -> Result:
        """Run a job in the model's thread without blocking the event loop; cancelling drops or stops the job."""
        abandoned = threading.Event()
        try:
            return await asyncio.wrap_future(self._executor.submit(job, abandoned))
        except asyncio.CancelledError:
            abandoned.set()
            raise


_renewed_after_fork: weakref.WeakSet[SharedModel[Any]] = weakref.WeakSet()
_models: dict[Hashable, SharedModel[object]] = {}
_models_lock = threading.Lock()


def shared_model(key: Hashable, load: Callable[[], Model], name: str) -> SharedModel[Model]:
    """Return the model of a key, shared by the process; ``load`` is that of the first call with the key."""
    with _models_lock:
        if key not in _models:
            _models[key] = SharedModel(load, name)
        return _models[key]  # type: ignore[return-value]  # one key always loads one type


def forget_models() -> None:
    """Forget every shared model, so that the next instance loads its own; instances keep the one that they hold."""
    with _models_lock:
        _models.clear()


def _after_fork() -> None:
    global _models_lock
    _models_lock = threading.Lock()
    for model in list(_renewed_after_fork):
        model._renew()


with contextlib.suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
