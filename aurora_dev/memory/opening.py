"""Opening the parts of a project by its settings: store, notes and index."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dev.config import Settings, assistant_folders
from aurora_dev.core.factory import LOCAL_BACKEND, backend_kind, create_backend, create_embedder, create_reranker
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import ConfigurationError
from aurora_dev.history.options import HistoryOptions
from aurora_dev.indexing.project_index import ProjectIndex
from aurora_dev.notes.service import NoteService
from aurora_dev.notes.user_store import USER_BUSY_TIMEOUT, USER_NAMESPACE, UserNotes
from aurora_dev.notes.uses import Uses

if TYPE_CHECKING:
    from aurora_dev.sessions.service import SessionService

__all__ = ["open_notes", "open_project_index", "open_sessions", "open_store"]


def open_store(settings: Settings, root: str | Path) -> VectorStore:
    """Open the store of a project; closing it closes the backend, embedder and reranker that were created for it.

    Args:
        settings: The settings, which name backend, embedder and reranker.
        root: The project's folder; a relative ``store`` setting starts there.

    Raises:
        ConfigurationError: A setting names something that does not exist.
        MissingDependencyError: A setting needs an extra that is not installed.
        ModelLoadError: The embedder cannot be loaded.
        StoreError: The store cannot be opened.
    """
    kind = backend_kind(settings.backend)
    if kind.shared and settings.sources()["namespace"].kind == "default":
        raise ConfigurationError(
            f"on {kind.title} every project needs a namespace of its own, or one would remove the files of another; "
            "nothing was opened. Set the environment variable AURORA_NAMESPACE to a name for this project"
        )
    with ExitStack() as parts:
        # Models before the store, so that a failure leaves no new folder behind.
        embedder = create_embedder(settings.embedder, settings, root)
        parts.callback(embedder.close)
        reranker = create_reranker(settings.reranker, settings)
        if reranker is not None:
            parts.callback(reranker.close)
        backend = create_backend(settings.backend, settings.store_path(Path(root)), settings)
        parts.callback(backend.close)
        return VectorStore(
            backend,
            namespace=settings.namespace,
            embedder=embedder,
            reranker="none" if reranker is None else reranker,
            mask_secrets=settings.mask_secrets,
            owns=parts,
        )


def open_notes(settings: Settings, root: str | Path, store: VectorStore) -> NoteService:
    """Return the notes in a project's store, with those of the user, whose store is opened when it is first needed.

    Args:
        settings: The settings, which name the folder of the user's store.
        root: The project's folder.
        store: The project's store; the user's store shares its embedder.
    """
    folder = settings.user_store_path()

    def open_user_store() -> VectorStore:
        assert folder is not None  # otherwise UserNotes does not open the store
        with ExitStack() as parts:
            patient = settings.model_copy(update={"busy_timeout": USER_BUSY_TIMEOUT})
            backend = create_backend(LOCAL_BACKEND, folder, patient)
            parts.callback(backend.close)
            return VectorStore(
                backend,
                namespace=USER_NAMESPACE,
                embedder=store.embedder,
                reranker="none",
                mask_secrets=settings.mask_secrets,
                owns=parts,
            )

    return NoteService(
        store,
        Path(root),
        mask=settings.mask_secrets,
        uses=Uses(settings.store_path(Path(root))),
        user=UserNotes(folder, open_user_store),
    )


def open_project_index(
    settings: Settings,
    root: str | Path,
    store: VectorStore,
    *,
    own: bool = True,
    on_change: Callable[[], Awaitable[object]] | None = None,
) -> ProjectIndex:
    """Return the index of a project, with what keeps it current.

    Args:
        settings: The settings of freshness and history.
        root: The project's folder.
        store: The project's store.
        own: Whether the store is the one that the settings name. The state of the index is kept in the store's folder;
            for another store without a folder, no state is kept.
        on_change: Awaited after files were indexed.
    """
    folder = store.backend.path
    if folder is None and own:
        folder = settings.store_path(Path(root))
    return ProjectIndex(
        store,
        Path(root),
        None if folder is None else folder / "state",
        mode=settings.freshness,
        budget=settings.freshness_budget,
        mask_secrets=settings.mask_secrets,
        history=HistoryOptions(settings.history_limit, settings.history_days),
        on_change=on_change,
    )


def open_sessions(settings: Settings, root: str | Path, store: VectorStore, *, own: bool = True) -> SessionService:
    """Return the sessions in a project's store.

    Args:
        settings: The settings, which limit what is kept.
        root: The project's folder.
        store: The project's store.
        own: Whether the store is the one that the settings name; see `open_project_index`.
    """
    from aurora_dev.sessions.formats.events import AssistantFolders
    from aurora_dev.sessions.options import SessionOptions
    from aurora_dev.sessions.service import SessionService

    folder = store.backend.path
    if folder is None and own:
        folder = settings.store_path(Path(root))
    return SessionService(
        store,
        Path(root),
        None if folder is None else folder / "state" / "sessions" / _state_name(store.namespace),
        AssistantFolders(**assistant_folders()),
        SessionOptions(settings.sessions == "on", settings.session_limit, settings.session_days),
        patience=settings.busy_timeout,
    )


def _state_name(namespace: str) -> str:
    """Return a name of a folder for a namespace, which may hold any characters."""
    return hashlib.sha256(namespace.encode("utf-8", "surrogatepass")).hexdigest()[:12]
