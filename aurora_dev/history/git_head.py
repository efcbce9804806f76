"""Tells, without running git, whether the present commit is another one than before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["head_mark"]

_LONGEST: Final = 4_096  # bytes; both files hold one line
_REFERENCE: Final = re.compile(r"ref: (refs/[^\0\n]+)")


def head_mark(root: Path) -> str:
    """Return a text that changes when the present commit does: by a commit, a checkout, a reset, a rebase, a pull.

    Returns:
        ``""`` where there is no repository, or none that can be read.
    """
    marker = next((folder / ".git" for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if marker is None:
        return ""
    try:
        own = marker if marker.is_dir() else marker.parent / _line(marker).removeprefix("gitdir:").strip()
        common = own / _line(own / "commondir") if (own / "commondir").is_file() else own
        head = _line(own / "HEAD")
        found = _REFERENCE.fullmatch(head)
        if found is None or ".." in found[1]:
            return head
        for folder in (own, common):
            loose = folder / found[1]
            if loose.is_file():
                return f"{head} {_line(loose)}"
        packed = common / "packed-refs"
        if not packed.is_file():
            return head
        status = packed.stat()
        return f"{head} {status.st_mtime_ns} {status.st_size}"
    except (OSError, ValueError):
        return ""


def _line(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LONGEST).decode("utf-8", "surrogateescape").strip()
