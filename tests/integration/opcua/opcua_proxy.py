"""A TCP proxy that can be cut, so that a connection breaks without either end wanting it."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlparse


class CuttingProxy:
    """Before an `opc.tcp` server. `cut` breaks all connections; while `refusing`, new ones are closed at once."""

    def __init__(self, url: str) -> None:
        self._target = urlparse(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        self.refusing = False
        self.accepted = 0

    @property
    def url(self) -> str:
        return self._target._replace(netloc=f"127.0.0.1:{self._listener.getsockname()[1]}").geturl()

    def __enter__(self) -> CuttingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        with self._lock:
            for end in self._open:
                # A reset, as from a pulled cable's other end, rather than a polite goodbye.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            self._open.clear()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            try:
                server = socket.create_connection((self._target.hostname, self._target.port))
            except OSError:
                client.close()
                continue
            self.accepted += 1
            with self._lock:
                self._open |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        with self._lock:
            for end in (source, sink):
                end.close()
                self._open.discard(end)
