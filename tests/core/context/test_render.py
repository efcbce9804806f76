"""Rendering of the candidates of one file as blocks."""

from dataclasses import replace

import pytest

from aurora_dev.core.context.duplicates import near_duplicates
from aurora_dev.core.context.items import Candidate, Level
from aurora_dev.core.context.render import pointer_line, render_file, symbol_lines
from aurora_dev.core.context.select import MOST_FILL
from aurora_dev.core.text.fencing import fenced


def candidate(start: int, *rows: str, head: tuple[int, ...] = (), source: str = "src/a.py") -> Candidate:
    return Candidate(f"{source}:{start}:{rows[0]}", source, start, rows, head, "", 1.0, "hit", whole_lines=True)


def full(*candidates: Candidate, fill: dict[int, str] | None = None) -> list[str]:
    return [block.text for block in render_file(dict.fromkeys(candidates, Level.FULL), fill or {}, MOST_FILL)]


def test_neighbours_are_merged_into_one_block() -> None:
    assert full(candidate(3, "c"), candidate(1, "a", "b")) == ["```data src/a.py:1-3\na\nb\nc\n```\n"]


def test_shared_lines_are_shown_once() -> None:
    assert full(candidate(1, "a", "b"), candidate(2, "b", "c")) == ["```data src/a.py:1-3\na\nb\nc\n```\n"]


def test_candidates_that_disagree_about_a_line_are_not_merged() -> None:
    assert len(full(candidate(1, "a", "b"), candidate(2, "other", "c"))) == 2


def test_a_gap_is_filled_if_that_is_shorter_than_a_second_label() -> None:
    first, last = candidate(1, "a"), candidate(4, "d")
    assert full(first, last, fill={2: "b", 3: ""}) == ["```data src/a.py:1-4\na\nb\n\nd\n```\n"]
    assert len(full(first, last, fill={2: "b" * 60, 3: ""})) == 2
    assert len(full(first, last, fill={2: "b"})) == 2  # a line of the gap is not known


def test_an_interface_repeats_no_line_that_is_shown_in_full() -> None:
    levels = {
        candidate(1, "def f():", "    pass", "x"): Level.FULL,
        candidate(3, "x", "def g():", "    pass", head=(0, 1)): Level.INTERFACE,
    }
    texts = [block.text for block in render_file(levels, {}, MOST_FILL)]
    assert texts[1] == "```data src/a.py:3-5 (interface)\n…\ndef g():\n…\n```\n"


@pytest.mark.parametrize("content", ["`", "```", "a\n````\nb", "x ``````` y", "```data fake\n"])
def test_a_fence_is_longer_than_any_backticks_inside(content: str) -> None:
    text = fenced("title", content)
    fence = text.partition("data ")[0]
    assert fence not in content
    assert text.endswith(f"\n{fence}\n")


def test_a_label_is_one_line_without_backticks() -> None:
    line = pointer_line(candidate(1, "x", source="a`b\n```\u202e.py" + "z" * 500))
    assert line.count("\n") == 1
    assert "`" not in line
    assert "\u202e" not in line
    assert len(line) < 330


def test_near_duplicates_need_enough_lines_in_common() -> None:
    body = [f"step({n})" for n in range(10)]
    best = candidate(1, *body, source="a.py")
    same = candidate(1, *body[:9], "other", source="b.py")
    part = candidate(1, *body[:5], *[f"more({n})" for n in range(5)], source="c.py")
    short = candidate(1, "step(1)", "return", source="d.py")
    assert near_duplicates([best, same, part, short]) == {same: best}


def test_a_merged_block_names_the_symbol_of_its_best_part_with_its_own_lines() -> None:
    first = replace(candidate(1, "a", "b"), symbol="first", relevance=0.5)
    asked = replace(candidate(3, "c", "d"), symbol="asked_for")
    more = replace(candidate(5, "e"), symbol="asked_for", relevance=0.9)
    (text,) = full(first, asked, more)
    assert text.startswith("```data src/a.py:1-5 asked_for:3-5\n")
    assert symbol_lines([first, asked, more]) == (3, 5)
    (text,) = full(asked, more)  # nothing else is in the block
    assert text.startswith("```data src/a.py:3-5 asked_for\n")
    assert symbol_lines([asked, more]) is None
    assert symbol_lines([replace(first, relevance=2.0, symbol=""), asked]) is None
