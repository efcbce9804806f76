"""Ownership: a store closes the parts that it created, and leaves open the parts that it was handed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aurora_dev import Document, Memory, Settings, VectorStore
from aurora_dev.core import factory
from aurora_dev.core.contracts import Reranker
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.errors import InvalidRequestError, StoreError
from aurora_dev.memory.opening import open_store
from aurora_dev.testing.hashing_embedder import HashingEmbedder


class ClosableEmbedder(HashingEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class ClosableReranker(Reranker):
    name = "closable"
    is_available = True
    unavailable_reason = None

    def __init__(self) -> None:
        self.closed = 0

    async def score(self, _query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.full(len(texts), 0.5, dtype=np.float32)

    def close(self) -> None:
        self.closed += 1


class ClosableBackend(FAISSLocalStore):
    def __init__(self, path: str | Path, **options: Any) -> None:
        super().__init__(path, **options)
        self.closed = 0

    def close(self) -> None:
        self.closed += 1
        super().close()


class Created:
    """Stands in for the factory, and keeps what it has made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.embedders: list[ClosableEmbedder] = []
        self.rerankers: list[ClosableReranker] = []
        self.backends: list[ClosableBackend] = []
        for module in ("aurora_dev.core.factory", "aurora_dev.memory.opening"):
            monkeypatch.setattr(f"{module}.create_embedder", self._embedder)
            monkeypatch.setattr(f"{module}.create_reranker", self._reranker)
            monkeypatch.setattr(f"{module}.create_backend", self._backend)

    def _embedder(self, given: Any = None, *_: Any) -> Any:
        if given is not None and not isinstance(given, str):
            return given
        self.embedders.append(ClosableEmbedder())
        return self.embedders[-1]

    def _reranker(self, given: Any = None, *_: Any) -> Any:
        if given == "none" or (given is not None and not isinstance(given, str)):
            return None if given == "none" else given
        self.rerankers.append(ClosableReranker())
        return self.rerankers[-1]

    def _backend(self, given: Any, path: Any = ".aurora", _settings: Any = None) -> Any:
        if not isinstance(given, str):
            return given
        self.backends.append(ClosableBackend(path))
        return self.backends[-1]

    def closed(self) -> list[int]:
        parts: tuple[Any, ...] = (*self.embedders, *self.rerankers, *self.backends)
        return [part.closed for part in parts]


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> Created:
    return Created(monkeypatch)


async def test_a_store_closes_what_it_created_from_names_once(created: Created, tmp_path: Path) -> None:
    store = VectorStore("faiss", path=tmp_path, embedder="bundled", reranker="bundled")
    assert created.closed() == [0, 0, 0]
    await store.close()
    await store.close()
    assert created.closed() == [1, 1, 1]


async def test_a_store_closes_the_defaults_that_it_created(created: Created, tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path):
        pass
    assert created.closed() == [1, 1, 1]


async def test_instances_that_were_handed_in_stay_open(tmp_path: Path) -> None:
    backend, embedder, reranker = ClosableBackend(tmp_path), ClosableEmbedder(), ClosableReranker()
    async with VectorStore(backend, embedder=embedder, reranker=reranker) as store:
        await store.upsert([Document("text")])
    assert (backend.closed, embedder.closed, reranker.closed) == (0, 0, 0)
    assert backend.count("default") == 1
    backend.close()


async def test_parts_without_a_close_of_their_own_work(tmp_path: Path) -> None:
    class Plain:
        name, is_available, unavailable_reason = "plain", True, None

        async def score(self, _query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            return np.full(len(texts), 0.5, dtype=np.float32)

    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=Plain()) as store:  # type: ignore[arg-type]
        await store.upsert([Document("text")])
        assert (await store.search("text")).search_method == "rrf_hybrid+rerank"


async def test_every_part_is_closed_although_closing_one_fails(
    created: Created, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = ClosableBackend.close

    def close_and_fail(backend: ClosableBackend) -> None:
        close(backend)
        raise StoreError("the disk is gone")

    monkeypatch.setattr(ClosableBackend, "close", close_and_fail)
    store = VectorStore(path=tmp_path)
    with pytest.raises(StoreError, match="disk is gone"):
        await store.close()
    assert created.closed() == [1, 1, 1]


def test_a_refused_argument_closes_the_parts_that_were_created_before_it(
    created: Created, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise InvalidRequestError("no such folder")

    monkeypatch.setattr(factory, "create_backend", refuse)
    with pytest.raises(InvalidRequestError):
        VectorStore(path=tmp_path / "store")
    assert created.closed() == [1, 1]


def test_parts_stay_with_their_creator_if_the_store_cannot_be_created(tmp_path: Path) -> None:
    embedder = ClosableEmbedder()
    with ExitStack() as parts:
        parts.callback(embedder.close)
        with pytest.raises(InvalidRequestError):
            VectorStore(path=tmp_path, namespace="", embedder=embedder, reranker="none", owns=parts)
        assert embedder.closed == 0
    assert embedder.closed == 1


async def test_the_store_of_a_project_closes_every_part_that_its_settings_name(
    created: Created, tmp_path: Path
) -> None:
    async with open_store(Settings(), tmp_path):
        assert created.closed() == [0, 0, 0]
    assert created.closed() == [1, 1, 1]


def test_a_project_store_that_cannot_be_created_leaves_nothing_open(created: Created, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError):
        open_store(Settings(namespace="n" * 600), tmp_path)
    assert created.closed() == [1, 1, 1]


async def test_a_memory_closes_the_store_of_the_project_and_of_the_user(created: Created, tmp_path: Path) -> None:
    settings = Settings(user_store=str(tmp_path / "user"), freshness="off")
    async with Memory.open(tmp_path, settings=settings) as memory:
        await memory.remember("I prefer tabs to spaces.", scope="user")
        assert len(created.backends) == 2
    assert created.closed() == [1, 1, 1, 1]  # one embedder and one reranker serve both backends


async def test_a_memory_leaves_a_store_that_it_was_handed_open(created: Created, tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path / "own") as store:
        async with Memory.open(tmp_path, settings=Settings(user_store="none"), store=store) as memory:
            await memory.remember("Tokens are signed with EdDSA.")
        assert created.closed() == [0, 0, 0]
        assert await store.count() == 1


async def test_a_memory_that_cannot_be_entered_leaves_nothing_open(
    created: Created, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise StoreError("no state folder")

    monkeypatch.setattr("aurora_dev.memory.open_project_index", refuse)
    memory = Memory.open(tmp_path, settings=Settings(user_store="none"))
    with pytest.raises(StoreError, match="no state folder"):
        await memory.__aenter__()
    assert created.closed() == [1, 1, 1]


async def test_a_memory_closes_its_store_although_closing_its_notes_fails(
    created: Created, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise StoreError("the user's disk is gone")

    memory = await Memory.open(tmp_path, settings=Settings(user_store="none")).__aenter__()
    monkeypatch.setattr(memory.notes, "close", fail)
    with pytest.raises(StoreError, match="disk is gone"):
        await memory.close()
    assert created.closed() == [1, 1, 1]
