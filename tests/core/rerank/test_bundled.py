"""The reranker on ONNX Runtime, with toy models; needs neither torch nor a model hub."""

from __future__ import annotations

import asyncio
import math
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core.rerank import tiny_onnx_reranker as tiny

from aurora_dev.core.contracts import Reranker
from aurora_dev.core.rerank import bundled as module
from aurora_dev.core.rerank.bundled import BUNDLED_RERANKER, BundledReranker, ONNXReranker
from aurora_dev.core.text.document_text import reranker_heading, reranker_text
from aurora_dev.core.types import Document, SearchResult, SearchResults
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import InvalidRequestError, MissingDependencyError, ModelLoadError
from aurora_dev.testing.hashing_embedder import HashingEmbedder

BY_SHARE_OF_GOOD = ["good good good", "good bad", "good a b c d e f g h"]
DOCUMENTS = ["a b c", *reversed(BY_SHARE_OF_GOOD), "bad"]
TEXTS = [" ".join(random.Random(seed).choices(tiny.WORDS, k=1 + seed * 2)) for seed in range(24)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.build(folder / "counting")
    tiny.build(folder / "random", "random")
    return folder


@pytest.fixture
def counting(models: Path) -> ONNXReranker:
    return ONNXReranker(models / "counting")


def results_of(texts: list[str]) -> SearchResults:
    found = [SearchResult(str(i), text, 0.4, {"path": f"src/f{i}.py"}, {"rrf": 0.4}) for i, text in enumerate(texts)]
    return SearchResults(found, search_method="rrf_hybrid", message="RRF")


# What comes back


async def test_it_is_a_reranker_that_orders_by_the_figures_of_the_model(counting: ONNXReranker) -> None:
    assert isinstance(counting, Reranker)
    best = counting.rerank("query", DOCUMENTS)
    assert [item["content"] for item in best[:3]] == BY_SHARE_OF_GOOD
    assert all(0.0 < item["score"] < 1.0 for item in best)
    for item in best:
        assert item["score"] == pytest.approx(1.0 / (1.0 + math.exp(-item["scores"]["rerank_raw"])), abs=1e-6)
    scores = await counting.score("query", DOCUMENTS)
    assert scores.dtype == np.float32
    assert dict(zip(DOCUMENTS, scores.tolist(), strict=True)) == {item["content"]: item["score"] for item in best}
    assert [item["content"] for item in await counting.rerank_async("query", DOCUMENTS, top_k=2)] == BY_SHARE_OF_GOOD[
        :2
    ]


def test_search_results_keep_their_metadata_and_earlier_scores(counting: ONNXReranker) -> None:
    best = counting.rerank_search_results("query", results_of(DOCUMENTS), 2)
    assert isinstance(best, SearchResults)
    assert [item.content for item in best] == BY_SHARE_OF_GOOD[:2]
    assert (best.search_method, best[0].scores["rrf"], best[0].metadata["path"]) == (
        "rrf_hybrid+rerank",
        0.4,
        "src/f3.py",
    )


def test_nothing_to_rerank_loads_nothing(counting: ONNXReranker) -> None:
    assert counting.rerank("query", []) == []
    assert counting.load_seconds is None
    counting.warmup()
    assert counting.load_seconds is not None


def test_int8_scores_correlate_with_float32(models: Path) -> None:
    from aurora_dev.core.onnx.bert_graph import bert_graph
    from aurora_dev.core.onnx.session import PairScorer

    pairs = [("a b", text) for text in TEXTS]
    whole = PairScorer(bert_graph(tiny.random_weights(), tiny.SHAPE), tiny.tokenizer(), tiny.TOKENS, 1).figures(pairs)
    best = ONNXReranker(models / "random", window="head", max_document_chars=10_000).rerank("a b", TEXTS)
    small = {item["content"]: item["scores"]["rerank_raw"] for item in best}
    assert np.corrcoef(whole, [small[text] for text in TEXTS])[0, 1] > 0.98
    assert np.ptp(whole) > 0.1


# What it reads


def test_it_reads_the_heading_of_a_result_as_training_did(counting: ONNXReranker) -> None:
    document: dict[str, Any] = {"content": "a b", "metadata": {"path": "src/x/good.py", "symbol": "bad"}}
    read = counting._texts([document])
    assert read == [reranker_text("a b", document["metadata"])] == ["src/x/good.py > bad\na b"]
    assert counting._texts(["a b"]) == ["a b"]
    # "good" is only in the path, and counts.
    with_path, without = counting.rerank("q", [{"content": "a b", "n": 1}, {**document, "n": 2}])
    assert (with_path["n"], without["n"]) == (2, 1)


def test_the_bundled_model_reads_names_in_camel_case_as_words() -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(BUNDLED_RERANKER / "tokenizer.json"))

    def tokens(text: str) -> list[str]:
        found: list[str] = tokenizer.encode(text, add_special_tokens=False).tokens
        return found

    assert tokens("createAppContext") == ["create", "app", "context"]
    assert tokens("XMLHttpRequest") == tokens("xml http request")
    assert tokens("URLs of APIs") == tokens("urls of apis")
    assert tokenizer.truncation is None
    assert tokenizer.padding is None
    assert tokens("use_state USE State2") == ["use", "_", "state", "use", "state", "##2"]


