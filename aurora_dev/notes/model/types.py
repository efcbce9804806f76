"""What a memory is, and what the calls about memories answer with; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from aurora_dev.core.types import MetadataValue

Scope: TypeAlias = Literal["project", "user"]

KINDS: Final = ("decision", "pattern", "lesson", "conflict", "convention", "note")
"""The kinds that Aurora itself knows; any other name of at most 64 characters is one as well."""
DEFAULT_IMPORTANCE: Final = 5
LEAST_IMPORTANCE: Final = 1
MOST_IMPORTANCE: Final = 10


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was learned, as it is stored.

    Attributes:
        id: Stays the same for as long as it is remembered, whatever is corrected about it.
        content: The text, with credentials masked.
        kind: What sort of thing it is: ``note``, ``decision``, ``pattern``, ``lesson``, or any other name.
        tags: Names to find it by.
        created_at: Seconds since the epoch.
        importance: 1 (trivial) to 10 (vital).
        source: Where it was learned, in the words of whoever said so.
        path: File or folder of the project that it is about: POSIX, relative to the project.
        symbol: Definition in that file, as in ``Client.send``.
        updated_at: When it last changed, in seconds since the epoch.
        expires_at: When it ends being found, in seconds since the epoch; ``None``: never.
        supersedes: Ids of the memories that it replaced.
        superseded_by: Id of the memory that replaced it; it is then found by `Memory.history` only.
        said: How many times it was remembered.
        uses: How many times `Memory.recall` gave it; approximate.
        code_hash: What that code was, for comparing; ``None`` where it is about no code that is there.
        stale: Why it may no longer hold: the code that it is about has changed or is gone. ``None`` where it is as it
            was, or is about no code.
        scope: ``project``, or ``user`` for what is true across the user's projects.
        metadata: What else was stored with it.
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


@dataclass(frozen=True, slots=True)
class Conflict:
    """A memory that probably contradicts another: for the agent to settle, never settled in silence.

    Attributes:
        id: Of the earlier memory.
        content: Its text.
        reason: Why they seem to contradict each other, for a person: ``says 'never' where this says 'always'``.
        similarity: How near the two are in meaning, 0..1 (cosine; the share of common words where there are no
            vectors).
        kind: Of the earlier memory.
        scope: Where the earlier memory is.
    """

    id: str
    content: str
    reason: str
    similarity: float
    kind: str = "note"
    scope: Scope = "project"


@dataclass(frozen=True, slots=True)
class Remembered(Note):
    """What `Memory.remember` stored, and what it noticed.

    Attributes:
        is_new: Whether there was no memory yet that says the same.
        duplicates: Ids of memories that say the same; the first is the one that was kept, if there were any.
        conflicts: Earlier memories that this one probably contradicts, nearest first.
    """

    is_new: bool = True
    duplicates: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True, slots=True)
class NotePage:
    """A page of `Memory.list`.

    Attributes:
        notes: Newest first.
        next_cursor: Give it to the next call for the next page; ``None`` on the last one.
        total: How many there are on all pages.
    """

    notes: tuple[Note, ...]
    next_cursor: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `Memory.prune` removes, or would.

    Attributes:
        expired: Memories whose time is over.
        superseded: Memories that were replaced long ago.
        dry_run: Whether this only says what would be removed.
    """

    expired: tuple[Note, ...]
    superseded: tuple[Note, ...]
    dry_run: bool

    @property
    def count(self) -> int:
        """How many memories these are."""
        return len(self.expired) + len(self.superseded)


@dataclass(frozen=True, slots=True)
class NotesExported:
    """What `Memory.export_notes` wrote.

    Attributes:
        target: The folder or file.
        files: Paths of the files that hold a memory now, sorted.
        notes: How many memories they hold.
        left: Files of memories that are not stored here (any more); they were left alone.
    """

    target: str
    files: tuple[str, ...]
    notes: int
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotesImported:
    """What `Memory.import_notes` did: ids by what became of them."""

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()

    def with_one(self, id: str, *, is_new: bool) -> NotesImported:
        """Return the same with one more that was said, again or for the first time."""
        if is_new:
            return replace(self, added=(*self.added, id))
        return replace(self, unchanged=(*self.unchanged, id))
