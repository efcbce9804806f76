"""Recall in one store: candidates, scores, order, and the fields of results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aurora_dev import Document, SearchOptions, SearchResult, SearchResults, VectorStore
from aurora_dev.core.record_kinds import IS_NOTE
from aurora_dev.notes.recall import recall_notes
from aurora_dev.notes.recall_scores import recall_score, relevance
from aurora_dev.notes.store import NoteStore
from aurora_dev.testing.hashing_embedder import HashingEmbedder

DAY = 86_400.0
NOW = 1_000 * DAY
TEXT = "Deploys need a green build."


@pytest_asyncio.fixture
async def notes(tmp_path: Path) -> AsyncIterator[NoteStore]:
    async with VectorStore(path=tmp_path / "store", embedder=HashingEmbedder(), reranker="none") as store:
        yield NoteStore(store, "user", lambda: NOW)


async def add(notes: NoteStore, id: str, content: str = TEXT, **metadata: Any) -> None:
    values = {"kind": "lesson", "importance": 5, "created_at": NOW - 200 * DAY, "id_tag": id, **metadata}
    await notes.store.upsert([Document(content, values, id)])


async def ids(notes: NoteStore, uses: dict[str, int] | None = None, top_k: int = 5) -> list[str]:
    found = await recall_notes(notes, "what do deploys need", IS_NOTE, top_k, uses or {}, NOW)
    return [result.id for result in found]


@pytest.mark.parametrize(
    "change",
    [{"created_at": NOW}, {"updated_at": NOW}, {"importance": 9}, {"said": 6}, {"created_at": NOW - 100 * DAY}],
)
async def test_the_newer_more_important_or_more_often_said_of_two_equal_notes_comes_first(
    notes: NoteStore, change: dict[str, Any]
) -> None:
    await add(notes, "a")
    await add(notes, "b")
    assert await ids(notes) == ["a", "b"]
    await add(notes, "b", **change)
    assert await ids(notes) == ["b", "a"]


async def test_the_more_often_used_of_two_equal_notes_comes_first(notes: NoteStore) -> None:
    await add(notes, "a", said=3)
    await add(notes, "b")
    assert await ids(notes, {"b": 2}) == ["a", "b"]  # two repetitions weigh as much as two uses
    assert await ids(notes, {"b": 3}) == ["b", "a"]
    assert await ids(notes, {"b": 3}, top_k=1) == ["b"]


async def test_results_hold_relevance_scope_and_the_score_of_the_formula(notes: NoteStore) -> None:
    await add(notes, "a", importance=8, said=2)
    await add(notes, "b", "Deploys run on Fridays.")
    found = await recall_notes(notes, "what do deploys need", IS_NOTE, 5, {"a": 4}, NOW)
    best_keyword = max(result.scores.get("keyword", 0.0) for result in found)
    (first,) = (result for result in found if result.id == "a")
    expected = relevance(first.scores["vector"], first.scores["keyword"], best_keyword)
    assert first.scores["relevance"] == pytest.approx(expected)
    assert first.score == pytest.approx(recall_score(expected, 200 * DAY, 8, 5))
    assert first.metadata["scope"] == "user"


class _Searched:
    """A store that records how it is searched, and returns prepared results."""

    def __init__(self, results: SearchResults) -> None:
        self._results = results
        self.calls: list[tuple[int, SearchOptions, bool]] = []

    async def search(
        self,
        query: str,  # noqa: ARG002
        top_k: int,
        *,
        rerank: bool,
        options: SearchOptions,
        filter: Any,  # noqa: ARG002
    ) -> SearchResults:
        self.calls.append((top_k, options, rerank))
        return self._results


@pytest.mark.parametrize(("top_k", "wanted"), [(1, 50), (10, 50), (11, 55)])
async def test_more_candidates_are_searched_than_are_wanted(top_k: int, wanted: int) -> None:
    store = _Searched(SearchResults(search_method="rrf_hybrid"))
    await recall_notes(NoteStore(store, "project"), "x", IS_NOTE, top_k, {}, NOW)  # type: ignore[arg-type]
    assert store.calls == [(wanted, SearchOptions(candidates=wanted, signals=False), False)]


@pytest.mark.parametrize(("method", "expected"), [("vector", 0.3), ("rrf_hybrid", 0.7), ("keyword", 1.0)])
async def test_without_vectors_words_alone_make_the_relevance(method: str, expected: float) -> None:
    scores = {"vector": 0.5} if method == "vector" else {"vector": 0.5, "keyword": 3.0}
    found = SearchResults([SearchResult("a", "x", 0.1, {"kind": "note"}, scores)], search_method=method)
    store = _Searched(found)
    (result,) = await recall_notes(NoteStore(store, "project"), "x", IS_NOTE, 5, {}, NOW)  # type: ignore[arg-type]
    assert result.scores["relevance"] == pytest.approx(expected)
