"""The kinds of records: chunks of files, commits, sessions and notes; the only module that tells them apart.

The indexer writes the metadata key ``file_hash`` to every chunk, the commit indexer writes ``commit``, the capture of
sessions writes ``session_part``. A record with none of these keys is a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:  # importing it takes longer than all else that a hook does
    from aurora_dev.core.contracts import Filter

__all__ = [
    "COMMIT_KEY",
    "COMMIT_KIND",
    "ENCODING_KEY",
    "FILE_KEY",
    "HISTORY_GROUPS",
    "IS_CHUNK",
    "IS_COMMIT",
    "IS_NOTE",
    "IS_SESSION",
    "NOT_A_CHUNK",
    "NOT_A_SESSION",
    "NOT_HISTORY",
    "SESSION_EXCHANGE",
    "SESSION_KEY",
    "SESSION_KIND",
    "SESSION_WHOLE",
    "RecordKind",
    "chunks_of",
    "history_group",
    "is_chunk",
    "is_commit",
    "is_history",
    "is_note",
    "is_session",
    "kind_of_record",
]

RecordKind: TypeAlias = Literal["chunk", "commit", "session", "note"]

FILE_KEY: Final = "file_hash"
ENCODING_KEY: Final = "encoding"  # of the chunks of a file that is not UTF-8
"""The metadata key of chunks: the hash of the file that the chunk was cut from."""
COMMIT_KEY: Final = "commit"
"""The metadata key of commits: the full hash."""
COMMIT_KIND: Final = "commit"
"""The ``kind`` of a commit, as a note's is ``decision`` or ``lesson``."""
SESSION_KEY: Final = "session_part"
"""The metadata key of sessions: `SESSION_EXCHANGE` or `SESSION_WHOLE`."""
SESSION_KIND: Final = "session"
"""The ``kind`` of a session and of its exchanges."""
SESSION_EXCHANGE: Final = "exchange"
SESSION_WHOLE: Final = "whole"

HISTORY_GROUPS: Final = (None, COMMIT_KIND, SESSION_KIND)
"""The groups of records that are ranked among themselves; see `history_group`."""

IS_CHUNK: Final[Filter] = {FILE_KEY: {"$exists": True}}
IS_COMMIT: Final[Filter] = {COMMIT_KEY: {"$exists": True}}
NOT_A_CHUNK: Final[Filter] = {FILE_KEY: {"$exists": False}}
IS_SESSION: Final[Filter] = {SESSION_KEY: {"$exists": True}}
NOT_A_SESSION: Final[Filter] = {SESSION_KEY: {"$exists": False}}
NOT_HISTORY: Final[Filter] = {COMMIT_KEY: {"$exists": False}, **NOT_A_SESSION}
IS_NOTE: Final[Filter] = {**NOT_A_CHUNK, **NOT_HISTORY}


def chunks_of(paths: Iterable[str]) -> Filter:
    """Return the filter for the chunks of some files."""
    return {**IS_CHUNK, "path": {"$in": list(paths)}}


def is_chunk(metadata: Mapping[str, Any]) -> bool:
    """Return whether a record is a chunk of a file of the project."""
    return FILE_KEY in metadata


def is_commit(metadata: Mapping[str, Any]) -> bool:
    """Return whether a record is a commit."""
    return COMMIT_KEY in metadata


def is_session(metadata: Mapping[str, Any]) -> bool:
    """Return whether a record is a session or one of its exchanges."""
    return SESSION_KEY in metadata


def is_history(metadata: Mapping[str, Any]) -> bool:
    """Return whether a record tells what was done: a commit or a session."""
    return COMMIT_KEY in metadata or SESSION_KEY in metadata


def history_group(metadata: Mapping[str, Any]) -> str | None:
    """Return the group in which a record is ranked: one of `HISTORY_GROUPS`, ``None`` for chunks and notes."""
    if COMMIT_KEY in metadata:
        return COMMIT_KIND
    return SESSION_KIND if SESSION_KEY in metadata else None


def is_note(metadata: Mapping[str, Any]) -> bool:
    """Return whether a record is a note: no chunk, commit or session."""
    return not is_chunk(metadata) and not is_history(metadata)


def kind_of_record(metadata: Mapping[str, Any]) -> RecordKind:
    """Return the kind of a record."""
    if is_commit(metadata):
        return "commit"
    if is_session(metadata):
        return "session"
    return "chunk" if is_chunk(metadata) else "note"
