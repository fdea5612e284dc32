"""Views of the EPCIS interface.

A capture job is finished when it is answered: a document is checked and stored at once, or rejected without effect.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from app.api.epcis.capture import CaptureOptions, CaptureStore
from app.api.epcis.captured_events import MayRead, captured_events
from app.api.epcis.models import CaptureJob
from app.context import current_operator, current_portal, current_snapshot, now_s, readable_lines
from app.errors import LoginRequiredError
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import Role, Scope
from chromatrace.epcis.capture import PROCEED, ROLLBACK
from chromatrace.epcis.query import EventPage, EventQuery, page_of
from chromatrace.epcis.vocabulary import CONTEXT
from chromatrace.services.epcis_events import chain_events
from chromatrace.services.epcis_export import IndexDirectory

PREFIX = "/epcis/v2"
VERSION = "2.0.0"
CONTENT_TYPES = ("application/json", "application/ld+json")
CAPTURE_ROLES = Role.PRODUCER | Role.LOGISTICS | Role.INSPECTOR | Role.FRANCHISEE | Role.GATEWAY
READ_SCOPES = Scope.LOGISTICS


def capture() -> ResponseReturnValue:
    """Capture an EPCIS document. Return 202 and the job; an error has no effect."""
    _check_version()
    operator = current_operator()
    operator.require(CAPTURE_ROLES, "capturing events")
    if request.mimetype not in CONTENT_TYPES:
        raise InvalidInput(
            f"expected {' or '.join(CONTENT_TYPES)}, got {request.mimetype or 'none'}", field="Content-Type"
        )
    behaviour = request.headers.get("GS1-Capture-Error-Behaviour", ROLLBACK)
    if behaviour not in (ROLLBACK, PROCEED):
        raise InvalidInput(
            f"expected {ROLLBACK} or {PROCEED}, got {behaviour!r:.40}", field="GS1-Capture-Error-Behaviour"
        )
    visibility = request.args.get("visibility", "partners")
    if visibility not in ("partners", "public"):
        raise InvalidInput(f"expected partners or public, got {visibility!r:.40}", field="visibility")
    options = CaptureOptions(behaviour, visibility == "public")
    new_job = _captures().capture(request.get_data(), operator, options, now_s())
    response = jsonify(_job_json(new_job))
    response.status_code = 202
    response.headers["Location"] = f"{PREFIX}/capture/{new_job.id}"
    return response


def job(identifier: str) -> ResponseReturnValue:
    """Return a job of the operator's organisation."""
    operator = current_operator()
    capture_job = _captures().find(identifier)
    if capture_job is None or capture_job.organisation != operator.organisation:
        raise NotFound("your organisation has no such capture job", field="captureID")
    return jsonify(_job_json(capture_job))


def events() -> ResponseReturnValue:
    """Return chain events and captured events that match the query parameters."""
    return _query(EventQuery.parse(request.args))


def events_of(epc: str) -> ResponseReturnValue:
    """Return the events that name `epc` (percent-encoded, or a plain URN)."""
    return _query(EventQuery.parse(request.args, epc))


def _captures() -> CaptureStore:
    portal = current_portal()
    return CaptureStore(portal.database, DocumentStore(portal.config.documents))


def _query(query: EventQuery) -> Response:
    _check_version()
    portal = current_portal()
    directory = IndexDirectory(
        current_snapshot(), DocumentStore(portal.config.documents), portal.chain.chain_id, portal.config.base_url
    )
    page = page_of(
        query,
        chain_events(current_snapshot(), directory, query),
        captured_events(portal.database, query, _may_read()),
    )
    response = jsonify(_document(page))
    if page.next_token is not None:
        parameters = urlencode({**request.args, "nextPageToken": page.next_token})
        response.headers["Link"] = f'<{request.path}?{parameters}>; rel="next"'
    return response


def _may_read() -> MayRead:
    try:
        operator, lines = current_operator(), readable_lines()
    except LoginRequiredError:
        return lambda _organisation, _gtins: False

    def may_read(organisation: int, gtins: set[Gtin] | None) -> bool:
        if organisation == operator.organisation:
            return True
        return bool(gtins) and all(lines(organisation, gtin, READ_SCOPES) for gtin in gtins or ())

    return may_read


def _document(page: EventPage) -> dict[str, Any]:
    parts: list[Any] = [CONTEXT]
    for context in page.contexts:
        parts += [part for part in (context if isinstance(context, list) else [context]) if part not in parts]
    results = {"queryName": "SimpleEventQuery", "resultsBody": {"eventList": page.events}}
    return {
        "@context": parts,
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "epcisBody": {"queryResults": results},
    }


def _job_json(capture_job: CaptureJob) -> dict[str, Any]:
    time = datetime.fromtimestamp(capture_job.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    errors = json.loads(capture_job.errors)
    return {
        "captureID": capture_job.id,
        "createdAt": time,
        "finishedAt": time,
        "running": False,
        "success": not errors,
        "captureErrorBehaviour": capture_job.behaviour,
        "errors": errors,
        "eventsTaken": capture_job.taken,
        "eventsKnown": capture_job.known,
        "documentDigest": f"0x{capture_job.digest.hex()}",
        "transaction": capture_job.recorded_tx,
    }


def _check_version() -> None:
    version = request.headers.get("GS1-EPCIS-Version")
    if version is not None and version.split(".")[:2] != ["2", "0"]:
        raise InvalidInput(f"unsupported version {version!r:.20}; use 2.0", field="GS1-EPCIS-Version")


def add_version(response: Response) -> Response:
    """Set the version header on every response."""
    response.headers["GS1-EPCIS-Version"] = VERSION
    return response
