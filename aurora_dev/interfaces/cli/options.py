"""What the commands of the command line share: the options that mean the same in each, and how a command ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from aurora_dev.interfaces.cli.output.process import EXIT_CODES, guarded

EPILOG = "Exit codes:\n\n\b\n" + "\n".join(f"{code:>4}  {meaning}" for code, meaning in EXIT_CODES)

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--path",
        "-p",
        metavar="PROJECT",
        help="A folder of the project; by default the current one.",
        show_default=False,
    ),
]
JSONOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output, and nothing else.")]


def end(command: Callable[[], int], *, interrupted: str = "") -> None:
    """Run a command and leave with its exit code; errors become one line on standard error."""
    raise typer.Exit(guarded(command, interrupted=interrupted))
