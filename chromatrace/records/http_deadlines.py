"""An HTTP client whose requests end within a deadline, also if the server sends single bytes from time to time.

urllib3's time limits apply to each operation on the socket, and its retries multiply them. Here, a timer closes the
connection of a request that has not finished: connecting, sending the body, receiving the headers and, unless it is
streamed, the body, with all retries.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager, Retry, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection

CONNECT_S, SILENCE_S, REQUEST_S = 5.0, 15.0, 40.0
"""Limits in seconds: to connect; without a byte from the server; of a request, without the time to send its body."""
UPLOAD_BYTES_PER_S = 64 * 1024
"""Minimum rate at which a body is sent."""


def deadline_pool() -> PoolManager:
    """Return a client with these limits."""
    retries = Retry(total=3, connect=1, read=1, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504])
    return _DeadlinePool(timeout=Timeout(connect=CONNECT_S, read=SILENCE_S), retries=retries, maxsize=10)


class _Deadline:
    """The deadline of a request, and the connection that it uses."""

    def __init__(self) -> None:
        self.expired = False
        self.connection: HTTPConnection | None = None

    def require_time(self) -> None:
        if self.expired:
            raise TimeoutError("the server did not finish its response in time")

    def expire(self) -> None:
        self.expired = True
        connected = self.connection.sock if self.connection is not None else None
        if connected is not None:
            with contextlib.suppress(OSError):
                # The method of the TLS socket would change its state while another thread reads from it.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)


_deadline: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` if the block takes longer. A closed connection can look like the end of a response."""
    deadline = _Deadline()
    timer = threading.Timer(seconds, deadline.expire)
    timer.daemon = True
    token = _deadline.set(deadline)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        _deadline.reset(token)
    deadline.require_time()


def _use(connection: HTTPConnection) -> None:
    """Register the connection of the current request. Raises `TimeoutError` after its deadline."""
    deadline = _deadline.get()
    if deadline is not None:
        deadline.connection = connection
        deadline.require_time()


class _Connection(HTTPConnection):
    def request(self, *arguments: Any, **options: Any) -> None:
        _use(self)
        super().request(*arguments, **options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _use(self)
        return super().getresponse()


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class DeadlineHttpPool(HTTPConnectionPool):
    """Connections to one host whose requests end at the deadline of `within`."""

    ConnectionCls = _Connection


class DeadlineHttpsPool(HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _TlsConnection


class _DeadlinePool(PoolManager):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pool_classes_by_scheme = {"http": DeadlineHttpPool, "https": DeadlineHttpsPool}

    def urlopen(self, method: str, url: str, redirect: bool = True, **options: Any) -> BaseHTTPResponse:  # type: ignore[override]
        body = options.get("body")
        with within(REQUEST_S + len(body or b"") / UPLOAD_BYTES_PER_S):
            return super().urlopen(method, url, redirect=redirect, **options)
