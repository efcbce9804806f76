"""What ``aurora mcp`` does: find the project, and serve it."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aurora_dev.config import Settings, find_project
from aurora_dev.errors import InvalidRequestError, MissingDependencyError
from aurora_dev.interfaces.cli.output.process import EXIT_OK, say
from aurora_dev.interfaces.mcp.heap import use_one_arena
from aurora_dev.interfaces.mcp.open_memory import OpenMemory
from aurora_dev.log import configure_logging

if TYPE_CHECKING:
    from types import ModuleType

_LIBRARIES: Final = ("mcp", "uvicorn")  # whose log lines go where ours go
_MOST_SECONDS_TO_END: Final = 20.0  # on a machine that is busy with others, closing takes seconds


def run_mcp(
    path: Path | None, *, http: bool, host: str, port: int | None, allow_hosts: Sequence[str], show_token: bool
) -> int:
    """Serve a project's memory until the client leaves or the process is told to end."""
    use_one_arena()
    root = project_of(path)
    settings = Settings.load(root)
    _configure_logging(settings)
    if not http and (port is not None or allow_hosts):
        raise InvalidRequestError("--port and --allow-host belong to --http: nothing was started")
    # The handshake waits for these imports; collecting garbage meanwhile would only find that there is none.
    gc.disable()
    server = _server_module()
    gc.freeze()
    gc.enable()
    if http:
        return _run_http(server, root, settings, host, port, allow_hosts, show_token)
    return asyncio.run(_stdio(server, root, settings))


def _server_module() -> ModuleType:
    try:
        from aurora_dev.interfaces.mcp import server as mcp_server
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("mcp", "mcp_types"):
            raise MissingDependencyError("the MCP server", extra="mcp", package="mcp") from None
        raise
    return mcp_server


async def _stdio(server: ModuleType, root: Path, settings: Settings) -> int:
    from aurora_dev.interfaces.mcp.stdio import Lines, ending_on_signal, is_disconnect, take_standard_input, within

    memory = OpenMemory(root, settings)
    serving = asyncio.ensure_future(server.serve_stdio(memory, Lines(take_standard_input())))

    def end() -> None:
        within(_MOST_SECONDS_TO_END)
        serving.cancel()

    with ending_on_signal(end):
        try:
            await serving
        except asyncio.CancelledError:
            if not serving.cancelled():
                raise
        except BaseException as error:
            if not is_disconnect(error):
                raise
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
    from aurora_dev.interfaces.mcp import http as mcp_http

    if settings.mcp_token is not None:
        token, where, is_new = (
            mcp_http.checked_token(settings.mcp_token.get_secret_value(), "AURORA_MCP_TOKEN"),
            "",
            False,
        )
    else:
        token, file, is_new = mcp_http.read_or_make_token(settings.store_path(root))
        where = str(file)
    listening = mcp_http.listen(host, mcp_http.DEFAULT_PORT if port is None else port)
    name = f"[{host}]" if ":" in host else host
    say(f"aurora: serving {root} at http://{name}:{listening.getsockname()[1]}/mcp")
    say(f"aurora: clients send the header 'Authorization: Bearer TOKEN'; the token is in {where or 'AURORA_MCP_TOKEN'}")
    if not mcp_http.is_loopback(host):
        say("aurora: warning: other machines can reach this port, and nothing here is encrypted: put TLS before it")
    if is_new or show_token:
        say(f"aurora: token: {token}")

    async def serve() -> None:
        memory = OpenMemory(root, settings)
        guarded = mcp_http.Guard(server.http_application(memory), token, (host, *allow_hosts))
        try:
            memory.warm()
            await mcp_http.serve_http(guarded, listening)
        finally:
            await memory.close()

    asyncio.run(serve())
    return EXIT_OK


def project_of(path: Path | None) -> Path:
    """Return the project that is served: the one around a folder, as far as its repository goes, else the folder.

    Raises:
        InvalidRequestError: There is no such folder.
    """
    if path is not None and not path.is_dir():
        what = "is a file; name its folder" if path.exists() else "does not exist"
        raise InvalidRequestError(f"'{path}' {what}: nothing was started")
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
        # Their lines hold tracebacks of what a client sent; a person who debugs wants them, an editor's log does not.
        logger.handlers = [handler or logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(settings.log.upper() if handler else logging.CRITICAL + 1)
