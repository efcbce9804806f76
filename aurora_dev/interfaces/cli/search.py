"""The declaration of ``aurora search``."""

from __future__ import annotations

from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import JSONOption, Mode, ModeOption, NoRerankOption, ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit


def search(
    query: Annotated[
        list[str], typer.Argument(metavar="QUERY", help="A question, a few words or a name.", show_default=False)
    ],
    path: ProjectOption = None,
    top_k: Annotated[int, typer.Option("-k", "--top-k", metavar="N", help="Number of results.")] = 5,
    mode: ModeOption = Mode.hybrid,
    no_rerank: NoRerankOption = False,
    mmr: Annotated[bool, typer.Option("--mmr", help="Prefer results that differ from each other.")] = False,
    filter_text: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="JSON",
            help='Only results whose metadata match: \'{"language": "python"}\'.',
            show_default=False,
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the score and the time of each stage.")] = False,
    as_json: JSONOption = False,
) -> None:
    """Search the project's code, documents, notes and history.

    Searches the nearest indexed project, upwards from the current folder, as git does.
    """
    from aurora_dev.interfaces.cli.actions.search import run_search

    run_and_exit(
        lambda: run_search(
            " ".join(query),
            path,
            top_k=top_k,
            mode=mode.value,
            rerank=not no_rerank,
            mmr=mmr,
            filter_text=filter_text,
            explain=explain,
            as_json=as_json,
        )
    )


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(search)
