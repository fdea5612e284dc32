"""A real HTTP server that receives webhooks and verifies their signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """The received messages, and how the server answers: a status, headers and the time that it waits."""

    def __init__(self, key):
        self.key, self.status, self.headers = key, 204, {}
        self.received, self.paths = [], []
        self.arrived, self.proceed = threading.Event(), threading.Event()
        self.proceed.set()

    def verify(self, headers, body):
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        assert f"v1,{expected}" in headers["webhook-signature"].split()

    @property
    def ids(self):
        return [headers["webhook-id"] for headers, _ in self.received]

    @property
    def events(self):
        return [document["type"] for _, document in self.received]


@contextmanager
def receiving(key, tls=None):
    receiver = Receiver(key)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.paths.append(self.path)
            receiver.arrived.set()
            receiver.proceed.wait(60)
            if receiver.status < 300:
                receiver.verify(self.headers, body)
                receiver.received.append((dict(self.headers), json.loads(body)))
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/hook"
    receiver.port = server.server_port
    try:
        yield receiver
    finally:
        receiver.proceed.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
