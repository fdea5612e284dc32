"""Test helper: a TCP proxy whose connections can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlparse


class CuttingProxy:
    """Forwards to an `opc.tcp` server. `cut` resets all connections. While `rejecting`, the port is closed.

    `cut_after(n)` cuts once after the server has sent n more bytes and rejects new connections from then on.
    """

    def __init__(self, url: str) -> None:
        self._target = urlparse(url)
        # Keeps the port reserved while nothing listens on it.
        self._held = _bound(0)
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.RLock()
        self._remaining: int | None = None
        self.has_cut = threading.Event()

    @property
    def url(self) -> str:
        return self._target._replace(netloc=f"127.0.0.1:{self._held.getsockname()[1]}").geturl()

    @property
    def rejecting(self) -> bool:
        return self._listener is None

    @rejecting.setter
    def rejecting(self, wanted: bool) -> None:
        with self._lock:
            if self._listener is not None and wanted:
                self._listener.shutdown(
                    socket.SHUT_RDWR
                )  # close() alone would leave it listening until accept() returns
                self._listener.close()
                self._listener = None
            elif self._listener is None and not wanted:
                self._listener = _bound(self._held.getsockname()[1])
                self._listener.listen()
                threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def __enter__(self) -> CuttingProxy:
        self.rejecting = False
        return self

    def __exit__(self, *_: object) -> None:
        self.rejecting = True
        self.cut()
        self._held.close()

    def cut(self) -> None:
        with self._lock:
            for end in self._open:
                # SO_LINGER 0: send a reset instead of a regular close.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            self._open.clear()

    def cut_after(self, count: int) -> None:
        self._remaining = count

    def _allowed(self, data: bytes) -> bytes:
        if self._remaining is None:
            return data
        allowed = data[: self._remaining]
        self._remaining -= len(allowed)
        if self._remaining == 0:
            self._remaining = None
            self.rejecting = True
            self.cut()
            self.has_cut.set()
        return allowed

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((self._target.hostname, self._target.port))
            except OSError:
                client.close()
                continue
            with self._lock:
                if self._listener is not listener:  # stopped in the meantime
                    client.close()
                    server.close()
                    return
                self._open |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink, source is server), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(self._allowed(data) if counted else data)
        except OSError:
            pass
        with self._lock:
            for end in (source, sink):
                end.close()
                self._open.discard(end)


def _bound(port: int) -> socket.socket:
    """Return a socket bound to `port` (0: any free port) with SO_REUSEADDR."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
