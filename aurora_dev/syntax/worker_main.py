"""The worker process: parses source files that its parent sends, one at a time, until the parent closes the pipe.

Grammars are C code that reads untrusted text: a file may crash its parser or keep it busy for hours. Here it ends this
process only. The parent (`aurora_dev.syntax.worker`) sees that, and starts another one.

Frames: a request is `REQUEST` (lengths of the language's name and of the source), then both. A reply is `REPLY` (a
status and the length of the body), then the body: for `FOUND` a JSON list of definitions, for `MISSING` the reason why
the grammar cannot be loaded.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from contextlib import suppress
from typing import BinaryIO, Final

__all__ = ["CPU_SECONDS", "CPU_SECONDS_PER_MIB", "FOUND", "MISSING", "READY", "REPLY", "REQUEST", "main"]

REQUEST: Final = struct.Struct("<HI")
REPLY: Final = struct.Struct("<BI")
READY: Final = 0
FOUND: Final = 1
MISSING: Final = 2

# Limits for one file. The largest ordinary files (1 MiB) take about a second of CPU time on a slow machine.
CPU_SECONDS: Final = 1.0
CPU_SECONDS_PER_MIB: Final = 5.0
# By the clock, for a grammar that waits instead of computing; far above the CPU time, for busy machines.
_CLOCK_FACTOR: Final = 60.0
# Starting includes importing and, per language, loading a grammar and compiling a query: trusted, but bounded.
_START_SECONDS: Final = 120.0
_MOST_MEMORY: Final = 2 << 30  # bytes of address space; the tree of an ordinary file of 1 MiB takes 100 MB


def main() -> None:
    """Read requests from standard input and write replies to standard output, until the input ends."""
    # Whatever a library prints must not become part of a reply.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = sys.stdin.buffer
    _limit_process()
    _limit_file(None)
    from aurora_dev.syntax.definition_finder import parse_definitions
    from aurora_dev.syntax.grammars import load_grammar, why_not_loaded

    _send(replies, READY)
    while len(header := requests.read(REQUEST.size)) == REQUEST.size:
        name_size, size = REQUEST.unpack(header)
        language = requests.read(name_size).decode("ascii")
        source = requests.read(size)
        if len(source) < size:
            break  # the parent has ended
        _limit_file(None)
        if load_grammar(language) is None:
            _send(replies, MISSING, why_not_loaded(language).encode("utf-8", "replace"))
            continue
        _limit_file(size)
        body = json.dumps(parse_definitions(source, language)).encode("ascii")
        _unlimit_file()
        _send(replies, FOUND, body)


def _send(replies: BinaryIO, status: int, body: bytes = b"") -> None:
    _unlimit_file()
    replies.write(REPLY.pack(status, len(body)) + body)
    replies.flush()


if sys.platform == "win32":

    def _limit_process() -> None:
        import ctypes

        # No dialog after a crash: SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX.
        ctypes.windll.kernel32.SetErrorMode(0x0001 | 0x0002 | 0x8000)

    def _limit_file(size: int | None) -> None:
        import faulthandler

        # Windows has no timers that end a process. This watchdog is a thread in C, which needs no interpreter lock.
        seconds = _START_SECONDS if size is None else _CLOCK_FACTOR * _cpu_seconds(size)
        faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)

    def _unlimit_file() -> None:
        import faulthandler

        faulthandler.cancel_dump_traceback_later()

else:

    def _limit_process() -> None:
        import resource

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent; this process ends with its pipe
        # Without a handler these signals end the process, whatever C code is running. The parent may have changed that.
        for number in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF, signal.SIGALRM})
        for limit, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, _MOST_MEMORY)):
            with suppress(ValueError, OSError):  # macOS refuses the second one
                hard = resource.getrlimit(limit)[1]
                allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(limit, (allowed, hard))

    def _limit_file(size: int | None) -> None:
        cpu = 0.0 if size is None else _cpu_seconds(size)
        signal.setitimer(signal.ITIMER_PROF, cpu)
        signal.setitimer(signal.ITIMER_REAL, _START_SECONDS if size is None else _CLOCK_FACTOR * cpu)

    def _unlimit_file() -> None:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _cpu_seconds(size: int) -> float:
    return CPU_SECONDS + CPU_SECONDS_PER_MIB * size / (1 << 20)
