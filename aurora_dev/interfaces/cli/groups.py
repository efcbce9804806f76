"""The group of commands ``aurora``: its help in sections, and errors in our words."""

from __future__ import annotations

import textwrap
from typing import Any

import typer
from typer.core import TyperGroup

from aurora_dev.interfaces.cli.output.exit_codes import EXIT_CODES

_NARROWEST = 20  # columns of a description


class CommandGroup(TyperGroup):
    """A group that lists its commands by their ``rich_help_panel``, each with its whole summary."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, whose help names no Python types."""
        command = super().get_command(ctx, cmd_name)
        for parameter in getattr(command, "params", ()):
            if parameter.param_type_name == "argument":
                parameter.display_type_rich = lambda **_: ""
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands in sections, in the order of their declaration."""
        sections: dict[str, list[tuple[str, str]]] = {}
        names = self.list_commands(ctx)
        width = max(map(len, names), default=0)
        for name in names:
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                summary = " ".join((command.help or "").partition("\n\n")[0].split())
                panel = getattr(command, "rich_help_panel", None)
                section = panel if isinstance(panel, str) else "Commands"
                sections.setdefault(section, []).append((name, summary))
        for section, rows in sections.items():
            _write_table(formatter, section, [(name.ljust(width), summary) for name, summary in rows])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the exit codes, on the main page only."""
        if ctx.parent is None:
            _write_table(formatter, "Exit codes", [(f"{code:>3}", meaning) for code, meaning in EXIT_CODES])

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a wrong argument is reported in our words."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from aurora_dev.config.messages import in_our_words

            error.message = in_our_words(error.message)
            raise


def _write_table(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    """Write rows of a name and a description, wrapped to the width of the terminal."""
    with formatter.section(title):
        for name, text in rows:
            indent = " " * (formatter.current_indent + len(name) + 2)
            lines = textwrap.wrap(text, max(_NARROWEST, formatter.width - len(indent))) or [""]
            formatter.write(f"{'':{formatter.current_indent}}{name}  {lines[0]}\n")
            for line in lines[1:]:
                formatter.write(f"{indent}{line}\n")