def test_the_heading_stays_and_the_window_is_taken_below_it(models: Path) -> None:
    reranker = ONNXReranker(models / "counting", window="best", max_document_chars=20)
    heading = reranker_heading({"path": "a/b.py", "symbol": "C.d"})
    text = f"{heading}\n" + "w1 " * 50 + "needle here " + "w2 " * 50
    passage = reranker._window_of("needle", text)
    assert passage.startswith(f"{heading}\n")
    assert "needle" in passage
    assert len(passage) <= len(heading) + 1 + 20
    assert len(reranker._window_of("needle", "x" * 5_000)) <= 20  # minified code has no heading


async def test_a_search_gives_it_headings(models: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    class Recording(ONNXReranker):
        async def score(self, query: str, texts: Any) -> Any:
            seen.extend(texts)
            return await super().score(query, texts)

    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=Recording(models / "counting")) as store:
        await store.upsert([Document("def handler(): good", {"path": "app/views.py", "symbol": "handler"})])
        results = await store.search("handler")
    assert results.search_method.endswith("+rerank")
    assert results.degraded is None
    assert seen == ["app/views.py > handler\ndef handler(): good"]


def test_tokens_are_bounded_by_the_length_of_training(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path / "m", max_tokens=8)
    late_good = "a b c d e f g h i j good"
    reranker = ONNXReranker(folder, max_tokens=500)
    first, second = reranker.rerank("q", [late_good, "a b c d e f g h i j bad"])
    assert first["score"] == second["score"]


# Determinism and sharing


def test_a_score_is_the_same_to_the_last_bit_beside_any_others(models: Path) -> None:
    alone = [ONNXReranker(models / "random", cache_size=0).rerank("a", [text])[0]["score"] for text in TEXTS]
    for threads in (1, 2, 5):
        best = ONNXReranker(models / "random", threads=threads, cache_size=0).rerank("a", TEXTS)
        together = {item["content"]: item["score"] for item in best}
        assert [together[text] for text in TEXTS] == alone


def test_a_repeated_query_is_answered_from_the_cache(counting: ONNXReranker) -> None:
    first = counting.rerank("query", DOCUMENTS)
    model = counting._shared.get()
    counting._shared._model = None  # a call that needs the model would load another one now
    counting._shared._load = lambda: pytest.fail("the model was asked")
    counting._shared._model = model
    object.__setattr__(model, "predict", lambda _pairs: pytest.fail("the model was asked"))
    assert counting.rerank("query", DOCUMENTS) == first


def test_instances_share_the_model_and_load_it_once(models: Path) -> None:
    loads = []
    first, second = ONNXReranker(models / "counting"), ONNXReranker(models / "counting")
    assert first._shared is second._shared
    original = first._shared._load
    first._shared._load = lambda: loads.append(1) or original()  # type: ignore[func-returns-value]
    gate = threading.Barrier(8)

    def use() -> None:
        gate.wait()
        second.rerank("query", DOCUMENTS)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [1]


async def test_fifty_calls_at_once_leave_the_event_loop_beating(models: Path) -> None:
    reranker = ONNXReranker(models / "random", cache_size=0)
    beats = 0

    async def heart() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.001)
            beats += 1

    beating = asyncio.create_task(heart())
    await asyncio.gather(*(reranker.rerank_async(f"w{n}", TEXTS) for n in range(50)))
    beating.cancel()
    assert beats > 20


# Damage and absence


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)


def cut(folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:1000])


def cut_and_sign(folder: Path) -> None:
    cut(folder)
    tiny.sign(folder)


def no_graph(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"this is no model")
    tiny.sign(folder)


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")
    tiny.sign(folder)


def no_checksums(folder: Path) -> None:
    (folder / "SHA256SUMS").unlink()


def unsigned_file(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(line for line in lines if "config" not in line))


def newer_format(folder: Path) -> None:
    (folder / "config.json").write_text('{"format": 2, "text_format": 1, "max_tokens": 64}')
    tiny.sign(folder)


