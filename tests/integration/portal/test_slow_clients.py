"""Slow clients and large bodies at the portal's HTTP server."""

from __future__ import annotations

import re
import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import httpx
import pytest

from app import create_app, request_bodies, server
from app.errors import LoginRequiredError
from app.server import serve_http

MIB = 1024**2


@contextmanager
def serving(settings, **changes):
    settings = replace(settings, port=0, page_limit="1000000 per minute", **changes)
    with serve_http(create_app(settings), settings) as port:
        yield port


@pytest.fixture
def port(settings):
    with serving(settings) as port:
        yield port


def connect(port, data=b""):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(data)
    return connection


def visit(port):
    return httpx.get(f"http://127.0.0.1:{port}/", timeout=60).status_code


def closed_by_server(connection):
    """Wait until the server closes the connection, and return what it sent."""
    received = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65_536):
            received += data
    return received


def test_idle_connections_do_not_block_visitors(port):
    with ExitStack() as stack:
        for _ in range(1_000):
            stack.enter_context(connect(port))
        assert visit(port) == 200


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nname=",
        b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nna",
    ],
)
def test_incomplete_requests_do_not_block_visitors(port, start):
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(port, start)) for _ in range(120)]
        for _ in range(3):
            for connection in slow:
                connection.sendall(b"a")
            assert visit(port) == 200


def test_connection_that_waited_longest_is_closed_at_the_limit(settings, monkeypatch):
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 20)
    with serving(settings) as port, ExitStack() as stack:
        first = stack.enter_context(connect(port, b"GET / HT"))
        for _ in range(30):
            stack.enter_context(connect(port))
        assert visit(port) == 200
        assert closed_by_server(first) == b""


@pytest.mark.parametrize(
    "start", [b"GET / HTTP/1.1\r\nX-A: ", b"POST /login HTTP/1.1\r\nContent-Length: 1000\r\n\r\n", b""]
)
def test_slow_request_is_closed_in_spite_of_single_bytes(settings, monkeypatch, start):
    monkeypatch.setattr(server, "REQUEST_S", 1)
    monkeypatch.setattr(server, "IDLE_S", 1)
    with serving(settings) as port, connect(port, start) as slow:
        slow.settimeout(0.2)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if start:
                    slow.sendall(b"a")
                if not slow.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return
        pytest.fail("the connection is still open")


def test_bodies_of_visitors_have_a_common_limit(settings, monkeypatch):
    monkeypatch.setattr(server, "MAX_PENDING_BYTES", MIB)
    head = b"POST /scan HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n"
    with serving(settings) as port, connect(port, head + bytes(700_000)) as first:
        with connect(port, head + bytes(700_000)) as second:
            assert closed_by_server(first) == b""
            second.sendall(b"more")
        assert visit(port) == 200


@pytest.mark.parametrize(
    ("method", "path", "size"),
    [
        ("POST", "/", 400 * MIB),
        ("PUT", "/no/such/page", 65_537),
        ("POST", "/login", 65_537),
        ("GET", "/", 400 * MIB),
        ("POST", "/scan", 100 * MIB),
        ("POST", "/epcis/v2/capture", 2**40),
        ("POST", "/api/v1/records/files", 2**40),
    ],
)
def test_declared_body_is_rejected_before_it_is_sent(port, method, path, size):
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
    with connect(port, head.encode()) as connection:
        connection.settimeout(120)
        assert closed_by_server(connection).startswith(b"HTTP/1.1 413 ")


def test_client_that_keeps_sending_gets_the_response(port):
    def body():
        for _ in range(160):
            yield bytes(256 * 1024)

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        declared = client.post("/", content=body(), headers={"Content-Length": str(40 * MIB)})
        assert (declared.status_code, "File too large" in declared.text) == (413, True)
        counted = client.post("/login", content=body(), headers={"Accept": "application/json"})
        assert (counted.status_code, counted.headers["Content-Type"]) == (413, "application/problem+json")


@pytest.mark.parametrize("size", [60_000, 65_536])
def test_chunked_body_up_to_the_limit_is_read(port, size):
    chunks = [b"name=" + b"a" * (size - 5)]
    answer = httpx.post(f"http://127.0.0.1:{port}/login", content=iter(chunks), timeout=60)
    assert answer.status_code == 400  # the form has no CSRF token


@pytest.mark.parametrize("path", ["/api/v1/records/files", "/api/v1/records/import", "/epcis/v2/capture"])
@pytest.mark.parametrize("length", ["Content-Length: 3000000", "Transfer-Encoding: chunked"])
def test_stranger_is_rejected_before_a_large_body_is_sent(port, path, length):
    head = f"POST {path}?schema=a HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n{length}\r\n"
    with connect(port, (head + "Expect: 100-continue\r\n\r\n").encode()) as connection:
        assert closed_by_server(connection).startswith(b"HTTP/1.1 401 ")


def test_operator_is_asked_to_continue(port, monkeypatch):
    asked = []
    monkeypatch.setattr(request_bodies, "current_operator", lambda: asked.append(1))
    head = "POST /epcis/v2/capture HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\nExpect: 100-continue\r\n\r\n"
    with connect(port, head.encode()) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        assert asked == [1]
        connection.sendall(bytes(3_000_000))
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")  # the view checks the login again


def test_rejection_of_a_pipelined_upload_follows_the_first_response(port):
    requests = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"
    with connect(port, requests) as connection:
        assert re.findall(rb"HTTP/1.1 (\d+) ", closed_by_server(connection)) == [b"503", b"413"]


def test_application_applies_the_limit_without_the_server(settings, monkeypatch):
    def reject():
        raise LoginRequiredError("not logged in")

    monkeypatch.setattr(request_bodies, "current_operator", reject)
    client = create_app(settings).test_client()
    assert client.post("/login", data=b"a" * 65_537, content_type="text/plain").status_code == 413
    admission = {request_bodies.ADMISSION: True}
    assert client.post("/epcis/v2/capture", environ_overrides=admission).status_code == 401
