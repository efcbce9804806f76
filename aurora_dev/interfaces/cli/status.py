"""The declaration of ``aurora status``."""

from __future__ import annotations

import typer

from aurora_dev.interfaces.cli.options import EPILOG, JSONOption, ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit


def status(path: ProjectOption = None, as_json: JSONOption = False) -> None:
    """Show what is stored and what could work better.

    Also shows the models in use, and each setting with its source.
    """
    from aurora_dev.interfaces.cli.actions.status import run_status

    run_and_exit(lambda: run_status(path, as_json=as_json))


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog=EPILOG)(status)
