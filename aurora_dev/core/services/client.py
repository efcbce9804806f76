"""The HTTP client of remote services: posts JSON from a thread and event loop of its own, and reads bounded replies."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import math
import os
import ssl
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import httpx

from aurora_dev.core.services.addresses import origin, redacted, retry_after, shown_origin
from aurora_dev.core.services.errors import ServiceClosedError, ServiceError, error_text, names_size
from aurora_dev.core.services.retry import RETRIED_STATUS, RetryPolicy, Timing
from aurora_dev.log import get_logger

__all__ = ["Post", "Service", "ServiceClient"]

_log = get_logger(__name__)
_T = TypeVar("_T")

_CONNECT_TIMEOUT = 10.0  # seconds; a host that does not accept in this time is not there
_REDIRECTS = 3
_ERROR_CHARS = 300
_JOIN_SECONDS = 1.0
_KEY_REFUSED = (401, 403)
_REFUSED_CONTENT = (400, 413, 422)  # of one item, or of too many
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Service:
    """A remote service and the limits of a conversation with it.

    Attributes:
        url: The endpoint.
        key: Sent as a bearer token, to this host only; empty for none.
        largest_reply: Most bytes of a reply that are read.
        refused_advice: A sentence that says what to check when the service refuses a request.
        too_large_advice: A sentence that says what to check when a reply is larger than ``largest_reply``.
    """

    url: httpx.URL
    key: str
    largest_reply: int
    refused_advice: str
    too_large_advice: str


class Post(Protocol):
    """Posts JSON to the service of a client; see `ServiceClient.submit`."""

    async def __call__(
        self,
        body: bytes,
        *,
        deadline: float | None = None,
        attempt_timeout: float | None = None,
        request_timeout: float | None = None,
    ) -> bytes:
        """Return the body of the reply.

        Args:
            body: The JSON.
            deadline: A moment of the client's clock; no wait between two attempts reaches beyond it.
            attempt_timeout: Seconds for one attempt as a whole. Without it, an attempt has no limit but the caller's.
            request_timeout: Seconds that all attempts may take together, the waits between them not counted. With it,
                an attempt that ran into ``attempt_timeout`` is not repeated: a service that sends its answer one byte
                at a time does so again.

        Raises:
            ServiceError: The service refused, could not be reached, or failed in every attempt.
            ServiceClosedError: The client was closed.
        """
        ...


Work = Callable[[Post], Coroutine[Any, Any, _T]]


class ServiceClient:
    """Posts to one service, from a thread and an event loop of its own; thread-safe.

    Callers may come from any event loop or from none: a connection that was opened for one search serves the next one,
    although ``asyncio.run`` made another loop for it. The thread starts with the first request and ends with `close`,
    or when the client is garbage.

    Args:
        service: The service.
        retries: When a failed attempt is repeated.
        concurrency: Most requests at a time.
        timing: The clock; for tests.
        reopens: Whether a request after `close` opens new connections; else it is an error.
    """

    def __init__(
        self,
        service: Service,
        retries: RetryPolicy,
        concurrency: int,
        timing: Timing | None = None,
        *,
        reopens: bool = True,
    ) -> None:
        self._service, self._retries, self._timing = service, retries, timing or Timing()
        self._concurrency, self._reopens = concurrency, reopens
        self._lock = threading.Lock()
        self._closed = False
        self._session: _Session | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None

    def run(self, work: Work[_T]) -> _T:
        """Run a coroutine in the client's loop and wait for it; see `submit`. For callers without an event loop."""
        future = self.submit(work)
        try:
            return future.result()
        except BaseException:  # an interrupt has to end the request, too
            future.cancel()
            raise

    async def run_async(self, work: Work[_T]) -> _T:
        """Run a coroutine in the client's loop; see `submit`. The caller's loop is free meanwhile."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Work[_T]) -> concurrent.futures.Future[_T]:
        """Start a coroutine in the client's loop.

        Args:
            work: Takes the function that posts, and makes the coroutine.

        Returns:
            Its result; cancelling it cancels the coroutine. `ServiceClosedError` if `close` ended the coroutine.

        Raises:
            ServiceClosedError: The client is closed and does not reopen.
        """
        with self._lock:
            if self._closed and not self._reopens:
                raise ServiceClosedError
            session = self._session
            if session is None or session.pid != os.getpid():  # threads do not survive a fork
                if self._finalizer is not None:
                    self._finalizer.detach()
                session = self._session = _Session(self._concurrency)
                self._finalizer = weakref.finalize(self, session.stop)
            # The coroutine keeps the session that it began with: another thread may close the client at any moment.
            post: Post = functools.partial(self._post, session)
            return asyncio.run_coroutine_threadsafe(_unless_closed(session, work, post), session.loop)

    def close(self) -> None:
        """End the connections, the thread and the requests under way; a second call does nothing."""
        with self._lock:
            finalizer, self._finalizer, self._session, self._closed = self._finalizer, None, None, True
        if finalizer is not None:
            finalizer()

    async def _post(
        self,
        session: _Session,
        body: bytes,
        *,
        deadline: float | None = None,
        attempt_timeout: float | None = None,
        request_timeout: float | None = None,
    ) -> bytes:
        async with session.slots:
            attempt, left = 0, math.inf if request_timeout is None else request_timeout
            while True:
                if session.ending:
                    raise ServiceClosedError
                limit = attempt_timeout if attempt_timeout is None else min(attempt_timeout, left)
                started = self._timing.clock()
                outcome = await self._attempt(session.client(), body, limit)
                if isinstance(outcome, bytes):
                    return outcome
                left -= self._timing.clock() - started
                seconds = self._retries.pause(attempt, outcome.retry_after, self._timing.jitter())
                times = f" in {attempt + 1} attempts" if attempt else ""
                if attempt >= self._retries.max_retries or left <= 0 or (outcome.timed_out and left < math.inf):
                    raise ServiceError(f"{outcome.what}{times}", outcome.advice)
                if deadline is not None and self._timing.clock() + seconds >= deadline:
                    asked = outcome.retry_after
                    asks = f" and asks to wait {asked:g} s, longer than the timeout" if asked else ""
                    raise ServiceError(f"{outcome.what}{times}{asks}", outcome.advice)
                attempt += 1
                _log.debug("service_retry", attempt=attempt, seconds=round(seconds, 3), reason=outcome.what)
                await self._timing.wait(seconds)

    async def _attempt(self, client: httpx.AsyncClient, body: bytes, seconds: float | None) -> bytes | _Failed:
        """Post once, within a number of seconds if one is given; see `_follow`."""
        try:
            return await asyncio.wait_for(self._follow(client, body), seconds)
        except (asyncio.TimeoutError, TimeoutError):
            what = f"did not answer within {seconds:g} s"
            return _Failed(what, "Is it busy? Raise timeout, or send less.", timed_out=True)

    async def _follow(self, client: httpx.AsyncClient, body: bytes) -> bytes | _Failed:
        """Post once, redirects followed; return a failure that may be repeated, raise any other."""
        url = self._service.url
        for _ in range(_REDIRECTS + 1):
            try:
                status, headers, content = await self._exchange(client, url, body)
            except httpx.TimeoutException:
                return _Failed("did not accept a connection in time", "Is it running at this address?")
            except httpx.ConnectError:
                return _Failed("cannot be reached", "Is it running at this address?")
            except httpx.NetworkError:
                return _Failed("broke off the connection", "Is it running, and does its log say why?")
            except httpx.RemoteProtocolError:  # httpx has one error for both
                what = "broke off the connection or answered with something other than HTTP"
                return _Failed(what, "Is it running at this address, and does its log say why?")
            except httpx.ProxyError:
                raise ServiceError("is behind a proxy that refused", "Check HTTPS_PROXY and NO_PROXY.") from None
            except (httpx.HTTPError, httpx.InvalidURL):  # a body that does not decode, a broken redirect
                raise ServiceError("answered with something other than HTTP", "Check the address.") from None
            if not 300 <= status < 400:
                return self._judged(status, headers, content)
            url = self._redirected(url, headers)
        raise ServiceError("redirects in a circle", "Give the address that it redirects to.")

    async def _exchange(
        self, client: httpx.AsyncClient, url: httpx.URL, body: bytes
    ) -> tuple[int, httpx.Headers, bytes]:
        service = self._service
        headers = {**_HEADERS, "Authorization": f"Bearer {service.key}"} if service.key else _HEADERS
        async with client.stream("POST", url, content=body, headers=headers) as response:
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > service.largest_reply:
                    size = service.largest_reply >> 20
                    raise ServiceError(f"answered with more than {size} MB", service.too_large_advice, splits=True)
            return response.status_code, response.headers, bytes(content)

    def _judged(self, status: int, headers: httpx.Headers, content: bytes) -> bytes | _Failed:
        if 200 <= status < 300:
            return content
        if status in _KEY_REFUSED:  # without the service's own words: some repeat parts of the key in them
            raise ServiceError(f"refused the API key (HTTP {status})", "Check api_key and what it may be used for.")
        text = redacted(error_text(content, _ERROR_CHARS), self._service.key)
        if content.lstrip()[:1] == b"<":
            text = "a web page"
        what = f"answered HTTP {status} ({text})" if text else f"answered HTTP {status}"
        splits = status in _REFUSED_CONTENT or (status >= 500 and names_size(text))
        if status in RETRIED_STATUS and not splits:
            return _Failed(what, "Does its limit allow this? Try again later.", retry_after(headers))
        raise ServiceError(what, self._service.refused_advice, splits=splits)

    def _redirected(self, url: httpx.URL, headers: httpx.Headers) -> httpx.URL:
        """Return the target of a redirect; only the same scheme, host and port may get the texts and the key."""
        try:
            target = url.join(headers.get("location", ""))
        except httpx.InvalidURL:
            raise ServiceError("redirects to an invalid address", "Check the address.") from None
        if origin(target) != origin(url):
            raise ServiceError(
                f"redirects to another host ({shown_origin(target)}), to which no text and no key was sent",
                "Give that address yourself if you trust it.",
            )
        return target


@dataclass(frozen=True, slots=True)
class _Failed:
    """A failed attempt that may be repeated, and the seconds that the service asks to wait, if it does."""

    what: str
    advice: str
    retry_after: float | None = None
    timed_out: bool = False


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Return httpx's certificates; reading them takes tens of milliseconds, so they are read once per process."""
    return httpx.create_ssl_context()


