"""Validates requests and responses against the published description, compiled once."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import validators
from openapi_schema_validator import OAS30Validator

from .differences import DIFFERENCES

FOLDER = Path(__file__).parent.parent / "data" / "pinecone"
_NUMBERS: dict[str, set[type]] = {"number": {int, float}, "integer": {int}}


def _items(validator: Any, items: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """Check the items of an array; an array of plain numbers is checked in one step, by the same rule."""
    wanted = _NUMBERS.get(items.get("type", ""), set())
    plain = wanted and isinstance(instance, list) and set(items) <= {"type", "format"}
    if plain and set(map(type, instance)) <= wanted:
        return
    yield from OAS30Validator.VALIDATORS["items"](validator, items, instance, schema)


_Validator = validators.extend(OAS30Validator, {"items": _items})


@dataclass(frozen=True)
class Operation:
    """One operation of the description: its name and the schemas of its parts."""

    name: str
    api: str
    method: str
    path: re.Pattern[str]
    parameters: tuple[Mapping[str, Any], ...]
    body: Any | None
    body_required: bool
    responses: Mapping[str, Any]

    def problems_of_body(self, body: Any) -> list[str]:
        return [] if self.body is None else _said(self.body, body)

    def problems_of_response(self, status: int, body: Any) -> list[str]:
        validator = self.responses.get(str(status), self.responses.get(f"{status // 100}XX", _NOTHING))
        if validator is _NOTHING:
            return [f"the status {status} is not described"]
        return [] if validator is None else _said(validator, body)


_NOTHING = object()


def _said(validator: Any, instance: Any) -> list[str]:
    return [f"{error.json_path}: {_short(error.message)}" for error in validator.iter_errors(instance)]


def _short(text: str) -> str:
    """Shorten a message, and keep both ends: the value is at the beginning, the fault at the end."""
    return text if len(text) <= 300 else f"{text[:150]} … {text[-150:]}"


@functools.cache
def described(api: str) -> dict[str, Any]:
    """Return the description of one part of the API with the listed differences applied."""
    description: dict[str, Any] = json.loads((FOLDER / f"{api}.json").read_text("utf-8"))
    for difference in DIFFERENCES:
        if difference.api in (api, "all"):
            difference.change(description)
    return description


@functools.cache
def operations(api: str) -> tuple[Operation, ...]:
    """Return the operations of one part of the API."""
    description = described(api)
    components = description["components"]

    def validator(schema: Mapping[str, Any]) -> Any:
        return _Validator({**copy.deepcopy(dict(schema)), "components": components})

    found = []
    for path, methods in description["paths"].items():
        pattern = re.compile(re.sub(r"\\?\{(\w+)\\?\}", r"(?P<\1>[^/]+)", path) + r"\Z")
        for method, operation in methods.items():
            request = operation.get("requestBody")
            found.append(
                Operation(
                    name=f"{method.upper()} {path}",
                    api=api,
                    method=method.upper(),
                    path=pattern,
                    parameters=tuple(
                        {**one, "validator": validator(one["schema"])} for one in operation.get("parameters", ())
                    ),
                    body=None if request is None else validator(request["content"]["application/json"]["schema"]),
                    body_required=bool(request and request.get("required")),
                    responses={
                        status: validator(answer["content"]["application/json"]["schema"])
                        if "content" in answer
                        else None
                        for status, answer in operation["responses"].items()
                    },
                )
            )
    return tuple(found)


def find(apis: tuple[str, ...], method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """Return the operation that a request names, with its path parameters decoded."""
    for api in apis:
        for operation in operations(api):
            match = operation.path.match(path) if operation.method == method else None
            if match is not None:
                return operation, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


def problems_of_parameters(
    operation: Operation, headers: Mapping[str, str], query: Mapping[str, list[str]], path: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the query parameters in their described types, and the faults of all parameters."""
    given: dict[str, Any] = {}
    problems: list[str] = []
    known = set()
    for parameter in operation.parameters:
        name, place = parameter["name"], parameter["in"]
        known.add((place, name))
        value: Any
        if place == "header":
            value = headers.get(name.lower())
        elif place == "path":
            value = path.get(name)
        else:
            value = query.get(name)
            if value is not None and parameter["schema"]["type"] != "array":
                value = value[0] if len(value) == 1 else value
            if value is not None and parameter["schema"]["type"] == "integer":
                value = int(value) if re.fullmatch(r"-?\d+", value) else value
        if value is None:
            if parameter.get("required"):
                problems.append(f"the parameter {name} in {place} is missing")
            continue
        problems += [f"the parameter {name} in {place}: {text}" for text in _said(parameter["validator"], value)]
        if place == "query":
            given[name] = value
    problems += [f"the query parameter {name} is not described" for name in query if ("query", name) not in known]
    return given, problems
