"""Random and malformed messages to a server process are answered or ignored as JSON-RPC 2.0 demands."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aurora_dev.interfaces.mcp.tools.registry import TOOLS

Start = Callable[..., Any]

NAMES = [tool.name for tool in TOOLS]
METHODS = (
    "ping",
    "initialize",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "resources/subscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "server/discover",
    "subscriptions/listen",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
)
EXAMPLES = 1_000
ALL_EXAMPLES = 10_000

text = st.text(max_size=30) | st.sampled_from(["", "\x00", "\u202e", "../..", "/etc/passwd", "é" * 20, "`" * 9])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)
identifiers = st.integers() | st.text(max_size=12)

arguments = st.fixed_dictionaries(
    {},
    optional={
        "query": text | values,
        "task": text | values,
        "content": text | values,
        "id": text | values,
        "ids": st.lists(text, max_size=3) | values,
        "top_k": st.integers(-5, 60) | values,
        "max_tokens": st.integers(0, 30_000) | values,
        "token_budget": st.integers(0, 3_000) | values,
        "sources": st.lists(st.sampled_from(["files", "memories", "commits", "web"]), max_size=3) | values,
        "kind": text | values,
        "kinds": st.lists(text, max_size=3) | values,
        "tags": st.lists(text, max_size=3) | values,
        "importance": st.integers(-3, 14) | values,
        "expires_in_days": st.floats(allow_nan=False, allow_infinity=False) | values,
        "since_days": st.floats(allow_nan=False, allow_infinity=False) | values,
        "supersedes": st.lists(text, max_size=2) | values,
        "path": text | values,
        "symbol": text | values,
        "scope": st.sampled_from(["project", "user", "world"]) | values,
        "cursor": text | values,
        "full": st.booleans() | values,
        "include_map": st.booleans() | values,
        "whatever": values,
    },
)
calls = st.fixed_dictionaries(
    {"name": st.sampled_from(NAMES) | text}, optional={"arguments": arguments | values, "_meta": values}
)
params = (
    calls
    | st.fixed_dictionaries(
        {},
        optional={
            "uri": text | st.sampled_from(["aurora://memory/", "aurora://memory/x", "aurora://memory/%00"]),
            "name": text | st.just("start_task"),
            "arguments": st.dictionaries(st.sampled_from(["task", "token_budget", "x"]), text, max_size=3) | values,
            "cursor": text | values,
            "protocolVersion": st.sampled_from(["2024-11-05", "2025-06-18", "2026-07-28", "never"]) | values,
            "requestId": identifiers | values,
            "progressToken": identifiers | values,
            "_meta": values
            | st.fixed_dictionaries(
                {"io.modelcontextprotocol/protocolVersion": st.sampled_from(["2026-07-28", "2025-06-18"]) | values}
            ),
        },
    )
    | values
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | st.just("2.0") | st.just("2.0") | values,
        "id": identifiers | identifiers | values,
        "method": st.sampled_from(METHODS) | st.just("tools/call") | text | values,
        "params": params,
        "result": values,
        "error": values,
    },
)
requests = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "id": identifiers, "method": st.sampled_from(METHODS), "params": params}
)
tool_calls = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "id": identifiers, "method": st.just("tools/call"), "params": calls}
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message with some bytes removed, doubled or replaced."""
    data = bytearray(json.dumps(draw(messages)).encode())
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        place = draw(st.integers(0, len(data) - 1))
        how = draw(st.sampled_from(["drop", "double", "replace", "cut"]))
        if how == "drop":
            del data[place]
        elif how == "double":
            data.insert(place, data[place])
        elif how == "replace":
            data[place] = draw(st.integers(0, 255))
        else:
            del data[place:]
    return bytes(data)


