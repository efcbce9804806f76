"""Notes as records of a store: their ids, and how metadata hold their fields."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aurora_dev.core.types import Document, MetadataValue, document_id
from aurora_dev.notes.model.checks import OWN_KEYS
from aurora_dev.notes.model.types import DEFAULT_IMPORTANCE, LEAST_IMPORTANCE, MOST_IMPORTANCE, Note, Scope
from aurora_dev.notes.model.words import identity, normalised

_ID_CHARS = 32


def note_id(namespace: str, content: str, kind: str, ordinal: int = 0) -> str:
    """Return the id of a new note: the same for the same text and kind.

    Args:
        namespace: Namespace of the store.
        content: Text with credentials masked; compared by `identity`.
        kind: Kind of the note.
        ordinal: 0-based. The next one is tried where a note with the id of this text was corrected to another text.
    """
    return document_id(namespace, Document(identity(content), {"kind": kind}), ordinal)


def folded_note_id(namespace: str, content: str, kind: str) -> str:
    """Return the id that older releases of Aurora gave a note; its text may differ in case from ``content``."""
    return document_id(namespace, Document(normalised(content), {"kind": kind}))


def legacy_note_id(namespace: str, content: str, kind: str) -> str:
    """Return the id that still older releases of Aurora gave a note: they did not normalise its text."""
    return document_id(namespace, Document(content, {"kind": kind}))


def earlier_version(note: Note, now: float) -> Note:
    """Return the present version of a note as its history keeps it once the note is corrected.

    Args:
        note: The note as it is stored.
        now: Seconds since the epoch.
    """
    return replace(
        note, id=_earlier_id(note.id, note), superseded_by=note.id, supersedes=(), updated_at=now, conflicts_with=()
    )


def is_earlier_version(note: Note) -> bool:
    """Return whether a note is an earlier version of the one that superseded it, not a note of its own."""
    return note.superseded_by is not None and _earlier_id(note.superseded_by, note) == note.id


def _earlier_id(owner: str, note: Note) -> str:
    digest = hashlib.sha256(f"{owner}\0{note.kind}\0{note.content}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:_ID_CHARS]


def note_of(identifier: str, content: str, metadata: Mapping[str, Any], scope: Scope = "project") -> Note:
    """Return a record as a note; fields that are missing or malformed in the metadata get their defaults."""
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
        conflicts_with=_texts(metadata.get("conflicts_with")),
        holds_with=_texts(metadata.get("holds_with")),
        metadata={key: value for key, value in metadata.items() if key not in OWN_KEYS},
    )


def document_of(note: Note) -> Document:
    """Return a note as it is stored; optional fields that are not set are left out."""
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
        "conflicts_with": list(note.conflicts_with) or None,
        "holds_with": list(note.holds_with) or None,
    }
    metadata.update({key: value for key, value in optional.items() if value is not None})
    return Document(note.content, metadata, note.id)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(part for part in value if isinstance(part, str)) if isinstance(value, list) else ()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
