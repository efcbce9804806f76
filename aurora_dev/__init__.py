"""Aurora: the memory of a coding assistant.

The public names below are imported when they are first used, so that ``import aurora_dev`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aurora_dev.config import Settings
    from aurora_dev.core.context.items import Context
    from aurora_dev.core.context_manager import ContextManager
    from aurora_dev.core.contracts import Capabilities, Embedder, NamespaceStats, Reranker, TokenCounter, VectorBackend
    from aurora_dev.core.http_reranker import HTTPReranker
    from aurora_dev.core.reranker import CrossEncoderReranker
    from aurora_dev.core.scope.scope import SearchScope
    from aurora_dev.core.types import (
        Document,
        EmbedderInfo,
        Match,
        Notice,
        Record,
        SearchOptions,
        SearchResult,
        SearchResults,
    )
    from aurora_dev.core.vector_store import VectorStore
    from aurora_dev.errors import AuroraError
    from aurora_dev.indexing.indexer import Indexer, IndexReport
    from aurora_dev.memory import Memory
    from aurora_dev.memory.search_projects import search_projects
    from aurora_dev.memory.status import MemoryStatus
    from aurora_dev.memory.sync import SyncMemory
    from aurora_dev.notes.model.types import (
        Conflict,
        NewNote,
        Note,
        NoteChanges,
        NotePage,
        NotesExported,
        NotesImported,
        Pruned,
        Remembered,
    )

__all__ = [
    "AuroraError",
    "Capabilities",
    "Conflict",
    "Context",
    "ContextManager",
    "CrossEncoderReranker",
    "Document",
    "Embedder",
    "EmbedderInfo",
    "HTTPReranker",
    "IndexReport",
    "Indexer",
    "Match",
    "Memory",
    "MemoryStatus",
    "NamespaceStats",
    "NewNote",
    "Note",
    "NoteChanges",
    "NotePage",
    "NotesExported",
    "NotesImported",
    "Notice",
    "Pruned",
    "Record",
    "Remembered",
    "Reranker",
    "SearchOptions",
    "SearchResult",
    "SearchResults",
    "SearchScope",
    "Settings",
    "SyncMemory",
    "TokenCounter",
    "VectorBackend",
    "VectorStore",
    "__version__",
    "search_projects",
]

_MODULES = {
    "AuroraError": "errors",
    "Capabilities": "core.contracts",
    "Conflict": "notes.model.types",
    "Context": "core.context.items",
    "ContextManager": "core.context_manager",
    "CrossEncoderReranker": "core.reranker",
    "Document": "core.types",
    "Embedder": "core.contracts",
    "EmbedderInfo": "core.types",
    "HTTPReranker": "core.http_reranker",
    "IndexReport": "indexing.indexer",
    "Indexer": "indexing.indexer",
    "Match": "core.types",
    "Memory": "memory",
    "MemoryStatus": "memory.status",
    "NamespaceStats": "core.contracts",
    "NewNote": "notes.model.types",
    "Note": "notes.model.types",
    "NoteChanges": "notes.model.types",
    "NotePage": "notes.model.types",
    "NotesExported": "notes.model.types",
    "NotesImported": "notes.model.types",
    "Notice": "core.types",
    "Pruned": "notes.model.types",
    "Record": "core.types",
    "Remembered": "notes.model.types",
    "Reranker": "core.contracts",
    "SearchOptions": "core.types",
    "SearchResult": "core.types",
    "SearchResults": "core.types",
    "SearchScope": "core.scope.scope",
    "Settings": "config",
    "SyncMemory": "memory.sync",
    "TokenCounter": "core.contracts",
    "VectorBackend": "core.contracts",
    "VectorStore": "core.vector_store",
    "search_projects": "memory.search_projects",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name == "__version__":
        from aurora_dev.version import installed_version

        value: Any = installed_version()
    elif name in _MODULES:
        value = getattr(import_module(f"aurora_dev.{_MODULES[name]}"), name)
    else:
        raise AttributeError(f"module 'aurora_dev' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
