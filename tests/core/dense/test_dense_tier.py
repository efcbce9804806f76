"""Dense vectors in a store: made behind its back, continued where they stopped, and fused into searches."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from aurora_dev.core.contracts import DenseProgress
from aurora_dev.core.dense.tier import filled
from aurora_dev.core.embed.dense import DenseEmbedder, has_bundled_dense
from aurora_dev.core.types import Document, Match, Metadata, Record, SearchOptions
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import EmbeddingError, ModelLoadError
from aurora_dev.testing.hashing_embedder import HashingEmbedder

DENSE = HashingEmbedder(48, salt="dense")


class CountingEmbedder(HashingEmbedder):
    """Counts the texts that it embeds, and fails on those with certain words in them."""

    def __init__(self, fails_on: str = "", error: type[Exception] = RuntimeError) -> None:
        super().__init__(48, salt="dense")
        self.texts: list[str] = []
        self.fails_on = fails_on
        self.error = error

    def embed_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self.fails_on and any(self.fails_on in text for text in texts):
            raise self.error("it cannot read that")
        self.texts += texts
        return super().embed_documents(texts)


def chunk(number: int, text: str = "", **metadata: str) -> Document:
    fields: Metadata = {"path": f"m{number}.py", "file_hash": "h", "language": "python", **metadata}
    return Document(text or f"def f{number}(): return value_{number}", fields, f"c{number}")


def open_store(path: Path, dense: HashingEmbedder | None) -> VectorStore:
    return VectorStore(path=path, embedder=HashingEmbedder(64), reranker="none", dense=dense)


async def test_every_record_but_documents_gets_a_vector_and_code_comes_last(
    tmp_path: Path,
) -> None:
    embedder = CountingEmbedder()
    async with open_store(tmp_path, embedder) as store:
        await store.upsert(
            [
                *(chunk(number) for number in range(30)),
                chunk(90, "A page about something", language="markdown"),
                Document("A talk about retries", {"session_part": "1"}, "session"),
                Document("Retry three times", {"kind": "decision"}, "note"),
                Document("Fix the retry", {"commit": "a" * 40}, "commit"),
            ]
        )
        assert await store.dense_progress() == DenseProgress(0, 33)
        steps: list[DenseProgress] = []
        report = await store.make_dense(steps.append)
        assert report is not None
        assert (report.embedded, report.reused, report.refused) == (33, 0, 0)
        assert report.progress.complete
        assert steps[-1] == DenseProgress(33, 33)
        assert embedder.texts[:3] == ["Retry three times", "A talk about retries", "Fix the retry"]
        assert embedder.texts[3] == "m29.py\ndef f29(): return value_29"
        assert not any("page about" in text for text in embedder.texts)


async def test_a_run_that_was_stopped_is_continued_by_the_next_process(tmp_path: Path) -> None:
    first, stop = CountingEmbedder(), threading.Event()
    async with open_store(tmp_path, first) as store:
        await store.upsert([chunk(number) for number in range(60)])
        report = await store.make_dense(lambda _: stop.set(), stop=stop)
        assert report is not None
        assert 0 < report.embedded < 60
    second = CountingEmbedder()
    async with open_store(tmp_path, second) as store:
        await store.make_dense()
        assert (await store.dense_progress()) == DenseProgress(60, 60)
    assert len(first.texts) + len(second.texts) == 60
    assert not set(first.texts) & set(second.texts)


async def test_only_what_changed_is_embedded_again(tmp_path: Path) -> None:
    embedder = CountingEmbedder()
    async with open_store(tmp_path, embedder) as store:
        await store.upsert([chunk(number) for number in range(40)])
        await store.make_dense()
        embedder.texts.clear()
        same = [chunk(number, start_line="9") for number in range(20)]  # moved within its file
        await store.write([*same, chunk(21, "def changed(): pass")], ["c39"])
        report = await store.make_dense()
        assert report is not None
        assert report.reused == 20
        assert embedder.texts == ["m21.py\ndef changed(): pass"]
        assert report.progress == DenseProgress(39, 39)


async def test_several_workers_make_the_same_vectors_as_one(tmp_path: Path) -> None:
    rankings = []
    for workers in (1, 3):
        async with open_store(tmp_path / str(workers), DENSE) as store:
            await store.upsert([chunk(number) for number in range(50)])
            await store.make_dense(workers=workers)
            assert store.dense is not None
            found = store.dense.matches(DENSE.embed_query("value 7 m7"), 50, None)
            rankings.append([(match.record.id, match.score) for match in found])
    assert rankings[0] == rankings[1]


@pytest.mark.parametrize("error", [RuntimeError, ValueError, EmbeddingError, MemoryError])
async def test_a_text_that_the_model_fails_on_is_named_and_tried_again(tmp_path: Path, error: type[Exception]) -> None:
    embedder = CountingEmbedder("poison", error)
    async with open_store(tmp_path, embedder) as store:
        await store.upsert([*(chunk(number) for number in range(20)), chunk(70, "poison")])
        report = await store.make_dense()
        assert report is not None
        assert (report.embedded, report.refused, report.refused_ids) == (20, 1, ("c70",))
        assert report.progress == DenseProgress(20, 21)
        embedder.fails_on = ""
        report = await store.make_dense()
        assert report is not None
        assert report.progress.complete


async def test_a_model_that_fails_on_everything_ends_the_run(tmp_path: Path) -> None:
    async with open_store(tmp_path, CountingEmbedder("m", RuntimeError)) as store:
        await store.upsert([chunk(number) for number in range(60)])
        with pytest.raises(EmbeddingError, match="failed on each of the first"):
            await store.make_dense()


async def test_a_search_says_which_vectors_it_used(tmp_path: Path) -> None:
    async with open_store(tmp_path, DENSE) as store:
        await store.upsert([chunk(number) for number in range(10)])
        results = await store.search("value 3")
        assert results.search_method == "rrf_hybrid"
        assert "dense" not in results.timings
        await store.make_dense()
        results = await store.search("value 3")
        assert results.search_method == "rrf_hybrid+dense"
        assert results.message == "RRF + Dense Vectors"
        assert "dense" in results[0].scores
        assert results.degraded is None
        for name in ("returnValue", "m3.py"):
            assert (await store.search(name)).search_method == "rrf_hybrid"  # letters find a name, and not its meaning
        plain = await store.search("value 3", options=SearchOptions(mode="keyword"))
        assert plain.search_method == "keyword"


async def test_a_search_without_dense_vectors_is_as_if_there_were_no_model(tmp_path: Path) -> None:
    async with open_store(tmp_path, None) as store, open_store(tmp_path, DENSE) as with_model:
        await store.upsert([chunk(number) for number in range(30)])
        for query in ("value 3", "f7", "what returns value 9"):
            plain, other = await store.search(query, 10), await with_model.search(query, 10)
            assert [(r.id, r.score, r.scores) for r in plain] == [(r.id, r.score, r.scores) for r in other]
            assert plain.search_method == other.search_method
        assert store.dense is None
        assert await store.make_dense() is None


async def test_a_model_that_cannot_run_leaves_the_search_to_the_other_lists(tmp_path: Path) -> None:
    class Broken(HashingEmbedder):
        def embed_query(self, text: str) -> npt.NDArray[np.float32]:
            raise ModelLoadError(f"nothing can read {text}")

    async with open_store(tmp_path, DENSE) as store:
        await store.upsert([chunk(number) for number in range(10)])
        await store.make_dense()
        expected = [
            r.id for r in await VectorStore(store.backend, embedder=store.embedder, reranker="none").search("value 3")
        ]
    async with open_store(tmp_path, Broken(48, salt="dense")) as store:
        results = await store.search("value 3")
        assert [result.id for result in results] == expected
        assert results.search_method == "rrf_hybrid"
        assert [notice.code for notice in results.notices] == ["dense_failed"]
        assert "nothing can read value 3" in (results.degraded or "")


async def test_a_filter_and_superseded_records_hold_for_dense_vectors_too(tmp_path: Path) -> None:
    async with open_store(tmp_path, DENSE) as store:
        await store.upsert(
            [
                Document("value three is three", {"kind": "note", "superseded_by": "b"}, "a"),
                Document("value three is four", {"kind": "note"}, "b"),
                *(chunk(number) for number in range(10)),
            ]
        )
        await store.make_dense()
        assert "a" not in [result.id for result in await store.search("value three", 20)]
        found = await store.search("value three", 20, filter={"kind": "note"})
        assert [result.id for result in found] == ["b"]


def test_records_without_a_dense_vector_keep_their_places_in_the_list() -> None:
    def match(name: str, score: float, language: str = "python") -> Match:
        return Match(Record(name, name, {"file_hash": "h", "language": language}), score)

    static = [match("a", 0.9), match("b", 0.8), match("c", 0.7), match("page", 0.6, "markdown")]
    dense = [match("c", 0.5), match("x", 0.4), match("a", 0.3)]
    found = filled(dense, static, lambda _: {"b", "page"})
    assert [each.record.id for each in found.ranking] == ["c", "b", "x", "page", "a"]
    assert dict(found.scores) == {"c": 0.5, "x": 0.4, "a": 0.3}
    assert found.share == pytest.approx(2 / 3)  # a page never gets one, and does not count
    assert filled([], static, set).share == 0.0
    assert filled(dense, static, lambda _: set()).share == 1.0
    assert filled(dense, [], set).ranking == dense


async def test_half_a_store_with_dense_vectors_hides_nothing_of_the_other_half(tmp_path: Path) -> None:
    async with open_store(tmp_path, DENSE) as store:
        await store.upsert([chunk(number) for number in range(20)])
        await store.make_dense()
        await store.upsert([chunk(50, "def wanted(): return the_answer_to_everything")])
        results = await store.search("the answer to everything", 5)
        assert results[0].id == "c50"
        assert results.search_method == "rrf_hybrid+dense"


@pytest.mark.skipif(not has_bundled_dense(), reason="an installation without the model")
async def test_the_bundled_model_finds_code_by_what_it_does(tmp_path: Path) -> None:
    texts = (
        "def purge(store, age):\n    for key in list(store):\n        if store[key].born < age: del store[key]",
        "def paint(canvas, brush):\n    canvas.stroke(brush.colour, brush.width)",
        "def connect(host, port):\n    return socket.create_connection((host, port))",
        "def mean(numbers):\n    return sum(numbers) / len(numbers)",
    )
    async with VectorStore(path=tmp_path, reranker="none", dense=DenseEmbedder.bundled()) as store:
        await store.upsert([chunk(number, text) for number, text in enumerate(texts)])
        await store.make_dense()
        for number, query in enumerate(
            ("remove entries that are too old", "draw a line", "open a network link", "compute the average")
        ):
            results = await store.search(query)
            best = max(results, key=lambda result: result.scores.get("dense", 0.0))
            assert best.id == f"c{number}"
