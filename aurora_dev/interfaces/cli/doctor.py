"""The command ``aurora doctor``."""

from __future__ import annotations

import typer

from aurora_dev.interfaces.cli.options import EPILOG, JSONOption, ProjectOption, end


def doctor(path: ProjectOption = None, as_json: JSONOption = False) -> None:
    """Check everything, and say how to fix what is wrong.

    Settings, models, a trial search in a folder of its own, the project's store, git, extras and connected assistants.
    """
    from aurora_dev.interfaces.cli.actions.doctor import run_doctor

    end(lambda: run_doctor(path, as_json=as_json))


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(epilog=EPILOG)(doctor)
