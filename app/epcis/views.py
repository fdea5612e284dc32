"""The routes of the EPCIS interface.

A job is finished when it is answered: a document is checked and written at once, or refused and not written at all.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request

from app.epcis import chain
from app.epcis.capture import PROCEED, ROLLBACK, Captures, Terms
from app.epcis.models import Capture
from app.epcis.question import Question
from app.epcis.reading import Page, captured, page_of
from app.errors import LoginNeeded
from app.portal import now_s, operator, portal, readable, snapshot
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import Role, Scope
from chromatrace.epcis.vocabulary import CONTEXT
from chromatrace.services.epcis_export import IndexDirectory

PREFIX = "/epcis/v2"
VERSION = "2.0.0"
CONTENT_TYPES = ("application/json", "application/ld+json")
CAPTURE_ROLES = Role.PRODUCER | Role.LOGISTICS | Role.INSPECTOR | Role.FRANCHISEE | Role.GATEWAY
READ_SCOPES = Scope.LOGISTICS


def captures() -> Captures:
    """What has been captured in the present request's portal."""
    here = portal()
    return Captures(here.store, DocumentStore(here.config.documents))


def capture() -> Any:
    """Takes an EPCIS document: 202 and the job, or a refusal and nothing written."""
    _check_version()
    acting = operator()
    acting.need(CAPTURE_ROLES, "capturing events")
    if request.mimetype not in CONTENT_TYPES:
        raise InvalidInput(
            f"one of {', '.join(CONTENT_TYPES)} is needed, got {request.mimetype or 'none'}", field="Content-Type"
        )
    behaviour = request.headers.get("GS1-Capture-Error-Behaviour", ROLLBACK)
    if behaviour not in (ROLLBACK, PROCEED):
        raise InvalidInput(f"{ROLLBACK!r} or {PROCEED!r} is needed", field="GS1-Capture-Error-Behaviour")
    visibility = request.args.get("visibility", "partners")
    if visibility not in ("partners", "public"):
        raise InvalidInput("'partners' or 'public' is needed", field="visibility")
    found = captures().take(request.get_data(), acting, Terms(behaviour, visibility == "public"), now_s())
    response = jsonify(_job(found))
    response.status_code = 202
    response.headers["Location"] = f"{PREFIX}/capture/{found.id}"
    return response


def job(identifier: str) -> Any:
    """A job of the asker's organisation."""
    acting = operator()
    found = captures().find(identifier)
    if found is None or found.organisation != acting.organisation:
        raise NotFound("there is no such capture job", field="captureID")
    return jsonify(_job(found))


def events() -> Any:
    """Events of the chain and captured ones, by query parameters."""
    return _answer(Question.parse(request.args))


def events_of(epc: str) -> Any:
    """Events that name `epc` (percent-encoded, or a URN as it is)."""
    return _answer(Question.parse(request.args, epc))


def _answer(question: Question) -> Response:
    _check_version()
    here = portal()
    directory = IndexDirectory(
        snapshot(), DocumentStore(here.config.documents), here.chain.chain_id, here.config.base_url
    )
    page = page_of(
        question,
        chain.events(snapshot(), directory, question),
        captured(here.store, question, _may_read()),
    )
    response = jsonify(_document(page))
    if page.next_token is not None:
        query = urlencode({**request.args, "nextPageToken": page.next_token})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response


def _may_read() -> Any:
    try:
        acting, lines = operator(), readable()
    except LoginNeeded:
        return lambda _organisation, _gtins: False

    def may_read(organisation: int, gtins: set[Gtin] | None) -> bool:
        if organisation == acting.organisation:
            return True
        return bool(gtins) and all(lines(organisation, gtin, READ_SCOPES) for gtin in gtins or ())

    return may_read


def _document(page: Page) -> dict[str, Any]:
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


def _job(found: Capture) -> dict[str, Any]:
    when = datetime.fromtimestamp(found.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    errors = json.loads(found.errors)
    return {
        "captureID": found.id,
        "createdAt": when,
        "finishedAt": when,
        "running": False,
        "success": not errors,
        "captureErrorBehaviour": found.behaviour,
        "errors": errors,
        "eventsTaken": found.taken,
        "eventsKnown": found.known,
        "documentDigest": f"0x{found.digest.hex()}",
        "transaction": found.recorded_tx,
    }


def _check_version() -> None:
    asked = request.headers.get("GS1-EPCIS-Version")
    if asked is not None and asked.split(".")[:2] != ["2", "0"]:
        raise InvalidInput(f"version 2.0 is spoken here, got {asked!r:.20}", field="GS1-EPCIS-Version")


def add_version(response: Response) -> Response:
    response.headers["GS1-EPCIS-Version"] = VERSION
    return response
