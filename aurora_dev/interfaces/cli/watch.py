"""``aurora watch``: keeps a project's index current."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import EPILOG, end


def watch(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]",
            help="The project's folder; by default the indexed project around the current folder, else that folder.",
            show_default=False,
        ),
    ] = None,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look every second instead of waiting for events: for network drives.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per batch, each on a line.")] = False,
) -> None:
    """Keep the index current while files change.

    The project is indexed, then followed: what was saved is indexed a moment later, a branch switch as one batch, with
    one line for each. End it with Ctrl-C.
    """
    from aurora_dev.interfaces.cli.actions.watch import run_watch

    end(
        lambda: run_watch(path, poll=poll, as_json=as_json),
        interrupted="the index is as the last batch left it; searches look for later changes themselves",
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(watch)
