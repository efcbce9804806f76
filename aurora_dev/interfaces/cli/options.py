"""The options and arguments that several commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand


class SectionedCommand(TyperCommand):
    """A command whose help lists its options by their ``rich_help_panel``, the others last."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options in sections."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        others: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            panel = getattr(parameter, "rich_help_panel", None)
            if parameter.param_type_name == "argument":
                sections["Arguments"].append(record)
            elif isinstance(panel, str):
                sections.setdefault(panel, []).append(record)
            else:
                others.append(record)
        sections["Options"] = others
        for section, rows in sections.items():
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)


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
