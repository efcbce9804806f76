"""The declaration of ``aurora mcp``."""

from __future__ import annotations

from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import ProjectArgument
from aurora_dev.interfaces.cli.runner import run_and_exit


def mcp(
    path: ProjectArgument = None,
    http: Annotated[
        bool, typer.Option("--http", help="Listen on a local port instead of standard input and output.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, metavar="N", help="With --http: the port; 8419 by default, 0 picks a free one."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="With --http: the address to listen on.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="With --http: accept this host name too; may be repeated.",
            show_default=False,
        ),
    ] = None,
    show_token: Annotated[
        bool, typer.Option("--show-token", help="With --http: print the token even if it is not new.")
    ] = False,
) -> None:
    """Serve the memory to assistants over MCP.

    Assistants start this command themselves; aurora install adds it to their configuration. It uses the Model Context
    Protocol on standard input and output, and ends when the assistant does. With --http, several clients can share one
    server; they need the token that it prints, or AURORA_MCP_TOKEN.
    """
    from aurora_dev.interfaces.cli.actions.mcp import run_mcp

    run_and_exit(
        lambda: run_mcp(path, http=http, host=host, port=port, allow_hosts=allow_host or [], show_token=show_token)
    )


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(mcp)
