"""Evaluation: the metrics against worked examples and a slow oracle, query files, and runs over a real store."""

import itertools
import json
import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dev import Document, Memory, Record, SearchOptions, SearchResult, VectorStore
from aurora_dev.core.contracts import Reranker
from aurora_dev.errors import ConfigurationError, InvalidRequestError
from aurora_dev.evaluation import (
    Query,
    StoredTargets,
    Target,
    Threshold,
    average_precision,
    evaluate,
    hit_at,
    load_queries,
    measure,
    metric_names,
    ndcg_at,
    percentile,
    precision_at,
    recall_at,
    reciprocal_rank,
)
from aurora_dev.testing.hashing_embedder import HashingEmbedder

# -- metrics, by hand -----------------------------------------------------------------------------------------------


def test_the_metrics_of_a_worked_example() -> None:
    # Five results; targets A (grade 3) at rank 2, B (grade 2) at rank 5, C (grade 1) nowhere; rank 3 repeats A.
    ranks, grades = (2, 5, None), (3.0, 2.0, 1.0)
    relevant = (False, True, True, False, True)
    assert precision_at(relevant, 1) == 0.0
    assert precision_at(relevant, 3) == pytest.approx(2 / 3)
    assert precision_at(relevant, 10) == pytest.approx(0.3)
    assert recall_at(ranks, 2) == pytest.approx(1 / 3)
    assert recall_at(ranks, 5) == pytest.approx(2 / 3)
    assert [hit_at(ranks, k) for k in (1, 2)] == [0.0, 1.0]
    assert reciprocal_rank(ranks) == 0.5
    assert average_precision(ranks) == pytest.approx((1 / 2 + 2 / 5) / 3)
    # log2: 3 → 1.58496, 4 → 2, 6 → 2.58496.
    gain = 3 / 1.5849625 + 2 / 2.5849625
    ideal = 3 + 2 / 1.5849625 + 1 / 2
    assert ndcg_at(ranks, grades, 5) == pytest.approx(gain / ideal, abs=1e-7)
    assert ndcg_at(ranks, grades, 2) == pytest.approx((3 / 1.5849625) / (3 + 2 / 1.5849625), abs=1e-7)
    assert ndcg_at(ranks, grades, 1) == 0.0


def test_metrics_are_zero_without_hits_and_one_for_a_perfect_ranking() -> None:
    nothing, everything = (None, None), (2, 1)
    assert recall_at(nothing, 5) == hit_at(nothing, 5) == reciprocal_rank(nothing) == average_precision(nothing) == 0.0
    assert ndcg_at(nothing, (1, 2), 5) == 0.0
    assert precision_at((), 5) == 0.0
    assert recall_at(everything, 2) == reciprocal_rank(everything) == average_precision(everything) == 1.0
    assert ndcg_at(everything, (1, 2), 5) == 1.0
    assert ndcg_at(everything, (2, 1), 5) < 1.0


def test_one_result_that_covers_several_targets_scores_one_and_not_more() -> None:
    assert average_precision((1, 1, 1)) == 1.0
    assert [ndcg_at((1, 1, 1), (1, 3, 2), k) for k in (1, 2, 10)] == [1.0, 1.0, 1.0]
    # A and B at rank 1 have the positions 1 and 2, so C, at rank 2, has position 3.
    assert average_precision((1, 1, 2)) == 1.0
    assert average_precision((2, 2)) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_the_gain_of_a_target_is_its_grade() -> None:
    assert ndcg_at((None, 1), (2.0, 1.0), 1) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: precision_at([True], 0),
        lambda: recall_at([], 1),
        lambda: recall_at([1], 0),
        lambda: reciprocal_rank([]),
        lambda: average_precision([]),
        lambda: ndcg_at([1], [0.0], 1),
        lambda: ndcg_at([1], [math.inf], 1),
        lambda: ndcg_at([1, 2], [1.0], 1),
        lambda: percentile([], 50),
        lambda: percentile([1.0], 0),
        lambda: metric_names([]),
        lambda: metric_names([True]),
    ],
)
def test_arguments_out_of_range_are_an_error(call: object) -> None:
    with pytest.raises(InvalidRequestError):
        call()  # type: ignore[operator]


def test_percentiles_are_nearest_rank() -> None:
    values = [float(value) for value in range(20, 0, -1)]
    assert percentile(values, 95) == 19.0
    assert percentile(values, 95.1) == 20.0
    assert percentile(values, 50) == 10.0
    assert percentile([7.0], 95) == 7.0


