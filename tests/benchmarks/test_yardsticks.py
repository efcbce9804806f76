"""Tests of what the yardsticks in `benchmarks/` measure with: drawn queries, ranks, conversations and figures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

from conversation_data import ABSTENTION, conversations  # noqa: E402
from names import Found, ranks_of  # noqa: E402
from names_queries import FORMS, Place, Query, draw, fill, in_case_of, words_of  # noqa: E402
from unanswerable import Threshold, best_threshold, unanswerable  # noqa: E402
from yardstick import Row, auc, half_of, mrr, table, within  # noqa: E402

from aurora_dev.core.types import SearchResult, SearchResults  # noqa: E402

TEXTS = {
    "shop/cart.py": '''import os

LIMIT = os.environ["SHOP_CART_LIMIT"]


class Cart:
    """A doc string of a class."""

    def add_item_to_list(self, item):
        if not item:
            raise ValueError(f"cannot add {item!r} to the cart")
        self.items.append(item)
        print("nothing was added today")  # don't repeat, it's known

    def add_note(self):
        pass
''',
    "shop/cli.py": 'parser.add_argument("--cart-file")\nparser.add_argument("--cart-files")\n',
    "shop/vendor.js": "var paintCell=1;" + "x;" * 2_000,
    "tests/test_cart.py": "def test_cart_is_empty():\n    assert not Cart().lines_of_cart\n",
}


def drawn(form: str) -> dict[str, Query]:
    return {query.text: query for query in draw("shop", TEXTS) if query.form == form}


def test_a_draw_is_the_same_in_every_run_and_survives_json() -> None:
    first = draw("shop", TEXTS)

    assert draw("shop", dict(reversed(TEXTS.items()))) == first
    assert [Query.from_json(json.loads(json.dumps(asdict(query)))) for query in first] == first
    assert {query.form for query in first} <= FORMS.keys()


def test_a_defined_name_knows_the_line_of_its_definition() -> None:
    names = drawn("defined name")

    assert names["Cart"].places == (Place("shop/cart.py", 6),)
    assert names["add_item_to_list"].places == (Place("shop/cart.py", 9),)
    assert drawn("dotted name")["Cart.add_item_to_list"].places == (Place("shop/cart.py", 9),)
    assert set(drawn("defined in tests")) == {"test_cart_is_empty"}


def test_a_minified_file_gives_no_names() -> None:
    assert not [query for query in draw("shop", TEXTS) if "paintCell" in query.text]


def test_messages_are_string_literals_and_not_docstrings_or_apostrophes() -> None:
    assert set(drawn("error message")) == {"cannot add {item!r} to the cart"}
    assert set(drawn("literal")) == {"nothing was added today"}


def test_a_filled_message_is_looked_for_by_its_text_in_the_source() -> None:
    (query,) = drawn("filled message").values()

    assert query.text.startswith("cannot add '")
    assert "{" not in query.text
    assert query.needle == "cannot add {item!r} to the cart"
    assert fill("%d of %s, 100% sure") == fill("%d of %s, 100% sure")
    assert fill("no value") == "no value"


def test_flags_variables_and_paths_are_drawn_from_the_files() -> None:
    assert set(drawn("flag")) == {"--cart-file", "--cart-files"}
    assert set(drawn("environment variable")) == {"SHOP_CART_LIMIT"}
    assert drawn("file name")["cli.py"].paths == ("shop/cli.py",)


def test_a_partial_name_stands_for_the_definition_it_is_a_part_of() -> None:
    place = (Place("shop/cart.py", 9),)

    assert drawn("last words")["item_to_list"].places == place
    assert drawn("middle words")["item_to"].places == place
    assert drawn("run together")["additemtolist"].places == place
    assert drawn("words with spaces")["add item to list"].places == place
    assert drawn("other case")["addItemToList"].places == place


def test_names_are_split_and_joined_in_their_own_case() -> None:
    assert words_of("getUserByID") == ("get", "user", "by", "id")
    assert in_case_of("HTTPServerError", ("server", "error")) == "ServerError"
    assert in_case_of("MAX_ROW_COUNT", ("row", "count")) == "ROW_COUNT"
    assert in_case_of("parseRow", ("row",)) == "row"


def test_the_rank_of_a_name_counts_only_the_whole_name_in_its_case() -> None:
    query = Query("shop", "defined name", "Cart", "Cart", places=(Place("a.py", 30),), paths=("b.py",))
    results = [
        Found("a.py", 1, 9, "class Carts: cart = MyCart"),
        Found("b.py", 1, 9, "return Cart()"),
        Found("a.py", 20, 30, "class Cart:"),
    ]

    assert ranks_of(query, results) == {"contains": 2, "definition": 3, "file": 2}
    assert ranks_of(query, results[:1]) == {"contains": None, "definition": None, "file": None}


def test_a_flag_is_not_found_inside_a_longer_flag() -> None:
    found = Query("shop", "flag", "--all", "--all").contains()

    assert found('add("--all")')
    assert not found('add("--all-files")')
    assert not found("x---all")


def test_conversations_are_the_same_in_every_run_and_answers_are_their_turns() -> None:
    made = conversations()

    assert made == conversations()
    assert len(made) == 12
    assert sum(len(one.questions) for one in made) >= 200
    for conversation in made:
        ids = [turn.id for turn in conversation.turns]
        assert len(ids) == len(set(ids))
        assert 60 <= len(ids) <= 160
        assert [turn.day for turn in conversation.turns] == sorted(turn.day for turn in conversation.turns)
        for question in conversation.questions:
            assert set(question.answers) <= set(ids)
            assert bool(question.answers) == (question.kind != ABSTENTION)
            assert "{" not in question.text


def test_a_question_about_a_month_is_answered_by_a_turn_of_that_month() -> None:
    for conversation in conversations():
        turns = {turn.id: turn for turn in conversation.turns}
        for question in conversation.questions:
            if question.kind == "dated":
                (answer,) = question.answers
                assert f"{turns[answer].day:%B}" in question.text


def test_the_queries_without_an_answer_are_ten_for_each_project_half_of_them_tuning() -> None:
    counts = Counter(asked.project for asked in unanswerable())

    assert set(counts.values()) == {10}
    assert Counter(half_of(project) for project in counts) == {"tuning": 5, "reporting": 5}


def test_a_threshold_loses_at_most_the_allowed_share() -> None:
    def results(score: float) -> SearchResults:
        return SearchResults([SearchResult("id", "text", score, {})])

    scores = [number / 100 for number in range(1, 101)]
    matches = Threshold(best_threshold(scores, loss=0.03))

    assert sum(not matches(results(score)) for score in scores) == 3
    assert not matches(SearchResults([]))


def test_figures_of_ranks_and_scores() -> None:
    assert within([1, 3, None, 6], 5) == 0.5
    assert mrr([1, 4, None, 11]) == pytest.approx((1 + 0.25) / 4)
    assert auc([0.9, 0.5], [0.5, 0.1]) == pytest.approx(3.5 / 4)


def test_a_table_has_a_part_for_each_set_and_a_dash_where_nothing_was_measured() -> None:
    rows = [Row("y", "tuning", "m @1", "hybrid", 0.5, 7), Row("y", "reporting", "m @1", "hybrid", 0.25, 9)]
    rows.append(Row("y", "reporting", "other", "keyword", 1.0, 2))

    lines = [line.split() for line in table(rows).splitlines() if line]

    assert lines[0] == ["tuning", "queries", "hybrid"]
    assert lines[1] == ["m", "@1", "7", "0.500"]
    assert lines[3:] == [["m", "@1", "9", "0.250", "-"], ["other", "2", "-", "1.000"]]


def test_a_yardstick_that_fails_or_has_no_data_is_named_and_the_table_is_printed(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, str(BENCHMARKS / "run_all.py"), "--only", "pairs", "conversations"),
            *("--with", "conversations=--no-such-option", "--json", str(tmp_path / "all.json")),
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )

    assert done.returncode == 1
    assert "pairs is left out: its data is not named" in done.stdout
    assert "conversations failed: exit code 2" in done.stdout
    assert "--no-such-option" in done.stdout
    assert json.loads((tmp_path / "all.json").read_text("utf-8"))["rows"] == []
