"""Blending a reranker's scores with the first stage's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aurora_dev.core.contracts import Reranker, with_defaults
from aurora_dev.core.rerank.bundled import BundledReranker
from aurora_dev.core.search.fusion import EXACT_GAIN
from aurora_dev.core.search.rerank import rerank_candidates
from aurora_dev.core.search.rerank_blend import fuse, is_settled, kind_of, outlines_of, rows_to_read
from aurora_dev.core.search.trace import SearchTrace
from aurora_dev.core.types import Document, RerankFusion, RerankWeights, SearchOptions, SearchResult
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.testing.hashing_embedder import HashingEmbedder

NOTHING = RerankWeights(0.0, 0.0)
FUSION = RerankFusion(
    name=RerankWeights(0.1, 0.0),
    question=RerankWeights(0.2, 0.0),
    topic=RerankWeights(0.3, 0.0),
    words=RerankWeights(0.4, 0.0),
    notes=RerankWeights(0.5, 0.0),
    report=RerankWeights(0.6, 0.0),
    statement=RerankWeights(0.7, 0.0),
    read=3,
)
# Files stay where the first stage put them.
WITHIN = RerankFusion(name=NOTHING, question=NOTHING, topic=NOTHING, words=NOTHING, notes=NOTHING, read=3)


class Scores(Reranker):
    """A reranker that gives the same scores to any texts, in order."""

    name, is_available, unavailable_reason = "table", True, None

    def __init__(self, *scores: float) -> None:
        self.scores = scores
        self.asked = 0
        self.texts: list[str] = []

    async def score(self, _query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked += 1
        self.texts = list(texts)
        return np.array(self.scores[: len(texts)], dtype=np.float32)


def candidate(name: str, score: float, *symbols: str) -> SearchResult:
    return SearchResult(name, name, score, {"path": f"{name}.py", "symbols": list(symbols)}, {"signals": score})


CANDIDATES = [candidate("a", 0.8, "Session"), candidate("b", 0.6), candidate("c", 0.4)]


async def run(
    reranker: Scores, query: str, fusion: RerankFusion | None = FUSION, **options: Any
) -> tuple[list[SearchResult], SearchTrace]:
    trace = SearchTrace(stages=["rrf_hybrid"])
    asked = SearchOptions(**options)
    complete = with_defaults(reranker, Reranker)
    return await rerank_candidates(query, CANDIDATES, complete, 3, asked, trace, fusion), trace


@pytest.mark.parametrize(
    ("query", "weight"),
    [
        ("SessionStore", 0.1),
        ("session", 0.1),
        ("how are sessions closed", 0.2),
        ("Why is there a pool", 0.2),
        ("how does a session know that its own pool was closed", 0.2),
        ("how does a session know that its pool was closed by another", 0.4),
        ("where is the session pool", 0.3),
        ("session pool", 0.3),
        ("however it may be", 0.3),
        ("where are the sessions of a pool", 0.4),
        ("sessions that outlive their own pool", 0.7),
        ("[Bug] pool of closed sessions", 0.6),
        ("fix(pool): close idle sessions", 0.6),
        ("Add a limit to the pool of sessions", 0.6),
        ("Sessions cannot be closed twice", 0.6),
        ("Closed sessions should leave the pool", 0.6),
        ("what happens when a session cannot be closed", 0.4),
        ("where are sessions that should be closed", 0.4),
        ("additions to a pool of closed sessions", 0.7),
    ],
)
def test_each_kind_of_query_has_its_weight(query: str, weight: float) -> None:
    assert FUSION.weights(kind_of(query, CANDIDATES)).file == weight


def test_a_report_has_the_weights_of_words_if_it_was_not_measured() -> None:
    assert replace(FUSION, report=None).weights("report") == FUSION.words
    assert replace(FUSION, statement=None).weights("statement") == FUSION.words


def test_texts_outside_of_files_have_their_own_weight() -> None:
    notes = [SearchResult(name, name, 0.5, {}, {}) for name in "abc"]
    assert FUSION.weights(kind_of("how are sessions closed", notes)).file == 0.5
    assert FUSION.weights(kind_of("how are sessions closed", [*notes[:1], *CANDIDATES])).file == 0.2


def test_a_definition_of_the_queried_symbol_settles_a_search() -> None:
    assert is_settled("Session", CANDIDATES)
    assert not is_settled("Session", CANDIDATES[1:])
    assert not is_settled("where is Session", CANDIDATES)
    assert not is_settled("Session", [])


def test_a_method_of_another_class_does_not_settle_a_search() -> None:
    assert not is_settled("Client.send", [candidate("server", 0.9, "send")])
    assert is_settled("Client.send", [candidate("client", 0.9, "send")])


async def test_a_settled_search_is_not_reranked() -> None:
    reranker = Scores(0.1, 0.9, 0.5)
    found, trace = await run(reranker, "Session")
    assert (reranker.asked, trace.stages, trace.degraded) == (0, ["rrf_hybrid"], None)
    assert found == CANDIDATES


@pytest.mark.parametrize("options", [{"rerank_weight": 1.0}, {"rerank_min_score": 0.01}])
async def test_a_given_weight_or_threshold_overrides_the_measured_weights(options: dict[str, Any]) -> None:
    found, _ = await run(Scores(0.1, 0.9, 0.5), "Session", **options)
    assert [each.id for each in found] == ["b", "c", "a"]
    assert [each.score for each in found] == pytest.approx([0.9, 0.5, 0.1])


async def test_a_preferred_result_rises_and_scores_stay_between_0_and_1() -> None:
    found, trace = await run(Scores(0.05, 0.9, 0.05), "session pool")
    assert [each.id for each in found] == ["b", "a", "c"]
    assert trace.stages[-1] == "rerank"
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert all(0.0 <= each.score <= 1.0 for each in found)
    assert found[0].scores["rerank"] == pytest.approx(0.9)


async def test_a_small_weight_keeps_the_order_of_clear_first_stage_scores() -> None:
    fusion = replace(FUSION, topic=RerankWeights(0.01, 0.01))
    found, _ = await run(Scores(0.05, 0.9, 0.05), "session pool", fusion)
    assert [each.id for each in found] == ["a", "b", "c"]


async def test_without_measured_weights_the_reranker_decides_the_order() -> None:
    found, _ = await run(Scores(0.1, 0.9, 0.5), "Session", fusion=None)
    assert [each.id for each in found] == ["b", "c", "a"]


def chunk(name: str, path: str, score: float) -> SearchResult:
    return SearchResult(name, name, score, {"path": path}, {"signals": score})


SPREAD = [chunk("a1", "a.py", 0.8), chunk("b1", "b.py", 0.5), chunk("a2", "a.py", 0.38), chunk("c1", "c.py", 0.1)]


def test_the_preferred_chunk_of_a_file_takes_its_best_place() -> None:
    fused = fuse(SPREAD, [0.3, 0.3, 0.9, 0.3], FUSION.name)
    assert [SPREAD[row].id for row in np.argsort(-fused)] == ["a2", "b1", "a1", "c1"]


def test_the_first_stage_decides_between_chunks_that_the_reranker_scores_equally() -> None:
    ranked = [chunk("a1", "a.py", 0.9), chunk("a2", "a.py", 0.8)]
    without_signals = [replace(result, scores={"keyword": result.score}) for result in ranked]
    for candidates in (SPREAD, without_signals):
        fused = fuse(candidates, [0.5] * len(candidates), NOTHING)
        assert fused.argmax() == 0


def test_without_a_weight_the_order_of_files_stays() -> None:
    fused = fuse(SPREAD, [0.1, 0.9, 0.9, 0.99], NOTHING)
    assert [SPREAD[row].metadata["path"] for row in np.argsort(-fused)] == ["a.py", "b.py", "a.py", "c.py"]


def test_only_differences_between_candidates_count() -> None:
    def of(logits: list[float]) -> npt.NDArray[np.float64]:
        return fuse(CANDIDATES, [1.0 / (1.0 + math.exp(-logit)) for logit in logits], FUSION.words)

    assert of([-6.0, -4.0, -5.0]) == pytest.approx(of([1.0, 3.0, 2.0]), abs=1e-6)


def test_small_differences_are_not_amplified() -> None:
    fused = fuse(CANDIDATES, [0.4999, 0.5, 0.5001], FUSION.words)
    assert np.argsort(-fused).tolist() == [0, 1, 2]


def test_a_small_difference_of_logits_moves_less_than_a_large_one() -> None:
    def rise(logit: float) -> float:
        found = [chunk("a1", "a.py", 0.8), chunk("b1", "b.py", 0.7)]
        scores = [1.0 / (1.0 + math.exp(logit)), 1.0 / (1.0 + math.exp(-logit))]
        moved, still = (fuse(found, scores, weights) for weights in (RerankWeights(0.0, 0.1), NOTHING))
        return float((moved - still)[1])

    # Where standings alone counted, these would be the same.
    assert rise(0.5) == pytest.approx(2.0 * rise(0.25), rel=1e-3)
    assert rise(1.0) == pytest.approx(2.0 * rise(0.5), rel=1e-3)


def test_scores_keep_most_of_their_distance_in_the_first_stage() -> None:
    best, half = fuse([chunk("a1", "a.py", 0.8), chunk("b1", "b.py", 0.4)], [0.5, 0.5], NOTHING)
    assert best / half > 1.5


def test_probabilities_of_0_and_1_give_finite_scores() -> None:
    fused = fuse(CANDIDATES, [0.0, 1.0, 0.5], FUSION.words)
    assert np.isfinite(fused).all()
    assert fused.argmax() == 1


async def test_unscored_results_come_last() -> None:
    found, _ = await run(Scores(float("nan"), 0.2, 0.1), "session pool")
    assert found[-1].id == "a"
    assert "rerank" not in found[-1].scores
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_all_chunks_of_a_file_are_evidence_for_it() -> None:
    alone = fuse(SPREAD, [0.5, 0.6, 0.2, 0.2], FUSION.words)
    together = fuse(SPREAD, [0.5, 0.6, 0.6, 0.2], FUSION.words)
    assert together[2] > alone[0]


def test_with_a_weight_for_chunks_a_preferred_chunk_passes_those_of_other_files() -> None:
    scores = [0.7, 0.1, 0.9, 0.1]
    within = fuse(SPREAD, scores, NOTHING)
    passages = fuse(SPREAD, scores, RerankWeights(0.0, 0.2))
    assert [SPREAD[row].id for row in np.argsort(-within)] == ["a2", "b1", "a1", "c1"]
    assert [SPREAD[row].id for row in np.argsort(-passages)] == ["a2", "a1", "b1", "c1"]


def outlined(name: str, score: float, *names: str) -> SearchResult:
    return SearchResult(name, name, score, {"path": f"src/{name}.py", "file_symbols": list(names)}, {"signals": score})


def test_outlines_come_from_the_first_files_that_define_something() -> None:
    found = [outlined("a", 0.9, "Lock", "acquire"), outlined("a", 0.8, "Lock"), candidate("b", 0.7), outlined("c", 0.6)]
    found += [outlined("d", 0.5, "Pool"), outlined("e", 0.4, "Queue"), SearchResult("note", "note", 0.3, {})]
    assert outlines_of(found, 2) == {"src/a.py": "src/a.py\nLock, acquire", "src/d.py": "src/d.py\nPool"}
    assert outlines_of(found, 0) == {}


def test_a_file_with_a_preferred_outline_rises_with_its_best_chunk() -> None:
    weights = RerankWeights(0.0, 0.0, 0.3)
    fused = fuse(SPREAD, [0.5] * 4, weights, {"a.py": 0.1, "b.py": 0.9, "c.py": 0.1})
    assert [SPREAD[row].id for row in np.argsort(-fused)] == ["b1", "a1", "a2", "c1"]
    assert fused[3] < fused[2] < fused[0]  # the second passage of a file stays where it was
    assert ((fused >= 0.0) & (fused <= 1.0)).all()


def test_a_file_whose_outline_was_not_read_neither_rises_nor_falls() -> None:
    without = fuse(SPREAD, [0.5] * 4, RerankWeights(0.0, 0.0, 0.3))
    fused = fuse(SPREAD, [0.5] * 4, RerankWeights(0.0, 0.0, 0.3), {"a.py": 0.1, "b.py": 0.9})
    assert fused[3] == without[3]
    assert fused[0] < without[0]
    assert fused[1] > without[1]


async def reranked(
    query: str, reranker: Scores, weights: RerankWeights, *names: str
) -> tuple[list[SearchResult], SearchTrace]:
    found = [outlined(name, score, name.upper()) for name, score in zip(names, (0.8, 0.75, 0.3), strict=False)]
    trace = SearchTrace(stages=["rrf_hybrid"])
    fusion = replace(FUSION, topic=weights, outlines=2)
    complete = with_defaults(reranker, Reranker)
    return await rerank_candidates(query, found, complete, 3, SearchOptions(), trace, fusion), trace


async def test_outlines_are_read_if_they_have_a_weight() -> None:
    reranker = Scores(0.5, 0.5, 0.5, 0.125, 0.875)
    found, trace = await reranked("session pool", reranker, RerankWeights(0.0, 0.0, 0.5), *"abc")
    assert [each.id for each in found] == ["b", "a", "c"]
    assert reranker.texts == ["a", "b", "c", "src/a.py\nA", "src/b.py\nB"]
    # A result's own score is not its file's.
    figures = [(each.scores["rerank"], each.scores.get("outline")) for each in found]
    assert figures == [(0.5, 0.875), (0.5, 0.125), (0.5, None)]
    assert trace.degraded is None

    found, trace = await reranked("how are sessions closed", reranker, RerankWeights(0.0, 0.0, 0.5), *"abc")
    assert [each.id for each in found] == ["a", "b", "c"]
    assert reranker.texts == ["a", "b", "c"]
    assert trace.degraded is None


async def test_a_file_whose_outline_has_no_score_stays_where_it_is() -> None:
    weights = RerankWeights(0.0, 0.0, 0.1)
    found, _ = await reranked("session pool", Scores(0.5, 0.5, 0.5, float("nan"), 0.9), weights, *"abc")
    assert [each.id for each in found] == ["a", "b", "c"]
    assert "outline" not in found[0].scores


def test_scores_stay_between_0_and_1_however_far_a_chunk_moves() -> None:
    fused = fuse(CANDIDATES, [0.001, 0.5, 0.999], RerankWeights(5.0, 5.0))
    assert np.argsort(-fused).tolist() == [2, 1, 0]
    assert (fused.min(), fused.max()) == (0.0, 1.0)
    assert len(set(fused.tolist())) == 3


async def test_missing_scores_of_outlines_degrade_the_search() -> None:
    found, trace = await reranked("session pool", Scores(0.1, 0.9), RerankWeights(0.1, 0.0, 0.1), *"ab")
    assert [each.id for each in found] == ["a", "b"]
    assert trace.degraded is not None
    assert "2 scores for 4 texts" in trace.degraded


def worded(name: str, keyword: float) -> SearchResult:
    return SearchResult(name, name, 0.5, {"path": f"{name}.py"}, {"keyword": keyword})


def test_keywords_choose_up_to_a_fifth_of_the_rows_to_read() -> None:
    found = [*(worded(name, 1.0) for name in "abcdefgh"), worded("i", 3.0), worded("j", 2.0), worded("k", 4.0)]
    assert rows_to_read(found, 10, 2) == [*range(8), 8, 10]
    assert rows_to_read(found, 10, 9) == rows_to_read(found, 10, 2)  # a fifth at most
    assert rows_to_read(found, 4, 2) == [0, 1, 2, 3]
    assert rows_to_read(found[:5], 20, 3) == [0, 1, 2, 3, 4]
    found[10] = replace(found[10], metadata={"commit": "a"})
    assert rows_to_read(found, 10, 1) == [*range(9), 9]


class Counting(BundledReranker):
    """A reranker that gives every text but one the same score, and records the texts."""

    asked: tuple[str, ...] = ()

    async def score(self, _query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked = tuple(texts)
        return np.array([0.9 if "needle" in text else 0.1 for text in texts], dtype=np.float32)


def pools(count: int) -> list[Document]:
    """Return files about session pools, each with fewer words about them."""
    return [
        Document("session pool " * 3 + "pad " * n, {"path": f"f{n:02}.py", "start_line": 1, "end_line": 9}, f"{n:02}")
        for n in range(count)
    ]


@pytest.mark.parametrize("top_k", [1, 10, 40])
async def test_more_wanted_results_do_not_mean_more_candidates_read(tmp_path: Path, top_k: int) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=(reranker := Counting())) as store:
        await store.upsert(pools(40))
        first = await store.search("session pool", top_k=top_k, rerank=False)
        found = await store.search("session pool", top_k=top_k)
    assert len(reranker.asked) == 15
    assert {result.id for result in first[:12]} <= {each.id for each in found} or top_k < 12
    assert len(found) == top_k
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


async def test_a_second_chunk_of_a_file_with_all_the_words_is_read_and_wins(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=(reranker := Counting())) as store:
        place: dict[str, Any] = {"path": "f00.py", "start_line": 20, "end_line": 29}
        await store.upsert([*pools(40), Document("session pool " * 3 + "needle", place, "second")])
        without = await store.search("session pool", top_k=41, rerank=False)
        found = await store.search("session pool", top_k=5)
    assert [result.id for result in without].index("second") > 15
    assert len(reranker.asked) == 15
    assert any("needle" in text for text in reranker.asked)
    assert found[0].id == "second"
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


async def test_commits_are_not_read_unless_asked_for(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=(reranker := Counting())) as store:
        commits = [Document("session pool " * 4, {"commit": f"{n}"}, f"c{n}") for n in range(20)]
        await store.upsert([*pools(30), *commits])
        await store.search("session pool", top_k=5)
        assert len(reranker.asked) == 15
        assert all("pad" in text or "f00" in text for text in reranker.asked)
        await store.search("when was the session pool changed", top_k=20, options=SearchOptions(rerank_top_k=23))
        assert any("pad" not in text and "f00" not in text for text in reranker.asked)


async def test_after_mmr_no_decay_of_repeats_is_undone() -> None:
    chunks = [replace(chunk(f"a{n}", "a.py", 0.7 - n / 20), scores={"signals": 0.5, "mmr": 0.5}) for n in range(4)]
    assert np.argsort(-fuse(chunks, [0.5] * 4, NOTHING)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("session pool", [*"abcd", "f"]),
        ("sessions that outlive their own pool", [*"abcd", "f"]),
        ("how are sessions closed", [*"abcde"]),
    ],
)
async def test_for_a_description_keywords_choose_some_candidates(query: str, read: list[str]) -> None:
    found = [*(worded(name, 1.0) for name in "abcde"), worded("f", 3.0)]
    reranker = Scores(*[0.5] * 5)
    fusion = replace(WITHIN, by_keyword=1)
    complete = with_defaults(reranker, Reranker)
    await rerank_candidates(query, found, complete, 5, SearchOptions(), SearchTrace(stages=[]), fusion)
    assert reranker.texts == read


def found_with(name: str, rest: float, exact: float = 0.0) -> SearchResult:
    """Return a result of a first stage in which some candidate has exact evidence (`fuse_lists`)."""
    score = (rest + EXACT_GAIN * exact) / (1.0 + EXACT_GAIN)
    scores = {"signals": score, **({"exact": exact} if exact else {})}
    return SearchResult(name, name, score, {"path": f"{name}.py"}, scores)


STRONG = RerankWeights(3.0, 3.0, 3.0)


def test_no_preference_puts_a_result_before_those_that_have_what_the_query_names() -> None:
    found = [found_with("a", 0.1, 0.75), found_with("b", 0.05, 0.6), found_with("c", 0.9), found_with("d", 0.8)]
    fused = fuse(found, [0.001, 0.002, 0.9, 0.999], STRONG)
    assert np.argsort(-fused).tolist() == [1, 0, 3, 2]
    assert ((fused >= 0.0) & (fused <= 1.0)).all()


def test_a_chunk_with_what_the_query_names_keeps_the_best_place_of_its_file() -> None:
    named, other = found_with("a", 0.4, 0.75), found_with("a", 0.8)
    fused = fuse([named, other, found_with("b", 0.7)], [0.01, 0.99, 0.5], FUSION.words)
    assert fused.argmax() == 0


def test_little_exact_evidence_gives_way_to_a_clear_preference() -> None:
    found = [found_with("a", 0.4, 0.1), found_with("b", 0.5), found_with("c", 0.2)]
    assert fuse(found, [0.5] * 3, FUSION.words).argmax() == 0
    assert fuse(found, [0.01, 0.99, 0.01], FUSION.words).argmax() == 1


def test_exact_evidence_of_one_result_does_not_make_the_others_alike() -> None:
    def places(found: list[SearchResult], scores: list[float]) -> list[int]:
        order: list[int] = np.argsort(-fuse(found, scores, RerankWeights(0.1, 0.0))[-2:]).tolist()
        return order

    alone = [chunk("b", "b.py", 0.8), chunk("c", "c.py", 0.4)]
    beside = [found_with("a", 0.8, 0.75), found_with("b", 0.8), found_with("c", 0.4)]
    assert places(alone, [0.2, 0.8]) == places(beside, [0.5, 0.2, 0.8]) == [0, 1]


def test_keywords_choose_no_row_without_what_the_query_names_while_others_have_it() -> None:
    found = [found_with(name, 0.5, 0.75) for name in "abcdefghijk"]
    found += [replace(found_with("l", 0.5), scores={"keyword": 9.0})]
    assert rows_to_read(found, 10, 2) == list(range(10))


async def test_results_that_have_what_the_query_names_stay_first_in_a_search(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=Counting()) as store:
        use = Document("the session pool calls close_idle_pools()", {"path": "use.py", "start_line": 1, "end_line": 9})
        text = "needle: where the session pool is closed and idle"
        await store.upsert(
            [*pools(20), use, Document(text, {"path": "x.py", "start_line": 1, "end_line": 9}, "needle")]
        )
        named = await store.search("where does the session pool call close_idle_pools", top_k=3)
        described = await store.search("where is the idle session pool closed", top_k=3)
    assert named[0].metadata["path"] == "use.py"
    assert "needle" in [result.id for result in named]
    assert described[0].id == "needle"


LONG_TASK = "Session pools leak\n\n" + "After some hours every worker holds sessions that it no longer uses. " * 8


async def test_a_long_task_over_files_is_not_reranked() -> None:
    reranker = Scores(0.1, 0.9, 0.5)
    found, trace = await run(reranker, LONG_TASK)
    assert (reranker.asked, trace.stages, trace.degraded) == (0, ["rrf_hybrid"], None)
    assert found == CANDIDATES
    assert (await run(reranker, LONG_TASK, fusion=None))[0] != CANDIDATES  # nothing was measured of other rerankers


def test_a_long_question_over_notes_is_not_settled() -> None:
    assert is_settled(LONG_TASK, CANDIDATES)
    assert not is_settled(LONG_TASK, [SearchResult(name, name, 0.5, {}, {}) for name in "abc"])


class Plain(Counting):
    """A reranker without measured weights."""

    fusion = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("top_k", "options", "read"),
    [
        (5, SearchOptions(), 15),
        (40, SearchOptions(), 30),
        (40, SearchOptions(rerank_top_k=35), 35),
        (40, SearchOptions(rerank_min_score=0.05), 40),
        (120, SearchOptions(rerank_min_score=0.05), 100),
    ],
)
async def test_a_reranker_without_weights_reads_a_bounded_number(
    tmp_path: Path, top_k: int, options: SearchOptions, read: int
) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=(reranker := Plain())) as store:
        await store.upsert(pools(130))
        found = await store.search("session pool", top_k=top_k, options=options)
    assert len(reranker.asked) == read
    assert len(found) == min(top_k, read if options.rerank_min_score else top_k)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
