"""One memory for all worktrees of a git repository.

A linked worktree uses the store of the main worktree: its chunks in a namespace of their own, notes, commits and
sessions in the shared one; see `WorktreeStore`. So what is learned in a worktree outlives it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from aurora_dev.config import STORE_FOLDER, Settings, shared_worktree
from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.factory import (
    LOCAL_BACKEND,
    backend_kind,
    create_backend,
    create_worktree_view,
    worktree_namespace,
)
from aurora_dev.core.record_kinds import IS_NOTE
from aurora_dev.core.types import Record
from aurora_dev.errors import AuroraError
from aurora_dev.git_folders import LinkedWorktree, worktree_names
from aurora_dev.log import get_logger
from aurora_dev.regular_files import write_new

__all__ = ["as_worktree", "forget_removed_worktrees", "sharing_worktree"]

_log = get_logger(__name__)

_MOVED: Final = "notes-moved"  # in a worktree's earlier store: its notes are in the shared one
_BATCH: Final = 500


def sharing_worktree(settings: Settings, root: Path) -> LinkedWorktree | None:
    """Return the linked worktree that a project is in, if it uses the store of its repository.

    A setting that names a store, and a store that projects share over the network, are taken as they are.
    """
    if settings.store is not None or not backend_kind(settings.backend).local:
        return None
    return shared_worktree(root)


def as_worktree(backend: VectorBackend, settings: Settings, root: Path) -> VectorBackend:
    """Return the view of a backend that a project has: of its worktree, or the backend itself.

    Notes in a store that the worktree itself has are copied to the shared one. It has one from before, or because a
    sandbox could not write to the repository.
    """
    linked = sharing_worktree(settings, root)
    if linked is None:
        return backend
    earlier = root / STORE_FOLDER
    if backend_kind(settings.backend).exists(earlier):
        try:
            moved = _change_time(earlier / _MOVED)
            if any(_change_time(file) > moved for file in earlier.glob("memory.db*")):
                _copy_notes(earlier, backend, settings, moved)
        except (AuroraError, OSError) as error:  # the next opening tries again; the earlier store stays as it is
            _log.warning("worktree.notes_not_copied", store=str(earlier), error=str(error))
    return create_worktree_view(backend, linked.name)


def forget_removed_worktrees(backend: VectorBackend, namespace: str, root: Path) -> int:
    """Delete the chunks of worktrees that git does not know any more; return their number."""
    # A remote store has no chunks of worktrees, and listing its namespaces is a request that can fail.
    names = worktree_names(root) if backend.capabilities.local else None
    if names is None:
        return 0
    prefix = worktree_namespace(namespace)
    gone = [each for each in backend.namespaces() if each.startswith(prefix) and each.removeprefix(prefix) not in names]
    return sum(backend.delete_namespace(each) for each in gone)


def _change_time(file: Path) -> float:
    """Return when a file was written, in seconds since the epoch; 0 if there is none."""
    try:
        return file.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _copy_notes(earlier: Path, backend: VectorBackend, settings: Settings, since: float) -> None:
    """Copy the notes that were made after a time; one that was copied before may have been forgotten since."""
    namespace = settings.namespace
    source = create_backend(LOCAL_BACKEND, earlier, settings)
    try:
        embedder = source.embedder()
        if embedder is not None:
            recorded = backend.set_embedder(embedder, replace=False)
            embedder = embedder if recorded == embedder else None
        found = source.scan(namespace, IS_NOTE, vectors=embedder is not None)
        notes = [note for note in found if not since or _created_at(note) > since]
    finally:
        source.close()
    for start in range(0, len(notes), _BATCH):
        batch = notes[start : start + _BATCH]
        known = backend.fetch(namespace, [note.id for note in batch])
        backend.write(namespace, [note for note in batch if note.id not in known], embedder=embedder)
    (earlier / _MOVED).unlink(missing_ok=True)
    write_new(earlier / _MOVED, f"The {len(notes)} notes of this store were copied.{os.linesep}".encode())
    _log.info("worktree.notes_copied", store=str(earlier), notes=len(notes))


def _created_at(note: Record) -> float:
    value = note.metadata.get("created_at")
    return float(value) if isinstance(value, int | float) else 0.0
