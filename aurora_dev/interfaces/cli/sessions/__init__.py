"""The declaration of ``aurora sessions``: the conversations that assistants had in a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aurora_dev.interfaces.cli.groups import CommandGroup
from aurora_dev.interfaces.cli.options import JSONOption, ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit

_DEFAULT_LIMIT = 20

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The id of a session, or its beginning.", show_default=False)
]
LimitOption = Annotated[int, typer.Option("--limit", "-n", metavar="N", help="List at most N sessions.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Remove them.")]

sessions_app = typer.Typer(
    cls=CommandGroup,
    help="What assistants did in this project: list, show, take in and remove their sessions.",
    rich_markup_mode=None,
)


@sessions_app.callback(invoke_without_command=True)
def sessions(context: typer.Context) -> None:
    """List sessions unless a command is given."""
    if context.invoked_subcommand is None:
        _list(None, _DEFAULT_LIMIT, as_json=False)


@sessions_app.command("list")
def list_sessions(path: ProjectOption = None, limit: LimitOption = _DEFAULT_LIMIT, as_json: JSONOption = False) -> None:
    """List sessions, newest first, with the first request and the files that were changed."""
    _list(path, limit, as_json=as_json)


@sessions_app.command("show")
def show_session(id: IdArgument, path: ProjectOption = None, as_json: JSONOption = False) -> None:
    """Show what was asked in a session, what was concluded, and what was changed."""
    from aurora_dev.interfaces.cli.sessions.actions import run_show

    run_and_exit(lambda: run_show(id, path, as_json=as_json))


@sessions_app.command("capture")
def capture(
    transcript: Annotated[
        Path | None,
        typer.Argument(
            metavar="TRANSCRIPT", help="One transcript; by default all of this project.", show_default=False
        ),
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option("--client", metavar="NAME", help="Only of this assistant. Repeat it for several."),
    ] = None,
    path: ProjectOption = None,
    as_json: JSONOption = False,
) -> None:
    """Read the transcripts that assistants wrote about this project, and store what is new.

    Only your own files are read, nothing is sent anywhere, and credentials are masked.
    """
    from aurora_dev.interfaces.cli.sessions.actions import run_capture

    run_and_exit(lambda: run_capture(transcript, path, clients=client, as_json=as_json))


@sessions_app.command("prune")
def prune_sessions(
    days: Annotated[
        float | None,
        typer.Option("--days", metavar="N", help="Sessions older than N days; by default the setting session_days."),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", metavar="N", help="All but the newest N; by default the setting session_limit."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All sessions.")] = False,
    path: ProjectOption = None,
    yes: YesOption = False,
    as_json: JSONOption = False,
) -> None:
    """Show the sessions that are too old or too many; --yes removes them. Transcripts stay as they are."""
    from aurora_dev.interfaces.cli.sessions.actions import run_prune

    run_and_exit(lambda: run_prune(path, days=days, keep=keep, every=every, yes=yes, as_json=as_json))


@sessions_app.command("forget")
def forget_session(id: IdArgument, path: ProjectOption = None, as_json: JSONOption = False) -> None:
    """Remove a session, and never take it in again. The transcript stays as it is."""
    from aurora_dev.interfaces.cli.sessions.actions import run_forget

    run_and_exit(lambda: run_forget(id, path, as_json=as_json))


def _list(path: Path | None, limit: int, *, as_json: bool) -> None:
    from aurora_dev.interfaces.cli.sessions.actions import run_list

    run_and_exit(lambda: run_list(path, limit=limit, as_json=as_json))


def register(app: Any) -> None:
    """Add the commands."""
    app.add_typer(sessions_app, name="sessions")
