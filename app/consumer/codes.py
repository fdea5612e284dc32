"""Images of codes, and the documents that the chain names, byte for byte."""

from __future__ import annotations

from urllib.parse import unquote

from flask import Response

from app.context import current_portal
from app.links import public_uri, raw_target
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchKey, Gtin, Lot, Serial
from chromatrace.domain.rights import Stage
from chromatrace.identity.qr import encode

_STAGES = {"first": Stage.FIRST, "final": Stage.FINAL}


def qr(gtin: str, rest: str) -> Response:
    """The QR code of a batch (`/qr/<gtin>/<lot>.svg`) or unit (`/qr/<gtin>/<lot>/<serial>.png`)."""
    *parts, last = _segments("/qr/")
    name, _, kind = last.rpartition(".")
    if kind not in ("svg", "png") or len(parts) not in (1, 2):
        raise NotFound("there is no such image", field="path", hint="/qr/<gtin>/<lot>.svg or .png")
    lot, *serial = [*parts[1:], name]
    key = BatchKey(Gtin(gtin), Lot(lot))
    code = encode(public_uri(current_portal().config.base_url, key, Serial(serial[0]) if serial else None))
    image, mimetype = (code.svg(), "image/svg+xml") if kind == "svg" else (code.png(), "image/png")
    return Response(image, mimetype=mimetype, headers={"Cache-Control": "public, max-age=86400"})


def document(gtin: str, rest: str) -> Response:
    """The content document (`content`) or the evidence in force (`first`, `final`), whose SHA-256 is on the chain."""
    _, lot, which = (*_segments("/documents/"), "", "")[:3]
    batches = current_portal().batches
    view = batches.index.batch_by_key(BatchKey(Gtin(gtin), Lot(lot)))
    digest = view.content_digest if view is not None and which == "content" else None
    if view is not None and which in _STAGES:
        in_force = (item for item in batches.index.inspections(view.batch_id) if not item.superseded)
        digest = next((item.evidence for item in in_force if item.stage is _STAGES[which]), None)
    if digest is None:
        raise NotFound("the chain names no such document", field="path", hint="content, first or final")
    headers = {"Content-Disposition": f'inline; filename="{digest.hex()}.json"'}
    return Response(batches.documents.get(digest), mimetype="application/json", headers=headers)


def _segments(prefix: str) -> list[str]:
    """The path's segments behind `prefix`, decoded one by one: an encoded slash does not split a lot."""
    path = raw_target().partition("?")[0]
    return [unquote(part) for part in path.removeprefix(prefix).split("/")]
