"""An asynchronous HTTP client that any event loop and any thread may use: JSON in, bounded bytes out, with retries."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import os
import random
import ssl
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from aurora_dev.core.services.addresses import origin, redacted, retry_after, shown_origin
from aurora_dev.core.services.replies import error_text
from aurora_dev.log import get_logger

_log = get_logger(__name__)
_T = TypeVar("_T")

_CONNECT_TIMEOUT = 10.0  # a host that does not accept in this time is not there
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0  # longer waits would not fit into the time of a search
_REDIRECTS = 3
_ERROR_CHARS = 300
_JOIN_SECONDS = 1.0
_KEY_REFUSED = (401, 403)
# Timeout, rate limit, and what proxies and overloaded servers answer; 500 is an answer to this very request.
_PASSING = frozenset({408, 429, 502, 503, 504, 529})
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class ServiceError(Exception):
    """A service did not answer usefully; ``what`` completes "The service …", ``advice`` says what to try."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a request is tried again.

    Attributes:
        attempts: Further attempts after the first.
        wait: Waits so many seconds.
        jitter: Numbers in 0..1.
        clock: Monotonic seconds.
    """

    attempts: int
    wait: Callable[[float], Awaitable[Any]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic

    def pause(self, attempt: int, asked: float | None) -> float:
        """Return the seconds to wait: as asked, else doubling, with jitter so that clients do not come back as one."""
        if asked is not None:
            return asked
        return min(_FIRST_WAIT * 2.0**attempt, _LONGEST_WAIT) * (0.5 + 0.5 * self.jitter())


class ServiceClient:
    """Posts to one service, from a thread and an event loop of its own.

    Callers come from any event loop, or from none: a connection that was opened for one search serves the next one,
    although ``asyncio.run`` made another loop for it. The thread starts with the first request and ends with `close`,
    or when the client is garbage.

    Args:
        url: The endpoint.
        key: Sent as a bearer token, to this host only; empty for none.
        concurrency: Most requests at a time.
        largest_reply: Most bytes of an answer that are read.
        retries: How requests are tried again.
    """

    def __init__(self, url: httpx.URL, key: str, concurrency: int, largest_reply: int, retries: RetryPolicy) -> None:
        self._url, self._key, self._retries = url, key, retries
        self._concurrency, self._largest_reply = concurrency, largest_reply
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None

    def submit(
        self, work: Callable[[], Coroutine[Any, Any, _T]], if_closed: Callable[[], Exception]
    ) -> concurrent.futures.Future[_T]:
        """Run a coroutine in the client's loop; cancelling the future cancels it.

        Args:
            work: Makes the coroutine.
            if_closed: Makes the error that is raised where `close` ended it: nobody cancelled the caller.
        """
        with self._lock:
            session = self._session
            if session is None or session.pid != os.getpid():  # threads do not survive a fork
                if self._finalizer is not None:
                    self._finalizer.detach()
                session = self._session = _Session(self._concurrency)
                self._finalizer = weakref.finalize(self, session.stop)
            return asyncio.run_coroutine_threadsafe(_unless_closed(session, work, if_closed), session.loop)

    def close(self) -> None:
        """End the connections and the thread; the next request starts new ones."""
        with self._lock:
            finalizer, self._finalizer, self._session = self._finalizer, None, None
        if finalizer is not None:
            finalizer()

    async def post(self, body: bytes, deadline: float) -> bytes:
        """Post JSON and return the answer's body; only inside of `submit`.

        Args:
            body: The JSON.
            deadline: By the clock of the retries; no wait reaches beyond it.

        Raises:
            ServiceError: It refused, could not be reached, or went on failing.
        """
        session = self._session
        assert session is not None  # submit made it
        async with session.slots:
            attempt = 0
            while True:
                reply = await self._attempt(session.client(), body)
                if isinstance(reply, bytes):
                    return reply
                seconds = self._retries.pause(attempt, reply.wait)
                times = f" in {attempt + 1} attempts" if attempt else ""
                if attempt >= self._retries.attempts:
                    raise ServiceError(f"{reply.what}{times}", reply.advice)
                if self._retries.clock() + seconds >= deadline:
                    asked = f" and asks to wait {seconds:g} s, longer than the timeout" if reply.wait else ""
                    raise ServiceError(f"{reply.what}{times}{asked}", reply.advice)
                attempt += 1
                _log.debug("service_retry", attempt=attempt, seconds=round(seconds, 3), reason=reply.what)
                await self._retries.wait(seconds)

    async def _attempt(self, client: httpx.AsyncClient, body: bytes) -> bytes | _Failed:
        """Post once; a failure that another attempt may mend comes back, any other is raised."""
        url = self._url
        for _ in range(_REDIRECTS + 1):
            try:
                status, headers, content = await self._post(client, url, body)
            except httpx.TimeoutException:
                return _Failed("did not accept a connection in time", "Is it running at this address?")
            except httpx.ConnectError:
                return _Failed("cannot be reached", "Is it running at this address?")
            except httpx.NetworkError:
                return _Failed("broke off the connection", "Is it running, and does its log say why?")
            except httpx.RemoteProtocolError:  # httpx has one error for both
                what = "broke off the connection or answered with what is no HTTP"
                return _Failed(what, "Is it running at this address, and does its log say why?")
            except httpx.ProxyError:
                raise ServiceError("is behind a proxy that refused", "Check HTTPS_PROXY and NO_PROXY.") from None
            except (httpx.HTTPError, httpx.InvalidURL):
                raise ServiceError("answered with what is no HTTP", "Check the address.") from None
            if not 300 <= status < 400:
                return self._judged(status, headers, content)
            url = self._redirected(url, headers)
        raise ServiceError("redirects in a circle", "Give the address that it redirects to.")

    async def _post(self, client: httpx.AsyncClient, url: httpx.URL, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        headers = {**_HEADERS, "Authorization": f"Bearer {self._key}"} if self._key else _HEADERS
        async with client.stream("POST", url, content=body, headers=headers) as response:
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > self._largest_reply:
                    raise ServiceError(
                        f"answered with more than {self._largest_reply >> 20} MB, which no list of scores is",
                        "Is this the address of its reranking API?",
                    )
            return response.status_code, response.headers, bytes(content)

    def _judged(self, status: int, headers: httpx.Headers, content: bytes) -> bytes | _Failed:
        if 200 <= status < 300:
            return content
        if status in _KEY_REFUSED:  # its words are left out: services repeat parts of the key in them
            raise ServiceError(f"refused the API key (HTTP {status})", "Check api_key and what it may be used for.")
        said = redacted(error_text(content, _ERROR_CHARS), self._key)
        if content.lstrip()[:1] == b"<":
            said = "a web page"
        what = f"answered HTTP {status} ({said})" if said else f"answered HTTP {status}"
        if status in _PASSING:
            return _Failed(what, "Does its limit allow this? Try again later.", retry_after(headers))
        raise ServiceError(what, "Check the address, the model, api_format, max_documents and max_document_chars.")

    def _redirected(self, url: httpx.URL, headers: httpx.Headers) -> httpx.URL:
        """Return where to go on; only on the same scheme, host and port: texts and key are for that host alone."""
        try:
            target = url.join(headers.get("location", ""))
        except httpx.InvalidURL:
            raise ServiceError("redirects to what is no address", "Check the address.") from None
        if origin(target) != origin(url):
            raise ServiceError(
                f"redirects to another host ({shown_origin(target)}), where neither texts nor key were sent",
                "Give that address yourself if you trust it.",
            )
        return target


@dataclass(frozen=True, slots=True)
class _Failed:
    """An attempt that may be repeated, and after how many seconds the service wants it."""

    what: str
    advice: str
    wait: float | None = None


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Return httpx's certificates; reading them takes tens of milliseconds, so once in a process."""
    return httpx.create_ssl_context()