# -- metrics, against an oracle -------------------------------------------------------------------------------------

# What each result covers, as sets of target numbers, and the grade of each target.
Case = tuple[list[set[int]], list[float]]
TARGETS = 4


@st.composite
def cases(draw: st.DrawFn, *, at_most: int = TARGETS) -> Case:
    count = draw(st.integers(1, TARGETS))
    covers = draw(st.lists(st.sets(st.integers(0, count - 1), max_size=at_most), max_size=8))
    return covers, draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=count, max_size=count))


def measured(case: Case, ks: Sequence[int]) -> dict[str, float]:
    covers, grades = case
    results = [SearchResult(str(number), "x", 0.5, {}) for number in range(len(covers))]
    covered = [
        frozenset(str(number) for number, found in enumerate(covers) if target in found)
        for target in range(len(grades))
    ]
    query = Query("q", tuple(Target(str(target), grade=grade) for target, grade in enumerate(grades)))
    return dict(measure(query, results, covered, ks).metrics)


def slow(case: Case, k: int, depth: int) -> dict[str, float]:
    """Compute the same figures position by position, trying every order of the targets."""
    covers, grades = case
    covers = covers[:depth]
    seen: set[int] = set()
    line: list[float] = []  # grades of newly found targets, one per position; 0 for a position without one
    waiting: list[float] = []
    for found in covers:
        waiting += sorted((grades[target] for target in found - seen), reverse=True)
        seen |= found
        line.append(waiting.pop(0) if waiting else 0.0)
    line += waiting

    def gain(order: Sequence[float]) -> float:
        return sum(grade / (math.log(place + 2) / math.log(2)) for place, grade in enumerate(order[:k]))

    precisions = [sum(grade > 0 for grade in line[: place + 1]) / (place + 1) for place in range(len(line))]
    first = [place for place, found in enumerate(covers, start=1) if found]
    head = covers[:k]
    return {
        f"precision@{k}": len([found for found in head if found]) / k,
        f"recall@{k}": len(set().union(*head)) / len(grades),
        f"ndcg@{k}": gain(line) / max(gain(order) for order in itertools.permutations(grades)),
        f"hit_rate@{k}": 1.0 if any(head) else 0.0,
        "mrr": 1 / first[0] if first else 0.0,
        "map": sum(p for p, grade in zip(precisions, line, strict=True) if grade > 0) / len(grades),
    }


@given(cases(), st.integers(1, 9))
def test_every_metric_equals_the_slow_oracle(case: Case, k: int) -> None:
    assert measured(case, [k]) == pytest.approx(slow(case, k, k))


@given(cases(at_most=1), st.integers(1, 9))
def test_smaller_cut_offs_use_the_head_of_the_same_results(case: Case, k: int) -> None:
    deep = measured(case, [9, k])
    assert {name: deep[name] for name in metric_names([k])} == pytest.approx(slow(case, k, 9))


@given(cases(), st.integers(1, 9))
def test_figures_are_between_zero_and_one_and_recall_never_decreases_with_k(case: Case, k: int) -> None:
    figures = measured(case, [k, k + 1])
    assert all(0.0 <= figure <= 1.0 for figure in figures.values())
    assert figures[f"recall@{k}"] <= figures[f"recall@{k + 1}"]
    assert figures[f"hit_rate@{k}"] <= figures[f"hit_rate@{k + 1}"]


@given(cases(), st.integers(0, 7), st.integers(1, 9))
def test_inserting_an_irrelevant_result_never_raises_a_figure(case: Case, place: int, k: int) -> None:
    covers, grades = case
    worse = measured(([*covers[:place], set(), *covers[place:]], grades), [k])
    for name, figure in measured(case, [k]).items():
        assert worse[name] <= figure + 1e-12, name


# -- resolving targets ----------------------------------------------------------------------------------------------

