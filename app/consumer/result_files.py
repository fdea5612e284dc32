"""Result files of instruments that the evidence of an inspection names: drawings, small images and downloads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar
from urllib.parse import quote, unquote

from flask import Response, make_response, request

from app.context import current_portal, current_snapshot, require_visible
from app.errors import BusyError
from app.links import raw_target
from app.presenters.inspection import STAGES
from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.results import AttachedResult
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchKey, Gtin, Lot
from chromatrace.domain.rights import Scope

T = TypeVar("T")

CONCURRENT_DRAWINGS = 2
"""Drawings that a worker makes at the same time; each may take 300 MB of memory."""
_WAIT_S = 15
_KEPT_DRAWINGS = 64

_drawing = threading.BoundedSemaphore(CONCURRENT_DRAWINGS)


def result_file(gtin: str, rest: str) -> Response:
    """Return a drawing of a result, a small image of a file, or the file itself.

    The path ends with `<lot>/<stage>/<result>.svg` (`?width=narrow` for phones), `<lot>/<stage>/<result>/<file>.jpg` or
    `<lot>/<stage>/<result>/<file>`; results and files are numbered from 0. Only files that the evidence in force names
    are returned.
    """
    path = raw_target().partition("?")[0].removeprefix("/results/")
    _, lot, stage, *names = [unquote(part) for part in [*path.split("/"), "", ""]]
    names = [name for name in names if name]
    evidence = _evidence(BatchKey(Gtin(gtin), Lot(lot)), stage)
    documents = current_portal().batches.documents
    number, _, extension = names[-1].partition(".") if names else ("", "", "")
    if len(names) == 1 and extension == "svg":
        result, narrow = _item(evidence.results, number), request.args.get("width") == "narrow"
        digests = "-".join(bytes(file.sha256).hex()[:16] for file in result.files)
        return _unchanging(f"{digests}-{narrow}", "image/svg+xml", lambda: _plot(documents, result, narrow))
    if len(names) == 2 and extension in ("", "jpg"):
        file = _item(_item(evidence.results, names[0]).files, number)
        digest = bytes(file.sha256)
        if extension:
            return _unchanging(f"{digest.hex()}-jpg", "image/jpeg", lambda: _small_image(documents, digest))
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"}
        return Response(documents.get(digest), mimetype="application/octet-stream", headers=headers)
    raise _unknown()


def _evidence(key: BatchKey, stage: str) -> InspectionEvidence:
    """Return the evidence in force of a stage, if the visitor may see it."""
    snapshot, batches = current_snapshot(), current_portal().batches
    view = snapshot.batch_by_key(key)
    inspection = None
    if view is not None and stage in STAGES:
        in_force = (item for item in snapshot.inspections(view.batch_id) if not item.superseded)
        inspection = next((item for item in in_force if item.stage is STAGES[stage]), None)
    if view is None or inspection is None:
        raise _unknown()
    require_visible(view.producer, view.gtin, Scope.DOCUMENTS | Scope.QUALITY)
    evidence = batches.evidence(view, inspection).value
    if evidence is None:
        raise NotFound("the portal has no document about this batch with the digest on the chain", field="path")
    return evidence


def _item(items: Sequence[T], number: str) -> T:
    if not (number.isascii() and number.isdigit() and len(number) < 4 and int(number) < len(items)):
        raise _unknown()
    return items[int(number)]


def _unknown() -> NotFound:
    return NotFound(
        "this path does not identify a result file",
        field="path",
        hint="use <lot>/<stage>/<result>.svg, <lot>/<stage>/<result>/<file>.jpg or <lot>/<stage>/<result>/<file>",
    )


def _unchanging(tag: str, mimetype: str, draw: Callable[[], bytes]) -> Response:
    """Return a drawing of unchangeable content. The browser asks each time whether the visitor may still see it."""
    if request.if_none_match.contains(tag):
        response = make_response(b"", 304)
    else:
        if not _drawing.acquire(timeout=_WAIT_S):
            raise BusyError("the portal is drawing other result files", hint="try again in a minute")
        try:
            response = Response(draw(), mimetype=mimetype)
        finally:
            _drawing.release()
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@lru_cache(maxsize=_KEPT_DRAWINGS)
def _plot(documents: DocumentStore, result: AttachedResult, narrow: bool) -> bytes:
    from chromatrace.services.drawing.plot import COLUMN, NARROW
    from chromatrace.services.result_drawings import result_plot

    return result_plot(documents, result, NARROW if narrow else COLUMN).encode()


@lru_cache(maxsize=_KEPT_DRAWINGS)
def _small_image(documents: DocumentStore, digest: bytes) -> bytes:
    from chromatrace.services.result_drawings import thumbnail

    return thumbnail(documents.get(digest))
