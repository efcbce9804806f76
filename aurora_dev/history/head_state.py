"""The state of a repository's ``HEAD``, read without running git, to notice that another commit is checked out."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from aurora_dev.git_folders import find_git_folders, repository_root
from aurora_dev.lazy import lazy_pattern
from aurora_dev.regular_files import read_regular

__all__ = ["head_state"]

_MAX_BYTES: Final = 4_096  # each of the files holds one line
_REFERENCE: Final = lazy_pattern(r"ref: (refs/[^\0\n]+)")
_MOST_STEPS: Final = 5  # as git: a branch may be another name for a branch
# A repository in the reftable format keeps all references in tables, and lists these in a file that every change of a
# reference replaces. ``HEAD`` is then a file with a constant content, for programs that look for it.
_TABLES: Final = "reftable/tables.list"
_MAX_TABLES: Final = 1024 * 1024


def head_state(root: Path) -> str:
    """Return a text that changes with every commit, checkout, reset, rebase and pull.

    Returns:
        An empty string if there is no readable repository.
    """
    top = repository_root(root)
    folders = None if top is None else find_git_folders(top, checked=False)
    if folders is None:
        return ""
    try:
        own, common = folders.own, folders.common
        head = _read_line(own / "HEAD")
        tables = [_table_state(folder / _TABLES) for folder in dict.fromkeys((own, common))]
        if any(tables):
            return " ".join(["reftable", head, *tables])
        return _reference_state(head, own, common)
    except (OSError, ValueError):
        return ""


def _reference_state(head: str, own: Path, common: Path) -> str:
    """Return ``HEAD`` and what it refers to, in a repository that keeps references in files."""
    states = [head]
    while len(states) <= _MOST_STEPS:
        found = _REFERENCE.fullmatch(states[-1])
        if found is None or ".." in found[1]:
            break
        loose = next((folder / found[1] for folder in (own, common) if (folder / found[1]).is_file()), None)
        if loose is None:
            packed = common / "packed-refs"
            if packed.is_file():
                status = packed.stat()
                states.append(f"{status.st_mtime_ns} {status.st_size}")
            break
        states.append(_read_line(loose))
    return " ".join(states)


def _table_state(tables: Path) -> str:
    try:
        content = read_regular(tables, _MAX_TABLES)
        return f"{tables.stat().st_mtime_ns} {hashlib.sha256(content).hexdigest()[:16]}"
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _read_line(path: Path) -> str:
    return read_regular(path, _MAX_BYTES, cut=True).decode("utf-8", "surrogateescape").strip()
