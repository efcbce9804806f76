"""Memories as records of a store: which records they are, and how their fields are kept in the metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from aurora_dev.core.contracts import Filter
from aurora_dev.core.types import Document, MetadataValue, document_id
from aurora_dev.notes.model.checks import OWN_KEYS
from aurora_dev.notes.model.types import DEFAULT_IMPORTANCE, LEAST_IMPORTANCE, MOST_IMPORTANCE, Note, Scope
from aurora_dev.notes.model.words import normalised

_ID_CHARS = 32


def of_kinds_and_tags(kinds: Iterable[str] | None, tags: Iterable[str] | None) -> Filter | None:
    """Return the condition of memories of some kinds that have one of some tags at least."""
    parts: dict[str, Any] = {}
    if kinds is not None:
        parts["kind"] = {"$in": list(kinds)}
    if tags is not None:
        parts["tags"] = {"$in": list(tags)}
    return parts or None


def note_id(namespace: str, content: str, kind: str, ordinal: int = 0) -> str:
    """Return the id of a memory that is stored for the first time: the same for the same words and kind.

    Args:
        namespace: Of the store.
        content: With credentials masked; case, spaces and the full stop at the end make no difference.
        kind: As it is stored.
        ordinal: 0-based; another one where the id is taken by a memory that was corrected meanwhile.
    """
    return document_id(namespace, Document(normalised(content), {"kind": kind}), ordinal)


def plain_id(namespace: str, content: str, kind: str) -> str:
    """Return the id that earlier versions of Aurora gave, who took the words as they stand."""
    return document_id(namespace, Document(content, {"kind": kind}))


def wording_id(owner: str, note: Note) -> str:
    """Return the id under which a wording of a memory is kept once it is corrected.

    Args:
        owner: Id of the memory.
        note: With the kind and the text that it has had.
    """
    digest = hashlib.sha256(f"{owner}\0{note.kind}\0{note.content}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:_ID_CHARS]


def is_wording(note: Note) -> bool:
    """Whether a record is an earlier wording of a memory, rather than a memory that another one replaced."""
    return note.superseded_by is not None and wording_id(note.superseded_by, note) == note.id


def note_of(identifier: str, content: str, metadata: Mapping[str, Any], scope: Scope = "project") -> Note:
    """Return a record as a memory; what is missing or odd in the metadata has its default."""
    created = _number(metadata.get("created_at")) or 0.0
    importance = metadata.get("importance")
    known = isinstance(importance, int) and LEAST_IMPORTANCE <= importance <= MOST_IMPORTANCE
    said = metadata.get("said")
    return Note(
        id=identifier,
        content=content,
        kind=_text(metadata.get("kind")) or "note",
        tags=_texts(metadata.get("tags")),
        created_at=created,
        importance=int(importance) if known and importance is not None else DEFAULT_IMPORTANCE,
        source=_text(metadata.get("source")),
        path=_text(metadata.get("path")),
        symbol=_text(metadata.get("symbol")),
        updated_at=_number(metadata.get("updated_at")) or created,
        expires_at=_number(metadata.get("expires_at")),
        supersedes=_texts(metadata.get("supersedes")),
        superseded_by=_text(metadata.get("superseded_by")),
        said=said if isinstance(said, int) and said > 0 else 1,
        code_hash=_text(metadata.get("code_hash")),
        stale=_text(metadata.get("stale")),
        scope=scope,
        metadata={key: value for key, value in metadata.items() if key not in OWN_KEYS},
    )


def document_of(note: Note) -> Document:
    """Return a memory as it is stored; what has its default is left out."""
    metadata: dict[str, MetadataValue] = {**note.metadata, "kind": note.kind, "created_at": note.created_at}
    if note.tags:
        metadata["tags"] = list(note.tags)
    metadata["importance"] = note.importance
    optional: dict[str, MetadataValue | None] = {
        "source": note.source,
        "path": note.path,
        "symbol": note.symbol,
        "code_hash": note.code_hash,
        "updated_at": note.updated_at if note.updated_at != note.created_at else None,
        "expires_at": note.expires_at,
        "supersedes": list(note.supersedes) or None,
        "superseded_by": note.superseded_by,
        "said": note.said if note.said > 1 else None,
        "stale": note.stale,
    }
    metadata.update({key: value for key, value in optional.items() if value is not None})
    return Document(note.content, metadata, note.id)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(part for part in value if isinstance(part, str)) if isinstance(value, list) else ()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
