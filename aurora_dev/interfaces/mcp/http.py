"""Streamable HTTP for the MCP server: the checks on each request, and the server that listens.

Every program on this machine, and every web page in its browser, can reach a local port. So every request must carry a
token. ``Host`` and ``Origin`` are checked first, which keeps out pages that resolve their own name to 127.0.0.1 (DNS
rebinding).
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import json
import os
import re
import secrets
import socket
import stat
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from aurora_dev.errors import ConfigurationError, InvalidRequestError, StoreUnwritableError
from aurora_dev.interfaces.mcp.stdio import call_on_signal
from aurora_dev.log import get_logger
from aurora_dev.regular_files import read_regular, write_new

if TYPE_CHECKING:
    import uvicorn

__all__ = ["DEFAULT_PORT", "Guard", "checked_token", "is_loopback", "listen", "read_or_make_token", "serve_http"]

_log = get_logger(__name__)

DEFAULT_PORT: Final = 8419
TOKEN_FILE: Final = "mcp-token"
_TOKEN_BYTES: Final = 32
_MOST_TOKEN_FILE: Final = 65_536  # bytes
_LEAST_TOKEN: Final = 16  # characters; a shorter token that a person chose could be guessed
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_GRACE: Final = 3  # seconds that clients' open streams get when the server ends
_HOST: Final = re.compile(r"\[(?P<six>[0-9a-fA-F:.]+)\](?::\d+)?|(?P<name>[^\[\]:/@\s]+)(?::\d+)?")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class Guard:
    """An ASGI application that passes on only requests for this host that carry the token.

    Args:
        application: The application behind it.
        token: The token that ``Authorization: Bearer …`` must carry.
        hosts: Host names that clients may use, besides those of the loopback interface.
    """

    def __init__(self, application: Application, token: str, hosts: Iterable[str] = ()) -> None:
        self._application = application
        self._token = token.encode()
        self._hosts = _LOOPBACK_NAMES | {host.lower().strip("[]") for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        if scope["type"] != "http":  # the protocol has no websockets
            await send({"type": "websocket.close", "code": 1008})
            return
        if (refusal := self._refusal(scope)) is None:
            await self._application(scope, receive, send)
            return
        status, text = refusal
        _log.warning("http_refused", status=status, reason=text)
        body = json.dumps({"error": text}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if status == 401:
            headers.append((b"www-authenticate", b'Bearer realm="aurora"'))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts = headers.get("host", [])
        if len(hosts) != 1 or self._name(hosts[0]) not in self._hosts:
            return 421, "this server does not accept that Host; use 127.0.0.1, or start it with --allow-host NAME"
        for origin in headers.get("origin", []):
            parts = _split(origin)
            if parts is None or parts.scheme not in ("http", "https") or (parts.hostname or "") not in self._hosts:
                return 403, "pages of that Origin may not use this server"
        given = headers.get("authorization", [])
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode("latin-1"), self._token):
            return (
                401,
                "the header 'Authorization: Bearer TOKEN' is missing or wrong; aurora mcp --http prints the token",
            )
        return None

    @staticmethod
    def _name(host: str) -> str | None:
        found = _HOST.fullmatch(host)
        return (found["six"] or found["name"]).lower() if found else None


def _split(origin: str) -> Any:
    try:
        return urlsplit(origin)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Return whether a host to listen on can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_or_make_token(folder: Path) -> tuple[str, Path, bool]:
    """Return the token of a project's server, its file, and whether it is new.

    Args:
        folder: The project's store. If it is missing, it is created, readable by its owner only.

    Raises:
        ConfigurationError: Others can read the file, or it holds no usable token.
        StoreUnwritableError: The file cannot be read or written.
    """
    path = folder / TOKEN_FILE
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                write_new(folder / ".gitignore", b"*\n")
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        try:
            # O_EXCL and the mode make sure that the file is new and that no other user can ever read it.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read_token(path), path, False
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token + "\n")
    except OSError as error:
        raise StoreUnwritableError(
            f"the token file {path} cannot be used ({error.strerror}): the server was not started. Make it writable, "
            f"or set AURORA_MCP_TOKEN"
        ) from None
    return token, path, True


def _read_token(path: Path) -> str:
    information = path.lstat()
    if not stat.S_ISREG(information.st_mode):
        raise ConfigurationError(
            f"{path} is not a regular file: the server was not started. Remove it; a new one is made"
        )
    if os.name == "posix" and (information.st_mode & 0o077 or information.st_uid != os.getuid()):
        raise ConfigurationError(
            f"{path} can be read by others, or belongs to another user: the server was not started. Remove it; "
            f"a new one is made"
        )
    return checked_token(read_regular(path, _MOST_TOKEN_FILE).decode("utf-8", "replace").strip(), str(path))


def checked_token(token: str, where: str) -> str:
    """Return a token after checking that it is long enough and valid in a header.

    Args:
        token: The token.
        where: Its file or variable, for the error.

    Raises:
        ConfigurationError: The token cannot be used.
    """
    if len(token) < _LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(
            f"the token in {where} must be at least {_LEAST_TOKEN} ASCII characters without blanks: the server was not "
            f"started. Make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Args:
        host: An address or a name.
        port: 0 picks any free port.

    Raises:
        InvalidRequestError: The address does not belong to this machine, or the port is in use.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server((address[0], port), family=family)
    except OSError as error:
        raise InvalidRequestError(
            f"cannot listen on {host}:{port} ({error.strerror or error}): nothing was started. Choose another port "
            f"with --port N; 0 picks any free port"
        ) from None
    listening.setblocking(False)
    return listening


async def serve_http(application: Application, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then finish open requests.

    Args:
        application: An ASGI application. Its lifespan is run.
        listening: The listening socket. It is closed at the end.
    """
    import uvicorn

    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
    )
    server = _quiet_server(config)
    with call_on_signal(lambda: setattr(server, "should_exit", True)):
        await server.serve(sockets=[listening])


def _quiet_server(config: uvicorn.Config) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn raises the signal again when it is done, which would end the process before the store is closed.
            yield

    return Server(config)
