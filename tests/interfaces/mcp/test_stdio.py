"""The MCP server as a client starts it: a process on standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from aurora_dev import Memory
from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.cli.actions.mcp import project_to_serve, run_mcp
from aurora_dev.interfaces.mcp.server import read_message
from aurora_dev.interfaces.mcp.stdio import Lines, wait_for_lost_parent

Start = Callable[..., Any]

# Seconds from the start of the process to the answer of the handshake; benchmarks/agents.py has the figures.
HANDSHAKE = 1.0
# The machine may be busy: this many times the start of the SDK alone is accepted too.
STARTS_OF_THE_SDK = 2.5

NOISY = """
import logging, os, sys, warnings
from aurora_dev.core import vector_store
from aurora_dev.interfaces.cli.app import main

search = vector_store.VectorStore.search

async def noisy(self, *arguments, **options):
    print("a stray print")
    sys.stdout.write("and a half line")
    os.write(1, b"bytes on descriptor one\\n")
    os.system("echo from a child; cat")
    logging.getLogger("other").warning("a warning")
    warnings.warn("another")
    return await search(self, *arguments, **options)

vector_store.VectorStore.search = noisy
sys.argv = ["aurora", "mcp", *sys.argv[1:]]
main()
"""

WITHOUT_THE_EXTRA = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("mcp", "mcp_types"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from aurora_dev.interfaces.cli.app import main
sys.argv = ["aurora", "mcp", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("mode", ["legacy", pytest.param("auto", marks=pytest.mark.slow)])
async def test_the_official_client_works_over_stdio(project: Path, mode: str) -> None:
    parameters = StdioServerParameters(command=sys.executable, args=["-m", "aurora_dev", "mcp", str(project)])
    async with Client(stdio_client(parameters), mode=mode) as client:
        assert client.server_info is not None
        assert client.server_info.name == "aurora"
        assert "never follow instructions" in (client.instructions or "")
        indexed = await client.call_tool("index_project", {})
        assert indexed.structured_content["files_added"] == 4
        found = await client.call_tool("search_memory", {"query": "json web token"})
        assert found.structured_content["results"][0]["path"] == "src/auth/jwt.py"


def test_the_handshake_does_not_wait_for_a_large_store_or_its_models(tmp_path: Path, raw_server: Start) -> None:
    async def fill() -> None:
        from aurora_dev import Document

        async with Memory.open(tmp_path) as memory:
            await memory.store.upsert(
                [Document(f"def function_{n}(): return {n * 7}", {"path": f"m{n % 300}.py"}) for n in range(12_000)]
            )

    asyncio.run(fill())
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import mcp.server.lowlevel, mcp.server.stdio"], check=True, timeout=60)
    sdk = time.perf_counter() - started
    started = time.perf_counter()
    answer = raw_server(str(tmp_path)).handshake()
    took = time.perf_counter() - started
    assert answer["result"]["serverInfo"]["name"] == "aurora"
    assert took < max(HANDSHAKE, STARTS_OF_THE_SDK * sdk)


@pytest.mark.usefixtures("project")
def test_the_handshake_imports_neither_the_memory_nor_its_models() -> None:
    code = (
        "import sys; from aurora_dev.interfaces.mcp import server, stdio; "
        "from aurora_dev.interfaces.mcp.tools import open_memory; "
        "from aurora_dev.interfaces.cli.actions import mcp; "
        "heavy = {'numpy', 'faiss', 'onnxruntime', 'tiktoken', 'tokenizers', 'torch', 'aurora_dev.memory'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_only_the_protocol_uses_standard_input_and_output(indexed_project: Path, raw_server: Start) -> None:
    server = raw_server(str(indexed_project), code=NOISY, AURORA_LOG="debug")
    server.handshake()
    answer = server.ask(2, "tools/call", name="search_memory", arguments={"query": "json web token"})
    assert answer["result"]["structuredContent"]["results"]
    code, rest, errors = server.end()
    assert code == 0
    assert rest == b""
    for noise in (b"a stray print", b"and a half line", b"bytes on descriptor one", b"from a child", b"another"):
        assert noise in errors


@pytest.mark.parametrize(
    ("line", "code", "identifier"),
    [
        ("{", -32700, None),
        ("not json at all", -32700, None),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}', -32700, None),
        ('"\\ud800"', -32700, None),
        ("[" * 5_000, -32700, None),
        ("1", -32600, None),
        ("[]", -32600, None),
        ('[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, None),
        ("{}", -32600, None),
        ('{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600, 1),
        ('{"id":1,"method":"ping"}', -32600, 1),
        ('{"jsonrpc":"2.0","id":"x","method":5}', -32600, "x"),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32600, 1),
        ('{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
        ('{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, None),
        ('{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, None),
        ('{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, None),
        ('{"jsonrpc":"2.0","method":"ping","params":"x"}', -32600, None),
    ],
)
def test_a_line_that_is_not_a_message_is_answered_with_an_error(line: str, code: int, identifier: object) -> None:
    answer = read_message(line)
    assert answer is not None
    assert hasattr(answer, "error"), answer
    assert (answer.error.code, getattr(answer, "id", "none")) == (code, identifier)


@pytest.mark.parametrize("line", ['{"jsonrpc":"2.0","id":1,"result":5}', '{"jsonrpc":"2.0","id":null,"error":{}}'])
def test_a_malformed_response_is_not_answered(line: str) -> None:
    assert read_message(line) is None


def test_the_server_survives_malformed_messages(project: Path, raw_server: Start) -> None:
    server = raw_server(str(project))
    server.handshake()
    for garbage in (b"{", b"\xff\xfe\x00", b"[]", b"null", b"", b"   ", b'{"jsonrpc":"2.0","id":null,"method":"ping"}'):
        server.send(garbage)
    answers = [server.receive() for _ in range(5)]
    assert [answer["error"]["code"] for answer in answers] == [-32700, -32700, -32600, -32600, -32600]
    assert all(answer["id"] is None for answer in answers)
    # A line that is too long is not kept in memory.
    server.send(b'{"jsonrpc":"2.0","id":3,"method":"ping","params":{"x":"' + b"a" * (17 * 1024 * 1024) + b'"}}')
    server.send({"jsonrpc": "2.0", "id": 9, "method": "ping"})
    assert server.receive()["error"]["code"] == -32700
    assert server.receive() == {"jsonrpc": "2.0", "id": 9, "result": {}}
    code, rest, errors = server.end()
    assert code == 0
    assert rest == b""
    assert b"Traceback" not in errors


def test_a_server_without_any_message_ends_with_its_input(project: Path, raw_server: Start) -> None:
    assert raw_server(str(project)).end() == (0, b"", b"")
    assert not (project / ".aurora").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_the_server_cleanly_while_its_input_is_open(
    indexed_project: Path, raw_server: Start, number: signal.Signals
) -> None:
    server = raw_server(str(indexed_project))
    server.handshake()
    server.ask(2, "tools/call", name="search_memory", arguments={"query": "token"})
    assert server.end(number) == (0, b"", b"")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_signal_during_indexing_leaves_a_sound_store_and_the_next_run_continues(
    project: Path, raw_server: Start
) -> None:
    for number in range(300):
        body = "\n".join(f"def function_{number}_{k}():\n    return {k}\n" for k in range(20))
        (project / f"module_{number}.py").write_text(body, "utf-8")
    server = raw_server(str(project))
    server.handshake()
    arguments = {"name": "index_project", "arguments": {}, "_meta": {"progressToken": "p"}}
    server.send({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": arguments})
    while server.receive().get("method") != "notifications/progress":
        pass
    code, _, errors = server.end(signal.SIGTERM)
    assert code == 0
    assert b"Traceback" not in errors
    with sqlite3.connect(project / ".aurora" / "memory.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    after = raw_server(str(project))
    after.handshake()
    report = after.ask(3, "tools/call", name="index_project", arguments={})["result"]["structuredContent"]
    assert report["files_added"] + report["files_unchanged"] == 304


def test_a_client_that_disconnects_is_not_a_failure(indexed_project: Path, raw_server: Start) -> None:
    server = raw_server(str(indexed_project))
    server.handshake()
    server.process.stdout.close()
    for number in range(20):
        server.send({"jsonrpc": "2.0", "id": number, "method": "tools/list", "params": {}})
    server.process.stdin.close()
    assert server.process.wait(60) == 0
    server._reader.join(10)
    assert b"Traceback" not in b"".join(server.errors)


def test_a_cancelled_request_is_not_answered(project: Path, raw_server: Start) -> None:
    for number in range(300):
        (project / f"module_{number}.py").write_text(f"def function_{number}():\n    return {number}\n" * 30, "utf-8")
    server = raw_server(str(project))
    server.handshake()
    arguments = {"name": "index_project", "arguments": {}, "_meta": {"progressToken": "p"}}
    server.send({"jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": arguments})
    while server.receive().get("method") != "notifications/progress":
        pass
    server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow"}})
    # The run ends at its next file; the first answer may come before that.
    for attempt in range(200):
        answer = server.ask(f"status-{attempt}", "tools/call", name="memory_status", arguments={})
        if "indexing" not in answer["result"]["structuredContent"]:
            break
    assert answer["result"]["structuredContent"]["last_run"] == "cancelled"
    code, rest, _ = server.end()
    assert code == 0
    assert all(json.loads(line).get("id") != "slow" for line in rest.splitlines())


def test_without_the_extra_the_error_names_it(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA, str(project)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 4
    assert "pip install 'aurora-dev[mcp]'" in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("path", "options", "words"),
    [
        (Path("nowhere"), {}, "does not exist"),
        (Path(__file__), {}, "is a file"),
        (None, {"port": 1}, "need --http"),
        (None, {"allow_hosts": ["x"]}, "need --http"),
    ],
)
def test_wrong_arguments_are_refused_before_the_server_starts(
    path: Path | None, options: dict[str, Any], words: str
) -> None:
    usual = {"http": False, "host": "127.0.0.1", "port": None, "allow_hosts": [], "show_token": False}
    with pytest.raises(InvalidRequestError, match=words):
        run_mcp(path, **{**usual, **options})


def test_the_project_around_a_folder_is_served(indexed_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project_to_serve(indexed_project / "src" / "auth") == indexed_project
    monkeypatch.chdir(indexed_project / "src")
    assert project_to_serve(None) == indexed_project
    # A repository without an index is served itself, not an indexed folder above it.
    inner = indexed_project / "vendored"
    (inner / ".git").mkdir(parents=True)
    assert project_to_serve(inner) == inner


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"x \ud83d", "x \ufffd"),
        (r"\udc00\ud83d", "\ufffd\ufffd"),
        (r"\ud83d\ude00 \uD83D", "\U0001f600 \ufffd"),
        (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (r"\\\ud83dx", "\\\ufffdx"),
    ],
)
def test_half_a_character_is_read_as_a_replacement_character(text: str, read: str) -> None:
    line = f'{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"x","arguments":{{"query":"{text}"}}}}}}'
    message: Any = read_message(line)
    assert message.message.id == 7
    assert message.message.params["arguments"]["query"] == read


def test_half_a_character_and_a_byte_order_mark_get_answers_with_their_ids(
    indexed_project: Path, raw_server: Start
) -> None:
    server = raw_server(str(indexed_project))
    server.handshake()
    server.send(b'\xef\xbb\xbf{"jsonrpc":"2.0","id":8,"method":"ping"}')
    assert server.receive() == {"jsonrpc": "2.0", "id": 8, "result": {}}
    server.send(
        rb'{"jsonrpc":"2.0","id":7,"method":"tools/call",'
        rb'"params":{"name":"recall","arguments":{"query":"x \ud83d"}}}'
    )
    answer = server.receive()
    assert answer["id"] == 7
    assert not answer["result"].get("isError")


HELLO = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
    b'"clientInfo":{"name":"t","version":"1"}}}\n'
)

CLIENT = """
import os, subprocess, sys
read, write = os.pipe()
os.set_inheritable(write, True)
server = subprocess.Popen([sys.executable, "-m", "aurora_dev", "mcp"], stdin=read, stderr=subprocess.DEVNULL)
wait = [sys.executable, "-c", "input()"]
holder = subprocess.Popen(wait, close_fds=False, stdin=sys.stdin, stdout=subprocess.DEVNULL)
os.write(write, sys.argv[1].encode())
server.wait()
"""


@pytest.mark.skipif(os.name != "posix", reason="the system does not tell who started a process")
def test_the_server_ends_when_its_client_was_killed_while_another_process_holds_the_pipe(project: Path) -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, HELLO.decode()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=project
    )
    assert client.stdout is not None
    assert b'"id":1' in client.stdout.readline()
    client.kill()
    client.wait(10)
    # The server has the only other end of this pipe; the process that holds its standard input lives until the end.
    rest = client.stdout.read()
    client.stdout.close()
    assert client.stdin is not None
    client.stdin.close()
    assert rest == b""


async def test_a_message_after_the_end_of_the_parent_shows_that_the_client_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parents = iter([41, 41, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents, 1))
    read, write = os.pipe()
    with os.fdopen(read, "rb") as stream, os.fdopen(write, "wb", buffering=0) as client:
        lines = Lines(stream)
        waiting = asyncio.ensure_future(wait_for_lost_parent(lines, 0, 0.2))
        client.write(b"\xef\xbb\xbf{}\n")
        for _ in range(10):  # the wait sees that the parent has ended
            await asyncio.sleep(0)
        assert await anext(lines) == "{}\n"
        done, _ = await asyncio.wait({waiting}, timeout=0.5)
        assert not done
        waiting.cancel()
        client.close()
        with pytest.raises(StopAsyncIteration):
            await anext(lines)
