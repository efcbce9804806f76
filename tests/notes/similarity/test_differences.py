"""Differences in meaning that words show: each kind of difference, in both directions and in several languages."""

from __future__ import annotations

import pytest

from aurora_dev.notes.similarity.differences import contradiction
from aurora_dev.notes.similarity.statements import MOST_CHARS, statement_of
from aurora_dev.notes.similarity.vocabulary import OPPOSITES, SUBJECT_OPPOSITES


@pytest.mark.parametrize(("word", "opposite"), [*OPPOSITES, *((b, a) for a, b in OPPOSITES)])
def test_a_pair_of_opposites_is_a_contradiction_in_both_directions(word: str, opposite: str) -> None:
    new, old = f"Northern workers choose {word} batches.", f"Northern workers choose {opposite} batches."
    assert contradiction(new, old) == f"says '{word}' where the earlier one says '{opposite}'"
    assert contradiction(new, old.replace("Northern", "Southern")) is None


@pytest.mark.parametrize(("word", "opposite"), SUBJECT_OPPOSITES)
def test_opposites_that_name_subjects_contradict_each_other_only_at_the_end(word: str, opposite: str) -> None:
    assert contradiction(f"The {word} timeout is long.", f"The {opposite} timeout is long.") is None
    assert contradiction(f"The package is {word}.", f"The package is {opposite}.") is not None


@pytest.mark.parametrize(
    ("new", "old", "reason"),
    [
        ("Do not cache sessions.", "Cache sessions.", "negates what the earlier one says"),
        ("Cache sessions.", "Do not cache sessions.", "says what the earlier one negates"),
        ("Uploads are not scanned.", "Uploads are scanned with ClamAV.", "negates what the earlier one says"),
        (
            "Prefer inheritance over composition.",
            "Prefer composition over inheritance.",
            "puts 'composition' where the earlier one puts 'inheritance'",
        ),
        ("Rename a_id to b_id.", "Rename b_id to a_id.", "puts 'b_id' where the earlier one puts 'a_id'"),
        ("Sessions end after 60 minutes.", "Sessions end after 30 minutes.", "says 60 where the earlier one says 30"),
        ("Sessions end after 2 hours.", "Sessions end after 30 minutes.", "says 2 where the earlier one says 30"),
        ("Retry at most five times.", "Retry at most three times.", "says 5 where the earlier one says 3"),
        ("Offset the index by -1.", "Offset the index by +1.", "says -1 where the earlier one says +1"),
        ("The build is reversible.", "The build is irreversible.", "says 'reversible' where"),
        ("We deploy the API on ECS.", "The API is deployed on Kubernetes.", "says 'ecs' where the earlier one says"),
        ("Indent with four spaces.", "Indent with tabs.", "says 'spaces' where the earlier one says 'tabs'"),
        ("Usamos Jest aquí.", "Usamos Vitest aquí.", "says 'jest' where the earlier one says 'vitest'"),
        ("The default theme is dark.", "The default theme is light.", "says 'dark' where the earlier one says 'light'"),
        ("Merge with squash.", "Merge with a merge commit.", "says 'squash' where the earlier one says 'merge commit'"),
        ("Use pnpm for the site, because it is fast.", "Use yarn for the site.", "says 'pnpm' where"),
        ("Tokens are signed with A1.", "Tokens are signed with B2.", "says 'a1' where the earlier one says 'b2'"),
        ("Alice owns the search.", "Bob owns the search.", "says 'alice' where the earlier one says 'bob'"),
        ("Retry while n < limit.", "Retry while n > limit.", "says '<' where the earlier one says '>'"),
        ("Answer 👍 to approve.", "Answer 👎 to approve.", "says '👍' where the earlier one says '👎'"),
        ("Filter with !active.", "Filter with active.", "has '!' and the earlier one has not"),
        ("Alert at 80.", "Alert at 80%.", "lacks '%' of the earlier one"),
    ],
)
def test_a_contradiction_is_named(new: str, old: str, reason: str) -> None:
    found = contradiction(new, old)
    assert found is not None
    assert reason in found
    assert contradiction(old, new) is not None


