"""The declaration of ``aurora doctor``."""

from __future__ import annotations

import typer

from aurora_dev.interfaces.cli.options import JSONOption, ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit


def doctor(path: ProjectOption = None, as_json: JSONOption = False) -> None:
    """Check everything and show how to fix what is wrong.

    Checks settings, models, a search in a temporary folder, the project's store, git, extras and connected assistants.
    """
    from aurora_dev.interfaces.cli.actions.doctor import run_doctor

    run_and_exit(lambda: run_doctor(path, as_json=as_json))


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(doctor)
