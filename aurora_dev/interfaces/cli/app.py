"""The command line ``aurora``, made of the commands that the modules beside this one declare.

A command ``X`` is declared in ``cli/X.py``, works in ``cli/actions/X.py`` and prints through ``cli/output/``. It
imports what it needs when it runs: ``aurora --help`` loads no model and no index.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Annotated

import typer

from aurora_dev.interfaces.cli import (
    context,
    doctor,
    evaluate,
    index,
    install,
    mcp,
    notes,
    search,
    status,
    transfer,
    watch,
)
from aurora_dev.interfaces.cli.groups import CommandGroup
from aurora_dev.interfaces.cli.output.streams import escape_unencodable_text
from aurora_dev.interfaces.cli.runner import run_command

# In the order in which `aurora --help` lists them.
_SECTIONS = {
    "Project": (index, status, watch, doctor),
    "Search": (search, context, evaluate),
    "Notes": (notes,),
    "Assistants": (install, mcp),
    "Data": (transfer,),
}

app = typer.Typer(
    name="aurora",
    help="The memory of a coding assistant: index a project, search it, remember what was learned.",
    cls=CommandGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    """Declare the options that come before a command."""


def _register(section: str, modules: Iterable[ModuleType]) -> None:
    commands, groups = len(app.registered_commands), len(app.registered_groups)
    for module in modules:
        module.register(app)
    for command in app.registered_commands[commands:]:
        command.rich_help_panel = section
    for group in app.registered_groups[groups:]:
        group.rich_help_panel = section


for _section, _modules in _SECTIONS.items():
    _register(_section, _modules)


def main() -> None:
    """Run the command line; the entry point of the ``aurora`` script."""
    escape_unencodable_text()

    def run() -> int:
        app(prog_name="aurora")
        return 0

    raise SystemExit(run_command(run))


if __name__ == "__main__":
    main()