async def _unless_closed(
    session: _Session, work: Callable[[], Coroutine[Any, Any, _T]], if_closed: Callable[[], Exception]
) -> _T:
    try:
        return await work()  # made here: a task that is cancelled before its first step leaves no coroutine behind
    except asyncio.CancelledError:
        if session.ending:
            raise if_closed() from None
        raise


class _Session:
    """A running loop, its thread, and the connections that live in it."""

    def __init__(self, concurrency: int) -> None:
        self.pid = os.getpid()
        self.ending = False
        self.loop = asyncio.new_event_loop()
        self.slots = asyncio.Semaphore(concurrency)
        self._client: httpx.AsyncClient | None = None
        self._thread = threading.Thread(target=self._run, name="aurora-http", daemon=True)
        self._thread.start()

    def client(self) -> httpx.AsyncClient:
        """Return the client, made on first use: proxies and certificates are those of httpx."""
        if self._client is None:
            # Reading has no limit of its own here: the caller's whole time bounds slow and trickling answers.
            timeout = httpx.Timeout(None, connect=_CONNECT_TIMEOUT)
            try:
                self._client = httpx.AsyncClient(timeout=timeout, follow_redirects=False, verify=_certificates())
            except (
                Exception
            ) as error:  # whatever reading a proxy's or a certificate's settings raises; may hold a password
                raise ServiceError(
                    f"cannot be asked: httpx refuses the proxy or certificate settings ({type(error).__name__})",
                    "Check HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
                ) from None
        return self._client

    def stop(self) -> None:
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
        await asyncio.sleep(0)  # what was submitted at the last moment begins, so that it can say why it ends
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
        await self.loop.shutdown_asyncgens()
