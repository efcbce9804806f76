"""The MCP server: tools, resources and a prompt over one memory, on stdin and stdout or over HTTP on this machine.

This is the only module that imports the protocol's library. It imports what the handshake needs; the memory, its models
and the tools are imported with the first message after that.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

import anyio
from mcp import types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR
from pydantic import ValidationError
from pydantic_core import from_json

from aurora_dev.errors import AuroraError
from aurora_dev.interfaces.mcp.progress import ProgressPump
from aurora_dev.interfaces.mcp.tools.open_memory import OpenMemory
from aurora_dev.interfaces.mcp.tools.texts import INSTRUCTIONS, advice
from aurora_dev.log import get_logger
from aurora_dev.version import installed_version

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from aurora_dev.interfaces.mcp.tools.tool import Tool

__all__ = ["build_server", "http_application", "read_message", "serve_stdio"]

_log = get_logger(__name__)

_URI_PREFIX: Final = "aurora://memory/"
_RESOURCES_PER_PAGE: Final = 50
_PROMPT: Final = "start_task"
_PROMPT_TOKENS: Final = 6_000
# Requests that load nothing else. On a small machine, loading during the handshake would double its time.
_WITHOUT_MEMORY: Final = frozenset({"initialize", "server/discover", "ping"})
_BYTE_ORDER_MARK: Final = "\ufeff"
_LARGEST_BODY: Final = 16 * 1024 * 1024  # bytes, as the longest line of standard input
# An escape in a string: a backslash, a whole surrogate pair, or (in the group) half of one.
_ESCAPE: Final = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
# The error code for unknown resources, up to protocol version 2025-11-25.
_RESOURCE_NOT_FOUND: Final = -32002

Context = ServerRequestContext[dict[str, Any], Any]


def build_server(memory: OpenMemory) -> Server[dict[str, Any]]:
    """Return a server over a memory. The server neither opens nor closes the memory."""
    handlers = _Handlers(memory)
    server: Server[dict[str, Any]] = Server(
        "aurora",
        version=installed_version(),
        title="Aurora",
        description="The memory of a coding assistant: search, contexts, and what was learned.",
        instructions=INSTRUCTIONS,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_resource_templates,
        on_read_resource=handlers.read_resource,
        on_list_prompts=handlers.list_prompts,
        on_get_prompt=handlers.get_prompt,
    )

    async def warm_after_the_handshake(ctx: Context, call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method not in _WITHOUT_MEMORY:
            memory.warm()
            memory.trim_when_idle()
        return result

    server.middleware.append(warm_after_the_handshake)
    return server


class _Handlers:
    """The handlers of each kind of request."""

    def __init__(self, memory: OpenMemory) -> None:
        self.memory = memory
        self._tools: Mapping[str, Tool] | None = None

    def tools(self) -> Mapping[str, Tool]:
        if self._tools is None:
            from aurora_dev.interfaces.mcp.tools.registry import TOOLS

            self._tools = {tool.name: tool for tool in TOOLS}
        return self._tools

    async def list_tools(self, context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        from aurora_dev.interfaces.mcp.arguments import schema_of

        _refuse_cursor(params)
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=tool.name,
                    title=tool.title,
                    description=tool.description,
                    input_schema=schema_of(tool.arguments),
                    output_schema=schema_of(tool.answer),
                    annotations=types.ToolAnnotations(
                        title=tool.title,
                        read_only_hint=tool.read_only,
                        destructive_hint=tool.destructive,
                        idempotent_hint=tool.idempotent,
                        open_world_hint=False,
                    ),
                )
                for tool in self.tools().values()
            ]
        )

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        from aurora_dev.interfaces.mcp.arguments import parse_arguments

        tool = self.tools().get(params.name)
        if tool is None:
            known = ", ".join(self.tools())
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name[:80]!r}. The tools are: {known}")
        try:
            arguments, notes = parse_arguments(tool.name, tool.arguments, params.arguments)
            async with ProgressPump(context.session.report_progress) as pump:
                reply = await tool.run(self.memory, arguments, pump.report)
        except AuroraError as error:
            _log.info("tool_refused", tool=tool.name, error=f"{type(error).__name__}: {error}")
            return _tool_error(advice(error))
        except Exception as error:  # noqa: BLE001 - the model gets a sentence, and the server goes on
            _log.exception("tool_failed", tool=tool.name)
            return _tool_error(advice(error))
        data = reply.data.model_dump(mode="json", exclude_none=True)
        if notes and "notices" in type(reply.data).model_fields:
            data["notices"] = [*data.get("notices", ()), *notes]
        text = "\n".join([reply.text.rstrip("\n"), *(f"note: {note}" for note in notes)]) if notes else reply.text
        return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=data)

    async def list_resources(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        from aurora_dev.interfaces.mcp.resources import list_notes

        cursor = (params.cursor if params else None) or None
        with _as_protocol_errors():
            page = await list_notes(self.memory, cursor, _RESOURCES_PER_PAGE)
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=_URI_PREFIX + quote(note.id, safe=""),
                    name=note.id,
                    title=note.title,
                    description=note.description,
                    mime_type="text/markdown",
                )
                for note in page.notes
            ],
            next_cursor=page.next_cursor,
        )

    async def list_resource_templates(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        _refuse_cursor(params)
        template = types.ResourceTemplate(
            uri_template=_URI_PREFIX + "{id}",
            name="memory",
            title="A note",
            description="One memory, session, commit or piece of a file, by its id in search_memory or recall.",
            mime_type="text/markdown",
        )
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        from aurora_dev.interfaces.mcp.resources import read_record

        uri = params.uri
        text = None
        if uri.startswith(_URI_PREFIX):
            with _as_protocol_errors():
                text = await read_record(self.memory, unquote(uri[len(_URI_PREFIX) :]))
        if text is None:
            raise MCPError(
                _RESOURCE_NOT_FOUND,
                f"Resource not found: {uri[:200]}. Take an id from search_memory or recall: {_URI_PREFIX}{{id}}",
                {"uri": uri[:1_000]},
            )
        content = types.TextResourceContents(uri=uri, mime_type="text/markdown", text=text)
        return types.ReadResourceResult(contents=[content])

    async def list_prompts(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        _refuse_cursor(params)
        prompt = types.Prompt(
            name=_PROMPT,
            title="Start a task",
            description="Begin a task with the code, decisions and conventions that it needs in view.",
            arguments=[
                types.PromptArgument(name="task", title="Task", description="What is to be done.", required=True),
                types.PromptArgument(
                    name="token_budget",
                    title="Token budget",
                    description=f"Tokens that the context may take; {_PROMPT_TOKENS:,} by default.",
                    required=False,
                ),
            ],
        )
        return types.ListPromptsResult(prompts=[prompt])

    async def get_prompt(self, context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        from aurora_dev.interfaces.mcp.resources import start_task

        if params.name != _PROMPT:
            raise MCPError(INVALID_PARAMS, f"Unknown prompt: {params.name[:80]!r}. There is one: {_PROMPT}")
        with _as_protocol_errors():
            text = await start_task(self.memory, params.arguments or {}, _PROMPT_TOKENS)
        message = types.PromptMessage(role="user", content=types.TextContent(text=text))
        return types.GetPromptResult(description="Start a task with the project's memory in view.", messages=[message])


@contextlib.contextmanager
def _as_protocol_errors() -> Iterator[None]:
    """Turn errors outside of tools into protocol errors, with a sentence and no traceback."""
    try:
        yield
    except AuroraError as error:
        raise MCPError(INVALID_PARAMS, advice(error)) from None
    except Exception as error:  # noqa: BLE001 - the client gets a sentence, and the server goes on
        _log.exception("request_failed")
        raise MCPError(types.INTERNAL_ERROR, advice(error)) from None


def _tool_error(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)


def _refuse_cursor(params: types.PaginatedRequestParams | None) -> None:
    if params is not None and params.cursor:  # some clients pass an empty one for the first page
        raise MCPError(INVALID_PARAMS, "Invalid cursor: this list has one page")


# -- transports ------------------------------------------------------------------------------------------------


async def serve_stdio(memory: OpenMemory, lines: AsyncIterator[str]) -> None:
    """Serve one client on standard input and output until the input ends.

    Args:
        memory: The memory to serve. It is closed at the end.
        lines: The lines of standard input, one message each. Nothing else may read standard input.
    """
    server = build_server(memory)
    try:
        # While this runs, writes to descriptor 1 go to standard error.
        async with stdio_server(stdin=_EmptyInput()) as (unused, outgoing):  # type: ignore[arg-type]
            await unused.aclose()
            # Text printed through sys.stdout waits in a buffer, which would reach the client when the process ends.
            with contextlib.redirect_stdout(sys.stderr):
                async with anyio.create_task_group() as group:
                    send, receive = anyio.create_memory_object_stream[SessionMessage | Exception](0)
                    group.start_soon(_relay, lines, send, outgoing)
                    await server.run(receive, outgoing, server.create_initialization_options())
                    group.cancel_scope.cancel()
    finally:
        with contextlib.redirect_stdout(sys.stderr):
            await memory.close()


class _EmptyInput:
    """An empty standard input for the library's transport, which would skip malformed lines without an answer."""

    def __aiter__(self) -> _EmptyInput:
        return self

    async def __anext__(self) -> str:
        raise StopAsyncIteration


