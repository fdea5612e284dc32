"""The HTTP server of a portal worker: waitress, with limits on bodies, connections and slow clients.

One thread reads and writes all connections, so a client occupies a request thread only after it has sent its whole
request. The number of connections is limited: the server closes the one that has waited longest for its request.
"""

from __future__ import annotations

import copy
import io
import logging
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask
from waitress.utilities import RequestEntityTooLarge

from app.request_bodies import ADMISSION, DEFAULT_BYTES, TOO_LARGE, BodyLimit, body_limits
from app.settings import PortalSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
    from flask import Flask

MAX_CONNECTIONS = 2_000
IDLE_S = 60
"""Seconds after which a connection without a request, or whose client reads no data, is closed."""
REQUEST_S = 30
"""Seconds for the header of a request. A body has as long, and 1 s for each `MIN_BYTES_PER_S` received."""
MIN_BYTES_PER_S = 8 * 1024
MAX_PENDING_BYTES = 256 * 1024**2
"""Maximum of the incomplete bodies of all visitors, in bytes. Above it, the upload that has taken longest is closed."""
DRAIN_S = 10
"""Seconds that running requests have to finish when the server stops."""
_UNREAD_S = 5
"""Seconds for the client to receive the response to a body that is not read, before the connection is reset."""
_OPEN_FILES = 256
"""File descriptors reserved for databases, documents and temporary files."""

logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns about each request that waits for a thread


class HttpServer:
    """Serves an application on a listening socket."""

    def __init__(self, app: Flask, settings: PortalSettings, listener: socket.socket) -> None:
        adjustments = Adjustments(
            sockets=[listener],
            threads=settings.threads,
            ident="ChromaTrace",
            backlog=2048,
            recv_bytes=65_536,
            cleanup_interval=1,
            channel_timeout=IDLE_S,
            connection_limit=2**31,  # `_Server` limits connections
            # `app.proxies` interprets X-Forwarded-For, which waitress removes by default.
            clear_untrusted_proxy_headers=False,
        )
        self._stop_streams: Callable[[], None] = app.extensions["portal"].stop_streams
        self._map: dict[int, Any] = {}
        self._dispatcher = ThreadedTaskDispatcher()
        self._dispatcher.set_thread_count(adjustments.threads)
        self._server = _Server(
            app.wsgi_app,
            self._map,
            True,
            listener,
            dispatcher=self._dispatcher,
            adj=adjustments,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            bind_socket=False,
        )
        self._server.body_limit = body_limits(app).find
        self._server.max_connections = _max_connections()

    @property
    def port(self) -> int:
        """The listen port."""
        return int(self._server.effective_port)

    def wake(self) -> None:
        """Make `run` call `proceed` now. Safe in a signal handler."""
        with suppress(OSError):  # the server is closed
            self._server.pull_trigger()

    def run(self, proceed: Callable[[], bool]) -> None:
        """Serve while `proceed` returns True; it is called at least once a second. Then finish running requests."""
        while proceed():
            wasyncore.poll2(0.5, self._map)
        self._stop_streams()
        wasyncore.dispatcher.close(self._server)  # another portal may listen now
        deadline = time.monotonic() + DRAIN_S
        while self._server.busy() and time.monotonic() < deadline:
            wasyncore.poll2(0.1, self._map)
        self._dispatcher.shutdown()
        wasyncore.close_all(self._map)


@contextmanager
def serve_http(app: Flask, settings: PortalSettings) -> Iterator[int]:
    """Serve `app` in a thread while the block lasts, and yield the port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    stopping = threading.Event()
    with socket.create_server((settings.host, settings.port), family=family) as listener:
        server = HttpServer(app, settings, listener)
        thread = threading.Thread(target=server.run, args=(lambda: not stopping.is_set(),), name="portal", daemon=True)
        thread.start()
        try:
            yield server.port
        finally:
            stopping.set()
            server.wake()
            thread.join(timeout=2 * DRAIN_S)


def _max_connections() -> int:
    """Raise the limit of open files and return the number of connections that it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _OPEN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(16, min(MAX_CONNECTIONS, soft - _OPEN_FILES))


