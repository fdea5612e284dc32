"""Test the vault against S3 servers that hang, lose uploads or send something that is not S3."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.records import blobs, http_deadlines
from chromatrace.records.blobs import open_blobs
from chromatrace.records.errors import ContentCorruptError, VaultUnavailableError

FAST_S = 60
"""Generous limit of a test with short deadlines, in seconds."""


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    monkeypatch.setitem(os.environ, "AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture
def short_deadlines(monkeypatch):
    monkeypatch.setattr(http_deadlines, "SILENCE_S", 0.15)
    monkeypatch.setattr(http_deadlines, "REQUEST_S", 0.4)
    monkeypatch.setattr(blobs, "_DOWNLOAD_S", 0.4)


@contextlib.contextmanager
def listening(answer):
    """Run a server that passes each connection to `answer` after its request line and headers; yield a store on it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        def one(connection):
            with connection, contextlib.suppress(OSError):
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65_536)
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield open_blobs(f"s3://vault/prefix?endpoint=http://127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)


def silent(connection):
    connection.recv(1)


def drip_headers(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def stop_in_body(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
    connection.recv(1)


def drip_body(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


OPERATIONS = {
    "read": lambda store: store.read("a/b"),
    "list": lambda store: list(store.walk("a/")),
    "write": lambda store: store.write("a/b", [b"x"]),
    "delete": lambda store: store.delete(["a/b"]),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("answer", [silent, drip_headers, stop_in_body, drip_body])
def test_hanging_server_is_reported(short_deadlines, answer, operation):
    with listening(answer) as store:
        started = time.monotonic()
        with pytest.raises(VaultUnavailableError, match="no S3-compatible server responded") as raised:
            operation(store)
        assert time.monotonic() - started < FAST_S
    assert raised.value.field == "vault_url"


def test_limits_add_up_to_less_than_two_minutes():
    request_s = http_deadlines.REQUEST_S + http_deadlines.SILENCE_S + http_deadlines.CONNECT_S
    assert request_s + blobs._DOWNLOAD_S + http_deadlines.SILENCE_S < 120


@contextlib.contextmanager
def object_server(**behaviour):
    """Serve objects in memory. `stored` changes the bytes that are stored; None stores nothing."""
    objects: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            stored = behaviour.get("stored", lambda data: data)(body)
            if stored is not None:
                objects[self.path] = stored
            self._answer(200, b"", ETag=f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')

        def do_GET(self):
            if (page := behaviour.get("page")) is not None:
                status, body, media_type = page
                self._answer(status, body, **{"Content-Type": media_type})
            elif self.path in objects:
                self._answer(200, objects[self.path])
            else:
                code = b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
                self._answer(404, code, **{"Content-Type": "application/xml"})

        def _answer(self, status, body, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield open_blobs(f"s3://vault/prefix?endpoint=http://127.0.0.1:{server.server_port}")
        server.shutdown()


def test_upload_is_stored():
    with object_server() as store:
        store.write("a/b", [b"some", b" bytes"])
        assert store.read("a/b") == b"some bytes"


@pytest.mark.parametrize(
    "stored", [lambda data: None, lambda data: b"", lambda data: data[:-1], lambda data: data[:-1] + b"!"]
)
def test_upload_that_is_confirmed_but_not_stored_is_reported(stored):
    with (
        object_server(stored=stored) as store,
        pytest.raises(VaultUnavailableError, match="confirmed the upload of a/b") as raised,
    ):
        store.write("a/b", [b"some", b" bytes"])
    assert (raised.value.field, bool(raised.value.hint)) == ("vault_url", True)


def test_old_bytes_of_an_object_are_reported():
    with object_server(stored=lambda data: b"old") as store:
        store.write("a/b", [b"old"])
        with pytest.raises(VaultUnavailableError, match="confirmed the upload"):
            store.write("a/b", [b"new"])


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"<html>a page", "text/html"),
        (b"", "application/xml"),
        (b"<Error><Code>", "application/xml"),
        (b"<Other/>", "application/xml"),
        (b"\xff\xfe\x00", "application/xml"),
        (b"\xff\xfe\x00", "text/plain"),
        (b"{}", "application/json"),
    ],
)
def test_response_that_is_not_s3_is_reported(status, body, media_type):
    with object_server(page=(status, body, media_type)) as store:
        with pytest.raises(VaultUnavailableError) as raised:
            list(store.walk("a/"))
        assert (raised.value.field, bool(raised.value.hint)) == ("vault_url", True)
        if status != 200:
            with pytest.raises(VaultUnavailableError):
                store.read("a/b")


def test_server_errors_are_reported():
    with (
        object_server(page=(503, b"<html>maintenance", "text/html")) as store,
        pytest.raises(VaultUnavailableError) as raised,
    ):
        list(store.walk("a/"))
    assert raised.value.field == "vault_url"


def test_large_object_is_not_read_into_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(blobs, "_MAX_SMALL", 1000)
    folder = open_blobs(tmp_path)
    with object_server() as server:
        for store in (folder, server):
            store.write("a/b", [b"x" * 1001])
            with pytest.raises(ContentCorruptError, match="a/b in the vault has more than 1,000 bytes"):
                store.read("a/b")
            with store.open("a/b") as source:
                assert len(b"".join(iter(lambda: source.read(300), b""))) == 1001


def test_items_of_a_folder_that_are_not_files(tmp_path):
    store = open_blobs(tmp_path)
    store.write("a/file", [b"x"])
    (tmp_path / "a" / "folder").mkdir()
    os.mkfifo(tmp_path / "a" / "pipe")
    assert list(store.walk("a/")) == ["a/file"]
    for name in ("a/folder", "a/pipe"):
        with pytest.raises((ContentCorruptError, VaultUnavailableError)):
            store.read(name)


def test_chunks_are_uploaded_as_one_object():
    with object_server() as store:
        store.write("a/b", (bytes([number]) * 1000 for number in range(50)))
        with store.open("a/b") as source:
            assert hashlib.sha256(b"".join(iter(lambda: source.read(77), b""))).digest() == (
                hashlib.sha256(b"".join(bytes([number]) * 1000 for number in range(50))).digest()
            )


@pytest.mark.parametrize("bucket", ["b", "-ab", "ab-", "x" * 64])
def test_invalid_bucket_name_is_reported(bucket):
    with pytest.raises(InvalidInput) as raised:
        open_blobs(f"s3://{bucket}?endpoint=http://127.0.0.1:1")
    assert raised.value.field == "vault_url"
