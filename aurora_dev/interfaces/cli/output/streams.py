"""The two output streams: standard output carries the result, standard error everything that is said about it."""

from __future__ import annotations

import io
import shutil
import sys
import textwrap

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


def wrapped(text: str) -> str:
    """Return lines wrapped to the width of the terminal; unchanged where nobody reads standard output on one."""
    if not stdout_is_terminal():
        return text
    width = shutil.get_terminal_size().columns
    lines = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        lines += textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "\n".join(lines)


def stdout_is_terminal() -> bool:
    """Return whether a person reads standard output."""
    return sys.stdout is not None and sys.stdout.isatty()
