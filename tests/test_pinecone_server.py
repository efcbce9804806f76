"""The fake of Pinecone, through the real client."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pinecone = pytest.importorskip("pinecone", reason="the extra 'pinecone' is not installed")

from pinecone import errors  # noqa: E402  (only where the extra is installed)
from pinecone_server import DIFFERENCES, PineconeServer  # noqa: E402
from pinecone_server import description as described  # noqa: E402

if TYPE_CHECKING:
    from pinecone.index import Index as ClientIndex

DENSE = {"fields": {"_values": {"type": "dense_vector", "dimension": 3, "metric": "cosine"}}}
SPARSE = {"fields": {"_sparse_values": {"type": "sparse_vector"}}}
N = "n"


@pytest.fixture
def client(pinecone_server: PineconeServer) -> Iterator[Any]:
    client = pinecone.Pinecone(api_key=pinecone_server.api_key, host=pinecone_server.url)
    yield client
    client.close()


@pytest.fixture
def index(pinecone_server: PineconeServer) -> Iterator[ClientIndex]:
    pinecone_server.create_index("dense", dimension=3)
    yield from _opened(pinecone_server, "dense")


@pytest.fixture
def sparse_index(pinecone_server: PineconeServer) -> Iterator[ClientIndex]:
    pinecone_server.create_index("sparse", sparse=True)
    yield from _opened(pinecone_server, "sparse")


def _opened(server: PineconeServer, name: str) -> Iterator[ClientIndex]:
    index = pinecone.Index(host=server.host(name), api_key=server.api_key)
    yield index
    index.close()


def _put(index: ClientIndex, *records: tuple[str, list[float], dict[str, Any]]) -> Any:
    return index.upsert(vectors=[{"id": i, "values": v, "metadata": m} for i, v, m in records], namespace=N)


def _raw(server: PineconeServer, url: str, body: Any, *, version: str = "2026-07") -> int:
    """Send a request that the client never sends, and return the status."""
    headers = {"Api-Key": server.api_key, "X-Pinecone-Api-Version": version, "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def _refused(server: PineconeServer) -> str:
    """Return the only recorded violation, and forget it."""
    (text,) = server.violations
    server.violations.clear()
    return text


# -- indexes -----------------------------------------------------------------------------------------------------------


def test_an_index_is_made_described_listed_changed_and_deleted(pinecone_server: PineconeServer, client: Any) -> None:
    made = client.indexes.create(name="one", schema=DENSE, tags={"a": "b"})
    assert (made.status.ready, made.metric, made.dimension, made.host) == (
        True,
        "cosine",
        3,
        pinecone_server.host("one"),
    )
    assert client.indexes.create(name="two", schema=SPARSE).vector_type == "sparse"
    assert [one.name for one in client.indexes.list()] == ["one", "two"]
    client.indexes.configure("one", deletion_protection="enabled", tags={"a": "", "c": "d"})
    assert client.indexes.describe("one").tags == {"c": "d"}
    with pytest.raises(errors.ForbiddenError):
        client.indexes.delete("one", timeout=-1)
    client.indexes.configure("one", deletion_protection="disabled")
    client.indexes.delete("one", timeout=-1)
    with pytest.raises(errors.NotFoundError):
        client.indexes.describe("one")


def test_a_new_index_has_no_host_until_it_is_ready(pinecone_server: PineconeServer, client: Any) -> None:
    pinecone_server.ready_after = 2
    made = client.indexes.create(name="one", schema=DENSE, timeout=-1)
    states = [(made.status.ready, made.host)]
    for _ in range(3):
        now = client.indexes.describe("one")
        states.append((now.status.ready, now.host))
    assert states == [(False, None)] * 3 + [(True, pinecone_server.host("one"))]


def test_a_name_is_given_once_and_an_unknown_key_is_refused(pinecone_server: PineconeServer, client: Any) -> None:
    client.indexes.create(name="one", schema=DENSE)
    with pytest.raises(errors.ConflictError):
        client.indexes.create(name="one", schema=DENSE)
    stranger = pinecone.Index(host=pinecone_server.host("one"), api_key="other")
    with pytest.raises(errors.UnauthorizedError):
        stranger.describe_index_stats()
    stranger.close()


# -- records -----------------------------------------------------------------------------------------------------------


def test_numbers_of_metadata_come_back_as_floats_and_ids_in_another_order(index: ClientIndex) -> None:
    _put(index, ("a", [1, 2, 0], {"n": 3, "b": True, "t": ["x"], "s": "y"}), ("b", [0, 1, 0], {}))
    found = index.fetch(ids=["a", "b", "c"], namespace=N)
    assert list(found.vectors) == ["b", "a"]
    assert found.vectors["a"].metadata == {"n": 3.0, "b": True, "t": ["x"], "s": "y"}
    assert isinstance(found.vectors["a"].metadata["n"], float)


def test_the_nearest_come_first_and_a_filter_applies_before_top_k(index: ClientIndex) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((50, 3)).astype(np.float32)
    _put(index, *((f"r{i:02}", vector.tolist(), {"even": i % 2 == 0}) for i, vector in enumerate(vectors)))
    query = [0.3, -1.0, 0.5]
    cosine = vectors @ np.array(query) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    expected = [f"r{i:02}" for i in np.argsort(-cosine) if i % 2 == 0][:7]
    found = index.query(vector=query, top_k=7, namespace=N, filter={"even": True}, include_values=True)
    assert [match.id for match in found.matches] == expected
    assert found.matches[0].score == pytest.approx(max(cosine[::2]), abs=1e-6)
    assert found.matches[0].metadata is None
    assert len(found.matches[0].values) == 3
    assert index.query(vector=query, top_k=7, namespace="other").matches == []


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"n": 1}, "a"),
        ({"n": {"$ne": 1}}, "bcd"),
        ({"n": {"$gt": 1}}, "b"),
        ({"n": {"$gte": 1, "$lt": 2}}, "a"),
        ({"n": {"$in": [1, 2]}}, "ab"),
        ({"n": {"$nin": [1]}}, "bcd"),
        ({"t": "x"}, "ac"),
        ({"t": {"$in": ["y"]}}, "c"),
        ({"t": {"$nin": ["y"]}}, "abd"),
        ({"n": {"$exists": False}}, "d"),
        ({"n": True}, "c"),
        ({"$or": [{"n": 1}, {"$and": [{"t": "y"}, {"n": True}]}]}, "ac"),
        ({"n": 1, "t": "y"}, ""),
    ],
)
def test_filters_mean_what_the_guide_says(index: ClientIndex, filter: dict[str, Any], expected: str) -> None:
    _put(
        index,
        ("a", [1, 0, 0], {"n": 1, "t": "x"}),
        ("b", [1, 0, 0], {"n": 2.0}),
        ("c", [1, 0, 0], {"n": True, "t": ["x", "y"]}),
        ("d", [1, 0, 0], {}),
    )
    found = index.query(vector=[1, 0, 0], top_k=10, namespace=N, filter=filter)
    assert "".join(sorted(match.id for match in found.matches)) == expected
    assert "".join(index.fetch_by_metadata(filter=filter, namespace=N).vectors) == expected


def test_sparse_records_are_found_by_their_shared_dimensions(sparse_index: ClientIndex) -> None:
    records = [
        {"id": "a", "sparse_values": {"indices": [1, 7], "values": [0.5, 2.0]}},
        {"id": "b", "sparse_values": {"indices": [7], "values": [1.0]}},
        {"id": "c", "sparse_values": {"indices": [9], "values": [1.0]}},
    ]
    sparse_index.upsert(vectors=records, namespace=N)
    found = sparse_index.query(sparse_vector={"indices": [7, 1], "values": [3, 4]}, top_k=5, namespace=N)
    assert [(match.id, match.score) for match in found.matches] == [("a", 8.0), ("b", 3.0)]
    assert sparse_index.describe_index_stats().vector_type == "sparse"


def test_records_are_deleted_by_id_by_filter_and_all_at_once(index: ClientIndex) -> None:
    _put(index, *((name, [1.0, 0.0, 0.0], {"k": name}) for name in "abcde"))
    index.delete(ids=["a", "unknown"], namespace=N)
    index.delete(filter={"k": {"$in": ["b", "c"]}}, namespace=N)
    assert [item.id for page in index.list(namespace=N) for item in page.vectors] == ["d", "e"]
    index.delete(delete_all=True, namespace=N)
    assert index.describe_index_stats().total_vector_count == 0
    with pytest.raises(errors.NotFoundError):
        index.delete(ids=["a"], namespace="never")


def test_an_update_changes_only_the_named_fields(index: ClientIndex) -> None:
    _put(index, ("a", [1, 0, 0], {"k": 1, "s": "x"}), ("b", [1, 0, 0], {"k": 2}))
    index.update(id="a", values=[0, 1, 0], set_metadata={"k": 3}, namespace=N)
    assert index.update(filter={"k": {"$gte": 2}}, set_metadata={"old": True}, namespace=N).matched_records == 2
    found = index.fetch(ids=["a", "b"], namespace=N).vectors
    assert found["a"].values == [0, 1, 0]
    assert found["a"].metadata == {"k": 3, "s": "x", "old": True}


def test_pages_of_a_list_repeat_and_skip_nothing(index: ClientIndex) -> None:
    names = [f"r{i:03}" for i in range(250)]
    _put(index, *((name, [1.0, 0.0, 0.0], {"k": True}) for name in names))
    pages = [[item.id for item in page.vectors] for page in index.list(namespace=N)]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert [id for page in pages for id in page] == names
    assert [item.id for page in index.list(namespace=N, prefix="r01") for item in page.vectors] == names[10:20]
    fetched: list[str] = []
    token = None
    while True:
        page = index.fetch_by_metadata(filter={"k": True}, namespace=N, limit=120, pagination_token=token)
        fetched += page.vectors
        if page.pagination is None:
            break
        token = page.pagination.next
    assert fetched == names


def test_namespaces_are_listed_described_and_deleted(index: ClientIndex) -> None:
    for name in ("two", "one", ""):
        index.upsert(vectors=[("a", [1.0, 0.0, 0.0])], namespace=name)
    assert [one.name for page in index.list_namespaces(limit=2) for one in page] == ["__default__", "one", "two"]
    assert index.describe_namespace(name="one").record_count == 1
    assert {name: one.vector_count for name, one in index.describe_index_stats().namespaces.items()} == dict.fromkeys(
        ("__default__", "one", "two"), 1
    )
    index.delete_namespace(name="one")
    with pytest.raises(errors.NotFoundError):
        index.describe_namespace(name="one")


def test_the_reranker_scores_between_0_and_1_and_takes_100_documents(
    pinecone_server: PineconeServer, client: Any
) -> None:
    ranked = client.inference.rerank("bge-reranker-v2-m3", "jwt token", ["nothing", "a jwt token"], top_n=1)
    assert [(one.index, one.document["text"]) for one in ranked.data] == [(1, "a jwt token")]
    with pytest.raises(errors.ApiError):
        client.inference.rerank("bge-reranker-v2-m3", "x", ["y"] * 101)
    assert "101 documents" in _refused(pinecone_server)


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"id": "a", "values": [0.0, 0.0, 0.0]}, "non-zero"),
        ({"id": "a", "values": [1, 0, 0], "metadata": {"k": None}}, "must be a string, number"),
        ({"id": "a", "values": [1, 0, 0], "metadata": {"k": {"x": 1}}}, "must be a string, number"),
        ({"id": "a", "values": [1, 0, 0], "metadata": {"k": [1]}}, "must be a string, number"),
        ({"id": "a", "values": [1, 0, 0], "metadata": {"$k": 1}}, "must not start"),
        ({"id": "a", "values": [1, 0, 0], "metadata": {"k": "x" * 40_960}}, "exceeds the limit of 40960"),
        ({"id": "a" * 513, "values": [1, 0, 0]}, "is too long"),
        ({"id": "é", "values": [1, 0, 0]}, "ASCII"),
        ({"id": "a", "values": [1, "0", 0]}, "is not of type 'number'"),
        ({"id": "a", "values": [1, 0, True]}, "is not of type 'number'"),
        ({"id": "a", "values": [1, 0, 0], "meta": {}}, "'meta' was unexpected"),
        ({"values": [1, 0, 0]}, "'id' is a required property"),
        ({"id": "a", "values": [1, 0, 0], "sparseValues": {"indices": [1], "values": [1.0]}}, "no sparse field"),
    ],
)
def test_requests_that_the_description_forbids_are_refused_and_recorded(
    pinecone_server: PineconeServer, record: dict[str, Any], text: str
) -> None:
    records = pinecone_server.create_index("dense", dimension=3)
    url = pinecone_server.host("dense") + "/vectors/upsert"
    assert _raw(pinecone_server, url, {"vectors": [record], "namespace": N}) == 400
    assert text in _refused(pinecone_server)
    assert records.ids(N) == []


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/vectors/upsert", {"vectors": [{"id": "a", "values": [1.0] * 3}] * 1001}, 400, "is too long"),
        (
            "/vectors/upsert",
            {"vectors": [{"id": "a", "values": [1.0], "metadata": {"k": "x" * 2**21}}]},
            413,
            "bytes are",
        ),
        ("/vectors/delete", {"ids": ["a"] * 1001}, 400, "is too long"),
        ("/vectors/delete", {"ids": ["a"], "deleteAll": True}, 400, "ids, or deleteAll"),
        ("/query", {"topK": 10_001, "vector": [1, 0, 0]}, 400, "greater than the maximum"),
        ("/query", {"topK": 1, "vector": [1, 0, 0], "filter": {"k": {"$in": [True]}}}, 400, "strings and numbers"),
        ("/query", {"topK": 1, "vector": [1, 0, 0], "filter": {"k": {"$like": "x"}}}, 400, "no operator"),
        ("/query", {"topK": 1}, 400, "an id, or a vector"),
        ("/unknown", {}, 404, "no such operation"),
    ],
)
def test_requests_beyond_the_limits_are_refused_and_recorded(
    pinecone_server: PineconeServer, path: str, body: dict[str, Any], status: int, text: str
) -> None:
    pinecone_server.create_index("dense", dimension=3)
    assert _raw(pinecone_server, pinecone_server.host("dense") + path, body) == status
    assert text in _refused(pinecone_server)


def test_a_query_whose_result_is_too_large_is_refused(pinecone_server: PineconeServer, index: ClientIndex) -> None:
    for start in range(0, 120, 40):
        _put(index, *((f"r{i}", [1.0, 0.0, 0.0], {"content": "x" * 40_000}) for i in range(start, start + 40)))
    assert len(index.query(vector=[1, 0, 0], top_k=100, namespace=N, include_metadata=True).matches) == 100
    with pytest.raises(errors.ApiError):
        index.query(vector=[1, 0, 0], top_k=110, namespace=N, include_metadata=True)
    assert "ask for less" in _refused(pinecone_server)


def test_an_older_version_of_the_api_is_refused(pinecone_server: PineconeServer) -> None:
    pinecone_server.create_index("dense", dimension=3)
    url = pinecone_server.host("dense") + "/describe_index_stats"
    assert _raw(pinecone_server, url, {}, version="2026-04") == 400
    assert "X-Pinecone-Api-Version" in _refused(pinecone_server)


def test_vectors_of_another_length_are_refused(index: ClientIndex) -> None:
    with pytest.raises(errors.ApiError, match="dimension 2 does not match"):
        _put(index, ("a", [1, 0], {}))


# -- the description ---------------------------------------------------------------------------------------------------


def test_every_operation_of_the_copied_description_is_served() -> None:
    from pinecone_server import control_plane, data_plane

    copied = {one.name for api in ("data", "control", "inference") for one in described.operations(api)}
    assert copied == {*data_plane.OPERATIONS, *control_plane.OPERATIONS}


def test_each_difference_is_explained_and_changes_something() -> None:
    for difference in DIFFERENCES:
        assert difference.where
        assert difference.published
        assert difference.spoken
        assert difference.reason
        apis = ("data", "control", "inference") if difference.api == "all" else (difference.api,)
        changed = []
        for api in apis:
            before = json.loads((described.FOLDER / f"{api}.json").read_text("utf-8"))
            after = json.loads(json.dumps(before))
            for other in DIFFERENCES[: DIFFERENCES.index(difference)]:
                if other.api in (api, "all"):
                    other.change(before)
                    other.change(after)
            difference.change(after)
            changed.append(before != after)
        assert any(changed), difference.where
    assert described.described("control")["components"]["schemas"]["CreateIndexRequest"]["required"] == ["schema"]


def test_the_version_is_that_of_the_client() -> None:
    from pinecone._internal import constants
    from pinecone_server.differences import API_VERSION

    spoken = {constants.CONTROL_PLANE_API_VERSION, constants.DATA_PLANE_API_VERSION, constants.INFERENCE_API_VERSION}
    assert spoken == {API_VERSION}
