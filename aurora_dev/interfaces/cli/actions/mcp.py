"""``aurora mcp``: find the project and serve it."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.config import Settings, find_project
from aurora_dev.errors import InvalidRequestError, MissingDependencyError
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_OK
from aurora_dev.interfaces.cli.output.streams import say
from aurora_dev.interfaces.mcp.tools.heap import use_one_arena
from aurora_dev.interfaces.mcp.tools.open_memory import OpenMemory
from aurora_dev.log import configure_logging

if TYPE_CHECKING:
    from types import ModuleType

_LIBRARIES: Final = ("mcp", "uvicorn")  # packages whose log lines go where Aurora's go
_EXIT_AFTER: Final = 20.0  # seconds; on a busy machine, closing takes a while


def run_mcp(
    path: Path | None, *, http: bool, host: str, port: int | None, allow_hosts: Sequence[str], show_token: bool
) -> int:
    """Serve a project's memory until the client leaves or the process is told to end."""
    use_one_arena()
    root = project_to_serve(path)
    settings = Settings.load(root)
    _configure_logging(settings)
    if not http and (port is not None or allow_hosts):
        raise InvalidRequestError("--port and --allow-host need --http: nothing was started")
    # The handshake waits for these imports, and garbage collection would find no garbage in them.
    gc.disable()
    server = _server_module()
    gc.freeze()
    gc.enable()
    if http:
        return _run_http(server, root, settings, host, port, allow_hosts, show_token)
    return asyncio.run(_stdio(server, root, settings))


def _server_module() -> ModuleType:
    try:
        from aurora_dev.interfaces.mcp import server
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("mcp", "mcp_types"):
            raise MissingDependencyError("the MCP server", extra="mcp", package="mcp") from None
        raise
    return server


async def _stdio(server: ModuleType, root: Path, settings: Settings) -> int:
    from aurora_dev.interfaces.mcp.stdio import (
        Lines,
        call_on_signal,
        exit_after,
        is_disconnect,
        take_standard_input,
        wait_for_lost_parent,
    )

    memory = OpenMemory(root, settings)
    lines = Lines(take_standard_input())
    serving = asyncio.ensure_future(server.serve_stdio(memory, lines))
    watching = asyncio.ensure_future(wait_for_lost_parent(lines))

    def stop() -> None:
        exit_after(_EXIT_AFTER)
        serving.cancel()

    watching.add_done_callback(lambda task: None if task.cancelled() else stop())
    with call_on_signal(stop):
        try:
            await serving
        except asyncio.CancelledError:
            if not serving.cancelled():
                raise
        except BaseException as error:
            if not is_disconnect(error):
                raise
        finally:
            watching.cancel()
    return EXIT_OK


def _run_http(
    server: ModuleType,
    root: Path,
    settings: Settings,
    host: str,
    port: int | None,
    allow_hosts: Sequence[str],
    show_token: bool,
) -> int:
    from aurora_dev.interfaces.mcp import http

    if settings.mcp_token is not None:
        where, is_new = "AURORA_MCP_TOKEN", False
        token = http.checked_token(settings.mcp_token.get_secret_value(), where)
    else:
        token, file, is_new = http.read_or_make_token(settings.store_path(root))
        where = str(file)
    listening = http.listen(host, http.DEFAULT_PORT if port is None else port)
    name = f"[{host}]" if ":" in host else host
    say(f"aurora: serving {root} at http://{name}:{listening.getsockname()[1]}/mcp")
    say(f"aurora: clients send the header 'Authorization: Bearer TOKEN'; the token is in {where}")
    if not http.is_loopback(host):
        say("aurora: warning: other machines can reach this port, and it is not encrypted: put a TLS proxy before it")
    if is_new or show_token:
        say(f"aurora: token: {token}")

    async def serve() -> None:
        memory = OpenMemory(root, settings)
        application = http.Guard(server.http_application(memory), token, (host, *allow_hosts))
        try:
            memory.warm()
            await http.serve_http(application, listening)
        finally:
            await memory.close()

    asyncio.run(serve())
    return EXIT_OK


def project_to_serve(path: Path | None) -> Path:
    """Return the project around a folder, searched up to the top of its repository, or else the folder itself.

    Raises:
        InvalidRequestError: The folder does not exist.
    """
    if path is not None and not path.is_dir():
        problem = "is a file; name its folder" if path.exists() else "does not exist"
        raise InvalidRequestError(f"'{path}' {problem}: nothing was started")
    try:
        start = (path or Path()).absolute()
    except OSError as error:  # the current folder was removed, or may not be read
        raise InvalidRequestError(
            f"the current folder cannot be read ({error.strerror}): nothing was started"
        ) from None
    return find_project(start, within_repository=True) or start


def _configure_logging(settings: Settings) -> None:
    handler = configure_logging(settings.log, settings.log_format)
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        # Their lines hold tracebacks of what a client sent: useful for debugging, noise in an editor's log.
        logger.handlers = [handler or logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(settings.log.upper() if handler else logging.CRITICAL + 1)
