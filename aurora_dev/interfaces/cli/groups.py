"""The group of commands ``aurora``: its help in sections, and errors in our words."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from aurora_dev.interfaces.cli.output.exit_codes import EXIT_CODES
from aurora_dev.lazy import lazy_pattern

_NARROWEST = 20  # columns of a description
_SHORT_NUMBER = lazy_pattern(r"[0-9]{1,9}")


class CommandGroup(TyperGroup):
    """A group that lists its commands by their ``rich_help_panel``, each with its whole summary."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, whose help names no Python types, and which converts few values with pydantic."""
        command: Any = super().get_command(ctx, cmd_name)
        for parameter in getattr(command, "params", ()):
            if parameter.param_type_name == "argument":
                parameter.display_type_rich = lambda **_: ""
        if command is not None and "get_params" not in vars(command):
            declared = command.get_params
            command.get_params = lambda ctx: _with_plain_values(declared(ctx))
        return command

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options before a command, which rarely need pydantic either."""
        return _with_plain_values(super().get_params(ctx))

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


def _with_plain_values(parameters: list[Any]) -> list[Any]:
    """Return parameters, ``--help`` among them, after replacing how each converts its value."""
    for parameter in parameters:
        if "process_value" not in vars(parameter):
            parameter.process_value = _converter(parameter)
    return parameters


def _converter(parameter: Any) -> Callable[[Any, Any], Any]:
    """Return a ``process_value`` that converts the usual values itself.

    typer converts every value with pydantic, text to text too, and importing pydantic takes 0.1 s. It still converts
    the others, and words the errors. An older typer without ``type_descriptor`` converts all.
    """
    convert = parameter.process_value
    described = getattr(parameter, "type_descriptor", None)
    annotation = getattr(described, "annotation", None)
    checks = _checks(getattr(described, "parameter_info", None))
    several = parameter.multiple or parameter.nargs == -1

    def process_value(ctx: Any, value: Any) -> Any:
        if (
            annotation is None
            or checks
            or (value is not None and parameter.callback)
            or (parameter.required and not value)
        ):
            return convert(ctx, value)
        if value is None:
            unset = () if several else None
            return unset if parameter.callback is None else parameter.callback(ctx, parameter, unset)
        if annotation == list[str] and isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
            return list(value)
        if isinstance(annotation, type) and isinstance(value, annotation):  # text, and the defaults of other types
            return value
        if annotation is int and isinstance(value, str) and _SHORT_NUMBER.fullmatch(value):
            return int(value)
        if annotation is Path and isinstance(value, str) and os.access(value, os.R_OK):
            return Path(value)
        return convert(ctx, value)

    return process_value


def _checks(info: Any) -> bool:
    """Return whether typer checks more than the type: a range, or that a path exists."""
    if any(getattr(info, name, None) is not None for name in ("min", "max", "parser", "path_type")):
        return True
    return any(getattr(info, name, False) for name in ("exists", "resolve_path", "writable", "allow_dash"))


def _write_table(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    """Write rows of a name and a description, wrapped to the width of the terminal."""
    with formatter.section(title):
        for name, text in rows:
            indent = " " * (formatter.current_indent + len(name) + 2)
            lines = textwrap.wrap(text, max(_NARROWEST, formatter.width - len(indent))) or [""]
            formatter.write(f"{'':{formatter.current_indent}}{name}  {lines[0]}\n")
            for line in lines[1:]:
                formatter.write(f"{indent}{line}\n")
