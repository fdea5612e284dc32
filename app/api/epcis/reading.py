"""Answers questions about events of the chain and captured ones: by goods, time and business step, page by page."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from app.api.epcis.goods import epcs_of, gtins_of
from app.api.epcis.models import CapturedEvent, CapturedEventEpc
from app.api.epcis.places import CAPTURED, CHAIN, EventPosition, LocatedEvent
from app.api.epcis.question import EventQuery, token_of
from app.store.database import PortalDatabase
from chromatrace.domain.identifiers import Gtin

LOOKED_AT = 500

MayRead = Callable[[int, set[Gtin] | None], bool]
"""Whether the asker may read an organisation's events about goods of these lines (None: of unknown lines)."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events with their contexts, oldest first; `next_token` where there are more."""

    events: list[dict[str, Any]]
    contexts: list[Any]
    next_token: str | None


def page_of(question: EventQuery, *sources: Iterator[LocatedEvent]) -> EventPage:
    """One page of several sources, each in the order of its places."""
    found: list[LocatedEvent] = []
    for one in heapq.merge(*sources, key=lambda found: found.place):
        if len(found) == question.per_page:
            return EventPage([one.event for one in found], [one.context for one in found], token_of(found[-1].place))
        found.append(one)
    return EventPage([one.event for one in found], [one.context for one in found], None)


def captured(store: PortalDatabase, question: EventQuery, may_read: MayRead) -> Iterator[LocatedEvent]:
    """Captured events, as they came. What the asker may not read is passed over, as if it were not there."""
    after = question.after
    while True:
        with store.begin() as session:
            rows = list(session.scalars(_statement(question, after).limit(LOOKED_AT)))
        for row in rows:
            place = EventPosition(row.event_time, CAPTURED, row.id)
            body = json.loads(row.body)
            if row.public or may_read(row.organisation, gtins_of(epcs_of(body))):
                yield LocatedEvent(place, body, json.loads(row.context))
            after = place
        if len(rows) < LOOKED_AT:
            return


def _statement(question: EventQuery, after: EventPosition | None) -> Select[CapturedEvent]:
    event = CapturedEvent
    chosen = select(event).order_by(event.event_time, event.id)
    if question.epcs:
        chosen = chosen.where(
            event.id.in_(select(CapturedEventEpc.event).where(CapturedEventEpc.epc.in_(question.epcs)))
        )
    if question.biz_steps:
        chosen = chosen.where(event.biz_step.in_(question.biz_steps))
    if question.kinds:
        chosen = chosen.where(event.kind.in_(question.kinds))
    if question.since is not None:
        chosen = chosen.where(event.event_time >= question.since)
    if question.before is not None:
        chosen = chosen.where(event.event_time < question.before)
    if after is not None and after.source == CHAIN:
        chosen = chosen.where(event.event_time >= after.time)
    elif after is not None:
        same = (event.event_time == after.time) & (event.id > after.number)
        chosen = chosen.where((event.event_time > after.time) | same)
    return chosen
