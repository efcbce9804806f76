"""The differences between the client 10.x (2026-07) and the published description (2026-04), and the server's choice.

Each row names the published rule, the rule that the server follows instead and the reason, and contains the change
itself, so that the table and the server agree. Everything that is not listed here is validated as published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

API_VERSION = "2026-07"  # pinecone._internal.constants of client 10.2.0
Description = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    api: str  # data, control, inference or all
    where: str
    published: str
    spoken: str
    reason: str
    change: Callable[[Description], None]


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _nodes(value)


def _version(description: Description) -> None:
    for node in _nodes(description["paths"]):
        if node.get("name") == "X-Pinecone-Api-Version":
            node["schema"] = {"type": "string", "enum": [API_VERSION]}


def _array_lengths(description: Description) -> None:
    for node in _nodes(description):
        if node.get("type") == "array":
            for published, meant in (("minLength", "minItems"), ("maxLength", "maxItems")):
                if isinstance(node.get(published), int):
                    node[meant] = node.pop(published)


def _stray_required(description: Description) -> None:
    for node in _nodes(description):
        if node.get("type") in ("string", "integer", "array") and isinstance(node.get("required"), list):
            del node["required"]


def _empty_values(description: Description) -> None:
    del description["components"]["schemas"]["Vector"]["properties"]["values"]["minItems"]


def _enumerations(description: Description) -> None:
    for node in _nodes(description):
        if isinstance(node.get("x-enum"), list):
            node["enum"] = node.pop("x-enum")


def _closed(description: Description) -> None:
    for name, schema in description["components"]["schemas"].items():
        if name in ("Document", "ErrorResponse"):
            continue
        for node in _nodes(schema):
            if node.get("type") == "object" and isinstance(node.get("properties"), dict):
                node.setdefault("additionalProperties", False)


_SCHEMA_FIELD = {
    "oneOf": [
        {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["dense_vector"]},
                "dimension": {"type": "integer", "minimum": 1, "maximum": 20000},
                "metric": {"type": "string", "enum": ["cosine", "euclidean", "dotproduct"]},
                "description": {"type": "string", "nullable": True},
            },
            "required": ["type", "dimension", "metric"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["sparse_vector"]},
                "description": {"type": "string", "nullable": True},
            },
            "required": ["type"],
            "additionalProperties": False,
        },
    ]
}
_FIELDS = {
    "type": "object",
    "properties": {"fields": {"type": "object", "minProperties": 1, "additionalProperties": _SCHEMA_FIELD}},
    "required": ["fields"],
    "additionalProperties": False,
}
_MANAGED = {
    "type": "object",
    "properties": {
        "deployment_type": {"type": "string", "enum": ["managed"]},
        "cloud": {"type": "string", "enum": ["gcp", "aws", "azure"]},
        "region": {"type": "string"},
    },
    "required": ["deployment_type", "cloud", "region"],
    "additionalProperties": False,
}
_ON_DEMAND = {
    "type": "object",
    "properties": {"mode": {"type": "string", "enum": ["OnDemand"]}},
    "required": ["mode"],
    "additionalProperties": False,
}


def _create_index(description: Description) -> None:
    properties = description["components"]["schemas"]["CreateIndexRequest"]["properties"]
    for gone in ("dimension", "metric", "vector_type", "spec"):
        del properties[gone]
    properties.update(schema=_FIELDS, deployment=_MANAGED, read_capacity=_ON_DEMAND)
    description["components"]["schemas"]["CreateIndexRequest"]["required"] = ["schema"]


def _configure_index(description: Description) -> None:
    properties = description["components"]["schemas"]["ConfigureIndexRequest"]["properties"]
    for gone in ("spec", "embed"):
        del properties[gone]
    properties.update(read_capacity=_ON_DEMAND)


def _index_model(description: Description) -> None:
    model = description["components"]["schemas"]["IndexModel"]
    for gone in ("dimension", "metric", "vector_type", "spec", "embed"):
        del model["properties"][gone]
    managed = {**_MANAGED, "properties": {**_MANAGED["properties"], "environment": {"type": "string"}}}  # type: ignore[dict-item]
    on_demand = {
        **_ON_DEMAND,
        "properties": {**_ON_DEMAND["properties"], "status": {"type": "object"}},  # type: ignore[dict-item]
        "required": ["mode", "status"],
    }
    model["properties"].update(schema=_FIELDS, deployment=managed, read_capacity=on_demand)
    model["properties"]["host"] = {"type": "string", "nullable": True}
    model["properties"]["tags"] = {
        "type": "object",
        "nullable": True,
        "additionalProperties": {"type": "string"},
    }
    model["required"] = ["name", "status", "schema", "deployment", "deletion_protection"]


def _other_errors(description: Description) -> None:
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}}
    for methods in description["paths"].values():
        for operation in methods.values():
            operation["responses"].update({"4XX": error, "5XX": error})


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "all",
        "header X-Pinecone-Api-Version",
        "any string, default 2026-04",
        API_VERSION,
        "the client sends the version that it speaks",
        _version,
    ),
    Difference(
        "all",
        "minLength and maxLength of arrays",
        "keywords that JSON Schema reads for strings only",
        "minItems and maxItems",
        "1,000 vectors a request, 1,000 non-zero sparse values and 20,000 dimensions are meant as limits of arrays",
        _array_lengths,
    ),
    Difference(
        "data",
        "required inside properties that are no objects",
        "lists such as required: [id] below a string",
        "left out",
        "the keyword means nothing there; the object around it names what it requires",
        _stray_required,
    ),
    Difference(
        "data",
        "Vector.values",
        "at least one number",
        "may be empty",
        "the client sends an empty list for a record that has sparse values only",
        _empty_values,
    ),
    Difference(
        "all",
        "x-enum",
        "an extension without effect",
        "enum",
        "a misspelt metric or state should be seen",
        _enumerations,
    ),
    Difference(
        "all",
        "objects with listed properties",
        "further properties are allowed",
        "none are",
        "a misspelt field would pass in silence; what the service itself does with one is not documented",
        _closed,
    ),
    Difference(
        "control",
        "CreateIndexRequest",
        "dimension, metric, vector_type and spec",
        "schema.fields (dense_vector, sparse_vector), deployment, read_capacity",
        "2026-07 declares fields; the models CreateIndexRequest and IndexSchema of the client decide",
        _create_index,
    ),
    Difference(
        "control",
        "ConfigureIndexRequest",
        "spec and embed",
        "read_capacity at the top",
        "as above; the fields of an index are fixed once it exists",
        _configure_index,
    ),
    Difference(
        "control",
        "IndexModel",
        "dimension, metric, vector_type, spec; host is required",
        "schema, deployment, read_capacity; host and tags may be null",
        "the model IndexModel of the client decides; an index that is being made has no host yet",
        _index_model,
    ),
    Difference(
        "control",
        "responses of errors",
        "the statuses that each operation lists",
        "any 4XX and 5XX, with the same body",
        "429 and 503 are answered by what stands before the service and are listed nowhere",
        _other_errors,
    ),
    Difference("inference", "responses of errors", "400, 401 and 500", "any 4XX and 5XX", "as above", _other_errors),
)
