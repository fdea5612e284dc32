"""Before an S3 server that takes any secret: lets through what one account has signed (AWS Signature Version 4).

Written from AWS's "Signature Calculations for the Authorization Header", and held against its published example.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, urlsplit

_PASSED_ON = ("content-type", "etag", "last-modified")


def signature(secret: str, method: str, target: str, headers: Mapping[str, str], signed: str, scope: str) -> str:
    """The signature of a request. `headers` by lower-case names, `signed` by semicolons, `scope` day/region/service."""
    parts = urlsplit(target)
    query = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in _query(parts.query))
    named = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in signed.split(";"))
    canonical = [method, parts.path, "&".join(map("=".join, query)), named, signed, headers["x-amz-content-sha256"]]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], f"{scope}/aws4_request", digest])
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), "aws4_request", text):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def _query(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)


class Gate:
    """Serves on `port`, before the server at `behind`, for one account; `denied`: methods that it has no right to."""

    def __init__(self, behind: int, access_key: str, secret: str) -> None:
        self.behind, self.access_key, self.secret = behind, access_key, secret
        self.denied: set[str] = set()
        handler = type("Handler", (_Handler,), {"gate": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def refusal(self, method: str, target: str, headers: Mapping[str, str]) -> str | None:
        """The code with which a request is refused."""
        said = dict(
            part.strip().split("=", 1) for part in headers.get("authorization", "").partition(" ")[2].split(",") if part
        )
        if "Signature" not in said:
            return "AccessDenied"
        account, _, scope = said["Credential"].removesuffix("/aws4_request").partition("/")
        if account != self.access_key:
            return "InvalidAccessKeyId"
        found = signature(self.secret, method, target, headers, said["SignedHeaders"], scope)
        if not hmac.compare_digest(found, said["Signature"]):
            return "SignatureDoesNotMatch"
        return "AccessDenied" if method in self.denied else None


class _Handler(BaseHTTPRequestHandler):
    gate: Gate
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        refused = self.gate.refusal(self.command, self.path, headers)
        if refused is not None:
            document = f"<Error><Code>{refused}</Code><Message>refused</Message></Error>".encode()
            self._say(403, {"content-type": "application/xml"}, document)
            return
        # The server behind knows one account, whose secret it does not check.
        passed = {name: value for name, value in headers.items() if name not in ("authorization", "connection")}
        passed["authorization"] = headers["authorization"].replace(self.gate.access_key, "S3RVER", 1)
        behind = http.client.HTTPConnection("127.0.0.1", self.gate.behind, timeout=120)
        behind.request(self.command, self.path, body, passed)
        answer = behind.getresponse()
        given = {name: value for name, value in answer.getheaders() if name.lower() in _PASSED_ON}
        self._say(answer.status, given, answer.read())
        behind.close()

    def _say(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815 - names of the library

    def log_message(self, *args: object) -> None:
        """Says nothing."""
