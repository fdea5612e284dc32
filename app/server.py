"""The HTTP server of a portal worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from waitress.server import create_server

from app.settings import PortalSettings

if TYPE_CHECKING:
    from flask import Flask


@contextmanager
def serve_http(app: Flask, settings: PortalSettings) -> Iterator[int]:
    """Serve `app` in a thread while the block lasts, and yield the port."""
    server = create_server(
        app,
        host=settings.host,
        port=settings.port,
        threads=settings.threads,
        ident="ChromaTrace",
        max_request_body_size=settings.max_file_bytes,
        # `app.proxies` interprets X-Forwarded-For, which waitress removes by default.
        clear_untrusted_proxy_headers=False,
    )
    stopping = threading.Event()

    def run() -> None:
        try:
            server.run()
        except OSError:  # closing its socket stops waitress from another thread
            if not stopping.is_set():
                raise

    thread = threading.Thread(target=run, name="portal", daemon=True)
    thread.start()
    try:
        yield server.effective_port
    finally:
        stopping.set()
        server.close()
        thread.join(timeout=10)
