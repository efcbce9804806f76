"""Commits among other records: the questions that ask for them, and rankings that they do not disturb."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from aurora_dev.core.context_manager import ContextManager
from aurora_dev.core.contracts import Filter, Reranker
from aurora_dev.core.record_kinds import IS_COMMIT
from aurora_dev.core.search.history import asks_for_history, with_room_for_commits, without_commits_to_read
from aurora_dev.core.types import Document, Match, Record, SearchResult
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.history.commit_indexer import commit_document
from aurora_dev.history.git_log import Commit
from aurora_dev.testing.hashing_embedder import HashingEmbedder


def commit(number: int, subject: str, *files: str) -> Document:
    return commit_document(
        Commit(f"{number:040x}", subject, "", "Ada", 1_700_000_000 + number, 1, files, len(files)), "default"
    )


def code(path: str, content: str, symbol: str = "") -> Document:
    metadata: dict[str, str | int] = {"path": path, "start_line": 1, "end_line": 1, "file_hash": "f", "file_chunks": 1}
    return Document(content, {**metadata, **({"symbol": symbol} if symbol else {})})


FILES = [
    code("src/retry.py", "def retry_request(request): send the request again after a pause", "retry_request"),
    code("src/session.py", "class Session: keeps the cookies of a request", "Session"),
    code("src/parse.py", "def parse_header(line): split a header line", "parse_header"),
]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[VectorStore]:
    opened = VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker="none")
    await opened.upsert(FILES)
    yield opened
    await opened.close()


async def order(store: VectorStore, query: str, top_k: int = 5) -> list[str]:
    return [str(r.metadata.get("path") or "commit") for r in await store.search(query, top_k, rerank=False)]


@pytest.mark.parametrize(
    "query",
    [
        "why is the retry limited",
        "Why does it retry?",
        "how come we retry twice",
        "since when are headers split",
        "when was the session added",
        "who changed the parser",
        "who last touched retries",
        "what changed in the session",
        "recently changed files",
        "which commit removed the cache",
        "history of the session",
        "git history for retry",
        "reason for the pause",
        "the rationale of the retry",
        "explain why the retry is limited",
    ],
)
def test_questions_about_reasons_and_the_past_ask_for_commits(query: str) -> None:
    assert asks_for_history(query)


@pytest.mark.parametrize(
    "query",
    [
        "retry_request",
        "how are requests retried when a connection fails",
        "what happens when the cache is full",
        "when is the cache emptied",
        "who calls parse_header",
        "commit a transaction",
        "browser history",
        "response.history",
        "redirect history of a response",
        "HistoryManager",
        "notify when a row was changed",
        "raise with a reason phrase",
    ],
)
def test_questions_about_code_do_not_ask_for_commits(query: str) -> None:
    assert not asks_for_history(query)


async def test_a_question_about_code_ranks_the_code_as_if_there_were_no_commits(store: VectorStore) -> None:
    queries = ["retry a request after a pause", "keeps the cookies", "split a header line", "request"]
    before = [await order(store, query) for query in queries]
    await store.upsert(
        [commit(n, f"Retry a request after a pause, keep cookies, split header {n}") for n in range(300)]
    )
    for query, paths in zip(queries, before, strict=True):
        found = await order(store, query, 50)
        assert [path for path in found if path != "commit"] == paths
        assert found[0] == paths[0]


async def test_a_question_about_the_past_has_its_commit_first_and_code_soon(store: VectorStore) -> None:
    await store.upsert([commit(1, "Retry a request only once: twice doubled the load", "src/retry.py")])
    await store.upsert([commit(n, f"Reformat module {n}") for n in range(2, 40)])
    results = await store.search("why is a request retried once", 5, rerank=False)
    assert results[0].content.startswith("Retry a request only once")
    assert any(result.metadata.get("path") == "src/retry.py" for result in results)
    assert all(0.0 <= result.score <= 1.0 for result in results)
    assert [result.score for result in results] == sorted((result.score for result in results), reverse=True)


async def test_notes_answer_a_question_about_reasons_beside_commits(store: VectorStore) -> None:
    await store.upsert([Document("A request is retried once since twice doubled the load.", {"kind": "decision"})])
    await store.upsert([commit(n, f"Reformat module {n}") for n in range(2, 40)])
    results = await store.search("why is a request retried once", 3, rerank=False)
    assert results[0].metadata["kind"] == "decision"


async def test_a_filter_can_ask_for_commits_only(store: VectorStore) -> None:
    await store.upsert([commit(n, f"Retry a request, part {n}") for n in range(150)])
    results = await store.search("retry a request", 120, rerank=False, filter={"kind": "commit"})
    assert len(results) == 120
    assert await store.count(IS_COMMIT) == 150


class Reads(Reranker):
    """A reranker that records what it reads and prefers commits."""

    name = "reads"
    is_available = True
    unavailable_reason = None

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def score(self, _query: str, texts: Sequence[str]) -> np.ndarray:
        self.texts = list(texts)
        return np.array([0.9 if "Commit" in text else 0.4 for text in texts], dtype=np.float32)


async def test_a_reranker_reads_commits_only_if_they_are_asked_for(tmp_path: Path) -> None:
    reranker = Reads()
    async with VectorStore(path=tmp_path, embedder=HashingEmbedder(), reranker=reranker) as store:
        await store.upsert([*FILES, *(commit(n, f"Retry a request, part {n}") for n in range(20))])
        results = await store.search("retry a request after a pause", 5)
        assert not any("Commit" in text for text in reranker.texts)
        assert results[0].metadata.get("path") == "src/retry.py"
        assert [result.score for result in results] == sorted((result.score for result in results), reverse=True)
        results = await store.search("why retry a request after a pause", 5)
        assert any("Commit" in text for text in reranker.texts)
        assert results[0].metadata.get("kind") == "commit"
        await store.search("retry a request", 5, filter={"kind": "commit"})
        assert all("Commit" in text for text in reranker.texts)


def match(number: int, *, commit: bool) -> Match:
    metadata = {"commit": "f" * 40} if commit else {"path": f"{number}.py"}
    return Match(Record(f"{number:04}", "text", metadata), 1.0 / (number + 1))


@pytest.mark.parametrize("share", [2, 3, 20, 500])
def test_a_candidate_list_has_room_for_as_much_code_as_without_commits(share: int) -> None:
    everything = [match(number, commit=number % share != 0) for number in range(60_000)]

    def query(count: int, condition: Filter | None) -> list[Match]:
        return [one for one in everything if condition is None or "commit" not in one.record.metadata][:count]

    found = with_room_for_commits(query, 100)
    code_found = [one for one in found if "path" in one.record.metadata]
    assert code_found == [one for one in everything if "path" in one.record.metadata][:100]
    assert 0 < len(found) - len(code_found) <= 100
    assert found == sorted(found, key=lambda one: -one.score)


def test_without_commits_a_candidate_list_takes_one_query() -> None:
    asked = []

    def query(count: int, condition: Filter | None) -> list[Match]:
        asked.append((count, condition))
        return [match(number, commit=False) for number in range(count)]

    assert len(with_room_for_commits(query, 100)) == 100
    assert asked == [(100, None)]


def test_results_that_are_all_commits_are_reranked() -> None:
    commits = [SearchResult(str(n), "text", 1.0 - n / 10, {"commit": "a"}) for n in range(3)]
    assert without_commits_to_read(commits, 3, 3) == (commits, 3)


def test_commits_that_are_not_read_come_last_in_the_order_of_scores() -> None:
    results = [
        SearchResult(str(n), "text", 1.0 - n / 10, {"commit": "a"} if n == 1 else {"path": "p"}) for n in range(4)
    ]
    ordered, read = without_commits_to_read(results, 4, 12)
    assert [result.id for result in ordered] == ["0", "2", "3", "1"]
    assert read == 3
    assert [result.score for result in ordered] == sorted((result.score for result in ordered), reverse=True)


async def test_a_context_has_commits_only_if_the_task_asks_for_reasons(store: VectorStore) -> None:
    await store.upsert([commit(1, "Retry a request only once: twice doubled the load", "src/retry.py")])
    manager = ContextManager(store)
    asked = await manager.build("why is a request retried only once", 2_000)
    assert "twice doubled the load" in asked.text
    assert [item.source for item in asked.items if item.source.startswith("commit ")] == ["commit 00000000"]
    plain = await manager.build("retry a request after a pause", 2_000)
    assert "twice doubled the load" not in plain.text
    assert "retry_request" in plain.text
