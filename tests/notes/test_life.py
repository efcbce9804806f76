"""The life of a note: stored, repeated, contradicted, superseded, expired, corrected, forgotten, found."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from aurora_dev import Document, Memory, Note, VectorStore
from aurora_dev.core.types import document_id
from aurora_dev.errors import InvalidRequestError
from aurora_dev.testing.hashing_embedder import HashingEmbedder

Turn = Callable[[float], None]
DAY = 86_400.0


async def contents(memory: Memory, query: str) -> list[str]:
    return [result.content for result in await memory.search(query, top_k=10, rerank=False)]


# -- repeated ---------------------------------------------------------------------------------------------------------


async def test_the_same_words_are_one_note_that_is_counted(memory: Memory) -> None:
    first = await memory.remember("Retry three times.", kind="decision", tags=["http"], importance=4)
    again = await memory.remember("  retry three\ttimes ", kind="decision", tags=["net"], importance=7)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.id == first.id
    assert again.duplicates == (first.id,)
    assert (again.content, again.tags, again.importance, again.said) == (
        "Retry three times.", ("http", "net"), 7, 2,
    )  # fmt: skip
    assert (await memory.list()).total == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("We use pytest for all tests.", "All tests use pytest."),
        (
            "Access tokens are signed with the EdDSA algorithm by the auth service.",
            "Access tokens are signed with the EdDSA algorithm by the auth service hourly.",
        ),
        ("Sessions of the shop live in Redis.", "Sessions of the staging shop live in Redis."),
    ],
)
async def test_nearly_the_same_notes_are_both_kept_and_named(memory: Memory, first: str, second: str) -> None:
    one = await memory.remember(first, kind="convention")
    other = await memory.remember(second, kind="convention")
    assert (other.is_new, other.duplicates, other.conflicts) == (True, (), ())
    assert [(near.id, near.content, near.kind, near.scope) for near in other.similar] == [
        (one.id, first, "convention", "project")
    ]
    assert {note.content for note in (await memory.list()).notes} == {first, second}
    again = await memory.remember(second, kind="convention")
    assert (again.id, again.said, [near.id for near in again.similar]) == (other.id, 2, [one.id])


async def test_another_number_name_order_or_negation_is_another_note(memory: Memory) -> None:
    texts = [
        "Sessions expire after 30 minutes.",
        "Sessions expire after 60 minutes.",
        "Sessions never expire after 30 minutes.",
        "The client retries the server.",
        "The server retries the client.",
        "Events go to Kafka.",
        "Events go to RabbitMQ.",
        "Call Events.",
        "Call events.",
        "Retry while n < 3.",
        "Retry while n > 3.",
        "Plan A is used.",
        "Plan B is used.",
        "Tests laufen bei jedem Push.",
        "Tests laufen nicht bei jedem Push.",
        "Reviewers answer 👍.",
        "Reviewers answer 👎.",
    ]
    assert len({(await memory.remember(text)).id for text in texts}) == len(texts)
    assert {note.content for note in (await memory.list()).notes} == set(texts)


async def test_another_kind_is_another_note(memory: Memory) -> None:
    one = await memory.remember("Retry thrice.", kind="pattern")
    other = await memory.remember("Retry thrice.", kind="lesson")
    assert one.id != other.id


async def test_a_note_of_an_older_release_is_recognised_and_keeps_working(memory: Memory) -> None:
    old = Document("Retry  THREE times.", {"kind": "note", "created_at": 5.0, "tags": ["http"], "path": "not/a/file"})
    (identifier,) = await memory.store.upsert([old])
    plain = document_id(memory.store.namespace, Document(old.content, {"kind": "note", "path": "not/a/file"}))
    assert identifier == plain
    note = await memory.get(identifier)
    assert note is not None
    assert (note.importance, note.said, note.created_at, note.stale) == (5, 1, 5.0, None)
    again = await memory.remember("Retry THREE  times")
    assert (again.id, again.said, again.tags) == (identifier, 2, ("http",))
    assert (await memory.remember("Retry three times.")).is_new
    assert identifier in [result.id for result in await memory.recall("how often to retry")]
    assert (await memory.update(identifier, importance=9)).importance == 9
    assert await memory.forget(identifier) == 1


async def test_the_id_of_an_older_release_is_found_without_vectors(project: Path) -> None:
    async with VectorStore(path=project / ".aurora", embedder=HashingEmbedder(), reranker="none") as store:
        (identifier,) = await store.upsert([Document("Retry  THREE times.", {"kind": "note", "created_at": 5.0})])
        async with Memory.open(project, store=store) as memory:
            assert (await memory.remember("Retry  THREE times.")).id == identifier


async def test_a_note_with_the_id_of_a_release_that_ignored_case_is_recognised(memory: Memory) -> None:
    namespace = memory.store.namespace
    old = document_id(namespace, Document("sessions live in redis", {"kind": "note"}))
    await memory.store.upsert([Document("Sessions live in Redis.", {"kind": "note", "created_at": 5.0}, old)])
    other = await memory.remember("Sessions live in REDIS.")
    assert other.is_new
    assert (await memory.remember("sessions live in Redis")).id == old
    assert {note.content for note in (await memory.list()).notes} == {"Sessions live in Redis.", other.content}


async def test_a_note_that_was_corrected_to_a_text_is_counted_when_it_is_said_again(memory: Memory) -> None:
    note = await memory.remember("Sessions live in Postgres.")
    await memory.update(note.id, content="Sessions live in Redis.")
    again = await memory.remember("sessions live in Redis")
    assert (again.id, again.said) == (note.id, 2)


async def test_without_vectors_words_alone_find_conflicts_and_similar_notes(project: Path) -> None:
    async with Memory.open(project) as memory:
        first = await memory.remember("We use pytest for all tests.", kind="decision")
    store = VectorStore(path=project / ".aurora", embedder=HashingEmbedder(), reranker="none")
    async with store, Memory.open(project, store=store) as memory:
        again = await memory.remember("All tests use pytest.", kind="decision")
        assert [near.id for near in again.similar] == [first.id]
        other = await memory.remember("We do not use pytest for all tests.", kind="decision")
        assert {conflict.id for conflict in other.conflicts} == {first.id, again.id}


async def test_a_repetition_without_expiry_makes_a_note_permanent(memory: Memory) -> None:
    await memory.remember("Staging is down.", expires_in=60)
    assert (await memory.remember("Staging is down.", expires_in=timedelta(hours=1))).expires_at is not None
    assert (await memory.remember("Staging is down.")).expires_at is None


# -- contradicted -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            "Sessions expire after 30 minutes.",
            "Sessions expire after 60 minutes.",
            "says 60 where the earlier one says 30",
        ),
        ("Use global variables in handlers.", "Do not use global variables in handlers.", "negates what"),
        ("Always run the linter.", "Never run the linter.", "says 'never' where the earlier one says 'always'"),
        (
            "Tokens are signed with HS256.",
            "Tokens are signed with EdDSA.",
            "says 'eddsa' where the earlier one says 'hs256'",
        ),
        ("Prefer composition over inheritance.", "Prefer inheritance over composition.", "puts 'composition' where"),
    ],
)
async def test_a_contradiction_is_returned_with_its_reason_and_both_notes_are_kept(
    memory: Memory, old: str, new: str, reason: str
) -> None:
    first = await memory.remember(old, kind="decision")
    second = await memory.remember(new, kind="decision")
    (conflict,) = second.conflicts
    assert (conflict.id, conflict.content, conflict.kind) == (first.id, old, "decision")
    assert reason in conflict.reason
    assert 0.5 < conflict.similarity <= 1.0
    assert {note.content for note in (await memory.list()).notes} == {old, new}


async def test_only_decisions_and_conventions_cause_conflicts(memory: Memory) -> None:
    await memory.remember("Sessions expire after 30 minutes.", kind="note")
    assert (await memory.remember("Sessions expire after 60 minutes.", kind="decision")).conflicts == ()


# -- superseded -------------------------------------------------------------------------------------------------------


async def test_a_superseded_note_is_found_only_by_history(memory: Memory) -> None:
    one = await memory.remember("Sessions live in Postgres.", kind="decision")
    two = await memory.remember("Sessions live in Redis.", kind="decision", supersedes=one.id)
    three = await memory.remember("Sessions live in Valkey.", kind="decision", supersedes=[two.id[:8]])
    assert three.conflicts == ()
    assert await contents(memory, "where do sessions live") == ["Sessions live in Valkey."]
    assert [result.id for result in await memory.recall("where do sessions live")] == [three.id]
    assert "Redis" not in str(await memory.context("where do sessions live", 500))
    assert [note.content for note in (await memory.list()).notes] == ["Sessions live in Valkey."]
    assert [note.id for note in await memory.history(three.id)] == [two.id, one.id]
    old = await memory.get(one.id)
    assert old is not None
    assert old.superseded_by == two.id


async def test_superseded_notes_do_not_reduce_the_number_of_results(memory: Memory) -> None:
    await memory.store.upsert([Document(f"apples number {number}", {"file_hash": "x"}) for number in range(8)])
    newest = await memory.remember("apples apples apples")
    for number in range(4):
        newest = await memory.remember(f"apples apples apples {number}", supersedes=newest.id)
    results = await memory.search("apples", top_k=9, rerank=False)
    assert len(results) == 9
    assert [r.id for r in results if "file_hash" not in r.metadata] == [newest.id]


async def test_two_notes_that_supersede_the_same_one_are_a_conflict(memory: Memory) -> None:
    old = await memory.remember("Sessions live in Postgres.")
    redis = await memory.remember("Sessions live in Redis.", supersedes=old.id)
    valkey = await memory.remember("Keep every session in Valkey clusters.", supersedes=old.id)
    assert [conflict.id for conflict in valkey.conflicts] == [redis.id]
    assert "already replaced" in valkey.conflicts[0].reason
    stored = await memory.get(old.id)
    assert stored is not None
    assert stored.superseded_by == redis.id


async def test_a_note_that_another_process_stores_meanwhile_is_counted(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = memory.notes.project
    first = await memory.remember("Tokens are signed with HMAC.")

    async def finds_nothing(*_: Any) -> tuple[None, list[Any]]:
        return None, []

    monkeypatch.setattr(notes, "_find_same", finds_nothing)
    again = await memory.remember("Tokens are signed with HMAC.")
    assert (again.id, again.is_new, again.said) == (first.id, False, 2)
    assert (await memory.list()).total == 1


async def test_repeating_a_superseded_note_stores_a_new_one(memory: Memory) -> None:
    old = await memory.remember("Sessions live in Postgres.", kind="decision")
    new = await memory.remember("Sessions live in Redis.", kind="decision", supersedes=old.id)
    back = await memory.remember("Sessions live in Postgres.", kind="decision", supersedes=new.id)
    assert back.is_new
    assert back.id not in (old.id, new.id)
    assert await contents(memory, "sessions") == ["Sessions live in Postgres."]


async def test_superseding_a_missing_note_is_refused(memory: Memory) -> None:
    with pytest.raises(InvalidRequestError, match="no note 'missing'"):
        await memory.remember("x is y", supersedes="missing")
    assert (await memory.list()).total == 0


# -- expired ----------------------------------------------------------------------------------------------------------


async def test_an_expired_note_is_not_found(memory: Memory, turn: Turn) -> None:
    await memory.remember("Staging is down.", expires_in=timedelta(hours=1))
    note = await memory.remember("Staging runs on two nodes.")
    turn(3_599)
    assert len(await contents(memory, "staging")) == 2
    turn(3_601)
    assert await contents(memory, "staging") == [note.content]
    assert [result.id for result in await memory.recall("staging")] == [note.id]
    assert (await memory.list()).total == 1
    assert "down" not in str(await memory.context("staging", 500))
    assert (await memory.remember("Staging is up.", kind="decision")).conflicts == ()


async def test_repeating_an_expired_note_makes_it_current_again(memory: Memory, turn: Turn) -> None:
    first = await memory.remember("Staging is down.", expires_in=60)
    turn(120)
    again = await memory.remember("Staging is down.", expires_in=60)
    assert again.id == first.id
    assert await contents(memory, "staging") == ["Staging is down."]


async def test_prune_returns_the_notes_first_and_removes_them_without_dry_run(memory: Memory, turn: Turn) -> None:
    await memory.remember("Staging is down.", expires_in=60)
    old = await memory.remember("Sessions live in Postgres.")
    new = await memory.remember("Sessions live in Redis.", supersedes=old.id)
    turn(91 * DAY)
    would = await memory.prune()
    assert ([note.content for note in would.expired], [note.id for note in would.superseded]) == (
        ["Staging is down."], [old.id],
    )  # fmt: skip
    assert (would.dry_run, would.count, await memory.store.count()) == (True, 2, 3)
    assert (await memory.prune(dry_run=False)).count == 2
    assert await memory.store.count() == 1
    assert await memory.history(new.id) == []
    assert (await memory.prune()).count == 0


# -- corrected --------------------------------------------------------------------------------------------------------


async def test_a_correction_keeps_the_id_and_the_earlier_version(memory: Memory) -> None:
    note = await memory.remember("Sessions live in Postgres.", tags=["db"])
    changed = await memory.update(note.id, content="Sessions live in Redis.", importance=9, tags=[], source="Ada")
    assert (changed.id, changed.content, changed.importance, changed.tags, changed.source) == (
        note.id, "Sessions live in Redis.", 9, (), "Ada",
    )  # fmt: skip
    assert await contents(memory, "where do sessions live") == ["Sessions live in Redis."]
    assert [one.content for one in await memory.history(note.id)] == ["Sessions live in Postgres."]
    again = await memory.remember("Sessions live in Postgres.")
    assert again.is_new
    assert again.id != note.id


async def test_fields_that_are_not_given_stay(memory: Memory) -> None:
    note = await memory.remember("x is y", kind="lesson", tags=["a"], source="s", expires_in=60, metadata={"k": 1})
    changed = await memory.update(note.id, importance=6)
    unchanged = {"content", "kind", "tags", "source", "expires_at", "metadata", "created_at"}
    assert all(getattr(changed, name) == getattr(note, name) for name in unchanged)
    assert (await memory.update(note.id, expires_in=0, source="", metadata={})).expires_at is None
    assert await memory.history(note.id) == []


async def test_simultaneous_corrections_are_all_kept(memory: Memory) -> None:
    note = await memory.remember("x is y")
    await asyncio.gather(
        memory.update(note.id, importance=9),
        memory.update(note.id, tags=["a"]),
        memory.update(note.id, source="s"),
        memory.update(note.id, kind="lesson"),
    )
    stored = await memory.get(note.id)
    assert stored is not None
    assert (stored.importance, stored.tags, stored.source, stored.kind) == (9, ("a",), "s", "lesson")


async def test_an_id_may_be_shortened_as_long_as_it_is_unambiguous(memory: Memory) -> None:
    note = await memory.remember("x is y")
    found = await memory.get(note.id[:6])
    assert found is not None
    assert found.id == note.id
    assert await memory.get(note.id[:5]) is None
    assert await memory.get("ffffff") is None
    await memory.store.upsert(
        [Document("one", {"kind": "note"}, "samesame-1"), Document("two", {"kind": "note"}, "samesame-2")]
    )
    with pytest.raises(InvalidRequestError, match="2 notes have ids that begin with 'samesame-'"):
        await memory.update("samesame-", importance=1)


# -- forgotten --------------------------------------------------------------------------------------------------------


async def test_forgetting_removes_earlier_versions_and_restores_superseded_notes(memory: Memory) -> None:
    old = await memory.remember("Sessions live in Postgres.")
    new = await memory.remember("Sessions live in Redis.", supersedes=old.id)
    await memory.update(new.id, content="Sessions live in Valkey.")
    assert await memory.forget([new.id, "unknown"]) == 1
    assert await contents(memory, "where do sessions live") == ["Sessions live in Postgres."]
    assert await memory.store.count() == 1


async def test_forgetting_the_middle_of_a_chain_leaves_the_oldest_note_superseded(memory: Memory) -> None:
    one = await memory.remember("Sessions live in Postgres.")
    two = await memory.remember("Sessions live in Redis.", supersedes=one.id)
    three = await memory.remember("Sessions live in Valkey.", supersedes=two.id)
    await memory.forget(two.id)
    assert [note.id for note in (await memory.list()).notes] == [three.id]
    assert [note.id for note in await memory.history(three.id)] == [one.id]


async def test_forgetting_by_filter_removes_no_chunk_of_a_file(memory: Memory) -> None:
    await memory.store.upsert([Document("code", {"path": "a.py", "file_hash": "x", "tags": ["scratch"]})])
    await memory.remember("x is y", tags=["scratch"])
    await memory.remember("y is z")
    assert await memory.forget(filter={"tags": "scratch"}) == 1
    assert await memory.store.count() == 2
    wrong: list[dict[str, Any]] = [{}, {"ids": ["a"], "filter": {"a": 1}}, {"filter": {}}, {"ids": 3}]
    for arguments in wrong:
        with pytest.raises(InvalidRequestError, match=r"nothing was (removed|done)"):
            await memory.forget(**arguments)
    assert await memory.store.count() == 2


# -- found ------------------------------------------------------------------------------------------------------------


async def test_pages_are_newest_first_without_gaps_or_repetitions(memory: Memory) -> None:
    words = ["apples", "bridges", "candles", "deserts", "engines", "forests", "gardens"]
    for word in words:
        await memory.remember(f"{word} are {len(word)}", kind="lesson", tags=[word[0]])
    seen: list[str] = []
    cursor = None
    while True:
        page = await memory.list(limit=3, cursor=cursor)
        seen += [note.content.split()[0] for note in page.notes]
        if cursor is None:
            await memory.remember("hotels are 6")  # newer than the first page: it moves nothing
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == words[::-1]
    assert (await memory.list(kinds=["lesson"])).total == 7
    assert (await memory.list(tags=["a", "b"])).total == 2


async def test_recall_prefers_recent_important_and_used_notes(memory: Memory) -> None:
    long_ago = time.time() - 200 * DAY

    async def first_of(change: dict[str, Any]) -> bool:
        # Two equally relevant notes that differ in one field.
        for name in ("one", "two"):
            metadata: dict[str, Any] = {"kind": "lesson", "importance": 5, "created_at": long_ago}
            await memory.store.upsert([Document("Deploys need a green build.", {**metadata, "who": name}, name)])
        changed = {"kind": "lesson", "importance": 5, "created_at": long_ago, "who": "two", **change}
        await memory.store.upsert([Document("Deploys need a green build.", changed, "two")])
        results = await memory.recall("what do deploys need")
        return [result.id for result in results[:1]] == ["two"]

    assert not await first_of({})
    assert await first_of({"created_at": time.time()})
    assert await first_of({"importance": 9})
    assert await first_of({"said": 6})


async def test_importance_does_not_lift_an_irrelevant_note(memory: Memory) -> None:
    right = await memory.remember("Passwords are hashed with argon2id.", importance=1)
    await memory.remember("Invoices are numbered without gaps.", importance=10)
    assert (await memory.recall("how are passwords hashed"))[0].id == right.id


async def test_recalled_notes_are_counted_and_the_counts_survive_the_process(project: Path) -> None:
    async with Memory.open(project) as memory:
        note = await memory.remember("x is y")
        for _ in range(3):
            await memory.recall("what is x")
    async with Memory.open(project) as memory:
        stored = await memory.get(note.id)
        assert stored is not None
        assert stored.uses == 3
    (project / ".aurora" / "note_uses.json").write_text("[broken")
    async with Memory.open(project) as memory:
        assert len(await memory.recall("what is x")) == 1


async def test_recall_filters_by_kind_tag_and_time(memory: Memory) -> None:
    before = time.time()
    await memory.remember("Apples are red.", kind="lesson", tags=["fruit", "red"])
    await memory.remember("Apples are sold by weight.", kind="decision", tags=["shop"])

    async def found(**conditions: Any) -> int:
        return len(await memory.recall("apples", **conditions))

    assert await found() == 2
    assert await found(kinds=["lesson", "pattern"]) == 1
    assert await found(tags=["shop", "red"]) == 2
    assert await found(since=before) == 2
    assert await found(since=before + 60) == 0
    assert await found(since=timedelta(hours=1)) == 2
    assert await found(since=datetime.now(timezone.utc)) == 0
    assert await found(kinds=[]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"content": "x" * 32_769}, "32,768 are possible"),
        ({"content": 3}, "must be a string"),
        ({"importance": 0}, "importance"),
        ({"importance": True}, "importance"),
        ({"importance": 5.0}, "importance"),
        ({"expires_in": -1}, "expires_in"),
        ({"expires_in": math.nan}, "expires_in"),
        ({"expires_in": "1d"}, "expires_in"),
        ({"source": "a\nb"}, "source"),
        ({"supersedes": [3]}, "supersedes"),
        ({"tags": [str(number) for number in range(33)]}, "too many"),
        ({"path": "/etc/passwd"}, "stay inside"),
        ({"path": "../secret"}, "stay inside"),
        ({"path": "missing.py"}, "there is no 'missing.py'"),
        ({"scope": "team"}, "scope"),
        ({"metadata": {"superseded_by": "x"}}, "would hide a field"),
        ({"metadata": {"a": None}}, "metadata values are"),
    ],
)
async def test_a_malformed_note_is_refused_with_the_reason_and_not_stored(
    memory: Memory, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words) as caught:
        await memory.remember(**{"content": "x is y", **arguments})
    assert "nothing was" in str(caught.value)
    assert await memory.store.count() == 0


async def test_credentials_are_masked_in_every_field(memory: Memory) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    note = await memory.remember(f"x {secret}", source=f"by {secret}", metadata={"a": f"{secret}", "b": [f"{secret}"]})
    await memory.update(note.id, content=f"y {secret}", source=f"of {secret}", metadata={"c": [f"{secret}"]})
    records = await memory.store.scan(content=True)
    assert len(records) == 2
    assert secret not in str(note) + str(records)


async def test_chunks_of_files_are_not_notes(memory: Memory) -> None:
    (identifier,) = await memory.store.upsert([Document("code", {"path": "a.py", "file_hash": "x"})])
    assert await memory.get(identifier) is None
    assert await memory.forget(identifier) == 0
    assert (await memory.list()).notes == ()
    with pytest.raises(InvalidRequestError, match="no note"):
        await memory.update(identifier, content="other")
    assert isinstance(await memory.remember("code"), Note)
