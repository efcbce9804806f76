"""Superseded and expired records are left out of searches, and cost nothing if there are none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aurora_dev import Document, SearchOptions, VectorStore
from aurora_dev.core.contracts import Capabilities
from aurora_dev.core.search.hidden import _MOST_REMOVED
from aurora_dev.testing.hashing_embedder import HashingEmbedder

MODES = ("hybrid", "vector", "keyword")


@pytest_asyncio.fixture
async def opened(tmp_path: Path) -> AsyncIterator[VectorStore]:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker="none") as store:
        yield store


async def found(store: VectorStore, **arguments: Any) -> set[str]:
    results = [
        await store.search("apples", top_k=500, rerank=False, options=SearchOptions(mode=mode), **arguments)  # type: ignore[arg-type]
        for mode in MODES
    ]
    ids = [{result.id for result in one} for one in results]
    assert ids[0] == ids[1] == ids[2]
    return ids[0]


@pytest.mark.parametrize("hidden", [1, _MOST_REMOVED, _MOST_REMOVED + 1, 3 * _MOST_REMOVED])
async def test_superseded_records_are_hidden_and_all_others_found(opened: VectorStore, hidden: int) -> None:
    await opened.upsert([Document(f"apples {n}", {"superseded_by": "x"}, f"old-{n}") for n in range(hidden)])
    await opened.upsert([Document(f"apples {n}", {"n": n}, f"new-{n}") for n in range(9)])
    assert await found(opened) == {f"new-{n}" for n in range(9)}
    assert await found(opened, filter={"n": {"$lt": 3}}) == {"new-0", "new-1", "new-2"}
    best = await opened.search("apples", top_k=9, rerank=False)
    assert len(best) == 9


@pytest.mark.parametrize("mode", MODES)
async def test_hidden_records_take_no_place_in_a_short_candidate_list(opened: VectorStore, mode: Any) -> None:
    # Equal scores go by id: what is hidden comes first.
    await opened.upsert([Document("apples", {"superseded_by": "x"}, f"a-{n}") for n in range(4)])
    await opened.upsert([Document("apples", {}, f"b-{n}") for n in range(3)])
    options = SearchOptions(mode=mode, candidates=3)
    results = await opened.search("apples", top_k=3, rerank=False, options=options)
    assert {result.id for result in results} == {"b-0", "b-1", "b-2"}


@pytest.mark.parametrize("count", [2, 2 * _MOST_REMOVED])
async def test_a_record_is_hidden_from_its_expiry_on(opened: VectorStore, count: int) -> None:
    now = 1000.0
    opened._hidden._clock = lambda: now
    await opened.upsert([Document(f"apples {n}", {"expires_at": 1000.5 + n}, f"{n}") for n in range(count)])
    await opened.upsert([Document("apples for ever", {"expires_at": "a word of somebody's own"}, "odd")])
    assert await found(opened) == {"odd", *map(str, range(count))}
    now = 1001.0
    assert await found(opened) == {"odd", *map(str, range(1, count))}
    now = 1000.5 + count - 1
    if count <= _MOST_REMOVED:
        assert await found(opened) == {"odd"}


async def test_a_change_of_another_process_is_seen(opened: VectorStore, tmp_path: Path) -> None:
    await opened.upsert([Document("apples", {}, "a")])
    assert await found(opened) == {"a"}
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker="none") as other:
        await other.upsert([Document("apples", {"superseded_by": "b"}, "a"), Document("apples", {}, "b")])
        assert await found(opened) == {"b"}
        await other.upsert([Document("apples", {}, "a")])
    assert await found(opened) == {"a", "b"}


async def test_a_filter_that_names_the_keys_finds_hidden_records(opened: VectorStore) -> None:
    await opened.upsert([Document("apples", {"superseded_by": "b"}, "a"), Document("apples", {}, "b")])
    assert await found(opened, filter={"superseded_by": {"$exists": True}}) == {"a"}
    assert await found(opened, filter={"$or": [{"superseded_by": "b"}, {"expires_at": {"$gt": 1}}]}) == {"a"}


async def test_without_hidden_records_no_filter_is_added(opened: VectorStore) -> None:
    await opened.upsert([Document("apples", {"n": 1}, "a")])
    visible = opened._hidden.visible({"n": 1})
    assert (visible.filter, visible.hidden) == ({"n": 1}, 0)
    assert opened._hidden.visible(None).filter is None


async def test_a_remote_backend_is_queried_once_with_a_filter(
    opened: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened.upsert(
        [
            Document("apples", {"superseded_by": "b"}, "a"),
            Document("apples", {"expires_at": 999.0}, "b"),
            Document("apples", {"expires_at": 1001.0}, "c"),
            Document("apples", {}, "d"),
        ]
    )
    opened._hidden._clock = lambda: 1000.0
    monkeypatch.setattr(type(opened.backend), "capabilities", property(lambda _: Capabilities(local=False)))
    monkeypatch.setattr(opened.backend, "name_counts", lambda *_: None)  # as every remote backend answers

    def refused(*_: object) -> None:
        raise AssertionError("asked for statistics")

    monkeypatch.setattr(opened.backend, "stats", refused)
    assert await found(opened) == {"c", "d"}
