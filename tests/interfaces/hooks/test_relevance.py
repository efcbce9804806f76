"""Judging what belongs to a prompt."""

from __future__ import annotations

from typing import Any

import pytest

from aurora_dev.core.record_kinds import SESSION_EXCHANGE, SESSION_KEY
from aurora_dev.interfaces.hooks.relevance import Prompt, features, is_named, probability, read_prompt, said, weigh


def weighed(text: str, **held: int) -> Prompt:
    return weigh(read_prompt(text), 1_000, lambda word: held.get(word, 0))


def test_words_of_talking_and_quoted_code_are_no_subject() -> None:
    assert read_prompt("Yes please, run all the tests again and fix it").words == ()
    assert read_prompt("why does the invoice fail?\n```\nTypeError: tokenizer\n```\n").words == ("invoice",)
    assert len(read_prompt(" ".join(f"word{number}x" for number in range(5_000))).words) <= 40


def test_names_are_found_in_any_style_and_scripts_without_spaces_by_pairs() -> None:
    assert read_prompt("why is max_size ignored by RegexLexer").names == {"maxsize", "regexlexer"}
    assert "削除" in read_prompt("ユーザーを削除する").words


def test_rare_words_count_more_than_frequent_ones() -> None:
    prompt = weighed("refund the order", refund=1, order=600)
    rare = features(prompt, "Refunds are paid back within a week", {}, 0.3)
    frequent = features(prompt, "An order has lines", {}, 0.3)
    assert probability(rare) > probability(frequent)
    assert probability(features(prompt, "Refunds are paid back", {}, 0.8)) > probability(rare)
    tagged = features(prompt, "Paid back within a week", {"tags": ["refund"], "path": "shop/order.py"}, 0.3)
    assert tagged["coverage"] == 1.0


def test_a_record_without_a_vector_or_a_prompt_without_words_is_no_error() -> None:
    assert 0 < probability(features(weighed("refund"), "Refunds", {}, None)) < 1
    assert features(weighed(""), "Refunds", {}, 0.5)["coverage"] == 0.0


@pytest.mark.parametrize(
    ("prompt", "metadata", "named"),
    [
        ("RegexLexer loses the state", {"path": "lib/lexer.py", "symbol": "RegexLexer"}, True),
        ("regex_lexer loses the state", {"path": "lib/lexer.py", "symbol": "x.RegexLexer"}, True),
        ("what does req_file do?", {"path": "a/req_file.py"}, True),
        ("add a formatter for SVG output", {"path": "formatters/svg.py", "symbol": "SvgFormatter"}, True),
        ("undo the last change", {"path": "lexers/script.py", "symbol": "UndoLexer"}, False),
        ("draw the sales chart with d3", {"path": "lib/chart.py"}, False),
        ("anything", {}, False),
        ("anything", {"path": 7, "symbol": ["x"]}, False),
    ],
)
def test_a_file_belongs_to_a_prompt_that_names_it(prompt: str, metadata: dict[str, Any], named: bool) -> None:
    assert is_named(weighed(prompt), metadata) is named


def test_the_facts_at_the_end_of_a_session_are_not_its_subject() -> None:
    metadata = {SESSION_KEY: SESSION_EXCHANGE}
    text = "why?\n\nBecause.\n\nClaude Code session 12345678, 2026-03-02\nChanged: a.py"
    assert said(text, metadata) == "why?\n\nBecause."
    assert said(text, {"kind": "note"}) == text
    assert said("why?", metadata) == "why?"
