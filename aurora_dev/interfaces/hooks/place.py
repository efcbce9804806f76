"""The project that a hook belongs to, and where its store is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from aurora_dev.config.quick import DEFAULT_NAMESPACE, find_plain_project, plain_user_folder
from aurora_dev.core.quick_reader import QuickReader

__all__ = ["Place", "find_place", "open_readers"]

_USER_NAMESPACE: Final = "user"  # as `aurora_dev.notes.user_store`


class Place(NamedTuple):
    """An indexed project.

    Attributes:
        root: Its folder.
        store: The folder of its local store.
        namespace: The namespace of its records.
        user: The folder of the user's own notes; ``None`` if there is none.
    """

    root: str
    store: str
    namespace: str
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
    if root is None:
        place = _from_settings(folder)
    else:
        place = Place(root, os.path.join(root, ".aurora"), DEFAULT_NAMESPACE, plain_user_folder())  # noqa: PTH118
    if place is None or not os.path.isfile(os.path.join(place.store, "memory.db")):  # noqa: PTH113, PTH118
        return None
    return place


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


def _from_settings(folder: str) -> Place | None:
    from pathlib import Path

    from aurora_dev.config import Settings, find_project

    root = find_project(Path(folder))
    if root is None:
        return None
    settings = Settings.load(root)
    if settings.sources()["backend"].kind != "default":
        from aurora_dev.core.factory import backend_kind

        if not backend_kind(settings.backend).local:
            return None
    user = settings.user_store_path()
    return Place(str(root), str(settings.store_path(root)), settings.namespace, None if user is None else str(user))
