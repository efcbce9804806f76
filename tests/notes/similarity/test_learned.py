"""The learned model for conflicts: what it reads in a text, what it finds, and how it names the difference."""

from __future__ import annotations

import json
import time

import pytest

from aurora_dev.notes.similarity import learned
from aurora_dev.notes.similarity.conflicts import LIKELY, contradicts
from aurora_dev.notes.similarity.features import difference, features, read
from aurora_dev.notes.similarity.learned import likelihood

CONFLICTS = [
    ("Typesense answers the search queries.", "Our search is built upon Elasticsearch.", "'typesense'"),
    (
        "An idle session stays valid for eight hours.",
        "Sessions end after 15 minutes without activity.",
        "'eight hours'",
    ),
    ("Migrations run after the deploy.", "Run the migrations first, then deploy.", "order"),
    ("Fehler sammeln wir in Rollbar.", "Fehler gehen an Sentry.", "'rollbar'"),
    ("浏览器测试采用 Playwright。", "端到端测试用 Cypress 编写。", "'playwright'"),
]
BOTH_HOLD = [
    ("Access tokens expire after 15 minutes.", "Refresh tokens expire after 30 days."),
    ("Staging runs two replicas.", "Production runs six replicas."),
    ("The suite runs with pytest.", "pytest runs with -n auto in CI."),
    ("Before a merge, the branch is rebased on main.", "The branch is rebased on main before a merge."),
    ("In productie gebruiken we Postgres.", "Voor unittests is SQLite genoeg."),
    ("本番は Postgres。", "単体テストはメモリ上の SQLite で十分。"),
    ("Администраторы могут удалять аккаунты.", "Гости не могут удалять аккаунты."),
]


@pytest.mark.parametrize(("new", "old", "word"), CONFLICTS)
def test_a_contradiction_in_other_words_is_found_and_its_words_are_named(new: str, old: str, word: str) -> None:
    reason = contradicts(new, old, None)
    assert reason is not None
    assert word in reason


@pytest.mark.parametrize(("new", "old"), BOTH_HOLD)
def test_notes_that_both_hold_are_no_conflict(new: str, old: str) -> None:
    assert contradicts(new, old, 0.8) is None
    assert contradicts(old, new, 0.8) is None


@pytest.mark.parametrize(("new", "old"), [(new, old) for new, old, _ in CONFLICTS] + BOTH_HOLD)
def test_the_likelihood_does_not_depend_on_the_order_of_two_texts(new: str, old: str) -> None:
    there, back = likelihood(new, old), likelihood(old, new)
    assert there is not None
    assert back is not None
    assert (there >= LIKELY) == (back >= LIKELY)
    assert there == pytest.approx(back, abs=0.15)


@pytest.mark.parametrize(
    "text", ["half an hour", "30 minutes", "eine halbe Stunde", "30 минут", "30分", "mezz'ora", "pół godziny"]
)
def test_half_an_hour_is_30_minutes_in_many_languages(text: str) -> None:
    assert set(read(text).numbers["duration"]) == {1800.0}


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("Die Sitzung endet nach acht Stunden.", "duration", 8 * 3600.0),
        ("La sesión dura ocho horas.", "duration", 8 * 3600.0),
        ("The import starts at 4:30.", "clock", 270.0),
        ("Uploads end at 1,000 MB.", "size", 1e9),
        ("Wir liefern jede Nacht.", "period", 86_400.0),
    ],
)
def test_numbers_are_read_with_their_units(text: str, unit: str, value: float) -> None:
    assert set(read(text).numbers[unit]) == {value}


def test_an_inflected_product_is_recognised() -> None:
    assert set(read("Dane trzymamy w Postgresie.").products["sqldb"]) == {"postgresql"}


@pytest.mark.parametrize(
    ("new", "old", "reason"),
    [
        ("Adyen takes our payments.", "Stripe takes our payments.", "says 'adyen' where the earlier one says 'stripe'"),
        ("Ask Tomasz, he owns billing.", "Priya owns billing.", "names Tomasz where the earlier one names Priya"),
        ("It is kept for 3 days.", "It is kept for 2 weeks.", "says '3 days' where the earlier one says '2 weeks'"),
        ("Guests are banned.", "Guests are welcome.", "says 'banned' where the earlier one says 'welcome'"),
        ("The client is not shared.", "The client is shared.", "negates what the earlier one says"),
        ("The client is shared.", "The client is not shared.", "says what the earlier one negates"),
        ("Use the blue folder.", "Use the green folder.", None),
    ],
)
def test_the_difference_of_two_texts_is_named_with_their_words(new: str, old: str, reason: str | None) -> None:
    assert difference(new, old) == reason


def test_texts_without_a_nameable_difference_are_no_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aurora_dev.notes.similarity.learned.likelihood", lambda _new, _old: 1.0)
    assert contradicts("Use the blue folder today.", "Put it into the folder that is green.", None) is None


def test_too_long_texts_are_left_to_the_rules() -> None:
    assert likelihood("word " * 300, "Short.") is None


@pytest.mark.parametrize("text", ["设置" * 490, "A/" * 490, "не " * 330, "12:30 " * 160, "Ab." * 330])
def test_the_longest_texts_are_compared_in_a_moment(text: str) -> None:
    likelihood("one", "two")
    start = time.process_time()
    assert likelihood(text, text[::-1]) is not None
    assert time.process_time() - start < 1.0


def test_each_weight_belongs_to_a_measurement() -> None:
    found = features("Use tabs.", "Use spaces.")
    assert found is not None
    stored = json.loads(learned._WEIGHTS.read_text("utf-8"))
    assert set(stored["weights"]) <= set(found)