STORED = [
    Record("1" * 32, "", {"path": "src/auth.py", "start_line": 1, "end_line": 10}),
    Record("2" * 32, "", {"path": "src/auth.py", "start_line": 11, "end_line": 20}),
    Record("3" * 32, "", {"path": "README.md", "start_line": 1, "end_line": 3}),
    Record("4" * 32, "", {"path": "docs/README.md", "start_line": 1, "end_line": 3}),
    Record("5" * 32, "", {"kind": "note"}),
    Record("6" * 32, "", {"path": "docs/plan.md"}),
]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (Target("5" * 32), "5"),
        (Target("src/auth.py"), "12"),
        (Target("auth.py"), "12"),
        (Target("th.py"), ""),
        (Target("src"), ""),
        (Target("src/auth.py", 10, 10), "1"),
        (Target("src/auth.py", 10, 11), "12"),
        (Target("auth.py", 20, 99), "2"),
        (Target("auth.py", 21, 99), ""),
        (Target("README.md"), "3"),
        (Target("docs/README.md"), "4"),
        (Target("docs/plan.md"), "6"),
        (Target("docs/plan.md", 1, 9), ""),
        (Target("repo/src/auth.py"), "12"),
        (Target("/srv/repo/README.md"), "3"),
        (Target("/srv/repo/docs/README.md"), "4"),
        (Target("other/README.md"), ""),
        (Target("po/README.md"), ""),
    ],
)
def test_a_target_names_records_by_id_or_path_or_lines(target: Target, found: str) -> None:
    assert {identifier[0] for identifier in StoredTargets(STORED, "/srv/repo").ids_of(target)} == set(found)


def test_without_the_project_folder_no_prefix_is_stripped_from_a_target() -> None:
    assert StoredTargets(STORED).ids_of(Target("/README.md")) == frozenset()
    assert StoredTargets(STORED).ids_of(Target("repo/src/auth.py")) == frozenset()


# -- query files ----------------------------------------------------------------------------------------------------


def write(folder: Path, *lines: object) -> Path:
    file = folder / "queries.jsonl"
    file.write_text(
        "".join(line if isinstance(line, str) else f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines),
        "utf-8",
    )
    return file


def test_load_queries_reads_targets_grades_and_tags(tmp_path: Path) -> None:
    span = {"path": "./src/a.py", "start_line": 3, "end_line": 9}
    file = write(
        tmp_path,
        "\ufeff",
        {"query": "one", "expected": ["a.py", span], "grades": {"src/a.py:3-9": 2}, "tags": ["x", "y", "x"]},
        "\n",
        {"query": "two\u2028three", "expected": ["id"]},
    )
    assert load_queries(file) == [
        Query("one", (Target("a.py"), Target("src/a.py", 3, 9, 2.0)), ("x", "y"), 1),
        Query("two\u2028three", (Target("id"),), (), 3),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON|nested too deeply"),
        ("[]", "not an object"),
        ({"expected": ["a"]}, "query must be a string"),
        ({"query": " ", "expected": ["a"]}, "not blank"),
        ('{"query": "\\ud800", "expected": ["a"]}', "surrogate"),
        ('{"query": "a", "query": "b", "expected": ["a"]}', "'query' appears twice"),
        ({"query": "a"}, "expected must be a list"),
        ({"query": "a", "expected": []}, "at least one"),
        ({"query": "a", "expected": "a.py"}, "expected must be a list"),
        ({"query": "a", "expected": [3]}, "a target must be"),
        ({"query": "a", "expected": [""]}, "not blank"),
        ({"query": "a", "expected": ["a.py", "./a.py"]}, "'a.py' more than once"),
        ({"query": "a", "expected": [{"path": "a", "line": 3}]}, "no key 'line'"),
        ({"query": "a", "expected": [{"start_line": 3}]}, "path"),
        ({"query": "a", "expected": [{"path": "a", "start_line": 3}]}, "both start_line and end_line"),
        ({"query": "a", "expected": [{"path": "a", "start_line": 3, "end_line": 2}]}, "not above"),
        ({"query": "a", "expected": [{"path": "a", "start_line": True, "end_line": 2}]}, "whole numbers"),
        ({"query": "a", "expected": [{"path": "a", "start_line": 0, "end_line": 2}]}, "from 1"),
        ({"query": "a", "expected": ["a"], "grades": {"b": 1}}, "'b', which is missing from 'expected'"),
        ({"query": "a", "expected": ["a"], "grades": {"a": 0}}, "above 0"),
        ({"query": "a", "expected": ["a"], "grades": {"a": True}}, "must be a number"),
        ('{"query": "a", "expected": ["a"], "grades": {"a": NaN}}', "must be a number"),
        ({"query": "a", "expected": ["a"], "grades": [1]}, "grades must be an object"),
        ({"query": "a", "expected": ["a"], "tags": "x"}, "tags must be a list"),
        ({"query": "a", "expected": ["a"], "tags": [""]}, "a tag must be"),
        ({"query": "a", "expected": ["a"], "tag": ["x"]}, "no key 'tag'"),
    ],
)
def test_a_broken_line_is_reported_with_file_and_line(tmp_path: Path, line: object, words: str) -> None:
    file = write(tmp_path, {"query": "fine", "expected": ["a"]}, "\n", line)
    with pytest.raises(InvalidRequestError, match=words) as caught:
        load_queries(file)
    assert f"{file}:3: " in str(caught.value)


