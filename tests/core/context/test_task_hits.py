"""The hits of a long task over a real store: files in the order of the search, and what matches in each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from aurora_dev.core.context.hits.task_hits import find_task_hits
from aurora_dev.core.context.items import Context
from aurora_dev.core.context_manager import ContextManager
from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.types import SearchOptions, SearchResult
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.indexing.indexer import Indexer

ISSUE = """Journal loses the last entry when the disk is full

I append entries to the journal until the disk is full. After a restart the last entry is gone, without an error.
`Journal.append` should raise instead of dropping the entry.
"""


def function(name: str, words: str, lines: int = 12) -> str:
    body = "".join(f"        {words}_{n} = self.{words}({n}, '{name} {words} {n}')\n" for n in range(lines))
    return f"    def {name}(self, {words}):\n{body}        return {words}_0\n\n"


JOURNAL = "class Journal:\n" + "".join(
    function(name, words)
    for name, words in {
        "append": "entry",
        "rotate": "archive",
        "paint": "canvas",
        "translate": "locale",
        "restart": "disk",
    }.items()
)
LONG = "class Journal:\n" + function("append", "entry", 120) + function("rotate", "archive") + function("close", "disk")
OTHERS = {
    f"app/{name}.py": f"class {name.title()}:\n" + function("run", name)
    for name in ("mail", "queue", "login", "basket", "canvas", "locale", "invoice", "search")
}


async def opened(root: Path, files: dict[str, str], reranker: str = "none") -> VectorStore:
    for name, text in files.items():
        (root / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "project" / name).write_text(text, "utf-8")
    store = VectorStore(path=root / "store", embedder=StaticEmbedder.bundled(), reranker=reranker)
    await Indexer(store, root / "project").run()
    return store


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[VectorStore]:
    store = await opened(tmp_path, {"app/journal.py": JOURNAL, **OTHERS}, "bundled")
    yield store
    await store.close()


async def hits_of(store: VectorStore, results: list[SearchResult]) -> list[tuple[SearchResult, float]]:
    return await find_task_hits(store, ISSUE, results, None, SearchOptions())


def files_of(context: Context, level: str | None = None) -> set[str]:
    chosen = [item for item in context.items if item.section == "reference" and level in (None, item.level)]
    return {item.source for item in chosen}


async def test_functions_that_the_search_did_not_return_are_found_in_its_first_file(store: VectorStore) -> None:
    results = await store.search(ISSUE, 1, rerank=False)
    assert [result.metadata["path"] for result in results] == ["app/journal.py"]
    hits = await hits_of(store, list(results))
    found = {name for result, _ in hits for name in result.metadata.get("symbols", ())}
    assert {"Journal.append", "Journal.restart", "Journal.rotate"} <= found
    assert "append" in hits[0][0].metadata["symbols"]
    assert hits[0][1] == 1.0


async def test_files_come_in_the_order_of_the_search_and_only_the_first_few(store: VectorStore) -> None:
    results = list(await store.search(ISSUE, 60, rerank=False))
    order = list(dict.fromkeys(result.metadata["path"] for result in results))
    assert len(order) > 6
    hits = await hits_of(store, results)
    assert list(dict.fromkeys(result.metadata["path"] for result, _ in hits)) == order[:5]
    turned = await hits_of(store, results[::-1])
    assert turned[0][0].metadata["path"] == results[-1].metadata["path"]


async def test_relevances_fall_and_end_at_a_least_one(tmp_path: Path) -> None:
    many = "class Journal:\n" + "".join(function(f"entry_{n}", f"disk{n}") for n in range(60))
    store = await opened(tmp_path, {"app/journal.py": many})
    async with store:
        hits = await hits_of(store, list(await store.search(ISSUE, 5)))
        assert await store.count() > 40
    relevances = [relevance for _, relevance in hits]
    assert relevances == sorted(relevances, reverse=True)
    assert 0.1 <= relevances[-1] < 0.2
    assert len(hits) < 30


async def test_the_parts_of_a_long_function_stay_together(tmp_path: Path) -> None:
    store = await opened(tmp_path, {"app/journal.py": LONG})
    async with store:
        hits = await hits_of(store, list(await store.search(ISSUE, 5)))
    parts = [relevance for result, relevance in hits if result.metadata.get("symbol") == "Journal.append"]
    others = [relevance for result, relevance in hits if result.metadata.get("symbol") != "Journal.append"]
    assert len(parts) > 5
    assert min(parts) >= 0.9 * max(parts)
    assert len([relevance for relevance in others if relevance > min(parts)]) <= 2


async def test_the_conditions_of_the_search_hold_in_its_files(store: VectorStore) -> None:
    results = list(await store.search(ISSUE, 60, rerank=False))
    filter = {"path": {"$ne": "app/journal.py"}}
    hits = await find_task_hits(store, ISSUE, results, filter, SearchOptions())
    assert hits
    assert "app/journal.py" not in {result.metadata["path"] for result, _ in hits}
    assert hits[0][1] == 1.0


async def test_a_search_without_files_has_no_hits(store: VectorStore) -> None:
    assert await hits_of(store, [SearchResult("1", "a note", 1.0, {"kind": "decision"})]) == []


async def test_a_context_for_an_issue_shows_the_functions_of_its_file_whole_before_outlines(
    store: VectorStore,
) -> None:
    manager = ContextManager(store)
    context = await manager.build(ISSUE, 1_200)
    assert "app/journal.py" in files_of(context, "full")
    assert "def append(self, entry):" in context.text
    assert "entry_11 = self.entry(11" in context.text
    assert all(item.level == "full" for item in context.items if item.source == "app/journal.py")


async def test_only_the_search_for_a_short_task_reranks(store: VectorStore) -> None:
    manager = ContextManager(store)
    assert "rerank" not in (await manager.build(ISSUE, 1_000)).search_method
    assert "rerank" not in (await manager.build("append an entry " * 14, 1_000)).search_method
    assert "rerank" in (await manager.build("append an entry to the journal", 1_000)).search_method


@pytest.mark.parametrize("budget", [500, 2_000, 8_000])
async def test_a_context_for_an_issue_ends_where_nothing_more_matches(store: VectorStore, budget: int) -> None:
    context = await ContextManager(store, graph=False).build(ISSUE, budget)
    assert max(context.tokens, context.message_tokens) <= budget
    assert len(files_of(context)) <= 5
