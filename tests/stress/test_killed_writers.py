"""After a process is killed, the store holds every write that was acknowledged, and nothing else."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stress import killed_writer as writer

from aurora_dev.core.contracts import NamespaceStats
from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local import derived as derived_index
from aurora_dev.core.types import Document, Record
from aurora_dev.testing.contract_support import ids
from aurora_dev.testing.hashing_embedder import HashingEmbedder

KILLS = 50
MOST_CHANGES = 12  # acknowledged by one child before it is killed
LONGEST_DELAY = 0.06  # seconds from the last of these to the kill: longer than most changes take
EMBEDDER = HashingEmbedder()

State = dict[int, int]  # number of a record → its version


def applied(state: State, change: dict[str, Any], newest: int) -> State:
    """Return the records after a change."""
    if "group" in change:
        return {n: v for n, v in state.items() if n >= newest or (n + v) % writer.GROUPS != change["group"]}
    gone = set(change.get("delete", ()))
    after = {number: version for number, version in state.items() if writer.word(number) not in gone}
    after.update((number, version) for number, version in change.get("put", ()))
    return after


def follow(state: State, lines: list[str], newest: int) -> tuple[State, State, str | None]:
    """Return the acknowledged records, the records with the change in progress, and that change."""
    under_way: dict[str, Any] | None = None
    after = state
    for line in lines:
        if line == "ok":
            state, under_way = after, None
            continue
        under_way = json.loads(line)
        after = applied(state, under_way, newest)
    if under_way is None:
        return state, state, None
    return state, after, str(under_way.get("do") or next(iter(under_way)))


def check(folder: Path, acknowledged: State, possible: State, chance: random.Random) -> State:
    """Check that records and every search of a store agree with one of two states, and return that state."""
    store = FAISSLocalStore(folder)
    try:
        records = {record.id: record for record in store.scan("n", vectors=True)}
        found = {_number(record, "number"): _number(record, "version") for record in records.values()}
        assert found in (acknowledged, possible)
        documents = [writer.document(number, version) for number, version in sorted(found.items())]
        vectors = EMBEDDER.embed_documents([document.content for document in documents])
        for document, vector in zip(documents, vectors, strict=True):
            assert document.id is not None
            record = records[document.id]
            assert (record.content, record.metadata) == (document.content, document.metadata)
            assert record.vector is not None
            assert np.array_equal(record.vector, vector)
        count = len(documents)
        stats = store.stats("n")
        assert stats == NamespaceStats(records=count, vectors=count, sequence=stats.sequence)
        if count:
            everything = {document.id for document in documents}
            # All of them are asked for: a row too many or too few in an index cannot hide behind the best.
            nearest = store.vector_query("n", vectors[0], count + 9)
            scores = np.multiply(vectors, vectors[0], dtype=np.float64).sum(axis=1)
            assert {match.record.id for match in nearest} == everything
            assert ids(nearest) == [
                identifier for _, identifier in sorted(zip(-scores, (d.id for d in documents), strict=True))
            ]
            matched = store.keyword_query("n", "common", count + 9)
            assert len(matched) == count
            assert {match.record.id for match in matched} == everything
            for document in chance.sample(documents, min(count, 5)):
                number, version = _number(document, "number"), _number(document, "version")
                assert ids(store.keyword_query("n", writer.word(number, version), 3)) == [document.id]
                # The version before it, if there was one, is gone.
                assert not store.keyword_query("n", writer.word(number, version - 1), 3)
            for group in range(writer.GROUPS):
                members = {document.id for document in documents if document.metadata["group"] == group}
                filter = {"group": group}
                assert store.count("n", filter) == len(members)
                assert set(ids(store.vector_query("n", vectors[-1], count, filter))) == members
                assert set(ids(store.keyword_query("n", "common", count, filter))) == members
    finally:
        store.close()
    with sqlite3.connect(folder / "memory.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    return found


def _number(stored: Record | Document, name: str) -> int:
    value = stored.metadata[name]
    assert isinstance(value, int)
    return value


def test_fifty_killed_writers_lose_nothing_that_they_acknowledged(
    tmp_path: Path, start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derived_index, "SAVE_AFTER_REFRESH", 0.0)
    chance = random.Random(20)
    folder = tmp_path / "store"
    state: State = {}
    under_way: Counter[str | None] = Counter()
    written = 0
    following = start("killed_writer.py", folder, 0)
    for seed in range(KILLS):
        child = following
        assert child.line() == "ready"
        child.say("go")
        lines: list[str] = []
        wanted = chance.randint(0, MOST_CHANGES)
        while lines.count("ok") < wanted:
            lines.append(child.line())
        lines += child.lines_during(chance.uniform(0.0, LONGEST_DELAY))
        lines += child.kill()
        if seed + 1 < KILLS:
            following = start("killed_writer.py", folder, seed + 1)  # imports while the store is checked
        acknowledged, possible, kind = follow(state, lines, newest=seed * 40)
        under_way[kind] += 1
        written += sum(line.startswith('{"put"') for line in lines)
        state = check(folder, acknowledged, possible, chance)
    assert written > KILLS
    assert len(state) > 500
    # The kills fell into writes, and into the saving of snapshots.
    assert under_way["put"] >= 5
    assert under_way["refresh"] + under_way["reopen"] >= 1
