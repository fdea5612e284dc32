"""Query captured events. They are claims of their capturers, which every returned event names."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.api.epcis.models import CapturedEvent, CapturedEventProduct
from chromatrace.domain.identifiers import Gtin
from chromatrace.epcis.errors import QueryTooComplexError
from chromatrace.epcis.identifiers import Identifier, Selection, identifiers_of
from chromatrace.epcis.query import OTHERS, PARTIES, EventPosition, EventQuery, LocatedEvent

_CHUNK = 200
MAX_EXAMINED = 5_000
"""Rows that one query may examine, readable or not."""


class Reader(Protocol):
    """The rights of the caller."""

    @property
    def organisation(self) -> int | None:
        """The caller's organisation; None without a login."""

    @property
    def owners(self) -> Collection[int]:
        """Organisations that grant the caller any line."""

    def may_read(self, owner: int, gtin: Gtin) -> bool:
        """Return whether the caller may read a product line of `owner`."""

    def may_read_all(self, owner: int) -> bool:
        """Return whether the caller may read every product line of `owner`."""

    def may_read_any(self, owner: int) -> bool:
        """Return whether the caller may read any product line of `owner`."""


class Capturers(Protocol):
    """Describe organisations in events."""

    def __call__(self, organisation: int) -> dict[str, Any]:
        """Return the extension members that name a capturer."""


@dataclass
class CapturedEvents:
    """The captured events that one caller may read.

    parties  producers and custodians of the lots of the query: their events are first
    """

    session: Session
    reader: Reader
    capturers: Capturers
    parties: Collection[int]
    examined: int = field(default=0, init=False)

    def select(self, query: EventQuery, capturers: Collection[int] | None) -> Iterator[LocatedEvent]:
        """Return the events that match a query, in order.

        capturers  only events of these organisations; None: of any
        Raises `QueryTooComplexError`.
        """
        for source in (PARTIES, OTHERS):
            if query.includes(source) and (source == OTHERS or self.parties):
                yield from self._of_source(query, source, capturers)

    def _of_source(self, query: EventQuery, source: int, capturers: Collection[int] | None) -> Iterator[LocatedEvent]:
        after = query.after_in(source)
        base = _statement(query).where(self._readable())
        if self.parties:
            # An expression: the products find the events, which are fewer than those of an organisation.
            of_parties = (CapturedEvent.organisation + 0).in_(sorted(self.parties))
            base = base.where(of_parties if source == PARTIES else ~of_parties)
        if capturers is not None:
            base = base.where(CapturedEvent.organisation.in_(sorted(capturers)))
        limit = min(query.per_page + 1, _CHUNK)
        while True:
            rows = self.session.scalars(_continued(base, after).limit(limit)).all()
            self._count(len(rows))
            for row in rows:
                after = EventPosition(source, row.event_time, row.id)
                event = json.loads(row.body)
                if self._may_read(row, event):
                    yield LocatedEvent(after, self._described(row, event), json.loads(row.context))
            if len(rows) < limit:
                return

    def _count(self, rows: int) -> None:
        self.examined += rows
        if self.examined > MAX_EXAMINED:
            raise QueryTooComplexError(
                f"the query examines more than {MAX_EXAMINED:,} captured events",
                hint="restrict it with MATCH_anyEPC, GE_eventTime, LT_eventTime or EQ_chromatrace:capturer",
            )

    def _readable(self) -> ColumnElement[bool]:
        owners = set(self.reader.owners)
        if self.reader.organisation is not None:
            owners.add(self.reader.organisation)
        public = CapturedEvent.public.is_(True)
        return or_(public, CapturedEvent.organisation.in_(sorted(owners))) if owners else public

    def _may_read(self, row: CapturedEvent, event: Mapping[str, Any]) -> bool:
        if row.public or row.organisation == self.reader.organisation:
            return True
        identifiers = identifiers_of(event)
        if any(item.gtin is None and not item.is_logistic for item in identifiers):
            return self.reader.may_read_all(row.organisation)
        gtins = {item.gtin for item in identifiers if item.gtin is not None}
        if gtins:
            return all(self.reader.may_read(row.organisation, gtin) for gtin in gtins)
        contents = self._contents(row.organisation, identifiers)
        if contents:
            return any(self.reader.may_read(row.organisation, gtin) for gtin in contents)
        return self.reader.may_read_any(row.organisation)

    def _contents(self, organisation: int, units: list[Identifier]) -> set[Gtin]:
        """Return the products that the organisation captured as contents of logistic units."""
        event, product = CapturedEvent, CapturedEventProduct
        statement = (
            select(product.gtin)
            .join(event, event.id == product.event)
            .where(event.organisation == organisation, event.parent.in_([unit.key for unit in units]))
            .where(product.gtin.is_not(None))
            .distinct()
        )
        return {Gtin.from_number(gtin) for gtin in self.session.scalars(statement) if gtin is not None}

    def _described(self, row: CapturedEvent, event: dict[str, Any]) -> dict[str, Any]:
        recorded = datetime.fromtimestamp(row.recorded_at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        members = self.capturers(row.organisation) | {"chromatrace:capturerRelation": row.relation}
        return event | {"recordTime": recorded} | members


def _statement(query: EventQuery) -> Select[CapturedEvent]:
    event = CapturedEvent
    statement = select(event).order_by(event.event_time, event.id)
    chosen: tuple[tuple[InstrumentedAttribute[Any], tuple[str, ...]], ...] = (
        (event.biz_step, query.biz_steps),
        (event.disposition, query.dispositions),
        (event.action, query.actions),
        (event.kind, query.types),
    )
    for column, values in chosen:
        if values:
            statement = statement.where(column.in_(values))
    for time, since, before in (
        (event.event_time, query.since, query.before),
        (event.recorded_at, query.recorded_since, query.recorded_before),
    ):
        if since is not None:
            statement = statement.where(time >= since)
        if before is not None:
            statement = statement.where(time < before)
    if query.selections:
        named = select(CapturedEventProduct.event).where(or_(*map(_selected, query.selections)))
        statement = statement.where(event.id.in_(named))
    return statement


def _continued(statement: Select[CapturedEvent], after: EventPosition | None) -> Select[CapturedEvent]:
    if after is None:
        return statement
    event = CapturedEvent
    same = and_(event.event_time == after.time, event.id > after.number)
    return statement.where(or_(event.event_time > after.time, same))


def _selected(selection: Selection) -> ColumnElement[bool]:
    product = CapturedEventProduct
    if selection.keys is not None:
        first, last = selection.keys
        equal = product.key == first
        return equal if first == last else and_(product.gtin.is_(None), product.key.between(first, last))
    assert selection.gtins is not None
    conditions: list[ColumnElement[bool]] = [product.gtin.between(*selection.gtins)]
    if selection.gtins[0] == selection.gtins[1]:
        conditions = [product.gtin == selection.gtins[0]]
    if selection.serial is not None:
        conditions.append(product.serial == selection.serial)
        if selection.lot is not None:
            conditions.append(or_(product.lot.is_(None), product.lot == selection.lot))
    elif selection.lot is not None:
        conditions += [product.lot == selection.lot, product.serial.is_(None)]
    return and_(*conditions)
