"""What recall finds: the note that the query is about first, and nothing where no note has to do with it."""

from __future__ import annotations

import pytest

from aurora_dev import Memory
from aurora_dev.notes.query_words import QueryWords
from aurora_dev.notes.recall_scores import is_relevant

NOTES = [
    "Sessions end after 30 minutes.",
    "The deploy freeze lasts until Monday.",
    "The service is written in C#.",
    "The engine is written in C++.",
    "The parser is written in R.",
    "密码以明文保存。",
    "Invoices are numbered without gaps.",
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("how long do sessions last", NOTES[0]),
        ("how long is the freeze", NOTES[1]),
        ("C#", NOTES[2]),
        ("c++", NOTES[3]),
        ("R", NOTES[4]),
        ("密码", NOTES[5]),
    ],
)
async def test_the_note_that_the_query_is_about_comes_first(memory: Memory, query: str, expected: str) -> None:
    for note in NOTES:
        await memory.remember(note)
    found = [result.content for result in await memory.recall(query)]
    assert found[:1] == [expected]
    if len(query) <= 3:
        assert len(found) == 1


@pytest.mark.parametrize("query", ["how do penguins swim", "best pizza in Naples", "kubernetes ingress annotations"])
async def test_a_query_about_something_else_finds_nothing(memory: Memory, query: str) -> None:
    for note in NOTES:
        await memory.remember(note)
    assert await memory.recall(query) == []


@pytest.mark.parametrize(
    ("cosine", "keyword", "shared", "expected"),
    [
        (0.3, 0.0, 0.0, True),
        (0.29, 0.0, 0.0, False),
        (0.1, 2.0, 0.2, True),
        (0.09, 2.0, 0.2, False),
        (0.0, 2.0, 0.5, True),
        (0.0, 0.0, 1.0, False),
        (None, 0.1, 0.0, True),
        (None, 0.0, 1.0, False),
    ],
)
def test_a_note_is_relevant_if_it_is_near_or_shares_words(
    cosine: float | None, keyword: float, shared: float, expected: bool
) -> None:
    assert is_relevant(cosine, keyword, shared) is expected


def test_the_share_of_words_leaves_out_stop_words_and_how_it_is_asked() -> None:
    asked = QueryWords.of("how long do sessions last")
    assert asked.shared("Sessions end after 30 minutes.") == 0.5
    assert asked.shared("Sessions last.") == 1.0
    assert QueryWords.of("how often").shared("Often.") == 1.0
    assert QueryWords.of("!").shared("x") == 1.0


def test_names_with_signs_and_single_letters_are_exact() -> None:
    assert QueryWords.of("C# or c++ in R, but not a b2").names == {"c#", "c++", "r"}
