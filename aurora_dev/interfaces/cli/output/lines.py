"""Text from files and models, fitted to a terminal; what makes it safe is `aurora_dev.core.text.visible`."""

from __future__ import annotations

from aurora_dev.core.text.visible import visible

__all__ = ["cut", "lines_of", "visible"]


def lines_of(content: str) -> list[str]:
    """Split as line numbers count: at newlines only, whatever else may look like one; each line made visible."""
    lines = content.split("\n")
    if lines[-1] == "" and len(lines) > 1:
        lines.pop()
    return [visible(line.removesuffix("\r")) for line in lines]


def cut(text: str, width: int, mark: str = "...") -> str:
    """Return the text in at most ``width`` characters, with a mark where something was cut off."""
    return text if len(text) <= width else text[: max(0, width - len(mark))] + mark
