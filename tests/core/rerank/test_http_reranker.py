"""`HTTPReranker` against fakes of each service on the loopback interface."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from core.rerank import rerank_servers as servers
from pydantic import SecretStr

from aurora_dev.core.contracts import Reranker
from aurora_dev.core.http_reranker import HTTPReranker
from aurora_dev.core.rerank.formats import FORMATS, choose_format, default_model, endpoint_of, relevance, split
from aurora_dev.core.types import SearchResult, SearchResults
from aurora_dev.errors import InvalidRequestError, RerankError

KEY = "sk-very-secret-key-0123456789"
QUERY = "verify signed tokens"
TEXTS = ["render the page", "verify tokens", "verify the signed tokens here", "signed"]
EXPECTED = [servers.relevance(QUERY, text) for text in TEXTS]

Make = Callable[..., HTTPReranker]
Serve = Callable[..., Any]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running = []

    def start(service: Any = servers.plain) -> Any:
        running.append(servers.RerankServer(service))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[HTTPReranker] = []

    def build(url: str, **options: Any) -> HTTPReranker:
        async def no_wait(_seconds: float) -> None:
            await asyncio.sleep(0)

        made.append(HTTPReranker(url, **{"wait": no_wait, "timeout": 5.0, **options}))
        return made[-1]

    yield build
    for reranker in made:
        reranker.close()


@pytest.mark.parametrize("name", FORMATS)
async def test_each_format_asks_and_reads_as_its_service_documents(make: Make, serve: Serve, name: str) -> None:
    service, path = servers.SERVICES[name]
    server = serve(service)
    reranker = make(server.origin + path, api_format=name, api_key=KEY, model="some-model")
    scores = await reranker.score(QUERY, TEXTS)
    assert isinstance(reranker, Reranker)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, EXPECTED, atol=1e-5)
    assert [asked.path for asked in server.asked] == [path]
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.asked[0].headers["content-type"] == "application/json"
    if name != "tei":
        assert server.asked[0].body["model"] == "some-model"


@pytest.mark.parametrize("name", FORMATS)
async def test_an_address_without_a_path_gets_the_path_of_the_format(make: Make, serve: Serve, name: str) -> None:
    server = serve(servers.SERVICES[name][0])
    np.testing.assert_allclose(
        await make(server.origin, api_format=name, model="m").score(QUERY, TEXTS), EXPECTED, atol=1e-5
    )


@pytest.mark.parametrize("name", ["tei", "infinity", "vllm", "plain"])
async def test_auto_works_with_servers_that_their_address_does_not_tell(make: Make, serve: Serve, name: str) -> None:
    def lenient(asked: Any) -> Any:
        # These servers ignore fields that they do not know.
        service, path = servers.SERVICES[name]
        known = {"query", "texts"} if name == "tei" else {"query", "documents", "top_n"}
        return service(asked._replace(path=path, body={key: asked.body[key] for key in known}))

    server = serve(lenient)
    reranker = make(server.url)
    assert reranker.api_format == "plain"
    np.testing.assert_allclose(await reranker.score(QUERY, TEXTS), EXPECTED, atol=1e-5)


async def test_tei_may_answer_with_plain_scores_in_order(make: Make, serve: Serve) -> None:
    reranker = make(serve(servers.tei_scores).url, api_format="tei")
    np.testing.assert_allclose(await reranker.score(QUERY, TEXTS), EXPECTED, atol=1e-5)


@pytest.mark.parametrize(
    ("url", "name", "endpoint", "model"),
    [
        ("http://localhost:8081/rerank", "plain", "http://localhost:8081/rerank", ""),
        ("http://localhost:8080", "plain", "http://localhost:8080/rerank", ""),
        ("http://localhost:8080/v1", "plain", "http://localhost:8080/v1/rerank", ""),
        ("https://host/tei/rerank?a=b", "plain", "https://host/tei/rerank?a=b", ""),
        ("http://localhost:8080/reranking", "llamacpp", "http://localhost:8080/reranking", ""),
        ("http://localhost:8080/v1/reranking", "llamacpp", "http://localhost:8080/v1/reranking", ""),
        ("http://localhost:7997/rerank", "infinity", "http://localhost:7997/rerank", ""),
        ("https://api.cohere.com", "cohere-v2", "https://api.cohere.com/v2/rerank", "rerank-v3.5"),
        ("https://api.cohere.com/v2/rerank", "cohere-v2", "https://api.cohere.com/v2/rerank", "rerank-v3.5"),
        ("https://api.cohere.ai/v1/rerank", "cohere-v1", "https://api.cohere.ai/v1/rerank", "rerank-v3.5"),
        ("https://api.jina.ai/v1/rerank", "jina", "https://api.jina.ai/v1/rerank", FORMATS["jina"].default_model),
        ("https://api.voyageai.com/v1", "voyage", "https://api.voyageai.com/v1/rerank", "rerank-2.5"),
        ("https://notjina.ai/v1/rerank", "plain", "https://notjina.ai/v1/rerank", ""),
        ("https://jina.ai.evil.example/v1/rerank", "plain", "https://jina.ai.evil.example/v1/rerank", ""),
    ],
)
def test_auto_is_decided_by_the_address_alone(url: str, name: str, endpoint: str, model: str) -> None:
    parsed = httpx.URL(url)
    chosen = choose_format("auto", parsed)
    assert chosen.name == name
    assert str(endpoint_of(parsed, chosen)) == endpoint
    assert default_model(chosen, parsed) == model


@pytest.mark.parametrize(
    ("written", "name"),
    [("cohere", "cohere-v2"), ("Cohere_V1", "cohere-v1"), ("llama.cpp", "llamacpp"), ("huggingface", "tei")],
)
def test_formats_are_found_under_common_spellings(written: str, name: str) -> None:
    assert choose_format(written, httpx.URL("http://localhost")).name == name


async def test_scores_set_to_logit_go_through_a_sigmoid(make: Make, serve: Serve) -> None:
    logits = [-800.0, 0.0, 2.0, 800.0]
    server = serve(lambda _asked: servers.as_json({"results": servers_entries(logits)}))
    scores = await make(server.url, scores="logit").score(QUERY, TEXTS)
    np.testing.assert_allclose(scores, [0.0, 0.5, 1 / (1 + math.exp(-2.0)), 1.0], atol=1e-6)


def servers_entries(scores: list[Any]) -> list[dict[str, Any]]:
    return [{"index": index, "relevance_score": score} for index, score in enumerate(scores)]


@pytest.mark.parametrize("name", ["tei", "infinity"])
async def test_services_with_two_kinds_of_score_are_asked_for_the_set_one(make: Make, serve: Serve, name: str) -> None:
    server = serve(servers.SERVICES[name][0])
    for scores, raw in (("logit", True), ("probability", False)):
        found = await make(server.url, api_format=name, scores=scores).score(QUERY, TEXTS)
        np.testing.assert_allclose(found, EXPECTED, atol=1e-5)
        assert server.asked[-1].body["raw_scores"] is raw


@pytest.mark.parametrize("score", [7.74, -0.2, 1.01])
async def test_a_score_outside_the_range_is_an_error_and_not_guessed_at(make: Make, serve: Serve, score: float) -> None:
    server = serve(lambda _asked: servers.as_json({"results": servers_entries([0.5, 0.5, 0.5, score])}))
    with pytest.raises(RerankError, match=rf'invalid response: the score {score}.*scores="logit"'):
        await make(server.url).score(QUERY, TEXTS)


async def test_rounding_slightly_above_one_is_accepted(make: Make, serve: Serve) -> None:
    server = serve(lambda _asked: servers.as_json({"results": servers_entries([1.0005, -0.0005, 1, 0])}))
    assert (await make(server.url).score(QUERY, TEXTS)).tolist() == [1.0, 0.0, 1.0, 0.0]


def test_cosines_keep_their_order_below_zero() -> None:
    assert relevance(np.array([-1.0, -0.5, 0.0, 1.0, np.nan]), "similarity").tolist()[:4] == [0.0, 0.25, 0.5, 1.0]


def test_the_kind_of_score_follows_from_format_and_model(make: Make) -> None:
    assert make("http://localhost/v1/reranking").scores == "logit"
    assert make("https://api.jina.ai/v1/rerank", model="jina-reranker-v3").scores == "similarity"
    assert make("https://api.jina.ai/v1/rerank").scores == "probability"
    assert make("http://localhost/v1/reranking", scores="probability").scores == "probability"


@pytest.mark.parametrize(("name", "sizes"), [("tei", [32, 32, 6]), ("jina", [70]), ("llamacpp", [64, 6])])
async def test_documents_are_split_to_the_services_number(
    make: Make, serve: Serve, name: str, sizes: list[int]
) -> None:
    service, path = servers.SERVICES[name]
    server = serve(service)
    texts = [f"verify {'signed ' * (number % 3)}text{number}" for number in range(70)]
    found = await make(server.origin + path, api_format=name, model="m").score(QUERY, texts)
    np.testing.assert_allclose(found, [servers.relevance(QUERY, text) for text in texts], atol=1e-5)
    field = "texts" if name == "tei" else "documents"
    assert sorted((len(asked.body[field]) for asked in server.asked), reverse=True) == sizes


def test_requests_end_at_a_size_and_a_larger_document_goes_alone() -> None:
    assert list(split([40, 40, 40, 500, 1, 1], 5, 10, 100)) == [[0, 1], [2], [3], [4, 5]]
    assert list(split([1] * 5, 0, 2, 100)) == [[0, 1], [2, 3], [4]]
    assert list(split([], 5, 10, 100)) == []
    assert list(split([40, 40], 20, 10, 100)) == [[0], [1]]  # the query counts for each document


async def test_pairs_fit_into_the_batch_of_llama_cpp(make: Make, serve: Serve) -> None:
    server = serve(servers.llamacpp)
    reranker = make(server.origin, api_format="llamacpp")
    for filler in ("filler ", "füllwörter ", "日本語のテキスト "):
        texts = [filler * 2_000 + "verify signed tokens", "signed " + filler * 2_000]
        scores = await reranker.score(QUERY, texts)
        assert scores[0] > scores[1] > 0.0  # the window finds the passage that answers
    assert np.isfinite(await reranker.score("verify " * 2_000, ["verify"])).all()


async def test_a_raised_document_limit_is_sent_as_given(make: Make, serve: Serve) -> None:
    server = serve(servers.llamacpp)
    reranker = make(server.origin, api_format="llamacpp", max_document_chars=100_000)
    with pytest.raises(RerankError, match=r"HTTP 500.*input is too large"):
        await reranker.score(QUERY, ["filler " * 2_000])


async def test_requests_run_at_the_same_time_up_to_a_bound(make: Make, serve: Serve) -> None:
    server = serve()
    gate = threading.Barrier(3)

    def together(asked: Any) -> Any:
        gate.wait(timeout=5)  # breaks unless three are there
        return servers.plain(asked)

    server.service = together
    texts = [f"text {number}" for number in range(12)]
    assert np.isfinite(await make(server.url, max_documents=1, concurrency=3).score(QUERY, texts)).all()
    assert server.most_at_once == 3
    assert len(server.asked) == 12


async def test_blank_texts_and_empty_input_are_not_sent(make: Make, serve: Serve) -> None:
    server = serve(servers.cohere_v2)
    reranker = make(server.origin, api_format="cohere", model="m")
    found = await reranker.score(QUERY, ["", "signed", " \n"])
    assert np.isnan(found).tolist() == [True, False, True]
    assert server.asked[0].body["documents"] == ["signed"]
    assert (await reranker.score(QUERY, [])).shape == (0,)
    assert np.isnan(await reranker.score(QUERY, [" "])).all()
    assert len(server.asked) == 1


@pytest.mark.parametrize(("name", "field"), [("cohere-v2", "top_n"), ("voyage", "top_k")])
async def test_all_documents_are_asked_to_be_scored(make: Make, serve: Serve, name: str, field: str) -> None:
    server = serve(servers.SERVICES[name][0])
    await make(server.origin, api_format=name, model="m", top_k=2).score(QUERY, TEXTS)
    assert server.asked[0].body[field] == 4


async def test_documents_that_the_service_leaves_out_are_nan(make: Make, serve: Serve) -> None:
    def cut(asked: Any) -> Any:
        return servers.cohere_v2(asked._replace(body={**asked.body, "top_n": 2}))

    found = await make(serve(cut).origin, api_format="cohere", model="m").score(QUERY, TEXTS)
    assert np.isnan(found).tolist() == [True, False, False, True]


async def test_a_lone_surrogate_is_sent_as_a_question_mark(make: Make, serve: Serve) -> None:
    server = serve()
    await make(server.url).score("a\ud800 é", ["b\udfff 日"])
    assert (server.asked[0].body["query"], server.asked[0].body["documents"]) == ("a? é", ["b? 日"])


# -- results -----------------------------------------------------------------------------------------------------------


def results() -> list[SearchResult]:
    return [
        SearchResult(f"id{n}", text, 0.9 - n / 10, {"path": f"{n}.py"}, {"rrf": 0.9 - n / 10})
        for n, text in enumerate(TEXTS)
    ]


async def test_results_come_back_best_first_with_metadata_and_every_score(make: Make, serve: Serve) -> None:
    given = results()
    reranker = make(serve().url)
    best = await reranker.rerank_async(QUERY, given, top_k=2)
    assert [result.id for result in best] == ["id2", "id1"]
    assert best[0].score == pytest.approx(0.75)
    assert type(best[0].score) is float
    assert best[0].metadata == {"path": "2.py"}
    assert best[0].scores["rrf"] == best[0].scores["stage1"] == pytest.approx(0.7)
    assert best[0].scores["rerank"] == best[0].scores["rerank_raw"] == pytest.approx(0.75)
    assert given == results()


async def test_strings_and_mappings_can_be_reranked_too(make: Make, serve: Serve) -> None:
    reranker = make(serve().url)
    assert [each["content"] for each in await reranker.rerank_async(QUERY, TEXTS)] == [
        TEXTS[2], TEXTS[1], TEXTS[3], TEXTS[0],
    ]  # fmt: skip
    given = [{"content": text, "score": 0.5, "id": n} for n, text in enumerate(TEXTS)]
    assert [each["id"] for each in await reranker.rerank_async(QUERY, given)] == [2, 1, 3, 0]


@pytest.mark.parametrize("given", [TEXTS, [{"content": text, "score": 0.5} for text in TEXTS], results()])
async def test_unscored_results_follow_in_their_earlier_order(make: Make, serve: Serve, given: list[Any]) -> None:
    server = serve(lambda _asked: servers.as_json({"rankings": [{"index": 2, "score": 0.4}]}))
    best = await make(server.url).rerank_async(QUERY, given)
    texts = [each.content if isinstance(each, SearchResult) else each["content"] for each in best]
    scores = [each.score if isinstance(each, SearchResult) else each["score"] for each in best]
    assert texts == [TEXTS[2], TEXTS[0], TEXTS[1], TEXTS[3]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(0.4)
    followers = [each.scores if isinstance(each, SearchResult) else each.get("scores", {}) for each in best[1:]]
    assert not any("rerank" in each for each in followers)
    assert len(await make(server.url).rerank_async(QUERY, given, top_k=2)) == 2


async def test_scores_never_rise_down_the_list_whatever_the_earlier_ones_were(make: Make, serve: Serve) -> None:
    server = serve(lambda _asked: servers.as_json({"rankings": [{"index": 3, "score": 0.4}]}))
    given = [{"content": text, "score": score} for text, score in zip(TEXTS, (0.1, 0.3, 0.2, 0.9), strict=True)]
    best = await make(server.url).rerank_async(QUERY, given)
    assert [each["score"] for each in best] == pytest.approx([0.4, 0.1, 0.1, 0.1])


async def test_a_minimum_score_drops_lower_and_unscored_results(make: Make, serve: Serve) -> None:
    best = await make(serve().url, min_score=0.5).rerank_async(QUERY, [*results(), results()[0]])
    assert [result.id for result in best] == ["id2", "id1"]
    server = serve(lambda _asked: servers.as_json({"rankings": [{"index": 2, "score": 0.4}]}))
    assert await make(server.url, min_score=0.5).rerank_async(QUERY, TEXTS) == []


def test_search_results_stay_search_results(make: Make, serve: Serve) -> None:
    given = SearchResults(results(), search_method="rrf_hybrid", message="RRF", timings={"total": 1.0})
    best: Any = make(serve().url).rerank_search_results(query=QUERY, results=given, top_k=3)
    assert isinstance(best, SearchResults)
    assert best.search_method == "rrf_hybrid+rerank"
    assert best.message == "RRF + Cross-Encoder Reranking"
    assert set(best.timings) == {"total", "rerank"}


async def test_top_k_of_the_call_wins_over_that_of_the_reranker(make: Make, serve: Serve) -> None:
    reranker = make(serve().url, top_k=2)
    assert len(await reranker.rerank_async(QUERY, TEXTS)) == 2
    assert len(await reranker.rerank_async(QUERY, TEXTS, top_k=99)) == 4
    assert await reranker.rerank_async(QUERY, []) == []
    for wrong in (0, -1, True, 1.5):
        with pytest.raises(InvalidRequestError, match="top_k"):
            await reranker.rerank_async(QUERY, TEXTS, top_k=wrong)  # type: ignore[arg-type]


async def test_ties_keep_the_earlier_order(make: Make, serve: Serve) -> None:
    server = serve(lambda _asked: servers.as_json({"rankings": [{"index": n, "score": 0.5} for n in (3, 1, 0, 2)]}))
    assert [each.id for each in await make(server.url).rerank_async(QUERY, results())] == ["id0", "id1", "id2", "id3"]


# -- arguments, keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"api_url": "localhost:8081"},
        {"api_url": "ftp://host/rerank"},
        {"api_url": f"https://user:{KEY}@host/rerank"},
        {"api_url": f"https://host/rerank?api_key={KEY}"},
        {"api_url": None},
        {"api_key": f"{KEY}\nx"},
        {"api_key": "schlüssel"},
        {"model": 5},
        {"top_k": 0},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"min_score": 1.5},
        {"api_format": "openai"},
        {"api_format": None},
        {"scores": "percent"},
        {"window": "tail"},
        {"max_documents": 0},
        {"max_document_chars": True},
        {"max_retries": -1},
        {"concurrency": 0},
        {"failure_threshold": 0},
        {"cooldown": 0},
    ],
)
def test_wrong_arguments_are_refused_without_showing_a_key(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        HTTPReranker(**options)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(("query", "texts"), [("", ["a"]), (" ", ["a"]), (5, ["a"]), ("q", "a"), ("q", [5])])
async def test_queries_and_texts_that_are_no_strings_are_refused(
    make: Make, serve: Serve, query: Any, texts: Any
) -> None:
    server = serve()
    with pytest.raises(InvalidRequestError):
        await make(server.url).score(query, texts)
    assert server.asked == []


def test_the_defaults_are_those_of_the_documentation() -> None:
    reranker = HTTPReranker()
    assert repr(reranker) == "HTTPReranker('http://localhost:8081/rerank', model='', api_format='plain')"
    assert (reranker.top_k, reranker.timeout, reranker.min_score) == (100, 30.0, 0.0)
    assert reranker.is_available
    assert reranker.unavailable_reason is None
    assert reranker.name == "http/localhost:8081"


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
async def test_a_key_appears_in_no_error_log_or_repr(
    make: Make, serve: Serve, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(lambda _asked: servers.as_json({"message": f"key {KEY} is wrong, Bearer {KEY}"}, status))
    reranker = make(server.url, api_key=SecretStr(KEY), failure_threshold=1)
    with pytest.raises(RerankError) as caught:
        await reranker.score(QUERY, TEXTS)
    shown = [str(caught.value), repr(caught.value), repr(reranker), reranker.name, str(reranker.unavailable_reason)]
    assert not any(KEY in text for text in [*shown, caplog.text])
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    cause = caught.value.__cause__
    assert cause is None


async def test_without_a_key_no_authorization_is_sent(make: Make, serve: Serve) -> None:
    server = serve()
    await make(server.url).score(QUERY, TEXTS)
    assert "authorization" not in server.asked[0].headers
    assert "model" not in server.asked[0].body


async def test_one_log_line_describes_a_call(make: Make, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aurora_dev")
    await make(serve().url, model="some-model").score(QUERY, [*TEXTS, ""])
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("aurora_dev")]
    assert len(lines) == 1
    assert all(part in lines[0] for part in ("reranked", "some-model", "5", "4"))
    assert QUERY not in json.dumps(lines)
