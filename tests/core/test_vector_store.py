"""VectorStore over the real FAISS store: stages, degradation, writing, and what callers see."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aurora_dev.core.contracts import Capabilities, Reranker
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Document, EmbedderInfo, Match, SearchMode, SearchOptions, document_id
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import (
    ConfigurationError,
    EmbeddingError,
    InvalidFilterError,
    InvalidRequestError,
    RateLimitedError,
    StoreClosedError,
)
from aurora_dev.testing.hashing_embedder import HashingEmbedder

NOTES = [
    Document("Tokens are signed with EdDSA.", {"kind": "decision", "topic": "auth", "weight": 3}),
    Document("Sessions expire after an hour.", {"kind": "decision", "topic": "auth", "weight": 5}),
    Document("Retry a failed request three times.", {"kind": "lesson", "topic": "http", "weight": 1}),
    Document("The build needs Node for its assets.", {"kind": "note", "topic": "build"}),
]


class CountingEmbedder(HashingEmbedder):
    """Counts what it embeds."""

    def __init__(self, salt: str = "") -> None:
        super().__init__(64, salt=salt)
        self.texts: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts.extend(texts)
        return super().embed_documents(texts)


class BrokenEmbedder(HashingEmbedder):
    """Embeds documents, but fails for every query."""

    def embed_query(self, _text: str) -> npt.NDArray[np.float32]:
        raise EmbeddingError("the service answered 503")


class UnreachableEmbedder(HashingEmbedder):
    """A service that is down before its dimension is known."""

    @property
    def dimension(self) -> int:
        raise EmbeddingError("the service answered 503")


class Prefers(Reranker):
    """A reranker that prefers texts with a word."""

    name = "prefers"
    is_available = True
    unavailable_reason: str | None = None

    def __init__(self, word: str) -> None:
        self.word = word
        self.calls = 0

    async def score(self, _query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.calls += 1
        return np.array([0.9 if self.word in text else 0.1 for text in texts], dtype=np.float32)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[VectorStore]:
    async with VectorStore(path=tmp_path / "store", embedder=HashingEmbedder(), reranker="none") as opened:
        await opened.upsert(NOTES)
        yield opened


async def test_a_hybrid_search_names_its_stages_scores_and_timings(store: VectorStore) -> None:
    results = await store.search("how are tokens signed")
    assert results[0].content == "Tokens are signed with EdDSA."
    assert results.search_method == "rrf_hybrid"
    assert results.message == "RRF"
    assert results.degraded is None
    assert {"embed", "vector", "keyword", "fuse", "total"} <= set(results.timings)
    assert {"vector", "keyword", "rrf", "signals"} <= set(results[0].scores)


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
async def test_scores_are_between_zero_and_one_and_in_the_order_of_results(
    store: VectorStore, mode: SearchMode
) -> None:
    results = await store.search("request session tokens", options=SearchOptions(mode=mode))
    scores = [result.score for result in results]
    assert scores
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)


async def test_each_mode_uses_its_own_list(store: VectorStore) -> None:
    vector = await store.search("tokens", options=SearchOptions(mode="vector"))
    keyword = await store.search("tokens", options=SearchOptions(mode="keyword"))
    assert (vector.search_method, set(vector[0].scores)) == ("vector", {"vector"})
    assert (keyword.search_method, set(keyword[0].scores)) == ("keyword", {"keyword"})
    assert len(vector) == len(NOTES)
    assert [result.content for result in keyword] == ["Tokens are signed with EdDSA."]
    assert keyword[0].score == 1.0


async def test_a_filter_applies_before_top_k(store: VectorStore) -> None:
    results = await store.search("tokens", top_k=2, filter={"topic": {"$in": ["build", "http"]}})
    assert {result.metadata["topic"] for result in results} == {"build", "http"}


async def test_mmr_is_named_and_scored(store: VectorStore) -> None:
    results = await store.search("tokens sessions", top_k=3, options=SearchOptions(mmr=True))
    assert results.search_method == "rrf_hybrid+mmr"
    assert results.message == "RRF + MMR"
    assert all("mmr" in result.scores for result in results)
    assert [r.score for r in results] == sorted((r.score for r in results), reverse=True)


async def test_mmr_ranks_a_different_note_above_a_near_copy(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker="none") as store:
        await store.upsert(
            [
                Document("tokens are signed with keys", {"n": 1}),
                Document("tokens are signed with keys!", {"n": 2}),
                Document("tokens expire after an hour", {"n": 3}),
            ]
        )
        plain = await store.search("tokens signed with keys", top_k=2)
        varied = await store.search("tokens signed with keys", top_k=2, options=SearchOptions(mmr=True, mmr_lambda=0.3))
    assert {r.metadata["n"] for r in plain} == {1, 2}
    assert 3 in {r.metadata["n"] for r in varied}


async def test_the_reranker_decides_the_final_order(tmp_path: Path) -> None:
    reranker = Prefers("Node")
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=reranker) as store:
        await store.upsert(NOTES)
        results = await store.search("tokens")
        plain = await store.search("tokens", rerank=False)
    assert results[0].content.startswith("The build needs Node")
    assert results.search_method == "rrf_hybrid+rerank"
    assert results.message == "RRF + Cross-Encoder Reranking"
    assert plain.search_method == "rrf_hybrid"
    assert reranker.calls == 1


async def test_the_reranker_starts_to_load_before_the_first_stage(tmp_path: Path) -> None:
    events: list[str] = []

    class Ahead(Prefers):
        def prefetch(self) -> None:
            events.append("load")

    class Told(HashingEmbedder):
        def embed_query(self, text: str) -> npt.NDArray[np.float32]:
            events.append("embed")
            return super().embed_query(text)

    async with VectorStore(path=tmp_path, embedder=Told(), reranker=Ahead("Node")) as store:
        await store.upsert(NOTES)
        await store.search("which tokens are signed")
        assert events == ["load", "embed"]
        await store.search("which tokens are signed", rerank=False)
        await store.search("SessionTokens")
    assert events.count("load") == 1


async def test_without_sentence_transformers_the_default_store_skips_reranking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder()) as store:
        await store.upsert(NOTES)
        results = await store.search("how are tokens signed")
        plain = await store.search("how are tokens signed", rerank=False)
    assert list(results) == list(plain)
    assert results.search_method == "rrf_hybrid"
    assert results.degraded is not None
    assert "sentence-transformers" in results.degraded
    assert plain.degraded is None


async def test_a_query_that_cannot_be_embedded_is_answered_by_keyword(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=BrokenEmbedder(), reranker="none") as store:
        await store.upsert(NOTES)
        for mode in ("hybrid", "vector"):
            results = await store.search("tokens", options=SearchOptions(mode=mode))
            assert results.search_method == "keyword"
            assert results[0].content == "Tokens are signed with EdDSA."
            assert results.degraded is not None
            assert "503" in results.degraded


async def test_an_embedder_without_a_known_dimension_leaves_keyword_search(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker="none") as store:
        await store.upsert(NOTES)
    async with VectorStore(path=tmp_path, embedder=UnreachableEmbedder(), reranker="none") as store:
        results = await store.search("tokens")
        assert results[0].content == "Tokens are signed with EdDSA."
        assert results.search_method == "keyword"
        assert results.degraded is not None
        with pytest.raises(EmbeddingError):
            await store.upsert([Document("kept out, as a whole")])
        assert await store.count() == len(NOTES)


async def test_vectors_of_another_embedder_are_not_searched_until_reembedding(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker="none") as store:
        await store.upsert(NOTES)
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(32), reranker="none") as store:
        assert not await store.embedder_matches()
        results = await store.search("tokens")
        assert results.search_method == "keyword"
        assert [notice.code for notice in results.notices] == ["embedder_mismatch"]
        await store.upsert([Document("Keys rotate weekly.")])  # written meanwhile: kept, found by keyword
        assert (await store.search("rotate"))[0].content == "Keys rotate weekly."
        seen: list[tuple[int, int]] = []
        assert await store.reembed(lambda done, total: seen.append((done, total))) == 5
        assert seen[-1] == (5, 5)
        again = await store.search("keys rotate")
        assert again.search_method == "rrf_hybrid"
        assert again.degraded is None
        assert "vector" in again[0].scores
        assert await store.reembed() == 0


class OvertakenStore(FAISSLocalStore):
    """A store in which another process sets its embedder right after this one found none."""

    def __init__(self, path: Path, other: EmbedderInfo) -> None:
        super().__init__(path)
        self._other: EmbedderInfo | None = other

    def embedder(self) -> EmbedderInfo | None:
        seen = super().embedder()
        if self._other is not None:
            other, self._other = self._other, None
            self.set_embedder(other)
        return seen


async def test_the_first_of_two_writers_with_different_embedders_wins(tmp_path: Path) -> None:
    first, second = HashingEmbedder(64), HashingEmbedder(32)
    recorded = EmbedderInfo(first.name, first.dimension, first.fingerprint)
    with closing(OvertakenStore(tmp_path, recorded)) as backend:
        async with VectorStore(backend, embedder=second, reranker="none") as store:
            await store.upsert(NOTES)
            assert store.backend.embedder() == recorded
            assert store.backend.stats("default").vectors == 0
            results = await store.search("tokens")
            assert results[0].content == "Tokens are signed with EdDSA."
            assert [notice.code for notice in results.notices] == ["embedder_mismatch"]


async def test_two_first_writers_with_the_same_embedder_both_store_vectors(tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    under_another_name = EmbedderInfo("elsewhere", embedder.dimension, embedder.fingerprint)
    with closing(OvertakenStore(tmp_path, under_another_name)) as backend:
        async with VectorStore(backend, embedder=embedder, reranker="none") as store:
            await store.upsert(NOTES)
            assert store.backend.embedder() == under_another_name
            assert store.backend.stats("default").vectors == len(NOTES)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("backend", None), ("backend", 3), ("embedder", 3), ("reranker", 3), ("path", None), ("path", "a\0b")],
)
def test_an_argument_of_a_wrong_type_is_named(
    argument: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments: dict[str, Any] = {"embedder": HashingEmbedder(), "reranker": "none"}
    if argument in ("embedder", "reranker"):
        arguments["backend"] = opened = FAISSLocalStore(tmp_path / "store")
    with pytest.raises(InvalidRequestError, match=f"^{argument} must be"):
        VectorStore(**{**arguments, argument: value})
    if argument in ("embedder", "reranker"):
        opened.close()
    else:
        assert list(tmp_path.iterdir()) == []


async def test_documents_with_the_same_text_and_place_get_the_same_id(store: VectorStore) -> None:
    again = await store.upsert(NOTES)
    assert await store.count() == len(NOTES)
    assert again == [document_id("default", note) for note in NOTES]


async def test_a_text_that_is_stored_already_is_not_embedded_again(tmp_path: Path) -> None:
    embedder = CountingEmbedder()
    async with VectorStore(path=tmp_path, embedder=embedder, reranker="none") as store:
        await store.upsert([Document("one", {"line": 1}), Document("two", {"line": 2})])
        embedder.texts.clear()
        await store.upsert([Document("one", {"line": 7}), Document("three", {"line": 8})])
        assert embedder.texts == ["three"]
        moved = await store.search("one", filter={"line": 7}, options=SearchOptions(mode="vector"))
        assert moved[0].score == pytest.approx(1.0, abs=1e-5)


async def test_write_deletes_and_stores_in_one_step(store: VectorStore) -> None:
    old = document_id("default", NOTES[0])
    (new,) = await store.write([Document("Tokens are signed with ML-DSA.")], [old])
    assert [document.id for document in await store.fetch([old, new])] == [new]


async def test_delete_takes_ids_or_a_filter_and_counts(store: VectorStore) -> None:
    assert await store.delete(ids=[document_id("default", NOTES[0]), "unknown"]) == 1
    assert await store.delete(filter={"topic": "auth"}) == 1
    assert await store.count() == 2
    assert all("Sessions" not in r.content for r in await store.search("sessions tokens"))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"ids": ["a"], "filter": {"a": 1}},
        {"filter": {}},
        {"filter": {"$and": [{}]}},
        {"filter": {"$or": [{}, {"topic": "auth"}]}},
        {"ids": "abc"},
        {"ids": 7},
    ],
)
async def test_an_ambiguous_delete_deletes_nothing(store: VectorStore, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError, match="nothing was deleted"):
        await store.delete(**wrong)  # type: ignore[arg-type]
    assert await store.count() == len(NOTES)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"query": ""}, InvalidRequestError),
        ({"query": " \n"}, InvalidRequestError),
        ({"query": 7}, InvalidRequestError),
        ({"query": "a", "top_k": 0}, InvalidRequestError),
        ({"query": "a", "top_k": True}, InvalidRequestError),
        ({"query": "a", "top_k": 2.5}, InvalidRequestError),
        ({"query": "a", "filter": {"a": {"$near": 1}}}, InvalidFilterError),
        ({"query": "a", "filter": "kind"}, InvalidFilterError),
        ({"query": "a", "options": {"mmr": True}}, InvalidRequestError),
    ],
)
async def test_a_wrong_search_is_refused(
    store: VectorStore, arguments: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await store.search(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        "text",
        Document(""),
        Document("  \n"),
        Document("a", {"b": None}),  # type: ignore[dict-item]
        Document("a", {"b": {"c": 1}}),  # type: ignore[dict-item]
        Document("a", {}, ""),
    ],
    ids=["not a document", "empty", "blank", "null", "nested", "empty id"],
)
async def test_one_wrong_document_stores_none(store: VectorStore, wrong: Document) -> None:
    with pytest.raises(InvalidRequestError):
        await store.upsert([Document("good"), wrong])
    assert await store.count() == len(NOTES)


@pytest.mark.parametrize("wrong", [None, 7, Document("alone"), [Document("a", None)]])  # type: ignore[arg-type]
async def test_anything_but_a_list_of_documents_is_refused(store: VectorStore, wrong: list[Document]) -> None:
    with pytest.raises(InvalidRequestError, match="nothing was stored"):
        await store.upsert(wrong)


async def test_a_string_is_refused_as_a_list_of_ids(store: VectorStore) -> None:
    for call in (store.fetch("abc"), store.write([], "abc")):
        with pytest.raises(InvalidRequestError, match="must be a list"):
            await call


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
async def test_a_query_without_known_tokens_finds_nothing(tmp_path: Path, mode: str) -> None:
    async with VectorStore(path=tmp_path, reranker="none") as store:
        await store.upsert(NOTES)
        assert await store.search("🎉", options=SearchOptions(mode=mode)) == []  # type: ignore[arg-type]


async def test_a_megabyte_and_unusual_characters_can_be_queried(store: VectorStore) -> None:
    for query in ("tokens " * 150_000, "\x00tokens\u202e", "用户 tokens 🔑", "\ud800tokens"):
        assert (await store.search(query, top_k=1))[0].content == "Tokens are signed with EdDSA."


async def test_credentials_are_masked_before_they_are_stored_or_embedded(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    embedder = CountingEmbedder()
    async with VectorStore(path=tmp_path / "on", embedder=embedder, reranker="none") as store:
        (identifier,) = await store.upsert([Document(f"deploy with {secret}")])
        (stored,) = await store.fetch([identifier])
        assert secret not in stored.content
        assert not any(secret in text for text in embedder.texts)
    async with VectorStore(path=tmp_path / "off", embedder=embedder, reranker="none", mask_secrets=False) as store:
        (identifier,) = await store.upsert([Document(f"deploy with {secret}")])
        assert secret in (await store.fetch([identifier]))[0].content


async def test_credentials_in_a_query_reach_neither_the_embedder_nor_the_trace(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    seen: list[str] = []

    class Recording(HashingEmbedder):
        def embed_query(self, text: str) -> npt.NDArray[np.float32]:
            seen.append(text)
            return super().embed_query(text)

    async with VectorStore(path=tmp_path, embedder=Recording(), reranker="none") as store:
        await store.upsert([Document("deploy with a token")])
        found = await store.search(f"deploy with {secret}")
        assert secret not in repr(found)
    assert seen == ["deploy with [masked: github-token]"]


async def test_credentials_in_metadata_are_masked_too(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(64), reranker="none") as store:
        (identifier,) = await store.upsert([Document("deploy", {"token": secret, "tags": ["ci", secret], "n": 1})])
        (stored,) = await store.fetch([identifier])
    assert secret not in str(stored.metadata)
    assert stored.metadata["n"] == 1
    assert "ci" in str(stored.metadata["tags"])


async def test_namespaces_do_not_see_each_other(tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    async with VectorStore(path=tmp_path, namespace="a", embedder=embedder, reranker="none") as first:
        await first.upsert([Document("shared words here")])
        async with VectorStore(first.backend, namespace="b", embedder=embedder, reranker="none") as second:
            assert await second.search("shared words") == []
            assert await second.count() == 0


async def test_both_lists_of_a_remote_backend_are_fetched_at_once_with_equal_results(tmp_path: Path) -> None:
    both_asked = threading.Barrier(2, timeout=30)

    class Remote(FAISSLocalStore):
        @property
        def capabilities(self) -> Capabilities:
            return Capabilities(local=False)

        def vector_query(self, *arguments: Any, **options: Any) -> list[Match]:
            both_asked.wait()
            return super().vector_query(*arguments, **options)

        def keyword_query(self, *arguments: Any, **options: Any) -> list[Match]:
            both_asked.wait()
            return super().keyword_query(*arguments, **options)

    embedder = HashingEmbedder()
    async with VectorStore(path=tmp_path, embedder=embedder, reranker="none") as local:
        await local.upsert(NOTES)
        expected = await local.search("how are tokens signed")
    with closing(Remote(tmp_path)) as backend:
        async with VectorStore(backend, embedder=embedder, reranker="none") as remote:
            found = await remote.search("how are tokens signed")
    # A remote backend does not count words, so that only the relevance differs, which scales all scores.
    assert [(result.id, result.scores) for result in found] == [(result.id, result.scores) for result in expected]


LONG_TASK = """Signing fails for some tokens

