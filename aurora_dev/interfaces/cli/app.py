"""The command line ``aurora``, made of the commands that the modules beside this one declare.

A command ``X`` is declared in ``cli/X.py``, works in ``cli/actions/X.py`` and prints through ``cli/output/``. It
imports what it needs when it runs: ``aurora --help`` loads no model and no index, and ``aurora list`` no other command.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, Final

import typer

from aurora_dev.interfaces.cli.groups import CommandGroup
from aurora_dev.interfaces.cli.output.streams import escape_unencodable_text
from aurora_dev.interfaces.cli.runner import run_command

# The commands of each module, in the order in which `aurora --help` lists them.
_SECTIONS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "Project": {"index": ("index",), "status": ("status",), "watch": ("watch",), "doctor": ("doctor",)},
    "Search": {"search": ("search",), "context": ("context",), "evaluate": ("eval",)},
    "Notes": {"notes": ("remember", "recall", "list", "show", "edit", "forget", "prune", "notes")},
    "Sessions": {"sessions": ("sessions",)},
    "Assistants": {"install": ("install", "uninstall", "hook"), "mcp": ("mcp",)},
    "Data": {"transfer": ("export", "import", "copy", "backup", "restore")},
}
_MODULE_OF: Final = {
    name: (section, module)
    for section, modules in _SECTIONS.items()
    for module, names in modules.items()
    for name in names
}


class LazyCommands(CommandGroup):
    """The group of all commands; the module of a command is imported when the command is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names of all commands, in the order of the help."""
        return list(_MODULE_OF)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; for an unknown name ``None``, with all loaded, so that the nearest can be named."""
        for name in (cmd_name,) if cmd_name in _MODULE_OF else _MODULE_OF:
            if name not in self.commands:
                self._load(*_MODULE_OF[name])
        return super().get_command(ctx, cmd_name)

    def _load(self, section: str, module: str) -> None:
        part = typer.Typer(rich_markup_mode=None)
        part.callback()(_nothing)  # or typer would return a single command instead of a group
        import_module(f"aurora_dev.interfaces.cli.{module}").register(part)
        group: Any = typer.main.get_command(part)
        for name, command in group.commands.items():
            command.rich_help_panel = section
            self.commands[name] = command


def _nothing() -> None:
    """Do nothing before a command."""


app = typer.Typer(
    name="aurora",
    help="The memory of a coding assistant: index a project, search it, remember what was learned.",
    cls=LazyCommands,
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


def main() -> None:
    """Run the command line; the entry point of the ``aurora`` script."""
    escape_unencodable_text()

    def run() -> int:
        app(prog_name="aurora")
        return 0

    raise SystemExit(run_command(run))


if __name__ == "__main__":
    main()
