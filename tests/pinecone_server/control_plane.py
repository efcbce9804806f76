"""The answers of api.pinecone.io: indexes and reranking."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .answers import Answer, Refusal
from .records import Index

if TYPE_CHECKING:
    from .server import PineconeServer

DENSE_FIELD, SPARSE_FIELD = "_values", "_sparse_values"  # the names under which the vectors API finds them
MOST_RERANKED = 100  # documents of one request to bge-reranker-v2-m3, as the model's page says
RERANKERS = ("bge-reranker-v2-m3", "cohere-rerank-3.5", "pinecone-rerank-v0")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z")

Given = dict[str, Any]
Handler = Callable[["PineconeServer", Given, Given], Answer]  # (server, path parameters, body)


@dataclass
class Known:
    """An index in the control plane."""

    records: Index
    fields: dict[str, Any]
    host: str
    deployment: dict[str, str]
    deletion_protection: str = "disabled"
    tags: dict[str, str] | None = None
    polls_left: int = 0  # how often it is described before it is ready
    terminating: int = 0  # how often it is described before it is gone
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ready(self) -> bool:
        return self.polls_left <= 0

    def as_json(self) -> Given:
        state = "Ready" if self.ready else "Initializing"
        return {
            "name": self.records.name,
            "host": self.host if self.ready else None,
            "status": {"ready": self.ready, "state": state},
            "schema": {"fields": self.fields},
            "deployment": self.deployment,
            "deletion_protection": self.deletion_protection,
            "read_capacity": {"mode": "OnDemand", "status": {"state": "Ready"}},
            "tags": self.tags or None,
        }


def list_indexes(server: PineconeServer, _path: Given, _body: Given) -> Answer:
    return Answer(200, {"indexes": [known.as_json() for known in server.known.values()]})


def create_index(server: PineconeServer, _path: Given, body: Given) -> Answer:
    name = body.get("name", "")
    if not _NAME.match(name):
        raise Refusal(400, "a name consists of lower case letters, digits and hyphens", violation=True)
    deployment = body.get("deployment", {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"})
    known = server.make_index(name, body["schema"]["fields"], deployment, polls=server.ready_after)
    known.deletion_protection = body.get("deletion_protection", "disabled")
    known.tags = dict(body["tags"]) if body.get("tags") else None
    return Answer(201, known.as_json())


def describe_index(server: PineconeServer, path: Given, _body: Given) -> Answer:
    known = _known(server, path)
    with known.lock:
        answer = known.as_json()
        known.polls_left -= 1
    return Answer(200, answer)


def delete_index(server: PineconeServer, path: Given, _body: Given) -> Answer:
    known = _known(server, path)
    if known.deletion_protection == "enabled":
        raise Refusal(403, "deletion protection is enabled for this index")
    server.drop_index(known.records.name)
    return Answer(202)


def configure_index(server: PineconeServer, path: Given, body: Given) -> Answer:
    known = _known(server, path)
    with known.lock:
        known.deletion_protection = body.get("deletion_protection", known.deletion_protection)
        if "tags" in body:
            merged = {**(known.tags or {}), **body["tags"]}
            known.tags = {name: value for name, value in merged.items() if value}
        return Answer(202, known.as_json())


def rerank(_server: PineconeServer, _path: Given, body: Given) -> Answer:
    """Score by the share of the query's words that a document holds."""
    if body["model"] not in RERANKERS:
        raise Refusal(404, f"Model '{body['model']}' not found")
    documents, fields = body["documents"], body.get("rank_fields", ["text"])
    if not 1 <= len(documents) <= MOST_RERANKED:
        raise Refusal(400, f"{len(documents)} documents; the model takes 1 to {MOST_RERANKED}", violation=True)
    words = set(body["query"].lower().split())
    scored = []
    for number, document in enumerate(documents):
        texts = [document.get(name) for name in fields]
        if not all(isinstance(text, str) for text in texts):
            raise Refusal(400, f"document {number} has no text in {fields}", violation=True)
        held = set(" ".join(texts).lower().split())
        scored.append((len(words & held) / (len(words) + 1), number))
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    top_n = body.get("top_n", len(documents))
    if top_n < 1:
        raise Refusal(400, "top_n must be at least 1", violation=True)
    data: list[Given] = [{"index": number, "score": score} for score, number in scored[:top_n]]
    if body.get("return_documents", True):
        for one in data:
            one["document"] = documents[one["index"]]
    return Answer(200, {"model": body["model"], "data": data, "usage": {"rerank_units": 1}})


def _known(server: PineconeServer, path: Given) -> Known:
    found = server.known.get(path["index_name"])
    if found is None:
        raise Refusal(404, f"Resource {path['index_name']} not found")
    return found


OPERATIONS: dict[str, tuple[str, Handler]] = {
    "GET /indexes": ("list_indexes", list_indexes),
    "POST /indexes": ("create_index", create_index),
    "GET /indexes/{index_name}": ("describe_index", describe_index),
    "DELETE /indexes/{index_name}": ("delete_index", delete_index),
    "PATCH /indexes/{index_name}": ("configure_index", configure_index),
    "POST /rerank": ("rerank", rerank),
}
