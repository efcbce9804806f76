"""The project that a hook belongs to, and where its store is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from aurora_dev.config.quick import DEFAULT_NAMESPACE, find_plain_project, plain_user_folder
from aurora_dev.core.quick_reader import QuickReader

__all__ = ["Place", "file_reader", "find_place", "open_readers"]

_USER_NAMESPACE: Final = "user"  # as `aurora_dev.notes.user_store`


class Place(NamedTuple):
    """An indexed project.

    Attributes:
        root: Its folder.
        store: The folder of its local store.
        namespace: The namespace of its records.
        files: The namespace of the chunks of its files; another one in a linked worktree.
        user: The folder of the user's own notes; ``None`` if there is none.
    """

    root: str
    store: str
    namespace: str
    files: str
    user: str | None

    @property
    def state(self) -> str:
        """The folder of what hooks write down."""
        return os.path.join(self.store, "state")  # noqa: PTH118


def find_place(folder: str) -> Place | None:
    """Return the project around a folder; ``None`` if nothing is stored for it, so that hooks do nothing there.

    Raises:
        ConfigurationError: A setting is wrong.
    """
    if not os.path.isabs(folder) or not os.path.isdir(folder):  # noqa: PTH112, PTH117
        return None
    root = find_plain_project(folder)
    place = _from_settings(folder) if root is None else _plain(root)
    if place is None or not os.path.isfile(os.path.join(place.store, "memory.db")):  # noqa: PTH113, PTH118
        return None
    return place


@contextmanager
def file_reader(place: Place, reader: QuickReader) -> Iterator[QuickReader]:
    """Lend the reader of the chunks of files: the reader of the project, or that of its worktree."""
    if place.files == place.namespace:
        yield reader
    else:
        with QuickReader(place.store, place.files) as own:
            yield own


@contextmanager
def open_readers(place: Place) -> Iterator[list[QuickReader]]:
    """Lend the readers of the project's store and, if there are any, of the user's own notes."""
    readers = [QuickReader(place.store, place.namespace)]
    try:
        user = place.user
        if user is not None and os.path.isfile(os.path.join(user, "memory.db")):  # noqa: PTH113, PTH118
            readers.append(QuickReader(user, _USER_NAMESPACE))
        yield readers
    finally:
        for reader in readers:
            reader.close()


def _plain(root: str) -> Place:
    store = os.path.join(root, ".aurora")  # noqa: PTH118
    return Place(root, store, DEFAULT_NAMESPACE, DEFAULT_NAMESPACE, plain_user_folder())


def _from_settings(folder: str) -> Place | None:
    from pathlib import Path

    from aurora_dev.config import Settings, find_project, shared_worktree

    root = find_project(Path(folder))
    if root is None:
        return None
    settings = Settings.load(root)
    if settings.sources()["backend"].kind != "default":
        from aurora_dev.core.factory import backend_kind

        if not backend_kind(settings.backend).local:
            return None
    files = settings.namespace
    if settings.store is None and (linked := shared_worktree(root)) is not None:
        from aurora_dev.core.factory import worktree_namespace

        files = worktree_namespace(settings.namespace, linked.name)
    user = settings.user_store_path()
    store = str(settings.store_path(root))
    return Place(str(root), store, settings.namespace, files, None if user is None else str(user))
