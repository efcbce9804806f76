"""How a command line ends: exit codes, errors without tracebacks, and streams that keep to their purpose.

Standard output carries what was asked for and nothing else; everything that is said about it goes to standard error.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
from collections.abc import Callable

from aurora_dev.errors import (
    AuroraError,
    ConfigurationError,
    EmbeddingError,
    InvalidRequestError,
    MissingDependencyError,
    ModelLoadError,
    RerankError,
)
from aurora_dev.interfaces.cli.output.lines import visible

EXIT_OK = 0
EXIT_NOTHING_FOUND = 1
EXIT_USAGE = 2  # also what argument parsers use
EXIT_STORE = 3
EXIT_MODEL = 4
EXIT_BELOW = 5
EXIT_PROBLEMS = 6
EXIT_INTERNAL = 70  # EX_SOFTWARE of sysexits.h
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it

EXIT_CODES = (
    (EXIT_OK, "done"),
    (EXIT_NOTHING_FOUND, "search: nothing was found"),
    (EXIT_USAGE, "the request or a setting is wrong"),
    (EXIT_STORE, "a problem with the store, the index or the project's files"),
    (EXIT_MODEL, "a model or a dependency is missing or failed"),
    (EXIT_BELOW, "eval: a figure is below a threshold of --min"),
    (EXIT_PROBLEMS, "doctor: there is a problem"),
    (EXIT_INTERNAL, "a defect in Aurora"),
    (EXIT_INTERRUPTED, "interrupted"),
)

# Windows reports a reader that has gone as EINVAL.
_READER_GONE = {errno.EPIPE, errno.EINVAL} if os.name == "nt" else {errno.EPIPE}


def exit_code(error: BaseException) -> int:
    """Return the exit code of an error."""
    if isinstance(error, MissingDependencyError | ModelLoadError | EmbeddingError | RerankError):
        return EXIT_MODEL
    if isinstance(error, InvalidRequestError | ConfigurationError):
        return EXIT_USAGE
    # The system's own errors get here from the streams (a full disk under `> file`) and the project's files.
    return EXIT_STORE if isinstance(error, AuroraError | OSError) else EXIT_INTERNAL


def prepare_streams() -> None:
    """Make both streams write any text: what an encoding lacks is escaped, instead of failing in the middle."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Write a line for the person at the terminal: to standard error."""
    if sys.stderr is not None:
        print(visible(text, keep_newlines=True), file=sys.stderr, flush=True)


def guarded(command: Callable[[], int], *, interrupted: str = "") -> int:
    """Run a command and turn whatever happens to it into a line on standard error and an exit code.

    Args:
        command: Returns an exit code.
        interrupted: What was kept, and what to do next, where the person interrupts it.
    """
    try:
        code = command()
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        # Impatient people press Ctrl-C again, and asyncio would complain of the tasks that this leaves behind.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
        say(f"aurora: interrupted{'; ' + interrupted if interrupted else ''}")
        return EXIT_INTERRUPTED
    except OSError as error:
        if isinstance(error, AuroraError) or error.errno not in _READER_GONE:
            return _failed(error)
        # The reader of a pipe had enough (`| head`), which is no failure. The interpreter flushes once more when it
        # exits: give it something to flush to.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:  # the last line of defence: a person gets a sentence and a script an exit code
        return _failed(error)


def _failed(error: Exception) -> int:
    code = exit_code(error)
    if code == EXIT_INTERNAL:
        say(f"aurora: unexpected {type(error).__name__}: {error}. This is a defect in Aurora; what was stored is kept")
        say("aurora: set AURORA_LOG=debug to see where it happened")
    else:
        say(f"aurora: {error}")
    if logging.getLogger("aurora_dev").isEnabledFor(logging.DEBUG):
        import traceback

        say("".join(traceback.format_exception(error)))
    return code
