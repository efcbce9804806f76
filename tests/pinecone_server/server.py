"""The fake of Pinecone: a server on the loopback interface."""

from __future__ import annotations

import itertools
import os
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from . import control_plane, data_plane, description
from .answers import Answer, Refusal, error
from .control_plane import DENSE_FIELD, SPARSE_FIELD, Known
from .faults import Action, Fault, Turnstile
from .records import Delay, Index
from .wire import Exchange, Listener, loopback_address

OPERATIONS = tuple(name for name, _ in (*data_plane.OPERATIONS.values(), *control_plane.OPERATIONS.values()))
LONGEST_HANG = 30.0  # seconds after which a request that hangs is let go, were a test to forget it
_numbers = itertools.count(os.getpid() * 7)


@dataclass(frozen=True)
class Seen:
    """A request with the status of its answer; after a fault, ``status`` is 0 or that of the fault."""

    operation: str
    index: str
    raw: bytes
    status: int
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw) if self.raw else None


class PineconeServer:
    """Serves indexes over HTTP; a context manager.

    Attributes:
        url: The address of the control plane (``Pinecone(host=…)`` or ``PINECONE_CONTROLLER_HOST``).
        api_key: The only key that it accepts.
        violations: Requests that the description or the documented limits do not allow, and answers of the server
            that its own description does not allow.
        requests: The requests, in the order of their answers.
        delay: The delay until writes show, in indexes that are made from now on.
        ready_after: How often a new index is described before it is ready.
        latency: Least seconds of every request.
    """

    def __init__(self, *, api_key: str = "pc-test-key", latency: float = 0.0, ready_after: int = 0) -> None:
        self.api_key = api_key
        self.latency = latency
        self.ready_after = ready_after
        self.delay = Delay()
        self.violations: list[str] = []
        self.requests: list[Seen] = []
        self.most_at_once: dict[str, int] = {}
        self.known: dict[str, Known] = {}
        self._faults: list[Fault] = []
        self._at_once: dict[str, int] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._released = threading.Event()
        self._turnstile = Turnstile()
        self._address = loopback_address(next(_numbers))
        self._listeners: dict[str, Listener] = {}
        self._control = Listener(self._address, self._serve_control)
        self.url = f"http://{self._address}:{self._control.port}"

    # -- what tests say to it ------------------------------------------------------------------------------------------

    def create_index(
        self, name: str, *, dimension: int | None = None, metric: str = "cosine", sparse: bool = False
    ) -> Index:
        """Make an index that is ready at once; ``dimension=None, sparse=True`` is a sparse one."""
        fields: dict[str, Any] = {}
        if dimension is not None:
            fields[DENSE_FIELD] = {"type": "dense_vector", "dimension": dimension, "metric": metric}
        if sparse:
            fields[SPARSE_FIELD] = {"type": "sparse_vector"}
        deployment = {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"}
        return self.make_index(name, fields, deployment, polls=0).records

    def index(self, name: str) -> Index:
        """Return the records of an index, for checks that bypass the client."""
        return self.known[name].records

    def host(self, name: str) -> str:
        """Return the address of an index (``Pinecone().index(host=…)``)."""
        return self.known[name].host

    def delay_visibility(self, *, reads: int = 0, seconds: float = 0.0) -> None:
        """Hide each write for so many reads of its namespace and so many seconds, in every index."""
        self.delay.reads, self.delay.seconds = reads, seconds

    def fail(self, action: Action = "status", *operations: str, **options: Any) -> Fault:
        """Let requests fail; see `Fault` for the options. Earlier faults come first."""
        unknown = set(operations) - set(OPERATIONS)
        if unknown:
            raise ValueError(f"no such operations: {sorted(unknown)}; there are {OPERATIONS}")
        fault = Fault(action, operations, **options)
        with self._lock:
            self._faults.append(fault)
        return fault

    def heal(self) -> None:
        """Remove every fault, and release hanging requests."""
        with self._lock:
            self._faults.clear()
            released, self._released = self._released, threading.Event()
        released.set()

    def asked(self, *operations: str) -> list[Seen]:
        """Return the requests of these operations; of all operations if none is named."""
        with self._lock:
            return [one for one in self.requests if not operations or one.operation in operations]

    def forget(self) -> None:
        """Forget the requests and the peak of concurrency so far."""
        with self._lock:
            self.requests.clear()
            self.most_at_once.clear()

    def stop(self) -> None:
        self._over.set()
        self.heal()
        for listener in (self._control, *self._listeners.values()):
            listener.close()

    def __enter__(self) -> PineconeServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- indexes -------------------------------------------------------------------------------------------------------

    def make_index(self, name: str, fields: Mapping[str, Any], deployment: Mapping[str, str], *, polls: int) -> Known:
        unknown = set(fields) - {DENSE_FIELD, SPARSE_FIELD}
        if unknown or not fields:
            raise Refusal(400, f"this server knows the fields {DENSE_FIELD} and {SPARSE_FIELD}", violation=True)
        dense = fields.get(DENSE_FIELD)
        metric = dense["metric"] if dense else "dotproduct"
        dimension = dense["dimension"] if dense else None
        records = Index(name, dimension=dimension, metric=metric, sparse=SPARSE_FIELD in fields, delay=self.delay)
        with self._lock:
            if name in self.known:
                raise Refusal(409, f"Resource {name} already exists")
            listener = Listener(self._address, lambda exchange: self._serve_data(exchange, name, records))
            self._listeners[name] = listener
            self.known[name] = Known(
                records, dict(fields), f"http://{self._address}:{listener.port}", dict(deployment), polls_left=polls
            )
            return self.known[name]

    def drop_index(self, name: str) -> None:
        with self._lock:
            self.known.pop(name, None)  # its listener goes on, and answers 404

    # -- answering -----------------------------------------------------------------------------------------------------

    def _serve_control(self, exchange: Exchange) -> None:
        def handle(name: str, _query: Any, path: Any, body: Any) -> Answer:
            return control_plane.OPERATIONS[name][1](self, path, body)

        names = {key: name for key, (name, _) in control_plane.OPERATIONS.items()}
        self._serve(exchange, ("control", "inference"), "", names, handle)

    def _serve_data(self, exchange: Exchange, name: str, records: Index) -> None:
        def handle(operation: str, query: Any, path: Any, body: Any) -> Answer:
            known = self.known.get(name)
            if known is None or known.records is not records:
                raise Refusal(404, "Index not found")
            if not known.ready:
                raise Refusal(503, "the index is not ready")
            return data_plane.OPERATIONS[operation][1](records, query, path, body)

        names = {key: one for key, (one, _) in data_plane.OPERATIONS.items()}
        self._serve(exchange, ("data",), name, names, handle)

    def _serve(
        self,
        exchange: Exchange,
        apis: tuple[str, ...],
        index: str,
        names: Mapping[str, str],
        handle: Callable[[str, Any, Any, Any], Answer],
    ) -> None:
        parts = urlsplit(exchange.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        found = description.find(apis, exchange.command, parts.path)
        operation, path = found if found else (None, {})
        name = names[operation.name] if operation else ""
        headers = {key.lower(): value for key, value in exchange.headers.items()}
        fault = self._enter(name)
        answer: Answer | None = None
        try:
            if self.latency:
                self._over.wait(self.latency)
            carried_out = fault is None or not fault.first or fault.action in ("reorder", "slow")
            if carried_out and operation is None:
                self._violate(f"{exchange.command} {unquote(parts.path)}: no such operation")
                answer = error(apis[0], 404, "no such operation")
            elif carried_out and operation is not None:
                answer = self._carry_out(operation, headers, query, path, exchange.body, handle)
            if fault is not None:
                answer = self._struck(exchange, fault, apis[0], answer)
        finally:
            # Before the client can know of the answer: what it does next comes after this.
            status = 0 if answer is None else answer.status
            self._leave(name, Seen(name, index, exchange.body, status, headers, query))
        if answer is not None:
            body = _encoded(answer)
            kind = {"Content-Type": "application/json"} if body else {}
            exchange.answer(answer.status, body, {**kind, **answer.headers})
        elif fault is not None and fault.action == "truncate":
            exchange.truncate(200, b"{}")
        else:
            exchange.reset()

    def _carry_out(
        self,
        operation: description.Operation,
        headers: Mapping[str, str],
        query: Mapping[str, list[str]],
        path: Mapping[str, str],
        raw: bytes,
        handle: Callable[[str, Any, Any, Any], Answer],
    ) -> Answer:
        """Validate a request, carry it out and validate the answer."""
        try:
            if headers.get("api-key") != self.api_key:
                raise Refusal(401, "Invalid API Key")
            given, problems = description.problems_of_parameters(operation, headers, query, path)
            body = self._body(operation, raw, problems)
            if problems:
                raise Refusal(400, "; ".join(problems), violation=True)
            answer = handle(operation.name, given, path, body)
        except Refusal as refusal:
            if refusal.violation:
                self._violate(f"{operation.name}: {refusal.text}")
            answer = error(operation.api, refusal.status, refusal.text)
        except Exception:  # noqa: BLE001 - a mistake in this server must show in the test, and the client must not wait for ever
            self._violate(f"{operation.name}: the server failed: {traceback.format_exc()}")
            answer = error(operation.api, 500, "the server failed")
        for problem in operation.problems_of_response(answer.status, answer.body):
            self._violate(f"{operation.name}: the answer {answer.status} is not as described: {problem}")
        return answer

    def _body(self, operation: description.Operation, raw: bytes, problems: list[str]) -> Any:
        if operation.body is None:
            if raw:
                problems.append("a body where none is described")
            return {}
        if not raw:
            if operation.body_required:
                problems.append("the body is missing")
            return {}
        if operation.api == "data" and len(raw) > data_plane.MOST_BYTES:
            raise Refusal(413, f"{len(raw)} bytes are more than {data_plane.MOST_BYTES}", violation=True)
        try:
            body = orjson.loads(raw)
        except ValueError as wrong:
            problems.append(f"the body is no JSON: {wrong}")
            return {}
        problems += operation.problems_of_body(body)
        return body

    def _struck(self, exchange: Exchange, fault: Fault, api: str, answer: Answer | None) -> Answer | None:
        """Return the answer that a fault leaves, or ``None`` if the connection breaks."""
        if fault.action == "reorder":
            self._turnstile.wait(fault.group, fault.seconds)
            return answer
        if fault.action == "slow":
            self._over.wait(fault.seconds)
            return answer
        if fault.action == "hang":
            released = self._released
            for _ in range(int(LONGEST_HANG / 0.01)):
                if released.is_set() or self._over.is_set() or exchange.left():
                    break
        if fault.action != "status":
            return None
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        return error(api, fault.status, f"told to answer {fault.status}", headers)

    def _enter(self, name: str) -> Fault | None:
        with self._lock:
            for key in (name, ""):
                self._at_once[key] = self._at_once.get(key, 0) + 1
                self.most_at_once[key] = max(self.most_at_once.get(key, 0), self._at_once[key])
            return next((fault for fault in self._faults if fault.strikes(name)), None)

    def _leave(self, name: str, seen: Seen) -> None:
        with self._lock:
            for key in (name, ""):
                self._at_once[key] -= 1
            self.requests.append(seen)

    def _violate(self, text: str) -> None:
        with self._lock:
            self.violations.append(text)


def _encoded(answer: Answer) -> bytes:
    return b"" if answer.body is None else orjson.dumps(answer.body)
