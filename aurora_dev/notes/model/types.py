"""The values of notes: what callers hand in, what is stored, and what calls return. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from aurora_dev.core.types import MetadataValue

Scope: TypeAlias = Literal["project", "user"]

KINDS: Final = ("decision", "pattern", "lesson", "conflict", "convention", "note")
"""The kinds that Aurora itself knows. Any other name of at most 64 characters is allowed, too."""
DEFAULT_IMPORTANCE: Final = 5
LEAST_IMPORTANCE: Final = 1
MOST_IMPORTANCE: Final = 10


@dataclass(frozen=True, slots=True)
class NewNote:
    """A note to remember, as the caller gives it: fields are not checked and credentials are not masked yet.

    Attributes:
        content: The text, at most 32 KiB.
        kind: ``decision``, ``pattern``, ``lesson``, ``conflict``, ``convention``, ``note``, or any other name of at
            most 64 characters.
        tags: Names to filter by.
        importance: 1 (trivial) to 10 (vital).
        source: Where it was learned: a person, a link, a file.
        expires_in: Seconds, or a `timedelta`, after which searches no longer find it; ``None``: never.
        supersedes: Id or ids of the notes that this one replaces.
        path: File or folder of the project that the note is about.
        symbol: Definition that the note is about, as in ``Client.send``.
        scope: ``user`` stores the note in the user's own store, for all projects.
        metadata: Further values to store with the note.
    """

    content: str
    kind: str = "note"
    tags: Iterable[str] = ()
    importance: int = DEFAULT_IMPORTANCE
    source: str | None = None
    expires_in: float | timedelta | None = None
    supersedes: str | Sequence[str] | None = None
    path: str | None = None
    symbol: str | None = None
    scope: Scope = "project"
    metadata: Mapping[str, MetadataValue] | None = None


@dataclass(frozen=True, slots=True)
class NoteChanges:
    """Corrections of a note, as the caller gives them; ``None`` leaves a field as it is.

    Attributes:
        content: The new text; the earlier version stays in the history.
        kind: The new kind.
        tags: All tags from now on.
        importance: 1 (trivial) to 10 (vital).
        source: Where it was learned; an empty string removes it.
        expires_in: Seconds from now, or a `timedelta`; 0 makes the note permanent.
        path: File or folder of the project; an empty string removes the link to code.
        symbol: Definition; an empty string removes it and keeps the path.
        metadata: All further values from now on.
    """

    content: str | None = None
    kind: str | None = None
    tags: Iterable[str] | None = None
    importance: int | None = None
    source: str | None = None
    expires_in: float | timedelta | None = None
    path: str | None = None
    symbol: str | None = None
    metadata: Mapping[str, MetadataValue] | None = None


@dataclass(frozen=True, slots=True)
class NoteFilter:
    """Conditions on notes, as the caller gives them; ``None`` sets no condition.

    Attributes:
        kinds: Only notes of these kinds.
        tags: Only notes with at least one of these tags.
        since: Only notes that were created since then: seconds since the epoch, a `datetime`, or how long ago.
    """

    kinds: Iterable[str] | None = None
    tags: Iterable[str] | None = None
    since: float | datetime | timedelta | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it is stored.

    Attributes:
        id: Stays the same for the life of the note, whatever is corrected.
        content: The text, with credentials masked.
        kind: ``note``, ``decision``, ``pattern``, ``lesson``, or any other name.
        tags: Names to filter by.
        created_at: Seconds since the epoch.
        importance: 1 (trivial) to 10 (vital).
        source: Where it was learned, in the words of whoever said so.
        path: File or folder of the project that it is about: POSIX, relative to the project.
        symbol: Definition in that file, as in ``Client.send``.
        updated_at: When it last changed, in seconds since the epoch.
        expires_at: When searches stop finding it, in seconds since the epoch; ``None``: never.
        supersedes: Ids of the notes that it replaced.
        superseded_by: Id of the note that replaced it; only `Memory.history` finds it then.
        said: How many times it was remembered.
        uses: How many times `Memory.recall` returned it; approximate.
        code_hash: Hash of the code when the note was stored; ``None`` where it is about no existing code.
        stale: Why it may no longer hold: its code has changed or is gone. ``None`` where the code is unchanged or the
            note is about no code.
        scope: ``project``, or ``user`` for the user's own store, which all projects share.
        metadata: Further values that were stored with it.
        conflicts_with: Ids of earlier notes that it seemed to contradict when it was stored; see `Memory.conflicts`.
        holds_with: Ids of notes of which a person or an agent said that both hold.
    """

    id: str
    content: str
    kind: str
    tags: tuple[str, ...]
    created_at: float
    importance: int = DEFAULT_IMPORTANCE
    source: str | None = None
    path: str | None = None
    symbol: str | None = None
    updated_at: float = 0.0
    expires_at: float | None = None
    supersedes: tuple[str, ...] = ()
    superseded_by: str | None = None
    said: int = 1
    uses: int = 0
    code_hash: str | None = None
    stale: str | None = None
    scope: Scope = "project"
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    conflicts_with: tuple[str, ...] = ()
    holds_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NearNote:
    """A note that says nearly the same as a new one. Both are kept; the caller may make one supersede the other.

    Attributes:
        id: Id of the note.
        content: Its text.
        similarity: How near the two are in meaning, 0..1 (cosine; the share of common words without vectors).
        kind: Kind of the note.
        scope: Scope of the note.
    """

    id: str
    content: str
    similarity: float
    kind: str = "note"
    scope: Scope = "project"


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """Two current notes that may contradict each other, and of which nobody said yet which holds.

    Attributes:
        note: The later note.
        other: The earlier note.
        reason: Why the two seem to contradict each other.
    """

    note: Note
    other: Note
    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An earlier note that a new one may contradict. Both are kept; the caller settles it, or says that both hold.

    Attributes:
        id: Id of the earlier note.
        content: Its text.
        reason: Why the two seem to contradict each other, for a person: ``says 'never' where the earlier one says
            'always'``.
        similarity: How near the two are in meaning, 0..1 (cosine; the share of common words without vectors).
        kind: Kind of the earlier note.
        scope: Scope of the earlier note.
    """

    id: str
    content: str
    reason: str
    similarity: float
    kind: str = "note"
    scope: Scope = "project"


@dataclass(frozen=True, slots=True)
class Remembered(Note):
    """The note that `Memory.remember` stored, with the conflicts and the similar notes it found.

    Attributes:
        is_new: Whether no earlier note has the same text.
        duplicates: Id of the note with the same text that was counted once more; empty where the note is new.
        conflicts: Earlier notes that this one may contradict, nearest first.
        similar: Notes that say nearly the same and are kept beside this one, nearest first.
    """

    is_new: bool = True
    duplicates: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    similar: tuple[NearNote, ...] = ()


@dataclass(frozen=True, slots=True)
class NotePage:
    """A page of `Memory.list`.

    Attributes:
        notes: Newest first.
        next_cursor: Pass it to the next call for the next page; ``None`` on the last page.
        total: Number of notes on all pages.
    """

    notes: tuple[Note, ...]
    next_cursor: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """The notes that `Memory.prune` removed, or would remove.

    Attributes:
        expired: Notes that have expired.
        superseded: Notes that were superseded long ago.
        dry_run: Whether nothing was removed.
    """

    expired: tuple[Note, ...]
    superseded: tuple[Note, ...]
    dry_run: bool

    @property
    def count(self) -> int:
        """Number of these notes."""
        return len(self.expired) + len(self.superseded)


@dataclass(frozen=True, slots=True)
class NotesExported:
    """The files that `Memory.export_notes` wrote.

    Attributes:
        target: The folder or file.
        files: Paths of the files that hold an exported note, sorted.
        notes: Number of exported notes.
        left: Files of notes that are not in the store (any more); they were not changed.
    """

    target: str
    files: tuple[str, ...]
    notes: int
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotesImported:
    """The notes that `Memory.import_notes` read.

    Attributes:
        added: Ids of new notes.
        updated: Ids of changed notes.
        unchanged: Ids of notes that stayed as they were.
        notices: Fields of the files that were passed over or are probably misspelled, with file and line.
        failed: Notes without an id that could not be stored, with file, line and reason; the others were.
    """

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def with_remembered(self, stored: Remembered) -> NotesImported:
        """Return a copy that counts one more note: added where it is new, else unchanged."""
        if stored.is_new:
            return replace(self, added=(*self.added, stored.id))
        return replace(self, unchanged=(*self.unchanged, stored.id))
