"""URLs of batches and units: the public URI in a QR code, and the local paths that pages link to."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from flask import request

from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.identity.digital_link import DigitalLink, uri_for_batch, uri_for_unit


def raw_target() -> str:
    """Return path and query as received. Percent-encoding matters: a lot may contain an encoded slash."""
    raw = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI")
    if not raw:
        query = request.query_string.decode("latin-1")
        return quote(request.path) + (f"?{query}" if query else "")
    parts = urlsplit(str(raw))
    return parts.path + (f"?{parts.query}" if parts.query else "")


def public_uri(base_url: str, key: BatchKey, serial: Serial | None) -> str:
    """Return the URI in the QR code of a batch or unit."""
    return uri_for_unit(base_url, key, serial) if serial else uri_for_batch(base_url, key)


def page_path(key: BatchKey, serial: Serial | None = None) -> str:
    """Return the path of the page of a batch or unit."""
    return urlsplit(public_uri("https://example.org", key, serial)).path


def qr_path(key: BatchKey, serial: Serial | None, extension: str) -> str:
    """Return the path of a QR code image; `extension` is `svg` or `png`."""
    parts = [str(key.gtin), str(key.lot), *([str(serial)] if serial else [])]
    return "/qr/" + "/".join(quote(part, safe="") for part in parts) + f".{extension}"


def document_path(key: BatchKey, name: str) -> str:
    """Return the path of a published document; `name` is `content`, `first` or `final`."""
    return f"/documents/{key.gtin}/{quote(str(key.lot), safe='')}/{name}"


def results_path(key: BatchKey, stage: str) -> str:
    """Return the path below which the result files of an inspection are."""
    return f"/results/{key.gtin}/{quote(str(key.lot), safe='')}/{stage}"


def same_host(link: DigitalLink, base_url: str) -> bool:
    """Return whether a scanned code has the host of this portal."""
    return urlsplit(link.base).netloc.lower() == urlsplit(base_url).netloc.lower()
