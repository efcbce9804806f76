"""``aurora hook EVENT``: the program that an assistant runs at fixed moments of a session.

It has its own entry point, because the command line and the store take longer to load than a prompt may wait. It never
disturbs the assistant: it always exits with 0, prints nothing but its answer, ends itself when its time is up, and
writes failures to a log that ``aurora doctor`` reads.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from aurora_dev.interfaces.hooks.formats import EVENTS, Event, HookInput, read_input, rendered
from aurora_dev.interfaces.hooks.journal import Run, SessionState, note_active, write_log

if TYPE_CHECKING:
    from aurora_dev.interfaces.hooks.place import Place

__all__ = ["main"]

_LARGEST_INPUT: Final = 8 * 1024 * 1024  # bytes; a prompt may quote whole files
_LIMITS: Final[dict[str, float]] = {"session-start": 4.0}  # seconds; clients wait 30 or 60
_LIMIT: Final = 2.0


def main(arguments: Sequence[str]) -> int:
    """Run a hook; always return 0.

    Args:
        arguments: An event, and ``--client NAME``.
    """
    started = time.time()
    client = arguments[arguments.index("--client") + 1] if "--client" in arguments[:-1] else "plain"
    event = next((each for each in EVENTS if each in arguments[:1]), None)
    if event is None:
        return 0
    work = _Work(event, client, started)
    watch = threading.Timer(_LIMITS.get(event, _LIMIT), work.give_up)
    watch.daemon = True
    watch.start()
    try:
        answer = work.answer()
    except Exception as error:  # noqa: BLE001 - whatever happens, the assistant goes on
        work.failed(f"{type(error).__name__}: {error}")
        answer = work.empty()
    watch.cancel()
    if work.may_answer():
        _write(answer)
    return 0


class _Work:
    """One run of a hook."""

    def __init__(self, event: Event, client: str, started: float) -> None:
        self._event = event
        self._client = client
        self._started = started
        self._state = ""  # the folder of the log, once it is known
        self._answered = threading.Lock()

    def answer(self) -> str:
        """Return what to print."""
        data = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read(_LARGEST_INPUT + 1)
        if len(data) > _LARGEST_INPUT:
            raise ValueError(f"its input is larger than {_LARGEST_INPUT:,} bytes")
        try:
            call = read_input(self._client, self._event, data)
        except ValueError:
            self._find(os.getcwd())  # noqa: PTH109
            raise
        text, outcome = self._run(call)
        self._log(outcome, failed=False)
        return rendered(call, text)

    def empty(self) -> str:
        """Return what to print after a failure: that nothing is added."""
        return rendered(HookInput(self._event, self._client, "", "", "", None, ""), "")

    def failed(self, why: str) -> None:
        """Write a failure to the log."""
        self._log(why, failed=True)

    def may_answer(self) -> bool:
        """Return True to the first caller: two answers, from two threads, would be none that a client can read."""
        return self._answered.acquire(blocking=False)

    def give_up(self) -> None:
        """End the process, from another thread: the time is up."""
        if not self.may_answer():
            return
        _write(self.empty())
        self._log("it took too long and was ended", failed=True)
        os._exit(0)

    def _run(self, call: HookInput) -> tuple[str, str]:
        place = self._find(call.folder)
        if place is None:
            return "", ""
        if call.event in ("prompt", "session-start"):
            note_active(place.state, call.session, time.time())
        if call.event == "prompt":
            from aurora_dev.interfaces.hooks.prompt import text_for_prompt

            text, ids = text_for_prompt(place, call)
            return text, f"added {len(ids)}"
        from aurora_dev.interfaces.hooks.capture import start_capture

        if call.event == "session-start":
            from aurora_dev.interfaces.hooks.briefing import text_for_start

            text, ids = text_for_start(place, call)
            return text, f"added {len(ids)}, {start_capture(place, None, always=False)}"
        if call.event == "pre-compact":
            SessionState(place.state, call.session).forget(time.time())
        return "", start_capture(place, call.transcript, always=call.event != "stop")

    def _find(self, folder: str) -> Place | None:
        from aurora_dev.interfaces.hooks.place import find_place

        place = find_place(folder)
        if place is not None:
            self._state = place.state
        return place

    def _log(self, outcome: str, *, failed: bool) -> None:
        if self._state and outcome:
            spent = round(1000 * (time.time() - self._started))
            write_log(self._state, Run(self._started, self._event, self._client, spent, failed, outcome))


def _write(answer: str) -> None:
    """Write the answer in one go; the reader may have gone."""
    if answer and sys.stdout is not None:
        try:
            sys.stdout.buffer.write(answer.encode("utf-8", "replace") + b"\n")
            sys.stdout.buffer.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
