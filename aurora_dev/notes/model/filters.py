"""Conditions on notes as filters of a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from aurora_dev.core.contracts import Filter
from aurora_dev.core.filters import all_of
from aurora_dev.core.record_kinds import COMMIT_KIND, IS_NOTE, NOT_A_CHUNK, NOT_A_SESSION
from aurora_dev.notes.model import checks
from aurora_dev.notes.model.types import NoteFilter


def checked_filter(
    wanted: NoteFilter, now: float, *, allow_commits: bool = False, stored: Iterable[Mapping[str, Any]] = ()
) -> Filter:
    """Check the conditions of a caller and return them as a filter of the store.

    Args:
        wanted: The conditions.
        now: Seconds since the epoch, for a ``since`` that says how long ago.
        allow_commits: Whether the kind ``commit`` finds commits.
        stored: Metadata of the stored notes: their kinds and tags match whatever case they are written in.

    Raises:
        InvalidRequestError: A condition is malformed.
    """
    kinds = None if wanted.kinds is None else checks.checked_names(wanted.kinds, "kind")
    tags = None if wanted.tags is None else checks.checked_names(wanted.tags, "tag")
    parts: dict[str, Any] = {}
    stored = list(stored)
    if kinds is not None:
        kinds = _spellings(kinds, (metadata.get("kind") for metadata in stored))
        parts["kind"] = {"$in": list(kinds)}
    if tags is not None:
        known = (tag for metadata in stored for tag in _listed(metadata.get("tags")))
        parts["tags"] = {"$in": list(_spellings(tags, known))}
    since = None if wanted.since is None else checks.checked_since(wanted.since, now)
    told = {**NOT_A_CHUNK, **NOT_A_SESSION}
    base = told if allow_commits and kinds is not None and COMMIT_KIND in kinds else IS_NOTE
    return all_of(base, parts or None, None if since is None else {"created_at": {"$gte": since}})


def materialised(wanted: NoteFilter) -> NoteFilter:
    """Return the conditions with iterators as tuples, so that they can be read again.

    Raises:
        InvalidRequestError: An iterator has too many names, or something else than names.
    """

    def read(names: Iterable[str] | None, what: str) -> Iterable[str] | None:
        return checks.checked_names(names, what) if isinstance(names, Iterator) else names

    return replace(wanted, kinds=read(wanted.kinds, "kind"), tags=read(wanted.tags, "tag"))


def _spellings(names: Iterable[str], stored: Iterable[object]) -> tuple[str, ...]:
    """Return names, and the stored names that differ from them in case alone."""
    wanted = {name.casefold(): None for name in names}
    same = (name for name in stored if isinstance(name, str) and name.casefold() in wanted)
    return tuple(dict.fromkeys((*names, *same)))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
