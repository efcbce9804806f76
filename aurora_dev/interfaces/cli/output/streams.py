"""The two output streams: standard output carries the result, standard error everything that is said about it."""

from __future__ import annotations

import io
import sys

from aurora_dev.core.text.visible import visible


def escape_unencodable_text() -> None:
    """Make both streams escape characters that their encoding lacks, instead of failing in the middle of a text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print a line for a person to standard error."""
    if sys.stderr is not None:
        print(visible(text, keep_newlines=True), file=sys.stderr, flush=True)


def print_text(text: str, end: str = "\n") -> None:
    """Print a result to standard output."""
    if sys.stdout is not None:
        sys.stdout.write(text + end)
        sys.stdout.flush()


def stdout_is_terminal() -> bool:
    """Return whether a person reads standard output."""
    return sys.stdout is not None and sys.stdout.isatty()
