"""A JSON-RPC endpoint in front of a real node, with faults that a test chooses."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

JSON = {"Content-Type": "application/json"}


class FaultyNode:
    """Passes requests to the node at `target`.

    respond   called with the requests of a body (a list, also for a single request); a tuple (status, headers, body)
              is sent instead of the node's answer; None passes the requests on
    answered  called with each request and its answer, which it may change or replace
    """

    def __init__(self, target):
        self.target = target
        self.respond = lambda requests: None
        self.answered = lambda request, answer: answer
        self.bodies = 0

    def handle(self, body):
        """Return status, headers and body of the answer."""
        self.bodies += 1
        requests = json.loads(body)
        single = isinstance(requests, dict)
        fault = self.respond([requests] if single else requests)
        if fault is not None:
            return fault
        with urlopen(Request(self.target, body, JSON)) as response:
            answers = json.loads(response.read())
        if single:
            answers = self.answered(requests, answers)
        else:
            by_id = {answer["id"]: answer for answer in answers}
            answers = [self.answered(request, by_id[request["id"]]) for request in requests]
        return 200, JSON, json.dumps(answers).encode()


@contextmanager
def faulty_node(target):
    """Serve a `FaultyNode` while the block lasts; its attribute `url` is the address."""
    node = FaultyNode(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            status, headers, body = node.handle(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": len(body)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    node.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
