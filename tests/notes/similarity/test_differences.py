"""Differences in meaning that words show: each kind of difference, in both directions."""

from __future__ import annotations

import pytest

from aurora_dev.notes.similarity.differences import OPPOSITES, contradiction, differ_in_meaning

PAIRS = [
    ("always", "never"), ("enable", "disable"), ("allow", "forbid"), ("allow", "deny"), ("permit", "forbid"),
    ("require", "forbid"), ("must", "may"), ("mandatory", "optional"), ("required", "optional"), ("sync", "async"),
    ("synchronous", "async"), ("synchronous", "asynchronous"), ("before", "after"), ("first", "last"),
    ("include", "exclude"), ("accept", "reject"), ("accept", "refuse"), ("public", "private"),
    ("internal", "external"), ("local", "remote"), ("global", "local"), ("static", "dynamic"), ("soft", "hard"),
    ("optimistic", "pessimistic"), ("eager", "lazy"), ("strict", "lenient"), ("mutable", "immutable"),
    ("singular", "plural"), ("manual", "automatic"), ("tab", "space"), ("ascending", "descending"),
    ("client", "server"), ("on", "off"), ("true", "false"), ("keep", "remove"), ("add", "remove"), ("start", "stop"),
    ("more", "less"), ("most", "least"), ("minimum", "maximum"), ("old", "new"), ("up", "down"), ("push", "pull"),
    ("read-only", "writable"), ("stateless", "stateful"), ("single", "multiple"), ("all", "none"),
    ("encrypt", "plain"), ("centralized", "decentralized"), ("monolith", "microservice"), ("monorepo", "polyrepo"),
    ("upper", "lower"), ("blacklist", "whitelist"), ("opt-in", "opt-out"), ("blocking", "non-blocking"),
    ("nullable", "non-nullable"), ("prefer", "avoid"), ("use", "avoid"),
]  # fmt: skip


def test_every_pair_of_opposites_is_tested_here() -> None:
    assert sorted(OPPOSITES) == sorted(PAIRS)


@pytest.mark.parametrize(("word", "opposite"), [*PAIRS, *((b, a) for a, b in PAIRS)])
def test_a_pair_of_opposites_is_a_contradiction_in_both_directions(word: str, opposite: str) -> None:
    # The texts differ in a second word, so that they do not contradict each other as two names for one thing.
    new = f"Northern workers choose {word} batches whenever queues grow quickly."
    old = f"Northern workers choose {opposite} batches whenever queues grow slowly."
    assert contradiction(new, old) == f"says '{word}' where the earlier one says '{opposite}'"
    assert differ_in_meaning(f"Workers choose {word} batches.", f"Workers choose {opposite} batches.")


@pytest.mark.parametrize(
    ("new", "old", "reason"),
    [
        ("Do not cache sessions.", "Cache sessions.", "negates what the earlier one says"),
        ("Cache sessions.", "Do not cache sessions.", "says what the earlier one negates"),
        (
            "Prefer inheritance over composition.",
            "Prefer composition over inheritance.",
            "puts 'composition' where the earlier one puts 'inheritance'",
        ),
        ("Sessions end after 60 minutes.", "Sessions end after 30 minutes.", "says 60 where the earlier one says 30"),
        ("Retry at most five times.", "Retry at most three times.", "says 5 where the earlier one says 3"),
        ("Tokens are signed with A1.", "Tokens are signed with B2.", "says 'a1' where the earlier one says 'b2'"),
    ],
)
def test_a_contradiction_is_named(new: str, old: str, reason: str) -> None:
    assert contradiction(new, old) == reason
    assert differ_in_meaning(new, old)
    assert differ_in_meaning(old, new)


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("Tokens are signed with EdDSA.", "Tokens are signed with EdDSA by the auth service."),  # says more
        ("Invoices use three currencies.", "Sessions expire after 30 minutes."),  # another subject
        ("Product images of the shop are resized.", "Product images of the shop are cached."),  # both may be true
        ("Workers read jobs from Redis in Avro.", "Workers read jobs from Kafka in JSON."),  # two
        ("It is tokens.", "It is token."),  # no subject
        ("Never log passwords.", "Do not log passwords."),  # negated in both
        ("The cache lives near the gateway.", "The cache lives near the database."),  # no single choice
    ],
)
def test_texts_without_a_visible_contradiction_have_no_reason(new: str, old: str) -> None:
    assert contradiction(new, old) is None
    assert contradiction(old, new) is None


def test_a_contradiction_needs_enough_words_in_common() -> None:
    # A fifth of the content words for opposites, negations, order and numbers.
    assert contradiction("Always rotate keys", "Never rotate painted bridges") is not None
    assert contradiction("Always rotate signing keys", "Never rotate painted bridges") is None
    # Three tenths for another name.
    assert contradiction("Billing runs on nomad clusters", "Billing runs on managed kubernetes") is not None
    assert contradiction("Billing runs on spare nomad clusters", "Billing runs on hosted managed kubernetes") is None


def test_a_name_has_at_most_three_content_words() -> None:
    start = "Nightly billing reports of all regions are written to"
    assert contradiction(f"{start} cold archive storage", f"{start} warm object storage") is not None
    assert contradiction(f"{start} cold archive one two", f"{start} warm object bucket here") is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Retry three times.", "Retry 3 times."),
        ("Every night the index is rebuilt.", "The index is rebuilt every night."),
        ("When jobs fail, workers retry.", "Workers retry when jobs fail."),
        ("We use pytest for all tests.", "All tests use pytest."),
        ("Sessions live in Redis.", "Sessions live in Redis clusters."),
    ],
)
def test_the_same_meaning_in_other_words_is_no_difference(first: str, second: str) -> None:
    assert not differ_in_meaning(first, second)
    assert not differ_in_meaning(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The client retries the gateway.", "The gateway retries the client."),
        ("Events go to Kafka.", "Events go to RabbitMQ."),
        ("The limit is 1.5 seconds.", "The limit is 15 seconds."),
        ("Deploys run without review.", "Deploys run."),
    ],
)
def test_order_names_numbers_and_negations_are_differences(first: str, second: str) -> None:
    assert differ_in_meaning(first, second)
    assert differ_in_meaning(second, first)
