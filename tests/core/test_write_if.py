"""Compare-and-swap: a write fails if the expected documents have changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aurora_dev import Document, VectorStore
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.errors import InvalidRequestError
from aurora_dev.testing.hashing_embedder import HashingEmbedder


class WithoutSwap:
    """A backend without a ``write_if`` of its own, which gets the default of the contract."""

    def __init__(self, inner: FAISSLocalStore) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        if name == "write_if":
            raise AttributeError(name)
        return getattr(self._inner, name)


@pytest_asyncio.fixture(params=["swapping", "comparing"])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VectorStore]:
    with closing(FAISSLocalStore(tmp_path)) as inner:
        backend: Any = inner if request.param == "swapping" else WithoutSwap(inner)
        async with VectorStore(backend, embedder=HashingEmbedder(), reranker="none") as store:
            yield store


async def test_an_unchanged_document_is_replaced(opened: VectorStore) -> None:
    await opened.upsert([Document("one", {"n": 1, "tags": ["a"]}, "a")])
    (read,) = await opened.fetch(["a"])
    assert await opened.write_if({"a": read}, [Document("two", {"n": 2}, "a")])
    assert (await opened.fetch(["a"]))[0].content == "two"
    assert [result.id for result in await opened.search("two", rerank=False)] == ["a"]


@pytest.mark.parametrize("meanwhile", [Document("one", {"n": 2}, "a"), Document("other", {"n": 1}, "a"), None])
async def test_a_changed_or_deleted_document_is_left_alone(opened: VectorStore, meanwhile: Document | None) -> None:
    await opened.upsert([Document("one", {"n": 1}, "a"), Document("old", {}, "b")])
    (read,) = await opened.fetch(["a"])
    if meanwhile is None:
        await opened.delete(ids=["a"])
    else:
        await opened.upsert([meanwhile])
    assert not await opened.write_if({"a": read}, [Document("two", {}, "a"), Document("new", {}, "c")], ["b"])
    assert {document.content for document in await opened.fetch(["a", "b", "c"])} == {
        "old", *([meanwhile.content] if meanwhile else []),
    }  # fmt: skip


async def test_of_several_documents_with_one_id_the_last_is_written(opened: VectorStore) -> None:
    assert await opened.write_if({"a": None}, [Document("first", {}, "a"), Document("second", {}, "a")])
    assert (await opened.fetch(["a"]))[0].content == "second"
    assert await opened.count() == 1


async def test_an_id_that_should_not_exist_is_not_replaced(opened: VectorStore) -> None:
    assert await opened.write_if({"a": None}, [Document("first", {}, "a")])
    assert not await opened.write_if({"a": None}, [Document("second", {}, "a")])
    assert (await opened.fetch(["a"]))[0].content == "first"


async def test_a_deletion_is_compared_too(opened: VectorStore) -> None:
    await opened.upsert([Document("one", {}, "a")])
    (read,) = await opened.fetch(["a"])
    await opened.upsert([Document("changed", {}, "a")])
    assert not await opened.write_if({"a": read}, (), ["a"])
    assert await opened.count() == 1
    (read,) = await opened.fetch(["a"])
    assert await opened.write_if({"a": read}, (), ["a"])
    assert await opened.count() == 0


async def test_a_document_that_cannot_be_stored_is_refused_and_nothing_is_written(opened: VectorStore) -> None:
    with pytest.raises(InvalidRequestError):
        await opened.write_if({"a": None}, [Document("good", {}, "a"), Document("bad", {"x": None}, "b")])  # type: ignore[dict-item]
    assert await opened.count() == 0
