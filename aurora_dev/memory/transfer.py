"""The calls of `Memory` that export, import, copy and back up data."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.errors import InvalidRequestError

if TYPE_CHECKING:
    from aurora_dev.core.contracts import Backups, VectorBackend
    from aurora_dev.core.types import RestoreReport
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.transfer import CopyReport, ExportReport, ImportReport, Progress


class MemoryTransfer:
    """A mixin with the exports, imports, copies and backups of `Memory`, which provides the store."""

    @property
    def store(self) -> VectorStore:
        """The store of the project.

        Raises:
            StoreClosedError: The memory is not open.
        """
        raise AttributeError("a class with this mixin has to provide the store")

    async def export_file(
        self, file: str | Path, *, vectors: bool = True, progress: Progress | None = None, replace: bool = False
    ) -> ExportReport:
        """Write all records of the namespace to a file, one on each line; see `aurora_dev.transfer.export_records`."""
        from aurora_dev.transfer import export_records

        store = self.store
        return await asyncio.to_thread(
            export_records,
            store.backend,
            store.namespace,
            file,
            vectors=vectors,
            mask=store.masks_secrets,
            progress=progress,
            replace=replace,
        )

    async def import_file(
        self, file: str | Path, *, vectors: bool = True, progress: Progress | None = None
    ) -> ImportReport:
        """Import a file of `export_file` into this memory's namespace; see `aurora_dev.transfer.import_records`."""
        from aurora_dev.transfer import import_records

        store = self.store
        return await asyncio.to_thread(
            import_records,
            store.backend,
            file,
            namespace=store.namespace,
            vectors=vectors,
            mask=store.masks_secrets,
            progress=progress,
        )

    async def copy_to(
        self,
        target: VectorBackend,
        *,
        namespace: str | None = None,
        vectors: bool = True,
        progress: Progress | None = None,
    ) -> CopyReport:
        """Copy all records of the namespace to another backend; see `aurora_dev.transfer.copy_records`.

        Args:
            target: The backend, such as ``FAISSLocalStore(path)`` or ``PineconeStore(key)``; it stays open.
            namespace: The namespace in the target; ``None`` is the same one.
            vectors: Whether to copy vectors.
            progress: Called with (step, records done, records to do).
        """
        from aurora_dev.transfer import copy_records

        store = self.store
        return await asyncio.to_thread(
            copy_records,
            store.backend,
            target,
            store.namespace,
            to_namespace=namespace,
            vectors=vectors,
            mask=store.masks_secrets,
            progress=progress,
        )

    async def back_up(self, file: str | Path, *, replace: bool = False) -> int:
        """Write the whole local store, every namespace, to a file while it is in use; return its size in bytes.

        Args:
            file: The file to write; an earlier backup is replaced.
            replace: Whether to replace a file that is not a backup.

        Raises:
            InvalidRequestError: The store is not a local one, or ``file`` may not be replaced.
            StoreError: See `Backups.back_up`.
        """
        return await asyncio.to_thread(self._backups().back_up, file, replace=replace)

    async def restore(self, file: str | Path) -> RestoreReport:
        """Replace the whole local store, every namespace, by a backup, in one transaction.

        Raises:
            InvalidRequestError: The store is not a local one, or ``file`` is not a backup.
            StoreError: See `Backups.restore`; nothing was changed.
        """
        return await asyncio.to_thread(self._backups().restore, file)

    def _backups(self) -> Backups:
        return backups_of(self.store.backend)


def backups_of(backend: VectorBackend) -> Backups:
    """Return the backups of a store.

    Raises:
        InvalidRequestError: The store cannot make them.
    """
    if backend.backups is None:
        raise InvalidRequestError(
            "only a local store can be backed up as a whole; nothing was done. Save this one with: aurora export FILE"
        )
    return backend.backups
