"""Select events about batches by kind, time and batch, each kind through an index of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from chromatrace.domain.identifiers import BatchId, BatchKey, Gtin, Lot
from chromatrace.domain.rights import BatchState, Verdict
from chromatrace.index.models import BatchInputRow, BatchRow, BlockRow, EventRow, InspectionRow, first_position
from chromatrace.index.queries.base import MAX_INTEGER, chunks
from chromatrace.index.queries.events import EventQueries
from chromatrace.index.views import EventRef, EventView
from chromatrace.index.views.batches import existing_units


@dataclass(frozen=True, slots=True)
class BatchEventKind:
    """One kind of event about a batch.

    has_inputs  of `BatchRegistered`: only batches that are made of others, or only the others
    passed      of `InspectionRecorded`: only passed, or only other verdicts
    """

    name: str
    has_inputs: bool | None = None
    passed: bool | None = None


@dataclass(frozen=True, slots=True)
class EventRange:
    """A range of events in chain order. Times are in Unix seconds, `since` inclusive and `before` exclusive.

    after                     continue after this position
    since, before             of the event: the time of an inspection, otherwise of the block
    block_since, block_before of the block
    """

    after: int | None = None
    since: int | None = None
    before: int | None = None
    block_since: int | None = None
    block_before: int | None = None


class SelectionQueries(EventQueries):
    """Queries that read at most `limit` rows of each kind of event."""

    def batch_events(
        self, kinds: Sequence[BatchEventKind], range_: EventRange, limit: int, batches: Sequence[BatchId] | None = None
    ) -> list[EventView]:
        """Return the first events of these kinds in chain order.

        batches  only events that name one of these batches, also as an input of another batch; None: of all batches
        """
        if batches is not None and not batches:
            return []
        start, end = self._positions(range_.block_since, range_.block_before)
        if range_.after is not None:
            start = max(start, range_.after + 1)
        positions = []
        for group in _groups(kinds, together=batches is not None):
            first, last = start, end
            if group[0].passed is None:
                event_start, event_end = self._positions(range_.since, range_.before)
                first, last = max(first, event_start), min(last, event_end)
            elif range_.since is not None:
                # An inspection is never later than its block.
                first = max(first, self._positions(range_.since, None)[0])
            if first >= last:
                continue
            position, conditions = _conditions(group, range_, batches)
            statement = select(position.label("position")).where(position >= first, position < last, *conditions)
            ordered = statement.distinct().order_by(position).limit(limit).subquery()
            positions.append(select(ordered.c.position))
        if not positions:
            return []
        selected = union_all(*positions).subquery()
        return self._events(select(selected.c.position).distinct().order_by(selected.c.position).limit(limit))

    def _positions(self, since: int | None, before: int | None) -> tuple[int, int]:
        """Return the first position, and the one after the last, of events in blocks of a period."""
        first = 0 if since is None else self._first_position_at(since)
        return first, MAX_INTEGER if before is None else self._first_position_at(before)

    def _first_position_at(self, time: int) -> int:
        statement = select(BlockRow.number).where(BlockRow.time >= time).order_by(BlockRow.time, BlockRow.number)
        rows = self._rows(statement.limit(1))
        return first_position(rows[0].number) if rows else MAX_INTEGER

    def batch_quantities(self, batch_ids: Sequence[BatchId]) -> dict[BatchId, tuple[BatchKey, int, int]]:
        """Return key, registered units and existing units of each of these batches; unknown ones are left out."""
        quantities: dict[BatchId, tuple[BatchKey, int, int]] = {}
        for chunk in chunks(list(dict.fromkeys(batch_ids))):
            columns = (BatchRow.id, BatchRow.gtin, BatchRow.lot, BatchRow.quantity, BatchRow.scrap, BatchRow.state)
            for row in self._rows(select(*columns).where(BatchRow.id.in_(chunk))):
                units = existing_units(BatchState(row.state), row.quantity, row.scrap)
                key = BatchKey(Gtin.from_number(row.gtin), Lot(row.lot))
                quantities[BatchId(row.id)] = (key, row.quantity, units)
        return quantities

    def newest_batches(self, first_gtin: int, last_gtin: int, limit: int) -> list[BatchId]:
        """Return batches of a product, newest first, or of a range of GTINs, in any order."""
        statement = select(BatchRow.id).limit(limit)
        if first_gtin == last_gtin:
            statement = statement.where(BatchRow.gtin == first_gtin).order_by(BatchRow.position.desc())
        else:
            statement = statement.where(BatchRow.gtin.between(first_gtin, last_gtin))
        return [BatchId(row.id) for row in self._rows(statement)]

    def superseding(self, inspections: Sequence[EventView]) -> dict[int, EventRef]:
        """Return the inspection that supersedes each of these, by the position of the superseded one."""
        batches = list({event.args["batch"] for event in inspections})
        following: dict[int, int] = {}
        for chunk in chunks(batches):
            statement = select(InspectionRow.batch, InspectionRow.stage, InspectionRow.position)
            previous: dict[Any, int] = {}
            for row in self._rows(statement.where(InspectionRow.batch.in_(chunk)).order_by(InspectionRow.position)):
                key = (row.batch, row.stage)
                if key in previous:
                    following[previous[key]] = row.position
                previous[key] = row.position
        wanted = {event.position for event in inspections}
        following = {earlier: later for earlier, later in following.items() if earlier in wanted}
        refs = self._refs(following.values())
        return {earlier: refs[later] for earlier, later in following.items()}


def _groups(kinds: Sequence[BatchEventKind], *, together: bool) -> list[list[BatchEventKind]]:
    """Return the kinds that one statement selects: each alone, or all kinds without further conditions `together`.

    Alone, each kind is read in the order of the index on names and positions.
    """
    plain = [kind for kind in kinds if kind.has_inputs is None and kind.passed is None]
    others = [[kind] for kind in kinds if kind not in plain]
    return [*others, plain] if together and plain else [*others, *([kind] for kind in plain)]


def _conditions(
    group: Sequence[BatchEventKind], range_: EventRange, batches: Sequence[BatchId] | None
) -> tuple[Any, list[ColumnElement[bool]]]:
    """Return the column of positions in the table with the best index, and the conditions on its rows."""
    kind, conditions = group[0], list[ColumnElement[bool]]()
    if kind.has_inputs:
        named = None if batches is None else or_(BatchInputRow.batch.in_(batches), BatchInputRow.input.in_(batches))
        return BatchInputRow.position, [] if named is None else [named]
    if kind.passed is not None:
        verdict = InspectionRow.verdict if batches is None else _not_indexed(InspectionRow.verdict, 0)
        conditions = [verdict == Verdict.PASS if kind.passed else verdict.in_([Verdict.NONE, Verdict.FAIL])]
        if range_.since is not None:
            conditions.append(InspectionRow.inspected_at >= range_.since)
        if range_.before is not None:
            conditions.append(InspectionRow.inspected_at < range_.before)
        if batches is not None:
            conditions.append(InspectionRow.batch.in_(batches))
        return InspectionRow.position, conditions
    names = [kind.name for kind in group]
    if batches is None:
        conditions = [EventRow.name == kind.name]
    else:
        conditions = [_not_indexed(EventRow.name, "").in_(names), EventRow.entity_key.in_(batches)]
    if kind.has_inputs is False:
        conditions.append(~exists().where(BatchInputRow.position == EventRow.position))
    return EventRow.position, conditions


def _not_indexed(column: InstrumentedAttribute[Any], default: object) -> ColumnElement[Any]:
    """Return a column as an expression: the database then finds the rows by the batch, which has the fewest."""
    return func.coalesce(column, default)