async def _relay(lines: AsyncIterator[str], send: Any, outgoing: Any) -> None:
    async with send:
        async for line in lines:
            message = read_message(line)
            if isinstance(message, types.JSONRPCError):
                await outgoing.send(SessionMessage(message))
            elif message is not None:
                await send.send(message)


def read_message(line: str) -> SessionMessage | types.JSONRPCError | None:
    """Parse a line of input.

    Returns:
        The message; for a line that is not a message, the error that JSON-RPC 2.0 demands, with the id of the line if
        it has one; ``None`` for a malformed response, which gets no answer.
    """
    try:
        value = _from_json(line.removeprefix(_BYTE_ORDER_MARK))
    except ValueError:
        return _refusal(None, PARSE_ERROR, "Parse error: a line of input is not JSON")
    if not isinstance(value, dict):
        return _refusal(None, INVALID_REQUEST, "Invalid Request: one JSON object a line, no batches")
    identifier = value.get("id")
    usable = isinstance(identifier, int | str) and not isinstance(identifier, bool)
    is_response = not isinstance(value.get("method"), str) and ("result" in value or "error" in value)
    try:
        if is_response:
            return SessionMessage(types.jsonrpc_message_adapter.validate_python(value, by_name=False))
        kind = types.JSONRPCRequest if "id" in value else types.JSONRPCNotification
        return SessionMessage(kind.model_validate(value, by_name=False))
    except ValidationError:
        if is_response:
            return None
        # The library takes a request with another type of id for a notification, and its client would wait forever.
        reason = "Invalid Request: jsonrpc is '2.0', an id a string or a whole number, params are an object"
        return _refusal(identifier if usable else None, INVALID_REQUEST, reason)


