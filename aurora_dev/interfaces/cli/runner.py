"""Run a command: its exit code, and errors as one line on standard error instead of a traceback."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable

import typer

from aurora_dev.errors import AuroraError
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_OK, exit_code_of
from aurora_dev.interfaces.cli.output.streams import say

# Windows reports a reader that has gone as EINVAL.
_READER_GONE = {errno.EPIPE, errno.EINVAL} if os.name == "nt" else {errno.EPIPE}


def run_and_exit(command: Callable[[], int], *, interrupted: str = "") -> None:
    """Run a command and exit with its exit code; see `run_command`."""
    raise typer.Exit(run_command(command, interrupted=interrupted))


def run_command(command: Callable[[], int], *, interrupted: str = "") -> int:
    """Run a command and return its exit code; an error is reported as a line on standard error.

    Args:
        command: Returns an exit code.
        interrupted: What was kept and what to do next, for the message after an interruption (Ctrl-C).
    """
    try:
        code = command()
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        # After a second Ctrl-C, asyncio would log the tasks that are left behind.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
        say(f"aurora: interrupted{'; ' + interrupted if interrupted else ''}")
        return EXIT_INTERRUPTED
    except OSError as error:
        if isinstance(error, AuroraError) or error.errno not in _READER_GONE:
            return _report(error)
        # The reader of a pipe has gone (`| head`), which is not a failure. The interpreter flushes standard output once
        # more at exit, so point it to something that accepts the rest.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:  # noqa: BLE001 - whatever happens, print a sentence and return an exit code
        return _report(error)


def _report(error: Exception) -> int:
    from aurora_dev.core.text.secrets import mask_secrets

    text = mask_secrets(str(error))[0]  # the message of a library may quote an address with its password
    code = exit_code_of(error)
    if code == EXIT_INTERNAL:
        say(f"aurora: unexpected {type(error).__name__}: {text}. This is a defect in Aurora; what was stored is kept")
        say("aurora: set AURORA_LOG=debug to see where it happened")
    else:
        say(f"aurora: {text}")
    if logging.getLogger("aurora_dev").isEnabledFor(logging.DEBUG):
        import traceback

        say(mask_secrets("".join(traceback.format_exception(error)))[0])
    return code