def test_five_broken_lines_are_listed_and_the_rest_is_counted(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        load_queries(write(tmp_path, *["oops\n"] * 7))
    text = str(caught.value)
    assert [f":{line}: " in text for line in range(1, 8)] == [True] * 5 + [False] * 2
    assert "2 more broken lines" in text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "holds no queries"),
        (b"\n \n", "holds no queries"),
        (b"\xef\xbb\xbf", "holds no queries"),
        (b"\x7fELF\x00\x00\n", r"jsonl:1: this is binary"),
        (b'{"query": "a", "expected": ["a"]}\n\xff', r"jsonl:2: this is not text in UTF-8"),
    ],
)
def test_a_file_without_queries_is_an_error(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "queries.jsonl"
    file.write_bytes(data)
    with pytest.raises(InvalidRequestError, match=words):
        load_queries(file)


def test_a_folder_or_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="is a folder"):
        load_queries(tmp_path)
    with pytest.raises(InvalidRequestError, match="does not exist"):
        load_queries(tmp_path / "missing.jsonl")
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        load_queries("a\0b")


# -- runs over a store ----------------------------------------------------------------------------------------------


class ByWord(Reranker):
    """A reranker that prefers golden texts and can fail for some queries."""

    name = "by-word"
    is_available = True
    unavailable_reason = None

    def __init__(self, *, fails_for: str = "") -> None:
        self.fails_for = fails_for
        self.asked: list[str] = []

    async def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked.append(query)
        if self.fails_for and self.fails_for in query:
            raise RuntimeError("the lights went out")
        return np.array([0.9 if "golden" in text else 0.1 for text in texts], dtype=np.float32)


DOCUMENTS = [
    Document("apple apple apple", {"path": "one.md"}),
    Document("apple pear golden", {"path": "two.md"}),
    Document("pear pear plum", {"path": "three.md"}),
]
QUERIES = [
    Query("apple apple", (Target("two.md"),), ("fruit", "a")),
    Query("pear plum", (Target("three.md"), Target("gone.md")), ("fruit",)),
]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[VectorStore]:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=ByWord()) as opened:
        await opened.upsert(DOCUMENTS)
        yield opened


async def test_both_sides_are_measured_by_default_and_averaged_overall_and_by_tag(store: VectorStore) -> None:
    calls: list[tuple[int, int]] = []
    evaluation = await evaluate(store, QUERIES, ks=(2, 1, 2), progress=lambda *done: calls.append(done))
    without, reranked = evaluation.sides
    assert (evaluation.ks, evaluation.depth, without.rerank, reranked.rerank) == ((1, 2), 2, False, True)
    assert [search.ranks for search in without.searches] == [(2,), (1, None)]
    assert [search.ranks for search in reranked.searches] == [(1,), (2, None)]
    assert without.metrics()["mrr"] == pytest.approx((1 / 2 + 1) / 2)
    assert without.metrics("a")["mrr"] == 0.5
    assert without.metrics("fruit") == without.metrics()
    assert without.metrics()["recall@2"] == pytest.approx((1 + 1 / 2) / 2)
    difference = evaluation.difference("a")
    assert difference is not None
    assert difference["mrr"] == 0.5
    assert evaluation.tags == {"a": 1, "fruit": 2}
    assert [(query.text, target.name) for query, target in evaluation.unknown] == [("pear plum", "gone.md")]
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert 0 < without.seconds_median <= without.seconds_p95


async def test_the_warm_up_search_is_not_one_of_the_measured_queries(tmp_path: Path) -> None:
    reranker = ByWord()
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=reranker) as store:
        await store.upsert(DOCUMENTS)
        await evaluate(store, QUERIES)
    assert reranker.asked.count("apple apple") == reranker.asked.count("pear plum") == 1