DAMAGES = [
    flip_a_bit,
    cut,
    cut_and_sign,
    no_graph,
    no_tokenizer,
    broken_tokenizer,
    no_checksums,
    unsigned_file,
    newer_format,
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_model_never_breaks_a_search(
    damage: Callable[[Path], None], models: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(models / "counting", tmp_path / "model"))
    damage(folder)
    reranker = ONNXReranker(folder)
    async with VectorStore(path=tmp_path / "s", embedder=HashingEmbedder(), reranker=reranker) as store:
        await store.upsert([Document(text) for text in DOCUMENTS])
        plain = await store.search("good", rerank=False)
        for _ in range(2):
            results = await store.search("good")
            assert [result.id for result in results] == [result.id for result in plain]
            assert results.degraded is not None
            assert str(folder) in results.degraded
    assert reranker.is_available is False
    assert "export_reranker.py" in (reranker.unavailable_reason or "")
    with pytest.raises(ModelLoadError, match="cannot be used"):
        reranker.rerank("query", ["text"])


def test_a_damaged_file_is_named(models: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models / "counting", tmp_path / "model"))
    flip_a_bit(folder)
    with pytest.raises(ModelLoadError, match=r"model\.onnx is damaged"):
        ONNXReranker(folder).warmup()


def test_a_missing_model_is_unavailable_from_the_start(tmp_path: Path) -> None:
    reranker = ONNXReranker(tmp_path / "nowhere")
    assert reranker.is_available is False
    assert "model.onnx" in (reranker.unavailable_reason or "")
    with pytest.raises(ModelLoadError):
        reranker.warmup()


def test_a_missing_bundled_model_says_to_reinstall(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "BUNDLED_RERANKER", tmp_path / "minilm-reranker")
    reranker = BundledReranker()
    assert reranker.name == "bundled/minilm-reranker"
    assert "pip install --force-reinstall" in (reranker.unavailable_reason or "")


def test_without_onnx_runtime_it_is_not_available_and_says_what_to_install(
    counting: ONNXReranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert counting.is_available is False
    with pytest.raises(MissingDependencyError, match="pip install onnxruntime"):
        counting.rerank("query", ["text"])


def test_in_an_environment_without_onnx_runtime_a_search_gives_stage_1(
    models: Path, tmp_path: Path, run_without: Callable[..., str]
) -> None:
    printed = run_without(
        "onnxruntime",
        "import asyncio\n"
        "from aurora_dev.core.rerank.bundled import ONNXReranker\n"
        "from aurora_dev.core.types import Document\n"
        "from aurora_dev.core.vector_store import VectorStore\n"
        "from aurora_dev.testing.hashing_embedder import HashingEmbedder\n"
        "async def main():\n"
        f"    reranker = ONNXReranker({str(models / 'counting')!r})\n"
        f"    store = VectorStore(path={str(tmp_path / 's')!r}, embedder=HashingEmbedder(), reranker=reranker)\n"
        "    async with store:\n"
        "        await store.upsert([Document('good'), Document('bad')])\n"
        "        results = await store.search('good')\n"
        "    print(len(results), results.degraded)\n"
        "asyncio.run(main())\n",
    )
    assert printed.startswith("2 ")
    assert "onnxruntime" in printed


def test_is_available_imports_and_reads_nothing(models: Path) -> None:
    script = (
        "import sys; from aurora_dev.core.rerank.bundled import ONNXReranker\n"
        f"reranker = ONNXReranker({str(models / 'counting')!r})\n"
        "assert reranker.is_available and reranker.unavailable_reason is None and reranker.load_seconds is None\n"
        "sys.exit(bool({'torch', 'onnxruntime', 'tokenizers', 'sentence_transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens": 0},
        {"threads": 0},
        {"threads": True},
        {"cache_size": -1},
        {"window": "tail"},
        {"max_document_chars": 0},
    ],
)
def test_an_argument_out_of_range_is_an_error(models: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(options))):
        ONNXReranker(models / "counting", **options)


def test_prefetch_loads_the_model_if_there_is_one(counting: ONNXReranker, tmp_path: Path) -> None:
    assert counting.load_seconds is None
    counting.prefetch()
    deadline = time.monotonic() + 20.0
    while counting.load_seconds is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert counting.load_seconds is not None
    missing = ONNXReranker(tmp_path / "nothing")
    missing.prefetch()
    assert not missing.is_available
    assert missing.load_seconds is None


async def test_the_bundled_reranker_orders_files_for_a_short_query(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path / "s", embedder=HashingEmbedder(), reranker=BundledReranker()) as store:
        texts = {
            "src/menu.py": "def render(items):\n    return [draw(item) for item in items]",
            "src/lock.py": "def acquire(path, timeout):\n    handle = open(path)\n    flock(handle, timeout)",
            "src/colour.py": "def blend(one, other):\n    return [(a + b) / 2 for a, b in zip(one, other)]",
        }
        await store.upsert([Document(text, {"path": path}) for path, text in texts.items()])
        plain = await store.search("synchronization between processes", rerank=False)
        found = await store.search("synchronization between processes")
    assert plain[0].score - plain[-1].score < 0.01  # the first stage cannot tell them apart
    assert found[0].metadata["path"] == "src/lock.py"
    assert found[0].scores["blend"] > found[1].scores["blend"] + 0.05
