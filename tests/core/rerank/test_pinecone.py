"""Reranking by Pinecone's hosted models, through the real client against the loopback server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pinecone_server import PineconeServer

from aurora_dev import Document, Settings, VectorStore
from aurora_dev.core import factory
from aurora_dev.core.contracts import Reranker
from aurora_dev.core.rerank.pinecone import PineconeReranker
from aurora_dev.core.types import SearchResult, SearchResults
from aurora_dev.errors import ConfigurationError, InvalidRequestError, RerankError
from aurora_dev.testing.hashing_embedder import HashingEmbedder

pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")


@pytest.fixture
def reranker(
    pinecone_server: PineconeServer,
    few_certificates: None,  # noqa: ARG001
) -> Iterator[PineconeReranker]:
    made = PineconeReranker(pinecone_server.api_key, control_host=pinecone_server.url)
    yield made
    made.close()


async def test_every_text_gets_its_score_in_the_order_of_the_texts(reranker: PineconeReranker) -> None:
    assert isinstance(reranker, Reranker)
    texts = ["rate limits in redis", "nothing of the kind", "token limits", "  "]
    scores = await reranker.score("redis rate limits", texts)
    assert scores.shape == (4,)
    assert scores.dtype == np.float32
    assert np.isnan(scores[3])
    assert (scores[:3] >= 0).all()
    assert (scores[:3] <= 1).all()
    assert scores[0] > scores[2] > scores[1]
    assert (await reranker.score("x", [])).shape == (0,)


async def test_many_texts_go_out_a_hundred_at_a_time(
    pinecone_server: PineconeServer, reranker: PineconeReranker
) -> None:
    scores = await reranker.score("word", [f"word {i}" for i in range(230)])
    assert np.isfinite(scores).all()
    assert [len(seen.body["documents"]) for seen in pinecone_server.asked("rerank")] == [100, 100, 30]


@pytest.mark.usefixtures("few_certificates")
async def test_a_refused_key_is_an_error_without_the_key_and_is_not_tried_again(
    pinecone_server: PineconeServer,
) -> None:
    reranker = PineconeReranker("pcsk_SECRET", control_host=pinecone_server.url)
    with pytest.raises(RerankError, match="401") as caught:
        await reranker.score("x", ["y"])
    assert "SECRET" not in f"{caught.value} {reranker!r}"
    assert not reranker.is_available
    assert reranker.unavailable_reason
    assert "401" in reranker.unavailable_reason
    reranker.close()


async def test_an_empty_query_is_refused_before_anything_is_sent(
    pinecone_server: PineconeServer, reranker: PineconeReranker
) -> None:
    with pytest.raises(InvalidRequestError):
        await reranker.score(" ", ["x"])
    assert pinecone_server.asked("rerank") == []


async def test_results_are_ordered_as_by_any_other_reranker(reranker: PineconeReranker) -> None:
    texts = ["nothing of the kind", "redis rate limits", "token limits", " "]
    best = await reranker.rerank_async("redis rate limits", texts)
    assert [each["content"] for each in best] == ["redis rate limits", "token limits", "nothing of the kind", " "]
    assert await asyncio.to_thread(reranker.rerank, "redis rate limits", texts) == best
    results = SearchResults([SearchResult(str(n), text, 0.5, {}) for n, text in enumerate(texts)], search_method="rrf")
    found: Any = await asyncio.to_thread(reranker.rerank_search_results, "redis rate limits", results, 2)
    assert isinstance(found, SearchResults)
    assert ([result.id for result in found], found.search_method) == (["1", "2"], "rrf+rerank")


async def test_an_open_circuit_sends_nothing(pinecone_server: PineconeServer, reranker: PineconeReranker) -> None:
    pinecone_server.fail("status", "rerank", status=403)
    for _ in range(2):
        with pytest.raises(RerankError, match="403"):
            await reranker.score("x", ["y"])
    assert len(pinecone_server.asked("rerank")) == 1
    assert reranker.unavailable_reason is not None
    assert "nothing is sent to Pinecone for another 30 s" in reranker.unavailable_reason


async def test_check_asks_the_service_and_sets_the_circuit(
    pinecone_server: PineconeServer, reranker: PineconeReranker
) -> None:
    pinecone_server.fail("status", "rerank", status=403, times=1)
    assert not await reranker.check()
    assert not reranker.is_available
    assert await reranker.check()
    assert reranker.is_available


async def test_a_closed_reranker_opens_again_with_the_next_call(reranker: PineconeReranker) -> None:
    await reranker.score("x", ["y"])
    reranker.close()
    await reranker.aclose()
    assert np.isfinite(await reranker.score("x", ["y"])).all()


@pytest.mark.usefixtures("few_certificates")
async def test_a_call_that_waits_while_it_is_closed_gets_our_error_and_counts_as_no_failure(
    pinecone_server: PineconeServer,
) -> None:
    reranker = PineconeReranker(pinecone_server.api_key, control_host=pinecone_server.url)
    reranker._opened().close()  # as another thread does between the opening and the request
    with pytest.raises(RerankError, match="was closed while it waited for Pinecone"):
        await reranker.score("x", ["y"])
    assert reranker.is_available
    assert reranker.unavailable_reason is None
    reranker.close()
    assert np.isfinite(await reranker.score("x", ["y"])).all()
    reranker.close()


async def test_a_search_goes_on_without_the_reranker(
    pinecone_server: PineconeServer, reranker: PineconeReranker, tmp_path: Path
) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=reranker) as store:
        await store.upsert([Document("redis rate limits"), Document("token store")])
        results = await store.search("redis", top_k=1)
        assert (results[0].content, results.degraded) == ("redis rate limits", None)
        assert results.search_method.endswith("+rerank")
        pinecone_server.fail("status", "rerank", status=403)
        results = await store.search("redis", top_k=1)
        assert results[0].content == "redis rate limits"
        assert results.degraded
        assert "403" in results.degraded


def test_the_reranker_is_chosen_by_name_and_never_by_a_projects_file(tmp_path: Path) -> None:
    settings = Settings(pinecone_api_key="key")
    for name, shown in (("pinecone", "bge-reranker-v2-m3"), ("pinecone:pinecone-rerank-v0", "pinecone-rerank-v0")):
        made = factory.create_reranker(name, settings)
        assert isinstance(made, PineconeReranker)
        assert made.name == f"pinecone/{shown}"
    with pytest.raises(ConfigurationError, match="PINECONE_API_KEY"):
        factory.create_reranker("pinecone", Settings())
    (tmp_path / "aurora.toml").write_text('reranker = "pinecone"', "utf-8")
    with pytest.raises(ConfigurationError, match="another machine"):
        Settings.load(tmp_path)