async def test_one_side_alone_can_be_measured(store: VectorStore) -> None:
    for rerank in (False, True):
        evaluation = await evaluate(store, QUERIES, rerank=rerank)
        assert [side.rerank for side in evaluation.sides] == [rerank]
        assert evaluation.difference() is None
        assert evaluation.queries == tuple(QUERIES)


async def test_a_search_that_was_not_reranked_is_counted_and_fails_every_threshold(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=ByWord(fails_for="plum")) as store:
        await store.upsert(DOCUMENTS)
        evaluation = await evaluate(store, QUERIES)
        without, reranked = evaluation.sides
        assert (without.fell_back, reranked.fell_back) == (0, 1)
        assert [search.fell_back for search in reranked.searches] == [False, True]
        assert [(notice.code, count) for notice, count in reranked.notices()] == [("rerank_failed", 1)]
        assert "lights went out" in reranked.notices()[0][0].text
        (verdict,) = evaluation.check([Threshold("mrr", 0.0)])
        assert (verdict.met, verdict.reason) == (False, "1 of 2 searches were not reranked")
        assert evaluation.difference() is not None
        assert (await evaluate(store, QUERIES[1:])).difference() is None
        alone = await evaluate(store, QUERIES, rerank=False)
        assert alone.check([Threshold("mrr", 0.0)])[0].met


async def test_a_symbol_that_needs_no_reranking_fails_no_threshold(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker="bundled") as store:
        await store.upsert(
            [
                Document("def verify_token():\n    pass", {"path": "a.py", "symbols": ["verify_token"]}),
                Document("verify_token()", {"path": "b.py"}),
            ]
        )
        query = Query("verify_token", (Target("a.py"),))
        evaluation = await evaluate(store, [query])
        side = evaluation.sides[1]
        assert "rerank" not in side.searches[0].search_method
        assert side.fell_back == 0
        assert evaluation.check([Threshold("mrr", 1.0)])[0].met


async def test_without_a_reranker_only_one_side_is_measured_and_rerank_true_is_an_error(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker="none") as store:
        await store.upsert(DOCUMENTS)
        evaluation = await evaluate(store, QUERIES)
        assert evaluation.no_reranker
        assert [side.rerank for side in evaluation.sides] == [False]
        with pytest.raises(ConfigurationError, match="no reranker is configured"):
            await evaluate(store, QUERIES, rerank=True)


async def test_thresholds_use_the_reranked_average_and_tolerate_rounding(store: VectorStore) -> None:
    evaluation = await evaluate(store, QUERIES)
    value = evaluation.sides[1].metrics()["mrr"]
    verdicts = evaluation.check([Threshold("mrr", value + 1e-12), Threshold("mrr", value + 1e-3)])
    assert [(verdict.met, verdict.value) for verdict in verdicts] == [(True, value), (False, value)]
    with pytest.raises(InvalidRequestError, match=r"ndcg@3.*precision@10"):
        evaluation.check([Threshold("ndcg@3", 0.5)])


async def test_an_empty_store_measures_zero_and_no_queries_are_an_error(tmp_path: Path) -> None:
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=ByWord()) as store:
        evaluation = await evaluate(store, QUERIES)
        assert set(evaluation.sides[1].metrics().values()) == {0.0}
        assert evaluation.sides[1].fell_back == 0  # there was nothing to rerank
        with pytest.raises(InvalidRequestError, match="no queries"):
            await evaluate(store, [])
        with pytest.raises(InvalidRequestError, match="k must be"):
            await evaluate(store, QUERIES, ks=[0])


async def test_filter_and_options_are_passed_to_the_search(store: VectorStore) -> None:
    options = SearchOptions(mode="keyword")
    evaluation = await evaluate(store, QUERIES, rerank=False, filter={"path": {"$ne": "one.md"}}, options=options)
    assert evaluation.mode == "keyword"
    assert [search.ranks for search in evaluation.sides[0].searches] == [(1,), (1, None)]
    assert {search.search_method for search in evaluation.sides[0].searches} == {"keyword"}


async def test_the_folder_of_a_memory_is_stripped_from_targets(tmp_path: Path, store: VectorStore) -> None:
    async with Memory.open(tmp_path, store=store) as memory:
        named = Query("apple apple", (Target(f"{tmp_path.name}/one.md"), Target((tmp_path / "two.md").as_posix())))
        evaluation = await evaluate(memory, [named], rerank=False)
    assert evaluation.unknown == ()
    assert evaluation.sides[0].searches[0].ranks == (1, 2)
