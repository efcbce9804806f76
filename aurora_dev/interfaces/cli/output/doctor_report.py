"""The report of ``aurora doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from aurora_dev.core.text.visible import visible
from aurora_dev.interfaces.cli.output.render import counted, to_json
from aurora_dev.version import installed_version

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: The part that was checked; stable, for programs.
        state: ``warning``: it works, but less well than it could.
        text: What was found.
        fix: What to do about it; empty if nothing is wrong.
    """

    name: str
    state: State
    text: str
    fix: str = ""


def checks_as_json(checks: Sequence[Check]) -> str:
    """Return the JSON object that ``aurora doctor --json`` prints."""
    problems = sum(check.state == "problem" for check in checks)
    return to_json(
        {"version": installed_version(), "problems": problems, "checks": [asdict(check) for check in checks]}
    )


def checks_text(checks: Sequence[Check]) -> str:
    """Return a line for each check, its fix below it, and the number of problems and warnings."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.state:<8} {check.name:<{width}}  {visible(check.text)}")
        if check.fix:
            lines.append(f"{'':<8} {'':<{width}}  -> {visible(check.fix)}")
    problems = sum(check.state == "problem" for check in checks)
    warnings = sum(check.state == "warning" for check in checks)
    return "\n".join([*lines, "", f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}"])
