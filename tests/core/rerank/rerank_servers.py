"""Fakes of the rerank services on the loopback interface, and servers that misbehave.

Each fake accepts only requests that the service documents. Relevance is the share of the words of the query that a
document holds, so that every service ranks alike.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

LONGEST = 10.0  # seconds after which a server that hangs lets go, were a test to forget it


class Asked(NamedTuple):
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})


Fault = Callable[["Connection"], None]
Service = Callable[[Asked], "Answer | Fault"]


class Connection(NamedTuple):
    """The connection that a fault acts on: the socket, and an event that is set when the test is over."""

    socket: socket.socket
    over: threading.Event


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


class RerankServer:
    """A real HTTP server on the loopback interface; ``answers`` are given first, those of the service after them."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.asked: list[Asked] = []
        self.answers: list[Answer | Fault | Service] = []
        self.most_at_once = 0
        self.connections = 0
        self.left = threading.Event()  # somebody closed a connection that was still waiting
        self.arrived = threading.Event()
        self._at_once = 0
        self._over = threading.Event()
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = LONGEST

            def setup(self) -> None:
                super().setup()
                owner.connections += 1

            def do_POST(self) -> None:
                owner._handle(self)

            def log_message(self, _format: str, *args: Any) -> None:
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Keep quiet about the faults under test and clients that leave."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        asked = Asked(handler.path, {name.lower(): value for name, value in handler.headers.items()}, body)
        with self._lock:
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            answer: Any = self.answers.pop(0) if self.answers else self.service
        self.arrived.set()
        try:
            if not isinstance(answer, Answer) and not getattr(answer, "is_fault", False):
                answer = answer(asked)
            if isinstance(answer, Answer):
                handler.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    handler.send_header(name, value)
                handler.end_headers()
                handler.wfile.write(answer.body)
            else:
                handler.close_connection = True
                answer(Connection(handler.connection, self._over))
        except OSError:
            self.left.set()
            handler.close_connection = True
        finally:
            with self._lock:
                self._at_once -= 1

    def hang(self) -> Fault:
        """Answer nothing, and notice when the client leaves."""

        def wait(connection: Connection) -> None:
            connection.socket.settimeout(0.01)
            while not connection.over.is_set():
                try:
                    if not connection.socket.recv(1):
                        self.left.set()
                        return
                except TimeoutError:
                    continue

        return fault(wait)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.origin}/rerank"

    def stop(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def fault(act: Callable[[Connection], None]) -> Fault:
    act.is_fault = True  # type: ignore[attr-defined]
    return act


# -- faults ------------------------------------------------------------------------------------------------------------


@fault
def reset(connection: Connection) -> None:
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()


@fault
def truncate(connection: Connection) -> None:
    connection.socket.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"results": [')


@fault
def trickle(connection: Connection) -> None:
    connection.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not connection.over.wait(0.02):
        connection.socket.sendall(b" ")


@fault
def trickle_headers(connection: Connection) -> None:
    connection.socket.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not connection.over.wait(0.02):
        connection.socket.sendall(b"x")


@fault
def no_http(connection: Connection) -> None:
    connection.socket.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


@fault
def endless(connection: Connection) -> None:
    connection.socket.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    while not connection.over.is_set():
        connection.socket.sendall(piece)


# -- services ----------------------------------------------------------------------------------------------------------


def relevance(query: str, text: str) -> float:
    words = set(query.lower().split())
    return len(words & set(text.lower().split())) / (len(words) + 1)


def logit(probability: float) -> float:
    probability = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(probability / (1 - probability))


def _bad(text: str, status: int = 400) -> Answer:
    return as_json({"message": text}, status)


def _refused(
    asked: Asked, path: str, texts: str, needed: set[str], allowed: set[str], most: int | None = None
) -> Answer | None:
    """Return the refusal of a request that the documentation does not allow."""
    body = asked.body
    if asked.path != path:
        return _bad(f"no {asked.path} here", 404)
    if missing := needed - set(body):
        return _bad(f"missing {sorted(missing)}", 422)
    if unknown := set(body) - needed - allowed:
        return _bad(f"unknown {sorted(unknown)}", 422)
    if not body["query"] or not body[texts] or not all(isinstance(text, str) and text for text in body[texts]):
        return _bad("empty query or text", 422)
    if most is not None and len(body[texts]) > most:
        return _bad(f"batch size {len(body[texts])} > maximum allowed batch size {most}", 422)
    return None


def _entries(asked: Asked, texts: str, key: str, top: str = "", raw: bool = False) -> list[dict[str, Any]]:
    scores = [relevance(asked.body["query"], text) for text in asked.body[texts]]
    entries = [{"index": n, key: logit(score) if raw else score} for n, score in enumerate(scores)]
    entries.sort(key=lambda entry: -entry[key])
    return entries[: asked.body[top]] if top and asked.body.get(top) else entries


def cohere_v2(asked: Asked) -> Answer:
    refused = _refused(
        asked, "/v2/rerank", "documents", {"model", "query", "documents"}, {"top_n", "max_tokens_per_doc"}, 1_000
    )
    results = refused or _entries(asked, "documents", "relevance_score", "top_n")
    return refused or as_json({"id": "07734bd2", "results": results, "meta": {"api_version": {"version": "2"}}})


def cohere_v1(asked: Asked) -> Answer:
    allowed = {"top_n", "return_documents", "max_chunks_per_doc", "rank_fields"}
    refused = _refused(asked, "/v1/rerank", "documents", {"model", "query", "documents"}, allowed, 1_000)
    results = refused or _entries(asked, "documents", "relevance_score", "top_n")
    return refused or as_json({"id": "07734bd2", "results": results, "meta": {"api_version": {"version": "1"}}})


def jina(asked: Asked) -> Answer:
    refused = _refused(asked, "/v1/rerank", "documents", {"model", "query", "documents"}, {"top_n", "return_documents"})
    if refused:
        return refused
    results = _entries(asked, "documents", "relevance_score", "top_n")
    if asked.body.get("return_documents", True):
        results = [{**entry, "document": {"text": asked.body["documents"][entry["index"]]}} for entry in results]
    return as_json({"model": asked.body["model"], "usage": {"total_tokens": 815}, "results": results})


def voyage(asked: Asked) -> Answer:
    allowed = {"top_k", "return_documents", "truncation"}
    refused = _refused(asked, "/v1/rerank", "documents", {"model", "query", "documents"}, allowed, 1_000)
    data = refused or _entries(asked, "documents", "relevance_score", "top_k")
    return refused or as_json({"object": "list", "data": data, "model": "rerank-2.5", "usage": {"total_tokens": 26}})


def tei(asked: Asked) -> Answer:
    allowed = {"truncate", "truncation_direction", "raw_scores", "return_text"}
    refused = _refused(asked, "/rerank", "texts", {"query", "texts"}, allowed, 32)
    if refused:
        return Answer(refused.status, refused.body.replace(b'"message"', b'"error"'))
    return as_json(_entries(asked, "texts", "score", raw=asked.body.get("raw_scores", False)))


def tei_scores(asked: Asked) -> Answer:
    answer = tei(asked)
    entries = sorted(json.loads(answer.body), key=lambda entry: entry["index"])
    return as_json({"scores": [entry["score"] for entry in entries]})


def llamacpp(asked: Asked) -> Answer:
    refused = _refused(asked, "/v1/rerank", "documents", {"query", "documents"}, {"model", "top_n"})
    if refused:
        return refused
    # About a token for every three bytes; the physical batch is 512.
    longest = max(len((asked.body["query"] + text).encode()) for text in asked.body["documents"])
    if longest > 512 * 3:
        text = "input is too large to process. increase the physical batch size"
        return as_json({"error": {"code": 500, "message": text, "type": "server_error"}}, 500)
    results = _entries(asked, "documents", "relevance_score", "top_n", raw=True)
    return as_json({"model": "bge", "object": "list", "usage": {"total_tokens": 9}, "results": results})


def vllm(asked: Asked) -> Answer:
    refused = _refused(
        asked, "/rerank", "documents", {"query", "documents"}, {"model", "top_n", "truncate_prompt_tokens"}
    )
    if refused:
        return refused
    results = _entries(asked, "documents", "relevance_score", "top_n")
    results = [{**entry, "document": {"text": asked.body["documents"][entry["index"]]}} for entry in results]
    return as_json({"id": "rerank-1", "model": "bge", "usage": {"total_tokens": 56}, "results": results})


def infinity(asked: Asked) -> Answer:
    allowed = {"model", "top_n", "return_documents", "raw_scores"}
    refused = _refused(asked, "/rerank", "documents", {"query", "documents"}, allowed, 2_048)
    results = refused or _entries(asked, "documents", "relevance_score", "top_n", asked.body.get("raw_scores", False))
    return refused or as_json({"object": "rerank", "results": results, "model": "m", "usage": {"total_tokens": 1}})


def plain(asked: Asked) -> Answer:
    if not asked.body.get("query") or not asked.body.get("documents"):
        return _bad("query and documents are needed")
    return as_json({"rankings": _entries(asked, "documents", "score")})


SERVICES: dict[str, tuple[Service, str]] = {
    "cohere-v1": (cohere_v1, "/v1/rerank"),
    "cohere-v2": (cohere_v2, "/v2/rerank"),
    "jina": (jina, "/v1/rerank"),
    "voyage": (voyage, "/v1/rerank"),
    "tei": (tei, "/rerank"),
    "llamacpp": (llamacpp, "/v1/rerank"),
    "vllm": (vllm, "/rerank"),
    "infinity": (infinity, "/rerank"),
    "plain": (plain, "/rerank"),
}
