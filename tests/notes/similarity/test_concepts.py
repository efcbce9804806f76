"""Concepts: the file of words is sound, and they are found in every script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aurora_dev.notes.similarity import concepts
from aurora_dev.notes.similarity.claims import claim_of
from aurora_dev.notes.similarity.concepts import find_concepts, folded, tokens

LINES = Path(concepts.__file__).with_name("concepts.txt").read_text("utf-8").splitlines()
KINDS = re.compile(r"\[(object|predicate|cue|period|number|filler|(scope|choice|tool|part|unit) [\w-]+)\]")


def names_in(text: str) -> set[tuple[str, str]]:
    return {(found.group, found.name) for found in find_concepts(tokens(text))}


def test_each_line_of_the_file_is_a_group_or_a_concept_with_words() -> None:
    for line in LINES:
        if line and not line.startswith("#"):
            assert KINDS.fullmatch(line) or re.fullmatch(r"[\w.-]+: \S.*", line), line


def test_a_word_of_the_file_leaves_something_to_look_for() -> None:
    for line in LINES:
        if ": " in line and not line.startswith("#"):
            for word in line.partition(":")[2].split(","):
                assert word.strip() in ("", "€") or tokens(word), line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Protokolldateien", ("object", "log")),
        ("Les journaux", ("object", "log")),
        ("ЛОГИ", ("object", "log")),
        ("日志保留", ("object", "log")),
        ("로그는", ("object", "log")),
        ("a feature toggle of ours", ("object", "flag")),
        ("Staging", ("scope environment", "staging")),
        ("PostgreSQL 16", ("part postgresql", "postgresql")),
        ("every night", ("period", "86400.0")),
    ],
)
def test_a_concept_is_found_in_every_script(text: str, expected: tuple[str, str]) -> None:
    assert expected in names_in(text)


def test_the_longest_phrase_counts() -> None:
    assert ("cue", "not") not in names_in("no longer")
    assert ("object", "message") not in names_in("commit messages")
    assert {("object", "session"), ("choice jwt", "cookiesession")} <= names_in("session cookies")


def test_folding_takes_case_accents_and_special_letters() -> None:
    assert folded("ÉCRIT Łódź ısı Ёлка") == "ecrit lodz isi елка"
    assert tokens("n < 25MB, 30분 and 两个月") == ["n", "25", "mb", "30", "분", "and", "2", "个月"]


def test_numbers_have_a_dimension_and_a_value() -> None:
    claim = claim_of("Sessions last two hours, Node 20 answers on port 8080, at 02:30, every week, up to 1,500.5 MB.")
    assert claim is not None
    assert {(each.dimension, each.value) for each in claim.numbers} == {
        ("duration", 7_200.0), ("version node", 20.0), ("port", 8_080.0), ("clock", 150.0), ("period", 604_800.0),
        ("size", 1_500.5e6),
    }  # fmt: skip
