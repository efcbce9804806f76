"""The declarations of ``aurora install`` and ``aurora uninstall``."""

from __future__ import annotations

import shlex
from enum import Enum
from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit


class ClientName(str, Enum):
    """An assistant that can be connected."""

    claude_code = "claude-code"
    cursor = "cursor"
    vscode = "vscode"
    codex = "codex"
    gemini_cli = "gemini-cli"
    opencode = "opencode"
    windsurf = "windsurf"
    zed = "zed"
    cline = "cline"
    claude_desktop = "claude-desktop"


class InstallScope(str, Enum):
    """The configuration files to change: the project's, or the user's."""

    project = "project"
    user = "user"


_CLIENTS = "claude-code, cursor, vscode, codex, gemini-cli, opencode, windsurf, zed, cline or claude-desktop."
ScopeOption = Annotated[
    InstallScope | None,
    typer.Option(
        "--scope",
        help="Change the project's configuration file, or yours for all projects; the project's if there is one.",
        show_default=False,
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would change, but change nothing.")]


def install(
    client: Annotated[
        ClientName | None, typer.Argument(metavar="CLIENT", help=f"{_CLIENTS} Without one, list what is found.")
    ] = None,
    path: ProjectOption = None,
    scope: ScopeOption = None,
    hooks: Annotated[
        bool,
        typer.Option(
            "--hooks", help="Also add hooks: bring back what is known at each prompt, and keep what sessions did."
        ),
    ] = False,
    rules: Annotated[
        bool,
        typer.Option("--rules", help="Also add rules to the assistant's instructions: when to search and remember."),
    ] = False,
    command: Annotated[
        str | None,
        typer.Option(
            "--command",
            metavar="COMMAND",
            help="The command that starts Aurora; by default this installation.",
            show_default=False,
        ),
    ] = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the entry to paste yourself, but change nothing.")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add Aurora's MCP server to an assistant's configuration.

    The rest of the file stays as it is, comments included. Running it again changes nothing.
    """
    from aurora_dev.interfaces.cli.actions.install import run_install

    run_and_exit(
        lambda: run_install(
            None if client is None else client.value,
            path,
            scope=None if scope is None else scope.value,
            command=shlex.split(command) if command else [],
            rules=rules,
            hooks=hooks,
            dry_run=dry_run,
            print_only=print_only,
        )
    )


def uninstall(
    client: Annotated[ClientName, typer.Argument(metavar="CLIENT", help=_CLIENTS)],
    path: ProjectOption = None,
    scope: ScopeOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Remove Aurora from an assistant's configuration.

    Also removes the rules from its instructions, and the hooks. The project's store stays.
    """
    from aurora_dev.interfaces.cli.actions.install import run_uninstall

    run_and_exit(
        lambda: run_uninstall(client.value, path, scope=None if scope is None else scope.value, dry_run=dry_run)
    )


class HookEvent(str, Enum):
    """A moment of a session."""

    session_start = "session-start"
    prompt = "prompt"
    pre_compact = "pre-compact"
    stop = "stop"
    session_end = "session-end"


def hook(
    event: Annotated[
        HookEvent,
        typer.Argument(metavar="EVENT", help="session-start, prompt, pre-compact, stop or session-end."),
    ],
    client: Annotated[
        str, typer.Option("--client", metavar="NAME", help="The assistant whose format is read and written.")
    ] = "plain",
) -> None:
    """Answer an assistant's hook: add what is known, or take in what was done.

    Assistants run this command themselves; aurora install CLIENT --hooks adds it to their configuration. It reads the
    event as JSON from standard input. It never fails: what went wrong is in the log that aurora doctor reads.
    """
    # `aurora_dev/__main__.py` runs it without the command line; this declaration is for the help.
    from aurora_dev.interfaces.hooks.entry import main

    raise typer.Exit(main([event.value, "--client", client]))


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(install)
    app.command()(uninstall)
    app.command()(hook)
