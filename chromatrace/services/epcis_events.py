"""Chain events as EPCIS events, in block order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chromatrace.domain.identifiers import BatchId, Gtin
from chromatrace.epcis.document import EXTENDED_CONTEXT
from chromatrace.epcis.errors import QueryTooLargeError
from chromatrace.epcis.mapping import EVENT_FORMS, EventForm
from chromatrace.epcis.query import CHAIN, EventPosition, EventQuery, LocatedEvent
from chromatrace.index import Snapshot
from chromatrace.index.queries.selection import BatchEventKind, EventRange
from chromatrace.index.views import EventView
from chromatrace.services.epcis_export import IndexDirectory

MAX_LOTS = 1_000
"""Registered lots that one query may select."""

MAX_EXAMINED = 1_000
"""Chain events that one query examines, visible to the caller or not."""

_MICROSECONDS = 1_000_000


Visible = Callable[[EventView, Sequence[tuple[int, Gtin]]], bool]
"""Whether the caller may see an event about batches of these producers and products, the first of which it is about."""


@dataclass(frozen=True, slots=True)
class ChainEvents:
    """Chain events of a page and one more. `continue_after` is set if the search ended before the page was full."""

    events: list[LocatedEvent]
    continue_after: EventPosition | None = None


def chain_events(
    snapshot: Snapshot, directory: IndexDirectory, query: EventQuery, lots: list[BatchId], visible: Visible | None
) -> ChainEvents:
    """Return the visible chain events that match a query, after its position.

    lots     the registered lots of the query, see `selected_lots`
    visible  None: all events
    The search ends after `MAX_EXAMINED` events, visible or not.
    """
    if query.capturers is not None:
        return ChainEvents([])
    kinds = [BatchEventKind(form.name, form.has_inputs, form.passed) for form in EVENT_FORMS if _matches(form, query)]
    after = query.after_in(CHAIN)
    limits = (query.since, query.before, query.recorded_since, query.recorded_before)
    range_ = EventRange(None if after is None else after.number, *map(_seconds, limits))
    wanted, examined = query.per_page + 1, 0
    shown: list[EventView] = []
    end: EventPosition | None = None
    while len(shown) < wanted:
        page = snapshot.batch_events(kinds, range_, wanted, lots if query.selections else None)
        if visible is None:
            shown += page
        else:
            shown += [
                event for event, lines in zip(page, directory.lines_of(page), strict=True) if visible(event, lines)
            ]
        examined += len(page)
        if len(page) < wanted:
            break
        range_ = replace(range_, after=page[-1].position)
        if examined >= MAX_EXAMINED and len(shown) < wanted:
            end = _position(page[-1])
            break
    shown = shown[:wanted]
    pairs = zip(shown, directory.events(shown), strict=True)
    return ChainEvents([LocatedEvent(_position(event), mapped, EXTENDED_CONTEXT) for event, mapped in pairs], end)


def _position(event: EventView) -> EventPosition:
    return EventPosition(CHAIN, event.block_time * _MICROSECONDS, event.position)


def selected_lots(snapshot: Snapshot, query: EventQuery) -> list[BatchId]:
    """Return the registered lots that a query selects as a whole. Raises `QueryTooLargeError`."""
    lots = {s.batch: None for s in query.selections if s.batch is not None and s.serial is None}
    for selection in query.selections:
        if selection.gtins is not None and selection.lot is None and selection.serial is None:
            lots |= dict.fromkeys(snapshot.newest_batches(*selection.gtins, limit=MAX_LOTS + 1))
        if len(lots) > MAX_LOTS:
            raise QueryTooLargeError(
                f"the query selects more than {MAX_LOTS:,} lots",
                field="MATCH_anyEPC",
                hint="name the lots, for example https://id.gs1.org/01/09521234543213/10/L1",
            )
    return list(lots)


def query_parties(snapshot: Snapshot, query: EventQuery, lots: list[BatchId]) -> set[int]:
    """Return the producers and custodians of the lots and products that a query names."""
    units = [selection for selection in query.selections if selection.serial is not None]
    batches = [*lots, *(unit.batch for unit in units if unit.batch is not None)]
    for unit in units:
        if unit.batch is None and unit.gtins is not None:
            batches += snapshot.newest_batches(*unit.gtins, limit=MAX_LOTS)
    return snapshot.parties(batches)


def _matches(form: EventForm, query: EventQuery) -> bool:
    return (
        (not query.types or form.type in query.types)
        and (not query.biz_steps or form.biz_step in query.biz_steps)
        and (not query.dispositions or form.disposition in query.dispositions)
        and (not query.actions or form.action in query.actions)
    )


def _seconds(microseconds: int | None) -> int | None:
    """Return the first whole second at or after a time: the chain's times are whole seconds."""
    return None if microseconds is None else -(-microseconds // _MICROSECONDS)
