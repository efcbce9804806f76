"""Definitions of untrusted source files, found in a worker process that may die.

One worker serves all threads of this process, and is started by the first file. A file that ends the worker, or exceeds
its limits, is remembered by its digest, so that this process does not parse it again.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterable
from typing import Final

from aurora_dev.syntax.definition_finder import Definition
from aurora_dev.syntax.languages import LANGUAGES
from aurora_dev.syntax.worker import Worker, WorkerDiedError, WorkerNotStartedError
from aurora_dev.syntax.worker_main import FOUND, MISSING

__all__ = [
    "GrammarError",
    "GrammarFailedError",
    "GrammarUnavailableError",
    "definitions",
    "find_definitions",
    "remember_failures",
]

_log = logging.getLogger(__name__)

# How long parsing is not tried again after no worker could be started.
_REST: Final = 30.0  # seconds
_MOST_REMEMBERED: Final = 10_000  # digests
_TIMED_OUT: Final = -int(getattr(signal, "SIGPROF", 0)) or None
_WAITED_TOO_LONG: Final = -int(getattr(signal, "SIGALRM", 0)) or None
# Sent from outside, by a person or by a system that runs out of memory.
_FROM_OUTSIDE: Final = frozenset(
    -int(getattr(signal, name)) for name in ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)
)
FAILED: Final = "its grammar failed"
TOOK_TOO_LONG: Final = "its grammar took too long"
_NO_PROCESS: Final = "no process for its grammar could be started"


class GrammarError(Exception):
    """A file was not parsed; the text is the reason, for a report."""


class GrammarFailedError(GrammarError):
    """The grammar fails on this text, and will do so again.

    Attributes:
        digest: Of the language and the text; see `remember_failures`.
    """

    def __init__(self, reason: str, digest: str) -> None:
        super().__init__(reason)
        self.digest = digest


class GrammarUnavailableError(GrammarError):
    """Nothing can be parsed at present; a later attempt may succeed."""


def definitions(source: bytes, language: str) -> list[Definition]:
    """Find the definitions of a source file.

    Of damaged source, the definitions that the error-tolerant parser recognises are returned; no input raises.
    Definitions deep inside function bodies (by language, below depth 5 to 12 of the syntax tree) are left out.

    Args:
        source: The file, in UTF-8; other bytes do no harm.
        language: As returned by `language_of`; an unknown one gives an empty list.

    Returns:
        In the order of the file, each after the one that encloses it. Empty if the file could not be parsed.
    """
    try:
        return find_definitions(source, language)
    except GrammarError:
        return []


def find_definitions(source: bytes, language: str) -> list[Definition]:
    """Find the definitions of a source file, and say if that is not possible; otherwise as `definitions`.

    Raises:
        GrammarFailedError: The grammar crashed on this text, or exceeded the limits of time or memory for one file.
        GrammarUnavailableError: No process could be started, or the machine is too busy.
    """
    declared = LANGUAGES.get(language)
    if declared is None or not declared.definitions or not source.strip():
        return []
    return _guard.find(source, language)


def remember_failures(digests: Iterable[str]) -> None:
    """Add digests of `GrammarFailedError` that an earlier process reported."""
    _guard.remember(digests)


class _Guard:
    """The worker of this process, and the digests of the texts on which grammars failed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._resting_until = float("-inf")
        self._failed: dict[str, str] = {}  # reason by digest
        self._missing: set[str] = set()  # languages whose grammar cannot be loaded

    def find(self, source: bytes, language: str) -> list[Definition]:
        if language in self._missing:
            return []
        # Most processes never see a failure, and need no digests.
        if self._failed and (reason := self._failed.get(digest := _digest(source, language))) is not None:
            raise GrammarFailedError(reason, digest)
        with self._lock:
            status, body = self._ask(source, language)
        if status == MISSING:
            self._missing.add(language)
            _log.warning("%s is cut by lines, not along syntax: %s", language, body.decode("utf-8", "replace"))
            return []
        try:
            if status != FOUND:
                raise ValueError("not a reply")
            return list(map(Definition._make, json.loads(body)))
        except (ValueError, TypeError):
            raise self._failure(source, language, FAILED) from None

    def remember(self, digests: Iterable[str], reason: str = FAILED) -> None:
        for digest in digests:
            if len(self._failed) >= _MOST_REMEMBERED:
                self._failed.pop(next(iter(self._failed)), None)
            self._failed.setdefault(digest, reason)

    def _ask(self, source: bytes, language: str) -> tuple[int, bytes]:
        for attempt in range(2):
            worker = self._started()
            first = worker.answered == 0
            try:
                return worker.ask(language, source)
            except WorkerNotStartedError as error:
                raise self._unavailable(error) from None
            except WorkerDiedError as death:
                if death.code == _TIMED_OUT:
                    raise self._failure(source, language, TOOK_TOO_LONG) from None
                if death.code == _WAITED_TOO_LONG:
                    raise GrammarUnavailableError("parsing it took too long, on a busy machine") from None
                # An earlier file may have damaged the process, or somebody has ended it: a new one tells.
                if attempt or (first and death.code not in _FROM_OUTSIDE):
                    break
        raise self._failure(source, language, FAILED)

    def _started(self) -> Worker:
        if self._worker is not None and self._worker.ended:
            self._worker.kill()  # it has ended already; this closes the pipes
            self._worker = None
        if self._worker is None:
            if time.monotonic() < self._resting_until:
                raise GrammarUnavailableError(_NO_PROCESS)
            try:
                self._worker = Worker()
            except WorkerNotStartedError as error:
                raise self._unavailable(error) from None
        return self._worker

    def _unavailable(self, error: WorkerNotStartedError) -> GrammarUnavailableError:
        self._resting_until = time.monotonic() + _REST
        _log.warning("source is cut by lines, not along syntax: no process can be started (%s)", error)
        return GrammarUnavailableError(_NO_PROCESS)

    def _failure(self, source: bytes, language: str, reason: str) -> GrammarFailedError:
        digest = _digest(source, language)
        self.remember([digest], reason)
        return GrammarFailedError(reason, digest)

    def end(self) -> None:
        """End the worker, at the exit of the interpreter; it has nothing to lose."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()

    def after_fork(self) -> None:
        """Leave the worker to the parent: two processes must not talk to it at once."""
        worker, self._worker, self._lock = self._worker, None, threading.Lock()
        if worker is not None:
            worker.abandon()


def _digest(source: bytes, language: str) -> str:
    return hashlib.sha256(language.encode("ascii") + b"\0" + source).hexdigest()[:32]


_guard = _Guard()
atexit.register(_guard.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_guard.after_fork)