@pytest.mark.parametrize(
    ("plain", "negated"),
    [
        ("Die Tests laufen bei jedem Push.", "Die Tests laufen nicht bei jedem Push."),
        ("Wir speichern Passwörter im Klartext.", "Wir speichern keine Passwörter im Klartext."),
        ("On utilise Redis pour le cache.", "On n'utilise plus Redis pour le cache."),
        ("Los usuarios pueden borrar su cuenta.", "Los usuarios no pueden borrar su cuenta."),
        ("I test girano su ogni commit.", "I test non girano su ogni commit."),
        ("Os testes rodam a cada commit.", "Os testes não rodam a cada commit."),
        ("De tests draaien bij elke commit.", "De tests draaien niet bij elke commit."),
        ("Testerna körs vid varje commit.", "Testerna körs inte vid varje commit."),
        ("Testy działają przy każdym commicie.", "Testy nie działają przy każdym commicie."),
        ("Сборка запускается на каждый коммит.", "Сборка не запускается на каждый коммит."),
        ("Ми зберігаємо токени.", "Ми не зберігаємо токени."),
        ("Testler her commit için çalışır.", "Testler her commit için çalışmaz."),
        ("يمكن للضيوف رفع الملفات.", "لا يمكن للضيوف رفع الملفات."),
        ("הבדיקות רצות בכל קומיט.", "הבדיקות לא רצות בכל קומיט."),
        ("हम परीक्षण चलाते हैं।", "हम परीक्षण नहीं चलाते हैं।"),
        ("密码以明文保存。", "密码不以明文保存。"),
        ("テストは毎回データベースを使う。", "テストは毎回データベースを使わない。"),
        ("테스트는 모든 커밋마다 실행한다.", "테스트는 모든 커밋마다 실행하지 않는다."),
    ],
)
def test_a_negation_is_recognised_in_many_languages(plain: str, negated: str) -> None:
    assert contradiction(negated, plain) == "negates what the earlier one says"
    assert contradiction(plain, negated) == "says what the earlier one negates"


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("Access tokens expire after 15 minutes.", "Refresh tokens expire after 30 days."),
        ("The read timeout is 5 s.", "The write timeout is 5 s."),
        ("The upload limit is 2 GB.", "The download limit is 9 GB."),
        ("Staging uses SQLite.", "Production uses PostgreSQL."),
        ("Admins can delete users.", "Guests cannot delete users."),
        ("Version 1 of the API is deprecated.", "Version 2 of the API is deprecated."),
        ("PostgreSQL backups are kept for a year.", "Redis backups are kept for a year."),
        ("Small deploys need no review.", "Deploys need a review."),  # an exception
        ("Tokens are signed with EdDSA.", "Tokens are signed with EdDSA by the auth service."),  # says more
        ("Invoices use three currencies.", "Sessions expire after 30 minutes."),
        ("Product images of the shop are resized.", "Product images of the shop are cached."),  # both may be true
        ("The app runs on port 8080.", "The app runs on Nomad."),
        ("The service uses PostgreSQL.", "The service uses Redis."),
        ("The cache is small.", "The cache is shared."),
        ("The parser is fast.", "The parser is written in Rust."),
        ("Workers read jobs from Redis in Avro.", "Workers read jobs from Kafka in JSON."),  # two
        ("It is tokens.", "It is token."),
        ("Never log passwords.", "Do not log passwords."),  # negated in both
        ("The cache lives near the gateway.", "The cache lives near the database."),  # no single choice
        ("Events are published to Kafka by the shop.", "The shop publishes events to Kafka."),
        ("Это сервер для тестов.", "Это клиент для тестов и сборки."),
    ],
)
def test_texts_without_a_visible_contradiction_have_no_reason(new: str, old: str) -> None:
    assert contradiction(new, old) is None
    assert contradiction(old, new) is None


def test_long_texts_are_not_compared_word_by_word() -> None:
    long = "Cache sessions. " * MOST_CHARS
    assert statement_of(long) is None
    assert contradiction(f"{long} Never.", long) is None


def test_the_reason_that_a_text_gives_is_not_compared() -> None:
    assert contradiction("Use pnpm here because it is fast.", "Use pnpm here because it is not slow.") is None


def test_words_are_split_in_every_script() -> None:
    found = statement_of("La l'API n'utilise C++ à 30分 नहीं -1 3-1 ok! a != b")
    assert found is not None
    assert found.words == (
        "la", "l'", "api", "n'", "utilise", "c++", "à", "30", "分", "नहीं", "-1", "3-1", "ok", "a", "b",
    )  # fmt: skip
    assert found.signs == ("!=",)
