"""The command line ``aurora``: arguments in, text or JSON and an exit code out.

What a command needs is imported when it runs: ``aurora --help`` loads no model, and no index.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from aurora_dev.interfaces.cli import (
    doctor as cli_doctor,
)
from aurora_dev.interfaces.cli import (
    install as cli_install,
)
from aurora_dev.interfaces.cli import (
    mcp as cli_mcp,
)
from aurora_dev.interfaces.cli import (
    notes as cli_notes,
)
from aurora_dev.interfaces.cli import (
    transfer as cli_transfer,
)
from aurora_dev.interfaces.cli import (
    watch as cli_watch,
)
from aurora_dev.interfaces.cli.options import EPILOG, JSONOption, ProjectOption, end
from aurora_dev.interfaces.cli.output.process import guarded, prepare_streams

app = typer.Typer(
    name="aurora",
    help="The memory of a coding assistant: index a project, search it, keep what was learned.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Mode(str, Enum):
    """Which candidate lists a search makes."""

    hybrid = "hybrid"
    vector = "vector"
    keyword = "keyword"


def _show_version(wanted: bool) -> None:
    if wanted:
        from aurora_dev.version import installed_version

        typer.echo(f"aurora {installed_version()}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Hold the options that come before a command."""


@app.command(epilog=EPILOG)
def index(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]",
            help="The project's folder; by default the indexed project around the current folder, else that folder.",
            show_default=False,
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read every file again, not only what changed.")] = False,
    reembed: Annotated[
        bool, typer.Option("--reembed", help="Make the vectors that another embedder made again, from the stored text.")
    ] = False,
    no_mask: Annotated[
        bool, typer.Option("--no-mask", help="Store credentials as they are, instead of masked.")
    ] = False,
    as_json: JSONOption = False,
) -> None:
    """Bring the memory up to date with a project.

    Only files that changed are read. The store is the folder .aurora in the project; it ignores itself in git.
    """
    from aurora_dev.interfaces.cli.actions.project import run_index

    end(
        lambda: run_index(path, full=full, reembed=reembed, mask=not no_mask, as_json=as_json),
        interrupted="what was indexed so far is kept. Run the same command again to go on",
    )


