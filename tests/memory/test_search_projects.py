"""Searching several projects at once; each result names its project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aurora_dev import Document, Memory, search_projects
from aurora_dev.core.types import NAME_NOT_FOUND, NO_MATCH
from aurora_dev.errors import IndexingError, InvalidRequestError

ABSENCES = (NAME_NOT_FOUND, NO_MATCH)


async def made(folder: Path, *texts: str) -> Path:
    folder.mkdir()
    async with Memory.open(folder, reranker="none") as memory:
        await memory.store.upsert([Document(text, {"file_hash": "x", "path": "a.py"}) for text in texts])
    return folder


async def test_the_best_results_of_all_projects_come_first_and_name_their_project(tmp_path: Path) -> None:
    shop = await made(tmp_path / "shop", "def refund_payment(order): return order", "def paint(): return 1")
    blog = await made(tmp_path / "blog", "def publish_article(text): return text", "def paint_wall(): return 2")
    results = await search_projects([shop, blog], "how are payments refunded", top_k=3, rerank=False)
    assert results[0].metadata["project"] == str(shop)
    assert "refund_payment" in results[0].content
    assert {result.metadata["project"] for result in results} == {str(shop), str(blog)}
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)
    back = await search_projects([shop, blog], "publish an article", top_k=1, rerank=False)
    assert back[0].metadata["project"] == str(blog)


async def test_only_what_every_project_lacks_is_said_to_be_missing(tmp_path: Path) -> None:
    shop = await made(tmp_path / "shop", "def refund_payment(order): return order.refund(order.payment)")
    blog = await made(tmp_path / "blog", "def publish_article(text): return text")
    there = await search_projects([shop, blog], "refund_payment", rerank=False)
    assert not any(notice.code in ABSENCES for notice in there.notices)
    assert there.relevance is not None
    assert there.relevance > 0.5
    nowhere = await search_projects([shop, blog], "paint_wall in banana bread", rerank=False)
    assert nowhere.relevance is not None
    assert nowhere.relevance < 0.5
    said = [notice for notice in nowhere.notices if notice.code in ABSENCES]
    assert [notice.code for notice in said] == ["name_not_found", "no_match"]
    assert all("these projects" in notice.text for notice in said)


async def test_open_memories_stay_open(tmp_path: Path) -> None:
    shop = await made(tmp_path / "shop", "def refund_payment(order): return order")
    blog = await made(tmp_path / "blog", "def publish_article(text): return text")
    async with Memory.open(shop) as memory:
        assert len(await search_projects([memory, blog], "article", rerank=False)) == 2
        assert await memory.store.count() == 1


async def test_notes_of_the_user_are_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_USER_STORE", str(tmp_path / "own"))
    shop = await made(tmp_path / "shop", "def refund_payment(order): return order")
    blog = await made(tmp_path / "blog", "def publish_article(text): return text")
    async with Memory.open(shop) as memory:
        await memory.remember("I refund every payment at once.", scope="user")
    results = await search_projects([shop, blog], "refund a payment", rerank=False)
    assert [result.metadata.get("scope") for result in results].count("user") == 1


async def test_a_project_that_cannot_be_searched_is_named_and_left_out(tmp_path: Path) -> None:
    shop = await made(tmp_path / "shop", "def refund_payment(order): return order")
    bare = tmp_path / "bare"
    bare.mkdir()
    results = await search_projects([bare, shop], "refund", rerank=False)
    assert [result.metadata["project"] for result in results] == [str(shop)]
    (notice,) = (notice for notice in results.notices if notice.code == "project_left_out")
    assert str(bare) in notice.text
    assert list(bare.iterdir()) == []
    with pytest.raises(IndexingError, match="aurora index"):
        await search_projects([bare], "refund")


async def test_a_project_that_is_missing_is_named_and_the_others_are_searched(tmp_path: Path) -> None:
    shop = await made(tmp_path / "shop", "def refund_payment(order): return order")
    results = await search_projects([tmp_path / "gone", shop], "refund", rerank=False)
    assert [result.metadata["project"] for result in results] == [str(shop)]
    (notice,) = (notice for notice in results.notices if notice.code == "project_left_out")
    assert f"{tmp_path / 'gone'} was not searched" in notice.text


async def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    shop = await made(tmp_path / "shop", "def refund_payment(order): return order")
    wrong: tuple[Any, ...] = ([], "shop", shop)
    for projects in wrong:
        with pytest.raises(InvalidRequestError, match="nothing was searched"):
            await search_projects(projects, "x")
    with pytest.raises(InvalidRequestError, match="query is empty"):
        await search_projects([shop], " ")
