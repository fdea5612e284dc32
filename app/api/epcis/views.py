"""Views of the EPCIS interface.

A capture job is finished when it is answered: a document is checked and stored at once, or rejected without effect.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from app.api.epcis.capture import CaptureOptions, CaptureStore
from app.api.epcis.captured_events import CapturedEvents
from app.api.epcis.models import CaptureJob
from app.api.epcis.reader import EventReader
from app.context import current_operator, current_portal, current_snapshot, now_s, readable_lines, visible_scopes
from app.errors import LoginRequiredError, RightsRevokedError
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.rights import Role, Scope, scope_of_event
from chromatrace.epcis.capture import PROCEED, ROLLBACK
from chromatrace.epcis.document import EXTENDED_CONTEXT
from chromatrace.epcis.errors import QueryTooComplexError
from chromatrace.epcis.query import CHAIN, EventPage, EventQuery, LocatedEvent, page_of
from chromatrace.epcis.vocabulary import PREFIXES
from chromatrace.identity.digital_link import DigitalLink
from chromatrace.index import Snapshot
from chromatrace.index.views import EventView
from chromatrace.services.epcis_claims import ClaimRights
from chromatrace.services.epcis_events import chain_events, query_parties, selected_lots
from chromatrace.services.epcis_export import IndexDirectory
from chromatrace.storage.sql_time_limit import TimeLimitError, time_limit

PREFIX = "/epcis/v2"
VERSION = "2.0.0"
CONTENT_TYPES = ("application/json", "application/ld+json")
CAPTURE_ROLES = Role.PRODUCER | Role.LOGISTICS | Role.INSPECTOR | Role.FRANCHISEE | Role.GATEWAY


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
    rights = ClaimRights(current_snapshot(), operator.organisation, operator.roles)
    new_job = _captures().capture(request.get_data(), operator, options, rights, now_s())
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
    return _query(EventQuery.parse(_arguments()))


def events_of(epc: str) -> ResponseReturnValue:
    """Return the events that name `epc` (percent-encoded, or a plain URN)."""
    return _query(EventQuery.parse(_arguments(), epc))


def _arguments() -> dict[str, str]:
    for name, values in request.args.lists():
        if len(values) > 1:
            raise InvalidInput("duplicate parameter", field=name, hint="separate the values of a list with commas")
    return request.args.to_dict()


def _captures() -> CaptureStore:
    portal = current_portal()
    return CaptureStore(portal.database, DocumentStore(portal.config.documents), portal.config.capture_limit)


def _query(query: EventQuery) -> Response:
    _check_version()
    try:
        page = _page(query)
    except TimeLimitError as error:
        raise QueryTooComplexError(
            error.message,
            field="query",
            hint="name lots with MATCH_anyEPC, or shorten the period of GE_eventTime and LT_eventTime",
        ) from error
    response = jsonify(_document(page))
    if page.next_token is not None:
        parameters = urlencode({**request.args, "nextPageToken": page.next_token})
        response.headers["Link"] = f'<{request.path}?{parameters}>; rel="next"'
    return response


def _page(query: EventQuery) -> EventPage:
    """Return the chain's events, then the captured events. The statements of each have the same limit of time."""
    portal, snapshot = current_portal(), current_snapshot()
    reader = _reader(snapshot)
    limit_s = portal.config.query_limit_ms / 1000
    documents = DocumentStore(portal.config.documents)
    events: list[LocatedEvent] = []
    with snapshot.time_limit(limit_s):
        lots = selected_lots(snapshot, query)
        parties = query_parties(snapshot, query, lots)
        if query.includes(CHAIN):
            visible = partial(_is_visible, cache(visible_scopes)) if snapshot.has_publications() else None
            directory = IndexDirectory(snapshot, documents, portal.chain.chain_id, portal.config.base_url)
            found = chain_events(snapshot, directory, query, lots, visible)
            if found.continue_after is not None or len(found.events) > query.per_page:
                return page_of(query, found.events, found.continue_after)
            events = found.events
    capturers = None
    if query.capturers is not None:
        organisations = [snapshot.organisation_of_gln(gln) for gln in query.capturers]
        capturers = [organisation.id for organisation in organisations if organisation is not None]
    with portal.database.read() as session, time_limit(session.connection(), limit_s):
        captured = CapturedEvents(session, reader, _Capturers(snapshot), parties)
        return page_of(query, chain(events, captured.select(query, capturers)))


def _is_visible(scopes_of: Callable[[int, Gtin], Scope], event: EventView, lines: Sequence[tuple[int, Gtin]]) -> bool:
    """Return whether the caller may see a chain event: its scope of the batch, and the product of each other batch.

    Everyone sees holds and recalls, with the batch that caused a recall.
    """
    scope = scope_of_event(event.name)
    if not scope:
        return True
    scopes = [scope, *(Scope.PRODUCT for _ in lines[1:])]
    return all(needed in scopes_of(*line) for needed, line in zip(scopes, lines, strict=False))


def _reader(snapshot: Snapshot) -> EventReader:
    try:
        operator = current_operator()
    except (LoginRequiredError, RightsRevokedError):
        return EventReader.anonymous()
    return EventReader.of(operator, snapshot, readable_lines(), now_s())


class _Capturers:
    """Names the capturers of events."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._members: dict[int, dict[str, Any]] = {}

    def __call__(self, organisation: int) -> dict[str, Any]:
        if organisation not in self._members:
            view = self._snapshot.organisation(organisation)
            members: dict[str, Any] = {"chromatrace:capturerOrganisation": organisation}
            if view is not None:
                base_url = current_portal().config.base_url
                members["chromatrace:capturer"] = DigitalLink.build([("414", view.gln.value)], base_url).uri
                members["chromatrace:capturerName"] = view.name
            self._members[organisation] = members
        return self._members[organisation]


def _document(page: EventPage) -> dict[str, Any]:
    context, events = _merged_contexts(page)
    results = {"queryName": "SimpleEventQuery", "resultsBody": {"eventList": events}}
    return {
        "@context": context,
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "epcisBody": {"queryResults": results},
    }


def _merged_contexts(page: EventPage) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return one context for the page, and the events.

    An event keeps its own context if it gives a name another meaning, declares a prefix of GS1, or refers to a document
    of another site.
    """
    parts: list[Any] = list(EXTENDED_CONTEXT)
    names: dict[str, Any] = dict.fromkeys(PREFIXES) | {
        name: meaning for part in parts if isinstance(part, dict) for name, meaning in part.items()
    }
    events = []
    for event, context in zip(page.events, page.contexts, strict=True):
        own = [part for part in (context if isinstance(context, list) else [context]) if part not in parts]
        declared = {name: meaning for part in own if isinstance(part, dict) for name, meaning in part.items()}
        external = any(isinstance(part, str) for part in own)
        if external or any(names.get(name, meaning) != meaning for name, meaning in declared.items()):
            outer = event.get("@context", [])
            events.append(event | {"@context": own + (outer if isinstance(outer, list) else [outer])})
        else:
            parts += own
            names |= declared
            events.append(event)
    return parts, events


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
