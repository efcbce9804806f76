"""The declaration of ``aurora search``."""

from __future__ import annotations

from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import (
    JSONOption,
    Mode,
    ModeOption,
    NoRerankOption,
    ProjectOption,
    SectionedCommand,
)
from aurora_dev.interfaces.cli.runner import run_and_exit

_WHERE = "Where to search"
_SHOWN = "What is shown"


def search(
    query: Annotated[
        list[str] | None,
        typer.Argument(metavar="QUERY", help="A question, a few words or a name.", show_default=False),
    ] = None,
    path: ProjectOption = None,
    languages: Annotated[
        list[str] | None,
        typer.Option(
            "--lang",
            metavar="LANGUAGE",
            help="Only files in this language: python, ts, c++. Repeat it for several.",
            rich_help_panel=_WHERE,
            show_default=False,
        ),
    ] = None,
    paths: Annotated[
        list[str] | None,
        typer.Option(
            "--in",
            metavar="PATH",
            help="Only this folder, file or glob ('src/**/*.py'). Repeat it for several.",
            rich_help_panel=_WHERE,
            show_default=False,
        ),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="SOURCE",
            help="Only code, docs, notes, commits or sessions. Repeat it for several.",
            rich_help_panel=_WHERE,
            show_default=False,
        ),
    ] = None,
    no_tests: Annotated[
        bool, typer.Option("--no-tests", help="Leave out tests and their fixtures.", rich_help_panel=_WHERE)
    ] = False,
    similar_to: Annotated[
        str | None,
        typer.Option(
            "--similar-to",
            metavar="PATH:LINE",
            help="Find what is like the code at this line. QUERY may be left out.",
            rich_help_panel=_WHERE,
            show_default=False,
        ),
    ] = None,
    filter_text: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="JSON",
            help='Only results whose metadata match: \'{"kind": "decision"}\'.',
            rich_help_panel=_WHERE,
            show_default=False,
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option("-k", "--top-k", metavar="N", help="Number of results.", rich_help_panel=_SHOWN)
    ] = 5,
    min_score: Annotated[
        float,
        typer.Option(
            "--min-score",
            metavar="X",
            help="Leave out results with a lower score, 0 to 1.",
            rich_help_panel=_SHOWN,
            show_default=False,
        ),
    ] = 0.0,
    around: Annotated[
        int | None,
        typer.Option(
            "-C",
            "--context",
            metavar="N",
            help="Show whole results, with N lines of the file around them.",
            rich_help_panel=_SHOWN,
            show_default=False,
        ),
    ] = None,
    files: Annotated[
        bool, typer.Option("--files", help="Print the paths of files alone, one a line.", rich_help_panel=_SHOWN)
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the score and the time of each stage.", rich_help_panel=_SHOWN)
    ] = False,
    as_json: JSONOption = False,
    mode: ModeOption = Mode.hybrid,
    no_rerank: NoRerankOption = False,
    mmr: Annotated[bool, typer.Option("--mmr", help="Prefer results that differ from each other.")] = False,
) -> None:
    """Search the project's code, documents, notes and history.

    Searches the nearest indexed project, upwards from the current folder, as git does. The exit code is 1 if nothing
    was found, or nothing that matches the query well.
    """
    from aurora_dev.interfaces.cli.actions.search import Shown, Wanted, run_search

    run_and_exit(
        lambda: run_search(
            " ".join(query or ()),
            path,
            Wanted(
                languages=tuple(languages or ()),
                paths=tuple(paths or ()),
                sources=tuple(sources or ()),
                tests=not no_tests,
                min_score=min_score,
                similar_to=similar_to,
                filter_text=filter_text,
            ),
            Shown(around=around, files=files, explain=explain, as_json=as_json),
            top_k=top_k,
            mode=mode.value,
            rerank=not no_rerank,
            mmr=mmr,
        )
    )


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(cls=SectionedCommand)(search)
