"""The MCP server over HTTP: which requests it accepts, its token, and its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from aurora_dev.config import Settings
from aurora_dev.errors import ConfigurationError, InvalidRequestError
from aurora_dev.interfaces.mcp.http import Guard, checked_token, is_loopback, listen, read_or_make_token

Serve = Callable[..., Any]
TOKEN = "a-token-that-nobody-would-guess"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.mark.parametrize("mode", [pytest.param("legacy", marks=pytest.mark.slow), "auto"])
async def test_the_official_client_works_over_http_with_the_token(project: Path, http_server: Serve, mode: str) -> None:
    server = http_server(project)
    headers = {"Authorization": f"Bearer {server.token}"}
    told = []

    async def note(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
        told.append(progress)

    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(server.url, http_client=http), mode=mode) as client,
    ):
        assert len((await client.list_tools()).tools) == 8
        indexed = await client.call_tool("index_project", {}, progress_callback=note)
        assert indexed.structured_content["files_added"] == 4
        found = await client.call_tool("search_memory", {"query": "json web token"})
        assert found.structured_content["results"][0]["path"] == "src/auth/jwt.py"
    assert told
    assert told[-1] == 4


def test_a_real_server_refuses_requests_without_the_token(indexed_project: Path, http_server: Serve) -> None:
    server = http_server(indexed_project, AURORA_MCP_TOKEN=TOKEN)
    assert server.token == TOKEN
    refused = httpx.post(server.url, json=INITIALIZE, headers=ACCEPT)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert server.token not in refused.text
    headers = {**ACCEPT, "Authorization": f"Bearer {server.token}"}
    assert httpx.post(server.url, json=INITIALIZE, headers=headers).status_code == 200
    rebound = httpx.post(server.url, json=INITIALIZE, headers={**headers, "Host": "evil.example:80"})
    assert rebound.status_code == 421
    foreign = httpx.post(server.url, json=INITIALIZE, headers={**headers, "Origin": "https://evil.example"})
    assert foreign.status_code == 403
    for garbage in (b"{", b"[]", b"\xff"):
        answer = httpx.post(server.url, content=garbage, headers={**headers, "Content-Type": "application/json"})
        assert answer.status_code == 400
        assert "Traceback" not in answer.text
    assert httpx.get(server.url.replace("/mcp", "/other"), headers=headers).status_code == 404


def test_a_body_is_read_as_a_line_of_standard_input(indexed_project: Path, http_server: Serve) -> None:
    server = http_server(indexed_project)
    headers = {**ACCEPT, "Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    with httpx.Client(headers=headers, timeout=30) as client:
        marked = b"\xef\xbb\xbf" + json.dumps(INITIALIZE).encode()
        opened = client.post(server.url, content=marked)
        assert opened.status_code == 200
        session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-06-18"}
        start = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"remember","arguments":{"content":'
        for number, text in enumerate((rb"cut \ud83d here", b"cut \xff here")):
            content = start + b'"note %d: ' % number + text + b'"}}}'
            answer = client.post(server.url, content=content, headers=session)
            assert answer.status_code == 200
            assert '"id":7' in answer.text
            assert '"isError":true' not in answer.text
        recall = start.replace(b"remember", b"recall").replace(b"content", b"query") + b'"note cut here"}}}'
        assert "cut \ufffd here" in client.post(server.url, content=recall, headers=session).text
        large = start + b'"' + b"x" * (16 * 1024 * 1024) + b'"}}}'
        assert client.post(server.url, content=large, headers=session).status_code == 413


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_signal_ends_a_server_with_open_streams(indexed_project: Path, http_server: Serve) -> None:
    server = http_server(indexed_project)
    headers = {**ACCEPT, "Authorization": f"Bearer {server.token}"}
    with httpx.Client(headers=headers) as client:
        opened = client.post(server.url, json=INITIALIZE)
        session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-06-18"}
        with client.stream("GET", server.url, headers=session) as stream:
            assert stream.status_code == 200
            code, said = server.end(signal.SIGTERM)
    assert code == 0, said
    assert "Traceback" not in said


async def application(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


async def ask(headers: list[tuple[str, str]], hosts: tuple[str, ...] = ()) -> int:
    statuses = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers]}
    await Guard(application, TOKEN, hosts)(scope, None, send)  # type: ignore[arg-type]
    return int(statuses[0])


HOST = ("host", "127.0.0.1:8419")
BEARER = ("authorization", f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([HOST, BEARER], 299),
        ([("host", "localhost:1"), BEARER], 299),
        ([("host", "[::1]:8419"), BEARER], 299),
        ([("host", "LOCALHOST"), ("authorization", f"bearer   {TOKEN} ")], 299),
        ([HOST, BEARER, ("origin", "http://localhost:6274")], 299),
        ([HOST], 401),
        ([HOST, ("authorization", "Bearer ")], 401),
        ([HOST, ("authorization", f"Bearer {TOKEN[:-1]}")], 401),
        ([HOST, ("authorization", f"Bearer {TOKEN}x")], 401),
        ([HOST, ("authorization", f"Basic {TOKEN}")], 401),
        ([HOST, ("authorization", "Bearer \xe9")], 401),
        ([HOST, BEARER, ("authorization", "Bearer other")], 401),
        ([BEARER], 421),
        ([("host", ""), BEARER], 421),
        ([("host", "evil.example"), BEARER], 421),
        ([("host", "127.0.0.1.evil.example"), BEARER], 421),
        ([("host", "evil@127.0.0.1"), BEARER], 421),
        ([("host", "[::1"), BEARER], 421),
        ([HOST, ("host", "evil.example"), BEARER], 421),
        ([HOST, BEARER, ("origin", "https://evil.example")], 403),
        ([HOST, BEARER, ("origin", "null")], 403),
        ([HOST, BEARER, ("origin", "")], 403),
        ([HOST, BEARER, ("origin", "file:///tmp/x.html")], 403),
        ([HOST, BEARER, ("origin", "http://localhost.evil.example")], 403),
        ([HOST, BEARER, ("origin", "http://[")], 403),
    ],
)
async def test_only_this_host_with_the_token_is_accepted(headers: list[tuple[str, str]], status: int) -> None:
    assert await ask(headers) == status


async def test_an_allowed_host_name_is_accepted() -> None:
    assert await ask([("host", "Box.example:99"), BEARER], hosts=("box.example",)) == 299
    assert await ask([("host", "other.example"), BEARER], hosts=("box.example",)) == 421


async def test_a_websocket_is_closed() -> None:
    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    await Guard(application, TOKEN)({"type": "websocket", "headers": []}, None, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "project" / ".aurora"
    token, file, is_new = read_or_make_token(folder)
    assert is_new
    assert len(token) >= 40
    assert file.parent == folder
    assert read_or_make_token(folder) == (token, file, False)
    assert (folder / ".gitignore").read_text("utf-8") == "*\n"
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert read_or_make_token(tmp_path / "other" / ".aurora")[0] != token


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    _, file, _ = read_or_make_token(tmp_path)
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read by others"):
        read_or_make_token(tmp_path)
    file.unlink()
    (tmp_path / "elsewhere").write_text(TOKEN, "utf-8")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="not a regular file"):
        read_or_make_token(tmp_path)


@pytest.mark.parametrize("token", ["", "short", "with blanks in the middle", "ünïcödë-token-long-enough", "x" * 15])
def test_a_token_that_cannot_be_used_is_refused(token: str) -> None:
    with pytest.raises(ConfigurationError, match="at least 16 ASCII characters"):
        checked_token(token, "AURORA_MCP_TOKEN")


def test_a_file_of_the_project_cannot_set_the_token(project: Path) -> None:
    (project / "aurora.toml").write_text(f'mcp_token = "{TOKEN}"\n', "utf-8")
    with pytest.raises(ConfigurationError, match="AURORA_MCP_TOKEN") as caught:
        Settings.load(project)
    assert TOKEN not in str(caught.value)


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidRequestError, match=rf"cannot listen on 127.0.0.1:{port} .*--port N"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_addresses_are_recognised(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.slow
def test_a_public_address_is_warned_about_and_the_token_is_printed_once(project: Path, http_server: Serve) -> None:
    server = http_server(project, "--host", "0.0.0.0")
    assert "other machines can reach this port" in server.output
    assert (project / ".aurora" / "mcp-token").read_text("utf-8").strip() == server.token
