"""The declaration of ``aurora status``."""

from __future__ import annotations

from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import JSONOption, ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit


def status(
    path: ProjectOption = None,
    every_setting: Annotated[
        bool, typer.Option("--all", help="List every setting, not only those that differ from the default.")
    ] = False,
    as_json: JSONOption = False,
) -> None:
    """Show what is stored and what could work better.

    Also shows the models in use, and the settings that differ from their defaults, with their sources.
    """
    from aurora_dev.interfaces.cli.actions.status import run_status

    run_and_exit(lambda: run_status(path, every_setting=every_setting, as_json=as_json))


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(status)
