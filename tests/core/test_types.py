"""Central types: ids, slices and the checks of options."""

from __future__ import annotations

import pytest

from aurora_dev.core.types import Document, Notice, SearchOptions, SearchResult, SearchResults, document_id
from aurora_dev.errors import InvalidRequestError


def test_an_id_does_not_depend_on_lines() -> None:
    here = Document("def f(): ...", {"path": "a.py", "symbol": "f", "start_line": 1, "end_line": 1})
    there = Document("def f(): ...", {"path": "a.py", "symbol": "f", "start_line": 40, "end_line": 40})
    assert document_id("n", here) == document_id("n", there)


@pytest.mark.parametrize(
    "other",
    [
        Document("def g(): ...", {"path": "a.py", "symbol": "f"}),
        Document("def f(): ...", {"path": "b.py", "symbol": "f"}),
        Document("def f(): ...", {"path": "a.py", "symbol": "C.f"}),
        Document("def f(): ...", {"path": "a.py", "symbol": "f", "kind": "method"}),
        Document("def f(): ...", {"path": "a.pyf", "symbol": ""}),
    ],
)
def test_an_id_depends_on_content_path_symbol_and_kind(other: Document) -> None:
    assert document_id("n", Document("def f(): ...", {"path": "a.py", "symbol": "f"})) != document_id("n", other)


def test_an_id_depends_on_namespace_and_ordinal() -> None:
    document = Document("text")
    assert len({document_id("n", document), document_id("m", document), document_id("n", document, 1)}) == 3


def results() -> SearchResults:
    found = [SearchResult(str(n), "text", 1 - n / 10, {}) for n in range(5)]
    return SearchResults(
        found,
        search_method="rrf_hybrid",
        message="RRF",
        notices=(Notice("code", "text"),),
        degraded="text",
        timings={"total": 0.1},
    )


def test_a_slice_of_results_keeps_their_attributes() -> None:
    part = results()[1:3]
    assert isinstance(part, SearchResults)
    assert [result.id for result in part] == ["1", "2"]
    assert (part.search_method, part.message, part.degraded) == ("rrf_hybrid", "RRF", "text")
    assert part.notices == (Notice("code", "text"),)
    assert part.timings == {"total": 0.1}


def test_an_index_gives_one_result() -> None:
    assert results()[-1].id == "4"


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "fuzzy"},
        {"candidates": 0},
        {"candidates": True},
        {"vector_weight": 1.5},
        {"mmr_lambda": -0.1},
        {"mmr_lambda": float("nan")},
        {"rerank_top_k": -1},
        {"rerank_min_score": 2},
        {"rerank_weight": "1"},
        {"rerank_timeout": 0},
        {"rerank_timeout": float("nan")},
    ],
)
def test_an_option_out_of_range_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
        SearchOptions(**wrong)  # type: ignore[arg-type]
