"""A TCP proxy that can be cut, so that a connection breaks without either end wanting it."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlparse


class CuttingProxy:
    """Before an `opc.tcp` server. `cut` breaks all connections; while `refusing`, nothing listens for new ones.

    After `cut_after(n)` it cuts by itself, once, when the server has sent n more bytes, most likely in the middle of a
    message, and refuses from then on.
    """

    def __init__(self, url: str) -> None:
        self._target = urlparse(url)
        # Held, so that nobody else is given the port while nothing listens on it.
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
    def refusing(self) -> bool:
        return self._listener is None

    @refusing.setter
    def refusing(self, wanted: bool) -> None:
        with self._lock:
            if self._listener is not None and wanted:
                self._listener.shutdown(socket.SHUT_RDWR)  # closed alone, it would listen until its `accept` returns
                self._listener.close()
                self._listener = None
            elif self._listener is None and not wanted:
                self._listener = _bound(self._held.getsockname()[1])
                self._listener.listen()
                threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def __enter__(self) -> CuttingProxy:
        self.refusing = False
        return self

    def __exit__(self, *_: object) -> None:
        self.refusing = True
        self.cut()
        self._held.close()

    def cut(self) -> None:
        with self._lock:
            for end in self._open:
                # A reset, as from a pulled cable's other end, rather than a polite goodbye.
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
            self.refusing = True
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
                if self._listener is not listener:  # cut meanwhile
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
    """Bound to a port (0: any free one), as servers bind, so that others of ours may be beside it."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made