lines = (
    (messages | requests | tool_calls).map(lambda message: json.dumps(message).encode())
    | damaged()
    | st.binary(max_size=60)
    | values.map(lambda value: json.dumps(value).encode())
    | st.lists(messages, max_size=3).map(lambda batch: json.dumps(batch).encode())
).map(lambda line: line.replace(b"\n", b" ").replace(b"\r", b" "))


def expected(line: bytes) -> tuple[str, Any]:
    """Return what the protocol demands: an answer with an id, an error with or without an id, or nothing.

    Written from the specification of JSON-RPC 2.0 and MCP's additions (ids are strings or whole numbers, params are
    objects, no batches), independently of the server.
    """
    text = line.decode("utf-8", "replace")
    if not text.strip(" \t\r\n"):
        return "nothing", None
    try:
        message = json.loads(text, parse_constant=lambda _name: 1 / 0)
        text.encode("utf-8")
    except (ValueError, ZeroDivisionError, RecursionError):
        return "error", None
    if not isinstance(message, dict):
        return "error", None
    identifier = message.get("id")
    if isinstance(identifier, str):  # half of a character is read as U+FFFD
        identifier = identifier.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    good_id = isinstance(identifier, str) or (isinstance(identifier, int) and not isinstance(identifier, bool))
    is_call = message.get("jsonrpc") == "2.0" and isinstance(message.get("method"), str)
    is_call = is_call and isinstance(message.get("params"), dict | None)
    if not isinstance(message.get("method"), str) and ("result" in message or "error" in message):
        return "nothing", None  # a response to nothing that the server asked
    if "id" in message and not good_id:
        return "error", None
    if is_call and "id" in message:
        return "answer", identifier
    if is_call:
        return "nothing", None
    return "error", identifier if good_id else None


class Fuzzed:
    """A server that gets one line at a time, each followed by a ping that shows that the line was handled."""

    def __init__(self, server: Any) -> None:
        self.server = server
        server.handshake()
        assert "result" in server.ask("index", "tools/call", name="index_project", arguments={})
        self.numbers = itertools.count()

    def ask(self, line: bytes) -> list[dict[str, Any]]:
        """Send a line and return the answers of the server."""
        wanted = expected(line)
        self.server.send(line)
        answers: list[dict[str, Any]] = []
        if wanted[0] == "answer":
            # A slow tool may answer after the ping: wait for it first.
            while not any("id" in answer and "method" not in answer for answer in answers):
                answers.append(self.server.receive())
        ping = f"ping {next(self.numbers)} of this test"
        self.server.send({"jsonrpc": "2.0", "id": ping, "method": "ping"})
        while (answer := self.server.receive()).get("id") != ping:
            answers.append(answer)
        return [answer for answer in answers if "method" not in answer]


def fuzz(server: Any, examples: int) -> None:
    fuzzed = Fuzzed(server)

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(lines)
    def run(line: bytes) -> None:
        what, identifier = expected(line)
        answers = fuzzed.ask(line)
        if what == "nothing":
            assert answers == []
            return
        (answer,) = answers
        assert answer["jsonrpc"] == "2.0"
        assert answer["id"] == identifier
        assert type(answer["id"]) is type(identifier)
        assert ("result" in answer) != ("error" in answer)
        assert "Traceback" not in json.dumps(answer)
        if what == "error":
            assert answer["error"]["code"] in (-32700, -32600)
        if "error" in answer:
            assert isinstance(answer["error"]["code"], int)
            assert answer["error"]["message"]

    run()
    code, rest, errors = server.end()
    assert code == 0
    assert rest == b""
    assert b"Traceback" not in errors


def test_random_messages_are_answered_or_ignored_as_the_protocol_demands(project: Path, raw_server: Start) -> None:
    fuzz(raw_server(str(project)), EXAMPLES)


@pytest.mark.slow
def test_ten_thousand_random_messages_are_answered_or_ignored_as_the_protocol_demands(
    project: Path, raw_server: Start
) -> None:
    fuzz(raw_server(str(project)), ALL_EXAMPLES)
