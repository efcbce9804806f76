"""The declaration of ``aurora context``."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import NoRerankOption, ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit


class ContextFormat(str, Enum):
    """The output formats of a context."""

    text = "text"
    messages = "messages"
    json = "json"


def context(
    task: Annotated[
        list[str], typer.Argument(metavar="TASK", help="The task of the model, in words.", show_default=False)
    ],
    path: ProjectOption = None,
    budget: Annotated[
        int, typer.Option("--budget", "-b", metavar="N", help="Limit the context to N tokens, counted exactly.")
    ] = 8_000,
    reserve: Annotated[
        int, typer.Option("--reserve", metavar="N", help="Leave N of these tokens free for the answer.")
    ] = 0,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Count tokens as this model does: gpt-..., or the path of a tokenizer.json. Any other name selects an "
            "estimate on the safe side.",
            show_default=False,
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding",
            metavar="NAME",
            help="Count tokens of this encoding: o200k_base (default) or cl100k_base.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        ContextFormat, typer.Option("--format", help="Print one text, chat messages, or everything as JSON.")
    ] = ContextFormat.text,
    with_map: Annotated[
        bool, typer.Option("--map", help="Begin with a map of the project's most used definitions.")
    ] = False,
    no_rerank: NoRerankOption = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show why each item is included, what was left out, and the timings.")
    ] = False,
) -> None:
    """Build the context for a task, within a token budget.

    Prints the context to standard output, and a table of its items to standard error.
    """
    from aurora_dev.interfaces.cli.actions.context import run_context

    run_and_exit(
        lambda: run_context(
            " ".join(task),
            path,
            budget=budget,
            reserve=reserve,
            model=model,
            encoding=encoding,
            output=output.value,
            with_map=with_map,
            rerank=not no_rerank,
            explain=explain,
        )
    )


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(context)