@app.command(epilog=EPILOG)
def search(
    query: Annotated[
        list[str], typer.Argument(metavar="QUERY", help="A question, a few words or a name.", show_default=False)
    ],
    path: ProjectOption = None,
    top_k: Annotated[int, typer.Option("-k", "--top-k", metavar="N", help="How many results.")] = 5,
    mode: Annotated[
        Mode, typer.Option("--mode", help="Which candidates: by meaning, by keyword or both.")
    ] = Mode.hybrid,
    no_rerank: Annotated[
        bool, typer.Option("--no-rerank", help="Leave the reranker out: faster, less precise.")
    ] = False,
    mmr: Annotated[bool, typer.Option("--mmr", help="Prefer results that differ from each other.")] = False,
    filter_text: Annotated[
        str | None,
        typer.Option(
            "--filter", metavar="JSON", help='Conditions on metadata: \'{"language": "python"}\'.', show_default=False
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show every stage's score and what it took.")] = False,
    as_json: JSONOption = False,
) -> None:
    """Find what answers a question.

    The nearest indexed project is searched, upwards from the current folder, as git does.
    """
    from aurora_dev.interfaces.cli.actions.project import run_search

    end(
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


class ContextFormat(str, Enum):
    """How a context is printed."""

    text = "text"
    messages = "messages"
    json = "json"


@app.command(epilog=EPILOG)
def context(
    task: Annotated[
        list[str], typer.Argument(metavar="TASK", help="What the model is to do, in words.", show_default=False)
    ],
    path: ProjectOption = None,
    budget: Annotated[
        int, typer.Option("--budget", "-b", metavar="N", help="Tokens that the whole may take, counted exactly.")
    ] = 8_000,
    reserve: Annotated[
        int, typer.Option("--reserve", metavar="N", help="Tokens of these to leave free, for the answer.")
    ] = 0,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Count as this model does: gpt-..., the path of a tokenizer.json, or any other name for an estimate "
            "that is on the safe side.",
            show_default=False,
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option("--encoding", metavar="NAME", help="o200k_base (default) or cl100k_base.", show_default=False),
    ] = None,
    output: Annotated[
        ContextFormat, typer.Option("--format", help="One string, chat messages, or everything as JSON.")
    ] = ContextFormat.text,
    with_map: Annotated[
        bool, typer.Option("--map", help="Begin with a map of the project's most used definitions.")
    ] = False,
    no_rerank: Annotated[
        bool, typer.Option("--no-rerank", help="Leave the reranker out: faster, less precise.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why each item is in, what was left out, and what it took.")
    ] = False,
) -> None:
    """Assemble what a model should see for a task, within a token budget.

    The prompt goes to standard output, a table of what went in to standard error.
    """
    from aurora_dev.interfaces.cli.actions.context import run_context

    end(
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


@app.command(epilog=EPILOG)
def status(path: ProjectOption = None, as_json: JSONOption = False) -> None:
    """Show what is stored and what could work better.

    Also which models are used, and every setting with where it came from.
    """
    from aurora_dev.interfaces.cli.actions.project import run_status

    end(lambda: run_status(path, as_json=as_json))


@app.command("eval", epilog=EPILOG)
def evaluate(
    queries: Annotated[Path, typer.Argument(metavar="QUERIES.jsonl", help="The file of queries.", show_default=False)],
    path: ProjectOption = None,
    top_k: Annotated[
        list[int] | None,
        typer.Option(
            "-k",
            "--top-k",
            metavar="N",
            help="Look at the first N results; may be repeated. 10 by default.",
            show_default=False,
        ),
    ] = None,
    mode: Annotated[
        Mode, typer.Option("--mode", help="Which candidates: by meaning, by keyword or both.")
    ] = Mode.hybrid,
    rerank: Annotated[
        bool | None,
        typer.Option("--rerank/--no-rerank", help="Measure one of the two; by default both.", show_default=False),
    ] = None,
    rerank_top_k: Annotated[
        int | None,
        typer.Option(
            "--rerank-top-k",
            metavar="N",
            help="How many candidates the reranker reads; by default as many as in a search.",
            show_default=False,
        ),
    ] = None,
    rerank_weight: Annotated[
        float | None,
        typer.Option(
            "--rerank-weight",
            metavar="W",
            help="From 1, the reranker's order alone, to 0, that of the stages before it.",
            show_default=False,
        ),
    ] = None,
    minimum: Annotated[
        list[str] | None,
        typer.Option(
            "--min",
            metavar="METRIC=X",
            help="End with exit code 5 where an average is below X, such as ndcg@10=0.8; may be repeated.",
            show_default=False,
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="Only queries with this tag; may be repeated.", show_default=False),
    ] = None,
    as_json: JSONOption = False,
) -> None:
    """Measure how well searches find what they should.

    Each line of the file is a JSON object: "query" is what is asked, "expected" lists ids, paths, or objects with
    "path", "start_line" and "end_line". "grades" (optional) says what a target is worth: {"src/auth.py": 2}; a target
    with lines is named "src/auth.py:3-9" there. "tags" (optional) lists groups that are reported apart.

    Printed are averages over the queries: precision@N, recall@N, ndcg@N, hit_rate@N, mrr and map, with and without
    reranking, and what a search took. Each search gives as many results as the largest N. Thresholds are compared with
    the figures with reranking where there are any, and are never met where a search could not be reranked.
    """
    from aurora_dev.interfaces.cli.actions.evaluate import run_eval

    end(
        lambda: run_eval(
            queries,
            path,
            ks=top_k or [10],
            mode=mode.value,
            rerank=rerank,
            rerank_top_k=rerank_top_k,
            rerank_weight=rerank_weight,
            minimums=minimum or [],
            tags=tag or [],
            as_json=as_json,
        )
    )


cli_notes.register(app)
cli_install.register(app)
cli_doctor.register(app)
cli_mcp.register(app)
cli_transfer.register(app)
cli_watch.register(app)


def main() -> None:
    """Run the command line; the entry point of the ``aurora`` script."""
    prepare_streams()

    def run() -> int:
        app(prog_name="aurora")
        return 0

    raise SystemExit(guarded(run))


if __name__ == "__main__":
    main()
