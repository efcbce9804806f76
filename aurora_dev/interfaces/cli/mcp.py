"""The command ``aurora mcp``: the memory for assistants that speak the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import EPILOG, end


def mcp(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]",
            help="The project's folder; by default the indexed project around the current folder, else that folder.",
            show_default=False,
        ),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Listen on a port of this machine, instead of standard input and output.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, metavar="N", help="With --http: the port; 8419 by default, 0 for any."
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
            help="With --http: another name by which clients may address this server; may be repeated.",
            show_default=False,
        ),
    ] = None,
    show_token: Annotated[
        bool, typer.Option("--show-token", help="With --http: print the token also when it is not new.")
    ] = False,
) -> None:
    """Serve the memory to an assistant over the Model Context Protocol (MCP).

    Assistants start this command themselves: aurora install writes their configuration. It speaks on standard input
    and output, and ends when the assistant does. With --http several clients can share one server; they need the token
    that it prints, or AURORA_MCP_TOKEN.
    """
    from aurora_dev.interfaces.cli.actions.mcp import run_mcp

    end(lambda: run_mcp(path, http=http, host=host, port=port, allow_hosts=allow_host or [], show_token=show_token))


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog=EPILOG)(mcp)
