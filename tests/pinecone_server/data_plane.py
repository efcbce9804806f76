"""The answers of the host of one index."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from . import filters
from .answers import Answer, Refusal
from .records import DEFAULT_NAMESPACE, Index, Stored

MOST_BYTES = 2 * 1024 * 1024  # of one upsert, as the operation limits say
MOST_METADATA = 40 * 1024  # bytes of one record's metadata
MOST_IDS = 1_000  # of one fetch or delete
MOST_RESULT = 4 * 1024 * 1024  # bytes of one query's result
LONGEST_ID = 512
MOST_FETCHED = 10_000  # limit of fetch_by_metadata, as the client checks it
PAGE = 100  # ids or namespaces in one page of a list
LARGEST_SPARSE_INDEX = 2**32 - 1

Given = dict[str, Any]
Handler = Callable[[Index, Given, Given, Given], Answer]  # (index, query parameters, path parameters, body)


def _bad(text: str) -> Refusal:
    return Refusal(400, text, violation=True)


def _check_id(id: Any) -> None:
    if not isinstance(id, str) or not id or len(id) > LONGEST_ID or not id.isascii() or "\0" in id:
        raise _bad(f"an id must be 1 to {LONGEST_ID} ASCII characters, not {id!r:.80}")


def _check_filter(filter: Any) -> None:
    try:
        filters.check(filter)
    except filters.FilterError as error:
        raise _bad(str(error)) from None


def _metadata(metadata: Any, id: str) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for key, value in metadata.items():
        if key.startswith("$"):
            raise _bad(f"the metadata of {id} have the key {key!r}; keys must not start with $")
        if isinstance(value, bool | str):
            held[key] = value
        elif isinstance(value, int | float) and math.isfinite(value):
            held[key] = float(value)
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            held[key] = value
        else:
            raise _bad(
                f"the metadata value of {key!r} of {id} must be a string, number, boolean or list of strings, "
                f"got {value!r:.60}"
            )
    size = len(orjson.dumps(metadata))
    if size > MOST_METADATA:
        raise _bad(f"the metadata of {id} are {size} bytes, which exceeds the limit of {MOST_METADATA} bytes")
    return held


def _dense(index: Index, values: list[float], what: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    if index.dimension is None:
        raise Refusal(400, f"{what}: the index is sparse and takes no dense values")
    if len(values) != index.dimension:
        raise Refusal(
            400, f"{what}: vector dimension {len(values)} does not match the dimension of the index {index.dimension}"
        )
    vector = np.array(values, dtype=np.float32)
    if not np.isfinite(vector).all():
        raise _bad(f"{what}: values must be finite")
    return vector


def _sparse(index: Index, given: Given | None, what: str) -> dict[int, float] | None:
    if given is None:
        return None
    if not index.sparse:
        raise _bad(f"{what}: the index has no sparse field")
    indices, values = given["indices"], given["values"]
    if len(indices) != len(values):
        raise _bad(f"{what}: sparse indices and values differ in length")
    if len(set(indices)) != len(indices) or not all(0 <= one <= LARGEST_SPARSE_INDEX for one in indices):
        raise _bad(f"{what}: sparse indices must be distinct, from 0 to {LARGEST_SPARSE_INDEX}")
    if not all(math.isfinite(one) for one in values) or any(one == 0 for one in values):
        raise _bad(f"{what}: sparse values must be finite and not 0")
    return dict(zip(indices, (float(np.float32(one)) for one in values), strict=True))


def upsert(index: Index, _query: Given, _path: Given, body: Given) -> Answer:
    records = []
    for vector in body["vectors"]:
        id = vector["id"]
        _check_id(id)
        values, sparse = vector.get("values") or None, _sparse(index, vector.get("sparseValues"), f"record {id}")
        if values is None and sparse is None:
            raise _bad(f"record {id} has neither values nor sparseValues")
        if values is None and index.dimension is not None:
            raise _bad(f"record {id} has no dense values, and the index is dense")
        if sparse is None and index.dimension is None:
            raise _bad(f"record {id} has no sparse values, and the index is sparse")
        dense = None if values is None else _dense(index, values, f"record {id}")
        if dense is not None and not dense.any():
            raise _bad(f"record {id}: dense vectors must contain at least one non-zero value")
        metadata = vector.get("metadata")
        records.append(Stored(id, dense, sparse, None if metadata is None else _metadata(metadata, id)))
    lsn = index.upsert(body.get("namespace", ""), records)
    return Answer(200, {"upsertedCount": len(records)}, _written(lsn))


def query(index: Index, _given: Given, _path: Given, body: Given) -> Answer:
    vector, sparse, id = body.get("vector"), body.get("sparseVector"), body.get("id")
    if "queries" in body:
        raise _bad("queries is deprecated and not supported")
    if (vector is not None or sparse is not None) == (id is not None):
        raise _bad("a query has an id, or a vector and/or a sparseVector")
    if vector is not None:
        _dense(index, vector, "query")
    weights = _sparse(index, sparse, "query")
    if weights is not None and index.dimension is not None and index.metric != "dotproduct":
        raise _bad("only indexes with the metric dotproduct are queried with sparse values beside dense ones")
    if weights is not None and index.dimension is not None and vector is None:
        raise _bad("a query of an index with dense values needs a vector")
    if id is not None:
        _check_id(id)
    filter = body.get("filter")
    if filter is not None:
        _check_filter(filter)
    found, indexed = index.query(
        body.get("namespace", ""), body["topK"], vector=vector, sparse=weights, id=id, filter=filter
    )
    values, metadata = body.get("includeValues", False), body.get("includeMetadata", False)
    matches = [{**record.as_json(values=values, metadata=metadata), "score": score} for score, record in found]
    answer = {"matches": matches, "namespace": body.get("namespace", ""), "usage": {"readUnits": 1}}
    size = len(orjson.dumps(answer))
    if size > MOST_RESULT:
        raise _bad(f"the result has {size} bytes, more than {MOST_RESULT}; ask for less at once")
    return Answer(200, answer, {"x-pinecone-max-indexed-lsn": str(indexed)})


def fetch(index: Index, given: Given, _path: Given, _body: Given) -> Answer:
    ids = given["ids"]
    if len(ids) > MOST_IDS:
        raise _bad(f"{len(ids)} ids are more than {MOST_IDS}")
    for id in ids:
        _check_id(id)
        if " " in id:
            raise _bad(f"fetch takes no id with a space, such as {id!r:.80}")
    visible, _ = index.seen(given.get("namespace", ""))
    # The order of a map has no meaning; this one is the opposite of the request.
    found = {id: visible[id].as_json() for id in reversed(ids) if id in visible}
    return Answer(200, {"vectors": found, "namespace": given.get("namespace", ""), "usage": {"readUnits": 1}})


def fetch_by_metadata(index: Index, _given: Given, _path: Given, body: Given) -> Answer:
    filter, limit = body.get("filter"), body.get("limit", PAGE)
    if not filter:
        raise _bad("fetch_by_metadata needs a filter that is not empty")
    if limit > MOST_FETCHED:
        raise _bad(f"limit {limit} is more than {MOST_FETCHED}")
    _check_filter(filter)
    visible, _ = index.seen(body.get("namespace", ""))
    after = _token(body.get("paginationToken"))
    ids = sorted(id for id, one in visible.items() if id > after and filters.matches(filter, one.metadata or {}))
    answer: Given = {
        "vectors": {id: visible[id].as_json() for id in ids[:limit]},
        "namespace": body.get("namespace", ""),
        "usage": {"readUnits": 1},
    }
    return Answer(200, _paged(answer, ids, limit))


def delete(index: Index, _given: Given, _path: Given, body: Given) -> Answer:
    ids, everything, filter = body.get("ids"), body.get("deleteAll", False), body.get("filter")
    if sum((ids is not None, bool(everything), filter is not None)) != 1:
        raise _bad("a delete has ids, or deleteAll, or a filter")
    namespace = body.get("namespace", "")
    if ids is not None:
        for id in ids:
            _check_id(id)
        wanted = set(ids)
        lsn = index.delete(namespace, lambda one: one.id in wanted)
    elif filter is not None:
        if not filter:
            raise _bad("a delete with an empty filter is not allowed")
        _check_filter(filter)
        lsn = index.delete(namespace, lambda one: filters.matches(filter, one.metadata or {}))
    else:
        lsn = index.delete(namespace, lambda _one: True)
    if lsn is None:
        raise Refusal(404, "Namespace not found")
    return Answer(200, {}, _written(lsn))


def update(index: Index, _given: Given, _path: Given, body: Given) -> Answer:
    id, filter = body.get("id"), body.get("filter")
    if (id is None) == (filter is None):
        raise _bad("an update has an id or a filter")
    change: Given = {}
    if "values" in body:
        change["values"] = _dense(index, body["values"], "update")
    if "sparseValues" in body:
        change["sparse"] = _sparse(index, body["sparseValues"], "update")
    if "setMetadata" in body:
        change["metadata"] = _metadata(body["setMetadata"], id or "the matching records")
    if id is None:
        if not filter or set(change) != {"metadata"}:
            raise _bad("an update by filter needs a filter that is not empty, and sets metadata only")
        _check_filter(filter)
    else:
        _check_id(id)
    matched, lsn = index.update(
        body.get("namespace", ""),
        lambda one: one.id == id if id is not None else filters.matches(filter or {}, one.metadata or {}),
        change,
        body.get("dryRun", False),
    )
    return Answer(200, {"matchedRecords": matched}, _written(lsn))


def list_ids(index: Index, given: Given, _path: Given, _body: Given) -> Answer:
    limit = given.get("limit", PAGE)
    if not 1 <= limit <= PAGE:
        raise _bad(f"limit must be 1 to {PAGE}, not {limit}")
    prefix, after = given.get("prefix", ""), _token(given.get("paginationToken"))
    visible, _ = index.seen(given.get("namespace", ""))
    ids = sorted(id for id in visible if id.startswith(prefix) and id > after)
    answer = {
        "vectors": [{"id": id} for id in ids[:limit]],
        "namespace": given.get("namespace", ""),
        "usage": {"readUnits": 1},
    }
    return Answer(200, _paged(answer, ids, limit))


def stats(index: Index, _given: Given, _path: Given, body: Given) -> Answer:
    if body.get("filter") is not None:
        raise _bad("serverless indexes do not support statistics with a filter")
    counts = {name: len(index.seen(name)[0]) for name in index.names()}
    answer: Given = {
        "namespaces": {name: {"vectorCount": count} for name, count in counts.items()},
        "indexFullness": 0.0,
        "totalVectorCount": sum(counts.values()),
        "metric": index.metric,
        "vectorType": "dense" if index.dimension is not None else "sparse",
    }
    if index.dimension is not None:
        answer["dimension"] = index.dimension
    return Answer(200, answer)


def list_namespaces(index: Index, given: Given, _path: Given, _body: Given) -> Answer:
    limit = given.get("limit", PAGE)
    if not 1 <= limit <= PAGE:
        raise _bad(f"limit must be 1 to {PAGE}, not {limit}")
    prefix, after = given.get("prefix", ""), _token(given.get("paginationToken"))
    every = [name for name in index.names() if name.startswith(prefix)]
    names = [name for name in every if name > after]
    answer = {
        "namespaces": [{"name": name, "record_count": len(index.seen(name)[0])} for name in names[:limit]],
        "total_count": len(every),
    }
    return Answer(200, _paged(answer, names, limit))


def create_namespace(index: Index, _given: Given, _path: Given, body: Given) -> Answer:
    name = body["name"]
    if name == DEFAULT_NAMESPACE:
        raise _bad(f"{name} is reserved")
    with index.lock:
        if index.get(name) is not None:
            raise Refusal(409, f"the namespace {name} exists")
        index.get(name, create=True)
    return Answer(200, {"name": name, "record_count": 0})


def describe_namespace(index: Index, _given: Given, path: Given, _body: Given) -> Answer:
    if path["namespace"] not in index.names():
        raise Refusal(404, "Namespace not found")
    return Answer(200, {"name": path["namespace"], "record_count": len(index.seen(path["namespace"])[0])})


def delete_namespace(index: Index, _given: Given, path: Given, _body: Given) -> Answer:
    if not index.drop(path["namespace"]):
        raise Refusal(404, "Namespace not found")
    return Answer(200, {})


def _written(lsn: int) -> dict[str, str]:
    return {"x-pinecone-request-lsn": str(lsn)}


def _token(token: str | None) -> str:
    """Return the last id or name of the previous page."""
    if token is None:
        return ""
    try:
        return base64.b64decode(token, validate=True).decode("ascii")
    except ValueError:
        raise _bad(f"the pagination token {token!r:.40} was not made by this service") from None


def _paged(answer: Given, names: list[str], limit: int) -> Given:
    if len(names) > limit:
        answer["pagination"] = {"next": base64.b64encode(names[limit - 1].encode("ascii")).decode()}
    return answer


OPERATIONS: dict[str, tuple[str, Handler]] = {
    "POST /vectors/upsert": ("upsert", upsert),
    "POST /query": ("query", query),
    "GET /vectors/fetch": ("fetch", fetch),
    "POST /vectors/fetch_by_metadata": ("fetch_by_metadata", fetch_by_metadata),
    "POST /vectors/delete": ("delete", delete),
    "POST /vectors/update": ("update", update),
    "GET /vectors/list": ("list", list_ids),
    "POST /describe_index_stats": ("stats", stats),
    "GET /namespaces": ("list_namespaces", list_namespaces),
    "POST /namespaces": ("create_namespace", create_namespace),
    "GET /namespaces/{namespace}": ("describe_namespace", describe_namespace),
    "DELETE /namespaces/{namespace}": ("delete_namespace", delete_namespace),
}
