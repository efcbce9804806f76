"""Extract the schemas that the tests need from Pinecone's published API description, without the prose.

Run ``python scripts/strip_api_description.py FOLDER_WITH_YAML tests/data/pinecone``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

# The operations that the loopback server of the tests offers. Everything else in the description is left out.
WANTED: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "data": (
        "db_data_2026-04.oas.yaml",
        {
            "/vectors/upsert": ("post",),
            "/query": ("post",),
            "/vectors/fetch": ("get",),
            "/vectors/fetch_by_metadata": ("post",),
            "/vectors/delete": ("post",),
            "/vectors/update": ("post",),
            "/vectors/list": ("get",),
            "/describe_index_stats": ("post",),
            "/namespaces": ("get", "post"),
            "/namespaces/{namespace}": ("get", "delete"),
        },
    ),
    "control": (
        "db_control_2026-04.oas.yaml",
        {"/indexes": ("get", "post"), "/indexes/{index_name}": ("get", "delete", "patch")},
    ),
    "inference": ("inference_2026-04.oas.yaml", {"/rerank": ("post",)}),
}
_PROSE = ("description", "title", "summary", "example", "examples", "tags", "externalDocs", "links", "x-component-name")
_NAMES = ("properties", "schemas", "paths", "responses")  # below these keys, keys are names instead of keywords


def main() -> None:
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    for name, (file, wanted) in WANTED.items():
        text = json.dumps(
            stripped(yaml.safe_load((source / file).read_text("utf-8")), wanted), indent=1, sort_keys=True
        )
        (target / f"{name}.json").write_text(text + "\n", "utf-8")


def stripped(description: dict[str, Any], wanted: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the wanted operations and all schemas that they refer to, without prose."""
    paths = {
        path: without_prose({method: description["paths"][path][method] for method in methods})
        for path, methods in wanted.items()
    }
    schemas: dict[str, Any] = {}
    waiting = sorted(references(paths))
    while waiting:
        name = waiting.pop()
        if name not in schemas:
            schemas[name] = without_prose(description["components"]["schemas"][name])
            waiting.extend(references(schemas[name]))
    return {
        "info": {"version": description["info"].get("version"), "license": description["info"].get("license")},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def without_prose(node: Any, names: bool = False) -> Any:
    if isinstance(node, list):
        return [without_prose(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: without_prose(value, not names and key in _NAMES)
        for key, value in node.items()
        if names or key not in _PROSE
    }


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(references, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    found = set().union(*map(references, node.values())) if node else set()
    if isinstance(node.get("$ref"), str):
        found.add(node["$ref"].rsplit("/", 1)[1])
    return found


if __name__ == "__main__":
    main()
