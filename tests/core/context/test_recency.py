"""Recently changed files: their weights from commits, and the lift of hits in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aurora_dev.core import context_manager
from aurora_dev.core.context.hits.recency import Recency, lift_recent, recency_of
from aurora_dev.core.context_manager import ContextManager
from aurora_dev.core.types import Document
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.testing.hashing_embedder import HashingEmbedder


def commit(number: int, *files: str) -> dict[str, object]:
    return {"commit": f"{number:040x}", "kind": "commit", "created_at": float(number), "files": list(files)}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[VectorStore]:
    opened = VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker="none")
    yield opened
    await opened.close()


def test_the_newest_commit_counts_most_in_any_order_of_records() -> None:
    commits = [commit(2, "b.py"), commit(3, "a.py"), commit(1, "a.py", "c.py")]
    weights = recency_of(commits)
    assert weights == recency_of(reversed(commits))
    assert weights["a.py"] == 1.0 > weights["b.py"] > weights["c.py"] > 0.0


def test_a_commit_of_very_many_files_is_ignored() -> None:
    weights = recency_of([commit(2, *(f"f{n}.py" for n in range(30))), commit(1, "a.py")])
    assert weights == {"a.py": 1.0}


def test_a_lift_keeps_the_best_at_one_and_changes_the_order_of_near_equals() -> None:
    hits = [("old.py", 1.0), ("new.py", 0.95), ("far.py", 0.2)]
    assert lift_recent(hits, {"new.py": 1.0}, 0.0) == [1.0, 0.95, 0.2]
    old, new, far = lift_recent(hits, {"new.py": 1.0}, 0.2)
    assert new == 1.0 > old > far
    assert lift_recent([], {}, 0.5) == []


async def test_commits_are_read_again_when_the_store_has_changed(store: VectorStore) -> None:
    recency = Recency()
    assert await recency.get(store) == {}
    metadata = commit(1, "a.py")
    await store.upsert([Document("Change a", {**metadata})])  # type: ignore[dict-item]
    assert await recency.get(store) == {"a.py": 1.0}
    assert await recency.get(store) is await recency.get(store)


async def test_a_context_prefers_the_recently_changed_file_among_equal_hits(
    store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_manager, "RECENT_LIFT", 0.5)
    text = "def handle_{}(order):\n    return price of the order with its tax {}"
    for name in ("one", "two"):
        place = {"path": f"{name}.py", "start_line": 1, "end_line": 2, "file_hash": "f", "file_chunks": 1}
        await store.upsert([Document(text.format(name, name), place)])  # type: ignore[arg-type]
    order = {}
    for number, name in enumerate(("one", "two"), start=1):
        await store.upsert([Document(f"Change {name}", {**commit(number, f"{name}.py")})])  # type: ignore[dict-item]
        context = await ContextManager(store).build("price of the order with its tax", 1_000)
        order[name] = {item.source: place for place, item in enumerate(context.items)}
    best = min if order["one"]["one.py"] < order["one"]["two.py"] else max
    for name in ("one", "two"):
        places = {source: place for source, place in order[name].items() if source.endswith(".py")}
        assert best(places, key=lambda source: places[source]) == f"{name}.py"
