"""Copies between stores without embedding again: local to local, local to Pinecone and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.types import Match, Record
from aurora_dev.errors import BackendUnavailableError, EmbedderMismatchError, InvalidRequestError, StoreError
from aurora_dev.testing.contract_support import EMBEDDER, OTHER_EMBEDDER, ids, record, unit
from aurora_dev.transfer import copy_records
from aurora_dev.transfer.copying import _share_found

if TYPE_CHECKING:
    from pinecone_server import PineconeServer

    from aurora_dev.core.pinecone_store import PineconeStore

Some = Callable[..., list[Record]]
Read = Callable[..., Any]


class Interrupted(Exception):
    pass


def test_a_copy_is_exact_and_verified(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some, contents: Read
) -> None:
    source.write("n", some(1_500))
    stages: list[tuple[str, int, int]] = []
    report = copy_records(source, target, "n", progress=lambda *said: stages.append(said))
    assert contents(target) == contents(source)
    assert target.embedder() == EMBEDDER
    assert (report.records, report.written, report.vectors, report.left_without) == (1_500, 1_500, 1_350, 0)
    assert (report.only_in_target, report.changed, report.sampled, report.agreement) == (0, False, 20, 1.0)
    assert 10 <= report.queries <= 20
    assert stages[:2] == [("copying", 1_000, 1_500), ("copying", 1_500, 1_500)]
    assert stages[-1] == ("comparing", report.queries, report.queries)


def test_a_copy_goes_to_another_namespace_of_the_same_store(
    source: FAISSLocalStore, some: Some, contents: Read
) -> None:
    source.write("n", some(50))
    assert copy_records(source, source, "n", to_namespace="m").records == 50
    assert contents(source, "m") == contents(source, "n")
    with pytest.raises(InvalidRequestError, match="the same store and namespace"):
        copy_records(source, source, "n")
    again = FAISSLocalStore(source.path / ".." / source.path.name)
    with pytest.raises(InvalidRequestError, match="the same store and namespace"):
        copy_records(source, again, "n")
    again.close()


def test_an_interrupted_copy_continues_with_the_missing_records(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some, contents: Read
) -> None:
    source.write("n", some(2_500))

    def interrupt(_stage: str, _done: int, _total: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        copy_records(source, target, "n", progress=interrupt)
    assert target.count("n") == 1_000
    assert copy_records(source, target, "n").written == 1_500
    assert contents(target) == contents(source)
    assert copy_records(source, target, "n").written == 0


def test_records_only_in_the_target_stay_and_do_not_affect_the_comparison(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some
) -> None:
    records = some(60)
    source.write("n", records)
    target.set_embedder(EMBEDDER)
    own = [record(f"own{i}", "its own", {}, r.vector) for i, r in enumerate(records)]  # as near as the source's
    target.write("n", own)
    report = copy_records(source, target, "n")
    assert (report.written, report.only_in_target, report.agreement) == (60, 60, 1.0)
    assert target.count("n") == 120


def test_vectors_of_a_different_embedder_are_refused_or_left_out(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some
) -> None:
    source.write("n", some(30))
    target.set_embedder(OTHER_EMBEDDER)
    with pytest.raises(EmbedderMismatchError, match="nothing was written"):
        copy_records(source, target, "n")
    assert target.namespaces() == []
    report = copy_records(source, target, "n", vectors=False)
    assert (report.records, report.vectors, report.left_without, report.queries) == (30, 0, 27, 0)
    assert target.stats("n").vectors == 0


def test_a_target_with_different_search_results_is_an_error(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.write("n", some(200))
    honest = target.vector_query

    def worst(namespace: str, vector: Any, top_k: int, filter: Any = None) -> list[Match]:
        return honest(namespace, -vector, top_k, filter)

    monkeypatch.setattr(target, "vector_query", worst)
    with pytest.raises(StoreError, match=r"all 200 records are in the target, but .* Keep the source"):
        copy_records(source, target, "n")


def test_a_record_changed_by_another_process_during_a_copy_is_noticed(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some
) -> None:
    source.write("n", some(10))

    def interfere(stage: str, _done: int, _total: int) -> None:
        if stage == "copying":
            target.write("n", [record("r00003", "somebody else's")])

    with pytest.raises(StoreError, match="1 of 10 sampled records in the target differ"):
        copy_records(source, target, "n", progress=interfere)


def test_a_source_that_changes_during_a_copy_is_reported(
    source: FAISSLocalStore, target: FAISSLocalStore, some: Some
) -> None:
    source.write("n", some(1_200))

    def write(stage: str, done: int, _total: int) -> None:
        if stage == "copying":
            source.write("n", [record("z", f"after {done}")])

    assert copy_records(source, target, "n", progress=write).changed


def test_agreement_counts_ties_as_found() -> None:
    def matches(*pairs: tuple[str, float]) -> list[Match]:
        return [Match(Record(name, "x", {}), score) for name, score in pairs]

    best = matches(("a", 0.9), ("b", 0.5), ("c", 0.5))
    assert _share_found(best, best) == 1.0
    assert _share_found(best, matches(("a", 0.9), ("d", 0.50001), ("b", 0.5))) == 1.0
    assert _share_found(best, matches(("x", 0.9), ("y", 0.8), ("z", 0.7))) == 0.0
    assert _share_found(best, []) == 0.0
    assert _share_found([], best) == 1.0


# -- Pinecone ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pinecone(pinecone_store: Callable[..., PineconeStore]) -> PineconeStore:
    return pinecone_store()


def test_a_copy_to_pinecone_and_back_gives_the_same_store(
    source: FAISSLocalStore, target: FAISSLocalStore, pinecone: PineconeStore, some: Some, contents: Read
) -> None:
    source.write("n", some(700))
    there = copy_records(source, pinecone, "n", to_namespace="team")
    assert (there.records, there.written, there.vectors, there.agreement) == (700, 700, 630, 1.0)
    assert pinecone.embedder() == EMBEDDER
    back = copy_records(pinecone, target, "team", to_namespace="n")
    assert (back.records, back.written, back.vectors, back.agreement) == (700, 700, 630, 1.0)
    assert contents(target) == contents(source)
    query = unit(1, 3)
    assert ids(target.vector_query("n", query, 10)) == ids(source.vector_query("n", query, 10))
    assert copy_records(source, pinecone, "n", to_namespace="team").written == 0


def test_a_copy_to_pinecone_continues_after_an_outage(
    source: FAISSLocalStore,
    pinecone_server: PineconeServer,
    pinecone: PineconeStore,
    some: Some,
    contents: Read,
) -> None:
    source.write("n", some(2_200))

    def break_down(stage: str, done: int, _total: int) -> None:
        if stage == "copying" and done == 1_000:
            pinecone_server.fail(status=401)

    with pytest.raises(StoreError):
        copy_records(source, pinecone, "n", to_namespace="team", progress=break_down)
    pinecone_server.heal()
    pinecone_server.fail(status=503, retry_after=0.001, probability=0.1, seed=3)
    pinecone_server.fail("reset", "upsert", every=7, first=False)
    report = copy_records(source, pinecone, "n", to_namespace="team")
    pinecone_server.heal()
    assert report.records == 2_200
    assert report.written == 1_200
    assert contents(pinecone, "team") == contents(source)


def test_a_copy_waits_until_pinecone_shows_its_writes(
    source: FAISSLocalStore, pinecone_server: PineconeServer, pinecone: PineconeStore, some: Some, contents: Read
) -> None:
    pinecone_server.delay_visibility(reads=3)
    source.write("n", some(120))
    assert copy_records(source, pinecone, "n", to_namespace="team").agreement == 1.0
    assert contents(pinecone, "team") == contents(source)


def test_an_export_from_pinecone_equals_that_of_the_local_store(
    source: FAISSLocalStore, pinecone: PineconeStore, some: Some, tmp_path: Path
) -> None:
    from aurora_dev.transfer import export_records, import_records

    source.write("n", some(150))
    export_records(source, "n", tmp_path / "local.jsonl")
    import_records(pinecone, tmp_path / "local.jsonl")
    pinecone.refresh("n")
    export_records(pinecone, "n", tmp_path / "remote.jsonl.gz")
    import gzip

    local = (tmp_path / "local.jsonl").read_bytes().splitlines()[1:-1]
    remote = gzip.decompress((tmp_path / "remote.jsonl.gz").read_bytes()).splitlines()[1:-1]
    assert remote == local


def test_a_lasting_outage_is_a_store_error(
    source: FAISSLocalStore, pinecone_server: PineconeServer, pinecone: PineconeStore
) -> None:
    source.write("n", [record("a", "alpha", {}, np.ones(8, dtype=np.float32) / np.sqrt(8).astype(np.float32))])
    pinecone_server.stop()
    with pytest.raises(BackendUnavailableError):
        copy_records(source, pinecone, "n", to_namespace="team")
