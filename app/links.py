"""Addresses of codes: the public one that a QR code holds, and the local ones that pages link to."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from flask import request

from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.identity.digital_link import DigitalLink, uri_for_batch, uri_for_unit


def raw_target() -> str:
    """The path and query as they came, percent-encoding and all: a lot may hold an encoded slash."""
    raw = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI")
    if not raw:
        query = request.query_string.decode("latin-1")
        return quote(request.path) + (f"?{query}" if query else "")
    parts = urlsplit(str(raw))
    return parts.path + (f"?{parts.query}" if parts.query else "")


def public_uri(base_url: str, key: BatchKey, serial: Serial | None) -> str:
    """What the code of a batch or unit holds."""
    return uri_for_unit(base_url, key, serial) if serial else uri_for_batch(base_url, key)


def page_path(key: BatchKey, serial: Serial | None = None) -> str:
    """The page of a code on this site."""
    return urlsplit(public_uri("https://example.org", key, serial)).path


def qr_path(key: BatchKey, serial: Serial | None, kind: str) -> str:
    """The image of a code on this site; `kind` is `svg` or `png`."""
    parts = [str(key.gtin), str(key.lot), *([str(serial)] if serial else [])]
    return "/qr/" + "/".join(quote(part, safe="") for part in parts) + f".{kind}"


def document_path(key: BatchKey, which: str) -> str:
    """A published document; `which` is `content`, `first` or `final`."""
    return f"/documents/{key.gtin}/{quote(str(key.lot), safe='')}/{which}"


def same_host(link: DigitalLink, base_url: str) -> bool:
    """Whether a scanned code names this portal."""
    return urlsplit(link.base).netloc.lower() == urlsplit(base_url).netloc.lower()