def _from_json(line: str) -> Any:
    """Parse a line of JSON; half of a surrogate pair is read as U+FFFD.

    RFC 8259 (8.2) allows it, and a text that was cut in the middle of an emoji holds it.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError:
        whole = _ESCAPE.sub(lambda found: found[0] if found[1] is None else r"\ufffd", line)
        if whole == line:
            raise
        value = from_json(whole, allow_inf_nan=False)
        if not isinstance(value, dict):  # no message that could be answered
            raise
        return value


def _refusal(identifier: int | str | None, code: int, text: str) -> types.JSONRPCError:
    return types.JSONRPCError(jsonrpc="2.0", id=identifier, error=types.ErrorData(code=code, message=text))


def http_application(memory: OpenMemory) -> Starlette:
    """Return the ASGI application that serves streamable HTTP at ``/mcp``.

    It checks neither token nor origin; wrap it in `aurora_dev.interfaces.mcp.http.Guard`.
    """
    application = build_server(memory).streamable_http_app(streamable_http_path="/mcp")
    application.add_middleware(_WholeBody)
    return application


class _WholeBody:
    """An ASGI middleware that reads the body of a request as `read_message` reads a line.

    A byte order mark is skipped, half of a surrogate pair and bytes that are not UTF-8 become U+FFFD, and more than
    16 MiB are refused.

    Args:
        app: The application behind it.
    """

    def __init__(self, app: Any) -> None:
        self._application = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._application(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":  # the client has gone
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > _LARGEST_BODY:
                headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
                await send({"type": "http.response.start", "status": 413, "headers": headers})
                await send({"type": "http.response.body", "body": b"a message has 16 MiB at most"})
                return
        parts = [{"type": "http.request", "body": _whole(bytes(body)), "more_body": False}]

        async def replay() -> Any:
            return parts.pop() if parts else await receive()

        await self._application(scope, replay, send)


def _whole(body: bytes) -> bytes:
    text = body.decode("utf-8", "replace").removeprefix(_BYTE_ORDER_MARK)
    if "\\u" in text:
        text = _ESCAPE.sub(lambda found: found[0] if found[1] is None else r"\ufffd", text)
    return text.encode("utf-8")
