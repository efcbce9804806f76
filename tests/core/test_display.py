"""Search results and contexts in a console and in a notebook: short, complete, and safe with hostile content."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from aurora_dev.core.context.items import Context, ContextItem, LeftOut
from aurora_dev.core.types import Notice, SearchResult, SearchResults

CHUNK = SearchResult(
    "c" * 32,
    "def login(user):\n    return check(user)\n",
    0.75,
    {"path": "src/auth.py", "start_line": 12, "end_line": 13, "symbol": "Auth.login", "file_hash": "1"},
)
COMMIT = SearchResult("d" * 32, "Limit logins\n\nFive a minute.", 0.5, {"commit": "1a2b3c4d" * 5, "kind": "commit"})
NOTE = SearchResult("5e6f7a8b" * 4, "\nTokens are signed\nwith EdDSA.", 0.25, {"kind": "decision"})
NOTE_ABOUT_A_FILE = SearchResult("9" * 32, "Never retry.", 0.2, {"kind": "lesson", "path": "src/auth.py"})
DOCUMENT = SearchResult("guide", "Read me", 0.1, {})
DOCUMENT_WITH_A_PATH = SearchResult("guide", "Read me", 0.1, {"path": "docs/guide.md"})
HOSTILE = "<script>alert('x')</script>\x1b[2J\u202e & \"quoted\" \ud800\x00"


class Tags(HTMLParser):
    """Collects the tags of a page, and fails on attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs
        self.found.append(tag)


def tags(html: str) -> set[str]:
    parser = Tags()
    parser.feed(html)
    return set(parser.found)


@pytest.mark.parametrize(
    ("result", "location", "title"),
    [
        (CHUNK, "src/auth.py:12-13", "Auth.login"),
        (COMMIT, "commit 1a2b3c4d", "Limit logins"),
        (NOTE, "decision 5e6f7a8b", "Tokens are signed"),
        (NOTE_ABOUT_A_FILE, "lesson 99999999", "Never retry."),
        (DOCUMENT, "note guide", "Read me"),
        (DOCUMENT_WITH_A_PATH, "docs/guide.md", "Read me"),
        (SearchResult("x", "\n \n", 0.0, {"path": "a.py", "file_hash": "1"}), "a.py", ""),
    ],
)
def test_every_kind_of_record_has_a_location_and_a_title(result: SearchResult, location: str, title: str) -> None:
    assert (result.location, result.title) == (location, title)


def test_a_printed_result_is_one_line_with_score_location_and_first_line() -> None:
    assert str(CHUNK) == "0.750  src/auth.py:12-13  def login(user):"


def test_printed_results_are_ranked_and_say_what_did_not_run() -> None:
    timeout = Notice("rerank_timeout", "the reranker took longer than 30 s")
    results = SearchResults(
        [CHUNK, NOTE],
        search_method="rrf_hybrid",
        message="RRF",
        notices=(timeout, Notice("stale", "3 files have changed")),
        degraded=timeout.text,
    )
    assert str(results) == (
        "2 results (RRF)\n"
        "  1. 0.750  src/auth.py:12-13  def login(user):\n"
        "  2. 0.250  decision 5e6f7a8b  Tokens are signed\n"
        "degraded: the reranker took longer than 30 s\n"
        "notice: 3 files have changed"
    )
    page = results._repr_html_()
    assert "degraded: the reranker took longer than 30 s" in page
    assert "3 files have changed" in page
    assert str(SearchResults([CHUNK])) == "1 result\n  1. 0.750  src/auth.py:12-13  def login(user):"
    assert str(SearchResults()) == "0 results"


def test_a_repr_is_short_and_names_what_it_is() -> None:
    long = SearchResult("a", "x" * 10_000, 0.123456, {"kind": "note"})
    assert repr(long) == "SearchResult(id='a', score=0.1235, location='note a')"
    results = SearchResults([long] * 500, search_method="vector")
    assert repr(results) == "SearchResults(500 results, search_method='vector', degraded=None)"
    assert len(repr(context("t" * 500))) < 200


def test_hostile_content_cannot_add_markup_or_control_characters() -> None:
    metadata = {"path": HOSTILE, "start_line": 1, "end_line": 2, "symbol": HOSTILE, "file_hash": "1"}
    results = SearchResults(
        [SearchResult(HOSTILE, HOSTILE * 100, 0.5, metadata), SearchResult(HOSTILE, HOSTILE, 0.4, {"kind": HOSTILE})],
        search_method=HOSTILE,
        message=HOSTILE,
        notices=(Notice("x", HOSTILE),),
    )
    page = results._repr_html_() + results[0]._repr_html_() + context(HOSTILE)._repr_html_()
    assert tags(page) <= {"div", "p", "b", "table", "tr", "th", "td", "br"}
    for text in (page, str(results), results[0].location, results[1].location, results[0].title, repr(results)):
        assert not set(text) & set("\x1b\u202e\ud800\x00")
        text.encode("utf-8")


def test_long_content_is_cut() -> None:
    results = SearchResults([SearchResult("a", "line\n" * 100_000, 0.5, {})] * 1_000)
    page = results._repr_html_()
    assert len(page) < 30_000
    assert "950 more rows" in page
    assert len(str(SearchResult("a", "x" * 10_000, 0.5, {}))) < 130


def context(task: str) -> Context:
    item = ContextItem(HOSTILE, (1, 2), ((1, 2),), "full", "reference", 40, "hit 1", 1.0, HOSTILE, HOSTILE)
    return Context(
        task=task,
        text="the text",
        messages=(),
        tokens=1_234,
        message_tokens=1_240,
        token_budget=2_000,
        reserve=0,
        counter="o200k_base",
        items=(item,),
        left_out=(LeftOut("b.py", None, "did not fit"),),
        notices=(Notice("graph_skipped", "the store is too large"),),
    )


def test_a_context_prints_as_its_text_and_shows_its_items_as_a_table() -> None:
    shown = context("add rate limiting")
    assert str(shown) == "the text"
    page = shown._repr_html_()
    for text in ("1,234 of 2,000 tokens", "add rate limiting", "reference", ":1-2", "hit 1", "1 left out", "too large"):
        assert text in page
