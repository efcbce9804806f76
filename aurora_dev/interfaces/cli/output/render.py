"""Values as text: JSON, paths, sizes, counts, time spans and lines that fit a terminal."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aurora_dev.core.text.visible import visible

PLAIN_WIDTH = 200  # columns of a line where no terminal has a width; longer lines are generated code or data


def to_json(value: Any) -> str:
    """Return indented JSON in ASCII, which any encoding can carry and which cannot control a terminal."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=True, default=str, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


def shown_path(path: Path) -> str:
    """Return a path that can be opened from the current folder, with forward slashes."""
    absolute = path.absolute()
    try:
        relative = Path(os.path.relpath(absolute))
    except (ValueError, OSError):  # another drive on Windows, or a current folder that was removed
        return absolute.as_posix()
    return min(relative.as_posix(), absolute.as_posix(), key=len)


def size_of(count: int) -> str:
    """Return a number of bytes for a person: ``12 bytes``, ``1.5 MB``."""
    amount = float(count)
    for unit in ("bytes", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def counted(count: int, singular: str, plural: str = "") -> str:
    """Return a count with its noun: ``1 file``, ``1,203 files``."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def elapsed(seconds: float) -> str:
    """Return a time span for a person: ``12 s``, ``5 min``, ``3 h``, ``4 days``."""
    for unit, size in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def lines_of(content: str) -> list[str]:
    """Split a text into lines as line numbers count them, at newlines only, and make each line visible."""
    lines = content.split("\n")
    if lines[-1] == "" and len(lines) > 1:
        lines.pop()
    return [visible(line.removesuffix("\r")) for line in lines]


def cut(text: str, width: int, mark: str = "...") -> str:
    """Return the text in at most ``width`` characters, with a mark if it was cut."""
    return text if len(text) <= width else text[: max(0, width - len(mark))] + mark
