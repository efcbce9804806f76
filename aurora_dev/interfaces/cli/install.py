"""The commands that connect assistants: ``aurora install`` and ``aurora uninstall``."""

from __future__ import annotations

import shlex
from enum import Enum
from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import EPILOG, ProjectOption, end


class ClientName(str, Enum):
    """An assistant that can be connected."""

    claude_code = "claude-code"
    cursor = "cursor"
    vscode = "vscode"
    codex = "codex"


class InstallScope(str, Enum):
    """Whose configuration is changed."""

    project = "project"
    user = "user"


ClientArgument = Annotated[ClientName, typer.Argument(metavar="CLIENT", help="claude-code, cursor, vscode or codex.")]
ScopeOption = Annotated[
    InstallScope, typer.Option("--scope", help="The project's configuration file, or yours for all projects.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]


def install(
    client: ClientArgument,
    path: ProjectOption = None,
    scope: ScopeOption = InstallScope.project,
    rules: Annotated[
        bool, typer.Option("--rules", help="Also tell the assistant, in its instructions, when to search and remember.")
    ] = False,
    command: Annotated[
        str | None,
        typer.Option(
            "--command", metavar="COMMAND", help="What starts Aurora, if not 'aurora' itself.", show_default=False
        ),
    ] = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the entry to paste it yourself, and change nothing.")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Connect an assistant: add Aurora's MCP server to its configuration.

    What else is in the file stays as it is, comments included. Running it again changes nothing.
    """
    from aurora_dev.interfaces.cli.actions.install import run_install

    end(
        lambda: run_install(
            client.value,
            path,
            scope=scope.value,
            command=shlex.split(command) if command else [],
            rules=rules,
            dry_run=dry_run,
            print_only=print_only,
        )
    )


def uninstall(
    client: ClientArgument,
    path: ProjectOption = None,
    scope: ScopeOption = InstallScope.project,
    dry_run: DryRunOption = False,
) -> None:
    """Disconnect an assistant: take Aurora out of its configuration and instructions.

    The memory itself stays.
    """
    from aurora_dev.interfaces.cli.actions.install import run_uninstall

    end(lambda: run_uninstall(client.value, path, scope=scope.value, dry_run=dry_run))


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog=EPILOG)(install)
    app.command(epilog=EPILOG)(uninstall)