async def _unless_closed(session: _Session, work: Work[_T], post: Post) -> _T:
    task = asyncio.current_task()
    assert task is not None  # a coroutine of the loop runs in a task
    session.calls.add(task)
    try:
        return await work(post)  # made here: a task that is cancelled before its first step leaves no coroutine behind
    except asyncio.CancelledError:
        if session.ending:  # `close` cancelled it, not the caller
            raise ServiceClosedError from None
        raise
    finally:
        session.calls.discard(task)


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Session:
    """A running event loop, its thread, and the connections that live in it."""

    def __init__(self, concurrency: int) -> None:
        self.pid = os.getpid()
        self.ending = False
        self.loop = asyncio.new_event_loop()
        self.slots = asyncio.Semaphore(concurrency)
        self.calls: set[asyncio.Task[Any]] = set()  # the tasks that callers wait for
        self._client: httpx.AsyncClient | None = None
        self._thread = threading.Thread(target=self._run, name="aurora-http", daemon=True)
        self._thread.start()

    def client(self) -> httpx.AsyncClient:
        """Return the HTTP client, made on first use with the proxies and certificates of httpx."""
        if self._client is None:
            # No limit for reading: the caller's timeout bounds slow and trickling answers as a whole.
            timeout = httpx.Timeout(None, connect=_CONNECT_TIMEOUT)
            try:
                self._client = httpx.AsyncClient(timeout=timeout, follow_redirects=False, verify=_certificates())
            except Exception as error:  # noqa: BLE001 - reading the settings raises many kinds, whose texts may hold a password
                raise ServiceError(
                    f"cannot be asked: httpx refuses the proxy or certificate settings ({type(error).__name__})",
                    "Check HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
                ) from None
        return self._client

    def stop(self) -> None:
        """End the loop and its thread, and wait for the thread up to a second."""
        if self.pid != os.getpid():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self._end())
            self.loop.close()

    async def _end(self) -> None:
        self.ending = True
        await asyncio.sleep(0)  # a coroutine that was submitted last takes its first step, so that it can be cancelled
        # Calls first: they end their own subtasks. One of httpx that is cancelled before its first step leaves a
        # coroutine that was never awaited.
        await _cancel(self.calls)
        await _cancel(asyncio.all_tasks() - {asyncio.current_task()})
        if self._client is not None:
            await self._client.aclose()
        await self.loop.shutdown_asyncgens()
