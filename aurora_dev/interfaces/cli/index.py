"""The declaration of ``aurora index``."""

from __future__ import annotations

from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import JSONOption, ProjectArgument, WholeFolderOption
from aurora_dev.interfaces.cli.runner import run_and_exit


def index(
    path: ProjectArgument = None,
    full: Annotated[bool, typer.Option("--full", help="Read every file again, not only those that changed.")] = False,
    reembed: Annotated[
        bool, typer.Option("--reembed", help="Replace vectors of another embedder, using the stored text.")
    ] = False,
    dense: Annotated[
        bool, typer.Option("--dense", help="Also make dense vectors, in a process of its own behind this one.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the dense vectors are made.")] = False,
    no_mask: Annotated[
        bool, typer.Option("--no-mask", help="Store credentials as they are instead of masked.")
    ] = False,
    yes: WholeFolderOption = False,
    as_json: JSONOption = False,
) -> None:
    """Index a project, or bring its index up to date.

    Only changed files are read. The store is the folder .aurora in the project; git ignores it. In a subfolder of a git
    repository that has no index, a terminal is asked whether to index the whole repository.
    """
    from aurora_dev.interfaces.cli.actions.index import run_index

    run_and_exit(
        lambda: run_index(
            path, full=full, reembed=reembed, dense=dense, wait=wait, mask=not no_mask, yes=yes, as_json=as_json
        ),
        interrupted="what was indexed so far is kept. Run the same command again to continue",
    )


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(index)
