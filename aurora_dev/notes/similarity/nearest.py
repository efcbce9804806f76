"""The current notes that are nearest to a text in meaning."""

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

_MOST_NEAR: Final = 12  # notes; those that contradict or repeat a new note are among the first few
_KEYWORD_CHARS: Final = 2_000  # of a text, for the keyword search that stands in where there are no vectors


@dataclass(frozen=True, slots=True)
class Similar:
    """A note near a text.

    Attributes:
        note: The note.
        cosine: Cosine of the vectors, clipped to 0..1; ``None`` where there are no vectors.
        overlap: Share of common words (Jaccard index of the content words), 0..1.
    """

    note: Note
    cosine: float | None
    overlap: float

    @property
    def similarity(self) -> float:
        """Nearness, 0..1: the cosine, or without vectors the share of common words."""
        return self.overlap if self.cosine is None else self.cosine


async def similar_notes(
    store: VectorStore,
    content: str,
    scope: Scope,
    *,
    skip: Container[str] = (),
    filter: Filter | None = None,
) -> list[Similar]:
    """Return the current notes that are nearest to a text, nearest first.

    Args:
        store: Store to search; it leaves out expired and superseded notes.
        content: The text.
        scope: Scope of the store.
        skip: Ids to leave out.
        filter: Further conditions.
    """
    wanted = all_of(IS_NOTE, filter)
    options = SearchOptions(mode="vector", candidates=_MOST_NEAR)
    found = await store.search(content, _MOST_NEAR, rerank=False, filter=wanted, options=options)
    by_meaning = found.search_method.startswith("vector")
    if not by_meaning:
        words_only = content[:_KEYWORD_CHARS]
        options = SearchOptions(mode="keyword", candidates=_MOST_NEAR)
        found = await store.search(words_only, _MOST_NEAR, rerank=False, filter=wanted, options=options)
    words = content_words(content)
    near = []
    for result in found:
        if result.id in skip:
            continue
        shared = overlap(words, content_words(result.content))
        cosine = max(0.0, min(1.0, result.scores.get("vector", 0.0)))
        note = note_of(result.id, result.content, result.metadata, scope)
        near.append(Similar(note, cosine if by_meaning else None, shared))
    near.sort(key=lambda similar: (-similar.similarity, -similar.overlap, similar.note.id))
    return near
