"""The options and arguments that several commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Mode(str, Enum):
    """The candidate lists of a search."""

    hybrid = "hybrid"
    vector = "vector"
    keyword = "keyword"


ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--path",
        "-p",
        metavar="PROJECT",
        help="A folder of the project; by default the current folder.",
        show_default=False,
    ),
]
ProjectArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="PATH",
        help="The project's folder; by default the indexed project around the current folder, or else that folder.",
        show_default=False,
    ),
]
JSONOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output and nothing else.")]
WholeFolderOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Index your home folder or the whole file system without asking.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a file that Aurora did not write.")]
ModeOption = Annotated[Mode, typer.Option("--mode", help="Find candidates by meaning, by keyword or by both.")]
NoRerankOption = Annotated[bool, typer.Option("--no-rerank", help="Skip the reranker: faster, less precise.")]
