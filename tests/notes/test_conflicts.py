"""Conflicts that are not settled: stored with the notes, returned, and settled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aurora_dev import Memory, SyncMemory
from aurora_dev.errors import InvalidRequestError

OLD = "Sessions expire after 30 minutes."
NEW = "Sessions expire after 60 minutes."


async def open_pairs(memory: Memory) -> list[tuple[str, str]]:
    return [(conflict.note.content, conflict.other.content) for conflict in await memory.conflicts()]


async def test_a_conflict_stays_open_across_processes(project: Path) -> None:
    async with Memory.open(project) as memory:
        first = await memory.remember(OLD, kind="decision")
        assert await memory.conflicts() == []
        second = await memory.remember(NEW, kind="decision")
        assert second.conflicts_with == (first.id,)
    async with Memory.open(project) as memory:
        assert await open_pairs(memory) == [(NEW, OLD)]
        (conflict,) = await memory.conflicts(first.id[:8])
        assert conflict.reason == "says 60 where the earlier one says 30"
        assert (await memory.status()).conflicts == 1
        third = await memory.remember("Apples are red.")
        assert await memory.conflicts(third.id) == []
        with pytest.raises(InvalidRequestError, match="no note 'missing'"):
            await memory.conflicts("missing")


@pytest.mark.parametrize("settle", ["supersede", "correct", "correct the earlier", "forget", "forget the earlier"])
async def test_a_conflict_is_settled_by_what_happens_to_one_of_its_notes(memory: Memory, settle: str) -> None:
    first = await memory.remember(OLD, kind="decision")
    second = await memory.remember(NEW, kind="decision")
    if settle == "supersede":
        await memory.remember(NEW, kind="decision", supersedes=first.id)
    elif settle.startswith("correct"):
        note, text = (second, OLD) if settle == "correct" else (first, NEW)
        await memory.update(note.id, content=text)
    else:
        await memory.forget((second if settle == "forget" else first).id)
    assert await memory.conflicts() == []
    assert (await memory.status()).conflicts == 0


async def test_a_correction_that_still_contradicts_settles_nothing(memory: Memory) -> None:
    await memory.remember(OLD, kind="decision")
    second = await memory.remember(NEW, kind="decision")
    await memory.update(second.id, content="Sessions expire after 90 minutes.", tags=["auth"])
    assert await open_pairs(memory) == [("Sessions expire after 90 minutes.", OLD)]


async def test_a_correction_to_a_contradicting_text_is_a_conflict_that_is_stored(memory: Memory) -> None:
    first = await memory.remember(OLD, kind="decision")
    own = await memory.remember("Sessions expire after 45 minutes.", kind="convention", scope="user")
    second = await memory.remember("Apples are red.", kind="lesson")
    changed = await memory.update(second.id, content=NEW)
    assert set(changed.conflicts_with) == {first.id, own.id}
    assert {(each.note.content, each.other.content) for each in await memory.conflicts()} == {
        (NEW, OLD), (NEW, "Sessions expire after 45 minutes."),
    }  # fmt: skip
    await memory.keep_both(second.id, first.id)
    changed = await memory.update(second.id, content=f"{NEW[:-1]}")
    assert [each.other.id for each in await memory.conflicts()] == [own.id]
    await memory.update(second.id, content="Pears are green.", importance=3)
    assert await memory.conflicts() == []


async def test_a_correction_of_other_fields_looks_for_no_conflicts(memory: Memory) -> None:
    await memory.remember(OLD, kind="decision")
    second = await memory.remember(NEW, kind="decision")
    await memory.keep_both(second.id, second.conflicts_with[0])
    changed = await memory.update(second.id, content=NEW, importance=9)
    assert changed.conflicts_with == ()
    assert await memory.conflicts() == []


async def test_notes_that_both_hold_are_never_reported_again(memory: Memory) -> None:
    first = await memory.remember(OLD, kind="decision")
    second = await memory.remember(NEW, kind="decision")
    kept = await memory.keep_both(first.id[:8], second.id[:8])
    assert (kept.id, kept.holds_with) == (first.id, (second.id,))
    assert await memory.conflicts() == []
    for text in (OLD, NEW):
        again = await memory.remember(text, kind="decision")
        assert (again.said, again.conflicts) == (2, ())
    assert await memory.conflicts() == []
    assert {note.content for note in (await memory.list()).notes} == {OLD, NEW}
    for id, other, words in ((first.id, first.id, "two are needed"), (first.id, "missing", "no note 'missing'")):
        with pytest.raises(InvalidRequestError, match=words):
            await memory.keep_both(id, other)


async def test_an_expired_note_is_in_no_conflict(memory: Memory, turn: Callable[[float], None]) -> None:
    await memory.remember(OLD, kind="decision", expires_in=60)
    await memory.remember(NEW, kind="decision")
    assert await open_pairs(memory) == [(NEW, OLD)]
    turn(61)
    assert await memory.conflicts() == []


async def test_two_notes_that_supersede_the_same_one_are_an_open_conflict(memory: Memory) -> None:
    old = await memory.remember("Sessions live in Postgres.")
    redis = await memory.remember("Sessions live in Redis.", supersedes=old.id)
    valkey = await memory.remember("Keep every session in Valkey clusters.", supersedes=old.id)
    (conflict,) = await memory.conflicts()
    assert (conflict.note.id, conflict.other.id) == (valkey.id, redis.id)
    assert conflict.reason == f"both replace {old.id}"


async def test_a_conflict_with_a_note_of_the_user_is_stored_and_settled(memory: Memory) -> None:
    own = await memory.remember("Indent with tabs.", kind="convention", scope="user")
    new = await memory.remember("Indent with spaces.", kind="convention")
    (conflict,) = await memory.conflicts()
    assert (conflict.note.id, conflict.other.id, conflict.other.scope) == (new.id, own.id, "user")
    await memory.keep_both(new.id, own.id)
    assert await memory.conflicts() == []


async def test_conflicts_survive_an_export_and_an_import(memory: Memory, tmp_path: Path) -> None:
    first = await memory.remember(OLD, kind="decision")
    second = await memory.remember(NEW, kind="decision")
    third = await memory.remember("Sessions expire after 90 minutes.", kind="decision")
    await memory.keep_both(first.id, third.id)
    await memory.export_notes(tmp_path / "notes")
    assert (await memory.import_notes(tmp_path / "notes")).updated == ()
    (tmp_path / "other").mkdir()
    async with Memory.open(tmp_path / "other") as other:
        await other.import_notes(tmp_path / "notes")
        found = {(conflict.note.id, conflict.other.id) for conflict in await other.conflicts()}
        assert found == {(second.id, first.id), (third.id, second.id)}


def test_conflicts_are_settled_without_await(project: Path) -> None:
    with SyncMemory.open(project) as memory:
        first = memory.remember(OLD, kind="decision")
        memory.remember(NEW, kind="decision")
        (conflict,) = memory.conflicts()
        memory.keep_both(first.id, conflict.note.id)
        assert memory.conflicts() == []
