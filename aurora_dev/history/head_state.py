"""The state of a repository's ``HEAD``, read without running git, to notice that another commit is checked out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["head_state"]

_MAX_BYTES: Final = 4_096  # each of the files holds one line
_REFERENCE: Final = re.compile(r"ref: (refs/[^\0\n]+)")


def head_state(root: Path) -> str:
    """Return a text that changes with every commit, checkout, reset, rebase and pull.

    Returns:
        An empty string if there is no readable repository.
    """
    marker = next((folder / ".git" for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if marker is None:
        return ""
    try:
        own = marker if marker.is_dir() else marker.parent / _read_line(marker).removeprefix("gitdir:").strip()
        common = own / _read_line(own / "commondir") if (own / "commondir").is_file() else own
        head = _read_line(own / "HEAD")
        found = _REFERENCE.fullmatch(head)
        if found is None or ".." in found[1]:
            return head
        for folder in (own, common):
            loose = folder / found[1]
            if loose.is_file():
                return f"{head} {_read_line(loose)}"
        packed = common / "packed-refs"
        if not packed.is_file():
            return head
        status = packed.stat()
        return f"{head} {status.st_mtime_ns} {status.st_size}"
    except (OSError, ValueError):
        return ""


def _read_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES).decode("utf-8", "surrogateescape").strip()
