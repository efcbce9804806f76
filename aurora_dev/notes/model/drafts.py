"""Checked notes and checked corrections: the one place where the fields that callers give are checked and masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from aurora_dev.core.types import MetadataValue
from aurora_dev.notes.model import checks
from aurora_dev.notes.model.masking import SecretMask
from aurora_dev.notes.model.types import NewNote, Note, NoteChanges, Scope

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, slots=True)
class Draft:
    """A note that is ready to be stored: fields checked, credentials masked, no id yet.

    Every field means what the field of the same name of `Note` means.
    """

    content: str
    kind: str
    tags: tuple[str, ...]
    importance: int
    source: str | None
    expires_at: float | None
    supersedes: tuple[str, ...]
    path: str | None
    symbol: str | None
    code_hash: str | None = None
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)

    @classmethod
    def from_note(cls, note: Note) -> Self:
        """Return the draft that holds what a note says, without its id, times and history."""
        return cls(**_values(cls, note))

    def to_note(self, id: str, *, now: float, scope: Scope, supersedes: Sequence[str]) -> Note:
        """Return the note as it is stored for the first time.

        Args:
            id: Id of the new note.
            now: When it is created, in seconds since the epoch.
            scope: Scope of the store.
            supersedes: Whole ids of the notes that it replaces.
        """
        values = {**_values(type(self), self), "supersedes": tuple(supersedes)}
        return Note(id=id, created_at=now, updated_at=now, scope=scope, **values)


def checked_draft(new: NewNote, *, now: float, mask: SecretMask) -> Draft:
    """Check and mask a new note; the scope and the code that it is about are checked by the caller.

    Args:
        new: The note as the caller gave it.
        now: Seconds since the epoch.
        mask: Masks credentials in every text of the note but its path.

    Raises:
        InvalidRequestError: A field is malformed; nothing was stored.
    """
    content = mask.text(checks.checked_content(new.content))
    seconds = 0.0 if new.expires_in is None else checks.checked_expiry(new.expires_in)
    return Draft(
        content=content,
        kind=mask.text(checks.checked_kind(new.kind)),
        tags=mask.names(checks.checked_names(new.tags, "tag")),
        importance=checks.checked_importance(new.importance),
        source=mask.text(checks.checked_source(new.source)),
        expires_at=now + seconds if seconds else None,
        supersedes=checks.checked_ids(new.supersedes, "supersedes", checks.MAX_SUPERSEDES),
        path=checks.checked_path(new.path) if new.path else None,
        symbol=mask.text(checks.checked_symbol(new.symbol)),
        metadata=mask.metadata(checks.checked_metadata(new.metadata)),
    )


def checked_changes(changes: NoteChanges, *, now: float, mask: SecretMask) -> dict[str, Any]:
    """Check and mask corrections, and return the new values by field name of `Note`.

    Args:
        changes: The corrections as the caller gave them.
        now: Seconds since the epoch.
        mask: Masks credentials in every text of the note but its path.

    Returns:
        Only the fields that change. ``path`` and ``symbol`` are checked, but not yet looked up in the project.

    Raises:
        InvalidRequestError: A field is malformed; nothing was changed.
    """
    values: dict[str, Any] = {}
    if changes.content is not None:
        values["content"] = mask.text(checks.checked_content(changes.content))
    if changes.kind is not None:
        values["kind"] = mask.text(checks.checked_kind(changes.kind))
    if changes.tags is not None:
        values["tags"] = mask.names(checks.checked_names(changes.tags, "tag"))
    if changes.importance is not None:
        values["importance"] = checks.checked_importance(changes.importance)
    if changes.source is not None:
        values["source"] = mask.text(checks.checked_source(changes.source))
    if changes.expires_in is not None:
        seconds = checks.checked_expiry(changes.expires_in)
        values["expires_at"] = now + seconds if seconds else None
    if changes.path is not None:
        values["path"] = checks.checked_path(changes.path) if changes.path else None
    if changes.symbol is not None:
        values["symbol"] = mask.text(checks.checked_symbol(changes.symbol))
    if changes.metadata is not None:
        values["metadata"] = mask.metadata(checks.checked_metadata(changes.metadata))
    return values


def _values(names: type[Draft], source: Note | Draft) -> dict[str, Any]:
    """Return the values of a note or draft by the field names of `Draft`."""
    return {each.name: getattr(source, each.name) for each in fields(names)}
