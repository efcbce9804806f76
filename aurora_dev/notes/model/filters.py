"""Conditions on notes as filters of a store."""

from __future__ import annotations

from typing import Any

from aurora_dev.core.contracts import Filter
from aurora_dev.core.filters import all_of
from aurora_dev.core.record_kinds import COMMIT_KIND, IS_NOTE, NOT_A_CHUNK
from aurora_dev.notes.model import checks
from aurora_dev.notes.model.types import NoteFilter


def checked_filter(wanted: NoteFilter, now: float, *, allow_commits: bool = False) -> Filter:
    """Check the conditions of a caller and return them as a filter of the store.

    Args:
        wanted: The conditions.
        now: Seconds since the epoch, for a ``since`` that says how long ago.
        allow_commits: Whether the kind ``commit`` finds commits.

    Raises:
        InvalidRequestError: A condition is malformed.
    """
    kinds = None if wanted.kinds is None else checks.checked_names(wanted.kinds, "kind")
    tags = None if wanted.tags is None else checks.checked_names(wanted.tags, "tag")
    parts: dict[str, Any] = {}
    if kinds is not None:
        parts["kind"] = {"$in": list(kinds)}
    if tags is not None:
        parts["tags"] = {"$in": list(tags)}
    since = None if wanted.since is None else checks.checked_since(wanted.since, now)
    base = NOT_A_CHUNK if allow_commits and kinds is not None and COMMIT_KIND in kinds else IS_NOTE
    return all_of(base, parts or None, None if since is None else {"created_at": {"$gte": since}})
