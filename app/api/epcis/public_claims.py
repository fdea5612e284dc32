"""Public captured events about one batch or unit, for its page."""

from __future__ import annotations

from itertools import islice
from typing import Any

from app.api.epcis.captured_events import CapturedEvents
from app.api.epcis.reader import EventReader
from app.store.database import PortalDatabase
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.epcis.identifiers import Selection
from chromatrace.epcis.query import EventQuery
from chromatrace.index import Snapshot

MAX_CLAIMS = 20


def public_claims(
    database: PortalDatabase, snapshot: Snapshot, key: BatchKey, serial: Serial | None
) -> list[dict[str, Any]]:
    """Return the first public events about the lot as a whole and about the unit, those of its parties first."""
    gtin = int(key.gtin)
    selections = [Selection(gtins=(gtin, gtin), lot=key.lot.value)]
    if serial is not None:
        selections.append(Selection(gtins=(gtin, gtin), lot=key.lot.value, serial=serial.value))
    query = EventQuery(selections=tuple(selections), per_page=MAX_CLAIMS)
    parties = snapshot.parties([key.batch_id])
    with database.read() as session:
        events = CapturedEvents(session, EventReader.anonymous(), _numbered, parties).select(query, None)
        return [located.event for located in islice(events, MAX_CLAIMS)]


def _numbered(organisation: int) -> dict[str, Any]:
    return {"chromatrace:capturerOrganisation": organisation}
