"""QR code images and published documents."""

from __future__ import annotations

from urllib.parse import unquote

from flask import Response

from app.context import current_portal, current_snapshot, require_visible
from app.links import public_uri, raw_target
from app.presenters.documents import DocumentCheck
from app.presenters.inspection import STAGES
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchKey, Gtin, Lot, Serial
from chromatrace.domain.rights import Scope
from chromatrace.identity.qr import encode


def qr_image(gtin: str, rest: str) -> Response:
    """Return the QR code of a batch (`/qr/<gtin>/<lot>.svg`) or a unit (`/qr/<gtin>/<lot>/<serial>.png`)."""
    *parts, file_name = _segments("/qr/")
    name, _, extension = file_name.rpartition(".")
    if extension not in ("svg", "png") or len(parts) not in (1, 2):
        raise NotFound("this path does not identify an image", field="path", hint="use /qr/<gtin>/<lot>.svg or .png")
    lot, *serial = [*parts[1:], name]
    key = BatchKey(Gtin(gtin), Lot(lot))
    code = encode(public_uri(current_portal().config.base_url, key, Serial(serial[0]) if serial else None))
    image, mimetype = (code.svg(), "image/svg+xml") if extension == "svg" else (code.png(), "image/png")
    return Response(image, mimetype=mimetype, headers={"Cache-Control": "public, max-age=86400"})


def document(gtin: str, rest: str) -> Response:
    """Return the bytes of a document whose SHA-256 is on the chain.

    The last path segment is `content`, or `first` or `final` for the inspection evidence in force. Digests are public,
    and a batch can be registered with the digest of any document, so only a document about the batch is returned.
    """
    _, lot, name = (*_segments("/documents/"), "", "")[:3]
    snapshot, batches = current_snapshot(), current_portal().batches
    view = snapshot.batch_by_key(BatchKey(Gtin(gtin), Lot(lot)))
    inspection = None
    if view is not None and name in STAGES:
        in_force = (item for item in snapshot.inspections(view.batch_id) if not item.superseded)
        inspection = next((item for item in in_force if item.stage is STAGES[name]), None)
    if view is None or (name != "content" and inspection is None):
        raise NotFound("no such document is recorded on the chain", field="path", hint="use content, first or final")
    require_visible(view.producer, view.gtin, Scope.DOCUMENTS | (Scope.PRODUCT if name == "content" else Scope.QUALITY))
    document = batches.content(view) if inspection is None else batches.evidence(view, inspection)
    if document.check in (DocumentCheck.WRONG_SUBJECT, DocumentCheck.UNREADABLE, DocumentCheck.MISSING):
        raise NotFound("the portal has no document about this batch with the digest on the chain", field="path")
    headers = {"Content-Disposition": f'inline; filename="{document.digest.hex()}.json"'}
    return Response(batches.documents.get(document.digest), mimetype="application/json", headers=headers)


def _segments(prefix: str) -> list[str]:
    """Return the decoded path segments after `prefix`. An encoded slash does not split a lot."""
    path = raw_target().partition("?")[0]
    return [unquote(part) for part in path.removeprefix(prefix).split("/")]
