"""The notes nearest to a text: current notes only, by meaning or else by words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aurora_dev import Document, SearchOptions, SearchResult, SearchResults, VectorStore
from aurora_dev.core.record_kinds import IS_NOTE
from aurora_dev.notes.model.types import Note
from aurora_dev.notes.similarity.nearest import Similar, similar_notes
from aurora_dev.testing.hashing_embedder import HashingEmbedder


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[VectorStore]:
    async with VectorStore(path=tmp_path / "store", embedder=HashingEmbedder(), reranker="none") as opened:
        yield opened


async def add(store: VectorStore, id: str, content: str, **metadata: Any) -> None:
    await store.upsert([Document(content, {"kind": "note", **metadata}, id)])


def ids(near: list[Similar]) -> list[str]:
    return [similar.note.id for similar in near]


async def test_notes_are_returned_nearest_first_with_cosine_and_overlap(store: VectorStore) -> None:
    await add(store, "far", "Invoices are numbered without gaps.")
    await add(store, "near", "Tokens are signed with EdDSA keys.")
    await add(store, "same", "Tokens are signed with EdDSA.")
    near = await similar_notes(store, "tokens are signed with EdDSA", "user")
    assert ids(near) == ["same", "near", "far"]
    assert near[0].cosine == pytest.approx(1.0, abs=1e-5)
    assert near[0].overlap == 1.0
    assert near[1].overlap == pytest.approx(3 / 4)
    assert near[0].note.scope == "user"
    assert all(0.0 <= (similar.cosine or 0.0) <= 1.0 for similar in near)


async def test_chunks_commits_hidden_and_skipped_notes_are_left_out(store: VectorStore) -> None:
    text = "Tokens are signed with EdDSA."
    await add(store, "current", text)
    await add(store, "skipped", text)
    await add(store, "superseded", text, superseded_by="current")
    await add(store, "expired", text, expires_at=1.0)
    await store.upsert([Document(text, {"path": "a.py", "file_hash": "x"}, "chunk")])
    await store.upsert([Document(text, {"kind": "commit", "commit": "abc"}, "commit")])
    assert ids(await similar_notes(store, text, "project", skip=["skipped"])) == ["current"]
    assert ids(await similar_notes(store, text, "project", filter={"kind": "lesson"})) == []


class _SearchOnly:
    """A store that answers searches with prepared results, and records them."""

    def __init__(self, methods: dict[str, SearchResults]) -> None:
        self._methods = methods
        self.queries: list[tuple[str | None, str]] = []

    async def search(
        self, query: str, top_k: int, *, rerank: bool, options: SearchOptions, filter: object
    ) -> SearchResults:
        assert (top_k, options.candidates, rerank, filter) == (12, 12, False, IS_NOTE)
        self.queries.append((options.mode, query))
        return self._methods[str(options.mode)]


async def test_without_vectors_the_first_part_of_the_text_is_searched_by_keyword() -> None:
    found = SearchResults([SearchResult("a", "rotate keys", 0.9, {"kind": "note"})], search_method="keyword")
    store = _SearchOnly({"vector": SearchResults([], search_method="keyword"), "keyword": found})
    (similar,) = await similar_notes(store, "rotate keys " * 1_000, "project")  # type: ignore[arg-type]
    assert [(mode, len(query)) for mode, query in store.queries] == [("vector", 12_000), ("keyword", 2_000)]
    assert (similar.cosine, similar.overlap, similar.similarity) == (None, 1.0, 1.0)


async def test_equally_near_notes_are_ordered_by_common_words_and_cosines_are_clipped() -> None:
    def result(id: str, content: str, cosine: float) -> SearchResult:
        return SearchResult(id, content, 0.5, {"kind": "note"}, scores={"vector": cosine})

    texts = {"b": ("rotate", 1.2), "d": ("paint", -0.3), "c": ("rotate keys", 1.0), "a": ("rotate", 1.0)}
    found = [result(id, content, cosine) for id, (content, cosine) in texts.items()]
    found.append(SearchResult("e", "seal", 0.5, {"kind": "note"}))  # found without a vector
    store = _SearchOnly({"vector": SearchResults(found, search_method="vector")})
    near = await similar_notes(store, "rotate keys", "project")  # type: ignore[arg-type]
    assert ids(near) == ["c", "a", "b", "d", "e"]
    assert [similar.similarity for similar in near] == [1.0, 1.0, 1.0, 0.0, 0.0]


def test_similarity_is_the_cosine_or_else_the_overlap() -> None:
    note = Note("a", "x", "note", (), 0.0)
    assert Similar(note, 0.7, 0.2).similarity == 0.7
    assert Similar(note, None, 0.2).similarity == 0.2
