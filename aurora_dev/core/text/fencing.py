"""Text for a model to read as data: credentials masked, hidden characters escaped, fences that cannot be closed.

The text of every item in a context and in an MCP reply passes through `safe`, and then through `fenced` with a `label`.
"""

from __future__ import annotations

from typing import Final

from aurora_dev.core.text.visible import visible, visible_source
from aurora_dev.lazy import lazy_pattern

__all__ = ["ELISION", "fenced", "label", "safe"]

ELISION: Final = "…"
_BACKTICKS: Final = lazy_pattern("`+")
_LONGEST_LABEL: Final = 300  # characters; a longer path or symbol is cut in the middle


def safe(text: str, *, mask: bool = True) -> str:
    """Return text with credentials masked and hidden characters escaped. Tabs and newlines stay."""
    shown = visible_source(text)
    if not mask:
        return shown
    from aurora_dev.core.text.secrets import mask_secrets  # its tables take longer to import than a hook may run

    return mask_secrets(shown)[0]


def label(text: str) -> str:
    """Return text that can stand on the line of a fence: one line, without backticks, cut to about 300 characters."""
    line = visible(text).replace("`", "\\x60")
    if len(line) > _LONGEST_LABEL:
        half = _LONGEST_LABEL // 2
        line = f"{line[:half]}{ELISION}{line[-half:]}"
    return line


def fenced(title: str, content: str) -> str:
    """Return a fenced block that its content cannot close: the fence is longer than any run of backticks inside.

    Args:
        title: Follows the word ``data`` on the first line; pass untrusted text through `label` first.
        content: Any text.
    """
    longest = max(map(len, _BACKTICKS.findall(content)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if content.endswith("\n") else "\n"
    return f"{fence}data {title}\n{content}{end}{fence}\n"
