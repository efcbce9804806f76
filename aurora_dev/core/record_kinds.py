"""The one place that says what is a file chunk, a commit, a note.

A record says what it is by the metadata key that only its kind has: the indexer writes ``file_hash``, the commit
indexer ``commit``. Everything else was remembered by somebody, and is a note.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from aurora_dev.core.contracts import Filter

__all__ = [
    "COMMIT_KEY",
    "COMMIT_KIND",
    "FILE_KEY",
    "IS_CHUNK",
    "IS_COMMIT",
    "IS_NOTE",
    "NOT_A_CHUNK",
    "NOT_A_COMMIT",
    "RecordKind",
    "is_chunk",
    "is_commit",
    "is_note",
    "kind_of_record",
]

RecordKind: TypeAlias = Literal["chunk", "commit", "note"]

FILE_KEY: Final = "file_hash"
"""The metadata key that holds the hash of the file that a chunk was cut from; nothing else has it."""
COMMIT_KEY: Final = "commit"
"""The metadata key that holds a commit's full hash; nothing else has it."""
COMMIT_KIND: Final = "commit"
"""The ``kind`` of a commit, as a note's is ``decision`` or ``lesson``."""

IS_CHUNK: Final[Filter] = {FILE_KEY: {"$exists": True}}
IS_COMMIT: Final[Filter] = {COMMIT_KEY: {"$exists": True}}
NOT_A_CHUNK: Final[Filter] = {FILE_KEY: {"$exists": False}}
NOT_A_COMMIT: Final[Filter] = {COMMIT_KEY: {"$exists": False}}
IS_NOTE: Final[Filter] = {**NOT_A_CHUNK, **NOT_A_COMMIT}


def is_chunk(metadata: Mapping[str, Any]) -> bool:
    """Return whether a record is a chunk of a file of the project."""
    return FILE_KEY in metadata


def is_commit(metadata: Mapping[str, Any]) -> bool:
    """Return whether a record is a commit."""
    return COMMIT_KEY in metadata


def is_note(metadata: Mapping[str, Any]) -> bool:
    """Return whether a record is a note: neither a chunk nor a commit."""
    return not is_chunk(metadata) and not is_commit(metadata)


def kind_of_record(metadata: Mapping[str, Any]) -> RecordKind:
    """Return what a record is."""
    if is_commit(metadata):
        return "commit"
    return "chunk" if is_chunk(metadata) else "note"
