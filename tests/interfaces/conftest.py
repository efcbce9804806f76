"""Shared fixtures: the command line in this process, and clients of an MCP server over a small project."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aurora_dev.config import ENV_PREFIX, USUAL_NAMES
from aurora_dev.interfaces.cli.app import app

SOURCES = {
    "src/auth/jwt.py": (
        '"""Signed tokens."""\n\n\ndef verify_token(token: str, key: bytes) -> dict:\n'
        '    """Check the signature of a JSON web token and return its claims."""\n'
        "    header, payload, signature = token.split('.')\n"
        "    if not compare(sign(header + payload, key), signature):\n"
        "        raise ValueError('bad signature')\n    return decode(payload)\n"
    ),
    "src/auth/session.py": (
        'class SessionStore:\n    """Keeps sessions until they expire."""\n\n'
        "    def renew(self, session_id: str) -> None:\n        self.rows[session_id].expires = now() + self.lifetime\n"
    ),
    "src/billing/invoice.py": (
        "def total(lines):\n    '''Add up an invoice, with tax.'''\n"
        "    return sum(line.amount * (1 + line.tax) for line in lines)\n"
    ),
    "docs/guide.md": "# Guide\n\nTokens are verified in one place.\n\n## Billing\n\nInvoices are rounded to cents.\n",
}


def write_project(root: Path) -> Path:
    for name, text in SOURCES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return root


def clean_environment(**extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ENV_PREFIX) and k not in USUAL_NAMES}
    return {**kept, "PYTHONIOENCODING": "utf-8", **extra}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Run the command line in this process, with only the settings that a test passes."""
    logger = logging.getLogger("aurora_dev")
    handlers, level = list(logger.handlers), logger.level
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX) or name in USUAL_NAMES:
            monkeypatch.delenv(name)

    def invoke(*arguments: str, cwd: Path, **environment: str) -> Result:
        with monkeypatch.context() as patch:
            patch.chdir(cwd)
            for name, value in environment.items():
                patch.setenv(name, value)
            return CliRunner().invoke(app, list(arguments), prog_name="aurora")

    yield invoke
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture(scope="session")
def write_two_files() -> Callable[[Path], None]:
    """Write a project of two files, one of which contains terminal escape sequences."""

    def write(root: Path) -> None:
        (root / "src").mkdir(parents=True)
        (root / "src" / "auth.py").write_text(
            'def verify_token(token):\n    """Check a signature."""\n    return token == "ok"\n\n\n'
            "def paint():\n    return '\x1b[31mred\x1b]0;owned\x07'\n",
            encoding="utf-8",
        )
        (root / "README.md").write_text("# Sample\n\nTokens are verified in one place.\n", encoding="utf-8")

    return write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without an index."""
    return write_project(tmp_path / "project")


@pytest.fixture(scope="session")
def indexed_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an index. Tests may search it and add notes, but must not change its files."""
    from aurora_dev import Memory

    root = write_project(tmp_path_factory.mktemp("mcp") / "project")

    async def index() -> None:
        async with Memory.open(root) as memory:
            await memory.index()

    asyncio.run(index())
    return root


@pytest.fixture
def mcp_client() -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Connect the official SDK's client to a server in this process: ``async with mcp_client(root) as client``."""
    from mcp.client.client import Client

    from aurora_dev.config import Settings
    from aurora_dev.interfaces.mcp.server import build_server
    from aurora_dev.interfaces.mcp.tools.open_memory import OpenMemory

    @asynccontextmanager
    async def connect(root: Path, mode: str = "legacy", **settings: Any) -> AsyncIterator[Client]:
        memory = OpenMemory(root, Settings.load(root, **settings))
        try:
            async with Client(build_server(memory), mode=mode) as client:
                yield client
        finally:
            await memory.close()

    return connect


class RawServer:
    """A server process, driven with raw bytes.

    Args:
        arguments: The arguments of ``aurora mcp``, or of the program in ``code``.
    """

    def __init__(self, *arguments: str, code: str | None = None, cwd: Path | None = None, **environment: str) -> None:
        start = ["-c", code] if code is not None else ["-m", "aurora_dev", "mcp"]
        self.process = subprocess.Popen(
            [sys.executable, *start, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=clean_environment(**environment),
        )
        self.errors: list[bytes] = []
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors.append(line)

    def send(self, message: object) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, b"".join(self.errors).decode()
        message: dict[str, Any] = json.loads(line)
        return message

    def ask(self, identifier: int | str, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its answer; messages in between are dropped."""
        self.send({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params})
        while (message := self.receive()).get("id") != identifier:
            pass
        return message

    def handshake(self) -> dict[str, Any]:
        client = {"name": "test", "version": "1"}
        answer = self.ask("hello", "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    def end(self, number: int | None = None) -> tuple[int, bytes, bytes]:
        """Close its input or send it a signal; return the exit code and the rest of both streams."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if number is not None:
            self.process.send_signal(number)
            code = self.process.wait(60)
            self.process.stdin.close()
        else:
            self.process.stdin.close()
            code = self.process.wait(60)
        rest = self.process.stdout.read()
        self._reader.join(60)
        return code, rest, b"".join(self.errors)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(60)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            with suppress(OSError):
                stream.close()
        self._reader.join(60)


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    """Start server processes that are killed after the test."""
    servers: list[RawServer] = []

    def start(*arguments: str, **options: Any) -> RawServer:
        servers.append(RawServer(*arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


class HTTPServer:
    """A server process that listens; ``url`` and ``token`` are read from its standard error."""

    def __init__(self, root: Path, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aurora_dev", "mcp", str(root), "--http", "--port", "0", "--show-token", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=clean_environment(**environment),
        )
        assert self.process.stderr is not None
        self.output = ""
        while "token: " not in self.output:
            line = self.process.stderr.readline()
            assert line, f"the server ended: {self.output}"
            self.output += line
        found = re.search(r"at (http://\S+/mcp)\n", self.output)
        token = re.search(r"aurora: token: (\S+)\n", self.output)
        assert found, self.output
        assert token, self.output
        self.url, self.token = found[1], token[1]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=60)
        return self.process.returncode, out + errors

    def close(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def http_server() -> Iterator[Callable[..., HTTPServer]]:
    servers: list[HTTPServer] = []

    def start(root: Path, *arguments: str, **environment: str) -> HTTPServer:
        servers.append(HTTPServer(root, *arguments, **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
