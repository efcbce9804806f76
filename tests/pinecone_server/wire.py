"""HTTP/1.1 on the loopback interface: one listener for each host, a thread for each connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

LONGEST_REQUEST = 64 * 1024 * 1024  # bytes; beyond, a length is a mistake
Serve = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One connection and its current request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    body: bytes

    def _serve(self) -> None:
        self.body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LONGEST_REQUEST))
        try:
            self.server.serve(self)  # type: ignore[attr-defined]
        except OSError:  # the client left
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        # One packet for head and body: the client answers a lone head with a delayed acknowledgement.
        head: list[bytes] = vars(self).pop("_headers_buffer")
        self.wfile.write(b"".join([*head, b"\r\n", body]))

    def reset(self) -> None:
        """Close the connection so that the client sees it reset."""
        self.close_connection = True
        self.connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        )
        self.connection.close()

    def truncate(self, status: int, body: bytes) -> None:
        """Announce a whole answer, and close half way."""
        self.close_connection = True
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body) + 100}\r\n\r\n"
        self.wfile.write(head.encode() + body[: len(body) // 2])

    def left(self) -> bool:
        """Return whether the client has closed the connection; waits for 10 ms."""
        self.connection.settimeout(0.01)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        except OSError:
            return True
        finally:
            with contextlib.suppress(OSError):
                self.connection.settimeout(None)

    def log_message(self, _format: str, *args: Any) -> None:
        """Keep quiet."""


class Listener:
    """Accepts connections of one host until it is closed."""

    def __init__(self, address: str, serve: Serve) -> None:
        self.serve = serve
        self._socket = socket.create_server((address, 0), backlog=256)
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False
        self._lock = threading.Lock()
        self._accepting = threading.Thread(target=self._accept, name="pinecone-accept", daemon=True)
        self._accepting.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                connection, address = self._socket.accept()
            except OSError:
                return
            if self._closing:
                connection.close()
                return
            thread = threading.Thread(target=self._talk, args=(connection, address), name="pinecone-talk", daemon=True)
            with self._lock:
                self._open.add(connection)
                self._threads = [*(one for one in self._threads if one.is_alive()), thread]
                thread.start()

    def _talk(self, connection: socket.socket, address: Any) -> None:
        try:
            # Clients may reset the connection while a request is read.
            with contextlib.suppress(OSError):
                Exchange(connection, address, self)  # type: ignore[arg-type]
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def close(self) -> None:
        self._closing = True
        with contextlib.suppress(OSError), socket.create_connection(self._socket.getsockname(), timeout=1):
            pass  # wakes the thread that accepts
        self._accepting.join(timeout=5)
        self._socket.close()
        with self._lock:
            connections, threads = list(self._open), list(self._threads)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(timeout=5)


def loopback_address(number: int) -> str:
    """Return a separate loopback address for each server, if the system has more than one.

    The client keeps, for each host name and as long as the process lives, a budget of retries and a limit of
    concurrency; servers that share an address would share what an earlier test has used up.
    """
    if sys.platform == "darwin":
        return "127.0.0.1"
    return f"127.{1 + number // 62_500 % 250}.{number // 250 % 250}.{1 + number % 250}"
