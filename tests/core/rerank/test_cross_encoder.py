"""`CrossEncoderReranker` with toy models, loaded through sentence-transformers."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import logging
import math
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core.rerank import tiny_cross_encoder as tiny

pytest.importorskip("sentence_transformers")

from aurora_dev.core.rerank.cross_encoder import CrossEncoderModel
from aurora_dev.core.rerank.window import Window
from aurora_dev.core.reranker import CrossEncoderReranker
from aurora_dev.core.types import SearchResult, SearchResults
from aurora_dev.errors import ModelLoadError, RerankError

DOCUMENTS = ["a b c", "good good good", "good bad", "good a b c d e f g h", "bad"]
BY_SHARE_OF_GOOD = ["good good good", "good bad", "good a b c d e f g h"]


def sigmoid(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-logit))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.build(folder / "counting", weights="counting", activation="identity")
    tiny.build(folder / "logits", activation="identity")
    tiny.build(folder / "sigmoid", activation="sigmoid")
    tiny.build(folder / "hardsigmoid", activation="hardsigmoid")
    return folder


@pytest.fixture
def counting(models: Path) -> CrossEncoderReranker:
    return CrossEncoderReranker(str(models / "counting"))


def plainly(model: Path, query: str, texts: list[str], raw: bool) -> list[float]:
    """Return the scores of sentence-transformers itself, one pair at a time."""
    import torch
    from sentence_transformers import CrossEncoder

    encoder = CrossEncoder(str(model), device="cpu")
    activation = torch.nn.Identity() if raw else None
    return [float(encoder.predict([(query, text)], activation_fn=activation)[0]) for text in texts]


def intercept(reranker: CrossEncoderReranker, wrap: Callable[[Any], Any]) -> None:
    """Load the real model, and wrap its forward pass."""
    model = reranker._shared.get()
    reranker._shared._model = dataclasses.replace(model, predict=wrap(model.predict))


# What comes back


def test_documents_are_ordered_by_the_figures_of_the_model(counting: CrossEncoderReranker) -> None:
    best = counting.rerank("query", DOCUMENTS)
    assert [item["content"] for item in best[:3]] == BY_SHARE_OF_GOOD
    # These two have no good word at all: they tie, in the order of the earlier stage.
    assert [item["content"] for item in best[3:]] == ["a b c", "bad"]
    assert best[3]["score"] == best[4]["score"] == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["logits", "sigmoid"])
def test_relevance_is_the_sigmoid_of_the_logit_for_every_configuration(models: Path, name: str) -> None:
    best = CrossEncoderReranker(str(models / name)).rerank("a", DOCUMENTS)
    logits = dict(zip(DOCUMENTS, plainly(models / name, "a", DOCUMENTS, raw=True), strict=True))
    assert [item["content"] for item in best] == sorted(DOCUMENTS, key=lambda text: -logits[text])
    for item in best:
        assert item["scores"]["rerank_raw"] == pytest.approx(logits[item["content"]], abs=2e-6)
        assert item["score"] == item["scores"]["rerank"] == pytest.approx(sigmoid(logits[item["content"]]), abs=1e-6)


def test_a_model_with_a_sigmoid_inside_gets_no_second_one(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers.base.modules", reason="models of modules came with version 5.4")
    model = tiny.build_with_a_sigmoid_inside(tmp_path / "inside")
    best = CrossEncoderReranker(str(model)).rerank("a", DOCUMENTS)
    inside = dict(zip(DOCUMENTS, plainly(model, "a", DOCUMENTS, raw=True), strict=True))
    for item in best:
        assert item["score"] == pytest.approx(inside[item["content"]], abs=2e-6)


def test_an_activation_that_gives_probabilities_is_kept(models: Path) -> None:
    best = CrossEncoderReranker(str(models / "hardsigmoid")).rerank("a", DOCUMENTS)
    configured = dict(zip(DOCUMENTS, plainly(models / "hardsigmoid", "a", DOCUMENTS, raw=False), strict=True))
    for item in best:
        assert item["score"] == pytest.approx(configured[item["content"]], abs=2e-6)


async def test_score_gives_float32_in_input_order_and_rerank_the_same_figures(counting: CrossEncoderReranker) -> None:
    scores = await counting.score("query", DOCUMENTS)
    assert scores.dtype == np.float32
    assert scores.shape == (len(DOCUMENTS),)
    assert ((scores >= 0) & (scores <= 1)).all()
    best = await counting.rerank_async("query", DOCUMENTS)
    assert {item["content"]: item["score"] for item in best} == dict(zip(DOCUMENTS, scores.tolist(), strict=True))
    assert all(type(item["score"]) is float for item in best)


def test_search_results_come_back_as_search_results(counting: CrossEncoderReranker) -> None:
    found = [SearchResult(str(i), text, 0.4, {"path": "p"}, {"rrf": 0.4}) for i, text in enumerate(DOCUMENTS)]
    results = SearchResults(found, search_method="rrf_hybrid", message="RRF")
    best = counting.rerank_search_results(query="query", results=results, top_k=2)
    assert isinstance(best, SearchResults)
    assert [item.content for item in best] == BY_SHARE_OF_GOOD[:2]
    assert best.search_method == "rrf_hybrid+rerank"
    assert best.timings["rerank"] > 0
    assert best[0].scores["rrf"] == 0.4
    assert list(results) == found


@pytest.mark.parametrize(("top_k", "expected"), [(None, 5), (2, 2), (99, 5)])
def test_top_k_cuts_and_a_larger_one_gives_all(
    counting: CrossEncoderReranker, top_k: int | None, expected: int
) -> None:
    assert len(counting.rerank("query", DOCUMENTS, top_k)) == expected


# Determinism


def test_a_score_does_not_depend_on_the_other_documents(models: Path) -> None:
    texts = [" ".join(random.Random(seed).choices(tiny.WORDS, k=1 + seed * 3)) for seed in range(30)]
    alone = [
        CrossEncoderReranker(str(models / "logits"), cache_size=0).rerank("a b", [text])[0]["scores"]["rerank_raw"]
        for text in texts
    ]
    for batch_size in (1, 7, 64):
        reranker = CrossEncoderReranker(str(models / "logits"), batch_size=batch_size, cache_size=0)
        together = {item["content"]: item["scores"]["rerank_raw"] for item in reranker.rerank("a b", texts)}
        assert [together[text] for text in texts] == pytest.approx(alone, abs=2e-6)


def test_the_input_order_changes_no_score(models: Path) -> None:
    reranker = CrossEncoderReranker(str(models / "logits"), cache_size=0, batch_size=3)
    texts = [f"w{number} " * (1 + number % 7) for number in range(20)]
    first = {item["content"]: item["score"] for item in reranker.rerank("a", texts)}
    random.Random(0).shuffle(texts)
    assert {item["content"]: item["score"] for item in reranker.rerank("a", texts)} == first


def test_batches_hold_texts_of_like_length_whatever_the_input_order(models: Path) -> None:
    reranker = CrossEncoderReranker(str(models / "logits"), cache_size=0, batch_size=4)
    seen: list[list[Any]] = []
    intercept(reranker, lambda predict: lambda pairs: (seen.append(pairs), predict(pairs))[1])  # type: ignore[func-returns-value]
    texts = [f"w{number} " * (1 + number % 7) for number in range(20)]
    reranker.rerank("a", texts)
    reranker.rerank("a", texts[::-1])
    assert seen[:5] == seen[5:]
    lengths = [len(text) for pairs in seen[:5] for _, text in pairs]
    assert lengths == sorted(lengths, reverse=True)


def test_equal_documents_tie_in_their_input_order(models: Path) -> None:
    reranker = CrossEncoderReranker(str(models / "logits"), batch_size=2, cache_size=0)
    inputs = [{"content": text, "n": n} for n, text in enumerate(["a b", "c d e f", "a b", "c d e f", "a b"])]
    best = reranker.rerank("a", inputs)
    for _, group in itertools.groupby(best, key=lambda item: item["score"]):
        numbers = [item["n"] for item in group]
        assert numbers == sorted(numbers)
    assert len({item["score"] for item in best}) == 2


# Long documents


@pytest.mark.parametrize(("window", "sees"), [("head", False), ("best", True), ("head+best", True)])
def test_the_window_decides_whether_a_match_far_down_is_read(models: Path, window: Window, sees: bool) -> None:
    reranker = CrossEncoderReranker(str(models / "counting"), window=window, max_document_chars=60)
    long = "bad a b c\n" * 100 + "w7 good good good good\n" + "bad a b c\n" * 100
    (best,) = reranker.rerank("w7", [long])
    assert (best["scores"]["rerank_raw"] > 0.1) is sees
    assert best["content"] == long


def test_a_pair_longer_than_the_model_is_cut_and_scored(models: Path) -> None:
    reranker = CrossEncoderReranker(str(models / "counting"), max_length=16, max_document_chars=100_000)
    (best,) = reranker.rerank("query", ["good " * 5000])
    assert 0.5 < best["score"] <= 1.0


# The cache


def test_a_repeated_query_costs_no_forward_pass(counting: CrossEncoderReranker) -> None:
    passes: list[int] = []
    intercept(counting, lambda predict: lambda pairs: (passes.append(len(pairs)), predict(pairs))[1])  # type: ignore[func-returns-value]
    first = counting.rerank("query", DOCUMENTS)
    assert sum(passes) == len(DOCUMENTS)
    assert counting.rerank("query", DOCUMENTS) == first
    assert sum(passes) == len(DOCUMENTS)
    counting.rerank("query", [*DOCUMENTS, "good new"])
    assert sum(passes) == len(DOCUMENTS) + 1
    counting.rerank("another query", DOCUMENTS[:1])
    assert sum(passes) == len(DOCUMENTS) + 2
    counting.clear_cache()
    counting.rerank("query", DOCUMENTS)
    assert sum(passes) == 2 * len(DOCUMENTS) + 2


def test_without_a_cache_equal_documents_are_still_scored_once(models: Path) -> None:
    reranker = CrossEncoderReranker(str(models / "counting"), cache_size=0)
    passes: list[int] = []
    intercept(reranker, lambda predict: lambda pairs: (passes.append(len(pairs)), predict(pairs))[1])  # type: ignore[func-returns-value]
    reranker.rerank("query", ["a", "a", "a"])
    reranker.rerank("query", ["a"])
    assert passes == [1, 1]


# Loading


def test_instances_of_one_model_share_one_load(models: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aurora_dev")
    rerankers = [CrossEncoderReranker(str(models / "logits"), batch_size=size) for size in (1, 2, 3)]
    assert all(reranker.load_seconds is None and reranker.is_available for reranker in rerankers)
    threads = [threading.Thread(target=reranker.warmup) for reranker in rerankers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("reranker_loaded" in record.getMessage() for record in caplog.records) == 1
    assert len({reranker.load_seconds for reranker in rerankers}) == 1
    assert (rerankers[0].load_seconds or 0) > 0


def test_one_line_is_logged_for_each_event(counting: CrossEncoderReranker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aurora_dev")
    counting.rerank("query", DOCUMENTS, 2)
    counting.rerank("query", DOCUMENTS, 2)
    events = [record.aurora_event for record in caplog.records if hasattr(record, "aurora_event")]
    assert [event["event"] for event in events] == ["reranker_loading", "reranker_loaded", "reranked", "reranked"]
    assert events[1]["seconds"] > 0
    assert {key: events[3][key] for key in ("candidates", "results", "cache_hits", "model")} == {
        "candidates": 5,
        "results": 2,
        "cache_hits": 5,
        "model": counting.name,
    }
    assert events[2]["cache_hits"] == 0


async def test_a_folder_that_does_not_exist_fails_with_advice_and_is_unavailable_from_then_on(tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(str(tmp_path / "nowhere"))
    assert reranker.is_available
    with pytest.raises(ModelLoadError, match=r"nowhere.*config\.json"):
        await reranker.score("query", ["text"])
    assert reranker.is_available is False
    assert "nowhere" in (reranker.unavailable_reason or "")
    assert CrossEncoderReranker(str(tmp_path / "nowhere")).is_available is False


@pytest.mark.usefixtures("models")
def test_a_load_that_failed_is_tried_again_by_a_direct_call(tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(str(tmp_path / "late"))
    with pytest.raises(ModelLoadError):
        reranker.warmup()
    tiny.build(tmp_path / "late", weights="counting", activation="identity")
    reranker.warmup()
    assert reranker.is_available
    assert reranker.unavailable_reason is None


@pytest.mark.usefixtures("models")
def test_damaged_weights_are_a_load_error(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "damaged")
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(ModelLoadError, match="could not be loaded"):
        CrossEncoderReranker(str(model)).warmup()


def test_a_classifier_of_several_labels_is_refused(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "nli", labels=3)
    with pytest.raises(ModelLoadError, match=r"3 outputs.*Choose a cross-encoder with one output"):
        CrossEncoderReranker(str(model)).warmup()


def test_an_encoder_without_a_trained_head_is_refused(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "encoder", head=False)
    with pytest.raises(ModelLoadError, match="saved as BertModel"):
        CrossEncoderReranker(str(model)).warmup()


@pytest.mark.usefixtures("models")
def test_a_hub_model_in_the_home_folder_loads_without_a_network(tmp_path: Path) -> None:
    # The layout of the Hub's cache: a snapshot for each commit, and which commit a branch means.
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--someone--tiny-reranker"
    tiny.build(repository / "snapshots" / commit, weights="counting", activation="identity")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    reranker = CrossEncoderReranker("someone/tiny-reranker", model_home=tmp_path)
    begun = time.perf_counter()
    assert reranker.rerank("query", DOCUMENTS, 1)[0]["content"] == "good good good"
    assert time.perf_counter() - begun < 10  # asking the network first would be retried for a minute
    assert commit in reranker._shared.get().revision


def test_a_hub_model_that_is_not_on_this_disk_fails_offline_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    reranker = CrossEncoderReranker("someone/nowhere", model_home=tmp_path)
    with pytest.raises(ModelLoadError, match=r"someone/nowhere.*without network.*CROSS_ENCODER_MODEL") as caught:
        reranker.warmup()
    assert caught.value.__cause__ is not None
    assert reranker.is_available is False


def test_the_variables_of_the_environment_are_honoured(monkeypatch: pytest.MonkeyPatch, models: Path) -> None:
    monkeypatch.setenv("CROSS_ENCODER_MODEL", str(models / "counting"))
    assert CrossEncoderReranker().rerank("query", DOCUMENTS, 1)[0]["content"] == "good good good"


# What goes wrong while scoring


def test_an_out_of_memory_error_is_retried_once_with_half_the_batch(models: Path) -> None:
    import torch

    reranker = CrossEncoderReranker(str(models / "counting"), batch_size=8)
    sizes: list[int] = []

    def tight(predict: Any) -> Any:
        def limited(pairs: list[Any]) -> Any:
            sizes.append(len(pairs))
            if len(pairs) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return predict(pairs)

        return limited

    intercept(reranker, tight)
    texts = [f"good w{number}" for number in range(10)]
    assert len(reranker.rerank("query", texts)) == 10
    assert sizes == [8, 4, 4, 2]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory"),
    ],
)
def test_out_of_memory_twice_is_a_rerank_error(counting: CrossEncoderReranker, error: Exception) -> None:
    sizes: list[int] = []

    def never(_predict: Any) -> Any:
        def limited(pairs: list[Any]) -> Any:
            sizes.append(len(pairs))
            raise error

        return limited

    intercept(counting, never)
    with pytest.raises(RerankError, match=r"^Reranking failed for model .*counting: .*batch_size"):
        counting.rerank("query", DOCUMENTS)
    assert sizes == [5, 2]


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        ([0.1], "1 scores for 5 pairs"),
        (np.zeros((5, 3)), "15 scores for 5 pairs"),
        ([0.1, float("nan"), 0.1, 0.1, 0.1], "not a finite number"),
        ([0.1, float("inf"), 0.1, 0.1, 0.1], "not a finite number"),
        (["x"] * 5, "ValueError"),
    ],
)
def test_figures_that_are_no_scores_are_a_rerank_error_and_are_not_cached(
    counting: CrossEncoderReranker, figures: Any, says: str
) -> None:
    healthy = counting._shared.get()
    intercept(counting, lambda _predict: lambda _pairs: figures)
    with pytest.raises(ValueError, match=f"^Reranking failed for model .*{says}"):
        counting.rerank("query", DOCUMENTS)
    counting._shared._model = healthy
    assert counting.rerank("query", DOCUMENTS)[0]["content"] == "good good good"
    assert counting.is_available


def test_weights_that_are_not_numbers_are_a_rerank_error(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "nan", bias=float("nan"))
    with pytest.raises(RerankError, match="not a finite number"):
        CrossEncoderReranker(str(model)).rerank("query", DOCUMENTS)


# The event loop


async def test_fifty_calls_at_once_never_block_the_event_loop(models: Path) -> None:
    reranker = CrossEncoderReranker(str(models / "logits"))
    await asyncio.to_thread(reranker.warmup)
    longest, beats, done = 0.0, 0, False

    async def heartbeat() -> None:
        nonlocal longest, beats
        before = time.perf_counter()
        while not done:
            await asyncio.sleep(0.002)
            now = time.perf_counter()
            longest, before, beats = max(longest, now - before), now, beats + 1

    async def call(number: int) -> list[Any]:
        return await reranker.rerank_async(f"w{number}", [f"w{n} w{number} " * (1 + n % 20) for n in range(40)], 10)

    beating = asyncio.create_task(heartbeat())
    begun = time.perf_counter()
    answers = await asyncio.gather(*map(call, range(50)))
    seconds = time.perf_counter() - begun
    done = True
    await beating
    assert [len(answer) for answer in answers] == [10] * 50
    assert beats > 20
    # The work takes seconds in all; a loop that does it itself would miss every beat of one call at least.
    assert longest < max(0.25, seconds / 4), f"{longest:.3f} s of {seconds:.1f} s"


async def test_cancelling_a_call_stops_its_work(models: Path) -> None:
    reranker = CrossEncoderReranker(str(models / "logits"), batch_size=1)
    begun, proceed = threading.Event(), threading.Event()
    passes: list[int] = []

    def slow(predict: Any) -> Any:
        def wait(pairs: list[Any]) -> Any:
            passes.append(1)
            begun.set()
            proceed.wait(10)
            return predict(pairs)

        return wait

    intercept(reranker, slow)
    call = asyncio.create_task(reranker.score("a", [f"w{number}" for number in range(20)]))
    await asyncio.to_thread(begun.wait, 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    proceed.set()
    assert (await reranker.score("a", ["w50"])).shape == (1,)
    assert len(passes) == 2


async def test_loading_goes_on_after_its_caller_was_cancelled(models: Path) -> None:
    reranker = CrossEncoderReranker(str(models / "logits"))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(reranker.score("a", ["b"]), 0.001)
    assert (await reranker.score("a", ["b"])).shape == (1,)
    assert reranker._shared.attempts == 1


async def test_a_cached_answer_does_not_queue_behind_the_model(models: Path) -> None:
    reranker = CrossEncoderReranker(str(models / "logits"))
    expected = await reranker.rerank_async("a", DOCUMENTS)
    release = threading.Event()
    blocker = asyncio.create_task(reranker._shared.run_async(lambda _abandoned: release.wait(10)))
    assert await asyncio.wait_for(reranker.rerank_async("a", DOCUMENTS), 5) == expected
    release.set()
    await blocker


def test_models_of_several_makers_work_through_the_same_class() -> None:
    model = CrossEncoderModel("m", lambda _pairs: [[2.0], [0.5]], "1", True, lambda: None)
    raw = model.raw_scores([("q", "a"), ("q", "b")], 8, threading.Event())
    assert raw == [2.0, 0.5]
    assert model.relevance(np.asarray(raw)).tolist() == [1.0, 0.5]
