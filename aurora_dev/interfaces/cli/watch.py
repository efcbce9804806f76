"""The declaration of ``aurora watch``."""

from __future__ import annotations

from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import ProjectArgument, WholeFolderOption
from aurora_dev.interfaces.cli.runner import run_and_exit


def watch(
    path: ProjectArgument = None,
    poll: Annotated[
        bool,
        typer.Option(
            "--poll", help="Check for changes every second instead of waiting for events: for network drives."
        ),
    ] = False,
    yes: WholeFolderOption = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per batch, on a line of its own.")
    ] = False,
) -> None:
    """Keep the index up to date while files change.

    Indexes the project, then follows it: saved files are indexed a moment later, a branch switch in one batch. Prints a
    line for each batch. Stop it with Ctrl-C.
    """
    from aurora_dev.interfaces.cli.actions.watch import run_watch

    run_and_exit(
        lambda: run_watch(path, poll=poll, yes=yes, as_json=as_json),
        interrupted="the index has every batch so far; searches find later changes themselves",
    )


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(watch)
