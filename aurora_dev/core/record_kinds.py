"""The kinds of records: chunks of files, commits and notes; the only module that defines how to tell them apart.

The indexer writes the metadata key ``file_hash`` to every chunk, the commit indexer writes ``commit``. A record with
neither key is a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:  # importing it takes longer than all else that a hook does
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
    "chunks_of",
    "is_chunk",
    "is_commit",
    "is_note",
    "kind_of_record",
]

RecordKind: TypeAlias = Literal["chunk", "commit", "note"]

FILE_KEY: Final = "file_hash"
"""The metadata key of chunks: the hash of the file that the chunk was cut from."""
COMMIT_KEY: Final = "commit"
"""The metadata key of commits: the full hash."""
COMMIT_KIND: Final = "commit"
"""The ``kind`` of a commit, as a note's is ``decision`` or ``lesson``."""

IS_CHUNK: Final[Filter] = {FILE_KEY: {"$exists": True}}
IS_COMMIT: Final[Filter] = {COMMIT_KEY: {"$exists": True}}
NOT_A_CHUNK: Final[Filter] = {FILE_KEY: {"$exists": False}}
NOT_A_COMMIT: Final[Filter] = {COMMIT_KEY: {"$exists": False}}
IS_NOTE: Final[Filter] = {**NOT_A_CHUNK, **NOT_A_COMMIT}


def chunks_of(paths: Iterable[str]) -> Filter:
    """Return the filter for the chunks of some files."""
    return {**IS_CHUNK, "path": {"$in": list(paths)}}


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
    """Return the kind of a record."""
    if is_commit(metadata):
        return "commit"
    return "chunk" if is_chunk(metadata) else "note"
