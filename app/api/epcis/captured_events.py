"""Query captured events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from sqlalchemy import Select, select

from app.api.epcis.models import CapturedEvent, CapturedEventEpc
from app.store.database import PortalDatabase
from chromatrace.domain.identifiers import Gtin
from chromatrace.epcis.identifiers import event_epcs, gtins_of
from chromatrace.epcis.query import CAPTURED, CHAIN, EventPosition, EventQuery, LocatedEvent

_CHUNK = 500

MayRead = Callable[[int, set[Gtin] | None], bool]
"""Whether the caller may read an organisation's events about these product lines (None: unknown lines)."""


def captured_events(database: PortalDatabase, query: EventQuery, may_read: MayRead) -> Iterator[LocatedEvent]:
    """Return the captured events that match a query, in order. Events that the caller may not read are omitted."""
    after = query.after
    while True:
        with database.begin() as session:
            rows = list(session.scalars(_statement(query, after).limit(_CHUNK)))
        for row in rows:
            position = EventPosition(row.event_time, CAPTURED, row.id)
            body = json.loads(row.body)
            if row.public or may_read(row.organisation, gtins_of(event_epcs(body))):
                yield LocatedEvent(position, body, json.loads(row.context))
            after = position
        if len(rows) < _CHUNK:
            return


def _statement(query: EventQuery, after: EventPosition | None) -> Select[CapturedEvent]:
    event, epc = CapturedEvent, CapturedEventEpc
    statement = select(event).order_by(event.event_time, event.id)
    if query.epcs:
        statement = statement.where(event.id.in_(select(epc.event).where(epc.epc.in_(query.epcs))))
    if query.biz_steps:
        statement = statement.where(event.biz_step.in_(query.biz_steps))
    if query.types:
        statement = statement.where(event.kind.in_(query.types))
    if query.since is not None:
        statement = statement.where(event.event_time >= query.since)
    if query.before is not None:
        statement = statement.where(event.event_time < query.before)
    if after is not None and after.source == CHAIN:
        statement = statement.where(event.event_time >= after.time)
    elif after is not None:
        same = (event.event_time == after.time) & (event.id > after.number)
        statement = statement.where((event.event_time > after.time) | same)
    return statement