How are tokens signed? `sign_token` raises "signature expired" although the clock in src/auth/clock.py is right.
"""


async def test_all_lists_of_a_long_task_are_fetched_at_once_from_a_remote_backend_with_equal_results(
    tmp_path: Path,
) -> None:
    all_asked = threading.Barrier(6, timeout=30)

    class Remote(FAISSLocalStore):
        @property
        def capabilities(self) -> Capabilities:
            return Capabilities(local=False)

        def vector_query(self, *arguments: Any, **options: Any) -> list[Match]:
            all_asked.wait()
            return super().vector_query(*arguments, **options)

        def keyword_query(self, *arguments: Any, **options: Any) -> list[Match]:
            all_asked.wait()
            return super().keyword_query(*arguments, **options)

    embedder = HashingEmbedder()
    with closing(Remote(tmp_path)) as backend:
        async with VectorStore(backend, embedder=embedder, reranker="none") as remote:
            await remote.upsert(NOTES)
            found = await remote.search(LONG_TASK)
            all_asked.reset()
            monkey = pytest.MonkeyPatch()
            # One list after another, as on this machine, from the same knowledge of the words: none.
            monkey.setattr(Remote, "capabilities", Capabilities(local=True))
            monkey.setattr(Remote, "name_counts", lambda *_: None)
            monkey.setattr(all_asked, "wait", lambda: None)
            expected = await remote.search(LONG_TASK)
            monkey.undo()
    assert found
    assert [(result.id, result.scores) for result in found] == [(result.id, result.scores) for result in expected]
    assert found.timings["keyword"] > 0


async def test_a_long_task_that_a_remote_backend_does_not_answer_in_part_is_searched_by_the_other_parts(
    tmp_path: Path,
) -> None:
    class Remote(FAISSLocalStore):
        @property
        def capabilities(self) -> Capabilities:
            return Capabilities(local=False)

        def keyword_query(self, namespace: str, text: str, *arguments: Any, **options: Any) -> list[Match]:
            if text == LONG_TASK.splitlines()[0]:
                raise RateLimitedError("too many requests")
            return super().keyword_query(namespace, text, *arguments, **options)

    with closing(Remote(tmp_path)) as backend:
        async with VectorStore(backend, embedder=HashingEmbedder(), reranker="none") as remote:
            await remote.upsert(NOTES)
            found = await remote.search(LONG_TASK)
    assert found
    assert [notice.code for notice in found.notices] == ["keyword_unavailable"]
    assert "parts of the task could not be searched: too many requests" in str(found.degraded)
    assert found.search_method == "rrf_hybrid"


async def test_a_long_task_whose_texts_cannot_be_embedded_is_searched_by_keyword_and_says_so_once(
    tmp_path: Path,
) -> None:
    class Remote(FAISSLocalStore):
        @property
        def capabilities(self) -> Capabilities:
            return Capabilities(local=False)

    class NoQueries(HashingEmbedder):
        def embed_query(self, text: str) -> npt.NDArray[np.float32]:  # noqa: ARG002
            raise EmbeddingError("the service is away")

    with closing(Remote(tmp_path)) as backend:
        async with VectorStore(backend, embedder=NoQueries(), reranker="none") as remote:
            await remote.upsert(NOTES)
            found = await remote.search(LONG_TASK)
    assert found
    assert found.search_method == "keyword"
    assert [notice.code for notice in found.notices] == ["embedder_failed"]


async def test_an_empty_store_gives_an_empty_result(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=Prefers("x")) as store:
        results = await store.search("anything", options=SearchOptions(mmr=True))
        assert results == []
        assert results.degraded is None


@pytest.mark.parametrize("wrong", [{"embedder": 3}, {"reranker": 3}, {"embedder": "no such embedder"}])
async def test_a_refused_argument_leaves_no_folder_behind(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises((InvalidRequestError, ConfigurationError)):
        VectorStore(path=tmp_path / "store", **wrong)
    assert not (tmp_path / "store").exists()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker="none")
    await store.close()
    await store.close()
    with pytest.raises(StoreClosedError, match="kept"):
        await store.search("x")


async def test_the_event_loop_is_not_blocked_by_a_slow_embedder(tmp_path: Path) -> None:
    begun, finish = threading.Event(), threading.Event()

    class SlowEmbedder(HashingEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            begun.set()
            assert finish.wait(30)
            return super().embed_documents(texts)

    async with VectorStore(path=tmp_path, embedder=SlowEmbedder(), reranker="none") as store:
        writing = asyncio.create_task(store.upsert([Document("text")]))
        assert await asyncio.to_thread(begun.wait, 30)
        assert not writing.done()  # the loop runs on while the embedder holds its thread
        finish.set()
        await writing
        assert await store.count() == 1


async def test_concurrent_searches_and_writes_are_consistent(store: VectorStore) -> None:
    async def write(number: int) -> None:
        await store.upsert([Document(f"lesson number {number} about caching", {"number": number})])

    async def read() -> None:
        results = await store.search("how are tokens signed", top_k=1)
        assert results[0].content == "Tokens are signed with EdDSA."

    await asyncio.gather(*(write(n) for n in range(20)), *(read() for _ in range(20)))
    assert await store.count() == len(NOTES) + 20
    assert len(await store.search("caching", top_k=30, options=SearchOptions(mode="keyword"))) == 20
