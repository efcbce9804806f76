"""Compare docs/context.md with the code: its tables, shares and limits."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import get_args

import docs_examples as docs
import pytest

from aurora_dev.core import tokens
from aurora_dev.core.context import budget as context_budget
from aurora_dev.core.context import import_graph
from aurora_dev.core.context.items import Context, ContextItem, Level, LevelName, Section
from aurora_dev.core.context_manager import ContextManager
from aurora_dev.core.tokens.openai import TiktokenCounter
from aurora_dev.interfaces.cli.actions import context as context_command
from aurora_dev.memory import Memory

PAGE: Path = docs.ROOT / "docs/context.md"
TEXT = " ".join(PAGE.read_text("utf-8").split())


def test_every_argument_of_build_is_described_with_its_default() -> None:
    rows = docs.table(PAGE, "argument of build", "default", "meaning")
    found = {docs.bare(row["argument of build"]): docs.bare(row["default"]) for row in rows}
    parameters = list(inspect.signature(ContextManager.build).parameters.values())[1:]
    expected = {each.name: "" if each.default is each.empty else repr(each.default) for each in parameters}
    assert found == expected


def test_memory_context_takes_the_arguments_of_build_and_two_more() -> None:
    parameters = inspect.signature(Memory.context).parameters
    build = inspect.signature(ContextManager.build).parameters
    assert set(parameters) - set(build) == {"model", "encoding"}
    assert set(build) <= set(parameters)
    assert f"{parameters['token_budget'].default:,} as the budget's default" in TEXT


@pytest.mark.parametrize("described", [Context, ContextItem], ids=lambda each: each.__name__)
def test_every_field_is_described_in_the_order_of_the_class(described: type) -> None:
    rows = docs.table(PAGE, f"field of {described.__name__}", "meaning")
    named = [docs.bare(row[f"field of {described.__name__}"]) for row in rows]
    assert named == [field.name for field in dataclasses.fields(described)]


def test_the_page_lists_the_levels_and_sections_of_the_code() -> None:
    rows = docs.table(PAGE, "level", "what is shown")
    assert [docs.bare(row["level"]) for row in rows] == [level.label for level in sorted(Level, reverse=True)[:-1]]
    meanings = {
        docs.bare(row["field of ContextItem"]): re.findall(r"`([^`]+)`", row["meaning"])
        for row in docs.table(PAGE, "field of ContextItem", "meaning")
    }
    assert sorted(meanings["level"]) == sorted(get_args(LevelName))
    assert meanings["section"] == list(get_args(Section))


@pytest.mark.parametrize("model", ["gpt-5", "path", "anything-else"])
def test_each_model_gets_the_token_counter_of_the_table(model: str) -> None:
    rows = docs.table(PAGE, "you pass", "counted with", "exact")
    assert len(rows) == 5
    counters = {"gpt-5": tokens.TiktokenCounter, "path": tokens.HuggingFaceCounter}
    name = str(tokens_folder()) if model == "path" else model
    assert type(tokens.create_counter(model=name)) is counters.get(model, tokens.EstimateCounter)


def tokens_folder() -> Path:
    from aurora_dev.core.embed.static import BUNDLED_PATH

    return BUNDLED_PATH


def test_numbers_in_the_text_match_the_code() -> None:
    assert context_budget.HISTORY_SHARE == 0.25, "the page says: a quarter of the budget"
    assert context_command._MAP_SHARE == 8, "the page says: an eighth of the budget"
    assert f"stores of more than {import_graph.MOST_RECORDS:,} records" in TEXT
    chat = TiktokenCounter.chat
    assert (chat.per_message, chat.per_reply) == (3 + 1, 3), "three per message, one for its role, three for the reply"


def test_the_estimate_counts_as_many_tokens_of_source_code_as_the_page_says() -> None:
    files = sorted(Path(context_budget.__file__).parents[1].rglob("*.py"))
    source = "".join(file.read_text("utf-8") for file in files)
    ratio = tokens.EstimateCounter().count(source) / tokens.TiktokenCounter("o200k_base").count(source)
    assert "2.5 to 3 times the count of" in TEXT
    assert 2.5 < ratio < 3
