"""Text that a model reads as data: credentials masked, hidden characters shown, fences that cannot be closed."""

from __future__ import annotations

import re
from typing import Final

from aurora_dev.core.text.secrets import mask_secrets
from aurora_dev.core.text.visible import visible, visible_source

__all__ = ["ELISION", "fenced", "label", "safe"]

ELISION: Final = "…"
_BACKTICKS: Final = re.compile("`+")
_LONGEST_LABEL: Final = 300  # characters; longer paths and symbols are cut in the middle


def safe(text: str, *, mask: bool = True) -> str:
    """Return text with credentials masked and with what hides in it made visible."""
    shown = visible_source(text)
    return mask_secrets(shown)[0] if mask else shown


def label(text: str) -> str:
    """Return text that may stand in the line of a fence: one line, no backticks, not too long."""
    one = visible(text).replace("`", "\\x60")
    if len(one) > _LONGEST_LABEL:
        half = _LONGEST_LABEL // 2
        one = f"{one[:half]}{ELISION}{one[-half:]}"
    return one


def fenced(title: str, content: str) -> str:
    """Return a block that its content cannot close: its fence is longer than any run of backticks inside."""
    longest = max(map(len, _BACKTICKS.findall(content)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if content.endswith("\n") else "\n"
    return f"{fence}data {title}\n{content}{end}{fence}\n"
