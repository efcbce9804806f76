"""The origin of each value, and the places that error messages name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass

from aurora_dev.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Source:
    """The origin of a setting's value.

    Attributes:
        kind: ``argument``, ``environment``, ``file`` or ``default``.
        name: The variable's name or the file's path; empty for the other kinds.
    """

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.kind


def location(source: Source, name: str, text: str = "") -> str:
    """Return the place of a setting for an error message.

    Args:
        source: Where the value came from.
        name: The setting.
        text: The contents of the file, to find the line; the line is left out where they are not given.
    """
    if source.kind != "file":
        return f"{source.kind} {source.name or name}".strip()
    for number, line in enumerate(text.split("\n"), start=1):
        if re.match(rf"\s*(?:\[(?:tool\.aurora\.)?)?[\"']?{re.escape(name)}[\"']?\s*[=.\]]", line):
            return f"{source.name}, line {number}"
    return source.name


def check_names(names: Collection[str], known: Collection[str], source: Source, text: str = "") -> None:
    """Refuse names that are no settings.

    Raises:
        ConfigurationError: A name is unknown; the message suggests the nearest one.
    """
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"{location(source, name, text)}: there is no setting '{name}'; {nearest(name, known)}"
            )


def nearest(name: str, choices: Collection[str]) -> str:
    """Return a sentence that names the most similar choice, or all of them where none is similar."""
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"the settings are: {', '.join(sorted(choices))}"
