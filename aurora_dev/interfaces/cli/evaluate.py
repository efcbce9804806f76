"""The declaration of ``aurora eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import JSONOption, Mode, ModeOption, ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit


def evaluate(
    queries: Annotated[Path, typer.Argument(metavar="QUERIES.jsonl", help="The file of queries.", show_default=False)],
    path: ProjectOption = None,
    top_k: Annotated[
        list[int] | None,
        typer.Option(
            "-k",
            "--top-k",
            metavar="N",
            help="Measure the first N results; may be repeated. 10 by default.",
            show_default=False,
        ),
    ] = None,
    mode: ModeOption = Mode.hybrid,
    rerank: Annotated[
        bool | None,
        typer.Option(
            "--rerank/--no-rerank",
            help="Measure only with, or only without, reranking; by default both.",
            show_default=False,
        ),
    ] = None,
    rerank_top_k: Annotated[
        int | None,
        typer.Option(
            "--rerank-top-k",
            metavar="N",
            help="Number of candidates that the reranker reads; by default as in a search.",
            show_default=False,
        ),
    ] = None,
    rerank_weight: Annotated[
        float | None,
        typer.Option(
            "--rerank-weight",
            metavar="W",
            help="Weight of the reranker: 1 is its order alone, 0 the order of the stages before it.",
            show_default=False,
        ),
    ] = None,
    minimum: Annotated[
        list[str] | None,
        typer.Option(
            "--min",
            metavar="METRIC=X",
            help="Exit with code 5 if an average is below X, such as ndcg@10=0.8; may be repeated.",
            show_default=False,
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="Only queries with this tag; may be repeated.", show_default=False),
    ] = None,
    as_json: JSONOption = False,
) -> None:
    """Measure the quality of searches with a file of queries.

    Each line of the file is a JSON object: "query" is the query, and "expected" lists ids, paths, or objects with
    "path", "start_line" and "end_line". "grades" (optional) gives targets a grade: {"src/auth.py": 2}; a target with
    lines is named "src/auth.py:3-9" there. "tags" (optional) lists groups that are also reported separately.

    Prints averages over the queries, with and without reranking: precision@N, recall@N, ndcg@N, hit_rate@N, mrr, map,
    and the time of a search. Each search returns as many results as the largest N. Thresholds are compared with the
    figures with reranking, if there are any, and are not met if a search could not be reranked.
    """
    from aurora_dev.interfaces.cli.actions.evaluate import run_eval

    run_and_exit(
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


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("eval")(evaluate)
