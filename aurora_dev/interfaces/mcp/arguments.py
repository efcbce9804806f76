"""Check the arguments of a call against a tool's model, and turn models into JSON schemas."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from aurora_dev.core.text.fencing import label
from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.mcp.tools.render import text_of
from aurora_dev.interfaces.mcp.tools.tool import Arguments

__all__ = ["parse_arguments", "schema_of"]

_A = TypeVar("_A", bound=Arguments)

_CLOSE = 0.75  # similarity from which a name is taken for a misspelt one: "topk", "maxToken", "tag"
_NAME_CHARACTERS = 80
_MOST_NAMED = 5


def parse_arguments(tool: str, model: type[_A], arguments: Mapping[str, Any] | None) -> tuple[_A, list[str]]:
    """Check the arguments that a client passed to a tool.

    Args:
        tool: The name of the tool, for the error.
        model: The model of its arguments.
        arguments: As received. ``None``, and what is empty where a tool does not need it, count as left out.

    Returns:
        The arguments, and notes about what was ignored: clients add arguments of their own (``sessionId``,
        ``random_string``), and a model cannot leave these out.

    Raises:
        InvalidRequestError: The message names each wrong argument, its value, and the arguments of the tool.
    """
    given: dict[str, Any] = {}
    foreign: list[str] = []
    for name, value in (arguments or {}).items():
        field = model.model_fields.get(name)
        if value is None:  # many models pass null for an argument that they leave out
            continue
        if field is None and not _close_names(model, name):
            foreign.append(name)
        elif field is None or field.is_required() or name in model.empty_is_given or not _is_empty(value):
            given[name] = value
    try:
        checked = model.model_validate(given)
    except ValidationError as error:
        problems = [_problem(model, problem) for problem in error.errors(include_url=False, include_context=False)]
        raise InvalidRequestError(
            f"{tool} was not called: {'; '.join(dict.fromkeys(problems))}. It takes: {_known(model)}. "
            f"Correct this and call it again"
        ) from None
    if not foreign:
        return checked, []
    names = ", ".join(label(text_of(name))[:_NAME_CHARACTERS] for name in foreign[:_MOST_NAMED])
    more = f" and {len(foreign) - _MOST_NAMED} more" if len(foreign) > _MOST_NAMED else ""
    return checked, [f"ignored, because {tool} has no such arguments: {names}{more}. It takes: {_known(model)}"]


def _known(model: type[Arguments]) -> str:
    names = [f"{name} (required)" if field.is_required() else name for name, field in model.model_fields.items()]
    return ", ".join(names) or "no arguments"


def _close_names(model: type[Arguments], name: str) -> list[str]:
    plain = {_plain(known): known for known in model.model_fields}
    found = difflib.get_close_matches(_plain(name)[:_NAME_CHARACTERS], list(plain), n=1, cutoff=_CLOSE)
    return [plain[match] for match in found]


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _is_empty(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list | tuple):
        return all(isinstance(part, str) and not part.strip() for part in value)
    return isinstance(value, dict) and not value


def _problem(model: type[Arguments], problem: Mapping[str, Any]) -> str:
    place = ".".join(str(part)[:80] for part in problem["loc"]) or "the arguments"
    if problem["type"] == "extra_forbidden":
        close = _close_names(model, place)
        return f"there is no argument '{place}'" + (f" (did you mean '{close[0]}'?)" if close else "")
    if problem["type"] == "missing":
        return f"the argument '{place}' is missing"
    message = str(problem["msg"])
    return f"'{place}': {message[0].lower()}{message[1:]}, but it is {_brief(problem['input'])}"


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a model, kept short because it is part of every prompt.

    References are resolved, and titles and ``null`` alternatives are dropped: a field without a value is left out.
    """
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    short: dict[str, Any] = _shorten(schema, definitions)
    short.pop("description", None)  # the docstring of the Python class
    return short


def _shorten(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_shorten(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = dict(definitions[node["$ref"].rsplit("/", 1)[1]])
        target.pop("description", None)
        return _shorten({**target, **{name: value for name, value in node.items() if name != "$ref"}}, definitions)
    if "anyOf" in node:
        choices = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
        if len(choices) == 1:
            rest = {name: value for name, value in node.items() if name != "anyOf"}
            return _shorten({**choices[0], **rest}, definitions)
    out: dict[str, Any] = {}
    for name, value in node.items():
        if name == "title" and isinstance(value, str):
            continue
        if name == "default" and value is None:
            continue
        if name in ("properties", "patternProperties"):
            # A property may be named like a keyword, "title" or "default".
            out[name] = {key: _shorten(inner, definitions) for key, inner in value.items()}
        else:
            out[name] = value if name in ("default", "enum", "const", "required") else _shorten(value, definitions)
    return out
