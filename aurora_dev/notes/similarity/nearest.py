"""Memories that are near a text in meaning, and which of them say the same."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aurora_dev.core.contracts import Filter
from aurora_dev.core.filters import all_of
from aurora_dev.core.record_kinds import IS_NOTE
from aurora_dev.core.types import SearchOptions
from aurora_dev.notes.model.records import note_of
from aurora_dev.notes.model.types import Note, Scope
from aurora_dev.notes.model.words import content_words, overlap

if TYPE_CHECKING:
    from aurora_dev.core.vector_store import VectorStore

_LOOKED_AT: Final = 12  # memories nearest to a new one; what contradicts or repeats it is among the first few
_KEYWORD_CHARS: Final = 2_000  # of a long text are looked up by keyword where there are no vectors


@dataclass(frozen=True, slots=True)
class Similar:
    """A memory near a text.

    Attributes:
        note: The memory.
        cosine: 0..1; ``None`` where there are no vectors.
        overlap: Share of common words (Jaccard over content words), 0..1.
    """

    note: Note
    cosine: float | None
    overlap: float

    @property
    def similarity(self) -> float:
        """How near it is, 0..1: the cosine, or the share of common words where there is none."""
        return self.overlap if self.cosine is None else self.cosine


async def similar_notes(
    store: VectorStore,
    content: str,
    scope: Scope,
    *,
    skip: Container[str] = (),
    filter: Filter | None = None,
) -> list[Similar]:
    """Return the current memories that are nearest to a text, nearest first."""
    wanted = all_of(IS_NOTE, filter)  # the store itself leaves out what is not current
    options = SearchOptions(mode="vector", candidates=_LOOKED_AT)
    found = await store.search(content, _LOOKED_AT, rerank=False, filter=wanted, options=options)
    by_meaning = found.search_method.startswith("vector")
    if not by_meaning:
        cut = content[:_KEYWORD_CHARS]
        options = SearchOptions(mode="keyword", candidates=_LOOKED_AT)
        found = await store.search(cut, _LOOKED_AT, rerank=False, filter=wanted, options=options)
    words = content_words(content)
    near = []
    for result in found:
        if result.id in skip:
            continue
        shared = overlap(words, content_words(result.content))
        cosine = max(0.0, min(1.0, result.scores.get("vector", 0.0)))
        note = note_of(result.id, result.content, result.metadata, scope)
        near.append(Similar(note, cosine if by_meaning else None, shared))
    near.sort(key=lambda one: (-one.similarity, -one.overlap, one.note.id))
    return near
