"""The calls of `Memory` that move and keep data; what they do is in `aurora_dev.transfer` and in the local store."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.core.local.backup import LocalBackups
from aurora_dev.errors import InvalidRequestError

if TYPE_CHECKING:
    from aurora_dev.core.contracts import VectorBackend
    from aurora_dev.core.local.backup import RestoreReport
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.transfer import CopyReport, ExportReport, ImportReport, Progress


class MemoryTransfer:
    """What `Memory` can do to move and keep data. A mixin: it expects the store of the class that it is mixed into."""

    @property
    def store(self) -> VectorStore:
        """The store underneath.

        Raises:
            StoreClosedError: The memory is not open.
        """
        raise AttributeError("the class that this is mixed into has the store")

    async def export_file(
        self, file: str | Path, *, vectors: bool = True, progress: Progress | None = None
    ) -> ExportReport:
        """Write everything in the namespace to a file, a record a line; see `aurora_dev.transfer.export_records`."""
        from aurora_dev.transfer import export_records

        store = self.store
        return await asyncio.to_thread(
            export_records, store.backend, store.namespace, file, vectors=vectors, progress=progress
        )

    async def import_file(
        self, file: str | Path, *, vectors: bool = True, progress: Progress | None = None
    ) -> ImportReport:
        """Read what `export_file` wrote into this memory's namespace; see `aurora_dev.transfer.import_records`."""
        from aurora_dev.transfer import import_records

        store = self.store
        return await asyncio.to_thread(
            import_records, store.backend, file, namespace=store.namespace, vectors=vectors, progress=progress
        )

    async def copy_to(
        self,
        target: VectorBackend,
        *,
        namespace: str | None = None,
        vectors: bool = True,
        progress: Progress | None = None,
    ) -> CopyReport:
        """Copy everything in the namespace to another store; see `aurora_dev.transfer.copy_records`.

        Args:
            target: The store, such as ``FAISSLocalStore(path)`` or ``PineconeStore(key)``; it stays open.
            namespace: In the target; ``None``: the same.
            vectors: Whether vectors are taken over.
            progress: Called with what goes on, and how many of how many records are done.
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
            progress=progress,
        )

    async def back_up(self, file: str | Path) -> int:
        """Write the whole local store, every namespace, to a file while it is in use; return the file's bytes.

        Raises:
            InvalidRequestError: The store is not a local one, or ``file`` cannot be its backup.
            StoreError: See `LocalBackups.back_up`.
        """
        return await asyncio.to_thread(self._backups().back_up, file)

    async def restore(self, file: str | Path) -> RestoreReport:
        """Replace the whole local store, every namespace, by a backup, in one transaction.

        Raises:
            InvalidRequestError: The store is not a local one, or ``file`` is no backup.
            StoreError: See `LocalBackups.restore`; nothing was changed.
        """
        return await asyncio.to_thread(self._backups().restore, file)

    def _backups(self) -> LocalBackups:
        return local_backups(self.store.backend)


def local_backups(backend: VectorBackend) -> LocalBackups:
    """Return the store as one that makes backups.

    Raises:
        InvalidRequestError: It is not a local one.
    """
    if not isinstance(backend, LocalBackups):
        raise InvalidRequestError(
            "only a local store is backed up as a whole; nothing was done. Save this one with: aurora export FILE"
        )
    return backend