class _Request(HTTPRequestParser):
    """Parses a request and stops at the limit of its route."""

    adj: Adjustments
    body_bytes_received: int
    error: Any
    expect_continue: bool
    limit = BodyLimit()
    too_large = False
    unread = False
    """Whether the server stopped reading the body, so it must close the connection after the response."""
    needs_admission = False
    continue_when_admitted = False
    response: tuple[str, list[tuple[str, str]], bytes] | None = None
    """The response that rejects the sender of a large body."""

    def __init__(self, adj: Adjustments, body_limit: Callable[[str, str], BodyLimit]) -> None:
        super().__init__(adj)
        self._body_limit = body_limit
        self.started = time.time()

    @property
    def deadline(self) -> float:
        """Unix time at which the request must be complete."""
        return self.started + REQUEST_S + self.body_bytes_received / MIN_BYTES_PER_S

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.body_rcv is None:
            return
        self.limit = self._body_limit(self.command, self.path.encode("latin-1").decode("utf-8", "replace"))
        maximum = self.limit.maximum
        self.adj = copy.copy(self.adj)
        # The base class also counts the bytes between chunks. `received` checks the exact size.
        self.adj.max_request_body_size = (maximum + maximum // 8 + 1024 if self.chunked else maximum) + 1
        self.needs_admission = self.limit.authenticated and (self.chunked or self.content_length > DEFAULT_BYTES)
        if self.needs_admission:
            self.continue_when_admitted, self.expect_continue = self.expect_continue, False

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        too_long = self.chunked and self.body_rcv is not None and self.body_rcv.__len__() > self.limit.maximum
        if too_long or isinstance(self.error, RequestEntityTooLarge):
            self.too_large, self.error = True, None
            self.stop_reading()
        return consumed

    def stop_reading(self) -> None:
        """Complete the request without its body."""
        self.close()
        self.body_rcv = None
        self.expect_continue = self.needs_admission = False
        self.headers["CONNECTION"] = "close"
        self.completed = self.unread = True

    def to_response(self, _server: str) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return `response`; waitress calls this if `error` is set."""
        assert self.response is not None
        return self.response


class _Task(WSGITask):
    """Passes a request to the application."""

    def get_environment(self) -> WSGIEnvironment:
        environ: WSGIEnvironment = super().get_environment()
        if self.request.too_large:
            environ[TOO_LARGE] = True
        return environ


class _Channel(HTTPChannel):
    """A connection."""

    task_class = _Task
    close_when_flushed: bool
    last_activity: float
    request: _Request | None
    in_admission = False
    _unread = False
    _discard_until: float | None = None

    def parser_class(self, adj: Adjustments) -> _Request:
        """Return the parser of the next request."""
        return _Request(adj, self.server.body_limit)

    @property
    def running(self) -> bool:
        """Whether a request is with the application."""
        return bool(self.requests) or self.in_admission

    @property
    def waiting_since(self) -> float:
        """Unix time since which the server waits for this client."""
        return self.last_activity if self.request is None else self.request.started

    def expired(self, now: float) -> bool:
        """Return whether the client is too slow."""
        if self._discard_until is not None:
            return now > self._discard_until
        if self.running and not self.total_outbufs_len:
            return False
        if self.request is not None and not self.running:
            return now > self.request.deadline
        return self.last_activity < now - IDLE_S

    def readable(self) -> bool:
        return not self.in_admission and bool(super().readable())

    def received(self, data: bytes) -> bool:
        accepted = bool(super().received(data))
        if self.request is not None and self.request.needs_admission:
            self.request.needs_admission = False
            self.in_admission = True
            self.server.add_task(_Admission(self, self.request))
        return accepted

    def service(self) -> None:
        self._unread = self.requests[0].unread
        super().service()

    def handle_write(self) -> None:
        if self._unread and self.close_when_flushed and not self.will_close:
            # If unread data remains, closing the connection resets it, and the client may lose the response.
            self._flush_exception(self._flush_some)
            if self.total_outbufs_len or self.will_close:
                return
            self.close_when_flushed = False
            self._discard_until = time.time() + _UNREAD_S
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
            return
        super().handle_write()

    def handle_read(self) -> None:
        if self._discard_until is None:
            super().handle_read()
            return
        try:
            self.recv(self.adj.recv_bytes)
        except OSError:
            self.handle_close()


class _Admission:
    """A task that asks the application whether the sender of a request may send a large body."""

    def __init__(self, channel: _Channel, request: _Request) -> None:
        self._channel, self._request = channel, request

    def service(self) -> None:
        channel, request = self._channel, self._request
        status, headers, body = self._ask()
        with channel.requests_lock:
            channel.in_admission = False
            if not status.startswith("204"):
                request.response = status, headers, body
                request.stop_reading()
                request.error = request
                channel.request = None
                channel.requests.append(request)
                if len(channel.requests) == 1:
                    channel.server.add_task(channel)
            elif request.continue_when_admitted:
                request.expect_continue = True
                if not channel.requests and channel.connected:
                    channel.send_continue()
        channel.server.pull_trigger()

    def cancel(self) -> None:
        self._channel.cancel()

    def _ask(self) -> tuple[str, list[tuple[str, str]], bytes]:
        environ = WSGITask(self._channel, self._request).get_environment()
        environ[ADMISSION], environ["wsgi.input"] = True, io.BytesIO()
        started: list[tuple[str, list[tuple[str, str]]]] = []
        application: WSGIApplication = self._channel.server.application
        chunks = application(environ, lambda status, headers, *_: started.append((status, headers)))  # type: ignore[arg-type]
        body = b"".join(chunks)
        ((status, headers),) = started
        return status, [(name, value) for name, value in headers if name.lower() != "content-length"], body


class _Server(TcpWSGIServer):
    """Accepts connections and closes those whose clients are too slow."""

    channel_class = _Channel
    body_limit: Callable[[str, str], BodyLimit]
    max_connections: int

    def busy(self) -> bool:
        """Return whether a request is with the application or a response is being sent."""
        return any(channel.running or channel.total_outbufs_len for channel in self.active_channels.values())

    def handle_accept(self) -> None:
        for _ in range(64):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return
            channels = self._open()
            if len(channels) > self.max_connections:
                idle = [channel for channel in channels if not channel.running and not channel.total_outbufs_len]
                self._close_oldest([channel for channel in idle if not _admitted(channel)] or channels[-1:])

    def maintenance(self, now: float) -> None:
        for channel in list(self.active_channels.values()):
            if channel.expired(now):
                channel.will_close = True
        uploads = {
            channel: channel.request.body_bytes_received
            for channel in self._open()
            if channel.request is not None and not channel.running and not _admitted(channel)
        }
        while sum(uploads.values()) > MAX_PENDING_BYTES:
            del uploads[self._close_oldest(uploads)]

    def _open(self) -> list[_Channel]:
        return [channel for channel in self.active_channels.values() if not channel.will_close]

    def _close_oldest(self, channels: Iterable[_Channel]) -> _Channel:
        # The loop closes it in its next round: another connection must not get its descriptor in this one.
        oldest = min(channels, key=lambda channel: channel.waiting_since)
        oldest.will_close = True
        return oldest


def _admitted(channel: _Channel) -> bool:
    """Return whether an operator is sending a large body."""
    return channel.request is not None and channel.request.limit.authenticated
