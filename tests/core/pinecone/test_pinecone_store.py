"""The store on Pinecone beyond the contract: indexes, several machines, freshness, settings, searches."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pinecone_server import PineconeServer

from aurora_dev import Document, Memory, Settings, VectorStore
from aurora_dev.core import factory
from aurora_dev.core.pinecone_store import PineconeStore
from aurora_dev.core.types import Record
from aurora_dev.errors import (
    BackendUnavailableError,
    ConfigurationError,
    EmbedderMismatchError,
    IndexNotFoundError,
    InvalidRequestError,
    StoreClosedError,
)
from aurora_dev.memory.opening import open_store
from aurora_dev.testing.contract_support import (
    DIMENSION,
    EMBEDDER,
    LIBRARY,
    OTHER_EMBEDDER,
    WIDER_EMBEDDER,
    ids,
    record,
    unit,
)
from aurora_dev.testing.hashing_embedder import HashingEmbedder

pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")

Opener = Callable[..., PineconeStore]


@pytest.fixture
def store(pinecone_store: Opener) -> PineconeStore:
    opened = pinecone_store()
    opened.set_embedder(EMBEDDER)
    return opened


def vectors_of(server: PineconeServer, index: str = "aurora") -> set[str]:
    """Return the ids in all namespaces of vectors."""
    found = server.index(index)
    return {name for space in found.names() if "~v" in space for name in found.ids(space)}


# --- indexes ----------------------------------------------------------------------------------------------------------


def test_nothing_connects_before_the_first_call(pinecone_server: PineconeServer, pinecone_store: Opener) -> None:
    store = pinecone_store(create=False)
    assert not store.capabilities.local
    assert not store.capabilities.transactional
    assert pinecone_server.asked() == []


def test_indexes_are_made_in_the_given_place_and_waited_for(
    pinecone_server: PineconeServer, pinecone_store: Opener
) -> None:
    pinecone_server.ready_after = 1
    store = pinecone_store(index="team", cloud="gcp", region="europe-west4")
    store.set_embedder(EMBEDDER)
    made = [seen.body for seen in pinecone_server.asked("create_index")]
    assert [body["name"] for body in made] == ["team-sparse", "team"]
    assert made[0]["schema"]["fields"] == {"_sparse_values": {"type": "sparse_vector"}}
    assert made[1]["schema"]["fields"]["_values"] == {
        "type": "dense_vector",
        "dimension": DIMENSION,
        "metric": "cosine",
    }
    assert all(body["deployment"]["cloud"] == "gcp" for body in made)
    store.write("n", [record("a", "x", {}, unit(1))])
    assert store.fetch("n", ["a"])["a"].content == "x"


def test_a_missing_index_is_an_error_with_advice(pinecone_store: Opener) -> None:
    with pytest.raises(IndexNotFoundError, match=r"'aurora-sparse'.*create=True"):
        pinecone_store(create=False).count("n")


def test_two_machines_that_make_an_index_at_once_share_it(
    pinecone_server: PineconeServer, pinecone_store: Opener
) -> None:
    pinecone_server.create_index("aurora-sparse", sparse=True)
    store = pinecone_store()
    # It appears between the check and the creation: the answer is a conflict.
    pinecone_server.fail("status", "describe_index", status=404, times=1)
    store.set_embedder(EMBEDDER)
    assert store.embedder() == EMBEDDER


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"dimension": 3}, "3 dimensions"),
        ({"dimension": DIMENSION, "metric": "dotproduct"}, "dotproduct"),
        ({"sparse": True}, "sparse"),
    ],
    ids=["dimension", "metric", "kind"],
)
def test_an_index_that_does_not_fit_is_an_error_with_advice(
    pinecone_server: PineconeServer, pinecone_store: Opener, made: dict[str, Any], words: str
) -> None:
    pinecone_server.create_index("aurora", **made)
    pinecone_server.create_index("aurora-sparse", sparse=True)
    store = pinecone_store(create=False)
    with pytest.raises(ConfigurationError, match=words) as caught:
        store.set_embedder(EMBEDDER)
    assert "pinecone_index" in str(caught.value)
    assert store.embedder() is None


def test_a_dense_index_where_the_sparse_one_should_be_is_refused(
    pinecone_server: PineconeServer, pinecone_store: Opener
) -> None:
    pinecone_server.create_index("aurora-sparse", dimension=DIMENSION)
    with pytest.raises(ConfigurationError, match="pinecone_keyword"):
        pinecone_store().count("n")


def test_an_embedder_of_another_dimension_gets_an_index_of_its_own(
    pinecone_server: PineconeServer, store: PineconeStore, pinecone_store: Opener
) -> None:
    store.write("n", [record("a", "x", {}, unit(1))])
    store.set_embedder(WIDER_EMBEDDER)
    wide = np.eye(2 * DIMENSION, dtype=np.float32)[1]
    assert store.attach_vectors("n", [record("a", "x", {}, wide)], embedder=WIDER_EMBEDDER) == 1
    assert vectors_of(pinecone_server) == set()
    assert vectors_of(pinecone_server, "aurora-16") == {"a"}
    # Another machine finds it by its recorded name, and makes nothing.
    assert ids(pinecone_store(create=False).vector_query("n", wide, 3)) == ["a"]


def test_with_hosts_the_control_plane_is_not_asked(pinecone_server: PineconeServer, pinecone_store: Opener) -> None:
    pinecone_server.create_index("a", dimension=DIMENSION)
    pinecone_server.create_index("b", sparse=True)
    store = pinecone_store(host=pinecone_server.host("a"), sparse_host=pinecone_server.host("b"))
    store.set_embedder(EMBEDDER)
    store.write("n", [record("a", "alpha", {}, unit(1))])
    assert ids(store.keyword_query("n", "alpha", 1)) == ids(store.vector_query("n", unit(1), 1)) == ["a"]
    assert pinecone_server.asked("describe_index", "create_index", "list_indexes") == []


def test_vectors_lost_with_their_index_are_rebuilt_from_the_text(
    pinecone_server: PineconeServer, pinecone_store: Opener
) -> None:
    first = pinecone_store()
    first.set_embedder(EMBEDDER)
    first.write("n", [record("a", "alpha", {}, unit(1)), record("b", "beta", {}, unit(0, 1))])
    first.close()
    pinecone_server.drop_index("aurora")
    store = pinecone_store()
    assert store.vector_query("n", unit(1), 2) == []
    assert ids(store.keyword_query("n", "alpha", 2)) == ["a"]
    store.write("n", [record("c", "gamma", {}, unit(1, 1))], embedder=EMBEDDER)
    missing = store.missing_vectors("n", 10)
    assert sorted(r.id for r in missing) == ["a", "b"]
    store.attach_vectors("n", [replace(r, vector=unit(1)) for r in missing], embedder=EMBEDDER)
    assert ids(store.vector_query("n", unit(1), 3)) == ["a", "b", "c"]


# --- without keyword search -------------------------------------------------------------------------------------------


@pytest.fixture
def dense_only(pinecone_store: Opener) -> PineconeStore:
    store = pinecone_store(keyword=False)
    store.set_embedder(EMBEDDER)
    return store


def test_without_keyword_search_one_index_holds_everything(
    pinecone_server: PineconeServer, dense_only: PineconeStore
) -> None:
    dense_only.write("n", [record("a", "alpha", {"k": 1}, unit(1)), record("b", "beta", {"k": 2})])
    assert list(pinecone_server.known) == ["aurora"]
    assert not dense_only.capabilities.keyword
    assert dense_only.keyword_query("n", "alpha", 3) == []
    assert ids(dense_only.vector_query("n", unit(1), 5)) == ["a"]
    assert [r.id for r in dense_only.missing_vectors("n", 5)] == ["b"]
    stats = dense_only.stats("n")
    assert (stats.records, stats.vectors, dense_only.namespaces()) == (2, 1, ["n"])
    assert [(r.id, r.vector is not None) for r in dense_only.scan("n", vectors=True)] == [("a", True), ("b", False)]
    dense_only.set_embedder(OTHER_EMBEDDER)
    assert dense_only.vector_query("n", unit(1), 5) == []
    assert dense_only.delete_namespace("n") == 2


def test_without_keyword_search_and_an_index_the_store_is_empty(pinecone_store: Opener) -> None:
    store = pinecone_store(keyword=False)
    assert (store.embedder(), store.namespaces(), store.count("n"), list(store.scan("n"))) == (None, [], 0, [])
    assert store.fetch("n", ["a"]) == {}
    assert store.missing_vectors("n", 1) == []
    assert store.delete_namespace("n") == 0
    assert store.stats("n").records == 0
    assert store.vector_query("n", unit(1), 1) == []
    store.write("n", deletes=["a"])
    with pytest.raises(InvalidRequestError, match="set_embedder"):
        store.write("n", [record("a", "x")])


def test_without_keyword_search_another_dimension_is_refused(dense_only: PineconeStore) -> None:
    with pytest.raises(ConfigurationError, match="16 dimensions"):
        dense_only.set_embedder(WIDER_EMBEDDER)
    assert dense_only.embedder() == EMBEDDER


# --- several machines -------------------------------------------------------------------------------------------------


def test_one_machine_reads_the_writes_of_another(store: PineconeStore, pinecone_store: Opener) -> None:
    other = pinecone_store(create=False)
    store.write("n", [record("a", "alpha", {"k": 1}, unit(1))])
    assert other.embedder() == EMBEDDER
    assert other.fetch("n", ["a"])["a"].metadata == {"k": 1}
    assert ids(other.vector_query("n", unit(1), 1)) == ids(other.keyword_query("n", "alpha", 1)) == ["a"]
    before = other.stats("n").sequence
    store.write("n", [record("a", "beta", {"k": 1}, unit(1))])
    other.write("n", [record("b", "gamma", {}, unit(0, 1))])
    assert store.stats("n").sequence == other.stats("n").sequence > before


def test_machines_that_change_a_namespace_at_once_write_different_sequences(
    store: PineconeStore, pinecone_store: Opener
) -> None:
    store.write("n", [record("a", "x")])
    seen = {store.stats("n").sequence}
    for machine in (store, pinecone_store(), pinecone_store()):
        machine.write("n", [record("a", "x")])
        seen.add(machine.stats("n").sequence)
    assert len(seen) == 4


def test_vectors_of_a_switched_embedder_are_refused_at_once(store: PineconeStore, pinecone_store: Opener) -> None:
    assert store.embedder() == EMBEDDER  # and trusts it for a while
    pinecone_store().set_embedder(OTHER_EMBEDDER)
    with pytest.raises(EmbedderMismatchError, match="nothing was written"):
        store.write("n", [record("a", "x", {}, unit(1))], embedder=EMBEDDER)
    assert store.fetch("n", ["a"]) == {}


def test_switching_the_embedder_back_revives_no_stale_vector(
    pinecone_server: PineconeServer, store: PineconeStore
) -> None:
    store.write("n", [record("a", "x", {}, unit(1)), record("b", "y", {}, unit(1))])
    store.set_embedder(OTHER_EMBEDDER)
    assert vectors_of(pinecone_server) == set()
    store.write("n", [record("a", "rewritten")], ["b"])
    store.set_embedder(EMBEDDER)
    assert store.vector_query("n", unit(1), 5) == []
    assert [r.id for r in store.missing_vectors("n", 5)] == ["a"]


def test_a_machine_that_stops_between_two_indexes_leaves_a_record_that_looks_out_of_date(
    pinecone_server: PineconeServer, store: PineconeStore
) -> None:
    store.write("n", [record("a", "old", {"file_hash": "1"}, unit(1))])
    pinecone_server.fail("status", "upsert", status=403, skip=1, times=1)  # the vector is written, the record is not
    with pytest.raises(Exception, match="403"):
        store.write("n", [record("a", "new", {"file_hash": "2"}, unit(0, 1))])
    found = store.fetch("n", ["a"], vectors=True)["a"]
    assert (found.content, found.metadata) == ("old", {"file_hash": "1"})
    assert found.vector is None  # that of another text is none
    store.write("n", [record("a", "new", {"file_hash": "2"}, unit(0, 1))])
    fetched = store.fetch("n", ["a"], vectors=True)["a"].vector
    assert fetched is not None
    assert np.allclose(fetched, unit(0, 1))


def test_ids_and_terms_are_the_same_on_every_machine(pinecone_server: PineconeServer, pinecone_store: Opener) -> None:
    sent = []
    for _ in range(2):
        machine = pinecone_store()
        machine.set_embedder(EMBEDDER)
        pinecone_server.forget()
        machine.write("n", [replace(r, vector=unit(1)) for r in LIBRARY])
        sent.append([seen.body for seen in pinecone_server.asked("upsert") if seen.body["namespace"][0] == "n"])
    assert sent[0] == sent[1]
    assert len(sent[0]) == 2


# --- freshness --------------------------------------------------------------------------------------------------------


def test_refresh_returns_when_searches_see_the_writes(pinecone_server: PineconeServer, store: PineconeStore) -> None:
    pinecone_server.delay_visibility(reads=3)
    store.write("n", [record("a", "alpha", {}, unit(1))])
    assert store.vector_query("n", unit(1), 1) == []
    store.refresh("n")
    assert ids(store.vector_query("n", unit(1), 1)) == ids(store.keyword_query("n", "alpha", 1)) == ["a"]
    store.write("n", deletes=["a"])
    store.refresh("n")
    assert store.fetch("n", ["a"]) == {}
    assert store.vector_query("n", unit(1), 1) == []


def test_lists_and_counts_wait_for_own_writes(pinecone_server: PineconeServer, store: PineconeStore) -> None:
    pinecone_server.delay_visibility(reads=2)
    store.write("n", [record("a", "x", {"k": 1}), record("b", "x", {"k": 1}, unit(1))])
    assert [r.id for r in store.scan("n")] == ["a", "b"]
    store.write("n", [record("c", "x", {"k": 1})])
    assert store.count("n", {"k": 1}) == 3
    store.write("n", [record("d", "x", {"k": 1})])
    assert [r.id for r in store.missing_vectors("n", 9)] == ["a", "c", "d"]
    store.write("n", [record("e", "x", {"k": 1})])
    assert store.delete_where("n", {"k": 1}) == 5
    assert list(store.scan("n")) == []


def test_writes_that_do_not_show_yet_can_be_read_and_deleted(
    pinecone_server: PineconeServer, store: PineconeStore
) -> None:
    pinecone_server.delay_visibility(reads=3)
    store.write("n", [record("a", "alpha", {}, unit(1)), record("b", "beta", {}, unit(0, 1))])
    assert store.fetch("n", ["b"], vectors=True)["b"].vector is not None
    store.write("n", [record("c", "gamma", {}, unit(1))])
    store.write("n", deletes=["c"])
    store.refresh("n")
    assert [r.id for r in store.scan("n")] == ["a", "b"]
    assert sorted(ids(store.vector_query("n", unit(1), 5))) == ["a", "b"]


def test_writes_that_do_not_show_in_time_are_reported_and_stored(
    pinecone_server: PineconeServer, pinecone_store: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    store = pinecone_store(visibility_timeout=0.2)
    store.set_embedder(EMBEDDER)
    pinecone_server.delay_visibility(reads=10_000)
    store.write("n", [record("a", "x", {}, unit(1))])
    with pytest.raises(BackendUnavailableError, match="are stored, and will show later"):
        store.refresh("n")
    store.write("n", [record("a", "y", {}, unit(1))])
    with caplog.at_level(logging.WARNING, "aurora_dev"):
        assert list(store.scan("n")) == []
    assert "pinecone_not_fresh" in caplog.text
    assert set(pinecone_server.index("aurora-sparse").ids("n")) == {"a"}


def test_a_record_that_was_written_again_is_not_waited_for_as_deleted(
    store: PineconeStore, pinecone_store: Opener
) -> None:
    store.write("n", deletes=["a"])
    store.write("n", [record("a", "x"), record("z", "x")])
    store.write("n", deletes=["a"])
    store.write("n", [record("a", "x"), record("z", "x")])
    store.refresh("n")
    # A write of another machine looks like one that does not show: it is waited for once.
    impatient = pinecone_store(visibility_timeout=0.1)
    impatient.write("n", deletes=["a"])
    store.write("n", [record("a", "x")])
    with pytest.raises(BackendUnavailableError):
        impatient.refresh("n")
    impatient.refresh("n")


# --- large answers ----------------------------------------------------------------------------------------------------


def test_a_search_whose_answer_would_be_too_large_fetches_the_texts(
    pinecone_server: PineconeServer, store: PineconeStore
) -> None:
    text = "word " * 7_000
    store.write("n", [record(f"{i:03d}", f"{text} {i}", {}, unit(1, i / 100)) for i in range(130)])
    found = store.vector_query("n", unit(1), 120)
    assert ids(found) == [f"{i:03d}" for i in range(120)]
    assert found[-1].record.content.endswith(" 119")
    # The service refuses to answer with more than 4 MB; the server that stands in for it notes that it was asked.
    assert all("4" in str(violation) for violation in pinecone_server.violations)
    pinecone_server.violations.clear()


def test_requests_keep_to_the_limits_of_size(pinecone_server: PineconeServer, store: PineconeStore) -> None:
    store.write("n", [record(f"{i:03d}", "ä" * 15_000 + str(i), {}, unit(1, i)) for i in range(150)])
    assert store.count("n") == 150
    assert max(len(seen.raw) for seen in pinecone_server.asked("upsert")) <= 2_000_000
    with pytest.raises(InvalidRequestError, match="'large'"):
        store.write("n", [record("small", "x"), record("large", "x" * 41_000)])
    assert store.fetch("n", ["small"]) == {}


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("environment")
def test_settings_choose_the_index_and_a_closed_store_raises(
    pinecone_server: PineconeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURORA_PINECONE_INDEX", "team")
    store = factory.create_backend("pinecone")
    assert repr(store) == "PineconeStore(index='team', keyword=True)"
    store.write("n", [record("a", "x")])
    store.close()
    assert list(pinecone_server.known) == ["team-sparse"]
    with pytest.raises(StoreClosedError):
        store.count("n")


def test_without_a_key_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PINECONE_API_KEY", raising=False)
    monkeypatch.delenv("AURORA_PINECONE_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="PINECONE_API_KEY"):
        factory.create_backend("pinecone")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 1001}, "batch_size"),
        ({"batch_size": 0}, "batch_size"),
        ({"concurrency": 65}, "concurrency"),
        ({"timeout": 0}, "timeout"),
        ({"visibility_timeout": float("nan")}, "visibility_timeout"),
        ({"index": "x" * 40}, "38 characters"),
        ({"index": ""}, "38 characters"),
    ],
    ids=str,
)
def test_the_error_names_a_wrong_option(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        PineconeStore("key", **options)


@pytest.mark.parametrize(
    "line",
    [
        'backend = "pinecone"',
        'pinecone_index = "production"',
        "pinecone_create = true",
        'pinecone_host = "evil.example"',
    ],
)
def test_a_projects_file_cannot_choose_the_destination_of_text(tmp_path: Path, line: str) -> None:
    (tmp_path / "aurora.toml").write_text(line, "utf-8")
    with pytest.raises(ConfigurationError, match=r"a project's file may not decide.*AURORA_"):
        Settings.load(tmp_path)


def test_a_projects_file_chooses_its_namespace_only_in_a_store_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "aurora.toml").write_text('namespace = "other-project"', "utf-8")
    assert Settings.load(tmp_path).namespace == "other-project"
    with pytest.raises(ConfigurationError, match="AURORA_NAMESPACE=other-project"):
        Settings.load(tmp_path, backend="pinecone")
    assert Settings.load(tmp_path, backend="pinecone", namespace="mine").namespace == "mine"


def test_a_project_on_pinecone_needs_a_namespace_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="AURORA_NAMESPACE"):
        open_store(Settings(backend="pinecone", pinecone_api_key="k"), tmp_path)


@pytest.mark.usefixtures("pinecone_server")
def test_the_key_appears_in_no_log_text_or_error(pinecone_store: Opener, caplog: pytest.LogCaptureFixture) -> None:
    key = "pcsk_THIS-IS-SECRET"
    store = pinecone_store(api_key=key)
    with caplog.at_level(logging.DEBUG), pytest.raises(Exception, match="401") as caught:
        store.count("n")
    shown = f"{store!r} {store} {vars(store)} {caught.value!r} {caught.value} {caplog.text}"
    assert "SECRET" not in shown


# --- through VectorStore and Memory -----------------------------------------------------------------------------------


@pytest.fixture
def environment(
    pinecone_server: PineconeServer,
    few_certificates: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PINECONE_API_KEY", pinecone_server.api_key)
    monkeypatch.setenv("PINECONE_CONTROLLER_HOST", pinecone_server.url)
    monkeypatch.setenv("AURORA_PINECONE_CREATE", "true")


@pytest.mark.usefixtures("environment")
async def test_a_program_changes_only_the_name_of_the_backend(tmp_path: Path) -> None:
    documents = [Document(r.content, r.metadata, r.id) for r in LIBRARY]
    found = {}
    for backend in ("faiss", "pinecone"):
        async with VectorStore(
            backend=backend, path=tmp_path, namespace="n", embedder=HashingEmbedder(DIMENSION), reranker="none"
        ) as store:
            await store.upsert(documents, wait=True)
            results = await store.search("tokens are signed", top_k=3)
            found[backend] = ([result.id for result in results], results.search_method, results.degraded)
    assert found["faiss"] == found["pinecone"]
    assert found["pinecone"][1:] == ("rrf_hybrid", None)


@pytest.mark.usefixtures("environment")
async def test_upsert_waits_if_asked_to(pinecone_server: PineconeServer) -> None:
    async with VectorStore(backend="pinecone", embedder=HashingEmbedder(DIMENSION), reranker="none") as store:
        await store.upsert([Document("first words")])
        pinecone_server.delay_visibility(reads=2)
        await store.upsert([Document("zebra crossing")], wait=True)
        assert [result.content for result in await store.search("zebra", top_k=1)] == ["zebra crossing"]


@pytest.mark.usefixtures("environment")
async def test_degraded_says_that_keyword_search_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_PINECONE_KEYWORD", "false")
    async with VectorStore(backend="pinecone", embedder=HashingEmbedder(DIMENSION), reranker="none") as store:
        await store.upsert([Document("alpha beta")], wait=True)
        results = await store.search("alpha", top_k=1)
        assert (len(results), results.search_method) == (1, "vector")
        assert results.degraded
        assert "keyword" in results.degraded


@pytest.mark.usefixtures("environment")
async def test_degraded_says_that_keyword_search_failed(pinecone_server: PineconeServer) -> None:
    async with VectorStore(backend="pinecone", embedder=HashingEmbedder(DIMENSION), reranker="none") as store:
        await store.upsert([Document("alpha beta")], wait=True)
        assert (await store.search("alpha", top_k=1)).search_method == "rrf_hybrid"
        pinecone_server.drop_index("aurora-sparse")
        results = await store.search("alpha", top_k=1)
        assert (len(results), results.search_method) == (1, "vector")
        assert results.notices[0].code == "keyword_unavailable"


@pytest.mark.usefixtures("environment")
async def test_a_search_does_not_judge_its_relevance_without_counts_of_words() -> None:
    async with VectorStore(backend="pinecone", embedder=HashingEmbedder(DIMENSION), reranker="none") as store:
        await store.upsert([Document("alpha beta"), Document("gamma delta")], wait=True)
        for query in ("alpha", "banana bread with walnuts", "frobnicate_widget"):
            results = await store.search(query)
            assert results.relevance is None
            assert results.notices == ()


@pytest.mark.usefixtures("environment", "pinecone_server")
async def test_two_machines_index_one_project_and_the_second_finds_nothing_to_do(
    tmp_path: Path,
) -> None:
    reports = []
    for machine in ("one", "two"):
        project = tmp_path / machine
        project.mkdir()
        (project / "auth.py").write_text("def verify_token(token):\n    return token == 'x'\n", "utf-8")
        (project / "notes.md").write_text("# Limits\n\nRate limits are counted in Redis.\n", "utf-8")
        async with Memory.open(project, backend="pinecone", namespace="shared") as memory:
            reports.append(await memory.index())
            results = await memory.search("verify token", top_k=1)
            assert results[0].metadata["path"] == "auth.py"
            assert (await memory.status()).backend["kind"] == "pinecone"
    assert (reports[0].files_added, reports[1].files_added, reports[1].files_unchanged) == (2, 0, 2)


def test_a_vector_of_zeros_is_near_to_nothing(store: PineconeStore) -> None:
    zeros = np.zeros(DIMENSION, np.float32)
    store.write("n", [Record("a", "?!", {}, zeros), record("b", "x", {}, unit(1))])
    stats = store.stats("n")
    assert (stats.records, stats.vectors) == (2, 2)
    assert store.missing_vectors("n", 5) == []
    assert ids(store.vector_query("n", unit(1), 5)) == ["b"]
    vector = store.fetch("n", ["a"], vectors=True)["a"].vector
    assert vector is not None
    assert vector.shape == (DIMENSION,)
    assert not vector.any()
